/* SPDX-License-Identifier: MIT
 *
 * bench_retire.c - reclamation: the read section, as the library has it at its border and as users call it, and
 * retiring. Against libck's epoch and hazard pointers (peers/ck.c) and liburcu (peers/urcu.c).
 */
#include <stdlib.h>

#include "bench/rt.h"
#include "sched/m.h"

/* What the section adds to the border: the pair with the epoch in it, and without. */
static void bare(struct rt *rt, uint64_t n)
{
	struct m *mp = enter();

	for (uint64_t i = 0; i < n; i++) {
		BENCH_USE(enter_bare(mp));
		leave(mp);
	}
}
RT_BENCH(border_bare, "retire/border_without", 1, BENCH_SAME_CPU, bare)

static void with(struct rt *rt, uint64_t n)
{
	struct m *mp = enter();

	for (uint64_t i = 0; i < n; i++) {
		BENCH_USE(enter_fast(mp));
		leave(mp);
	}
}
RT_BENCH(border_with, "retire/border_section", 1, BENCH_SAME_CPU, with, .baseline = "retire/border_without")

static void section(struct rt *rt, uint64_t n)
{
	for (uint64_t i = 0; i < n; i++) {
		wend_section_begin();
		wend_section_end();
	}
}
RT_BENCH(section_row, "retire/section", 1, BENCH_SAME_CPU, section, .baseline = "ck/epoch")

/* An object allocated, retired and freed. */
static void retire(struct rt *rt, uint64_t n)
{
	for (uint64_t i = 0; i < n; i++)
		wend_retire(malloc(32), free);
	rt_end(rt);
	wend_retire_barrier();
}
RT_BENCH(retire_row, "retire/malloc_retire", 1, BENCH_SAME_CPU, retire, .baseline = "malloc/free")

static void retire_share(struct rt_member *m)
{
	for (uint64_t i = 0; i < m->n; i++)
		wend_retire(malloc(32), free);
}

static void retire_p2(struct rt *rt, uint64_t n)
{
	rt_crowd(rt, (size_t)rt->procs, true, n * (uint64_t)rt->procs, retire_share);
	wend_retire_barrier();
}
RT_BENCH(retire_p2_row, "retire/malloc_retire_p2", 2, BENCH_TWO_CPUS, retire_p2, .baseline = "retire/malloc_retire")

static void barrier(struct rt *rt, uint64_t n)
{
	for (uint64_t i = 0; i < n; i++) {
		wend_retire(malloc(32), free);
		wend_retire_barrier();
	}
}
RT_BENCH(barrier_row, "retire/barrier", 1, BENCH_SAME_CPU, barrier)
