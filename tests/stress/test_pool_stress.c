/* SPDX-License-Identifier: MIT
 *
 * Many use one pool at random, among them foreign threads, while others flush it: nobody ever has a thing that
 * somebody else has, each made one is dropped exactly once. */
#include "harness/test.h"

#include <pthread.h>
#include <sched.h>

#include <wend/wend.h>

enum { HELD = 24 };

struct thing {
	wend_atomic_bool held;
	int uses; /* not atomic: whoever holds it is alone with it */
	int padding[13];
};

static wend_atomic_i64 made, dropped, gets;
static wend_atomic_bool stop;
static wend_waitgroup wg;

static void *make(void *unused)
{
	struct thing *t = calloc(1, sizeof *t);

	(void)unused;
	CHECK(t);
	wend_atomic_i64_add(&made, 1);
	return t;
}

static void drop(void *item, void *unused)
{
	struct thing *t = item;

	(void)unused;
	CHECK_MSG(!wend_atomic_bool_swap(&t->held, true), "dropped while somebody holds it, or twice");
	t->uses = -1;
	free(t);
	wend_atomic_i64_add(&dropped, 1);
}

static wend_pool pool = WEND_POOL(make, drop, NULL);

static void use(uint64_t rng, void (*give_way)(void))
{
	struct thing *mine[HELD];
	int n = 0, most = 1;

	while (!wend_atomic_bool_load(&stop)) {
		uint64_t op = test_rand(&rng);

		if (op % 64 == 0)
			most = 1 + (int)(op >> 32) % HELD; /* one at a time, or a heap of them */
		if (op % 1024 == 1)
			wend_pool_flush(&pool);
		if (op % 16 == 2)
			give_way();
		if (op % 2 && n < most) {
			struct thing *t = wend_pool_get(&pool);

			CHECK_MSG(!wend_atomic_bool_swap(&t->held, true), "two got the same thing");
			t->uses++;
			mine[n++] = t;
			wend_atomic_i64_add(&gets, 1);
		} else if (n) {
			struct thing *t = mine[--n];

			CHECK(wend_atomic_bool_swap(&t->held, false));
			wend_pool_put(&pool, t);
		}
	}
	while (n) {
		wend_atomic_bool_store(&mine[--n]->held, false);
		wend_pool_put(&pool, mine[n]);
	}
}

static void on_coroutine(void *number)
{
	use(test_seed() + (uintptr_t)number, wend_yield);
	wend_waitgroup_done(&wg);
}

static void give_thread_away(void)
{
	sched_yield();
}

static void *on_thread(void *number)
{
	use(test_seed() - (uintptr_t)number, give_thread_away);
	wend_waitgroup_done(&wg);
	return NULL;
}

static void stress(int procs, uintptr_t coroutines, uintptr_t threads)
{
	double end = test_now() + test_stress_seconds();
	uint64_t rng = test_seed();
	pthread_t t[8];

	wend_maxprocs(procs);
	wend_waitgroup_add(&wg, (int)(coroutines + threads));
	for (uintptr_t i = 1; i <= threads; i++)
		CHECK(pthread_create(&t[i - 1], NULL, on_thread, (void *)i) == 0);
	for (uintptr_t i = 1; i <= coroutines; i++)
		CHECK_EQ(wend_go(on_coroutine, (void *)i), 0);
	while (test_now() < end) {
		wend_yield();
		if (test_rand(&rng) % 1000 == 0)
			wend_maxprocs(1 + (int)(test_rand(&rng) % (uint64_t)(2 * procs)));
	}
	wend_atomic_bool_store(&stop, true);
	wend_waitgroup_wait(&wg);
	for (uintptr_t i = 0; i < threads; i++)
		pthread_join(t[i], NULL);
	wend_pool_free(&pool);
	CHECK_EQ(wend_atomic_i64_load(&made), wend_atomic_i64_load(&dropped));
	CHECK(wend_atomic_i64_load(&gets) > wend_atomic_i64_load(&made)); /* it was a pool after all */
	test_note("%lld gets, %lld made", (long long)wend_atomic_i64_load(&gets),
			  (long long)wend_atomic_i64_load(&made));
}

CO_TEST_LIMIT(coroutines_on_two_ps, 60)
{
	stress(2, 8, 0);
}

CO_TEST_LIMIT(coroutines_on_four_ps, 60)
{
	stress(4, 8, 0);
}

CO_TEST_LIMIT(with_foreign_threads, 60)
{
	stress(2, 6, 3);
}
