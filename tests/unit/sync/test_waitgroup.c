/* SPDX-License-Identifier: MIT
 *
 * WaitGroup: Go's own tests (TestWaitGroup, TestWaitGroupRace, TestWaitGroupGo), and what C adds:
 * waits by foreign threads, failing spawns. */
#include "harness/child.h"
#include "harness/test.h"

#include <pthread.h>

#include <wend/wend.h>

enum { N = 16 };

struct pair {
	wend_waitgroup first, second;
	int exited;
};

static void pair_child(void *arg)
{
	struct pair *p = arg;

	wend_waitgroup_done(&p->first);
	wend_waitgroup_wait(&p->second);
	__atomic_add_fetch(&p->exited, 1, __ATOMIC_ACQ_REL);
}

CO_TEST(waits_until_all_are_done_and_can_be_used_again)
{
	for (int run = 0; run < 20; run++) {
		struct pair p = {.exited = 0};

		wend_waitgroup_add(&p.first, N);
		wend_waitgroup_add(&p.second, N);
		for (int i = 0; i < N; i++)
			CHECK_EQ(wend_go(pair_child, &p), 0);
		wend_waitgroup_wait(&p.first);
		for (int i = 0; i < N; i++) {
			CHECK_MSG(__atomic_load_n(&p.exited, __ATOMIC_ACQUIRE) == 0,
					  "WaitGroup released a waiter too soon");
			wend_waitgroup_done(&p.second);
		}
		while (__atomic_load_n(&p.exited, __ATOMIC_ACQUIRE) != N)
			wend_yield();
	}
}

CO_TEST(wait_on_zero_returns_at_once)
{
	wend_waitgroup wg = WEND_ZERO;

	wend_waitgroup_wait(&wg);
	wend_waitgroup_add(&wg, 3);
	wend_waitgroup_add(&wg, -3);
	wend_waitgroup_wait(&wg);
}

struct race {
	wend_waitgroup wg;
	int n;
};

static void race_child(void *arg)
{
	struct race *r = arg;

	__atomic_add_fetch(&r->n, 1, __ATOMIC_RELAXED);
	wend_waitgroup_done(&r->wg);
}

CO_TEST(concurrent_add_and_done)
{
	for (int i = 0; i < 1000; i++) {
		struct race r = {.n = 0};

		for (int k = 0; k < 2; k++) {
			wend_waitgroup_add(&r.wg, 1);
			CHECK_EQ(wend_go(race_child, &r), 0);
		}
		wend_waitgroup_wait(&r.wg);
		CHECK_EQ(__atomic_load_n(&r.n, __ATOMIC_RELAXED), 2);
	}
}

/* The memory may go away as soon as wait returns: nobody else may still be touching it. */
static void done_child(void *wg)
{
	wend_waitgroup_done(wg);
}

CO_TEST(memory_may_be_freed_after_wait)
{
	for (int i = 0; i < 2000; i++) {
		wend_waitgroup *wg = calloc(1, sizeof *wg);

		CHECK(wg);
		wend_waitgroup_add(wg, 2);
		CHECK_EQ(wend_go(done_child, wg), 0);
		CHECK_EQ(wend_go(done_child, wg), 0);
		wend_waitgroup_wait(wg);
		memset(wg, 0xFF, sizeof *wg);
		free(wg);
	}
}

static void wait_child(void *arg)
{
	struct pair *p = arg;

	wend_waitgroup_wait(&p->first);
	__atomic_add_fetch(&p->exited, 1, __ATOMIC_ACQ_REL);
	wend_waitgroup_done(&p->second);
}

CO_TEST(all_waiters_are_released)
{
	enum { WAITERS = 1000 };
	struct pair p = {.exited = 0};

	wend_waitgroup_add(&p.first, 2);
	wend_waitgroup_add(&p.second, WAITERS);
	for (int i = 0; i < WAITERS; i++)
		CHECK_EQ(wend_go(wait_child, &p), 0);
	for (int i = 0; i < 100; i++)
		wend_yield();
	wend_waitgroup_done(&p.first);
	for (int i = 0; i < 100; i++)
		wend_yield();
	CHECK_EQ(__atomic_load_n(&p.exited, __ATOMIC_ACQUIRE), 0);
	wend_waitgroup_done(&p.first);
	wend_waitgroup_wait(&p.second);
	CHECK_EQ(__atomic_load_n(&p.exited, __ATOMIC_ACQUIRE), WAITERS);
}

static int plain;

static void write_plain(void *wg)
{
	plain = 42; /* not atomic: done and wait order it */
	wend_waitgroup_done(wg);
}

CO_TEST(what_was_written_before_done_is_seen_after_wait)
{
	for (int i = 0; i < 500; i++) {
		wend_waitgroup wg = WEND_ZERO;

		plain = 0;
		wend_waitgroup_add(&wg, 1);
		CHECK_EQ(wend_go(write_plain, &wg), 0);
		wend_waitgroup_wait(&wg);
		CHECK_EQ(plain, 42);
	}
}

/* ---- Foreign threads ------------------------------------------------------------------------- */

static void *thread_waits(void *arg)
{
	struct pair *p = arg;

	wend_waitgroup_wait(&p->first);
	__atomic_add_fetch(&p->exited, 1, __ATOMIC_ACQ_REL);
	wend_waitgroup_done(&p->second);
	return NULL;
}

CO_TEST(foreign_threads_wait)
{
	struct pair p = {.exited = 0};
	pthread_t t[4];

	wend_waitgroup_add(&p.first, 1);
	wend_waitgroup_add(&p.second, 5);
	for (int i = 0; i < 4; i++)
		CHECK(pthread_create(&t[i], NULL, thread_waits, &p) == 0);
	CHECK_EQ(wend_go(wait_child, &p), 0); /* beside a coroutine */
	TEST_SLEEP_MS(20);
	CHECK_EQ(__atomic_load_n(&p.exited, __ATOMIC_ACQUIRE), 0);
	wend_waitgroup_done(&p.first);
	wend_waitgroup_wait(&p.second);
	CHECK_EQ(__atomic_load_n(&p.exited, __ATOMIC_ACQUIRE), 5);
	for (int i = 0; i < 4; i++)
		pthread_join(t[i], NULL);
}

/* As a coroutine does: the group is in use again before the thread can look. */
CO_TEST(a_thread_that_waits_belongs_to_the_round_in_which_it_began)
{
	struct pair p = {.exited = 0};
	pthread_t t;

	wend_waitgroup_add(&p.first, 1);
	wend_waitgroup_add(&p.second, 1);
	CHECK(pthread_create(&t, NULL, thread_waits, &p) == 0);
	TEST_SLEEP_MS(20);
	wend_waitgroup_done(&p.first);
	wend_waitgroup_add(&p.first, 1);
	wend_waitgroup_wait(&p.second);
	CHECK(pthread_join(t, NULL) == 0);
}

static void *thread_does(void *wg)
{
	TEST_SLEEP_MS(10);
	for (int i = 0; i < 100; i++)
		wend_waitgroup_done(wg);
	return NULL;
}

CO_TEST(foreign_threads_call_done)
{
	wend_waitgroup wg = WEND_ZERO;
	pthread_t t[4];

	wend_waitgroup_add(&wg, 400);
	for (int i = 0; i < 4; i++)
		CHECK(pthread_create(&t[i], NULL, thread_does, &wg) == 0);
	wend_waitgroup_wait(&wg);
	for (int i = 0; i < 4; i++)
		pthread_join(t[i], NULL);
}

/* ---- wend_waitgroup_go ----------------------------------------------------------------------- */

static void add_one(void *n)
{
	__atomic_add_fetch((int *)n, 1, __ATOMIC_RELAXED);
}

CO_TEST(go_adds_runs_and_calls_done)
{
	wend_waitgroup wg = WEND_ZERO;
	int n = 0;

	for (int i = 0; i < 100; i++)
		CHECK_EQ(wend_waitgroup_go(&wg, add_one, &n), 0);
	wend_waitgroup_wait(&wg);
	CHECK_EQ(n, 100);
}

static void leave(void *n)
{
	add_one(n);
	wend_goexit();
}

CO_TEST(go_calls_done_when_the_coroutine_leaves_by_goexit)
{
	wend_waitgroup wg = WEND_ZERO;
	int n = 0;

	CHECK_EQ(wend_waitgroup_go(&wg, leave, &n), 0);
	wend_waitgroup_wait(&wg);
	CHECK_EQ(n, 1);
}

TEST(go_that_fails_leaves_the_counter)
{
	wend_waitgroup wg = WEND_ZERO;
	int n = 0;

	CHECK_EQ(wend_waitgroup_go(&wg, add_one, &n), -EPERM); /* the runtime does not run */
	wend_waitgroup_wait(&wg);                               /* would hang if it had counted */
	CHECK_EQ(n, 0);
}

/* ---- Misuse ---------------------------------------------------------------------------------- */

static int below_zero(void *unused)
{
	wend_waitgroup wg = WEND_ZERO;

	(void)unused;
	printf("before\n");
	wend_waitgroup_add(&wg, 1);
	wend_waitgroup_done(&wg);
	wend_waitgroup_done(&wg);
	printf("after\n");
	return 0;
}

static void run_below_zero(void *unused)
{
	(void)unused;
	_exit(100 + wend_run(below_zero, NULL));
}

TEST(negative_counter_panics)
{
	struct child c = child_call(run_below_zero, NULL, 8);

	CHILD_EXITED(&c, 2);
	CHECK_HAS(c.err, "panic: sync: negative WaitGroup counter");
	CHECK_EQ(c.out, "before\n"); /* flushed first, and it did not go on */
	child_free(&c);
}

static int overflow(void *unused)
{
	wend_waitgroup wg = WEND_ZERO;

	(void)unused;
	wend_waitgroup_add(&wg, INT32_MAX);
	printf("full\n");
	wend_waitgroup_add(&wg, 1);
	printf("after\n");
	return 0;
}

static void run_overflow(void *unused)
{
	(void)unused;
	_exit(100 + wend_run(overflow, NULL));
}

TEST(counter_overflow_panics)
{
	struct child c = child_call(run_overflow, NULL, 8);

	CHILD_EXITED(&c, 2);
	CHECK_HAS(c.err, "panic: sync: WaitGroup counter overflow");
	CHECK_EQ(c.out, "full\n");
	child_free(&c);
}
