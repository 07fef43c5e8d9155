/* SPDX-License-Identifier: MIT
 *
 * The concurrent map under the model checker: histories of single keys are linearizable, while entries move to a larger
 * or a smaller table, while the map is cleared, and in chains; range sees what stays once. Tables have two
 * buckets at first, and a call moves one entry of its own bucket and one of another. */
#include "model/threads.h"

#include "model/lin.h"
#include "sched/reclaim.h"
#include "sync/map_table.h"

static wend_map m;

enum { LOAD, STORE, SWAP, INSERT, DELETE, CAS };

/* ---- One key as a sequential object --------------------------------------------------------------- */

struct cell {
	uint64_t there, value;
};

static void cell_init(void *state)
{
	*(struct cell *)state = (struct cell){0, 0};
}

/* ret[0]: was it there (or did it succeed); ret[1]: the value. */
static bool cell_apply(void *state, const struct lin_op *op)
{
	struct cell *c = state;
	bool there = c->there, same = there && c->value == op->arg[0], fits = true;

	switch (op->op) {
	case LOAD:
	case DELETE:
	case SWAP:
	case INSERT:
		fits = op->ret[0] == there && (!there || op->ret[1] == c->value);
		break;
	case CAS:
		fits = op->ret[0] == same;
	}
	if (op->returned && !fits)
		return false;
	if (op->op == STORE || op->op == SWAP || (op->op == INSERT && !there) || (op->op == CAS && same))
		*c = (struct cell){1, op->arg[1]};
	else if (op->op == DELETE)
		*c = (struct cell){0, 0};
	return true;
}

static void cell_print(char *out, size_t size, const struct lin_op *op)
{
	static const char *const name[] = {"load", "store", "swap", "load_or_store", "delete", "compare_and_swap"};

	snprintf(out, size, "%s(%d, %d) = %d, %d", name[op->op], (int)op->arg[0], (int)op->arg[1], (int)op->ret[0],
			 (int)op->ret[1]);
}

static const struct lin_spec cell = {sizeof(struct cell), cell_init, cell_apply, cell_print};
static struct lin history;
static uint64_t watched; /* the key whose history is checked */

static void act(int what, uint64_t old, uint64_t value)
{
	struct lin_op *op = lin_call(&history, what, old, value);
	uint64_t v = 0;
	int rc = 0;

	switch (what) {
	case LOAD:
		rc = wend_map_load(&m, watched, &v);
		break;
	case STORE:
		MODEL_CHECK_EQ(wend_map_store(&m, watched, value), 0);
		break;
	case SWAP:
		rc = wend_map_swap(&m, watched, value, &v);
		break;
	case INSERT:
		rc = wend_map_load_or_store(&m, watched, value, &v);
		break;
	case DELETE:
		rc = wend_map_load_and_delete(&m, watched, &v);
		break;
	case CAS:
		rc = wend_map_compare_and_swap(&m, watched, old, value);
	}
	lin_return(op, (uint64_t)rc, rc ? v : 0);
}

/* ---- Maps ------------------------------------------------------------------------------------------ */

/* The number-th key whose hash lies in the lower or upper half; in the table that the map has now. */
static uint64_t key_in(bool upper, int number)
{
	struct table *t = atm_load_rlx(&m.wend__table);

	for (uint64_t key = 100;; key++)
		if (map_hash_word(t, key) >> 63 == upper && number-- == 0)
			return key;
}

static void put(uint64_t key)
{
	MODEL_CHECK_EQ(wend_map_store(&m, key, key), 0);
}

static void begin_with(int threads, unsigned flags)
{
	reclaim_forget();
	threads_begin(threads, flags);
	lin_reset(&history);
	m = (wend_map)WEND_ZERO;
	model_name(&m, sizeof m, "map");
	watched = 7;
	put(1); /* there is a table, and with it the hash */
	MODEL_CHECK(wend_map_delete(&m, 1));
}

static void begin(int threads)
{
	begin_with(threads, 0);
}

static void end(void)
{
	threads_join();
	lin_require(&history, &cell);
	wend_map_free(&m);
	reclaim_end();
}

/* ---- A bucket, no moves ---------------------------------------------------------------------------- */

static void swap_and_delete(void *unused)
{
	act(SWAP, 0, 2);
	act(DELETE, 0, 0);
}

static void load_twice(void *unused)
{
	act(LOAD, 0, 0);
	act(LOAD, 0, 0);
}

static void insert_and_cas(void *unused)
{
	act(INSERT, 0, 3);
	act(CAS, 3, 4);
}

MODEL_TEST(one_key_one_bucket, .leaks = true /* cells stay with their P */)
{
	begin(3);
	act(STORE, 0, 1);
	co_go(swap_and_delete, NULL);
	co_go(insert_and_cas, NULL);
	load_twice(NULL);
	end();
}

/* Another key comes into the slot that the watched one leaves: a reader must not take its value. */
static void delete_and_fill(void *unused)
{
	act(DELETE, 0, 0);
	put(key_in(map_hash_word(atm_load_acq(&m.wend__table), watched) >> 63, 0));
}

MODEL_TEST(a_slot_gets_another_key, .leaks = true)
{
	begin(2);
	act(STORE, 0, 1);
	co_go(delete_and_fill, NULL);
	load_twice(NULL);
	end();
}

/* ---- Chains ---------------------------------------------------------------------------------------- */

static void fill_bucket(int n)
{
	bool upper = map_hash_word(atm_load_acq(&m.wend__table), watched) >> 63;

	for (int i = 0; i < n; i++)
		put(key_in(upper, i));
}

static void store_and_delete(void *unused)
{
	act(STORE, 0, 1);
	act(DELETE, 0, 0);
}

MODEL_TEST(one_key_in_a_chain, .leaks = true)
{
	begin(2);
	fill_bucket(3); /* the watched key will need a line */
	co_go(store_and_delete, NULL);
	load_twice(NULL);
	end();
}

/* ---- Growing --------------------------------------------------------------------------------------- */

static void grow(void *unused)
{
	bool upper = map_hash_word(atm_load_acq(&m.wend__table), watched) >> 63;

	put(key_in(upper, 3)); /* the fifth and more: two buckets are too few */
	put(key_in(!upper, 0));
}

static void swap_and_load(void *unused)
{
	act(SWAP, 0, 2);
	act(LOAD, 0, 0);
}

MODEL_TEST(one_key_while_the_map_grows, .leaks = true, .weight = 2)
{
	begin(2);
	act(STORE, 0, 1);
	fill_bucket(3);
	co_go(grow, NULL);
	swap_and_load(NULL);
	end();
}

MODEL_TEST(a_reader_while_the_map_grows, .leaks = true)
{
	begin(2);
	act(STORE, 0, 1);
	fill_bucket(3);
	co_go(grow, NULL);
	load_twice(NULL);
	end();
}

MODEL_TEST(deletes_while_the_map_grows, .leaks = true, .weight = 2)
{
	begin(3);
	act(STORE, 0, 1);
	fill_bucket(3);
	co_go(grow, NULL);
	co_go(insert_and_cas, NULL);
	swap_and_delete(NULL);
	end();
}

/* ---- Clear ----------------------------------------------------------------------------------------- */

static void clear(void *unused)
{
	struct lin_op *op = lin_call(&history, DELETE, 0, 0);

	wend_map_clear(&m);
	op->op = STORE + 100; /* forgets what it found */
	lin_return(op, 0, 0);
}

static bool clear_or_cell(void *state, const struct lin_op *op)
{
	if (op->op != STORE + 100)
		return cell_apply(state, op);
	*(struct cell *)state = (struct cell){0, 0};
	return true;
}

static void clear_print(char *out, size_t size, const struct lin_op *op)
{
	if (op->op != STORE + 100)
		cell_print(out, size, op);
	else
		snprintf(out, size, "clear");
}

static const struct lin_spec clearable = {sizeof(struct cell), cell_init, clear_or_cell, clear_print};

MODEL_TEST(one_key_while_the_map_is_cleared, .leaks = true)
{
	begin_with(2, THREADS_BORDER); /* the table is freed */
	act(STORE, 0, 1);
	co_go(clear, NULL);
	swap_and_load(NULL);
	threads_join();
	lin_require(&history, &clearable);
	wend_map_free(&m);
	reclaim_end();
}

/* ---- Range ----------------------------------------------------------------------------------------- */

static int seen;

static bool see(uint64_t key, uint64_t value, void *unused)
{
	seen += key == watched;
	return true;
}

MODEL_TEST(range_sees_what_stays_once_while_the_map_grows, .leaks = true, .weight = 2)
{
	begin(2);
	act(STORE, 0, 1);
	fill_bucket(3);
	seen = 0;
	co_go(grow, NULL);
	MODEL_CHECK_EQ(wend_map_range(&m, see, NULL), 0);
	MODEL_CHECK_EQ(seen, 1);
	end();
}
