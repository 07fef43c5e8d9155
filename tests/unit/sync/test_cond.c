/* SPDX-License-Identifier: MIT
 *
 * Cond: with other locks, signals at any moment of going to sleep, foreign threads, lifetime. */
#include "harness/parked.h"
#include "harness/test.h"

#include <pthread.h>

static wend_mutex mu;
static wend_rwmutex rw;
static wend_cond cond;
static wend_waitgroup wg;
static int turn, rounds;

/* ---- Other locks ----------------------------------------------------------------------------- */

static void wait_under_read_lock(void *unused)
{
	(void)unused;
	wend_rwmutex_rlock(&rw);
	while (!turn)
		wend_cond_wait_locker(&cond, wend_rwmutex_rlocker(&rw));
	CHECK(!wend_rwmutex_trylock(&rw)); /* held again, for reading */
	CHECK(wend_rwmutex_tryrlock(&rw));
	wend_rwmutex_runlock(&rw);
	wend_rwmutex_runlock(&rw);
	wend_waitgroup_done(&wg);
}

static void wait_under_write_lock(void *unused)
{
	(void)unused;
	wend_rwmutex_lock(&rw);
	while (!turn)
		wend_cond_wait_locker(&cond, wend_rwmutex_locker(&rw));
	CHECK(!wend_rwmutex_tryrlock(&rw));
	wend_rwmutex_unlock(&rw);
	wend_waitgroup_done(&wg);
}

CO_TEST(it_works_with_both_sides_of_an_rwmutex)
{
	wend_maxprocs(1);
	for (int i = 0; i < 2; i++) {
		turn = 0;
		wend_waitgroup_add(&wg, 5);
		for (int k = 0; k < 5; k++)
			CHECK_EQ(wend_go(i ? wait_under_write_lock : wait_under_read_lock, NULL), 0);
		parked_become("sync.Cond.Wait", 5);
		wend_rwmutex_lock(&rw);
		turn = 1;
		wend_cond_broadcast(&cond);
		wend_rwmutex_unlock(&rw);
		wend_waitgroup_wait(&wg);
	}
}

CO_TEST(a_mutex_is_a_locker_too)
{
	wend_locker l = wend_mutex_locker(&mu);

	l.lock(l.obj);
	CHECK(!wend_mutex_trylock(&mu));
	l.unlock(l.obj);
	CHECK(wend_mutex_trylock(&mu));
	wend_mutex_unlock(&mu);
}

/* ---- Two that wake each other ---------------------------------------------------------------- */

static void ping(void *me)
{
	int mine = (int)(intptr_t)me;

	for (int i = 0; i < rounds; i++) {
		wend_mutex_lock(&mu);
		while (turn != mine)
			wend_cond_wait(&cond, &mu);
		turn = !mine;
		if (i % 2)
			wend_cond_signal(&cond);
		wend_mutex_unlock(&mu);
		if (i % 2 == 0)
			wend_cond_signal(&cond); /* while the other one may be between unlock and sleep */
	}
}

static void ping_in_coroutine(void *me)
{
	ping(me);
	wend_waitgroup_done(&wg);
}

static void *ping_in_thread(void *me)
{
	ping((void *)(intptr_t)me);
	return NULL;
}

CO_TEST_LIMIT(no_signal_is_lost_on_the_way_to_sleep, 30)
{
	for (int procs = 1; procs <= 3; procs++) {
		wend_maxprocs(procs);
		rounds = 20000;
		turn = 0;
		wend_waitgroup_add(&wg, 2);
		CHECK_EQ(wend_go(ping_in_coroutine, (void *)0), 0);
		CHECK_EQ(wend_go(ping_in_coroutine, (void *)1), 0);
		wend_waitgroup_wait(&wg);
	}
}

CO_TEST_LIMIT(a_thread_and_a_coroutine_wake_each_other, 30)
{
	pthread_t t;

	rounds = 1000;
	turn = 0;
	wend_waitgroup_add(&wg, 1);
	CHECK_EQ(wend_go(ping_in_coroutine, (void *)0), 0);
	CHECK(pthread_create(&t, NULL, ping_in_thread, (void *)1) == 0);
	wend_waitgroup_wait(&wg);
	pthread_join(t, NULL);
}

static void *wait_in_thread(void *unused)
{
	(void)unused;
	wend_mutex_lock(&mu);
	wend_cond_wait(&cond, &mu);
	turn++;
	wend_mutex_unlock(&mu);
	return NULL;
}

TEST(a_thread_comes_back_with_the_lock_when_the_runtime_ends)
{
	pthread_t t[2];

	CHECK_EQ(wend_start(NULL), 0);
	for (int i = 0; i < 2; i++) {
		CHECK(pthread_create(&t[i], NULL, wait_in_thread, NULL) == 0);
		parked_become("sync.Cond.Wait", i + 1);
	}
	CHECK_EQ(wend_stop(), 0);
	for (int i = 0; i < 2; i++)
		pthread_join(t[i], NULL);
	CHECK_EQ(turn, 2);
	CHECK(cond.wend__waiters == NULL);
	CHECK_EQ(cond.wend__state.wend__v, 0);
}

/* ---- Lifetime -------------------------------------------------------------------------------- */

struct box {
	wend_mutex mu;
	wend_cond cond;
	bool full;
};

static void fill(void *arg)
{
	struct box *b = arg;

	wend_mutex_lock(&b->mu);
	b->full = true;
	wend_cond_signal(&b->cond); /* under the mutex: afterwards the box may be gone */
	wend_mutex_unlock(&b->mu);
	wend_waitgroup_done(&wg);
}

CO_TEST_LIMIT(who_was_woken_may_free_it, 30)
{
	wend_maxprocs(4);
	for (int i = 0; i < 3000; i++) {
		struct box *b = calloc(1, sizeof *b);

		CHECK(b);
		wend_waitgroup_add(&wg, 1);
		CHECK_EQ(wend_go(fill, b), 0);
		wend_mutex_lock(&b->mu);
		while (!b->full)
			wend_cond_wait(&b->cond, &b->mu);
		wend_mutex_unlock(&b->mu);
		memset(b, 0xFF, sizeof *b);
		free(b);
		if (i % 100 == 99)
			wend_waitgroup_wait(&wg);
	}
	wend_waitgroup_wait(&wg);
}
