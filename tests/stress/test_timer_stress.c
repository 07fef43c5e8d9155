/* SPDX-License-Identifier: MIT
 *
 * Timers, tickers and functions set, reset, stopped and released by many coroutines and foreign threads at random, while
 * the number of P's changes. What is counted in the end: a function is called or stopped, once for each time it was set;
 * a value is received, or stop and reset say that it was not; nothing comes before its time, and no sleeper is lost. */
#include <pthread.h>

#include "harness/test.h"

#include <wend/wend.h>

enum { SHARED = 8, COROUTINES = 12, THREADS = 2 };

static int over;
static wend_waitgroup alive;

static bool is_over(void)
{
	return __atomic_load_n(&over, __ATOMIC_ACQUIRE);
}

/* Some of them at once, most within a millisecond, some much later. */
static int64_t some_time(uint64_t *rng)
{
	uint64_t r = test_rand(rng);

	switch (r % 8) {
	case 0:
		return (int64_t)(r >> 8) % 3 - 1;
	case 1:
		return WEND_HOUR + (int64_t)(r >> 40);
	default:
		return (int64_t)((r >> 8) % WEND_MILLISECOND);
	}
}

static void in_time(int64_t due)
{
	CHECK_LE(due, wend_now());
}

/* ---- Functions: set = called + stopped ----------------------------------------------------------- */

static wend_timer *func[SHARED];
static int64_t set, called, stopped;

static void add(int64_t *n)
{
	__atomic_add_fetch(n, 1, __ATOMIC_RELEASE); /* pairs with the last look at `called`, after which all are read plainly */
}

static void call(void *unused)
{
	(void)unused;
	add(&called);
}

static void use_function(uint64_t *rng)
{
	wend_timer *t = func[test_rand(rng) % SHARED];

	if (test_rand(rng) % 3 == 0) {
		if (wend_timer_stop(t))
			add(&stopped);
	} else {
		add(&set);
		if (wend_timer_reset(t, some_time(rng)))
			add(&stopped);
	}
}

/* One of one's own, left to itself. */
static void leave_function(uint64_t *rng)
{
	wend_timer *t = wend_after_func((int64_t)(test_rand(rng) % WEND_MILLISECOND), call, NULL);

	CHECK(t != NULL);
	add(&set);
	wend_timer_release(t);
}

/* ---- Channels: set = received + taken back -------------------------------------------------------- */

static wend_timer *timer[SHARED];
static int64_t values_set, values;

static void use_timer(uint64_t *rng)
{
	wend_timer *t = timer[test_rand(rng) % SHARED];
	int64_t v;
	bool ok;

	switch (test_rand(rng) % 4) {
	case 0:
		if (wend_timer_stop(t))
			add(&values);
		break;
	case 1:
		if (wend_chan_try_recv(wend_timer_chan(t), &v, &ok)) {
			in_time(v);
			add(&values);
		}
		break;
	default:
		add(&values_set);
		if (wend_timer_reset(t, some_time(rng)))
			add(&values);
	}
}

static void wait_for_own(uint64_t *rng)
{
	int64_t d = (int64_t)(test_rand(rng) % (WEND_MILLISECOND / 2)), due = wend_deadline(d), v;
	wend_timer *t = wend_timer_make(d);
	wend_chan *c;

	CHECK(t != NULL);
	c = wend_chan_retain(wend_timer_chan(t));
	wend_timer_release(t);
	CHECK(wend_chan_recv(c, &v));
	CHECK_LE(due, v);
	in_time(v);
	wend_chan_release(c);
}

static wend_ticker *ticker;

static void use_ticker(uint64_t *rng)
{
	if (test_rand(rng) % 4)
		wend_ticker_reset(ticker, 1 + (int64_t)(test_rand(rng) % (WEND_MILLISECOND / 4)));
	else if (test_rand(rng) % 2)
		wend_ticker_stop(ticker);
	else
		(void)!wend_chan_try_recv(wend_ticker_chan(ticker), NULL, NULL);
}

static void nap(uint64_t *rng)
{
	int64_t d = (int64_t)(test_rand(rng) % (WEND_MILLISECOND / 5)), due = wend_deadline(d);

	wend_sleep(d);
	in_time(due);
}

/* ---- Who does it ------------------------------------------------------------------------------------ */

static uint64_t steps;

static void work(uint64_t seed)
{
	static void (*const acts[])(uint64_t *) = {use_function, use_timer, use_ticker, leave_function, wait_for_own, nap};
	uint64_t rng = seed;

	while (!is_over()) {
		uint64_t r = test_rand(&rng) % 40;

		acts[r < 15 ? 0 : r < 30 ? 1 : r < 34 ? 2 : r < 38 ? 3 : r < 39 ? 4 : 5](&rng);
		__atomic_add_fetch(&steps, 1, __ATOMIC_RELAXED);
	}
	wend_waitgroup_done(&alive);
}

static void coroutine(void *seed)
{
	work((uintptr_t)seed);
}

static void *thread(void *seed)
{
	work((uintptr_t)seed);
	return NULL;
}

CO_TEST_LIMIT(each_timer_fires_or_is_stopped_once_for_each_setting, 60)
{
	uint64_t rng = test_seed();
	double end = test_now() + test_stress_seconds();
	pthread_t threads[THREADS];

	for (int i = 0; i < SHARED; i++) {
		func[i] = wend_after_func(WEND_HOUR, call, NULL);
		timer[i] = wend_timer_make(WEND_HOUR);
	}
	set = values_set = SHARED;
	ticker = wend_ticker_make(WEND_MILLISECOND);
	wend_waitgroup_add(&alive, COROUTINES + THREADS);
	for (int i = 0; i < COROUTINES; i++)
		CHECK_EQ(wend_go(coroutine, (void *)(uintptr_t)test_rand(&rng)), 0);
	for (int i = 0; i < THREADS; i++)
		CHECK_EQ(pthread_create(&threads[i], NULL, thread, (void *)(uintptr_t)test_rand(&rng)), 0);
	while (test_now() < end) {
		wend_maxprocs(1 + (int)(test_rand(&rng) % 4));
		wend_sleep((int64_t)(test_rand(&rng) % (2 * WEND_MILLISECOND)));
	}
	__atomic_store_n(&over, 1, __ATOMIC_RELEASE);
	wend_waitgroup_wait(&alive);
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	wend_ticker_release(ticker);
	for (int i = 0; i < SHARED; i++) {
		stopped += wend_timer_stop(func[i]);
		values += wend_timer_stop(timer[i]);
		wend_timer_release(func[i]);
		wend_timer_release(timer[i]);
	}
	while (__atomic_load_n(&called, __ATOMIC_ACQUIRE) + stopped < set) /* those left to themselves */
		wend_sleep(WEND_MILLISECOND);
	CHECK_EQ(called + stopped, set);
	CHECK_EQ(values, values_set);
	test_note("%llu steps, %lld called, %lld stopped, %lld values", (unsigned long long)steps, (long long)called,
			  (long long)stopped, (long long)values);
}

/* Far more due together than are fired at a time, some of which are stopped meanwhile, and set anew. */
enum { STORM = 20000 };

static wend_timer *storm[STORM];
static int64_t storm_called;
static int storms;

static void storm_call(void *due)
{
	in_time((int64_t)(intptr_t)due);
	__atomic_add_fetch(&storm_called, 1, __ATOMIC_ACQ_REL);
}

CO_TEST_LIMIT(a_storm_of_timers_loses_none, 60)
{
	uint64_t rng = test_seed();
	double end = test_now() + test_stress_seconds();

	do {
		int64_t base = wend_now() + 5 * WEND_MILLISECOND, want = 0;

		storm_called = 0;
		wend_maxprocs(1 + (int)(test_rand(&rng) % 3));
		for (int i = 0; i < STORM; i++) {
			int64_t due = base + (int64_t)(test_rand(&rng) % (i % 100 ? WEND_MILLISECOND : 30 * WEND_MILLISECOND));

			storm[i] = wend_after_func(due - wend_now(), storm_call, (void *)(intptr_t)due);
			CHECK(storm[i] != NULL);
			want++;
		}
		wend_sleep(base - wend_now());
		for (int i = 0; i < STORM; i++) {
			int k = (int)(test_rand(&rng) % STORM);

			if (i % 4 == 0 && wend_timer_stop(storm[k]))
				want--;
			if (i % 64 == 0)
				wend_yield();
		}
		while (__atomic_load_n(&storm_called, __ATOMIC_ACQUIRE) < want)
			wend_sleep(WEND_MILLISECOND);
		for (int i = 0; i < STORM; i++) {
			CHECK(!wend_timer_stop(storm[i]));
			wend_timer_release(storm[i]);
		}
		CHECK_EQ(storm_called, want);
		storms++;
	} while (test_now() < end);
	test_note("%d storms", storms);
}
