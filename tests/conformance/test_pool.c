/* SPDX-License-Identifier: MIT
 *
 * What a Go programmer expects of sync.Pool, and what stands in the collector's place. */
#include "harness/test.h"

#include <pthread.h>

#include <wend/wend.h>

struct thing {
	int number;
	int dropped; /* not atomic: dropping is ordered after the last use */
};

static wend_atomic_i32 made, dropped;

static void *make(void *arg)
{
	struct thing *t = calloc(1, sizeof *t);

	CHECK_EQ(arg, (void *)&made);
	CHECK(t);
	t->number = wend_atomic_i32_add(&made, 1);
	return t;
}

static void drop(void *item, void *arg)
{
	CHECK_EQ(arg, (void *)&made);
	wend_atomic_i32_add(&dropped, 1);
	free(item);
}

static void count_drop(void *item, void *unused)
{
	(void)unused;
	CHECK_EQ(((struct thing *)item)->dropped++, 0);
	wend_atomic_i32_add(&dropped, 1);
}

static wend_pool pool = WEND_POOL(make, drop, &made);
static struct thing things[200];
static wend_waitgroup wg;

CO_TEST(an_empty_pool_without_make_gives_null)
{
	wend_pool p = WEND_ZERO;

	CHECK(wend_pool_get(&p) == NULL);
	wend_pool_put(&p, &things[0]);
	CHECK(wend_pool_get(&p) == &things[0]);
	CHECK(wend_pool_get(&p) == NULL);
	wend_pool_free(&p);
}

CO_TEST(null_is_not_kept)
{
	wend_pool p = WEND_ZERO;

	wend_pool_put(&p, NULL);
	CHECK(wend_pool_get(&p) == NULL);
	wend_pool_put(&p, &things[0]);
	wend_pool_put(&p, NULL);
	CHECK(wend_pool_get(&p) == &things[0]);
	wend_pool_free(&p);
}

CO_TEST(make_is_called_when_there_is_none)
{
	struct thing *a = wend_pool_get(&pool), *b = wend_pool_get(&pool);

	CHECK_EQ(a->number, 1);
	CHECK_EQ(b->number, 2);
	wend_pool_put(&pool, a);
	CHECK(wend_pool_get(&pool) == a);
	wend_pool_put(&pool, a);
	wend_pool_put(&pool, b);
	wend_pool_free(&pool);
	CHECK_EQ(wend_atomic_i32_load(&made), 2);
	CHECK_EQ(wend_atomic_i32_load(&dropped), 2);
}

/* Whatever was put comes out again, once, however much it is: on one P nothing can be out of reach. */
CO_TEST(every_thing_comes_out_once)
{
	enum { N = 200 };

	wend_maxprocs(1);
	for (int n = 1; n <= N; n += 7) {
		wend_pool p = WEND_ZERO;
		bool seen[N] = {false};

		for (int i = 0; i < n; i++)
			wend_pool_put(&p, &things[i]);
		for (int i = 0; i < n; i++) {
			struct thing *t = wend_pool_get(&p);

			CHECK(t >= things && t < things + n && !seen[t - things]);
			seen[t - things] = true;
		}
		CHECK(wend_pool_get(&p) == NULL);
		wend_pool_free(&p);
	}
}

CO_TEST(the_last_one_put_comes_first)
{
	wend_maxprocs(1);
	for (int i = 0; i < 3; i++)
		wend_pool_put(&pool, &things[i]);
	for (int i = 3; i-- > 0;)
		CHECK(wend_pool_get(&pool) == &things[i]);
}

/* ---- Other P's, foreign threads ---------------------------------------------------------------- */

static void put_some(void *n)
{
	for (intptr_t i = 0; i < (intptr_t)n; i++)
		wend_pool_put(&pool, &things[i]);
	wend_waitgroup_done(&wg);
}

static void on_p(int p, void (*fn)(void *), void *arg)
{
	wend_attr attr = {.on_p = p};

	wend_waitgroup_add(&wg, 1);
	CHECK_EQ(wend_go_attr(&attr, fn, arg), 0);
	wend_waitgroup_wait(&wg);
}

static void get_all(void *n)
{
	bool seen[200] = {false};

	for (intptr_t i = 0; i < (intptr_t)n; i++) {
		struct thing *t = wend_pool_get(&pool);

		CHECK(t && t >= things && t < things + 200 && !seen[t - things]);
		seen[t - things] = true;
	}
	CHECK(!wend_pool_get(&pool));
	wend_waitgroup_done(&wg);
}

static void get_one_by_one(intptr_t n)
{
	pool = (wend_pool)WEND_ZERO;
	wend_maxprocs(2);
	on_p(1, put_some, (void *)n);
	on_p(2, get_all, (void *)n);
	wend_pool_free(&pool);
}

CO_TEST(another_p_gets_the_only_one)
{
	get_one_by_one(1);
}

CO_TEST(another_p_gets_all_of_many)
{
	get_one_by_one(8);
	get_one_by_one(100);
}

static void *thread_puts(void *n)
{
	for (intptr_t i = 0; i < (intptr_t)n; i++)
		wend_pool_put(&pool, &things[i]);
	return NULL;
}

static void *thread_gets(void *n)
{
	wend_waitgroup_add(&wg, 1);
	get_all(n);
	return NULL;
}

static void on_thread(void *(*fn)(void *), void *arg)
{
	pthread_t t;

	CHECK(pthread_create(&t, NULL, fn, arg) == 0);
	pthread_join(t, NULL);
}

CO_TEST(foreign_threads_put_and_get)
{
	pool = (wend_pool)WEND_ZERO;
	wend_waitgroup_add(&wg, 2);
	on_thread(thread_puts, (void *)20);
	get_all((void *)20);
	put_some((void *)20);
	on_thread(thread_gets, (void *)20);
	wend_waitgroup_wait(&wg);
	wend_pool_free(&pool);
}

static int use_under_a_runtime(void *unused)
{
	struct thing *t = wend_pool_get(&pool);

	(void)unused;
	CHECK_EQ(t->number, 1);
	wend_pool_put(&pool, t);
	return 0;
}

TEST(works_before_between_and_after_runtimes)
{
	for (int i = 0; i < 3; i++) {
		struct thing *t = wend_pool_get(&pool);

		CHECK_EQ(t->number, 1);
		wend_pool_put(&pool, t);
		CHECK_EQ(wend_run(use_under_a_runtime, NULL), 0);
	}
	wend_pool_free(&pool);
	CHECK_EQ(wend_atomic_i32_load(&dropped), 1);
}

/* A pool made for few P's serves more of them. */
CO_TEST(more_ps_than_when_it_was_made)
{
	int most = wend_num_cpu() + 5;

	pool = (wend_pool)WEND_ZERO;
	wend_maxprocs(1);
	wend_pool_put(&pool, &things[0]);
	CHECK(wend_pool_get(&pool) == &things[0]);
	wend_maxprocs(most);
	for (int p = 1; p <= most; p++) {
		on_p(p, put_some, (void *)50);
		on_p(most + 1 - p, get_all, (void *)50);
	}
	wend_pool_free(&pool);
}

/* ---- Ageing ---------------------------------------------------------------------------------- */

/* Puts and takes one thing of its own, so that the pool is in use, without touching the rest. */
static void use_for_ms(wend_pool *p, int ms)
{
	double end = test_now() + ms / 1e3;

	do {
		TEST_SLEEP_MS(50);
		for (int i = 0; i < 200; i++)
			wend_yield(); /* the P looks at the clock now and then */
		void *one = wend_pool_get(p);

		CHECK(one);
		wend_pool_put(p, one);
	} while (test_now() < end);
}

CO_TEST_LIMIT(what_nobody_takes_is_dropped_after_two_periods, 30)
{
	enum { N = 100 };
	wend_pool p = WEND_POOL(NULL, count_drop, NULL);

	wend_maxprocs(1);
	for (int i = 0; i < N; i++)
		wend_pool_put(&p, &things[i]);
	CHECK_EQ(wend_atomic_i32_load(&dropped), 0);
	use_for_ms(&p, 300);
	CHECK_EQ(wend_atomic_i32_load(&dropped), 0); /* too early */
	use_for_ms(&p, 1500);
	CHECK_EQ(wend_atomic_i32_load(&dropped), N - 1); /* all but the one in use */
	wend_pool_free(&p);
	CHECK_EQ(wend_atomic_i32_load(&dropped), N);
}

/* The P that put them sleeps: another one's use of the pool makes them old all the same. */
static void use_pool(void *p)
{
	wend_pool_put(p, &things[199]);
	use_for_ms(p, 1800);
	wend_waitgroup_done(&wg);
}

CO_TEST_LIMIT(an_idle_ps_things_grow_old_too, 30)
{
	pool = (wend_pool)WEND_POOL(NULL, count_drop, NULL);
	wend_maxprocs(2);
	on_p(1, put_some, (void *)5);
	on_p(2, use_pool, &pool);
	CHECK_EQ(wend_atomic_i32_load(&dropped), 5);
	wend_pool_free(&pool);
	CHECK_EQ(wend_atomic_i32_load(&dropped), 6);
}

CO_TEST(flush_drops_everything)
{
	wend_maxprocs(2);
	pool = (wend_pool)WEND_POOL(NULL, count_drop, NULL);
	on_p(1, put_some, (void *)100);
	wend_pool_put(&pool, &things[100]);
	wend_pool_flush(&pool);
	CHECK_EQ(wend_atomic_i32_load(&dropped), 101);
	CHECK(wend_pool_get(&pool) == NULL);
	wend_pool_put(&pool, &things[101]); /* and it can be used on */
	CHECK(wend_pool_get(&pool) == &things[101]);
	wend_pool_free(&pool);
	CHECK_EQ(wend_atomic_i32_load(&dropped), 101);
}

CO_TEST(flush_and_free_of_a_fresh_pool_are_nothing)
{
	wend_pool_flush(&pool);
	wend_pool_free(&pool);
	CHECK_EQ(wend_atomic_i32_load(&made), 0);
}

static wend_pool inner = WEND_POOL(NULL, count_drop, NULL);

static void drop_into_another(void *item, void *unused)
{
	(void)unused;
	wend_pool_put(&inner, item);
	wend_yield();
}

/* drop may use pools, and give way. */
CO_TEST(drop_may_call_the_library)
{
	wend_pool p = WEND_POOL(NULL, drop_into_another, NULL);

	for (int i = 0; i < 50; i++)
		wend_pool_put(&p, &things[i]);
	wend_pool_free(&p);
	wend_pool_free(&inner);
	CHECK_EQ(wend_atomic_i32_load(&dropped), 50);
}
