/* SPDX-License-Identifier: MIT
 *
 * bench_ring.c - one token round a ring of a thousand coroutines, by park and ready, per hop.
 * Against a ring of a hundred threads (thread/ring/100) and Go's ring of channels.
 */
#include "bench/cell.h"
#include "bench/rt.h"

#include <stdlib.h>

struct ring {
	size_t size;
	uint64_t hops;
	struct cell *cell; /* cell[i]: what coroutine i waits for */
};

static struct ring ring; /* of the batch that runs */

/* Hop number h is made by coroutine h modulo the size; hop 0 needs no token. */
static void pass_on(struct rt_member *m)
{
	size_t next = m->index + 1 < ring.size ? m->index + 1 : 0;

	for (uint64_t hop = m->index; hop < ring.hops; hop += ring.size) {
		if (hop > 0)
			cell_take(&ring.cell[m->index]);
		if (hop + 1 < ring.hops)
			cell_give(&ring.cell[next]);
	}
}

static void run_ring(struct rt *rt, uint64_t n)
{
	ring.size = (size_t)bench_arg(rt->b, 0);
	ring.hops = n;
	ring.cell = aligned_alloc(CACHELINE, ring.size * sizeof *ring.cell);
	if (!ring.cell) {
		rt_fail(rt, "out of memory");
		return;
	}
	for (size_t i = 0; i < ring.size; i++)
		ring.cell[i] = (struct cell){.state = {NULL}};
	rt_crowd(rt, ring.size, false, n, pass_on);
	free(ring.cell);
}
RT_BENCH(ring_row, "ring", 1, BENCH_SAME_CPU, run_ring, .args = {{1000}}, .nargs = 1,
		 .baseline = "thread/ring/100")
RT_BENCH(ring_row_p2, "ring_p2", 2, BENCH_TWO_CPUS, run_ring, .args = {{1000}}, .nargs = 1,
		 .baseline = "thread/ring/100")
