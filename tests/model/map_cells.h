/* SPDX-License-Identifier: MIT
 *
 * tests/model/map_cells.h - for the model tests of the concurrent map: one key as a sequential object with a history,
 * keys of all kinds by number and half of the table, beginning and end of a body. Tables have two buckets at
 * first, and a call moves one entry of its own bucket and one of another. */
#ifndef TESTS_MODEL_MAP_CELLS_H
#define TESTS_MODEL_MAP_CELLS_H

#include "model/threads.h"

#include <errno.h>

#include "model/lin.h"
#include "sched/reclaim.h"
#include "sync/map_table.h"

static wend_map m;

enum { LOAD, STORE, SWAP, INSERT, DELETE, CAS, CAD, CLEAR, NOTHING };

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
	case CAD:
		fits = op->ret[0] == same;
	}
	if (op->returned && !fits)
		return false;
	if (op->op == STORE || op->op == SWAP || (op->op == INSERT && !there) || (op->op == CAS && same))
		*c = (struct cell){1, op->arg[1]};
	else if (op->op == DELETE || op->op == CLEAR || (op->op == CAD && same))
		*c = (struct cell){0, 0};
	return true;
}

static void cell_print(char *out, size_t size, const struct lin_op *op)
{
	static const char *const name[] = {"load", "store", "swap", "load_or_store", "delete", "compare_and_swap",
									   "compare_and_delete", "clear", "failed"};

	snprintf(out, size, "%s(%d, %d) = %d, %d", name[op->op], (int)op->arg[0], (int)op->arg[1], (int)op->ret[0],
			 (int)op->ret[1]);
}

static const struct lin_spec cell = {sizeof(struct cell), cell_init, cell_apply, cell_print};
static struct lin history;
static uint64_t watched; /* the key whose history is checked */
static bool may_fail;    /* memory is short: -ENOMEM is an answer, and means that nothing happened */

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
		rc = wend_map_store(&m, watched, value);
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
		break;
	case CAD:
		rc = wend_map_compare_and_delete(&m, watched, old);
		break;
	case CLEAR:
		wend_map_clear(&m);
	}
	if (rc < 0) {
		MODEL_CHECK(may_fail && rc == -ENOMEM);
		op->op = NOTHING;
		rc = 0;
	}
	lin_return(op, (uint64_t)rc, rc ? v : 0);
}

static void load_twice(void *unused)
{
	(void)unused;
	act(LOAD, 0, 0);
	act(LOAD, 0, 0);
}

static void swap_and_load(void *unused)
{
	(void)unused;
	act(SWAP, 0, 2);
	act(LOAD, 0, 0);
}

static void swap_and_delete(void *unused)
{
	(void)unused;
	act(SWAP, 0, 2);
	act(DELETE, 0, 0);
}

static void insert_and_cas(void *unused)
{
	(void)unused;
	act(INSERT, 0, 3);
	act(CAS, 3, 4);
}

/* ---- Keys ------------------------------------------------------------------------------------------ */

static char texts[64][8]; /* strings and bytes, by number */
static wend_bytes spans[64];

/* Key number i of the kind that the map has. */
static uint64_t key_of(unsigned i)
{
	const struct map_core *core = atm_load_rlx(&m.wend__core);

	if (!core || core->cfg.keys == WEND_MAP_WORDS)
		return i;
	MODEL_CHECK(i < 64);
	snprintf(texts[i], sizeof texts[i], "key%u", i);
	spans[i] = (wend_bytes){texts[i], strlen(texts[i])};
	return core->cfg.keys == WEND_MAP_STRINGS ? WEND_WORD(texts[i]) : WEND_WORD(&spans[i]);
}

static bool is_upper(uint64_t key)
{
	struct map_key k;

	map_key_make(&k, atm_load_acq(&m.wend__table), key);
	return k.hash >> 63;
}

/* The number-th key, the watched one apart, whose hash lies in the lower or upper half. */
static uint64_t key_in(bool upper, int number)
{
	for (unsigned i = 8;; i++) {
		uint64_t key = key_of(i);

		if (is_upper(key) == upper && number-- == 0)
			return key;
	}
}

/* Other keys than the watched one have the value that belongs to them. */
static uint64_t value_of(uint64_t key)
{
	const struct map_core *core = atm_load_rlx(&m.wend__core);

	if (!core || core->cfg.keys == WEND_MAP_WORDS)
		return key + 1;
	if (core->cfg.keys == WEND_MAP_STRINGS)
		return strtoull((const char *)(uintptr_t)key + 3, NULL, 10) + 1;
	return strtoull((const char *)((const wend_bytes *)(uintptr_t)key)->data + 3, NULL, 10) + 1;
}

static void put(uint64_t key)
{
	MODEL_CHECK_EQ(wend_map_store(&m, key, value_of(key)), 0);
}

/* So many keys in the watched one's half. */
static void fill_bucket(int n)
{
	bool upper = is_upper(watched);

	for (int i = 0; i < n; i++)
		put(key_in(upper, i));
}

/* ---- Bodies ---------------------------------------------------------------------------------------- */

/* A map without entries that has a table, and with it a hash. cfg: NULL for words. */
static void begin_with(int threads, unsigned flags, const wend_map_config *cfg)
{
	reclaim_forget();
	threads_begin(threads, flags);
	lin_reset(&history);
	may_fail = false;
	m = (wend_map)WEND_ZERO;
	model_name(&m, sizeof m, "map");
	if (cfg)
		MODEL_CHECK_EQ(wend_map_init(&m, cfg), 0);
	watched = key_of(7);
	put(key_of(1));
	MODEL_CHECK(wend_map_delete(&m, key_of(1)));
}

static void begin(int threads)
{
	begin_with(threads, 0, NULL);
}

static struct table *table(void)
{
	return atm_load_acq(&m.wend__table);
}

static uint64_t beside; /* a key in the watched one's bucket */

/* The watched key is alone in its bucket, the upper one of two, in the second line. One key more, and the table grows. */
static void begin_full(unsigned flags, const wend_map_config *cfg)
{
	begin_with(2, flags, cfg);
	for (unsigned i = 2; !is_upper(watched = key_of(i)); i++)
		;
	beside = key_in(true, 5);
	fill_bucket(3);
	act(STORE, 0, 1);
	for (int i = 0; i < 3; i++)
		MODEL_CHECK(wend_map_delete(&m, key_in(true, i)));
	for (int i = 0; i < 3; i++)
		put(key_in(false, i));
}

/* The same, and the table has a successor. */
static void begin_chained(unsigned flags, const wend_map_config *cfg)
{
	begin_full(flags, cfg);
	put(key_in(false, 3));
	MODEL_CHECK(atm_load_acq(&table()->next));
	MODEL_CHECK(!(atm_load_rlx(&table()->bucket[1].meta) & (MAP_MOVING | MAP_MOVED)));
}

/* A write in the watched key's bucket: it moves an entry. */
static void move_watched(void *unused)
{
	(void)unused;
	wend_map_delete(&m, beside);
}

static void end(void)
{
	threads_join();
	lin_require(&history, &cell);
	wend_map_free(&m);
	reclaim_end();
}

#endif
