/* SPDX-License-Identifier: MIT
 *
 * sync/counter_priv.h - wend_counter for callers that are inside the runtime already. */
#ifndef SYNC_COUNTER_PRIV_H
#define SYNC_COUNTER_PRIV_H

#include "sched/sched.h"
#include "wend/counter.h"

/* First use of the counter or of the cell on this P, no number left, no memory, no P. */
void counter_add_slow(struct m *mp, wend_counter *c, int64_t n);

/* The cell of counter `number` on mp's P, NULL if there is none yet. */
static force_inline atm_u64 *counter_cell(struct m *mp, uint32_t number)
{
	atm_u64 *cells = atm_load_rlx(&mp->p->cells[number / CELLS_PER_SEGMENT]); /* rlx: own word */

	return likely(cells) ? &cells[number % CELLS_PER_SEGMENT] : NULL;
}

/* mp as from enter. */
static force_inline void counter_add(struct m *mp, wend_counter *c, int64_t n)
{
	uint32_t number = atm_load_rlx(&c->wend__id); /* rlx: a number, no data behind it */
	atm_u64 *cell = likely(mp && number - 1 < CELL_RANGE - 1) ? counter_cell(mp, number) : NULL;

	if (likely(cell))
		atm_add_own(cell, (uint64_t)n); /* rlx: one writer, the P */
	else
		counter_add_slow(mp, c, n);
}

int64_t counter_sum(const wend_counter *c);

#endif
