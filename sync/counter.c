/* SPDX-License-Identifier: MIT
 *
 * sync/counter.c - a number per counter picks its cell in every P; numbers are handed out at first use.
 */
#include "wend/counter.h"

#include "sync/counter_priv.h"

static noinline uint32_t number_slow(wend_counter *c)
{
	uint32_t number = cell_number_take(CELLS_COUNTER);

	if (!atm_cas_sc(&c->wend__id, 0, number)) { /* another P was faster */
		if (number != NO_CELL)
			cell_number_give(number);
		return atm_load_rlx(&c->wend__id);
	}
	return number;
}

noinline void counter_add_slow(struct m *mp, wend_counter *c, int64_t n)
{
	atm_u64 *cell = NULL;

	if (mp) {
		uint32_t number = atm_load_rlx(&c->wend__id);

		if (number == 0)
			number = number_slow(c);
		if (number != NO_CELL)
			cell = cell_slow(mp->p, number);
	}
	if (cell)
		atm_add_own(cell, (uint64_t)n); /* rlx: one writer, the P */
	else
		atm_add_sc(&c->wend__shared, (uint64_t)n);
}

static noinline void add_slow(wend_counter *c, int64_t n)
{
	struct m *mp = enter();

	counter_add_slow(mp, c, n);
	leave_any(mp);
}

/* enter, add, leave, with all that is rare in one call at the end: the fast way saves no register. */
void wend_counter_add(wend_counter *c, int64_t n)
{
	struct m *mp = getm();
	uint32_t number = atm_load_rlx(&c->wend__id); /* rlx: a number, no data behind it */

	if (likely(mp && number - 1 < CELL_RANGE - 1 && enter_bare(mp))) {
		atm_u64 *cell = counter_cell(mp, number);

		if (likely(cell)) {
			atm_add_own(cell, (uint64_t)n); /* rlx: one writer, the P */
			leave(mp);
			return;
		}
	}
	add_slow(c, n);
}

int64_t counter_sum(const wend_counter *c)
{
	uint32_t number = atm_load_rlx(&c->wend__id); /* rlx: a number, no data behind it */
	uint64_t sum = atm_load_rlx(&c->wend__shared); /* rlx: as above */

	if (number && number != NO_CELL)
		sum += (uint64_t)cells_sum(number, false);
	return (int64_t)sum;
}

int64_t wend_counter_load(const wend_counter *c)
{
	struct m *mp = enter();
	int64_t sum = counter_sum(c);

	leave_any(mp);
	return sum;
}

void wend_counter_free(wend_counter *c)
{
	struct m *mp = enter();
	uint32_t number = atm_load_rlx(&c->wend__id); /* rlx: a number, no data behind it */

	if (number && number != NO_CELL) {
		cells_sum(number, true);
		cell_number_give(number);
	}
	atm_store_rlx(&c->wend__id, 0);
	atm_store_rlx(&c->wend__shared, 0);
	leave_any(mp);
}
