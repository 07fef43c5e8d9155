/* SPDX-License-Identifier: MIT
 *
 * bench_skynet.c - a tree of coroutines, ten children each, a million leaves whose numbers are
 * summed on the way up (after the skynet benchmark of A. Temerev, 2016). One run from cold; per
 * coroutine, and the whole in seconds. Against Go.
 */
#include "bench/host.h"
#include "bench/rt.h"

#define FAN 10

struct node {
	struct rt *rt;
	wend_waitgroup *over; /* the parent waits for it */
	int64_t first, size, sum;
};

static void run_node(void *arg)
{
	struct node *node = arg;
	wend_waitgroup over = WEND_ZERO;
	struct node child[FAN];

	if (node->size == 1) {
		node->sum = node->first;
		wend_waitgroup_done(node->over);
		return;
	}
	node->sum = 0;
	wend_waitgroup_add(&over, FAN);
	for (int i = 0; i < FAN; i++) {
		int64_t size = node->size / FAN;

		child[i] = (struct node){
			.rt = node->rt, .over = &over, .first = node->first + i * size, .size = size};
		if (!rt_ok(node->rt, wend_go(run_node, &child[i]), "wend_go"))
			wend_waitgroup_done(&over);
	}
	wend_waitgroup_wait(&over);
	for (int i = 0; i < FAN; i++)
		node->sum += child[i].sum;
	wend_waitgroup_done(node->over);
}

static void skynet(struct rt *rt, uint64_t n)
{
	int64_t leaves = bench_arg(rt->b, 0);
	uint64_t coroutines = 0, need;

	for (int64_t level = leaves; level > 0; level /= FAN)
		coroutines += (uint64_t)level;
	/* The worst order has all of them alive at once, a page each and what belongs to it. */
	need = coroutines * 4608;
	if (host_available() < 2 * need) {
		bench_skip(rt->b, "may need %llu MiB, more than half of the memory that is free",
				   (unsigned long long)(need >> 20));
		return;
	}
	bench_items(rt->b, coroutines);
	rt_begin(rt);
	for (uint64_t i = 0; i < n && !rt_failed(rt); i++) {
		wend_waitgroup over = WEND_ZERO;
		struct node root = {.rt = rt, .over = &over, .size = leaves};

		wend_waitgroup_add(&over, 1);
		run_node(&root);
		if (root.sum != leaves * (leaves - 1) / 2)
			rt_fail(rt, "wrong sum %lld", (long long)root.sum);
	}
	rt_end(rt);
	bench_count(rt->b, "seconds", (double)rt->ns * 1e-9 / (double)n, BENCH_VALUE);
}
RT_BENCH_FLAGS(skynet_row, "skynet", 1, BENCH_SAME_CPU, skynet, BENCH_ONCE, .args = {{1000000}},
			   .nargs = 1)
RT_BENCH_FLAGS(skynet_row_p2, "skynet_p2", 2, BENCH_TWO_CPUS, skynet, BENCH_ONCE,
			   .args = {{1000000}}, .nargs = 1)
RT_BENCH_PN(skynet_row_pn, "skynet_pn", skynet, BENCH_ONCE, .args = {{1000000}}, .nargs = 1,
			.baseline = "skynet/1000000")
