/* SPDX-License-Identifier: MIT
 *
 * bench_handover.c - a token to and fro between two coroutines, by park and ready, per hop: on
 * one P, and with each tied to a P of its own. Against two threads on a futex and on condition
 * variables (peers/thread_switch.c) and an unbuffered channel of Go's.
 */
#include "bench/cell.h"
#include "bench/rt.h"

static struct cell cell[2]; /* cell[i]: what coroutine i waits for */

static void hops(struct rt_member *m)
{
	/* The first hop needs nobody's token: coroutine 0 begins. */
	for (uint64_t i = 0; i < m->n; i++) {
		if (m->index == 1 || i > 0)
			cell_take(&cell[m->index]);
		cell_give(&cell[!m->index]);
	}
}

static void reset(void)
{
	cell[0] = cell[1] = (struct cell){.state = {NULL}}; /* the last token stays where it came to */
}

static void together(struct rt *rt, uint64_t n)
{
	reset();
	rt_crowd(rt, 2, false, n & ~1ULL, hops);
}
RT_BENCH(handover_same, "handover/same_core", 1, BENCH_SAME_CPU, together,
		 .baseline = "thread/handover_same_core")
RT_BENCH(handover_same_free, "handover/same_core_free", 1, BENCH_FREE, together,
		 .baseline = "thread/handover_same_core")
/* Two P's, and the scheduler may put both coroutines where it likes. */
RT_BENCH(handover_untied, "handover/untied_p2", 2, BENCH_TWO_CPUS, together,
		 .baseline = "thread/handover_free")

static void apart(struct rt *rt, uint64_t n)
{
	reset();
	rt_crowd(rt, 2, true, n & ~1ULL, hops);
}
RT_BENCH(handover_two, "handover/two_cores", 2, BENCH_TWO_CPUS, apart,
		 .baseline = "thread/handover_two_cores")
RT_BENCH(handover_two_free, "handover/two_cores_free", 2, BENCH_FREE, apart,
		 .baseline = "thread/handover_free")
