/* SPDX-License-Identifier: MIT
 *
 * The concurrent map call by call, on all kinds of keys; size, memory and who destroys what. */
#include "harness/fault.h"
#include "harness/map_kinds.h"

#include <pthread.h>

#include "sync/map_table.h"

static wend_map m;

/* ---- Single calls ----------------------------------------------------------------------------- */

static void each_call(enum kind kind)
{
	uint64_t v = 7;

	map_make(&m, kind, NULL, NULL);
	test_note("%s", kind_name[kind]);
	CHECK(!wend_map_load(&m, KEY(kind, 1), &v));
	CHECK(!wend_map_delete(&m, KEY(kind, 1)));
	CHECK(!wend_map_load_and_delete(&m, KEY(kind, 1), &v));
	CHECK(!wend_map_compare_and_swap(&m, KEY(kind, 1), 0, 1));
	CHECK(!wend_map_compare_and_delete(&m, KEY(kind, 1), 0));
	CHECK_EQ(v, 7);
	CHECK_EQ(wend_map_len(&m), 0);

	CHECK_EQ(wend_map_store(&m, KEY(kind, 1), 10), 0);
	CHECK(wend_map_load(&m, KEY(kind, 1), &v));
	CHECK_EQ(v, 10);
	CHECK(!wend_map_load(&m, KEY(kind, 2), &v));
	CHECK_EQ(wend_map_store(&m, KEY(kind, 1), 11), 0);
	CHECK_EQ(wend_map_len(&m), 1);
	CHECK_EQ(wend_map_load_or_store(&m, KEY(kind, 1), 5, &v), 1);
	CHECK_EQ(v, 11);
	CHECK_EQ(wend_map_load_or_store(&m, KEY(kind, 2), 5, &v), 0);
	CHECK_EQ(v, 5);
	CHECK_EQ(wend_map_load_or_store(&m, KEY(kind, 2), 6, NULL), 1);
	CHECK_EQ(wend_map_swap(&m, KEY(kind, 2), 8, &v), 1);
	CHECK_EQ(v, 5);
	CHECK_EQ(wend_map_swap(&m, KEY(kind, 3), 9, &v), 0);
	CHECK_EQ(wend_map_swap(&m, KEY(kind, 3), 12, NULL), 1);
	CHECK_EQ(wend_map_len(&m), 3);
	CHECK(!wend_map_compare_and_swap(&m, KEY(kind, 3), 9, 1));
	CHECK(wend_map_compare_and_swap(&m, KEY(kind, 3), 12, 1));
	CHECK(!wend_map_compare_and_delete(&m, KEY(kind, 3), 12));
	CHECK(wend_map_compare_and_delete(&m, KEY(kind, 3), 1));
	CHECK(!wend_map_load(&m, KEY(kind, 3), &v));
	CHECK(wend_map_load_and_delete(&m, KEY(kind, 2), &v));
	CHECK_EQ(v, 8);
	CHECK(wend_map_delete(&m, KEY(kind, 1)));
	CHECK_EQ(wend_map_len(&m), 0);
	wend_map_free(&m);
	CHECK_EQ(wend_map_len(&m), 0);
}

CO_TEST(each_call_does_what_it_says)
{
	for (int kind = 0; kind < KINDS; kind++)
		each_call(kind);
}

TEST(works_without_a_runtime)
{
	for (int kind = 0; kind < KINDS; kind++)
		each_call(kind);
}

CO_TEST(every_word_is_a_key_and_a_value)
{
	static const uint64_t odd[] = {0, 1, UINT64_MAX, UINT64_MAX - 1, 1ull << 63, 0x8000000000000001ull};
	uint64_t v;

	for (size_t i = 0; i < sizeof odd / sizeof *odd; i++) {
		CHECK(!wend_map_load(&m, odd[i], &v));
		CHECK_EQ(wend_map_store(&m, odd[i], ~odd[i]), 0);
	}
	for (size_t i = 0; i < sizeof odd / sizeof *odd; i++) {
		CHECK(wend_map_load(&m, odd[i], &v));
		CHECK_EQ(v, ~odd[i]);
		CHECK(wend_map_delete(&m, odd[i]));
		CHECK(!wend_map_load(&m, odd[i], &v));
	}
	wend_map_free(&m);
}

CO_TEST(strings_and_bytes_are_copied)
{
	char text[] = "same", other[] = "same";
	wend_map_config cfg = {.keys = WEND_MAP_BYTES};
	wend_bytes nothing = {NULL, 0}, zeros[2] = {{"\0\0", 1}, {"\0\0", 2}};
	uint64_t v;

	map_make(&m, STRINGS, NULL, NULL);
	CHECK_EQ(wend_map_store(&m, WEND_WORD(text), 1), 0);
	text[0] = 'S';
	CHECK(!wend_map_load(&m, WEND_WORD(text), &v));
	CHECK(wend_map_load(&m, WEND_WORD(other), &v));
	CHECK_EQ(wend_map_store(&m, WEND_WORD(""), 2), 0);
	CHECK(wend_map_load(&m, WEND_WORD(""), &v) && v == 2);
	wend_map_free(&m);

	CHECK_EQ(wend_map_init(&m, &cfg), 0);
	CHECK_EQ(wend_map_store(&m, WEND_WORD(&nothing), 1), 0);
	CHECK_EQ(wend_map_store(&m, WEND_WORD(&zeros[0]), 2), 0);
	CHECK_EQ(wend_map_store(&m, WEND_WORD(&zeros[1]), 3), 0);
	CHECK_EQ(wend_map_len(&m), 3);
	CHECK(wend_map_load(&m, WEND_WORD(&nothing), &v) && v == 1);
	CHECK(wend_map_load(&m, WEND_WORD(&zeros[1]), &v) && v == 3);
	wend_map_free(&m);
}

TEST(what_init_refuses)
{
	wend_map_config hash_alone = {.keys = WEND_MAP_BYTES, .hash = same_hash};
	wend_map_config equal_alone = {.keys = WEND_MAP_BYTES, .equal = same_bytes};
	wend_map_config hashed_words = {.keys = WEND_MAP_WORDS, .hash = same_hash, .equal = same_bytes};
	wend_map_config unknown = {.keys = (enum wend_map_keys)3};

	CHECK_EQ(wend_map_init(&m, &hash_alone), -EINVAL);
	CHECK_EQ(wend_map_init(&m, &equal_alone), -EINVAL);
	CHECK_EQ(wend_map_init(&m, &hashed_words), -EINVAL);
	CHECK_EQ(wend_map_init(&m, &unknown), -EINVAL);
	wend_map_free(NULL);
	wend_map_free(&m);
}

/* ---- Against a plain array -------------------------------------------------------------------- */

enum { NUMBERS = 300 };

struct model {
	bool there[NUMBERS];
	uint64_t value[NUMBERS];
	size_t len;
};

static void model_set(struct model *is, uint64_t i, bool there, uint64_t value)
{
	is->len += (size_t)there - (size_t)is->there[i];
	is->there[i] = there;
	is->value[i] = value;
}

static bool visit(uint64_t key, uint64_t value, void *arg)
{
	struct { enum kind kind; struct model seen; } *r = arg;
	uint64_t i = key_number(r->kind, key);

	CHECK(i < NUMBERS && !r->seen.there[i]);
	model_set(&r->seen, i, true, value);
	return true;
}

static void check_all(enum kind kind, const struct model *is)
{
	struct { enum kind kind; struct model seen; } r = {.kind = kind};
	uint64_t v;

	CHECK_EQ(wend_map_range(&m, visit, &r), 0);
	CHECK_EQ(r.seen.len, is->len);
	CHECK_EQ(wend_map_len(&m), is->len);
	for (uint64_t i = 0; i < NUMBERS; i++) {
		CHECK_EQ(r.seen.there[i], is->there[i]);
		CHECK_EQ(wend_map_load(&m, KEY(kind, i), &v), is->there[i]);
		CHECK(!is->there[i] || (v == is->value[i] && r.seen.value[i] == v));
	}
}

static void one_random_op(enum kind kind, struct model *is, uint64_t *rng)
{
	uint64_t i = test_rand(rng) % NUMBERS, value = test_rand(rng) % 4, old = test_rand(rng) % 4, v;
	bool there = is->there[i], same = there && is->value[i] == old;
	uint64_t key = KEY(kind, i);

	switch (test_rand(rng) % 9) {
	case 0:
		CHECK_EQ(wend_map_store(&m, key, value), 0);
		model_set(is, i, true, value);
		break;
	case 1:
		CHECK_EQ(wend_map_load(&m, key, &v), there);
		CHECK(!there || v == is->value[i]);
		break;
	case 2:
		CHECK_EQ(wend_map_load_or_store(&m, key, value, &v), there);
		CHECK_EQ(v, there ? is->value[i] : value);
		model_set(is, i, true, v);
		break;
	case 3:
	case 4:
		CHECK_EQ(wend_map_load_and_delete(&m, key, &v), there);
		CHECK(!there || v == is->value[i]);
		model_set(is, i, false, 0);
		break;
	case 5:
		CHECK_EQ(wend_map_swap(&m, key, value, &v), there);
		CHECK(!there || v == is->value[i]);
		model_set(is, i, true, value);
		break;
	case 6:
		CHECK_EQ(wend_map_compare_and_swap(&m, key, old, value), same);
		if (same)
			model_set(is, i, true, value);
		break;
	case 7:
		CHECK_EQ(wend_map_compare_and_delete(&m, key, old), same);
		if (same)
			model_set(is, i, false, 0);
		break;
	case 8:
		if (test_rand(rng) % 500 == 0) {
			wend_map_clear(&m);
			*is = (struct model){.len = 0};
		}
	}
}

CO_TEST(matches_a_plain_array_under_random_operations)
{
	uint64_t rng = test_seed();

	for (int kind = 0; kind < KINDS; kind++) {
		struct model is = {.len = 0};

		map_make(&m, kind, NULL, NULL);
		for (int i = 0; i < 40000; i++) {
			one_random_op(kind, &is, &rng);
			if (i % 997 == 0)
				check_all(kind, &is);
		}
		check_all(kind, &is);
		wend_map_free(&m);
	}
}

/* ---- Growing and shrinking -------------------------------------------------------------------- */

static uint64_t many(void)
{
	const char *text = getenv("WEND_MAP_KEYS"); /* 10000000 in a long run */

#if defined(WEND_TSAN)
	uint64_t n = 100000;
#else
	uint64_t n = 1000000;
#endif

	return text ? strtoull(text, NULL, 10) : n;
}

static uint64_t scatter(uint64_t i)
{
	return i * 0x9E3779B97F4A7C15ull;
}

CO_TEST_LIMIT(grows_and_shrinks_in_small_steps_and_gives_memory_back, 100)
{
	uint64_t n = many(), v;
	long before = test_rss_kib(), full, after;

	atm_store_rlx(&wend__map_moved_most, 0);
	for (uint64_t i = 0; i < n; i++)
		CHECK_EQ(wend_map_store(&m, scatter(i), i), 0);
	CHECK_EQ(wend_map_len(&m), n);
	full = test_rss_kib() - before;
	for (uint64_t i = 0; i < n; i++) {
		if (i % 3 == 0)
			CHECK(wend_map_load(&m, scatter(i), &v) && v == i);
		CHECK(wend_map_delete(&m, scatter(i)));
	}
	CHECK_EQ(wend_map_len(&m), 0);
	wend_retire_barrier();
	after = test_rss_kib() - before;
	test_note("%llu keys: %.1f bytes each; %ld KiB are left; at most %u entries moved at once",
			  (unsigned long long)n, (double)full * 1024 / (double)n, after, atm_load_rlx(&wend__map_moved_most));
	CHECK(atm_load_rlx(&wend__map_moved_most) > 0);
	CHECK_LE(atm_load_rlx(&wend__map_moved_most), WEND_MAP_MOVE_MOST);
#if !defined(WEND_ASAN) && !defined(WEND_TSAN) /* they have memory of their own */
	CHECK_LE(after, full / 20);
#endif
	wend_map_free(&m);
}

CO_TEST(does_not_grow_while_keys_come_and_go)
{
	for (int kind = 0; kind < KINDS; kind++) {
		struct table *t;
		uint64_t n;

		map_make(&m, kind, NULL, NULL);
		for (uint64_t i = 0; i < 100; i++)
			CHECK_EQ(wend_map_store(&m, KEY(kind, i), i), 0);
		for (uint64_t i = 100; i < 20000; i++) {
			CHECK_EQ(wend_map_store(&m, KEY(kind, i), i), 0);
			CHECK(wend_map_delete(&m, KEY(kind, i - 100)));
		}
		t = atm_load_acq(&m.wend__table);
		for (n = t->n; (t = atm_load_acq(&t->next)); n += t->n)
			;
		CHECK_LE(n, 512);
		wend_map_free(&m);
	}
}

CO_TEST(a_bad_hash_moves_no_more_at_once)
{
	for (int kind = COLLIDE; kind <= TRUNCATED; kind++) {
		uint64_t v;

		atm_store_rlx(&wend__map_moved_most, 0);
		map_make(&m, kind, NULL, NULL);
		for (uint64_t i = 0; i < 2000; i++)
			CHECK_EQ(wend_map_store(&m, KEY(kind, i), i), 0);
		for (uint64_t i = 0; i < 2000; i++)
			CHECK(wend_map_load(&m, KEY(kind, i), &v) && v == i);
		for (uint64_t i = 0; i < 2000; i++)
			CHECK(wend_map_delete(&m, KEY(kind, i)));
		CHECK_EQ(wend_map_len(&m), 0);
		CHECK_LE(atm_load_rlx(&wend__map_moved_most), WEND_MAP_MOVE_MOST);
		wend_map_free(&m);
	}
}

/* ---- Memory runs out -------------------------------------------------------------------------- */

CO_TEST(without_memory_a_store_fails_and_changes_nothing)
{
	static const char *const calls[] = {"malloc", "calloc", "aligned_alloc", "mmap"};
	uint64_t rng = test_seed();

	for (int kind = 0; kind < KINDS; kind++) {
		struct model is = {.len = 0};
		int failed = 0;

		map_make(&m, kind, NULL, NULL);
		fault_all("calloc", ENOMEM);
		CHECK_EQ(wend_map_store(&m, KEY(kind, 0), 0), -ENOMEM); /* not even a first table */
		CHECK_EQ(wend_map_len(&m), 0);
		fault_clear();
		for (int i = 0; i < 4000; i++) {
			uint64_t k = test_rand(&rng) % NUMBERS;
			int rc;

			if (test_rand(&rng) % 4 == 0) {
				CHECK_EQ(wend_map_delete(&m, KEY(kind, k)), is.there[k]);
				model_set(&is, k, false, 0);
				continue;
			}
			fault_set(calls[test_rand(&rng) % 4], 1, ENOMEM);
			rc = i % 2 ? wend_map_store(&m, KEY(kind, k), (uint64_t)i)
					   : wend_map_swap(&m, KEY(kind, k), (uint64_t)i, NULL);
			fault_clear();
			CHECK(rc >= 0 || rc == -ENOMEM);
			failed += rc < 0;
			CHECK(rc >= 0 || !is.there[k]);
			if (rc >= 0)
				model_set(&is, k, true, (uint64_t)i);
			if (i % 101 == 0)
				check_all(kind, &is);
		}
		check_all(kind, &is);
		CHECK(failed > 0 || kind == WORDS); /* which need memory for tables only */
		test_note("%s: %d stores failed", kind_name[kind], failed);
		wend_map_free(&m);
	}
}

static int gone;

static void count_gone(uint64_t value, void *unused)
{
	(void)value, (void)unused;
	gone++;
}

/* Portions of a cleared table that cannot be retired are destroyed at once, and so are the lines of long chains. */
CO_TEST(without_memory_clear_destroys_all_the_same)
{
	static const enum kind kinds[] = {WORDS, STRINGS, COLLIDE};

	wend_maxprocs(1);
	for (int k = 0; k < 3; k++) {
		gone = 0;
		map_make(&m, kinds[k], count_gone, NULL);
		for (int i = 0; i < 2000; i++)
			CHECK_EQ(wend_map_store(&m, KEY(kinds[k], i), 1), 0);
		wend_map_clear(&m);
		fault_all("malloc", ENOMEM);
		wend_retire_barrier();
		fault_clear();
		CHECK_EQ(gone, 2000);
		wend_map_free(&m);
	}
}

/* ---- Who destroys what ------------------------------------------------------------------------ */

static int destroyed[1 << 16]; /* by value */
static int arg_of_destroy;

static void destroy(uint64_t value, void *arg)
{
	CHECK(arg == &arg_of_destroy);
	__atomic_add_fetch(&destroyed[value], 1, __ATOMIC_ACQ_REL);
}

CO_TEST(values_are_destroyed_once_and_by_the_right_one)
{
	for (int kind = 0; kind < KINDS; kind++) {
		uint64_t v;

		memset(destroyed, 0, sizeof destroyed);
		map_make(&m, kind, destroy, &arg_of_destroy);
		CHECK_EQ(wend_map_store(&m, KEY(kind, 0), 1), 0);
		CHECK_EQ(wend_map_store(&m, KEY(kind, 0), 1), 0); /* itself: stays */
		CHECK_EQ(wend_map_store(&m, KEY(kind, 0), 2), 0); /* 1 goes */
		CHECK_EQ(wend_map_swap(&m, KEY(kind, 0), 3, &v), 1); /* 2 is handed over */
		CHECK_EQ(wend_map_swap(&m, KEY(kind, 0), 4, NULL), 1); /* 3 goes */
		CHECK(!wend_map_compare_and_swap(&m, KEY(kind, 0), 9, 5));
		CHECK(wend_map_compare_and_swap(&m, KEY(kind, 0), 4, 6)); /* 4 goes */
		CHECK_EQ(wend_map_load_or_store(&m, KEY(kind, 0), 7, NULL), 1); /* 7 is the caller's */
		CHECK(wend_map_load_and_delete(&m, KEY(kind, 0), &v)); /* 6 is handed over */
		CHECK_EQ(wend_map_store(&m, KEY(kind, 1), 8), 0);
		CHECK(wend_map_delete(&m, KEY(kind, 1))); /* 8 goes */
		CHECK_EQ(wend_map_store(&m, KEY(kind, 1), 9), 0);
		CHECK(!wend_map_compare_and_delete(&m, KEY(kind, 1), 10));
		CHECK(wend_map_compare_and_delete(&m, KEY(kind, 1), 9)); /* 9 goes */
		wend_retire_barrier();
		for (int i = 0; i < 16; i++)
			CHECK_MSG(destroyed[i] == (i == 1 || i == 3 || i == 4 || i == 8 || i == 9), "%s: value %d: %d times",
					  kind_name[kind], i, destroyed[i]);
		for (uint64_t i = 0; i < 1000; i++)
			CHECK_EQ(wend_map_store(&m, KEY(kind, i), 1000 + i), 0);
		wend_map_clear(&m);
		for (uint64_t i = 0; i < 1000; i++)
			CHECK_EQ(wend_map_store(&m, KEY(kind, i), 2000 + i), 0);
		for (int i = 0; i < 10; i++) /* portions follow one another */
			wend_retire_barrier();
		for (int i = 1000; i < 2000; i++)
			CHECK_EQ(destroyed[i], 1);
		for (int i = 2000; i < 3000; i++)
			CHECK_EQ(destroyed[i], 0);
		wend_map_free(&m);
		for (int i = 2000; i < 3000; i++)
			CHECK_EQ(destroyed[i], 1);
	}
}

/* Clear leaves a large map's values to be destroyed in portions; free must not leave them behind the barrier. */
CO_TEST(a_barrier_after_free_waits_for_all_destructors)
{
	for (int kind = 0; kind < KINDS; kind++) {
		uint64_t n = kind == COLLIDE || kind == TRUNCATED ? 1000 : 20000;

		memset(destroyed, 0, sizeof destroyed);
		map_make(&m, kind, destroy, &arg_of_destroy);
		for (uint64_t i = 0; i < n; i++)
			CHECK_EQ(wend_map_store(&m, KEY(kind, i), i), 0);
		wend_map_clear(&m);
		for (uint64_t i = 0; i < n; i++)
			CHECK_EQ(wend_map_store(&m, KEY(kind, i), n + i), 0);
		for (uint64_t i = 0; i < 100; i++)
			CHECK(wend_map_delete(&m, KEY(kind, i)));
		wend_map_free(&m);
		wend_retire_barrier();
		for (uint64_t i = 0; i < 2 * n; i++)
			CHECK_EQ(destroyed[i], 1);
	}
}

/* The first table of an empty map may be another's, and be cleared before it is seen: that is not a lack of memory. */
static void *store_and_clear(void *unused)
{
	for (int i = 0; i < 60000; i++) {
		CHECK_EQ(wend_map_store(&m, 1, 1), 0);
		wend_map_clear(&m);
	}
	return unused;
}

TEST(a_clear_is_no_lack_of_memory)
{
	pthread_t thread[3];

	map_make(&m, 0, NULL, NULL);
	for (int i = 0; i < 3; i++)
		CHECK_EQ(pthread_create(&thread[i], NULL, store_and_clear, NULL), 0);
	for (int i = 0; i < 3; i++)
		CHECK_EQ(pthread_join(thread[i], NULL), 0);
	wend_map_free(&m);
}

static int stage;

static void *hold_section(void *unused)
{
	uint64_t v;

	wend_section_begin();
	CHECK(wend_map_load(&m, 1, &v));
	__atomic_store_n(&stage, 1, __ATOMIC_RELEASE);
	while (__atomic_load_n(&stage, __ATOMIC_ACQUIRE) != 2)
		TEST_SLEEP_MS(1);
	CHECK_EQ(__atomic_load_n(&destroyed[v], __ATOMIC_ACQUIRE), 0);
	wend_section_end();
	return unused;
}

CO_TEST(a_section_keeps_a_loaded_value)
{
	pthread_t t;

	map_make(&m, WORDS, destroy, &arg_of_destroy);
	CHECK_EQ(wend_map_store(&m, 1, 5), 0);
	CHECK_EQ(pthread_create(&t, NULL, hold_section, NULL), 0);
	while (__atomic_load_n(&stage, __ATOMIC_ACQUIRE) != 1)
		wend_yield();
	CHECK(wend_map_delete(&m, 1));
	for (double end = test_now() + 0.05; test_now() < end;)
		wend_yield();
	__atomic_store_n(&stage, 2, __ATOMIC_RELEASE);
	pthread_join(t, NULL);
	wend_retire_barrier();
	CHECK_EQ(destroyed[5], 1);
	wend_map_free(&m);
}

/* ---- Range ------------------------------------------------------------------------------------ */

static bool delete_all_and_wait(uint64_t key, uint64_t value, void *kind)
{
	enum kind k = *(enum kind *)kind;
	uint64_t i = key_number(k, key);

	CHECK_EQ(i + 100, value);
	for (uint64_t j = 0; j < 100; j++)
		wend_map_delete(&m, KEY(k, j));
	wend_retire_barrier(); /* parks; what was deleted would be gone by now */
	CHECK_EQ(key_number(k, key), i);
	CHECK_EQ(destroyed[value], 0);
	return i % 2;
}

CO_TEST(what_range_gives_lives_until_the_callback_returns)
{
	for (int kind = 0; kind < KINDS; kind++) {
		memset(destroyed, 0, sizeof destroyed);
		map_make(&m, kind, destroy, &arg_of_destroy);
		for (uint64_t i = 0; i < 100; i++)
			CHECK_EQ(wend_map_store(&m, KEY(kind, i), i + 100), 0);
		CHECK_EQ(wend_map_range(&m, delete_all_and_wait, &kind), 0);
		wend_retire_barrier();
		for (int i = 100; i < 200; i++)
			CHECK_EQ(destroyed[i], 1);
		wend_map_free(&m);
	}
}

static bool leave_by_goexit(uint64_t key, uint64_t value, void *arg)
{
	(void)key, (void)value, (void)arg;
	wend_map_delete(&m, 1);
	wend_goexit();
}

static void range_and_goexit(void *wg)
{
	wend_map_range(&m, leave_by_goexit, NULL);
	wend_waitgroup_done(wg);
}

static bool stop_at_once(uint64_t key, uint64_t value, void *n)
{
	(void)key, (void)value;
	++*(int *)n;
	return false;
}

CO_TEST(goexit_out_of_range_holds_nothing_for_ever)
{
	int n = 0;

	map_make(&m, WORDS, destroy, &arg_of_destroy);
	CHECK_EQ(wend_map_store(&m, 1, 1), 0);
	CHECK_EQ(wend_go(range_and_goexit, &n), 0);
	while (wend_num_coroutines() > 1)
		wend_yield();
	wend_retire_barrier();
	CHECK_EQ(wend_map_store(&m, 2, 2), 0);
	CHECK_EQ(wend_map_range(&m, stop_at_once, &n), 0);
	CHECK_EQ(n, 1);
	CHECK_EQ(destroyed[1], 1);
	wend_map_free(&m);
}

static wend_sem never = WEND_SEM(0);

static bool wait_for_ever(uint64_t key, uint64_t value, void *waits)
{
	(void)key, (void)value;
	*(bool *)waits = true;
	wend_sem_acquire(&never, 1);
	return true;
}

static void range_for_ever(void *waits)
{
	(void)wend_map_range(&m, wait_for_ever, waits);
}

static int leave_one_in_range(void *unused)
{
	bool waits = false;

	(void)unused;
	CHECK_EQ(wend_go(range_for_ever, &waits), 0);
	while (!waits)
		wend_yield();
	CHECK(wend_map_delete(&m, 1));
	wend_retire_barrier();
	CHECK_EQ(destroyed[1], 0);
	return 0;
}

/* Its stack is gone with the runtime. */
TEST(a_map_may_be_freed_whose_range_the_runtimes_end_has_cut_off)
{
	uint64_t v;

	setenv("WEND_MAXPROCS", "1", 1);
	map_make(&m, WORDS, destroy, &arg_of_destroy);
	for (uint64_t i = 1; i <= 3; i++)
		CHECK_EQ(wend_map_store(&m, i, i), 0);
	CHECK_EQ(wend_run(leave_one_in_range, NULL), 0);
	CHECK(wend_map_delete(&m, 2));
	CHECK(wend_map_load(&m, 3, &v));
	wend_map_free(&m);
	wend_retire_barrier();
	for (int i = 1; i <= 3; i++)
		CHECK_EQ(destroyed[i], 1);
}

CO_TEST(range_stops_when_told)
{
	int n = 0;

	CHECK_EQ(wend_map_range(&m, stop_at_once, &n), 0);
	CHECK_EQ(n, 0);
	for (uint64_t i = 0; i < 1000; i++)
		CHECK_EQ(wend_map_store(&m, i, i), 0);
	CHECK_EQ(wend_map_range(&m, stop_at_once, &n), 0);
	CHECK_EQ(n, 1);
	wend_map_free(&m);
}
