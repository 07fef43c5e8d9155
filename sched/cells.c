/* SPDX-License-Identifier: MIT
 *
 * sched/cells.c - the cells of wend_counter: one per counter and P, so that only one thread at a time
 * writes it. */
#include <sys/mman.h>

#include "sched/sched_priv.h"

/* Counter cells belong to a P's number and outlive the runtime, as counters do. */
static atm_ptr cells[WEND_P_LIMIT][CELL_SEGMENTS];
static atm_u32 cell_rows; /* P numbers that ever were */

atm_ptr *counter_row(uint32_t id)
{
	if (id >= atm_load_rlx(&cell_rows))
		atm_store_rel(&cell_rows, id + 1); /* sched.lock held; rel: pairs with counter_cells_sum */
	return cells[id];
}

static noinline atm_u64 *make_segment(struct p *pp, uint32_t segment)
{
	void *fresh = mmap(NULL, CELLS_PER_SEGMENT * sizeof(atm_u64), PROT_READ | PROT_WRITE,
					   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (fresh == MAP_FAILED)
		return NULL;
	atm_store_rel(&pp->cells[segment], fresh); /* rel: zeroes; pairs with counter_cells_sum */
	return fresh;
}

noinline atm_u64 *counter_cell_slow(struct p *pp, uint32_t id)
{
	uint32_t segment = id / CELLS_PER_SEGMENT;
	atm_u64 *row = atm_load_rlx(&pp->cells[segment]); /* rlx: own word */

	if (!row)
		row = make_segment(pp, segment);
	return row ? &row[id % CELLS_PER_SEGMENT] : NULL;
}

int64_t counter_cells_sum(uint32_t id, bool reset)
{
	uint32_t rows = atm_load_acq(&cell_rows); /* acq: pairs with p_make */
	int64_t sum = 0;

	for (uint32_t i = 0; i < rows; i++) {
		atm_u64 *row = atm_load_acq(&cells[i][id / CELLS_PER_SEGMENT]);

		if (!row)
			continue;
		sum += (int64_t)atm_load_acq(&row[id % CELLS_PER_SEGMENT]);
		if (reset)
			atm_store_rlx(&row[id % CELLS_PER_SEGMENT], 0); /* rlx: nobody adds meanwhile */
	}
	return sum;
}
