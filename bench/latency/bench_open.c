/* SPDX-License-Identifier: MIT
 *
 * bench_open.c - how long a request waits until a coroutine has it, through a channel. Open loop: requests are due
 * at fixed times, whoever is late with them, and are timed from when they were due. Closed loop: the next one
 * comes when the last is answered, so that a stall delays one request and keeps the others from being asked.
 *
 * The argument is a stall, in ms, that the server makes once, in the middle: 0 in what is measured. The rows with 10
 * show that the open loop tells of it (one request in a hundred waited for it) and that the closed one does not.
 */
#include "bench/rt.h"

#include <stdlib.h>

WEND_CHAN_TYPE(dues, uint64_t);

enum { PERIOD_NS = 25000, REQUESTS = 40000, QUEUE = 1024 }; /* 40 a ms, for a second */

static struct {
	struct rt *rt;
	wend_waitgroup served;
	dues *asked, *answered;
	uint64_t n;
	uint64_t *waited; /* the histogram belongs to the row's own thread */
} loop;

static void stall(uint64_t ms)
{
	uint64_t end = bench_now() + ms * 1000000;

	while (bench_now() < end)
		;
}

/* Takes requests, each the time at which it was due. */
static void serve(void *unused)
{
	for (uint64_t i = 0; i < loop.n; i++) {
		uint64_t due = dues_get(loop.asked);

		if (i == loop.n / 2)
			stall((uint64_t)bench_arg(loop.rt->b, 0));
		loop.waited[i] = bench_now() - due;
		if (loop.answered)
			dues_send(loop.answered, due);
	}
	wend_waitgroup_done(&loop.served);
}

static void ask_on_time(void)
{
	uint64_t due = bench_now();

	for (uint64_t i = 0; i < loop.n; i++, due += PERIOD_NS) {
		while (bench_now() < due)
			wend_yield();
		dues_send(loop.asked, due);
	}
}

static void ask_when_answered(void)
{
	for (uint64_t i = 0; i < loop.n; i++) {
		dues_send(loop.asked, bench_now());
		dues_get(loop.answered);
	}
}

/* All requests, served by a second coroutine. */
static void ask_all(struct rt *rt, void (*ask)(void))
{
	wend_waitgroup_add(&loop.served, 1);
	if (!rt_ok(rt, wend_go(serve, NULL), "wend_go")) {
		wend_waitgroup_done(&loop.served);
		return;
	}
	rt_begin(rt);
	ask();
	wend_waitgroup_wait(&loop.served);
	rt_end(rt);
	for (uint64_t i = 0; i < loop.n; i++)
		bench_lat(rt->b, loop.waited[i]);
}

static void run(struct rt *rt, uint64_t n, bool open)
{
	loop.rt = rt;
	loop.n = n;
	loop.asked = dues_make(QUEUE);
	loop.answered = open ? NULL : dues_make(1);
	loop.waited = calloc(n, sizeof *loop.waited);
	if (loop.asked && (open || loop.answered) && loop.waited)
		ask_all(rt, open ? ask_on_time : ask_when_answered);
	else
		rt_fail(rt, "out of memory");
	free(loop.waited);
	dues_release(loop.asked);
	dues_release(loop.answered);
}

static void open_loop(struct rt *rt, uint64_t n)
{
	run(rt, n, true);
}

static void closed_loop(struct rt *rt, uint64_t n)
{
	run(rt, n, false);
}

#define CALM .args = {{0}}, .nargs = 1, .iterations = REQUESTS
#define STALLED .args = {{10}}, .nargs = 1, .iterations = REQUESTS
RT_BENCH(open_calm, "latency/open", 1, BENCH_SAME_CPU, open_loop, CALM, .model = "open@40000")
RT_BENCH(open_p2, "latency/open_p2", 2, BENCH_TWO_CPUS, open_loop, CALM, .model = "open@40000")
RT_BENCH(closed_calm, "latency/closed", 1, BENCH_SAME_CPU, closed_loop, CALM)
RT_BENCH_FLAGS(open_stalled, "latency/open", 1, BENCH_SAME_CPU, open_loop, BENCH_FULL_ONLY, STALLED,
			   .model = "open@40000")
RT_BENCH_FLAGS(closed_stalled, "latency/closed", 1, BENCH_SAME_CPU, closed_loop, BENCH_FULL_ONLY, STALLED)
