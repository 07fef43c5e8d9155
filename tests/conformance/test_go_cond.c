/* SPDX-License-Identifier: MIT
 *
 * Go's rules for sync.Cond: TestCondSignal, TestCondSignalGenerations, TestCondBroadcast, TestRace,
 * TestCondSignalStealing, TestCondCopy. */
#include "harness/child.h"
#include "harness/parked.h"
#include "harness/test.h"

static wend_mutex mu;
static wend_cond cond;
static wend_waitgroup wg;
static int awake;

static void wait_once(void *unused)
{
	(void)unused;
	wend_mutex_lock(&mu);
	wend_cond_wait(&cond, &mu);
	awake++;
	wend_mutex_unlock(&mu);
	wend_waitgroup_done(&wg);
}

static void start_waiters(int n)
{
	wend_waitgroup_add(&wg, n);
	for (int i = 0; i < n; i++)
		CHECK_EQ(wend_go(wait_once, NULL), 0);
	parked_become("sync.Cond.Wait", n);
}

static int awake_now(void)
{
	int n;

	wend_mutex_lock(&mu);
	n = awake;
	wend_mutex_unlock(&mu);
	return n;
}

CO_TEST(each_signal_wakes_exactly_one)
{
	enum { N = 20 };

	start_waiters(N);
	for (int i = 1; i <= N; i++) {
		wend_mutex_lock(&mu);
		wend_cond_signal(&cond);
		wend_mutex_unlock(&mu);
		while (awake_now() < i)
			wend_yield();
		for (int k = 0; k < 20; k++)
			wend_yield();
		CHECK_EQ(awake_now(), i);
	}
	wend_cond_signal(&cond); /* nobody is left */
	wend_waitgroup_wait(&wg);
}

static int order[100], n_order;

static void wait_in_turn(void *i)
{
	wend_mutex_lock(&mu);
	wend_cond_wait(&cond, &mu);
	order[n_order++] = (int)(intptr_t)i;
	wend_mutex_unlock(&mu);
	wend_waitgroup_done(&wg);
}

CO_TEST(signals_wake_in_the_order_of_waiting)
{
	wend_waitgroup_add(&wg, 100);
	for (int i = 0; i < 100; i++) {
		CHECK_EQ(wend_go(wait_in_turn, (void *)(intptr_t)i), 0);
		parked_become("sync.Cond.Wait", i + 1);
	}
	for (int i = 0; i < 100; i++) {
		wend_mutex_lock(&mu);
		wend_cond_signal(&cond);
		wend_mutex_unlock(&mu);
		parked_become("sync.Cond.Wait", 99 - i);
		for (int n = 0; n != i + 1;) {
			wend_mutex_lock(&mu);
			n = n_order;
			wend_mutex_unlock(&mu);
			wend_yield();
		}
	}
	wend_waitgroup_wait(&wg);
	for (int i = 0; i < 100; i++)
		CHECK_EQ(order[i], i);
}

CO_TEST(broadcast_wakes_all_who_wait_now_and_nobody_else)
{
	for (int round = 0; round < 10; round++) {
		awake = 0;
		start_waiters(20);
		CHECK_EQ(awake_now(), 0);
		wend_mutex_lock(&mu);
		wend_cond_broadcast(&cond);
		wend_mutex_unlock(&mu);
		wend_waitgroup_wait(&wg);
		CHECK_EQ(awake, 20);
		start_waiters(1); /* too late for the broadcast */
		CHECK_EQ(awake_now(), 20);
		wend_cond_broadcast(&cond);
		wend_waitgroup_wait(&wg);
	}
}

/* ---- A value that goes through three hands (TestRace) ---------------------------------------- */

static int x;

static void first(void *unused)
{
	(void)unused;
	wend_mutex_lock(&mu);
	x = 1;
	wend_cond_wait(&cond, &mu);
	CHECK_EQ(x, 2);
	x = 3;
	wend_cond_signal(&cond);
	wend_mutex_unlock(&mu);
	wend_waitgroup_done(&wg);
}

static void second(void *unused)
{
	(void)unused;
	wend_mutex_lock(&mu);
	for (;;) {
		if (x == 1) {
			x = 2;
			wend_cond_signal(&cond);
			break;
		}
		wend_mutex_unlock(&mu);
		wend_yield();
		wend_mutex_lock(&mu);
	}
	wend_mutex_unlock(&mu);
	wend_waitgroup_done(&wg);
}

static void third(void *unused)
{
	(void)unused;
	wend_mutex_lock(&mu);
	for (;;) {
		if (x == 2) {
			wend_cond_wait(&cond, &mu);
			CHECK_EQ(x, 3);
			break;
		}
		if (x == 3)
			break;
		wend_mutex_unlock(&mu);
		wend_yield();
		wend_mutex_lock(&mu);
	}
	wend_mutex_unlock(&mu);
	wend_waitgroup_done(&wg);
}

CO_TEST(who_wakes_sees_what_the_signaller_wrote)
{
	wend_maxprocs(3);
	for (int i = 0; i < 200; i++) {
		x = 0;
		wend_waitgroup_add(&wg, 3);
		CHECK_EQ(wend_go(first, NULL), 0);
		CHECK_EQ(wend_go(second, NULL), 0);
		CHECK_EQ(wend_go(third, NULL), 0);
		wend_waitgroup_wait(&wg);
	}
}

/* ---- A signal is for who waited then --------------------------------------------------------- */

static void wait_first(void *unused)
{
	(void)unused;
	wend_mutex_lock(&mu);
	wend_cond_wait(&cond, &mu);
	awake = 1;
	wend_mutex_unlock(&mu);
	wend_waitgroup_done(&wg);
}

static void wait_later(void *unused)
{
	(void)unused;
	wend_mutex_lock(&mu);
	while (awake != 2)
		wend_cond_wait(&cond, &mu);
	wend_mutex_unlock(&mu);
	wend_waitgroup_done(&wg);
}

CO_TEST(a_late_waiter_cannot_steal_the_signal)
{
	wend_maxprocs(2);
	for (int i = 0; i < 300; i++) {
		awake = 0;
		wend_waitgroup_add(&wg, 2);
		CHECK_EQ(wend_go(wait_first, NULL), 0);
		parked_become("sync.Cond.Wait", 1);
		CHECK_EQ(wend_go(wait_later, NULL), 0); /* may wait before the first is awake */
		wend_mutex_lock(&mu);
		wend_cond_signal(&cond);
		wend_mutex_unlock(&mu);
		while (awake_now() != 1) /* for ever, if the other one got it */
			wend_yield();
		wend_mutex_lock(&mu);
		awake = 2;
		wend_cond_broadcast(&cond);
		wend_mutex_unlock(&mu);
		wend_waitgroup_wait(&wg);
	}
}

/* ---- Copies ---------------------------------------------------------------------------------- */

static void use_a_copy(void *unused)
{
	wend_cond copy;

	(void)unused;
	wend_cond_signal(&cond);
	copy = cond;
	printf("before\n");
	fflush(stdout);
	wend_cond_signal(&copy);
}

TEST(a_copy_is_noticed)
{
	struct child c = child_call(use_a_copy, NULL, 8);

	CHILD_EXITED(&c, 2);
	CHECK_HAS(c.err, "panic: sync.Cond is copied");
	CHECK_EQ(c.out, "before\n");
	child_free(&c);
}
