/* SPDX-License-Identifier: MIT
 *
 * The rules of Go's package time for what sleeps and fires once: sleep_test. Waits are short; upper limits only say that something
 * is not lost. */
#include <pthread.h>

#include "conformance/timers.h"
#include "harness/child.h"

/* ---- Sleep -------------------------------------------------------------------------------------- */

/* TestSleep */
CO_TEST(sleep_is_never_short)
{
	for (int64_t d = 1; d <= 20 * MS; d = d * 7 + 3) {
		int64_t before = wend_now();

		wend_sleep(d);
		CHECK_LE(d, wend_now() - before);
	}
}

static void *sleep_in_a_thread(void *unused)
{
	int64_t before = wend_now();

	wend_sleep(5 * MS);
	CHECK_LE(5 * MS, wend_now() - before);
	return unused;
}

CO_TEST(foreign_threads_sleep_and_are_never_short)
{
	pthread_t t;

	CHECK_EQ(pthread_create(&t, NULL, sleep_in_a_thread, NULL), 0);
	while (pthread_tryjoin_np(t, NULL) != 0)
		wend_sleep(MS);
}

static void done(void *unused)
{
	(void)unused;
	wend_waitgroup_done(&wg);
}

/* TestSleepZeroDeadlock: #6120 */
CO_TEST(sleeping_for_nothing_while_procs_change_does_not_hang)
{
	for (int i = 0; i < 300; i++) {
		wend_maxprocs(1 + i % 4);
		wend_waitgroup_add(&wg, 1);
		go(done, NULL);
		wend_sleep(i % 3 - 1);
		wend_waitgroup_wait(&wg);
	}
}

static void sleep_for_ever(void *unused)
{
	(void)unused;
	wend_sleep(INT64_MAX);
	test_fail(__FILE__, __LINE__, "INT64_MAX is over");
}

/* TestOverflowSleep */
CO_TEST(durations_that_overflow_are_far_in_the_future)
{
	wend_chan *never = wend_after(INT64_MAX), *past = wend_after(INT64_MIN);
	wend_timer *t = wend_timer_make(INT64_MAX - 1);
	wend_ticker *ticker = wend_ticker_make(INT64_MAX);
	int64_t v;

	go(sleep_for_ever, NULL);
	CHECK(wend_chan_recv(past, &v));
	wend_sleep(25 * MS);
	CHECK(!wend_chan_try_recv(never, &v, NULL));
	CHECK(wend_timer_reset(t, INT64_MAX));
	CHECK(wend_timer_stop(t));
	CHECK_EQ(wend_deadline(INT64_MAX), WEND_FOREVER);
	wend_ticker_release(ticker);
	wend_timer_release(t);
	wend_chan_release(never);
	wend_chan_release(past);
}

/* ---- AfterFunc ---------------------------------------------------------------------------------- */

static int links;

static void next_link(void *unused)
{
	if (++links < 10)
		wend_timer_release(wend_after_func(MS / 2, next_link, unused));
	else
		wend_waitgroup_done(&wg);
}

/* TestAfterFunc */
CO_TEST(functions_called_later_may_call_for_the_next)
{
	wend_waitgroup_add(&wg, 1);
	wend_timer_release(wend_after_func(0, next_link, NULL));
	wend_waitgroup_wait(&wg);
	CHECK_EQ(links, 10);
}

/* TestAfterFuncStarvation: a function that is called by a timer, over and over, holds nobody up. */
static bool stop_calling;
static wend_timer *again;

static void call_again(void *unused)
{
	(void)unused;
	if (__atomic_load_n(&stop_calling, __ATOMIC_ACQUIRE))
		wend_waitgroup_done(&wg);
	else
		wend_timer_reset(again, 0);
}

static void starvation(int procs)
{
	wend_maxprocs(procs);
	stop_calling = false;
	wend_waitgroup_add(&wg, 1);
	again = wend_after_func(3600 * WEND_SECOND, call_again, NULL);
	wend_timer_reset(again, 0);
	for (int i = 0; i < 50; i++)
		wend_sleep(100 * WEND_MICROSECOND);
	__atomic_store_n(&stop_calling, true, __ATOMIC_RELEASE);
	wend_waitgroup_wait(&wg);
	wend_timer_release(again);
}

CO_TEST(functions_called_at_once_starve_nobody)
{
	starvation(1);
	starvation(2);
}

/* ---- After -------------------------------------------------------------------------------------- */

/* TestAfter, TestAfterTimes: the value is the time at which it fired, not that of the receive or of the call. */
CO_TEST(the_value_is_the_time_at_which_it_fired)
{
	int64_t before = wend_now(), v, read;
	wend_chan *c = wend_after(10 * MS);

	wend_sleep(30 * MS);
	read = wend_now();
	CHECK(wend_chan_recv(c, &v));
	CHECK_LE(before + 10 * MS, v);
	CHECK_LE(v, read);
	if (!TEST_SANITIZED)
		CHECK_LE(v, before + 29 * MS);
	wend_chan_release(c);
}

/* TestAfterStop: what stop says. */
CO_TEST(stop_says_whether_it_stopped_it)
{
	int called = 0;
	wend_timer *f = wend_after_func(20 * MS, count_one, &called), *t = wend_timer_make(3600 * WEND_SECOND);

	CHECK(wend_timer_stop(f));
	CHECK(!wend_timer_stop(f));
	CHECK(wend_timer_stop(t));
	CHECK(!wend_timer_stop(t));
	wend_sleep(25 * MS);
	CHECK_EQ(read_count(&called), 0);
	wend_timer_reset(f, 0);
	while (read_count(&called) == 0)
		wend_yield();
	CHECK(!wend_timer_stop(f));
	wend_timer_release(f);
	wend_timer_release(t);
}

static int64_t base, fired_at[5];

static void fetch(void *i)
{
	wend_chan *c = wend_after(base + (intptr_t)i * 2 * MS - wend_now());

	CHECK(wend_chan_recv(c, &fired_at[(intptr_t)i]));
	wend_chan_release(c);
	wend_waitgroup_done(&wg);
}

/* False: not in order. A coroutine that loses its CPU between its look at the clock and the timer sets it too late. */
static bool queued_in_order(const int *slots)
{
	bool ordered = true;

	base = wend_deadline(2 * MS);
	for (int i = 0; i < 5; i++) {
		wend_waitgroup_add(&wg, 1);
		go(fetch, (void *)(intptr_t)slots[i]);
	}
	wend_waitgroup_wait(&wg);
	for (int i = 0; i < 5; i++) {
		CHECK_LE(base + i * 2 * MS, fired_at[i]);
		ordered = ordered && fired_at[i ? i - 1 : 0] <= fired_at[i];
	}
	return ordered;
}

static void queue_them(const int *slots)
{
	int tries = 0;

	while (!queued_in_order(slots))
		CHECK_LE(++tries, 9);
}

/* TestAfterQueuing */
CO_TEST(timers_fire_in_the_order_of_their_times)
{
	queue_them((const int[]){0, 1, 2, 3, 4});
	queue_them((const int[]){4, 3, 2, 1, 0});
	queue_them((const int[]){2, 4, 0, 3, 1});
}

static int order[8], in_order;

static void remember_now(void *i)
{
	order[in_order++] = (int)(intptr_t)i;
	wend_waitgroup_done(&wg);
}

static void sleep_and_remember(void *i)
{
	wend_sleep(base + (intptr_t)i * WEND_MICROSECOND - wend_now());
	remember_now(i);
}

/* The same when they are found due together: so they run, but that once in 61 picks another queue goes first. */
CO_TEST(what_is_due_together_runs_in_the_order_of_its_times)
{
	wend_maxprocs(1);
	for (int round = 0; round < 2; round++) {
		in_order = 0;
		base = wend_deadline(MS);
		for (intptr_t i = 0; i < 8; i++) {
			wend_waitgroup_add(&wg, 1);
			if (round)
				go(sleep_and_remember, (void *)i);
			else
				wend_timer_release(wend_after_func(MS + i, remember_now, (void *)i));
		}
		wend_yield();
		for (int64_t end = wend_now() + 3 * MS; wend_now() < end;)
			;
		wend_waitgroup_wait(&wg);

		int steps_back = 0;

		for (int i = 1; i < 8; i++)
			steps_back += order[i] < order[i - 1];
		CHECK_LE(steps_back, 1);
	}
}

/* TestTimerStopStress */
static void no_call(void *unused)
{
	(void)unused;
	test_fail(__FILE__, __LINE__, "a function was called that had been stopped");
}

static void start_and_stop(void *unused)
{
	(void)unused;
	wend_timer *t = wend_after_func(2000 * MS, no_call, NULL);

	wend_sleep(10 * MS);
	CHECK(wend_timer_stop(t));
	wend_timer_release(t);
	wend_waitgroup_done(&wg);
}

CO_TEST(a_hundred_are_stopped_in_time)
{
	wend_waitgroup_add(&wg, 100);
	for (int i = 0; i < 100; i++)
		go(start_and_stop, NULL);
	wend_waitgroup_wait(&wg);
	wend_sleep(20 * MS);
}

/* ---- The runtime's end and deadlock ------------------------------------------------------------- */

static int block(void *c)
{
	wend_chan_recv(c, NULL);
	return 0;
}

static int blocked_after_a_timer(void *unused)
{
	wend_chan *c;

	if (TEST_TSAN)
		wend_maxprocs(1); /* or it starts a thread of its own, which nothing is proven against */
	c = wend_after(5 * MS);
	wend_timer_release(wend_timer_make(2 * MS));
	wend_chan_recv(c, NULL);
	return block(wend_chan_make(0, 0)), unused != NULL;
}

static int blocked_with_a_timer(void *unused)
{
	(void)unused;
	return block(wend_after(20 * MS));
}

static void run_blocked_after(void *unused)
{
	exit(wend_run(blocked_after_a_timer, unused));
}

/* While a timer is set somebody may be woken; when the last has fired, nobody. */
TEST(deadlock_is_told_when_no_timer_is_left)
{
	struct child c = child_call(run_blocked_after, NULL, 10);

	CHILD_EXITED(&c, 2);
	CHECK_HAS(c.err, "all coroutines are asleep - deadlock!");
	child_free(&c);
	CHECK_EQ(wend_run(blocked_with_a_timer, NULL), 0);
}

static wend_timer *left_timer, *left_function;
static wend_ticker *left_ticker;

static int leave_timers(void *unused)
{
	(void)unused;
	left_timer = wend_timer_make(WEND_SECOND);
	left_function = wend_after_func(WEND_SECOND, no_call, NULL);
	wend_timer_release(wend_after_func(WEND_SECOND, no_call, NULL));
	left_ticker = wend_ticker_make(10 * WEND_MICROSECOND);
	wend_go(sleep_for_ever, NULL);
	wend_sleep(MS);
	return 0;
}

/* What was set is forgotten at the end of the runtime: it can be stopped and released afterwards, and is not set in the
 * next one. */
TEST(timers_end_with_the_runtime)
{
	for (int i = 0; i < 3; i++) {
		CHECK_EQ(wend_run(leave_timers, NULL), 0);
		CHECK(!wend_timer_stop(left_timer));
		CHECK(!wend_timer_stop(left_function));
		wend_timer_release(left_timer);
		wend_timer_release(left_function);
		wend_ticker_stop(left_ticker);
		wend_ticker_release(left_ticker);
	}
}
