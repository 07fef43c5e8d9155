/* SPDX-License-Identifier: MIT
 *
 * The linearizability checker on histories with known answers: a register, a queue, and random histories of a
 * register against an independent decision that tries every permutation. */
#include "model/lin.h"

enum { WRITE, READ, PUT, GET };

/* ---- Specifications ------------------------------------------------------------------------------- */

static void register_init(void *state)
{
	*(uint64_t *)state = 0;
}

static bool register_apply(void *state, const struct lin_op *op)
{
	uint64_t *v = state;

	if (op->op == READ)
		return !op->returned || op->ret[0] == *v;
	*v = op->arg[0];
	return true;
}

static const struct lin_spec reg = {sizeof(uint64_t), register_init, register_apply, NULL};

struct queue {
	uint32_t n;
	uint32_t item[8];
};

static void queue_init(void *state)
{
	*(struct queue *)state = (struct queue){0};
}

static bool queue_apply(void *state, const struct lin_op *op)
{
	struct queue *q = state;

	if (op->op == PUT) {
		q->item[q->n++] = (uint32_t)op->arg[0];
		return true;
	}
	if (op->returned && op->ret[0] != (q->n ? q->item[0] : 0))
		return false;
	if (q->n) {
		memmove(q->item, q->item + 1, sizeof q->item - sizeof q->item[0]);
		q->item[--q->n] = 0;
	}
	return true;
}

static const struct lin_spec queue = {sizeof(struct queue), queue_init, queue_apply, NULL};

/* ---- Histories written by hand: [called, returned], thread by thread ---------------------------------- */

struct line {
	int thread, op;
	uint64_t arg, ret;
	int called, came_back; /* 0: never */
};

static struct lin history(const struct line *lines, int n)
{
	struct lin h = {.n = n};

	for (int i = 0; i < n; i++) {
		h.op[i] = (struct lin_op){.op = lines[i].op, .arg = {lines[i].arg}, .ret = {lines[i].ret},
								  .thread = lines[i].thread, .returned = lines[i].came_back != 0};
		for (int k = 0; k < n; k++)
			if (lines[k].came_back && lines[k].came_back < lines[i].called)
				h.op[i].before |= 1u << k;
	}
	return h;
}

#define LINEARIZABLE(spec, ...)                                                                   \
	({                                                                                            \
		static const struct line lines[] = {__VA_ARGS__};                                         \
		struct lin h = history(lines, (int)countof(lines));                                       \
		lin_check(&h, &(spec));                                                                   \
	})

TEST(a_register_read_after_a_write_sees_it)
{
	CHECK(LINEARIZABLE(reg, {0, WRITE, 1, 0, 1, 2}, {1, READ, 0, 1, 3, 4}));
	CHECK(!LINEARIZABLE(reg, {0, WRITE, 1, 0, 1, 2}, {1, READ, 0, 0, 3, 4}));
}

TEST(a_read_beside_a_write_may_see_either)
{
	CHECK(LINEARIZABLE(reg, {0, WRITE, 1, 0, 1, 4}, {1, READ, 0, 0, 2, 3}));
	CHECK(LINEARIZABLE(reg, {0, WRITE, 1, 0, 1, 4}, {1, READ, 0, 1, 2, 3}));
	CHECK(!LINEARIZABLE(reg, {0, WRITE, 1, 0, 1, 4}, {1, READ, 0, 2, 2, 3}));
}

TEST(once_seen_a_write_stays)
{
	CHECK(LINEARIZABLE(reg, {0, WRITE, 1, 0, 1, 9}, {1, READ, 0, 0, 2, 3}, {1, READ, 0, 1, 4, 5}));
	CHECK(!LINEARIZABLE(reg, {0, WRITE, 1, 0, 1, 9}, {1, READ, 0, 1, 2, 3}, {2, READ, 0, 0, 4, 5}));
}

TEST(an_operation_that_never_returned_may_have_happened)
{
	CHECK(LINEARIZABLE(reg, {0, WRITE, 1, 0, 1, 0}, {1, READ, 0, 1, 2, 3}));
	CHECK(LINEARIZABLE(reg, {0, WRITE, 1, 0, 1, 0}, {1, READ, 0, 0, 2, 3}));
	CHECK(!LINEARIZABLE(reg, {0, WRITE, 1, 0, 3, 0}, {1, READ, 0, 1, 1, 2}));
}

TEST(a_queue_keeps_its_order)
{
	CHECK(LINEARIZABLE(queue, {0, PUT, 1, 0, 1, 2}, {0, PUT, 2, 0, 3, 4}, {1, GET, 0, 1, 5, 6},
					   {1, GET, 0, 2, 7, 8}));
	CHECK(!LINEARIZABLE(queue, {0, PUT, 1, 0, 1, 2}, {0, PUT, 2, 0, 3, 4}, {1, GET, 0, 2, 5, 6},
						{1, GET, 0, 1, 7, 8}));
	/* two puts at the same time: either order, but one */
	CHECK(LINEARIZABLE(queue, {0, PUT, 1, 0, 1, 4}, {1, PUT, 2, 0, 2, 3}, {0, GET, 0, 2, 5, 6},
					   {1, GET, 0, 1, 7, 8}));
	CHECK(!LINEARIZABLE(queue, {0, PUT, 1, 0, 1, 4}, {1, PUT, 2, 0, 2, 3}, {0, GET, 0, 2, 5, 6},
						{1, GET, 0, 2, 7, 8}));
	/* empty, though it never was */
	CHECK(!LINEARIZABLE(queue, {0, PUT, 1, 0, 1, 2}, {1, GET, 0, 0, 3, 4}));
	CHECK(LINEARIZABLE(queue, {0, PUT, 1, 0, 1, 4}, {1, GET, 0, 0, 2, 3}));
}

/* The history of Herlihy and Wing's figure: each thread alone is right, together they are not. */
TEST(what_is_right_thread_by_thread_may_be_wrong_together)
{
	CHECK(!LINEARIZABLE(queue, {0, PUT, 1, 0, 1, 2}, {1, PUT, 2, 0, 3, 4}, {0, PUT, 3, 0, 5, 6},
						{1, GET, 0, 2, 7, 8}));
}

/* ---- Random histories against every permutation -------------------------------------------------------- */

static bool any_permutation(const struct lin *h, uint32_t placed, uint64_t state)
{
	if (placed == (1u << h->n) - 1)
		return true;
	for (int i = 0; i < h->n; i++) {
		uint64_t next = state;

		if (!(placed & 1u << i) && !(h->op[i].before & ~placed) && register_apply(&next, &h->op[i]) &&
			any_permutation(h, placed | 1u << i, next))
			return true;
	}
	return false;
}

TEST(random_histories_agree_with_every_permutation)
{
	uint64_t rng = test_seed();
	int yes = 0, no = 0;

	for (int round = 0; round < 20000; round++) {
		struct line lines[6];
		int n = 2 + (int)(test_rand(&rng) % 5), at[3] = {0};

		for (int i = 0; i < n; i++) {
			int t = (int)(test_rand(&rng) % 3), start = at[t] + 1 + (int)(test_rand(&rng) % 4);
			bool write = test_rand(&rng) % 2;

			at[t] = start + 1 + (int)(test_rand(&rng) % 6);
			lines[i] = (struct line){t, write ? WRITE : READ, test_rand(&rng) % 3, test_rand(&rng) % 3, start,
									 at[t]};
		}
		struct lin h = history(lines, n);
		bool expected = any_permutation(&h, 0, 0);

		CHECK_EQ(lin_check(&h, &reg), expected);
		*(expected ? &yes : &no) += 1;
	}
	CHECK(yes > 1000 && no > 1000);
}

/* ---- In executions: what comes before what ------------------------------------------------------------- */

static struct lin h;
static atm_u64 word;

static void writer(void *arg)
{
	struct lin_op *op = lin_call(&h, WRITE, 1, 0);

	atm_store_rel(&word, 1);
	lin_return(op, 0, 0);
}

static uint64_t read_it(void)
{
	struct lin_op *op = lin_call(&h, READ, 0, 0);
	uint64_t v = atm_load_acq(&word);

	lin_return(op, v, 0);
	return v;
}

/* A store may arrive after its operation has returned: still linearizable. */
MODEL_TEST(a_plain_word_is_a_register, .cover = 3)
{
	lin_reset(&h);
	model_go(writer, NULL);
	model_cover(read_it() ? 1 : 0);
	read_it();
	model_join();
	MODEL_CHECK_EQ(read_it(), 1);
	lin_require(&h, &reg);
}

/* Two halves that are written one after the other are not one register. */
static atm_u64 half[2];

static void torn_writer(void *arg)
{
	struct lin_op *op = lin_call(&h, WRITE, 3, 0);

	atm_store_rel(&half[0], 1);
	atm_store_rel(&half[1], 2);
	lin_return(op, 0, 0);
}

static void torn_register(void)
{
	lin_reset(&h);
	model_go(torn_writer, NULL);

	struct lin_op *op = lin_call(&h, READ, 0, 0);
	uint64_t v = atm_load_acq(&half[0]);

	lin_return(op, v + atm_load_acq(&half[1]), 0);
	model_join();
	lin_require(&h, &reg);
}

TEST(a_torn_register_is_found)
{
	for (unsigned memory = MODEL_TSO; memory <= MODEL_WEAK; memory++) {
		struct model_result r = {.quiet = true};

		CHECK(!model_run("torn", torn_register, &(struct model_options){.memory = memory}, &r));
		CHECK_HAS(r.message, "not linearizable");
	}
}
