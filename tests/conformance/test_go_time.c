/* SPDX-License-Identifier: MIT
 *
 * The rules of Go's package time, sleep_test and tick_test, with the meaning that channels of timers have since 1.23.
 * Waits are short; upper limits only say that something is not lost. */
#include <pthread.h>

#include "harness/child.h"
#include "harness/parked.h"
#include "harness/test.h"

#define MS WEND_MILLISECOND

static wend_waitgroup wg;

static void go(void (*fn)(void *), void *arg)
{
	CHECK_EQ(wend_go(fn, arg), 0);
}

static int read_count(const int *n)
{
	return __atomic_load_n(n, __ATOMIC_ACQUIRE);
}

static void count_one(void *n)
{
	__atomic_add_fetch((int *)n, 1, __ATOMIC_ACQ_REL);
}

static void done(void *unused)
{
	(void)unused;
	wend_waitgroup_done(&wg);
}

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

/* ---- Reset, stale values ------------------------------------------------------------------------ */

/* TestReset */
CO_TEST(reset_says_whether_it_was_set_and_arms_it_anew)
{
	wend_timer *t = wend_timer_make(15 * MS);
	int64_t from = wend_now(), v;

	wend_sleep(2 * MS);
	CHECK(wend_timer_reset(t, 30 * MS));
	CHECK(wend_chan_recv(wend_timer_chan(t), &v));
	CHECK_LE(from + 32 * MS, v);
	CHECK(!wend_timer_reset(t, 2 * MS));
	CHECK(wend_chan_recv(wend_timer_chan(t), &v));
	CHECK(!wend_timer_stop(t));
	wend_timer_release(t);
}

static void wait_until_fired(const wend_timer *t)
{
	/* len says 0, so by another timer that is due later on the same P */
	int64_t v;
	wend_chan *c = wend_after(3 * MS);

	(void)t;
	CHECK(wend_chan_recv(c, &v));
	wend_chan_release(c);
}

/* TestChan */
CO_TEST(no_value_outlives_stop)
{
	wend_timer *t = wend_timer_make(MS);
	int64_t v;

	wait_until_fired(t);
	CHECK(wend_timer_stop(t)); /* nobody had received it: stopped in time */
	CHECK(!wend_chan_try_recv(wend_timer_chan(t), &v, NULL));
	CHECK(!wend_timer_stop(t));
	wend_timer_release(t);
}

CO_TEST(no_value_outlives_reset)
{
	wend_timer *t = wend_timer_make(MS);
	int64_t v, from;

	wait_until_fired(t);
	from = wend_now();
	CHECK(wend_timer_reset(t, 4 * MS));
	CHECK(!wend_chan_try_recv(wend_timer_chan(t), &v, NULL));
	CHECK(wend_chan_recv(wend_timer_chan(t), &v));
	CHECK_LE(from + 4 * MS, v);
	wend_timer_release(t);
}

CO_TEST(no_tick_outlives_stop_or_reset_of_its_ticker)
{
	wend_ticker *t = wend_ticker_make(MS);
	int64_t v, from;

	wait_until_fired(NULL);
	wend_ticker_stop(t);
	CHECK(!wend_chan_try_recv(wend_ticker_chan(t), &v, NULL));
	wend_ticker_reset(t, MS);
	wait_until_fired(NULL);
	from = wend_now();
	wend_ticker_reset(t, 5 * MS);
	CHECK(wend_chan_recv(wend_ticker_chan(t), &v));
	CHECK_LE(from + 5 * MS, v);
	wend_ticker_release(t);
}

CO_TEST(the_channel_says_that_it_holds_nothing_and_has_no_room)
{
	wend_timer *t = wend_timer_make(MS);
	wend_ticker *ticker = wend_ticker_make(MS);

	wait_until_fired(t);
	CHECK_EQ(wend_chan_len(wend_timer_chan(t)), 0);
	CHECK_EQ(wend_chan_cap(wend_timer_chan(t)), 0);
	CHECK_EQ(wend_chan_len(wend_ticker_chan(ticker)), 0);
	CHECK_EQ(wend_chan_cap(wend_ticker_chan(ticker)), 0);
	wend_timer_release(t);
	wend_ticker_release(ticker);
}

CO_TEST(a_timer_may_be_released_before_its_channel)
{
	wend_timer *t = wend_timer_make(2 * MS);
	wend_chan *c = wend_chan_retain(wend_timer_chan(t));
	int64_t v;

	wend_timer_release(t);
	CHECK(wend_chan_recv(c, &v));
	wend_chan_release(c);
}

/* Who waits in select for one of two timers. */
CO_TEST(select_takes_the_timer_that_fires_first)
{
	wend_timer *late = wend_timer_make(3600 * WEND_SECOND), *soon = wend_timer_make(2 * MS);
	wend_case k[2] = {{.chan = wend_timer_chan(late), .op = WEND_OP_RECV}, {.chan = wend_timer_chan(soon), .op = WEND_OP_RECV}};

	CHECK_EQ(wend_select(k, 2, 0), 1);
	CHECK(wend_timer_stop(late));
	CHECK(!wend_timer_stop(soon));
	wend_timer_release(late);
	wend_timer_release(soon);
}

/* ---- Earlier, and other P's --------------------------------------------------------------------- */

/* TestTimerModifiedEarlier: #47329 */
CO_TEST(a_timer_that_is_reset_to_an_earlier_time_fires_then)
{
	wend_timer *later = wend_timer_make(3600 * WEND_SECOND);

	for (int i = 0; i < 20; i++) {
		wend_timer *t = wend_timer_make(3600 * WEND_SECOND);
		int64_t v;

		CHECK(wend_timer_reset(t, 100 * WEND_MICROSECOND));
		CHECK(wend_chan_recv(wend_timer_chan(t), &v));
		wend_timer_release(t);
	}
	wend_timer_release(later);
}

static void sleep_a_little(void *i)
{
	wend_sleep((1 + (intptr_t)i % 10) * 100 * WEND_MICROSECOND);
	wend_waitgroup_done(&wg);
}

/* TestAdjustTimers: #47762. */
CO_TEST(no_timer_is_lost_while_procs_change)
{
	for (int round = 0; round < 40; round++) {
		wend_waitgroup_add(&wg, 20);
		for (intptr_t i = 0; i < 20; i++)
			go(sleep_a_little, (void *)i);
		wend_maxprocs(1 + round * 3 % 5);
		wend_sleep(100 * WEND_MICROSECOND);
		wend_maxprocs(1 + round % 3);
		wend_waitgroup_wait(&wg);
	}
}

/* ---- Who is busy -------------------------------------------------------------------------------- */

static bool over;

static bool is_over(void)
{
	return __atomic_load_n(&over, __ATOMIC_ACQUIRE);
}

static wend_chan *busy;

static void send_all_the_time(void *unused)
{
	(void)unused;
	while (!is_over()) {
		if (!wend_chan_try_send(busy, NULL))
			wend_yield();
	}
	wend_waitgroup_done(&wg);
}

/* TestTimerFairness */
CO_TEST(a_busy_select_does_not_hold_up_timers)
{
	wend_chan *c = wend_after(10 * MS);
	wend_case k[2] = {{.op = WEND_OP_RECV}, {.chan = c, .op = WEND_OP_RECV}};

	wend_maxprocs(1);
	busy = wend_chan_make(0, 1);
	k[0].chan = busy;
	wend_waitgroup_add(&wg, 2);
	go(send_all_the_time, NULL);
	go(send_all_the_time, NULL);
	while (wend_select(k, 2, 0) != 1)
		;
	__atomic_store_n(&over, true, __ATOMIC_RELEASE);
	wend_waitgroup_wait(&wg);
	wend_chan_release(c);
	wend_chan_release(busy);
}

/* TestTimerFairness2 */
static void sleep_all_the_time(void *unused)
{
	(void)unused;
	while (!is_over())
		wend_sleep(WEND_NANOSECOND);
	wend_waitgroup_done(&wg);
}

CO_TEST(busy_timers_do_not_hold_up_channels)
{
	wend_chan *c = wend_chan_make(0, 1);
	int64_t end = wend_now() + 10 * MS;

	wend_maxprocs(1);
	wend_waitgroup_add(&wg, 3);
	for (int i = 0; i < 3; i++)
		go(sleep_all_the_time, NULL);
	while (wend_now() < end) {
		wend_chan_send(c, NULL);
		wend_chan_recv(c, NULL);
		wend_yield();
	}
	__atomic_store_n(&over, true, __ATOMIC_RELEASE);
	wend_waitgroup_wait(&wg);
	wend_chan_release(c);
}

/* Another P is idle: a coroutine that sets a timer and then computes does not hold it up. Nothing else has run before, so
 * there is no second thread yet. */
CO_TEST(who_computes_does_not_hold_up_its_timers_when_another_p_is_idle)
{
	int called = 0;
	int64_t end = wend_now() + 2000 * MS;

	wend_maxprocs(2);
	wend_timer_release(wend_after_func(MS, count_one, &called));
	while (read_count(&called) == 0)
		CHECK_LE(wend_now(), end);
}

static int started, must_go;

static void compute_until_called(void *n)
{
	int called = 0, now = 1 + read_count(&must_go);

	count_one(&started);
	while (read_count(&must_go) != now)
		;
	wend_timer_release(wend_after_func(100 * WEND_MICROSECOND, count_one, &called));
	while (read_count(&called) == 0)
		;
	count_one(n);
}

/* The same on a P that must go, where nobody looks any more. */
CO_TEST(who_computes_on_a_p_that_must_go_does_not_hold_up_its_timers)
{
	const wend_attr second = {.on_p = 2};
	int n = 0;

	for (int i = 1; i <= 20; i++) {
		wend_maxprocs(2);
		CHECK_EQ(wend_go_attr(&second, compute_until_called, &n), 0);
		while (read_count(&started) < i)
			wend_yield();
		wend_maxprocs(1);
		count_one(&must_go);
		while (read_count(&n) < i)
			wend_sleep(50 * WEND_MICROSECOND);
	}
}

/* ParallelTimerLatency as a sanity check: coroutines that compute between sleeps; on the average nobody is late by more
 * than a few of their turns. */
static int64_t late_sum;

static void tick_and_compute(void *unused)
{
	(void)unused;
	for (int i = 0; i < 20; i++) {
		int64_t due = wend_deadline(MS);

		wend_sleep(MS);
		__atomic_add_fetch(&late_sum, wend_now() - due, __ATOMIC_RELAXED);
		for (int64_t end = wend_now() + 20 * WEND_MICROSECOND; wend_now() < end;)
			;
	}
	wend_waitgroup_done(&wg);
}

CO_TEST(timers_of_coroutines_that_compute_are_not_late_on_the_average)
{
	wend_waitgroup_add(&wg, 10);
	for (int i = 0; i < 10; i++)
		go(tick_and_compute, NULL);
	wend_waitgroup_wait(&wg);
	test_note("%lld us late on the average", (long long)late_sum / 200 / 1000);
	CHECK_LE(late_sum / 200, (TEST_SANITIZED ? 200 : 20) * MS);
}

/* ---- Tickers ------------------------------------------------------------------------------------ */

/* TestTicker: as many as there is time for, give or take; after reset in the new rhythm; after stop none. */
CO_TEST(a_ticker_ticks_stops_and_is_reset)
{
	int64_t from = wend_now(), v = 0;
	wend_ticker *t = wend_ticker_make(4 * MS);

	for (int i = 0; i < 5; i++)
		CHECK(wend_chan_recv(wend_ticker_chan(t), &v));
	CHECK_LE(from + 20 * MS, v);
	from = wend_now();
	wend_ticker_reset(t, 2 * MS);
	for (int i = 0; i < 5; i++)
		CHECK(wend_chan_recv(wend_ticker_chan(t), &v));
	CHECK_LE(from + 10 * MS, v);
	wend_ticker_stop(t);
	wend_sleep(8 * MS);
	CHECK(!wend_chan_try_recv(wend_ticker_chan(t), &v, NULL));
	wend_ticker_release(t);
}

/* TestTeardown: whatever state they are in when they go. */
CO_TEST(tickers_come_and_go_one_after_the_other)
{
	int64_t v;

	for (int i = 0; i < 30; i++) {
		wend_ticker *t = wend_ticker_make(100 * WEND_MICROSECOND);

		if (i % 3)
			CHECK(wend_chan_recv(wend_ticker_chan(t), &v));
		if (i % 2)
			wend_ticker_stop(t);
		wend_ticker_release(t);
	}
}

/* TestTickTimes: a tick says when it was, not when it is received. */
CO_TEST(a_ticks_value_is_its_time)
{
	wend_ticker *t = wend_ticker_make(5 * MS);
	int64_t before = wend_now(), v;

	wend_sleep(20 * MS);
	CHECK(wend_chan_recv(wend_ticker_chan(t), &v));
	CHECK_LE(before, v);
	if (!TEST_SANITIZED)
		CHECK_LE(v, before + 19 * MS);
	wend_ticker_release(t);
}

/* Ticks come at multiples of the period, however late one was; one that is not fetched is dropped. */
CO_TEST(a_slow_receiver_loses_ticks_and_keeps_the_rhythm)
{
	wend_ticker *t = wend_ticker_make(2 * MS);
	int64_t first, v;

	CHECK(wend_chan_recv(wend_ticker_chan(t), &first));
	wend_sleep(11 * MS);
	CHECK(wend_chan_recv(wend_ticker_chan(t), &v)); /* the first of those that came meanwhile */
	CHECK_LE(v, first + 10 * MS);
	CHECK(wend_chan_recv(wend_ticker_chan(t), &v));
	CHECK_LE(first + 11 * MS, v + MS);
	wend_ticker_release(t);
}

/* TestTick */
CO_TEST(tick_without_a_positive_interval_is_nil)
{
	wend_chan *c = wend_tick(MS);
	int64_t v;

	CHECK(!wend_tick(0));
	CHECK(!wend_tick(-1));
	CHECK(wend_chan_recv(c, &v));
	CHECK(wend_chan_recv(c, &v));
	wend_chan_release(c);
}

static int make_ticker(void *d)
{
	wend_ticker_release(wend_ticker_make(*(int64_t *)d));
	return 0;
}

static int reset_ticker(void *d)
{
	wend_ticker_reset(wend_ticker_make(WEND_SECOND), *(int64_t *)d);
	return 0;
}

static void run_make(void *d)
{
	exit(wend_run(make_ticker, d));
}

static void run_reset(void *d)
{
	exit(wend_run(reset_ticker, d));
}

static void panics(void (*fn)(void *), int64_t d, const char *text)
{
	struct child c = child_call(fn, &d, 10);

	CHILD_EXITED(&c, 2);
	CHECK_HAS(c.err, text);
	child_free(&c);
}

/* TestNewTickerLtZeroDuration, TestTickerResetLtZeroDuration */
TEST(a_ticker_without_a_positive_interval_panics)
{
	panics(run_make, 0, "panic: non-positive interval for NewTicker");
	panics(run_make, -1, "panic: non-positive interval for NewTicker");
	panics(run_reset, 0, "panic: non-positive interval for Ticker.Reset");
	panics(run_reset, -1, "panic: non-positive interval for Ticker.Reset");
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
