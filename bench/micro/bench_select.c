/* SPDX-License-Identifier: MIT
 *
 * bench_select.c - select: what a case costs that is not ready, one that is, and what waiting costs. Against Go's.
 */
#include "bench/rt.h"

WEND_CHAN_TYPE(words, uint64_t);

enum { MOST = 1000 };

static words *chan[MOST];
static wend_case cases[MOST];
static uint64_t value;

/* Receives from as many channels of that capacity. */
static bool make(struct rt *rt, size_t n, size_t cap)
{
	for (size_t i = 0; i < n; i++) {
		chan[i] = words_make(cap);
		cases[i] = (wend_case)WEND_CASE_RECV(chan[i], &value);
		if (!chan[i])
			rt_fail(rt, "out of memory");
	}
	return !rt_failed(rt);
}

static void release(size_t n)
{
	for (size_t i = 0; i < n; i++)
		words_release(chan[i]);
}

static void not_ready(struct rt *rt, uint64_t n)
{
	size_t k = (size_t)bench_arg(rt->b, 0);

	if (!make(rt, k, 1))
		return;
	rt_begin(rt);
	for (uint64_t i = 0; i < n; i++)
		BENCH_USE(wend_select(cases, k, WEND_SELECT_DEFAULT));
	rt_end(rt);
	release(k);
}
RT_BENCH(select_default, "select/default", 1, BENCH_SAME_CPU, not_ready, .args = {{8}}, .nargs = 1)
RT_BENCH_FLAGS(select_default_more, "select/default", 1, BENCH_SAME_CPU, not_ready, BENCH_FULL_ONLY,
			   .args = {{1}, {2}, {100}, {1000}}, .nargs = 4)

/* One of them ready; the send that makes it so is part of the figure, as in Go's row. */
static void one_ready(struct rt *rt, uint64_t n)
{
	size_t k = (size_t)bench_arg(rt->b, 0);

	if (!make(rt, k, 1))
		return;
	rt_begin(rt);
	for (uint64_t i = 0; i < n; i++) {
		words_send(chan[k / 2], i);
		BENCH_USE(wend_select(cases, k, 0));
	}
	rt_end(rt);
	release(k);
}
RT_BENCH(select_one, "select/one_ready", 1, BENCH_SAME_CPU, one_ready, .args = {{8}}, .nargs = 1)
RT_BENCH_FLAGS(select_one_more, "select/one_ready", 1, BENCH_SAME_CPU, one_ready, BENCH_FULL_ONLY,
			   .args = {{2}, {100}, {1000}}, .nargs = 3)

/* The same eight as a block. */
static void block(struct rt *rt, uint64_t n)
{
	uint64_t v;

	if (!make(rt, 8, 1))
		return;
	rt_begin(rt);
	for (uint64_t i = 0; i < n; i++) {
		words_send(chan[4], i);
		WEND_SELECT {
			WEND_RECV(chan[0], &v) { BENCH_USE(v); }
			WEND_RECV(chan[1], &v) { BENCH_USE(v); }
			WEND_RECV(chan[2], &v) { BENCH_USE(v); }
			WEND_RECV(chan[3], &v) { BENCH_USE(v); }
			WEND_RECV(chan[4], &v) { BENCH_USE(v); }
			WEND_RECV(chan[5], &v) { BENCH_USE(v); }
			WEND_RECV(chan[6], &v) { BENCH_USE(v); }
			WEND_RECV(chan[7], &v) { BENCH_USE(v); }
		} WEND_SELECT_END
	}
	rt_end(rt);
	release(8);
}
RT_BENCH(select_block, "select/block/8", 1, BENCH_SAME_CPU, block)

static void all_ready(struct rt *rt, uint64_t n)
{
	if (!make(rt, 8, 1))
		return;
	for (int i = 0; i < 8; i++)
		words_send(chan[i], 0);
	rt_begin(rt);
	for (uint64_t i = 0; i < n; i++)
		words_send(chan[wend_select(cases, 8, 0)], i);
	rt_end(rt);
	release(8);
}
RT_BENCH_FLAGS(select_all, "select/all_ready/8", 1, BENCH_SAME_CPU, all_ready, BENCH_FULL_ONLY)

/* ---- Waiting ------------------------------------------------------------------------------------ */

static words *answer;

/* Waits in all of them for each question. Who asks begins when it waits already, so that it does so each time: were
 * the question there first, select would find a case ready. */
static void answer_all(void *arg)
{
	size_t k = (size_t)bench_arg(((struct rt *)arg)->b, 0);

	for (;;) {
		int i = wend_select(cases, k, 0);

		if (!cases[i].ok)
			break;
		words_send(answer, value);
	}
	wend_waitgroup_done(&((struct rt *)arg)->over);
}

static void round_trips(struct rt *rt, uint64_t n)
{
	size_t k = (size_t)bench_arg(rt->b, 0);

	answer = words_make(0);
	if (!make(rt, k, 0) || !answer)
		return;
	wend_waitgroup_add(&rt->over, 1);
	if (!rt_ok(rt, wend_go(answer_all, rt), "wend_go")) {
		wend_waitgroup_done(&rt->over);
		return;
	}
	for (int i = 0; i < 100; i++)
		wend_yield();
	rt_begin(rt);
	for (uint64_t i = 0; i < n; i++) {
		words_send(chan[i % k], i);
		words_get(answer);
	}
	rt_end(rt);
	words_close(chan[0]);
}
RT_BENCH(select_wait, "select/wait", 1, BENCH_SAME_CPU, round_trips, .args = {{2}, {8}}, .nargs = 2)
RT_BENCH_FLAGS(select_wait_more, "select/wait", 1, BENCH_SAME_CPU, round_trips, BENCH_FULL_ONLY,
			   .args = {{100}, {1000}}, .nargs = 2)
RT_BENCH_FLAGS(select_wait_p2, "select/wait_p2", 2, BENCH_TWO_CPUS, round_trips, BENCH_FULL_ONLY,
			   .args = {{2}, {8}}, .nargs = 2)

/* Two coroutines, each offers on one channel and takes from the other: two selects that meet, per value. */
static void offer_and_take(struct rt_member *m)
{
	uint64_t v = 0, got;
	wend_case both[2] = {WEND_CASE_SEND(chan[m->index], &v), WEND_CASE_RECV(chan[!m->index], &got)};

	for (uint64_t i = 0; i < m->n; i++)
		wend_select(both, 2, 0);
}

static void meet(struct rt *rt, uint64_t n)
{
	if (make(rt, 2, 0))
		rt_crowd(rt, 2, false, 2 * n, offer_and_take);
}
RT_BENCH(select_meet, "select/meet", 1, BENCH_SAME_CPU, meet)
RT_BENCH_FLAGS(select_meet_p2, "select/meet_p2", 2, BENCH_TWO_CPUS, meet, BENCH_FULL_ONLY)
