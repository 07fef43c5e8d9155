/* SPDX-License-Identifier: MIT
 *
 * bench_blocking.c - one coroutine blocks its thread, reading an empty pipe, and another is ready on the same P: how long
 * until that one runs. It then writes to the pipe. Beside what a blocking call costs when nobody else wants the P, and what one
 * that computes loses to one that blocks for 10 ms over and over. */
#include "bench/rt.h"

#include <errno.h>
#include <stdlib.h>
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

/* ---- One that computes, giving way every 30 us or so --------------------------------------------------- *
 *
 * Stretches without and with the blocker alternate, each longer than its 10 ms. Others on the machine can only make a stretch
 * longer, so the quickest eighths of both kinds are compared. An operation is one stretch of each. */
enum { STRETCH = 500, PAIRS = 32 };

static void compute(void)
{
	uint64_t x = 1;

	for (int n = 0; n < STRETCH; n++) {
		for (int i = 0; i < 20000; i++) {
			x ^= x << 13;
			x ^= x >> 7;
			x ^= x << 17;
		}
		BENCH_USE(x);
		wend_yield();
	}
}

static atm_u32 go_on;
static wend_chan *begin, *rests;

static int64_t sleep_10_ms(void *unused)
{
	return usleep(10000);
}

static void block_when_told(void *unused)
{
	while (wend_chan_recv(begin, NULL)) {
		while (atm_load_rlx(&go_on)) /* rlx: nothing behind it */
			wend_blocking(sleep_10_ms, NULL);
		wend_chan_send(rests, NULL);
	}
	wend_chan_send(rests, NULL);
}

static uint64_t stretch(bool beside)
{
	uint64_t from, ns;

	if (beside) {
		atm_store_rlx(&go_on, 1); /* rlx: as above */
		wend_chan_send(begin, NULL);
		wend_yield(); /* now it is in its call */
	}
	from = bench_now();
	compute();
	ns = bench_now() - from;
	if (beside) {
		atm_store_rlx(&go_on, 0); /* rlx: as above */
		wend_chan_recv(rests, NULL);
	}
	return ns;
}

static int by_size(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

static double quickest(uint64_t *ns)
{
	uint64_t sum = 0;

	qsort(ns, PAIRS, sizeof *ns, by_size);
	for (int i = 0; i < PAIRS / 8; i++)
		sum += ns[i];
	return (double)sum;
}

static void compute_beside(struct rt *rt, uint64_t n)
{
	uint64_t ns[2][PAIRS]; /* without, with the blocker */

	begin = wend_chan_make(0, 0);
	rests = wend_chan_make(0, 0);
	if (!rt_ok(rt, wend_go(block_when_told, NULL), "wend_go"))
		return;
	rt_begin(rt);
	for (uint64_t i = 0; i < n; i++) {
		bool first = i % 2; /* whatever drifts favours neither */

		ns[first][i] = stretch(first);
		ns[!first][i] = stretch(!first);
	}
	rt_end(rt);
	wend_chan_close(begin);
	wend_chan_recv(rests, NULL);
	wend_chan_release(begin);
	wend_chan_release(rests);
	bench_count(rt->b, "lost_percent", 100 * quickest(ns[1]) / quickest(ns[0]) - 100, BENCH_VALUE);
}
RT_BENCH(blocking_compute_beside, "blocking/compute_beside", 1, BENCH_FREE, compute_beside, .iterations = PAIRS)
