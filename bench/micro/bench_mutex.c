/* SPDX-License-Identifier: MIT
 *
 * bench_mutex.c - wend_mutex alone, and contended by one or fifty coroutines per P with nothing or some work inside
 * and outside; waits as a distribution. Against pthread_mutex and nsync on as many threads
 * (peers/thread_lock.c, peers/nsync.c) and Go's sync.Mutex.
 */
#include "bench/lock_work.h"
#include "bench/rt.h"

static wend_mutex mu;

static void alone(struct rt *rt, uint64_t n)
{
	for (uint64_t i = 0; i < n; i++) {
		wend_mutex_lock(&mu);
		wend_mutex_unlock(&mu);
	}
}
RT_BENCH(mutex_alone, "mutex/alone", 1, BENCH_SAME_CPU, alone, .baseline = "thread/mutex")

static void member(struct rt_member *m)
{
	LOCK_LOOP(m->index, m->n, false, wend_mutex_lock(&mu), wend_mutex_unlock(&mu));
}

static void member_with_work(struct rt_member *m)
{
	LOCK_LOOP(m->index, m->n, true, wend_mutex_lock(&mu), wend_mutex_unlock(&mu));
}

static void crowd(struct rt *rt, uint64_t n, void (*fn)(struct rt_member *))
{
	size_t members = (size_t)rt->procs * (size_t)bench_arg(rt->b, 0);

	rt_crowd(rt, members, false, n, fn);
	samples_report(rt->b, members);
}

static void contended(struct rt *rt, uint64_t n)
{
	crowd(rt, n, member);
}

static void contended_with_work(struct rt *rt, uint64_t n)
{
	crowd(rt, n, member_with_work);
}

#define PER_P .args = {{1}, {50}}, .nargs = 2

RT_BENCH_FLAGS(mutex_contended, "mutex/contended", 1, BENCH_SAME_CPU, contended, BENCH_FULL_ONLY, PER_P)
RT_BENCH(mutex_contended_p2, "mutex/contended_p2", 2, BENCH_TWO_CPUS, contended, PER_P)
RT_BENCH_PN(mutex_contended_pn, "mutex/contended_pn", contended, 0, PER_P)
RT_BENCH_FLAGS(mutex_work, "mutex/work", 1, BENCH_SAME_CPU, contended_with_work, BENCH_FULL_ONLY, PER_P)
RT_BENCH(mutex_work_p2, "mutex/work_p2", 2, BENCH_TWO_CPUS, contended_with_work, PER_P)
RT_BENCH_PN(mutex_work_pn, "mutex/work_pn", contended_with_work, 0, PER_P)
