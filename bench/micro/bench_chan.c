/* SPDX-License-Identifier: MIT
 *
 * bench_chan.c - channels of words: one coroutine alone, a pair, and crowds that share one. A figure is per value that
 * passes, sent and received, or per hop where a token goes to and fro. Against a mutex with two condition variables on
 * threads (peers/thread_queue.c), boost.fiber's channels and Go's.
 */
#include "bench/rt.h"

WEND_CHAN_TYPE(words, uint64_t);

static words *make(struct rt *rt, size_t cap)
{
	words *c = words_make(cap);

	if (!c)
		rt_fail(rt, "out of memory");
	return c;
}

/* ---- Alone -------------------------------------------------------------------------------------- */

static void pair(struct rt *rt, uint64_t n)
{
	words *c = make(rt, 1);

	for (uint64_t i = 0; c && i < n; i++) {
		words_send(c, i);
		BENCH_USE(words_get(c));
	}
	words_release(c);
}
RT_BENCH(chan_pair, "chan/pair", 1, BENCH_SAME_CPU, pair)

static void try_empty(struct rt *rt, uint64_t n)
{
	words *c = make(rt, 1);
	uint64_t v;

	for (uint64_t i = 0; c && i < n; i++)
		BENCH_USE(words_try_recv(c, &v, NULL));
	words_release(c);
}
RT_BENCH(chan_try_empty, "chan/try_empty", 1, BENCH_SAME_CPU, try_empty)

static void recv_closed(struct rt *rt, uint64_t n)
{
	words *c = make(rt, 0);

	if (c)
		words_close(c);
	for (uint64_t i = 0; c && i < n; i++)
		BENCH_USE(words_get(c));
	words_release(c);
}
RT_BENCH(chan_recv_closed, "chan/recv_closed", 1, BENCH_SAME_CPU, recv_closed)

static void make_release(struct rt *rt, uint64_t n)
{
	for (uint64_t i = 0; i < n; i++)
		words_release(make(rt, (size_t)bench_arg(rt->b, 0)));
}
RT_BENCH(chan_make, "chan/make", 1, BENCH_SAME_CPU, make_release, .args = {{0}}, .nargs = 1)
RT_BENCH_FLAGS(chan_make_more, "chan/make", 1, BENCH_SAME_CPU, make_release, BENCH_FULL_ONLY, .args = {{128}}, .nargs = 1)

/* ---- Two ---------------------------------------------------------------------------------------- */

static words *there, *back;

static void echo(void *rt)
{
	WEND_CHAN_RANGE(there, uint64_t, v)
		words_send(back, v);
	wend_waitgroup_done(&((struct rt *)rt)->over);
}

static void hops(struct rt *rt, uint64_t n)
{
	there = make(rt, 0);
	back = make(rt, 0);
	wend_waitgroup_add(&rt->over, 1);
	if (!there || !back || !rt_ok(rt, wend_go(echo, rt), "wend_go")) {
		wend_waitgroup_done(&rt->over);
		return;
	}
	rt_begin(rt);
	for (uint64_t i = 0; i < n; i += 2) {
		words_send(there, i);
		words_get(back);
	}
	rt_end(rt);
	words_close(there);
}
RT_BENCH(chan_hop, "chan/hop", 1, BENCH_SAME_CPU, hops, .baseline = "thread/handover_same_core")
RT_BENCH(chan_hop_p2, "chan/hop_p2", 2, BENCH_TWO_CPUS, hops, .baseline = "thread/handover_free")

/* ---- Crowds ------------------------------------------------------------------------------------- */

static struct {
	words *c;
	size_t senders;
} shared;

/* The first send, the others receive; each its share of what its side does. */
static void send_or_recv(struct rt_member *m)
{
	if (m->index < shared.senders)
		for (uint64_t i = 0; i < m->n; i++)
			words_send(shared.c, i);
	else
		for (uint64_t i = 0; i < m->n; i++)
			BENCH_USE(words_get(shared.c));
}

/* Equal shares on both sides, so that all values are received. */
static void crowd(struct rt *rt, size_t senders, size_t receivers, size_t cap, uint64_t n,
				  void (*fn)(struct rt_member *))
{
	uint64_t unit = senders * receivers;

	shared.c = make(rt, cap);
	shared.senders = senders;
	if (!shared.c)
		return;
	n = (n + unit - 1) / unit * unit;
	rt_crowd(rt, senders + receivers, false, (senders + receivers) * n, fn);
	words_release(shared.c);
}

static void as_many(struct rt_member *m)
{
	struct rt_member mine = *m;
	size_t receivers = (size_t)bench_arg(m->rt->b, 2);

	mine.n = m->n / (m->index < shared.senders ? shared.senders : receivers);
	send_or_recv(&mine);
}

/* args: capacity, senders, receivers */
static void many(struct rt *rt, uint64_t n)
{
	uint64_t unit = (uint64_t)bench_arg(rt->b, 1) * (uint64_t)bench_arg(rt->b, 2), real = (n + unit - 1) / unit * unit;

	crowd(rt, (size_t)bench_arg(rt->b, 1), (size_t)bench_arg(rt->b, 2), (size_t)bench_arg(rt->b, 0), n, as_many);
	rt->ns = (uint64_t)((double)rt->ns * (double)n / (double)real);
}
#define STREAM .args = {{128, 1, 1}}, .nargs = 1, .argc = 3
#define STREAMS .args = {{0, 1, 1}, {1, 1, 1}, {8, 1, 1}, {1024, 1, 1}}, .nargs = 4, .argc = 3
#define FOUR .args = {{128, 4, 4}}, .nargs = 1, .argc = 3
#define MANY                                                                                      \
	.args = {{0, 4, 4}, {1, 4, 4}, {128, 64, 64}, {0, 1, 1000}, {0, 1000, 1}}, .nargs = 5, .argc = 3

RT_BENCH(chan_stream, "chan/stream", 1, BENCH_SAME_CPU, many, STREAM)
RT_BENCH_FLAGS(chan_streams, "chan/stream", 1, BENCH_SAME_CPU, many, BENCH_FULL_ONLY, STREAMS)
RT_BENCH(chan_stream_p2, "chan/stream_p2", 2, BENCH_TWO_CPUS, many, STREAM, .baseline = "thread/queue/128")
RT_BENCH_FLAGS(chan_streams_p2, "chan/stream_p2", 2, BENCH_TWO_CPUS, many, BENCH_FULL_ONLY, STREAMS)
RT_BENCH(chan_mpmc, "chan/mpmc", 1, BENCH_SAME_CPU, many, FOUR)
RT_BENCH_FLAGS(chan_mpmc_more, "chan/mpmc", 1, BENCH_SAME_CPU, many, BENCH_FULL_ONLY, MANY)
RT_BENCH(chan_mpmc_p2, "chan/mpmc_p2", 2, BENCH_TWO_CPUS, many, FOUR, .baseline = "thread/queue_mpmc/128")
RT_BENCH_FLAGS(chan_mpmc_more_p2, "chan/mpmc_p2", 2, BENCH_TWO_CPUS, many, BENCH_FULL_ONLY, MANY)

/* As many senders, and as many receivers, as 1, 2 or 4 times the P's; capacity 128. */
static uint64_t per_side;

static void as_many_as_ps(struct rt_member *m)
{
	struct rt_member mine = *m;

	mine.n = m->n / per_side;
	send_or_recv(&mine);
}

static void many_per_p(struct rt *rt, uint64_t n)
{
	uint64_t unit;

	per_side = (uint64_t)bench_arg(rt->b, 0) * (uint64_t)rt->procs;
	unit = per_side * per_side;
	crowd(rt, per_side, per_side, 128, n, as_many_as_ps);
	rt->ns = (uint64_t)((double)rt->ns * (double)n / (double)((n + unit - 1) / unit * unit));
}
RT_BENCH_FLAGS(chan_mpmc_per_p, "chan/mpmc_per_p", 1, BENCH_SAME_CPU, many_per_p, BENCH_FULL_ONLY,
			   .args = {{1}, {2}, {4}}, .nargs = 3)
RT_BENCH(chan_mpmc_per_p2, "chan/mpmc_per_p_p2", 2, BENCH_TWO_CPUS, many_per_p, .args = {{1}, {4}}, .nargs = 2)
RT_BENCH_FLAGS(chan_mpmc_twice_p2, "chan/mpmc_per_p_p2", 2, BENCH_TWO_CPUS, many_per_p, BENCH_FULL_ONLY,
			   .args = {{2}}, .nargs = 1)
RT_BENCH_PN(chan_mpmc_per_pn, "chan/mpmc_per_p_pn", many_per_p, 0, .args = {{1}, {4}}, .nargs = 2)
