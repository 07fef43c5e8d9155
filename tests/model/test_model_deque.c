/* SPDX-License-Identifier: MIT
 *
 * The Chase-Lev deque under the model checker: buffers of two slots, one owner, one or two thieves, both kinds
 * of fence. Each item that was pushed leaves exactly once, whoever gets it, and no thief reads a buffer
 * that was freed. */
#include "model/lin.h"

#include "atomics/deque.h"

enum { ITEMS = 8 };

static struct deque d;
static int out[ITEMS + 1], pushed;

static void begin_with(size_t capacity, bool asym)
{
	model_asym(asym);
	memset(out, 0, sizeof out);
	pushed = 0;
	MODEL_CHECK_EQ(deque_init(&d, capacity, asym), 0);
	MODEL_CHECK_EQ(d.asym, asym);
	model_name(&d.bottom, 8, "bottom");
	model_name(&d.own, 4, "own");
	model_name(&d.top, 8, "top");
	model_name(&d.thieves, 4, "thieves");
	model_name(&d.buf, 8, "buf");
}

static void begin(bool asym)
{
	begin_with(2, asym);
}

static void leaves(void *item)
{
	uintptr_t i = (uintptr_t)item;

	if (i < 1 || i > (uintptr_t)pushed)
		model_fail(__FILE__, __LINE__, "%#lx came out, which nobody pushed", (unsigned long)i);
	if (++out[i] > 1)
		model_fail(__FILE__, __LINE__, "item %lu came out twice", (unsigned long)i);
}

static void push(void)
{
	pushed++;
	MODEL_CHECK_EQ(deque_push(&d, (void *)(uintptr_t)pushed), 0);
}

static bool pop(void)
{
	void *item;
	bool some = deque_pop(&d, &item);

	if (some)
		leaves(item);
	return some;
}

static bool take(void)
{
	void *item;
	bool some = deque_take(&d, &item);

	if (some)
		leaves(item);
	return some;
}

/* Everybody has ended: what is left comes out in order, and nothing is missing. */
static void finish(void)
{
	model_join();
	while (pop())
		;
	for (int i = 1; i <= pushed; i++)
		if (!out[i])
			model_fail(__FILE__, __LINE__, "item %d is lost", i);
	MODEL_CHECK_EQ(atm_load_rlx(&d.thieves), d.asym ? 0 : DEQUE_ALWAYS);
	MODEL_CHECK_EQ(atm_load_rlx(&d.own), 0);
	deque_destroy(&d);
}

/* ---- Thieves ------------------------------------------------------------------------------------- */

static void steal(size_t max, bool half)
{
	void *items[4];
	size_t n = deque_steal(&d, items, max, half);

	MODEL_CHECK(n <= max);
	for (size_t i = 0; i < n; i++)
		leaves(items[i]);
	model_cover(n > 0 ? 1 : 0);
}

static void thief_one(void *arg)
{
	steal(1, false);
}

static void thief_half(void *arg)
{
	steal(4, true);
}

static void thief_twice(void *arg)
{
	steal(1, false);
	steal(1, false);
}

/* ---- One item, wanted by all ------------------------------------------------------------------------ */

static void last_item(bool asym, bool newest, void (*thief)(void *))
{
	begin(asym);
	push();
	model_go(thief, NULL);
	model_go(thief, NULL);
	model_cover(newest ? pop() ? 2 : 3 : take() ? 2 : 3);
	finish();
}

#define ALL_WAYS .cover = 15 /* the thieves and the owner each got it and missed it */

MODEL_TEST(one_gets_the_last_item_pop_asym, ALL_WAYS)
{
	last_item(true, true, thief_one);
}

MODEL_TEST(one_gets_the_last_item_pop_full, ALL_WAYS)
{
	last_item(false, true, thief_one);
}

MODEL_TEST(one_gets_the_last_item_take_asym, ALL_WAYS)
{
	last_item(true, false, thief_one);
}

MODEL_TEST(one_gets_the_last_item_take_full, ALL_WAYS)
{
	last_item(false, false, thief_one);
}

/* ---- The buffer is replaced under the thieves' hands --------------------------------------------------- */

static void growing(bool asym)
{
	begin(asym);
	push();
	push();
	model_go(thief_half, NULL);
	model_go(thief_one, NULL);
	push(); /* the third: the buffer of two grows */
	pop();
	finish();
}

MODEL_TEST(items_survive_growth_asym, .cover = 3)
{
	growing(true);
}

MODEL_TEST(items_survive_growth_full, .cover = 3)
{
	growing(false);
}

MODEL_TEST(an_emptied_buffer_is_trimmed, .cover = 3)
{
	begin(true);
	push();
	push();
	push();
	model_go(thief_half, NULL);
	model_go(thief_one, NULL);
	while (pop())
		;
	deque_trim(&d);
	push();
	finish();
}

/* What was kept for a thief goes at a later trim, and the next thief reads what came after it. */
MODEL_TEST(a_kept_buffer_is_dropped_by_a_later_trim, .cover = 3)
{
	begin(true);
	push();
	push();
	push();
	model_go(thief_one, NULL);
	while (pop())
		;
	deque_trim(&d);
	deque_trim(&d);
	push();
	deque_trim(&d);
	finish();
}

/* A slot's second item: whoever sees it counted in bottom sees it in the slot. */
static void thief_many(void *arg)
{
	steal(4, false);
}

static void slot_again(bool asym)
{
	begin(asym);
	push();
	push();
	take();
	take();
	push(); /* by the slow way, which finds room for two */
	model_go(thief_many, NULL);
	push();
	finish();
}

MODEL_TEST(a_slot_is_used_again_asym, .cover = 2)
{
	slot_again(true);
}

MODEL_TEST(a_slot_is_used_again_full, .cover = 2)
{
	slot_again(false);
}

/* A thief may learn of an item by a bottom that a pop has stored. */
static void below_a_pop(bool asym)
{
	begin_with(4, asym);
	push();
	model_go(thief_many, NULL);
	push();
	push();
	pop();
	finish();
}

MODEL_TEST(what_lies_below_a_pop_is_seen_asym, .cover = 2)
{
	below_a_pop(true);
}

MODEL_TEST(what_lies_below_a_pop_is_seen_full, .cover = 2)
{
	below_a_pop(false);
}

/* One thief takes the first, the owner pops the last without a CAS, as two are there, and the other thief
 * must not come by a bottom from before. */
static void two_thieves(bool asym)
{
	begin(asym);
	push();
	push();
	model_go(thief_one, NULL);
	model_go(thief_one, NULL);
	pop();
	finish();
}

MODEL_TEST(two_thieves_and_a_pop_asym, .cover = 3)
{
	two_thieves(true);
}

MODEL_TEST(two_thieves_and_a_pop_full, .cover = 3)
{
	two_thieves(false);
}

/* The thief comes between two takes: it sees where the first has left top. */
MODEL_TEST(a_thief_comes_after_a_take, .cover = 3)
{
	begin(true);
	push();
	push();
	model_go(thief_one, NULL);
	take();
	take();
	finish();
}

/* Both kinds of replacement, and the owner's memory of the kept buffers. */
MODEL_TEST(a_thief_that_looks_twice_sees_whole_buffers)
{
	begin(true);
	push();
	model_go(thief_twice, NULL);
	push();
	push();
	take();
	push();
	finish();
}

/* ---- Every program of the owner's --------------------------------------------------------------------- */

static void any_program(bool asym, int length)
{
	begin(asym);
	push();
	push();
	model_go(thief_half, NULL);
	model_go(thief_twice, NULL);
	for (int i = 0; i < length; i++) {
		switch (model_choose(asym ? 4 : 3)) {
		case 0:
			pop();
			break;
		case 1:
			take();
			break;
		case 2:
			push();
			break;
		default:
			deque_trim(&d);
		}
	}
	finish();
}

MODEL_TEST(any_four_operations_of_the_owner_asym, .cover = 3)
{
	any_program(true, 4);
}

MODEL_TEST(any_four_operations_of_the_owner_full, .cover = 3)
{
	any_program(false, 4);
}

/* ---- Linearizability ------------------------------------------------------------------------------------ */

enum { PUSH, POP, TAKE, STEAL };

struct row {
	uint8_t n, item[7];
};

static void row_init(void *state)
{
	*(struct row *)state = (struct row){0};
}

/* 0 is nothing. A thief may come away with nothing although there is something (others interfere); the
 * owner may not. */
static bool row_apply(void *state, const struct lin_op *op)
{
	struct row *r = state;
	uint64_t got = op->ret[0];

	switch (op->op) {
	case PUSH:
		r->item[r->n++] = (uint8_t)op->arg[0];
		return true;
	case POP:
		if (got != (r->n ? r->item[r->n - 1] : 0))
			return false;
		if (r->n)
			r->item[--r->n] = 0;
		return true;
	default:
		if (op->op == STEAL && got == 0)
			return true;
		if (got != r->item[0])
			return false;
		if (r->n) {
			memmove(r->item, r->item + 1, sizeof r->item - 1);
			r->item[--r->n] = 0;
		}
		return true;
	}
}

static const char *const words[] = {"push", "pop", "take", "steal"};

static void row_print(char *out, size_t size, const struct lin_op *op)
{
	snprintf(out, size, op->op == PUSH ? "%s %d" : "%s -> %d", words[op->op],
			 (int)(op->op == PUSH ? op->arg[0] : op->ret[0]));
}

static const struct lin_spec row = {sizeof(struct row), row_init, row_apply, row_print};
static struct lin history;

static void do_op(int what)
{
	struct lin_op *op = lin_call(&history, what, what == PUSH ? (uint64_t)++pushed : 0, 0);
	void *item = NULL;
	bool some = true;

	switch (what) {
	case PUSH:
		MODEL_CHECK_EQ(deque_push(&d, (void *)(uintptr_t)op->arg[0]), 0);
		break;
	case POP:
		some = deque_pop(&d, &item);
		break;
	case TAKE:
		some = deque_take(&d, &item);
		break;
	default:
		some = deque_steal(&d, &item, 1, false) == 1;
	}
	lin_return(op, some ? (uint64_t)(uintptr_t)item : 0, 0);
	if (what == STEAL)
		model_cover(some);
}

static void stealing(void *arg)
{
	do_op(STEAL);
	do_op(STEAL);
}

static void linearizable(bool asym)
{
	begin(asym);
	lin_reset(&history);
	do_op(PUSH);
	do_op(PUSH);
	model_go(stealing, NULL);
	model_go(stealing, NULL);
	for (int i = 0; i < 3; i++)
		do_op((int)model_choose(3));
	model_join();
	do_op(POP);
	lin_require(&history, &row);
	deque_destroy(&d);
}

MODEL_TEST(histories_are_linearizable_asym, .cover = 3)
{
	linearizable(true);
}

MODEL_TEST(histories_are_linearizable_full, .cover = 3)
{
	linearizable(false);
}
