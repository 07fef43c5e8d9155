/* SPDX-License-Identifier: MIT
 *
 * bench_yield.c - giving way among k coroutines, per yield, against as many threads that do so on
 * one CPU (thread/yield) and Go's Gosched.
 */
#include "bench/rt.h"

static void yields(struct rt_member *m)
{
	for (uint64_t i = 0; i < m->n; i++)
		wend_yield();
}

static void crowd_yields(struct rt *rt, uint64_t n)
{
	rt_crowd(rt, (size_t)bench_arg(rt->b, 0), false, n, yields);
}
RT_BENCH(yield_2, "yield", 1, BENCH_SAME_CPU, crowd_yields, .args = {{2}}, .nargs = 1,
		 .baseline = "thread/yield")
RT_BENCH(yield_1000, "yield", 1, BENCH_SAME_CPU, crowd_yields, .args = {{1000}}, .nargs = 1,
		 .baseline = "thread/yield/1000")
RT_BENCH_PN(yield_pn, "yield_pn", crowd_yields, 0, .args = {{1000}}, .nargs = 1,
			.baseline = "yield/1000")
RT_BENCH(yield_p2_2, "yield_p2", 2, BENCH_TWO_CPUS, crowd_yields, .args = {{2}}, .nargs = 1,
		 .baseline = "yield/2")
RT_BENCH(yield_p2_1000, "yield_p2", 2, BENCH_TWO_CPUS, crowd_yields, .args = {{1000}}, .nargs = 1,
		 .baseline = "yield/1000")
