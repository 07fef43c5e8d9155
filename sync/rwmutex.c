/* SPDX-License-Identifier: MIT
 *
 * sync/rwmutex.c - readers count in a cell of their P; a writer (rwmutex_write.c) stops that, waits until the sum is 0,
 * and from then on everybody counts in one word, for a while. Writers are kept apart by a mutex. Bits, phases,
 * proofs: docs/sync.md; what orders what: rwmutex_priv.h. */
#include "sync/rwmutex_priv.h"

#include <errno.h>

_Static_assert(sizeof(wend_rwmutex) == 56, "users' structures contain it");

/* Enough reads without a writer to think of bias, which takes a look at the clock. Always, in a zero value. */
static inline bool many_reads(wend_rwmutex *rw, uint64_t s)
{
	return ATM_SIZE((s & READS) / READ >= atm_load_rlx(&rw->wend__enough), true); /* rlx: a number */
}

/* ---- Cells -------------------------------------------------------------------------------------- */

static force_inline atm_u64 *own_cell(struct m *mp, uint32_t number)
{
	atm_u64 *cells = atm_load_rlx(&mp->p->cells[number / CELLS_PER_SEGMENT]); /* rlx: own word */

	return likely(cells) ? &cells[number % CELLS_PER_SEGMENT] : NULL;
}

/* A reader has gone while a writer waits for that: if the writer sleeps and this was the last one, it wakes up with
 * the lock. */
static noinline void reader_left(struct m *mp, wend_rwmutex *rw)
{
	uint64_t s = waitq_lock(&rw->wend__state); /* R5 */
	struct wend__waiter *w = NULL;

	if ((s & SLEEPS) && readers_gone(rw, s) && (w = rw->wend__writer)) {
		waitq_remove(&rw->wend__writer, w);
		if (!waitq_claim(w))
			w = NULL; /* has given up: it lets the readers in again itself */
	}
	release(rw, w ? BIAS | FENCED | DRAIN | SLEEPS : 0, 0);
	waitq_end_all(mp, w, FATE_OWNS);
}

/* After a cell has gone down. */
static void look_for_drain(struct m *mp, wend_rwmutex *rw)
{
	asym_light();                                   /* R4 */
	if (atm_load_rlx(&rw->wend__state) & DRAIN) /* rlx: ordered by the fence */
		reader_left(mp, rw);
}

/* The word is in the biased phase. False: it was not for long. */
static bool read_biased(struct m *mp, wend_rwmutex *rw)
{
	uint32_t number = atm_load_rlx(&rw->wend__number); /* rlx: R6 by the caller's load */
	atm_u64 *cell = cell_if_any(mp, number), *nobodys = cell ? NULL : cell_nobodys(number);

	if (cell)
		cell_change(cell, 1);
	else
		atm_add_sc(nobodys, 1);
	asym_light(); /* R3 */
	if ((atm_load_acq(&rw->wend__state) & (BIAS | DRAIN)) == BIAS) /* acq R1 */
		return true;
	if (cell)
		cell_change(cell, -1);
	else
		atm_add_sc(nobodys, (uint64_t)-1);
	look_for_drain(mp, rw);
	return false;
}

/* ---- From central to biased --------------------------------------------------------------------- */

/* The lock's number and mp's cell for it, NULL where one cannot be had. */
static atm_u64 *cell_to_begin(struct m *mp, wend_rwmutex *rw)
{
	uint32_t number = atm_load_rlx(&rw->wend__number); /* rlx: a number, no data behind it */

	if (!number) {
		uint32_t fresh = cell_number_take(CELLS_RWMUTEX);

		if (fresh == NO_CELL)
			return NULL;
		if (!atm_cas_sc(&rw->wend__number, 0, fresh)) /* R6; another P may be faster */
			cell_number_give(fresh);
		number = atm_load_rlx(&rw->wend__number);
	}
	return cell_nobodys(number) ? cell_if_any(mp, number) : NULL;
}

/* A reader has found the word in the central phase, s, without a writer. Now and then, when the last writer is
 * long ago, it makes the lock biased and has its read lock: true. */
static noinline bool start_bias(struct m *mp, wend_rwmutex *rw, uint64_t s)
{
	atm_u64 *cell;
	int64_t n = (int64_t)readers_of(s) + 1;

	if (ATM_SIZE(atm_load_rlx(&rw->wend__enough) == 0, false)) { /* rlx: as in many_reads */
		set_enough(rw, 0);
		return false;
	}
	if (!mp || (s & WAITQ_LOCK) || (uint64_t)clock_now() < atm_load_rlx(&rw->wend__calm)) /* rlx: a guess */
		return false;
	cell = cell_to_begin(mp, rw);
	if (!cell)
		return false;
	cell_change(cell, n);
	if (atm_cas_sc(&rw->wend__state, s, wend__asym_on ? BIAS : BIAS | FENCED)) /* R1, R6 */
		return true;
	cell_change(cell, -n);
	look_for_drain(mp, rw); /* another reader may have begun, and a writer come */
	return false;
}

/* ---- Reading ------------------------------------------------------------------------------------ */

/* Somebody else has changed the word between the load and the swap. If it is another P that reads all the time, both are
 * faster when each has the line for a while than when they take it from each other at each step. */
static void give_way(void)
{
	waitq_pause(LOOK_PAUSES);
}

/* False: a writer holds the lock, or waits for it. */
static bool try_read(struct m *mp, wend_rwmutex *rw, bool patient)
{
	for (;;) {
		uint64_t s = atm_load_acq(&rw->wend__state); /* acq R1, R6 */
		uint64_t to = s + READER + READ;

		if (s & WRITER)
			return false;
		if (s & BIAS) {
			if (read_biased(mp, rw))
				return true;
			continue;
		}
		if (many_reads(rw, s)) {
			if (start_bias(mp, rw, s))
				return true;
			to = (s & ~READS) + READER;
		}
		if (atm_cas_sc(&rw->wend__state, s, to)) /* R1 */
			return true;
		if (patient)
			give_way();
	}
}

static bool commit_reader(struct g *gp, void *arg)
{
	struct wend__waiter *w = arg;
	wend_rwmutex *rw = w->obj;
	uint64_t s;

	(void)gp;
	waitq_lock(&rw->wend__state);
	waitq_append(&rw->wend__readers, w);
	bool opened = waitq_open(w), ready;

	while (opened && ((s = atm_load_rlx(&rw->wend__state)) & WRITER)) /* rlx: the CAS decides */
		if (atm_cas_sc(&rw->wend__state, s, (s & ~WAITQ_LOCK) | WAITERS)) /* L1 */
			return true;
	waitq_remove(&rw->wend__readers, w);
	ready = waitq_back_out(w, opened, FATE_RETRY);
	release(rw, 0, 0);
	return ready;
}

static cold bool poll_to_read(wend_rwmutex *rw, const struct until *until)
{
	while (!try_read(NULL, rw, true)) {
		if (until && until_passed(until))
			return false;
		waitq_nap();
	}
	return true;
}

/* False: not before the deadline. counted: the cell that the fast way has added to in vain, or NULL; lost: its swap has
 * failed. */
static noinline bool rlock_slow(wend_rwmutex *rw, atm_u64 *counted, bool lost, struct until *until)
{
	struct m *mp = enter();
	struct wend__waiter w = {.obj = rw, .until = until};

	if (counted) {
		cell_change(counted, -1);
		look_for_drain(mp, rw);
	}
	if (lost)
		give_way();
	for (int spent = 0; !try_read(mp, rw, true);) {
		if (spin(mp, &spent, LOOK_PAUSES))
			continue;
		if (alone(mp)) {
			leave_foreign();
			return poll_to_read(rw, until);
		}
		w.gp = current(mp, "wend_rwmutex_rlock");
		if (until)
			until_arm(mp, until, w.gp, &w.fate);
		mp = g_park(mp, w.gp, WAIT_RWMUTEX_RLOCK, rw, commit_reader, &w);
		if (until && until_disarm(until)) {
			leave_list(rw, &rw->wend__readers, &w, 0);
			leave_any(mp);
			return false;
		}
		if (waitq_fate(&w) == FATE_OWNS)
			break;
		if (waitq_fate(&w) != FATE_RETRY)
			return !go_on_alone(rw, &rw->wend__readers, &w, 0) || poll_to_read(rw, until);
	}
	leave_any(mp);
	return true;
}

/* All that is rare is one call at the end: the fast way saves no register. */
void wend_rwmutex_rlock(wend_rwmutex *rw)
{
	uint64_t s = atm_load_acq(&rw->wend__state); /* acq R6 */
	atm_u64 *cell = NULL;
	bool lost = false;
	struct m *mp;

	if (likely(s == BIAS && (mp = getm()) && enter_bare(mp))) {
		cell = own_cell(mp, atm_load_rlx(&rw->wend__number)); /* rlx: R6 */
		if (likely(cell)) {
			cell_change(cell, 1);
			compiler_barrier();                                  /* R3; without membarrier FENCED is set */
			if (likely(atm_load_acq(&rw->wend__state) == BIAS)) { /* acq R1 */
				leave(mp);
				race_acquire(TO_ALL(rw));
				return;
			}
		}
	} else if (!(s & (READ - 1)) && !many_reads(rw, s)) { /* central phase, nobody waits */
		if (likely(atm_cas_sc(&rw->wend__state, s, s + READER + READ))) { /* R1 */
			race_acquire(TO_ALL(rw));
			return;
		}
		lost = true;
	}
	rlock_slow(rw, cell, lost, NULL);
	race_acquire(TO_ALL(rw));
}

int wend_rwmutex_rlock_dl(wend_rwmutex *rw, int64_t deadline)
{
	struct until until = {.deadline = deadline};

	if (!wend_rwmutex_tryrlock(rw)) {
		if (until_passed(&until) || !rlock_slow(rw, NULL, false, &until))
			return -ETIMEDOUT;
		race_acquire(TO_ALL(rw));
	}
	return 0;
}

bool wend_rwmutex_tryrlock(wend_rwmutex *rw)
{
	struct m *mp = enter();
	bool got = try_read(mp, rw, false);

	leave_any(mp);
	if (got)
		race_acquire(TO_ALL(rw));
	return got;
}

/* True: there may have been nothing to release. */
static bool runlock_any(struct m *mp, wend_rwmutex *rw)
{
	for (;;) {
		uint64_t s = atm_load_acq(&rw->wend__state); /* acq R6 */

		if (s & BIAS) {
			cells_add(mp, rw, -1);
			look_for_drain(mp, rw);
			return readers_in_cells(rw) < 0;
		}
		if (readers_of(s) == 0)
			wend__fatal("sync: RUnlock of unlocked RWMutex");
		if (!atm_cas_sc(&rw->wend__state, s, s - READER)) /* R1, R5 */
			continue;
		if (readers_of(s) == 1 && (s & SLEEPS) && (mp || foreign_may())) /* else who slept is gone */
			reader_left(mp, rw);
		return false;
	}
}

/* counted: the fast way has taken the read lock off its cell, and then seen that a writer drains. */
static noinline void runlock_slow(wend_rwmutex *rw, bool counted)
{
	struct m *mp = enter();
	bool doubtful = false;

	if (counted)
		reader_left(mp, rw);
	else
		doubtful = runlock_any(mp, rw);
	leave_any(mp);
	if (unlikely(doubtful))
		rwmutex_check_misuse(rw);
}

void wend_rwmutex_runlock(wend_rwmutex *rw)
{
	/* acq R6. mutant: without the number it looks at cell 0, which nobody counts in, and goes the slow way */
	uint64_t s = atm_load_acq(&rw->wend__state);
	bool counted = false;
	struct m *mp;

	race_release(TO_WRITERS(rw));
	if (likely((s & (BIAS | FENCED)) == BIAS && (mp = getm()) && enter_bare(mp))) {
		atm_u64 *cell = own_cell(mp, atm_load_rlx(&rw->wend__number)); /* rlx: R6 */
		int64_t n = cell ? (int64_t)atm_load_rlx(cell) : 0;            /* rlx: own word */

		if (likely(n > 0)) {
			cell_change(cell, -1);
			compiler_barrier(); /* R4; without membarrier FENCED is set */
			counted = true;
			if (likely(!(atm_load_rlx(&rw->wend__state) & DRAIN))) { /* rlx: ordered by the fence */
				leave(mp);
				return;
			}
		}
	} else if (readers_of(s) && !(s & (BIAS | SLEEPS)) && atm_cas_sc(&rw->wend__state, s, s - READER)) { /* R1 */
		return;
	}
	runlock_slow(rw, counted);
}

/* ---- The end ------------------------------------------------------------------------------------ */

void wend_rwmutex_free(wend_rwmutex *rw)
{
	uint32_t number = atm_load_rlx(&rw->wend__number); /* rlx: nobody else uses it */

	if (number) {
		cells_sum(number, true);
		cell_number_give(number);
	}
	*rw = (wend_rwmutex)WEND_ZERO;
}
