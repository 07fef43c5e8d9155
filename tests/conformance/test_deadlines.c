/* SPDX-License-Identifier: MIT
 *
 * Waits that end by a deadline: not before it, with nothing half done, and as if they had never waited. */
#include <pthread.h>

#include "conformance/channels.h"
#include "wend/time.h"

#define SOON (3 * WEND_MILLISECOND)

CO_TEST(a_receive_times_out_at_its_deadline_and_not_before)
{
	ints *c = ints_make(0);
	int64_t deadline = wend_deadline(SOON);
	int v = 7;

	CHECK_EQ(ints_recv_dl(c, &v, NULL, deadline), -ETIMEDOUT);
	CHECK(wend_now() >= deadline);
	CHECK_EQ(v, 7);
	ints_release(c);
}

CO_TEST(a_send_times_out_and_sends_nothing)
{
	ints *c = ints_make(1);
	int v;

	CHECK_EQ(ints_send_dl(c, 1, wend_deadline(SOON)), 0);
	CHECK_EQ(ints_send_dl(c, 2, wend_deadline(SOON)), -ETIMEDOUT);
	CHECK_EQ(ints_get(c), 1);
	CHECK(!ints_try_recv(c, &v, NULL));
	ints_release(c);
}

CO_TEST(what_can_proceed_does_even_after_the_deadline)
{
	ints *c = ints_make(1);
	int v = 0;
	bool ok = false;

	CHECK_EQ(ints_send_dl(c, 5, 0), 0);
	CHECK_EQ(ints_send_dl(c, 6, 0), -ETIMEDOUT);
	CHECK_EQ(ints_recv_dl(c, &v, &ok, INT64_MIN), 0);
	CHECK_EQ(v, 5);
	CHECK(ok);
	CHECK_EQ(ints_recv_dl(c, &v, &ok, 0), -ETIMEDOUT);
	ints_release(c);
}

static void send_later(void *c)
{
	wend_sleep(SOON);
	ints_send(c, 9);
	wend_waitgroup_done(&over);
}

CO_TEST(a_value_that_comes_in_time_is_received)
{
	ints *c = ints_make(0);
	int v = 0;

	start(send_later, c);
	CHECK_EQ(ints_recv_dl(c, &v, NULL, wend_deadline(WEND_MINUTE)), 0);
	CHECK_EQ(v, 9);
	start(send_later, c);
	CHECK_EQ(ints_recv_dl(c, &v, NULL, WEND_FOREVER), 0);
	ints_release(c);
}

static void close_later(void *c)
{
	wend_sleep(SOON);
	ints_close(c);
	wend_waitgroup_done(&over);
}

CO_TEST(close_ends_a_receive_with_a_deadline)
{
	ints *c = ints_make(0);
	int v = 7;
	bool ok = true;

	start(close_later, c);
	CHECK_EQ(ints_recv_dl(c, &v, &ok, wend_deadline(WEND_MINUTE)), 0);
	CHECK(!ok);
	CHECK_EQ(v, 0);
	ints_release(c);
}

CO_TEST(a_nil_channel_times_out)
{
	int64_t deadline = wend_deadline(SOON);
	int v;

	CHECK_EQ(ints_recv_dl(NULL, &v, NULL, deadline), -ETIMEDOUT);
	CHECK(wend_now() >= deadline);
	CHECK_EQ(ints_send_dl(NULL, 1, 0), -ETIMEDOUT);
	CHECK_EQ(ints_send_dl(NULL, 1, INT64_MIN), -ETIMEDOUT);
	CHECK_EQ(ints_recv_dl(NULL, &v, NULL, INT64_MIN), -ETIMEDOUT);
}

CO_TEST(a_select_times_out_with_no_case_carried_out)
{
	ints *in = ints_make(0), *out = ints_make(0);
	int v = 7, x = 3, rest;
	wend_case k[2] = {WEND_CASE_RECV(in, &v), WEND_CASE_SEND(out, &x)};
	int64_t deadline = wend_deadline(SOON);

	CHECK_EQ(wend_select_dl(k, 2, deadline), -ETIMEDOUT);
	CHECK(wend_now() >= deadline);
	CHECK_EQ(v, 7);
	CHECK(!ints_try_send(in, 1)); /* nobody waits any more */
	CHECK(!ints_try_recv(out, &rest, NULL));
	CHECK_EQ(wend_select_dl(k, 0, 0), -ETIMEDOUT);
	start(send_later, in);
	CHECK_EQ(wend_select_dl(k, 2, wend_deadline(WEND_MINUTE)), 0);
	CHECK_EQ(v, 9);
	ints_release(in);
	ints_release(out);
}

CO_TEST(timeout_in_a_select_block_runs_when_nothing_else_could)
{
	ints *c = ints_make(1);
	int v = 0, ran = 0;

	for (int round = 0; round < 2; round++) {
		WEND_SELECT {
			WEND_RECV(c, &v) { ran += 10; }
			WEND_TIMEOUT(wend_deadline(SOON)) { ran++; }
		} WEND_SELECT_END
		ints_send(c, 4);
	}
	CHECK_EQ(ran, 11);
	CHECK_EQ(v, 4);
	ints_release(c);
}

static int got[3];

static void receive(void *arg)
{
	void **a = arg;
	int me = (int)(intptr_t)a[1];

	CHECK_EQ(ints_recv_dl(a[0], &got[me], NULL, me == 1 ? wend_deadline(SOON) : WEND_FOREVER),
			 me == 1 ? -ETIMEDOUT : 0);
	wend_waitgroup_done(&over);
}

/* The one in the middle of the queue gives up; the others keep their order. */
CO_TEST(who_gives_up_leaves_the_queue_as_if_never_there)
{
	ints *c = ints_make(0);
	void *args[3][2];

	for (int i = 0; i < 3; i++) {
		args[i][0] = c;
		args[i][1] = (void *)(intptr_t)i;
		start(receive, args[i]);
		parked_become("chan receive", i + 1);
	}
	wend_sleep(2 * SOON);
	ints_send(c, 1);
	ints_send(c, 2);
	all_over();
	CHECK_EQ(got[0], 1);
	CHECK_EQ(got[1], 0);
	CHECK_EQ(got[2], 2);
	ints_release(c);
}

static void *receive_on_a_thread(void *arg)
{
	ints **c = arg;
	int v = 0;

	CHECK_EQ(ints_recv_dl(c[0], &v, NULL, wend_deadline(SOON)), -ETIMEDOUT);
	ints_send(c[1], 1);
	CHECK_EQ(ints_recv_dl(c[0], &v, NULL, wend_deadline(WEND_MINUTE)), 0);
	CHECK_EQ(v, 8);
	return NULL;
}

CO_TEST(a_foreign_thread_may_have_a_deadline)
{
	ints *c[2] = {ints_make(0), ints_make(0)};
	pthread_t thread;

	CHECK_EQ(pthread_create(&thread, NULL, receive_on_a_thread, c), 0);
	CHECK_EQ(ints_get(c[1]), 1);
	ints_send(c[0], 8);
	pthread_join(thread, NULL);
	ints_release(c[0]);
	ints_release(c[1]);
}

CO_TEST(ten_thousand_timeouts_leave_nothing_behind)
{
	ints *c = ints_make(0);
	long before = 0;
	int v;

	for (int i = 0; i < MANY; i++) {
		if (i == MANY / 10)
			before = test_rss_kib();
		CHECK_EQ(ints_recv_dl(c, &v, NULL, wend_now() + 1000), -ETIMEDOUT);
	}
	ints_release(c);
	if (TEST_SANITIZED)
		test_skip("the sanitizer's shadow is resident memory, too");
	CHECK_LE(test_rss_kib(), before + 512);
}

/* ---- Semaphore, condition, wait group ------------------------------------------------------------ */

CO_TEST(an_acquire_times_out_and_takes_nothing)
{
	wend_sem s = WEND_SEM(2);
	int64_t deadline = wend_deadline(SOON);

	CHECK_EQ(wend_sem_acquire_dl(&s, 1, deadline), 0);
	CHECK_EQ(wend_sem_acquire_dl(&s, 2, deadline), -ETIMEDOUT);
	CHECK(wend_now() >= deadline);
	CHECK_EQ(wend_sem_acquire_dl(&s, 1, 0), 0); /* there, if late */
	CHECK_EQ(wend_sem_acquire_dl(&s, 1, 0), -ETIMEDOUT);
	CHECK_EQ(wend_sem_acquire_dl(&s, 3, wend_deadline(SOON)), -ETIMEDOUT); /* more than there ever will be */
	wend_sem_release(&s, 2);
	CHECK(wend_sem_try_acquire(&s, 2));
}

static wend_sem sem = WEND_SEM(2);

static void want_one(void *arg)
{
	wend_sem_acquire(&sem, 1);
	wend_waitgroup_done(&over);
}

CO_TEST(an_acquire_that_gives_up_lets_those_behind_go_on)
{
	CHECK(wend_sem_try_acquire(&sem, 1));
	start(want_one, NULL); /* runs when we wait, and so stands behind us */
	CHECK_EQ(wend_sem_acquire_dl(&sem, 2, wend_deadline(SOON)), -ETIMEDOUT);
	all_over();
}

static wend_mutex mu;
static wend_cond cond;
static bool filled;

static void fill_later(void *arg)
{
	wend_sleep(SOON);
	wend_mutex_lock(&mu);
	filled = true;
	wend_cond_signal(&cond);
	wend_mutex_unlock(&mu);
	wend_waitgroup_done(&over);
}

CO_TEST(a_condition_times_out_with_the_mutex_held)
{
	int64_t deadline = wend_deadline(SOON);

	wend_mutex_lock(&mu);
	CHECK_EQ(wend_cond_wait_dl(&cond, &mu, deadline), -ETIMEDOUT);
	CHECK(wend_now() >= deadline);
	CHECK(!wend_mutex_trylock(&mu));
	CHECK_EQ(wend_cond_wait_dl(&cond, &mu, 0), -ETIMEDOUT);
	start(fill_later, NULL);
	while (!filled)
		CHECK_EQ(wend_cond_wait_dl(&cond, &mu, wend_deadline(WEND_MINUTE)), 0);
	CHECK(!wend_mutex_trylock(&mu));
	wend_mutex_unlock(&mu);
	all_over();
}

/* A thread without work looks after the timers meanwhile: none of these is "no deadline" to it. */
CO_TEST(a_deadline_before_all_time_has_passed)
{
	static const int64_t before[] = {0, 1, -1, INT64_MIN};

	wend_mutex_lock(&mu);
	for (int round = 0; round < 40; round++) {
		double end = test_now() + 0.005;

		for (int i = 0; test_now() < end; i++)
			CHECK_EQ(wend_cond_wait_dl(&cond, &mu, before[i % 4]), -ETIMEDOUT);
		wend_sleep(WEND_MILLISECOND);
	}
	wend_mutex_unlock(&mu);
}

static void fill_exclusively(void *rw)
{
	wend_rwmutex_lock(rw); /* when the reader waits */
	filled = true;
	wend_cond_signal(&cond);
	wend_rwmutex_unlock(rw);
	wend_waitgroup_done(&over);
}

CO_TEST(a_condition_with_any_lock_times_out_with_the_lock_held)
{
	wend_rwmutex rw = WEND_ZERO;
	const wend_locker readers = wend_rwmutex_rlocker(&rw);
	int64_t deadline = wend_deadline(SOON);

	wend_rwmutex_rlock(&rw);
	CHECK_EQ(wend_cond_wait_locker_dl(&cond, readers, deadline), -ETIMEDOUT);
	CHECK(wend_now() >= deadline);
	CHECK(!wend_rwmutex_trylock(&rw));
	start(fill_exclusively, &rw);
	CHECK_EQ(wend_cond_wait_locker_dl(&cond, readers, wend_deadline(WEND_MINUTE)), 0);
	CHECK(filled);
	CHECK(!wend_rwmutex_trylock(&rw));
	wend_rwmutex_runlock(&rw);
	all_over();
	wend_rwmutex_free(&rw);
}

CO_TEST(a_lock_times_out_and_is_not_held)
{
	int64_t deadline = wend_deadline(SOON);

	CHECK_EQ(wend_mutex_lock_dl(&mu, 0), 0); /* it is free */
	CHECK_EQ(wend_mutex_lock_dl(&mu, deadline), -ETIMEDOUT);
	CHECK(wend_now() >= deadline);
	CHECK_EQ(wend_mutex_lock_dl(&mu, 0), -ETIMEDOUT);
	wend_mutex_unlock(&mu);
	CHECK(wend_mutex_trylock(&mu));
	wend_mutex_unlock(&mu);
}

static wend_rwmutex rw;
static int reads;

static void read_once(void *arg)
{
	wend_rwmutex_rlock(&rw);
	reads++;
	wend_rwmutex_runlock(&rw);
	wend_waitgroup_done(&over);
}

CO_TEST(a_writer_that_gives_up_lets_the_readers_in)
{
	wend_rwmutex_rlock(&rw);
	start(read_once, NULL); /* runs when we wait, and so behind the writer */
	CHECK_EQ(wend_rwmutex_lock_dl(&rw, wend_deadline(SOON)), -ETIMEDOUT);
	all_over();
	CHECK_EQ(reads, 1);
	CHECK_EQ(wend_rwmutex_lock_dl(&rw, 0), -ETIMEDOUT);
	wend_rwmutex_runlock(&rw);
	CHECK_EQ(wend_rwmutex_lock_dl(&rw, 0), 0);
	CHECK_EQ(wend_rwmutex_rlock_dl(&rw, 0), -ETIMEDOUT);
	CHECK_EQ(wend_rwmutex_rlock_dl(&rw, wend_deadline(SOON)), -ETIMEDOUT);
	CHECK_EQ(wend_rwmutex_lock_dl(&rw, wend_deadline(SOON)), -ETIMEDOUT);
	wend_rwmutex_unlock(&rw);
	CHECK_EQ(wend_rwmutex_rlock_dl(&rw, wend_deadline(SOON)), 0);
	wend_rwmutex_runlock(&rw);
	wend_rwmutex_free(&rw);
}

static void be_done_later(void *wg)
{
	wend_sleep(SOON);
	wend_waitgroup_done(wg);
}

static void wait_too(void *wg)
{
	wend_waitgroup_wait(wg);
	wend_waitgroup_done(&over);
}

CO_TEST(a_wait_for_a_group_times_out_and_leaves_the_others_waiting)
{
	wend_waitgroup wg = WEND_ZERO;
	int64_t deadline;

	CHECK_EQ(wend_waitgroup_wait_dl(&wg, 0), 0);
	wend_waitgroup_add(&wg, 1);
	CHECK_EQ(wend_waitgroup_wait_dl(&wg, 0), -ETIMEDOUT);
	for (int i = 0; i < 3; i++)
		start(wait_too, &wg);
	parked_become("sync.WaitGroup.Wait", 3);
	deadline = wend_deadline(SOON);
	CHECK_EQ(wend_waitgroup_wait_dl(&wg, deadline), -ETIMEDOUT);
	CHECK(wend_now() >= deadline);
	CHECK_EQ(parked_count("sync.WaitGroup.Wait"), 3);
	CHECK_EQ(wend_go(be_done_later, &wg), 0);
	CHECK_EQ(wend_waitgroup_wait_dl(&wg, wend_deadline(WEND_MINUTE)), 0);
	all_over();
}

static void *wait_on_a_thread(void *arg)
{
	wend_waitgroup *wg = arg;

	CHECK_EQ(wend_waitgroup_wait_dl(wg, wend_deadline(SOON)), -ETIMEDOUT);
	CHECK_EQ(wend_sem_acquire_dl(&sem, 3, wend_deadline(SOON)), -ETIMEDOUT);
	wend_mutex_lock(&mu);
	CHECK_EQ(wend_cond_wait_dl(&cond, &mu, wend_deadline(SOON)), -ETIMEDOUT);
	CHECK_EQ(wend_mutex_lock_dl(&mu, wend_deadline(SOON)), -ETIMEDOUT);
	CHECK_EQ(wend_rwmutex_rlock_dl(&rw, wend_deadline(SOON)), -ETIMEDOUT);
	CHECK_EQ(wend_rwmutex_lock_dl(&rw, wend_deadline(SOON)), -ETIMEDOUT);
	wend_mutex_unlock(&mu);
	wend_waitgroup_done(wg);
	return NULL;
}

CO_TEST(a_foreign_thread_may_have_deadlines_everywhere)
{
	wend_waitgroup wg = WEND_ZERO;
	pthread_t thread;

	wend_waitgroup_add(&wg, 1);
	wend_rwmutex_lock(&rw);
	CHECK_EQ(pthread_create(&thread, NULL, wait_on_a_thread, &wg), 0);
	wend_waitgroup_wait(&wg);
	pthread_join(thread, NULL);
	wend_rwmutex_unlock(&rw);
	wend_rwmutex_free(&rw);
}
