/* SPDX-License-Identifier: MIT
 *
 * What a Go programmer expects of atomic.Value. */
#include "harness/child.h"
#include "harness/test.h"

#include <wend/wend.h>

static int numbers[4];
static double reals[2];

TEST(a_fresh_value_is_nil)
{
	wend_value v = WEND_ZERO;

	CHECK(wend_value_load(&v, "int") == NULL);
	CHECK(WEND_VALUE_LOAD(&v, double) == NULL); /* no type is settled yet */
}

TEST(load_returns_what_was_stored_last)
{
	wend_value v = WEND_ZERO;

	WEND_VALUE_STORE(&v, int, &numbers[0]);
	CHECK(WEND_VALUE_LOAD(&v, int) == &numbers[0]);
	WEND_VALUE_STORE(&v, int, &numbers[1]);
	CHECK(WEND_VALUE_LOAD(&v, int) == &numbers[1]);
}

TEST(swap_returns_what_was_there)
{
	wend_value v = WEND_ZERO;

	CHECK(WEND_VALUE_SWAP(&v, int, &numbers[0]) == NULL);
	CHECK(WEND_VALUE_SWAP(&v, int, &numbers[1]) == &numbers[0]);
	CHECK(WEND_VALUE_LOAD(&v, int) == &numbers[1]);
}

TEST(compare_and_swap_replaces_what_it_expects_only)
{
	wend_value v = WEND_ZERO;

	CHECK(!WEND_VALUE_COMPARE_AND_SWAP(&v, int, &numbers[0], &numbers[1]));
	CHECK(WEND_VALUE_LOAD(&v, int) == NULL);
	CHECK(WEND_VALUE_COMPARE_AND_SWAP(&v, int, NULL, &numbers[0])); /* the first store */
	CHECK(!WEND_VALUE_COMPARE_AND_SWAP(&v, int, NULL, &numbers[1]));
	CHECK(!WEND_VALUE_COMPARE_AND_SWAP(&v, int, &numbers[1], &numbers[2]));
	CHECK(WEND_VALUE_LOAD(&v, int) == &numbers[0]);
	CHECK(WEND_VALUE_COMPARE_AND_SWAP(&v, int, &numbers[0], &numbers[1]));
	CHECK(WEND_VALUE_LOAD(&v, int) == &numbers[1]);
}

/* A comparison that fails on a fresh value leaves it without a type. */
TEST(a_failed_compare_and_swap_does_not_settle_the_type)
{
	wend_value v = WEND_ZERO;

	CHECK(!WEND_VALUE_COMPARE_AND_SWAP(&v, int, &numbers[0], &numbers[1]));
	WEND_VALUE_STORE(&v, double, &reals[0]);
	CHECK(WEND_VALUE_LOAD(&v, double) == &reals[0]);
}

/* Types are the same when their names are, wherever the text lies. */
TEST(type_names_are_compared_by_text)
{
	wend_value v = WEND_ZERO;
	char name[] = "int";

	wend_value_store(&v, "int", &numbers[0]);
	CHECK(wend_value_load(&v, name) == &numbers[0]);
	CHECK(wend_value_swap(&v, name, &numbers[1]) == &numbers[0]);
	CHECK(wend_value_compare_and_swap(&v, name, &numbers[1], &numbers[2]));
}

/* ---- Misuse ---------------------------------------------------------------------------------- */

struct misuse {
	const char *text;
	void (*fn)(wend_value *v); /* v holds an int */
};

static void store_nil(wend_value *v)
{
	wend_value_store(v, "int", NULL);
}

static void store_other(wend_value *v)
{
	WEND_VALUE_STORE(v, double, &reals[0]);
}

static void swap_nil(wend_value *v)
{
	wend_value_swap(v, "int", NULL);
}

static void swap_other(wend_value *v)
{
	WEND_VALUE_SWAP(v, double, &reals[0]);
}

static void cas_nil(wend_value *v)
{
	wend_value_compare_and_swap(v, "int", &numbers[0], NULL);
}

static void cas_other(wend_value *v)
{
	WEND_VALUE_COMPARE_AND_SWAP(v, double, &reals[0], &reals[1]);
}

static void load_other(wend_value *v)
{
	WEND_VALUE_LOAD(v, double);
}

static void commit(void *arg)
{
	const struct misuse *m = arg;
	wend_value v = WEND_ZERO;

	WEND_VALUE_STORE(&v, int, &numbers[0]);
	m->fn(&v);
}

TEST(misuse_panics_with_gos_text)
{
	static const struct misuse all[] = {
		{"panic: sync/atomic: store of nil value into Value\n", store_nil},
		{"panic: sync/atomic: store of inconsistently typed value into Value\n", store_other},
		{"panic: sync/atomic: swap of nil value into Value\n", swap_nil},
		{"panic: sync/atomic: swap of inconsistently typed value into Value\n", swap_other},
		{"panic: sync/atomic: compare and swap of nil value into Value\n", cas_nil},
		{"panic: sync/atomic: compare and swap of inconsistently typed value into Value\n", cas_other},
		{"panic: interface conversion: interface {} is int, not double\n", load_other},
	};

	for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
		struct child c = child_call(commit, (void *)&all[i], 8);

		CHILD_EXITED(&c, 2);
		CHECK_HAS(c.err, all[i].text);
		child_free(&c);
	}
}

static void first_nil(void *unused)
{
	wend_value v = WEND_ZERO;

	(void)unused;
	wend_value_store(&v, "int", NULL);
}

TEST(nil_as_the_first_store_panics)
{
	struct child c = child_call(first_nil, NULL, 8);

	CHILD_EXITED(&c, 2);
	CHECK_HAS(c.err, "panic: sync/atomic: store of nil value into Value\n");
	child_free(&c);
}

/* ---- Many at once ---------------------------------------------------------------------------- */

enum { WORKERS = 8, TIMES = 3000, POINTS = 64 };

struct point {
	long x, y; /* y is always 2 x, however readers meet writers */
};

static struct {
	wend_value v;
	wend_waitgroup wg;
	struct point points[POINTS];
	wend_atomic_u32 stored, swapped;
} m;

static void store_and_load(void *arg)
{
	uint64_t rng = (uintptr_t)arg;

	for (int i = 0; i < TIMES; i++) {
		struct point *p = WEND_VALUE_LOAD(&m.v, struct point);

		CHECK(!p || p->y == 2 * p->x);
		WEND_VALUE_STORE(&m.v, struct point, &m.points[test_rand(&rng) % POINTS]);
		p = WEND_VALUE_LOAD(&m.v, struct point);
		CHECK(p && p >= m.points && p < m.points + POINTS && p->y == 2 * p->x);
		if (i % 16 == 0)
			wend_yield();
	}
	wend_waitgroup_done(&m.wg);
}

static void start(void (*fn)(void *))
{
	wend_maxprocs(4);
	for (int i = 0; i < POINTS; i++)
		m.points[i] = (struct point){i + 1, 2 * (i + 1)};
	wend_waitgroup_add(&m.wg, WORKERS);
	for (uintptr_t i = 0; i < WORKERS; i++)
		CHECK_EQ(wend_go(fn, (void *)i), 0);
	wend_waitgroup_wait(&m.wg);
}

CO_TEST_LIMIT(concurrent_loads_see_whole_values, 30)
{
	start(store_and_load);
}

/* Each pointer that goes in comes out of one swap, or is the last: the sums agree. */
static void swap_many(void *arg)
{
	uint64_t rng = (uintptr_t)arg;

	for (int i = 0; i < TIMES; i++) {
		struct point *in = &m.points[test_rand(&rng) % POINTS];
		struct point *out = WEND_VALUE_SWAP(&m.v, struct point, in);

		wend_atomic_u32_add(&m.stored, (uint32_t)in->x);
		if (out)
			wend_atomic_u32_add(&m.swapped, (uint32_t)out->x);
		if (i % 16 == 0)
			wend_yield();
	}
	wend_waitgroup_done(&m.wg);
}

CO_TEST_LIMIT(concurrent_swaps_return_each_value_once, 30)
{
	start(swap_many);
	CHECK_EQ(wend_atomic_u32_load(&m.stored),
			 wend_atomic_u32_load(&m.swapped) + (uint32_t)WEND_VALUE_LOAD(&m.v, struct point)->x);
}

/* A counter made of pointers: each CAS that wins goes one place on. */
static struct point line[WORKERS * TIMES + 1];

static void step_many(void *unused)
{
	(void)unused;
	for (int i = 0; i < TIMES; i++) {
		struct point *p;

		do
			p = WEND_VALUE_LOAD(&m.v, struct point);
		while (!WEND_VALUE_COMPARE_AND_SWAP(&m.v, struct point, p, p + 1));
		if (i % 16 == 0)
			wend_yield();
	}
	wend_waitgroup_done(&m.wg);
}

CO_TEST_LIMIT(concurrent_compare_and_swaps_lose_nothing, 30)
{
	WEND_VALUE_STORE(&m.v, struct point, line);
	start(step_many);
	CHECK(WEND_VALUE_LOAD(&m.v, struct point) == line + WORKERS * TIMES);
}
