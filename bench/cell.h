/* SPDX-License-Identifier: MIT
 *
 * bench/cell.h - a place for one token that one coroutine waits for: the least that a hand-over
 * needs on park and ready, the pair that every blocking operation of the library is built on.
 * Zero value: empty, nobody waits.
 *
 * state: NULL empty · TOKEN full · else the G that waits. The giver goes NULL -> TOKEN or G ->
 * NULL (and wakes it), the taker TOKEN -> NULL or, once off its stack, NULL -> G.
 */
#ifndef BENCH_CELL_H
#define BENCH_CELL_H

#include "sched/sched.h"

struct cell {
	alignas(CACHELINE) atm_ptr state;
};

#define CELL_TOKEN ((void *)1)

/* For park: false when the token came meanwhile, which then is taken. */
static bool cell_commit(struct g *gp, void *arg)
{
	struct cell *cell = arg;

	if (atm_cas_sc(&cell->state, NULL, gp))
		return true;
	atm_store_rlx(&cell->state, NULL); /* rlx: the failed exchange was the acquire */
	return false;
}

static inline void cell_take(struct cell *cell)
{
	struct m *mp = enter();

	if (!atm_cas_sc(&cell->state, CELL_TOKEN, NULL)) {
		struct g *gp = current(mp, "cell_take");

		mp = g_park(mp, gp, WAIT_HANDOVER, cell, cell_commit, cell);
	}
	leave_any(mp);
}

static inline void cell_give(struct cell *cell)
{
	struct m *mp = enter();
	void *gp;

	while (!atm_cas_sc(&cell->state, NULL, CELL_TOKEN)) {
		gp = atm_load_rlx(&cell->state); /* rlx: the exchange below decides */
		if (gp && atm_cas_sc(&cell->state, gp, NULL)) {
			g_ready(mp, gp);
			break;
		}
	}
	leave_any(mp);
}

#endif
