/* SPDX-License-Identifier: MIT
 *
 * bench_blocking.c - one coroutine blocks its thread, reading an empty pipe, and another is ready on the same P: how long
 * until that one runs. It then writes to the pipe. Beside what a blocking call costs when nobody else wants the P, and what one
 * that computes loses to one that blocks for 10 ms over and over. */
#include "bench/rt.h"

#include <errno.h>
#include <unistd.h>

static int ends[2];
static uint64_t ran_at;

static void next(void *failed)
{
	ran_at = bench_now();
	if (write(ends[1], "x", 1) != 1)
		*(bool *)failed = true;
}

static int64_t read_pipe(void *unused)
{
	char byte;

	return read(ends[0], &byte, 1);
}

/* An operation is one wait of the next coroutine; the sum of these is the time. */
static void hand_over(struct rt *rt, uint64_t n)
{
	uint64_t waited = 0;
	bool failed = false;

	if (pipe(ends) != 0) {
		rt_fail(rt, "pipe: errno %d", errno);
		return;
	}
	for (uint64_t i = 0; i < n && !failed; i++) {
		uint64_t from;

		if (!rt_ok(rt, wend_go(next, &failed), "wend_go"))
			break;
		from = bench_now();
		if (wend_blocking(read_pipe, NULL) != 1)
			failed = true;
		bench_lat(rt->b, ran_at - from);
		waited += ran_at - from;
	}
	if (failed)
		rt_fail(rt, "the pipe was not read or written");
	rt->ns = waited;
	close(ends[0]);
	close(ends[1]);
}
RT_BENCH(blocking_free, "blocking/next_runs", 1, BENCH_FREE, hand_over)
RT_BENCH(blocking_pinned, "blocking/next_runs_pinned", 1, BENCH_SAME_CPU, hand_over)

static int64_t nothing(void *unused)
{
	return 0;
}

static void alone(struct rt *rt, uint64_t n)
{
	while (n--)
		wend_blocking(nothing, NULL);
}
RT_BENCH(blocking_alone, "blocking/alone", 1, BENCH_FREE, alone)
RT_BENCH(blocking_alone_pinned, "blocking/alone_pinned", 1, BENCH_SAME_CPU, alone)

/* ---- One that computes, giving way every 20 us or so --------------------------------------------------- */

static void compute(uint64_t n)
{
	for (uint64_t x = n | 1; n > 0; n--) {
		for (int i = 0; i < 20000; i++) {
			x ^= x << 13;
			x ^= x >> 7;
			x ^= x << 17;
		}
		BENCH_USE(x);
		wend_yield();
	}
}

static atm_u32 enough;

static int64_t sleep_10_ms(void *unused)
{
	return usleep(10000);
}

static void blocks_for_ever(void *over)
{
	while (atm_load_acq(&enough) == 0)
		wend_blocking(sleep_10_ms, NULL);
	wend_waitgroup_done(over);
}

static void compute_alone(struct rt *rt, uint64_t n)
{
	compute(n);
}
RT_BENCH(blocking_compute_alone, "blocking/compute_alone", 1, BENCH_FREE, compute_alone)

static void compute_beside(struct rt *rt, uint64_t n)
{
	wend_waitgroup over = WEND_ZERO;

	atm_store_rlx(&enough, 0); /* rlx: spawning publishes it */
	wend_waitgroup_add(&over, 1);
	if (!rt_ok(rt, wend_go(blocks_for_ever, &over), "wend_go"))
		return;
	wend_yield();
	rt_begin(rt);
	compute(n);
	rt_end(rt);
	atm_store_rel(&enough, 1);
	wend_waitgroup_wait(&over);
}
RT_BENCH(blocking_compute_beside, "blocking/compute_beside", 1, BENCH_FREE, compute_beside,
		 .baseline = "blocking/compute_alone")
