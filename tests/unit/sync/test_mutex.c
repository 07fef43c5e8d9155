/* SPDX-License-Identifier: MIT
 *
 * Mutex: who may unlock and free it, order of waiters, hand-over, foreign threads, what is left in the word. */
#include "harness/child.h"
#include "harness/parked.h"
#include "harness/test.h"

#include <pthread.h>

static const wend_mutex zero = WEND_ZERO;

/* No bit may be left behind, or later locks pay or hang. */
static void check_unlocked(const wend_mutex *mu)
{
	CHECK_EQ(mu->wend__state.wend__v, zero.wend__state.wend__v);
	CHECK(mu->wend__waiters == NULL);
}

static wend_mutex mu;
static wend_waitgroup wg;
static int order[64], n_order;

static void note_order(void *i)
{
	wend_mutex_lock(&mu);
	order[n_order++] = (int)(intptr_t)i;
	wend_mutex_unlock(&mu);
	wend_waitgroup_done(&wg);
}

/* ---- Waiting --------------------------------------------------------------------------------- */

CO_TEST(a_waiting_coroutine_shows_its_reason_and_its_mutex)
{
	wend_mutex_lock(&mu);
	wend_waitgroup_add(&wg, 1);
	CHECK_EQ(wend_go(note_order, NULL), 0);
	parked_become("sync.Mutex.Lock", 1);
	wend_mutex_unlock(&mu);
	wend_waitgroup_wait(&wg);
	CHECK_EQ(parked_count("sync.Mutex.Lock"), 0);
	check_unlocked(&mu);
}

CO_TEST(waiters_get_it_in_the_order_of_their_coming)
{
	wend_maxprocs(1);
	wend_mutex_lock(&mu);
	for (int i = 0; i < 32; i++) {
		wend_waitgroup_add(&wg, 1);
		CHECK_EQ(wend_go(note_order, (void *)(intptr_t)i), 0);
		parked_become("sync.Mutex.Lock", i + 1);
	}
	wend_mutex_unlock(&mu);
	wend_waitgroup_wait(&wg);
	for (int i = 0; i < 32; i++)
		CHECK_EQ(order[i], i);
	check_unlocked(&mu);
}

static double got_it;

static void wait_for_it(void *unused)
{
	(void)unused;
	wend_mutex_lock(&mu);
	got_it = test_now();
	wend_mutex_unlock(&mu);
	wend_waitgroup_done(&wg);
}

/* The main coroutine takes the mutex back at once, each time, and gives way only while it holds it. */
CO_TEST(who_has_waited_for_a_millisecond_is_handed_the_mutex)
{
	double start;
	int overtaken = 0;

	wend_maxprocs(1);
	wend_mutex_lock(&mu);
	wend_waitgroup_add(&wg, 1);
	CHECK_EQ(wend_go(wait_for_it, NULL), 0);
	parked_become("sync.Mutex.Lock", 1);
	start = test_now();
	while (got_it == 0) {
		wend_mutex_unlock(&mu);
		overtaken++;
		wend_mutex_lock(&mu);
		wend_yield();
	}
	test_note("overtaken %d times, waited %.2f ms", overtaken, (got_it - start) * 1e3);
	CHECK(overtaken > 1);                /* before that, it is overtaken */
	CHECK_LE(0.0005, got_it - start);
	CHECK_LE(got_it - start, 0.5); /* 1 ms and a turn; the machine may be busy */
	wend_mutex_unlock(&mu);
	wend_waitgroup_wait(&wg);
	check_unlocked(&mu);
}

static int taken_back;

static void take_it_back(void *unused)
{
	(void)unused;
	wend_mutex_lock(&mu);
	wend_mutex_unlock(&mu);
	if (wend_mutex_trylock(&mu)) {
		taken_back++;
		wend_mutex_unlock(&mu);
	}
	wend_waitgroup_done(&wg);
}

/* The first does not lose the mutex to anybody, but comes late; the others need not compete any more. */
CO_TEST(who_has_waited_too_long_brings_in_those_behind)
{
	double start;

	wend_maxprocs(1);
	wend_mutex_lock(&mu);
	for (int i = 0; i < 8; i++) {
		wend_waitgroup_add(&wg, 1);
		CHECK_EQ(wend_go(take_it_back, NULL), 0);
		parked_become("sync.Mutex.Lock", i + 1);
	}
	for (start = test_now(); test_now() - start < 0.002;)
		;
	wend_mutex_unlock(&mu);
	wend_waitgroup_wait(&wg);
	CHECK_EQ(taken_back, 1); /* by the last */
	check_unlocked(&mu);
}

/* ---- Who may unlock and free ----------------------------------------------------------------- */

static void unlock_it(void *unused)
{
	(void)unused;
	wend_mutex_unlock(&mu);
}

CO_TEST(another_coroutine_may_unlock)
{
	wend_mutex_lock(&mu);
	CHECK_EQ(wend_go(unlock_it, NULL), 0);
	wend_mutex_lock(&mu); /* blocks until then */
	wend_mutex_unlock(&mu);
	check_unlocked(&mu);
}

struct counted {
	wend_mutex mu;
	int users;
};

static void drop(void *arg)
{
	struct counted *c = arg;
	bool last;

	wend_mutex_lock(&c->mu);
	last = --c->users == 0;
	wend_mutex_unlock(&c->mu);
	if (last) {
		memset(c, 0xFF, sizeof *c);
		free(c);
	}
	wend_waitgroup_done(&wg);
}

CO_TEST_LIMIT(the_last_user_may_free_it, 30)
{
	wend_maxprocs(4);
	for (int i = 0; i < 3000; i++) {
		struct counted *c = calloc(1, sizeof *c);

		CHECK(c);
		c->users = 4;
		wend_waitgroup_add(&wg, 4);
		for (int k = 0; k < 4; k++)
			CHECK_EQ(wend_go(drop, c), 0);
		wend_waitgroup_wait(&wg);
	}
}

/* ---- Foreign threads ------------------------------------------------------------------------- */

static int sum;

static void *add_from_thread(void *unused)
{
	(void)unused;
	for (int i = 0; i < 2000; i++) {
		wend_mutex_lock(&mu);
		sum++;
		if (i % 200 == 0)
			TEST_SLEEP_MS(1);
		wend_mutex_unlock(&mu);
	}
	return NULL;
}

static void add_from_coroutine(void *unused)
{
	(void)unused;
	for (int i = 0; i < 2000; i++) {
		wend_mutex_lock(&mu);
		sum++;
		if (i % 200 == 0)
			wend_yield();
		wend_mutex_unlock(&mu);
		if (i % 100 == 0)
			wend_yield();
	}
	wend_waitgroup_done(&wg);
}

CO_TEST_LIMIT(threads_and_coroutines_exclude_each_other, 30)
{
	pthread_t t[2];

	wend_maxprocs(2);
	wend_waitgroup_add(&wg, 4);
	for (int i = 0; i < 2; i++)
		CHECK(pthread_create(&t[i], NULL, add_from_thread, NULL) == 0);
	for (int i = 0; i < 4; i++)
		CHECK_EQ(wend_go(add_from_coroutine, NULL), 0);
	wend_waitgroup_wait(&wg);
	for (int i = 0; i < 2; i++)
		pthread_join(t[i], NULL);
	CHECK_EQ(sum, 12000);
	check_unlocked(&mu);
}

TEST(uncontended_it_needs_no_runtime)
{
	wend_mutex_lock(&mu);
	CHECK(!wend_mutex_trylock(&mu));
	wend_mutex_unlock(&mu);
	CHECK(wend_mutex_trylock(&mu));
	wend_mutex_unlock(&mu);
	check_unlocked(&mu);
}

static void lock_twice(void *unused)
{
	(void)unused;
	wend_mutex_lock(&mu);
	wend_mutex_lock(&mu);
}

TEST(blocking_without_a_runtime_is_fatal)
{
	struct child c = child_call(lock_twice, NULL, 8);

	CHILD_EXITED(&c, 2);
	CHECK_HAS(c.err, "fatal error: wend_mutex_lock called while the runtime is not running");
	child_free(&c);
}

static int thread_has_it;

static void *wait_in_thread(void *unused)
{
	(void)unused;
	wend_mutex_lock(&mu);
	__atomic_store_n(&thread_has_it, 1, __ATOMIC_RELEASE);
	wend_mutex_unlock(&mu);
	return NULL;
}

/* Its bed goes away with the runtime; it must still not come back without the mutex. */
TEST(a_thread_waits_on_when_the_runtime_ends)
{
	pthread_t t;

	CHECK_EQ(wend_start(NULL), 0);
	wend_mutex_lock(&mu);
	CHECK(pthread_create(&t, NULL, wait_in_thread, NULL) == 0);
	parked_become("sync.Mutex.Lock", 1);
	CHECK_EQ(wend_stop(), 0);
	TEST_SLEEP_MS(20);
	CHECK_EQ(__atomic_load_n(&thread_has_it, __ATOMIC_ACQUIRE), 0);
	wend_mutex_unlock(&mu);
	pthread_join(t, NULL);
	CHECK_EQ(__atomic_load_n(&thread_has_it, __ATOMIC_ACQUIRE), 1);
	check_unlocked(&mu);
}

/* ---- Everything gets used -------------------------------------------------------------------- */

static void lock_and_unlock(void *unused)
{
	(void)unused;
	for (int i = 0; i < 20000; i++) {
		wend_mutex_lock(&mu);
		wend_mutex_unlock(&mu);
	}
	wend_waitgroup_done(&wg);
}

CO_TEST_LIMIT(nothing_is_left_behind_after_contention, 30)
{
	wend_maxprocs(4);
	wend_waitgroup_add(&wg, 40);
	for (int i = 0; i < 40; i++)
		CHECK_EQ(wend_go(lock_and_unlock, NULL), 0);
	wend_waitgroup_wait(&wg);
	check_unlocked(&mu);
}
