/* SPDX-License-Identifier: MIT
 *
 * bench_sem.c - semaphore and cond: alone, with many waiters, and from hand to hand. Against the C library's
 * (peers/thread_lock.c, peers/thread_switch.c) and, for cond, Go's.
 */
#include "bench/lock_work.h"
#include "bench/rt.h"

static wend_sem units = WEND_SEM(4);

static void alone(struct rt *rt, uint64_t n)
{
	for (uint64_t i = 0; i < n; i++) {
		wend_sem_acquire(&units, 1);
		wend_sem_release(&units, 1);
	}
}
RT_BENCH(sem_alone, "sem/alone", 1, BENCH_SAME_CPU, alone, .baseline = "thread/sem")

static void member(struct rt_member *m)
{
	LOCK_LOOP(m->index, m->n, false, wend_sem_acquire(&units, 1), wend_sem_release(&units, 1));
}

static void contended(struct rt *rt, uint64_t n)
{
	size_t members = (size_t)rt->procs * 50;

	rt_crowd(rt, members, false, n, member);
	samples_report(rt->b, members);
}
RT_BENCH(sem_contended_p2, "sem/contended_p2/50", 2, BENCH_TWO_CPUS, contended, .baseline = "thread/sem_p2/50")

/* ---- Cond: two take turns, an operation is one turn --------------------------------------------------- */

static wend_mutex mu;
static wend_cond cond;
static uint64_t turn;

static void take_turns(struct rt_member *m)
{
	for (uint64_t i = 0; i < m->n; i++) {
		wend_mutex_lock(&mu);
		while (turn % 2 != m->index)
			wend_cond_wait(&cond, &mu);
		turn++;
		wend_cond_signal(&cond);
		wend_mutex_unlock(&mu);
	}
}

static void turns(struct rt *rt, uint64_t n)
{
	turn = 0;
	rt_crowd(rt, 2, false, n & ~1ULL, take_turns);
}
RT_BENCH(cond_turns, "cond/turns", 1, BENCH_SAME_CPU, turns, .baseline = "thread/condvar_same_core")
RT_BENCH(cond_turns_p2, "cond/turns_p2", 2, BENCH_TWO_CPUS, turns, .baseline = "thread/condvar_free")
