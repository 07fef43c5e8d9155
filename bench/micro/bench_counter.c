/* SPDX-License-Identifier: MIT
 *
 * bench_counter.c - wend_counter, alone and from two P's at once, against one atomic word that two
 * threads add to (atomics/xadd_shared with two threads) and Go's atomic.AddInt64.
 */
#include "bench/rt.h"

static wend_counter counter; /* of the batch that runs */

/* Checks that nothing was lost, and ends the counter. */
static void finish(struct rt *rt, uint64_t want)
{
	int64_t got = wend_counter_load(&counter);

	if (got != (int64_t)want)
		rt_fail(rt, "the counter says %lld, not %llu", (long long)got, (unsigned long long)want);
	wend_counter_free(&counter);
}

static void add_n(uint64_t n)
{
	for (uint64_t i = 0; i < n; i++)
		wend_counter_add(&counter, 1);
}

static void add(struct rt *rt, uint64_t n)
{
	add_n(n);
	rt_end(rt);
	finish(rt, n);
}
RT_BENCH(counter_add, "counter/add", 1, BENCH_SAME_CPU, add, .baseline = "atomics/xadd_private")

static void add_member(struct rt_member *m)
{
	add_n(m->n);
}

/* n additions on each P, so that the figure is one P's time for one of its own, as it is for the
 * two threads of the baseline: the same as alone if the P's do not disturb each other. */
static void add_shared(struct rt *rt, uint64_t n)
{
	uint64_t procs = (uint64_t)rt->procs;

	rt_crowd(rt, procs, true, n * procs, add_member);
	finish(rt, n * procs);
}
RT_BENCH(counter_add_shared, "counter/add_shared", 2, BENCH_TWO_CPUS, add_shared,
		 .baseline = "atomics/xadd_shared/threads:2")
RT_BENCH_PN(counter_add_shared_pn, "counter/add_shared_pn", add_shared, 0,
			.baseline = "counter/add")

static void load(struct rt *rt, uint64_t n)
{
	add_n(1);
	rt_begin(rt);
	for (uint64_t i = 0; i < n; i++)
		BENCH_USE(wend_counter_load(&counter));
	rt_end(rt);
	finish(rt, 1);
}
RT_BENCH(counter_load, "counter/load", 1, BENCH_SAME_CPU, load)
