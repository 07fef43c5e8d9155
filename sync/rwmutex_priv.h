/* SPDX-License-Identifier: MIT
 *
 * sync/rwmutex_priv.h - what reading (rwmutex.c) and writing (rwmutex_write.c) share: the word's bits, the cells' sum,
 * the lists' release.
 *
 * Ordering. Every change of the word is a full barrier.
 *   R1  unlock: CAS                     -> rlock: load acq, CAS, or g_ready   what the writer wrote
 *   R2  runlock: cell.store rel         -> cells_sum: load acq                the reader has read
 *   R3  rlock: cell add, light fence, word load
 *       <-> writer: word CAS sets DRAIN, heavy fence, cells_sum               one sees the other
 *   R4  runlock: cell store, light fence, word load
 *       <-> writer: as in R3                                     the sum has it, or reader_left() is called
 *   R5  reader_left: cell or word changed before waitq_lock
 *       <-> commit_writer: SLEEPS and a look under waitq_lock    whoever is second sees both
 *   R6  start_bias: number set          -> rlock, runlock: word load acq      the number, where BIAS is
 */
#ifndef SYNC_RWMUTEX_PRIV_H
#define SYNC_RWMUTEX_PRIV_H

#include "wend/rwmutex.h"

#include "atomics/asym.h"
#include "base/clock.h"
#include "base/fatal.h"
#include "base/race.h"
#include "sync/waitq_priv.h"

#define WRITER 1ULL
#define BIAS 8ULL   /* readers count in cells */
#define DRAIN 16ULL /* with BIAS: a writer waits for the cells' sum */
#define SLEEPS 32ULL
#define FENCED 64ULL /* with BIAS: no membarrier, so each light fence is a full one */
#define READ (1ULL << 8) /* one of the reads since the last writer */
#define READS (65535 * READ)
#define READER (1ULL << 32)

/* What is ordered by what, for race detectors: writers before all, readers before writers. */
#define TO_ALL(rw) (&(rw)->wend__readers)
#define TO_WRITERS(rw) (&(rw)->wend__writer)

static inline uint32_t readers_of(uint64_t s)
{
	return (uint32_t)(s >> 32);
}

#define ENOUGH_LEAST 256 /* reads */
#define ENOUGH_MOST 2048
#define READ_GAINS 4 /* ns that a read gains where readers count in cells, about */

/* The last revocation has taken so many ns. As many reads as lose that while they wait for the next bias make the worst
 * twice the best. The least tells locks that are used from those that are not; the most, as one may have taken long
 * by chance, and the calm bounds what they cost. */
static inline void set_enough(wend_rwmutex *rw, int64_t ns)
{
	int64_t reads = ns / READ_GAINS;

	reads = reads < ENOUGH_LEAST ? ENOUGH_LEAST : reads > ENOUGH_MOST ? ENOUGH_MOST : reads;
	atm_store_rlx(&rw->wend__enough, (uint32_t)reads); /* rlx: a number */
}

/* ---- The word and the lists --------------------------------------------------------------------- */

/* Lets go of the list; the word loses the bits in drop, then changes by plus. */
static inline void release(wend_rwmutex *rw, uint64_t drop, uint64_t plus)
{
	uint64_t s, left = rw->wend__readers ? WAITERS : 0;

	do
		s = atm_load_rlx(&rw->wend__state); /* rlx: the CAS decides */
	while (!atm_cas_sc(&rw->wend__state, s, ((s & ~(drop | WAITQ_LOCK | WAITERS)) + plus) | left)); /* L1, R1 */
}

/* The deadline has passed, or the runtime has ended around a foreign thread. False: it was on its list no more. */
static inline bool leave_list(wend_rwmutex *rw, struct wend__waiter **list, struct wend__waiter *w, uint64_t drop)
{
	bool listed;

	waitq_lock(&rw->wend__state);
	listed = w->listed;
	if (listed)
		waitq_remove(list, w);
	release(rw, drop, 0);
	return listed;
}

/* The runtime has ended around a foreign thread, which takes itself off its list and goes on by polling. False: it
 * has been given the lock before. */
static inline bool go_on_alone(wend_rwmutex *rw, struct wend__waiter **list, struct wend__waiter *w, uint64_t drop)
{
	bool listed = leave_list(rw, list, w, drop);

	for (unsigned turn = 0; !waitq_settled(w, listed); turn++)
		waitq_relax(turn); /* somebody is giving it the lock */
	leave_foreign();
	return listed;
}

/* Waits on the CPU for a while if that can help: true, look again. */
static inline bool spin(struct m *mp, int *spent, int step)
{
	int pauses = waitq_spin(mp, spent, step);

	waitq_pause(pauses);
	return pauses > 0;
}

/* ---- Cells -------------------------------------------------------------------------------------- */

/* The cell's P only. Each change releases, +1 too: the sum may read a later one than the read lock's that it is
 * about (R2), and stores to one word that follow a release carry nothing by themselves. */
static force_inline void cell_change(atm_u64 *cell, int64_t n)
{
	atm_store_rel(cell, atm_load_rlx(cell) + (uint64_t)n); /* rel R2; rlx: own word */
}

static inline atm_u64 *cell_if_any(struct m *mp, uint32_t number)
{
	return mp && mp->p ? cell_slow(mp->p, number) : NULL;
}

static inline int64_t readers_in_cells(wend_rwmutex *rw)
{
	return cells_sum(atm_load_rlx(&rw->wend__number), false); /* rlx: constant while BIAS is set */
}

/* The sum after the heavy fence: too great for a moment at most. */
static inline bool cells_are_empty(wend_rwmutex *rw)
{
	int64_t sum = readers_in_cells(rw); /* R2, R3, R4 */

	if (sum < 0)
		wend__fatal("sync: RUnlock of unlocked RWMutex");
	return sum == 0;
}

/* Are there no readers, in the phase that the word s tells? */
static inline bool readers_gone(wend_rwmutex *rw, uint64_t s)
{
	return s & BIAS ? cells_are_empty(rw) : readers_of(s) == 0;
}

/* n read locks more, or -1, in mp's cell or, where that may not be, in nobody's. */
static inline void cells_add(struct m *mp, wend_rwmutex *rw, int64_t n)
{
	uint32_t number = atm_load_rlx(&rw->wend__number);
	atm_u64 *cell = cell_if_any(mp, number);

	if (cell && (int64_t)atm_load_rlx(cell) + n >= 0) /* rlx: own word */
		cell_change(cell, n);
	else
		atm_add_sc(cell_nobodys(number), (uint64_t)n); /* not NULL: start_bias made it */
}

/* ---- From one to the other ---------------------------------------------------------------------- */

/* Writing: the sum of the cells seems negative; drains the lock, to know for certain. */
cold void rwmutex_check_misuse(wend_rwmutex *rw);

#endif
