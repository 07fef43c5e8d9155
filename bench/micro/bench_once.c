/* SPDX-License-Identifier: MIT
 *
 * bench_once.c - a once that is done, alone and from two P's at once, against pthread_once and Go's sync.Once;
 * and the first time, with the function.
 */
#include "bench/rt.h"

#include <pthread.h>

static wend_once once;
static pthread_once_t thread_once = PTHREAD_ONCE_INIT;
static int calls;

static void bump(void *arg)
{
	++*(int *)arg;
}

static void bump_calls(void)
{
	calls++;
}

static void do_n(uint64_t n)
{
	for (uint64_t i = 0; i < n; i++) {
		wend_once_do(&once, bump, &calls);
		BENCH_CLOBBER(); /* look each time */
	}
}

static void done(struct rt *rt, uint64_t n)
{
	do_n(n);
}
RT_BENCH(once_done, "once/done", 1, BENCH_SAME_CPU, done, .baseline = "pthread/once_done")

static void do_member(struct rt_member *m)
{
	do_n(m->n);
}

static void done_shared(struct rt *rt, uint64_t n)
{
	uint64_t procs = (uint64_t)rt->procs;

	rt_crowd(rt, procs, true, n * procs, do_member);
}
RT_BENCH(once_done_p2, "once/done_p2", 2, BENCH_TWO_CPUS, done_shared, .baseline = "once/done")

static void first(struct rt *rt, uint64_t n)
{
	int count = 0;

	for (uint64_t i = 0; i < n; i++) {
		wend_once fresh = WEND_ZERO;

		wend_once_do(&fresh, bump, &count);
	}
	if ((uint64_t)(unsigned)count != (n & UINT32_MAX))
		rt_fail(rt, "%d calls for %llu onces", count, (unsigned long long)n);
}
RT_BENCH(once_first, "once/first", 1, BENCH_SAME_CPU, first)

static void pthread_done(bench *b)
{
	uint64_t n;

	while ((n = bench_next(b)) != 0) {
		for (uint64_t i = 0; i < n; i++) {
			pthread_once(&thread_once, bump_calls);
			BENCH_CLOBBER();
		}
	}
}
BENCH_NAMED(pthread_once_done, "pthread/once_done", .run = pthread_done, .placement = BENCH_SAME_CPU)
