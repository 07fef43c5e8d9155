/* SPDX-License-Identifier: MIT
 *
 * Timers and tickers, set anew, beside others and with stale values: Go's sleep_test and tick_test, with the meaning that channels
 * of timers have since 1.23. Waits are short; upper limits only say that something is not lost. */
#include "conformance/timers.h"
#include "harness/child.h"

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
