/* SPDX-License-Identifier: MIT
 *
 * bench_time.c - timers: created and stopped, alone and with a million others set; a million due together; how late
 * sleepers and ticks come, against threads that sleep; what a timer that is set costs those who do not care.
 */
#include "bench/rt.h"

#include <stdlib.h>
#include <time.h>

#define FAR WEND_HOUR

/* ---- Create, stop, reset -------------------------------------------------------------------------- */

static void nothing(void *unused)
{
	(void)unused;
}

static void create_stop(struct rt *rt, uint64_t n)
{
	(void)rt;
	while (n--) {
		wend_timer *t = wend_timer_make(FAR);

		wend_timer_stop(t);
		wend_timer_release(t);
	}
}
RT_BENCH(time_create_stop, "time/create_stop", 1, BENCH_SAME_CPU, create_stop)
RT_BENCH(time_create_stop_p2, "time/create_stop_p2", 2, BENCH_TWO_CPUS, create_stop, .baseline = "time/create_stop")

static void share_create_stop(struct rt_member *m)
{
	create_stop(m->rt, m->n);
}

static void create_stop_all(struct rt *rt, uint64_t n)
{
	rt_crowd(rt, (size_t)rt->procs, true, n, share_create_stop);
}
RT_BENCH(time_create_stop_all_p2, "time/create_stop_all_p2", 2, BENCH_TWO_CPUS, create_stop_all,
		 .baseline = "time/create_stop")

static void func_stop(struct rt *rt, uint64_t n)
{
	(void)rt;
	while (n--) {
		wend_timer *t = wend_after_func(FAR, nothing, NULL);

		wend_timer_stop(t);
		wend_timer_release(t);
	}
}
RT_BENCH(time_func_stop, "time/after_func_stop", 1, BENCH_SAME_CPU, func_stop)

static void reset(struct rt *rt, uint64_t n)
{
	wend_timer *t = wend_timer_make(FAR);

	(void)rt;
	while (n--)
		wend_timer_reset(t, FAR);
	wend_timer_release(t);
}
RT_BENCH(time_reset, "time/reset", 1, BENCH_SAME_CPU, reset)

/* ---- Many ------------------------------------------------------------------------------------------ */

static wend_timer **many;
static uint64_t nmany;

/* `count` of them, of which the i-th is due after time(i). */
static bool make_many(struct rt *rt, uint64_t count, int64_t (*after)(uint64_t i))
{
	many = calloc(count, sizeof(wend_timer *));
	nmany = many ? count : 0;
	for (uint64_t i = 0; i < nmany; i++) {
		many[i] = wend_timer_make(after(i));
		if (!many[i])
			nmany = i;
	}
	if (nmany < count)
		rt_fail(rt, "out of memory");
	return nmany == count;
}

static void release_many(void)
{
	for (uint64_t i = 0; i < nmany; i++)
		wend_timer_release(many[i]);
	free(many);
}

static uint64_t mix(uint64_t x)
{
	x *= 0x9E3779B97F4A7C15ULL;
	x ^= x >> 32;
	x *= 0xD6E8FEB86659FD93ULL;
	return x ^ x >> 32;
}

static int64_t anywhen(uint64_t i)
{
	return FAR / 2 + (int64_t)(mix(i) % (uint64_t)FAR);
}

static void create_stop_many(struct rt *rt, uint64_t n)
{
	if (make_many(rt, (uint64_t)bench_arg(rt->b, 0), anywhen)) {
		rt_begin(rt);
		create_stop(rt, n);
		rt_end(rt);
	}
	release_many();
}
RT_BENCH(time_create_stop_many, "time/create_stop_among", 1, BENCH_SAME_CPU, create_stop_many, .args = {{1000000}},
		 .nargs = 1, .baseline = "time/create_stop")

/* An operation: one is created, and later stopped when the turn comes to it in a random order. */
static void create_many(struct rt *rt, uint64_t n)
{
	uint64_t count = (uint64_t)bench_arg(rt->b, 0), from;

	rt_begin(rt);
	if (make_many(rt, count, anywhen)) {
		for (uint64_t i = count - 1; i > 0; i--) {
			uint64_t k = mix(i) % (i + 1);
			wend_timer *t = many[i];

			many[i] = many[k];
			many[k] = t;
		}
		from = bench_now();
		for (uint64_t i = 0; i < count; i++)
			wend_timer_stop(many[i]);
		bench_count(rt->b, "stop_ns_each", (double)(bench_now() - from) / (double)count, BENCH_VALUE);
	}
	rt_end(rt);
	bench_items(rt->b, count);
	release_many();
}
RT_BENCH_FLAGS(time_create_many, "time/create_stop_random", 1, BENCH_SAME_CPU, create_many, BENCH_ONCE,
			   .args = {{1000000}}, .nargs = 1)

/* ---- All due together ------------------------------------------------------------------------------- */

static wend_waitgroup storm;

static void drop(void *unused)
{
	(void)unused;
	wend_waitgroup_done(&storm);
}

/* Functions that are all due within a millisecond, after they have all been set: seconds until the last has run. */
static void drain(struct rt *rt, uint64_t n)
{
	uint64_t count = (uint64_t)bench_arg(rt->b, 0);
	int64_t due = wend_deadline(WEND_SECOND + (int64_t)count * 1000);

	wend_waitgroup_add(&storm, (int)count);
	for (uint64_t i = 0; i < count; i++) {
		wend_timer *t = wend_after_func(due + (int64_t)(mix(i) % WEND_MILLISECOND) - wend_now(), drop, NULL);

		if (!t) {
			rt_fail(rt, "out of memory");
			wend_waitgroup_done(&storm);
		}
		wend_timer_release(t);
	}
	if (wend_now() >= due)
		rt_fail(rt, "the machine is too slow: some were due before the last was set");
	wend_sleep(due - wend_now());
	rt_begin(rt);
	wend_waitgroup_wait(&storm);
	rt_end(rt);
	bench_count(rt->b, "seconds", (double)rt->ns / 1e9, BENCH_VALUE);
	bench_items(rt->b, count);
}
RT_BENCH_FLAGS(time_storm, "time/due_together", 1, BENCH_SAME_CPU, drain, BENCH_ONCE, .args = {{1000000}}, .nargs = 1)
RT_BENCH_FLAGS(time_storm_p2, "time/due_together_p2", 2, BENCH_TWO_CPUS, drain, BENCH_ONCE, .args = {{1000000}},
			   .nargs = 1)

/* ---- How late --------------------------------------------------------------------------------------- */

static void oversleep(struct rt *rt, uint64_t n)
{
	int64_t d = bench_arg(rt->b, 0);

	for (uint64_t i = 0; i < n; i++) {
		int64_t due = wend_deadline(d);

		wend_sleep(d);
		bench_lat(rt->b, (uint64_t)(wend_now() - due));
	}
}
#define SLEEP_ARGS .args = {{1000}, {100000}, {1000000}, {10000000}}, .nargs = 4, .iterations = 200
RT_BENCH(time_sleep, "time/sleep", 1, BENCH_SAME_CPU, oversleep, SLEEP_ARGS)
RT_BENCH(time_sleep_p2, "time/sleep_p2", 2, BENCH_TWO_CPUS, oversleep, SLEEP_ARGS)

static void thread_oversleep(bench *b)
{
	int64_t d = bench_arg(b, 0);
	uint64_t n;

	while ((n = bench_next(b)))
		for (uint64_t i = 0; i < n; i++) {
			int64_t due = (int64_t)bench_now() + d;
			struct timespec ts = {due / 1000000000, due % 1000000000};

			clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &ts, NULL);
			bench_lat(b, bench_now() - (uint64_t)due);
		}
}
BENCH_NAMED(time_thread_sleep, "thread/sleep", .run = thread_oversleep, .placement = BENCH_SAME_CPU, SLEEP_ARGS)

/* Ticks of a millisecond: how far each is from where it should be, and how many did not come. */
static void ticks(struct rt *rt, uint64_t n)
{
	wend_ticker *t = wend_ticker_make(WEND_MILLISECOND);
	int64_t first, v = 0;

	wend_chan_recv(wend_ticker_chan(t), &first);
	for (uint64_t i = 1; i <= n; i++) {
		wend_chan_recv(wend_ticker_chan(t), &v);
		bench_lat(rt->b, (uint64_t)((v - first + WEND_MILLISECOND / 2) % WEND_MILLISECOND) > 500000
							 ? (uint64_t)((v - first + WEND_MILLISECOND / 2) % WEND_MILLISECOND) - 500000 : 0);
	}
	bench_count(rt->b, "lost_percent",
				100 * ((double)(v - first) / (double)WEND_MILLISECOND - (double)n) / (double)n, BENCH_VALUE);
	wend_ticker_release(t);
}
RT_BENCH(time_ticker, "time/ticker", 1, BENCH_SAME_CPU, ticks, .iterations = 1000)
RT_BENCH(time_ticker_p2, "time/ticker_p2", 2, BENCH_TWO_CPUS, ticks, .iterations = 1000)

/* ---- What it costs the others ----------------------------------------------------------------------- */

static void yields(struct rt_member *m)
{
	for (uint64_t i = 0; i < m->n; i++)
		wend_yield();
}

/* yield/2 with a timer set, for which the P looks at the clock. */
static void yield_beside_timer(struct rt *rt, uint64_t n)
{
	wend_timer *t = wend_timer_make(FAR);

	rt_crowd(rt, 2, false, n, yields);
	wend_timer_release(t);
}
RT_BENCH(time_yield, "time/yield_beside_timer", 1, BENCH_SAME_CPU, yield_beside_timer, .baseline = "yield/2")
