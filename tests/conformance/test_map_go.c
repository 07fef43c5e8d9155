/* SPDX-License-Identifier: MIT
 *
 * What a Go programmer relies on in sync.Map and its hash trie, on keys of all kinds and with good and bad hashes. */
#include "harness/map_kinds.h"

#include <pthread.h>

static wend_map m;
static wend_waitgroup wg;
static int go_on;

enum { PROCS = 4, CO = 8, EACH = 200 };

/* CO coroutines (and, with foreign, a thread beside them) run fn(number). */
static void *on_thread(void *fn)
{
	((void (*)(int))fn)(CO);
	return NULL;
}

static void member(void (*fn)(int), int i)
{
	while (!__atomic_load_n(&go_on, __ATOMIC_ACQUIRE))
		wend_yield();
	fn(i);
	wend_waitgroup_done(&wg);
}

static void together(void (*fn)(int))
{
	pthread_t t;

	wend_maxprocs(PROCS);
	go_on = 0;
	for (int i = 0; i < CO; i++) {
		wend_waitgroup_add(&wg, 1);
		CHECK_EQ(WEND_GO(member, fn, i), 0);
	}
	CHECK_EQ(pthread_create(&t, NULL, on_thread, (void *)fn), 0);
	__atomic_store_n(&go_on, 1, __ATOMIC_RELEASE);
	wend_waitgroup_wait(&wg);
	pthread_join(t, NULL);
}

static enum kind kind; /* of the case that runs */

#define FOR_ALL_KINDS(...)                                                                      \
	do {                                                                                          \
		for (int kind_ = 0; kind_ < KINDS; kind_++) {                                             \
			kind = (enum kind)kind_;                                                              \
			map_make(&m, kind, NULL, NULL);                                                       \
			__VA_ARGS__;                                                                            \
			wend_map_free(&m);                                                                    \
		}                                                                                         \
	} while (0)

static uint64_t own(int co, int i)
{
	return (uint64_t)co * EACH + (uint64_t)i;
}

/* ---- Keys of one's own ------------------------------------------------------------------------ */

static void store_own(int co)
{
	uint64_t v;

	for (int i = 0; i < EACH; i++)
		CHECK_EQ(wend_map_load_or_store(&m, KEY(kind, own(co, i)), own(co, i), &v), 0);
	for (int i = 0; i < EACH; i++)
		CHECK_EQ(wend_map_load_or_store(&m, KEY(kind, own(co, i)), 1 << 30, &v), 1), CHECK_EQ(v, own(co, i));
}

CO_TEST(load_or_store_concurrent_unshared_keys)
{
	FOR_ALL_KINDS({
		together(store_own);
		CHECK_EQ(wend_map_len(&m), (CO + 1) * EACH);
	});
}

static void store_and_delete_own(int co)
{
	uint64_t v;

	for (int round = 0; round < 3; round++) {
		for (int i = 0; i < EACH; i++)
			CHECK_EQ(wend_map_load_or_store(&m, KEY(kind, own(co, i)), (uint64_t)i, &v), 0);
		for (int i = 0; i < EACH; i++) {
			CHECK(wend_map_load(&m, KEY(kind, own(co, i)), &v) && v == (uint64_t)i);
			CHECK(wend_map_compare_and_swap(&m, KEY(kind, own(co, i)), (uint64_t)i, 7));
			CHECK_EQ(wend_map_swap(&m, KEY(kind, own(co, i)), 8, &v), 1);
			CHECK_EQ(v, 7);
			CHECK(!wend_map_compare_and_delete(&m, KEY(kind, own(co, i)), 7));
			CHECK(i % 2 ? wend_map_load_and_delete(&m, KEY(kind, own(co, i)), &v)
						: wend_map_compare_and_delete(&m, KEY(kind, own(co, i)), 8));
			CHECK(!wend_map_load(&m, KEY(kind, own(co, i)), &v));
		}
	}
}

CO_TEST_LIMIT(every_call_concurrent_unshared_keys_with_delete, 30)
{
	FOR_ALL_KINDS({
		together(store_and_delete_own);
		CHECK_EQ(wend_map_len(&m), 0);
	});
}

/* ---- Shared keys ------------------------------------------------------------------------------ */

static int won[EACH], lost;

static void insert_shared(int co)
{
	uint64_t v;

	for (int i = 0; i < EACH; i++) {
		int rc = wend_map_load_or_store(&m, KEY(kind, i), (uint64_t)co, &v);

		if (rc == 0)
			__atomic_add_fetch(&won[i], 1, __ATOMIC_RELAXED);
		else
			CHECK(v <= CO);
	}
}

CO_TEST(load_or_store_concurrent_shared_keys_has_one_winner)
{
	FOR_ALL_KINDS({
		memset(won, 0, sizeof won);
		together(insert_shared);
		for (int i = 0; i < EACH; i++)
			CHECK_EQ(won[i], 1);
	});
}

static void delete_shared(int co)
{
	uint64_t v;

	for (int i = 0; i < EACH; i++) {
		bool mine = co % 2 ? wend_map_load_and_delete(&m, KEY(kind, i), &v)
						   : wend_map_compare_and_delete(&m, KEY(kind, i), (uint64_t)i);

		__atomic_add_fetch(mine ? &won[i] : &lost, 1, __ATOMIC_RELAXED);
	}
}

CO_TEST(load_and_delete_concurrent_shared_keys_has_one_winner)
{
	FOR_ALL_KINDS({
		memset(won, 0, sizeof won);
		for (int i = 0; i < EACH; i++)
			CHECK_EQ(wend_map_store(&m, KEY(kind, i), (uint64_t)i), 0);
		together(delete_shared);
		for (int i = 0; i < EACH; i++)
			CHECK_EQ(won[i], 1);
		CHECK_EQ(wend_map_len(&m), 0);
	});
}

static void count_up(int co)
{
	(void)co;
	for (int i = 0; i < EACH; i++) {
		uint64_t v, key = KEY(kind, i % 10);

		do
			CHECK(wend_map_load(&m, key, &v));
		while (!wend_map_compare_and_swap(&m, key, v, v + 1));
	}
}

CO_TEST(compare_and_swap_concurrent_shared_keys_loses_no_step)
{
	FOR_ALL_KINDS({
		uint64_t v, sum = 0;

		for (int i = 0; i < 10; i++)
			CHECK_EQ(wend_map_store(&m, KEY(kind, i), 0), 0);
		together(count_up);
		for (int i = 0; i < 10; i++) {
			CHECK(wend_map_load(&m, KEY(kind, i), &v));
			sum += v;
		}
		CHECK_EQ(sum, (CO + 1) * EACH);
	});
}

static uint64_t swapped[CO + 1];

static void swap_shared(int co)
{
	uint64_t v;

	swapped[co] = 0;
	for (int i = 0; i < EACH; i++) {
		CHECK_EQ(wend_map_swap(&m, KEY(kind, 5), own(co, i) + 1, &v), 1);
		swapped[co] += v;
	}
}

CO_TEST(swap_gives_each_value_back_once)
{
	FOR_ALL_KINDS({
		uint64_t in = 0, out = 0, v;

		CHECK_EQ(wend_map_store(&m, KEY(kind, 5), 0), 0);
		together(swap_shared);
		for (int co = 0; co <= CO; co++) {
			out += swapped[co];
			for (int i = 0; i < EACH; i++)
				in += own(co, i) + 1;
		}
		CHECK(wend_map_load(&m, KEY(kind, 5), &v));
		CHECK_EQ(out + v, in);
	});
}

CO_TEST(compare_and_swap_of_a_key_that_does_not_exist)
{
	FOR_ALL_KINDS({
		uint64_t v;

		CHECK(!wend_map_compare_and_swap(&m, KEY(kind, 1), 0, 42));
		CHECK(!wend_map_load(&m, KEY(kind, 1), &v));
		CHECK_EQ(wend_map_load_or_store(&m, KEY(kind, 1), 43, &v), 0);
	});
}

/* ---- Range ------------------------------------------------------------------------------------ */

struct seen {
	int n, times[4 * EACH];
};

static bool see(uint64_t key, uint64_t value, void *arg)
{
	struct seen *s = arg;
	uint64_t i = key_number(kind, key);

	(void)value;
	CHECK(i < 4 * EACH);
	CHECK_MSG(s->times[i]++ == 0, "key %d comes twice", (int)i);
	s->n++;
	if (i % 16 == 0)
		wend_yield(); /* callbacks may give way */
	return true;
}

/* Keys below EACH stay; the others come and go, so that the map grows and shrinks. */
static void come_and_go(int co)
{
	if (co == CO || co == 0) {
		for (int round = 0; round < 10; round++) {
			struct seen s = {.n = 0};

			if (co == CO && kind != WORDS)
				return; /* a foreign thread cannot yield */
			if (co == CO)
				break;
			CHECK_EQ(wend_map_range(&m, see, &s), 0);
			for (int i = 0; i < EACH; i++)
				CHECK_MSG(s.times[i] == 1, "key %d was there throughout and came %d times", i, s.times[i]);
		}
		return;
	}
	for (int round = 0; round < 4; round++) {
		for (int i = EACH; i < 4 * EACH; i++)
			CHECK_EQ(wend_map_store(&m, KEY(kind, i), (uint64_t)round), 0);
		for (int i = EACH; i < 4 * EACH; i++)
			wend_map_delete(&m, KEY(kind, i));
		for (int i = 0; i < EACH; i++)
			CHECK_EQ(wend_map_store(&m, KEY(kind, i), (uint64_t)co), 0);
		wend_yield();
	}
}

CO_TEST_LIMIT(concurrent_range_sees_each_lasting_key_once, 60)
{
	FOR_ALL_KINDS({
		for (int i = 0; i < EACH; i++)
			CHECK_EQ(wend_map_store(&m, KEY(kind, i), 0), 0);
		together(come_and_go);
	});
}

static bool use_inside(uint64_t key, uint64_t value, void *arg);

static bool nested(uint64_t key, uint64_t value, void *arg)
{
	uint64_t v, mine = KEY(kind, key_number(kind, key));

	(void)arg;
	CHECK(wend_map_load(&m, mine, &v));
	CHECK_EQ(v, value);
	CHECK_EQ(wend_map_load_or_store(&m, KEY(kind, 42), 1, &v), 0); /* not left over by any other round */
	CHECK_EQ(wend_map_store(&m, KEY(kind, 42), 2), 0);
	CHECK(wend_map_load_and_delete(&m, KEY(kind, 42), &v));
	CHECK_EQ(v, 2);
	return true;
}

static bool use_inside(uint64_t key, uint64_t value, void *arg)
{
	(void)value;
	++*(int *)arg;
	CHECK_EQ(wend_map_range(&m, nested, NULL), 0);
	wend_map_delete(&m, KEY(kind, key_number(kind, key)));
	return true;
}

CO_TEST(range_nested_call)
{
	FOR_ALL_KINDS({
		int n = 0;

		for (int i = 0; i < 3; i++)
			CHECK_EQ(wend_map_store(&m, KEY(kind, i), (uint64_t)i), 0);
		CHECK_EQ(wend_map_range(&m, use_inside, &n), 0);
		CHECK_EQ(n, 3);
		CHECK_EQ(wend_map_len(&m), 0);
	});
}

static bool grow_inside(uint64_t key, uint64_t value, void *arg)
{
	(void)key;
	if (value == 0)
		++*(int *)arg;
	for (int i = 0; i < 50; i++) {
		static uint64_t next = 1000;

		CHECK_EQ(wend_map_store(&m, KEY(kind, next++), 1), 0);
		if (next > 20000)
			return true;
	}
	return true;
}

CO_TEST(range_while_its_callback_makes_the_map_grow)
{
	int n = 0;

	kind = WORDS;
	for (int i = 0; i < 200; i++)
		CHECK_EQ(wend_map_store(&m, KEY(kind, i), 0), 0);
	CHECK_EQ(wend_map_range(&m, grow_inside, &n), 0);
	CHECK_EQ(n, 200);
	wend_map_free(&m);
}

/* ---- Clear ------------------------------------------------------------------------------------ */

static bool look(uint64_t key, uint64_t value, void *arg)
{
	(void)arg;
	CHECK_EQ(key_number(kind, key), value);
	return true;
}

static void clear_or_use(int co)
{
	uint64_t v;

	for (int i = 0; i < EACH; i++) {
		if (co % 4 == 0) {
			wend_map_clear(&m);
		} else if (co % 4 == 1) {
			CHECK_EQ(wend_map_range(&m, look, NULL), 0);
		} else {
			CHECK_EQ(wend_map_store(&m, KEY(kind, i), (uint64_t)i), 0);
			if (wend_map_load(&m, KEY(kind, i), &v))
				CHECK_EQ(v, (uint64_t)i);
		}
	}
}

CO_TEST(concurrent_clear)
{
	FOR_ALL_KINDS({
		uint64_t v;

		together(clear_or_use);
		wend_map_clear(&m);
		CHECK_EQ(wend_map_len(&m), 0);
		for (int i = 0; i < EACH; i++)
			CHECK(!wend_map_load(&m, KEY(kind, i), &v));
		CHECK_EQ(wend_map_store(&m, KEY(kind, 3), 3), 0);
		CHECK_EQ(wend_map_len(&m), 1);
	});
}
