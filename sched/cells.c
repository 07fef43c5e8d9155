/* SPDX-License-Identifier: MIT
 *
 * sched/cells.c - words of which each P has one, so that only one thread at a time writes it: what counters
 * and reader-writer locks count in. An object takes a number, which picks its cell in every P, and in a row that
 * belongs to no P. Cells belong to a P's number, not to the P: they outlive the runtime, as the objects do. */
#include <sys/mman.h>

#include "sched/sched_priv.h"

#define NOBODYS WEND_P_LIMIT /* the row of whoever has no P; changed by atomic additions */

static atm_ptr cells[WEND_P_LIMIT + 1][CELL_SEGMENTS];
static atm_u32 cell_rows; /* P numbers that ever were */

atm_ptr *cell_row(uint32_t p)
{
	if (p >= atm_load_rlx(&cell_rows))
		/* sched.lock held; rlx: a number, and by coherence whoever must count an addition sees it: this comes first */
		atm_store_rlx(&cell_rows, p + 1);
	return cells[p];
}

/* ---- Numbers ------------------------------------------------------------------------------------ */

static struct lock numbers_lock;
static uint64_t used[CELL_RANGES * CELL_RANGE / 64] = {1}; /* number 0 means "none yet" */
static uint32_t first_free_word[CELL_RANGES];              /* from the range's first word */

uint32_t cell_number_take(enum cell_range range)
{
	uint32_t base = (uint32_t)range * (CELL_RANGE / 64), number = NO_CELL;

	lock(&numbers_lock);
	for (uint32_t w = first_free_word[range]; w < CELL_RANGE / 64; w++) {
		if (~used[base + w]) {
			int bit = __builtin_ctzll(~used[base + w]);

			used[base + w] |= 1ULL << bit;
			first_free_word[range] = w;
			number = (base + w) * 64 + (uint32_t)bit;
			break;
		}
	}
	if (number == NO_CELL)
		first_free_word[range] = CELL_RANGE / 64;
	unlock(&numbers_lock);
	return number;
}

void cell_number_give(uint32_t number)
{
	uint32_t range = number / CELL_RANGE, w = number % CELL_RANGE / 64;

	lock(&numbers_lock);
	used[number / 64] &= ~(1ULL << number % 64);
	if (w < first_free_word[range])
		first_free_word[range] = w;
	unlock(&numbers_lock);
}

/* ---- Cells -------------------------------------------------------------------------------------- */

/* Zeroes; the row's, if somebody else was faster. NULL: no memory. */
static noinline atm_u64 *make_segment(atm_ptr *at)
{
	size_t size = CELLS_PER_SEGMENT * sizeof(atm_u64);
	void *fresh = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (fresh == MAP_FAILED)
		return NULL;
	if (atm_cas_sc(at, NULL, fresh)) /* pairs with cells_sum and cell_of */
		return fresh;
	munmap(fresh, size);
	return atm_load_acq(at); /* acq: zeroes. mutant: memory fresh from the kernel is zero for everybody */
}

static atm_u64 *cell_of(atm_ptr *row, uint32_t number)
{
	atm_ptr *at = &row[number / CELLS_PER_SEGMENT];
	atm_u64 *segment = atm_load_acq(at); /* acq: pairs with make_segment. mutant: as there */

	if (!segment)
		segment = make_segment(at);
	return segment ? &segment[number % CELLS_PER_SEGMENT] : NULL;
}

noinline atm_u64 *cell_slow(struct p *pp, uint32_t number)
{
	return cell_of(pp->cells, number);
}

atm_u64 *cell_nobodys(uint32_t number)
{
	return cell_of(cells[NOBODYS], number);
}

static int64_t cell_sum(atm_ptr *row, uint32_t number, bool reset)
{
	/* acq: pairs with make_segment. mutant: as there */
	atm_u64 *segment = atm_load_acq(&row[number / CELLS_PER_SEGMENT]);
	int64_t n;

	if (!segment)
		return 0;
	n = (int64_t)atm_load_acq(&segment[number % CELLS_PER_SEGMENT]); /* acq: R2 of sync/rwmutex.c */
	if (reset)
		atm_store_rlx(&segment[number % CELLS_PER_SEGMENT], 0); /* rlx: nobody adds meanwhile */
	return n;
}

int64_t cells_sum(uint32_t number, bool reset)
{
	uint32_t rows = atm_load_rlx(&cell_rows); /* rlx: as in cell_row */
	uint64_t sum = (uint64_t)cell_sum(cells[NOBODYS], number, reset);

	for (uint32_t i = 0; i < rows; i++)
		sum += (uint64_t)cell_sum(cells[i], number, reset); /* parts may be beyond what their sum is */
	return (int64_t)sum;
}
