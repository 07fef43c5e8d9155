/* SPDX-License-Identifier: MIT
 *
 * sync/rwmutex.c - readers count in a cell of their P; a writer stops that, waits until the sum is 0, and from
 * then on everybody counts in one word, for a while. Writers are kept apart by a mutex. Bits, phases, proofs:
 * docs/sync.md.
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
#include "wend/rwmutex.h"

#include <errno.h>

#include "atomics/asym.h"
#include "base/clock.h"
#include "base/fatal.h"
#include "base/race.h"
#include "sync/waitq_priv.h"

#define WRITER 1ULL
#define BIAS 8ULL
#define DRAIN 16ULL
#define SLEEPS 32ULL
#define FENCED 64ULL
#define READ (1ULL << 8)
#define READS (65535 * READ)
#define ENOUGH_LEAST 256 /* reads */
#define ENOUGH_MOST 2048
#define READ_GAINS 4 /* ns that a read gains where readers count in cells, about */
#define READER (1ULL << 32)

#define CALM_FACTOR ATM_SIZE(9, 0)

_Static_assert(sizeof(wend_rwmutex) == 56, "users' structures contain it");

static inline uint32_t readers_of(uint64_t s)
{
	return (uint32_t)(s >> 32);
}

/* Enough reads without a writer to think of bias, which takes a look at the clock. Always, in a zero value. */
static inline bool many_reads(wend_rwmutex *rw, uint64_t s)
{
	return ATM_SIZE((s & READS) / READ >= atm_load_rlx(&rw->wend__enough), true); /* rlx: a number */
}

/* The last revocation has taken so many ns. As many reads as lose that while they wait for the next bias make the worst
 * twice the best. The least tells locks that are used from those that are not; the most, as one may have taken long
 * by chance, and the calm bounds what they cost. */
static void set_enough(wend_rwmutex *rw, int64_t ns)
{
	int64_t reads = ns / READ_GAINS;

	reads = reads < ENOUGH_LEAST ? ENOUGH_LEAST : reads > ENOUGH_MOST ? ENOUGH_MOST : reads;
	atm_store_rlx(&rw->wend__enough, (uint32_t)reads); /* rlx: as above */
}

/* What is ordered by what, for race detectors: writers before all, readers before writers. */
#define TO_ALL(rw) (&(rw)->wend__readers)
#define TO_WRITERS(rw) (&(rw)->wend__writer)

/* ---- The list's release ------------------------------------------------------------------------- */

/* Lets go of the list; the word loses the bits in drop, then changes by plus. */
static void release(wend_rwmutex *rw, uint64_t drop, uint64_t plus)
{
	uint64_t s, left = rw->wend__readers ? WAITERS : 0;

	do
		s = atm_load_rlx(&rw->wend__state); /* rlx: the CAS decides */
	while (!atm_cas_sc(&rw->wend__state, s, ((s & ~(drop | WAITQ_LOCK | WAITERS)) + plus) | left)); /* L1, R1 */
}

/* Takes all readers off their list; who has given up is none. How many? */
static uint64_t take_readers(wend_rwmutex *rw, struct wend__waiter **first)
{
	uint64_t n = 0;

	*first = NULL;
	for (struct wend__waiter *w; (w = rw->wend__readers);) {
		waitq_remove(&rw->wend__readers, w);
		if (!waitq_claim(w))
			continue;
		waitq_append_taken(first, w);
		n++;
	}
	return n;
}

/* ---- Cells -------------------------------------------------------------------------------------- */

static force_inline atm_u64 *own_cell(struct m *mp, uint32_t number)
{
	atm_u64 *cells = atm_load_rlx(&mp->p->cells[number / CELLS_PER_SEGMENT]); /* rlx: own word */

	return likely(cells) ? &cells[number % CELLS_PER_SEGMENT] : NULL;
}

/* The cell's P only. Each change releases, +1 too: the sum may read a later one than the read lock's that it is
 * about (R2), and stores to one word that follow a release carry nothing by themselves. */
static force_inline void cell_change(atm_u64 *cell, int64_t n)
{
	atm_store_rel(cell, atm_load_rlx(cell) + (uint64_t)n); /* rel R2; rlx: own word */
}

static atm_u64 *cell_if_any(struct m *mp, uint32_t number)
{
	return mp && mp->p ? cell_slow(mp->p, number) : NULL;
}

static int64_t readers_in_cells(wend_rwmutex *rw)
{
	return cells_sum(atm_load_rlx(&rw->wend__number), false); /* rlx: constant while BIAS is set */
}

/* The sum after the heavy fence: too great for a moment at most. */
static bool cells_are_empty(wend_rwmutex *rw)
{
	int64_t sum = readers_in_cells(rw); /* R2, R3, R4 */

	if (sum < 0)
		wend__fatal("sync: RUnlock of unlocked RWMutex");
	return sum == 0;
}

/* Are there no readers, in the phase that the word s tells? */
static bool readers_gone(wend_rwmutex *rw, uint64_t s)
{
	return s & BIAS ? cells_are_empty(rw) : readers_of(s) == 0;
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

/* n read locks more, or -1, in mp's cell or, where that may not be, in nobody's. */
static void cells_add(struct m *mp, wend_rwmutex *rw, int64_t n)
{
	uint32_t number = atm_load_rlx(&rw->wend__number);
	atm_u64 *cell = cell_if_any(mp, number);

	if (cell && (int64_t)atm_load_rlx(cell) + n >= 0) /* rlx: own word */
		cell_change(cell, n);
	else
		atm_add_sc(cell_nobodys(number), (uint64_t)n); /* not NULL: start_bias made it */
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

/* Waits on the CPU for a while if that can help: true, look again. */
static bool spin(struct m *mp, int *spent, int step)
{
	int pauses = waitq_spin(mp, spent, step);

	waitq_pause(pauses);
	return pauses > 0;
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

/* The deadline has passed, or the runtime has ended around a foreign thread. False: it was on its list no more. */
static bool leave_list(wend_rwmutex *rw, struct wend__waiter **list, struct wend__waiter *w, uint64_t drop)
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
static cold bool go_on_alone(wend_rwmutex *rw, struct wend__waiter **list, struct wend__waiter *w, uint64_t drop)
{
	bool listed = leave_list(rw, list, w, drop);

	for (unsigned turn = 0; !waitq_settled(w, listed); turn++)
		waitq_relax(turn); /* somebody is giving it the lock */
	leave_foreign();
	return listed;
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

static void let_readers_in(struct m *mp, wend_rwmutex *rw);

/* The sum of the cells seems negative: drains the lock, to know for certain. */
static cold void check_misuse(wend_rwmutex *rw)
{
	uint64_t s;

	if (!wend_mutex_trylock(&rw->wend__writers))
		return; /* a writer will see */
	s = atm_load_rlx(&rw->wend__state); /* rlx: the CAS decides */
	if ((s & ~FENCED) == BIAS && atm_cas_sc(&rw->wend__state, s, s | DRAIN | WRITER)) { /* R3 */
		struct m *mp = enter();

		asym_heavy(); /* R3, R4. mutant: only misuse comes here */
		cells_are_empty(rw);
		let_readers_in(mp, rw);
		leave_any(mp);
	}
	wend_mutex_unlock(&rw->wend__writers);
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
		check_misuse(rw);
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

/* ---- Writing ------------------------------------------------------------------------------------ *
 * All of it under the mutex wend__writers: there is one writer at a time. */

/* No reader comes in from now on, and whoever leaves the cells says so. The word as it was. */
static uint64_t stop_readers(wend_rwmutex *rw)
{
	uint64_t s;
	int64_t from, now;

	do
		s = atm_load_rlx(&rw->wend__state); /* rlx: the CAS decides */
	while (!atm_cas_sc(&rw->wend__state, s, (s & ~READS) | WRITER | (s & BIAS ? DRAIN : 0))); /* R1, R3, R4 */
	if (s & BIAS) {
		from = clock_now();
		asym_heavy(); /* R3, R4 */
		now = clock_now();
		atm_store_rlx(&rw->wend__calm, (uint64_t)(now + (now - from) * CALM_FACTOR)); /* rlx: a guess */
		set_enough(rw, now - from);
	}
	return s;
}

/* The readers are gone: from here on everybody counts in the word. */
static void end_drain(wend_rwmutex *rw)
{
	uint64_t s;

	do
		s = atm_load_rlx(&rw->wend__state); /* rlx: the CAS decides */
	while ((s & BIAS) && !atm_cas_sc(&rw->wend__state, s, s & ~(BIAS | FENCED | DRAIN))); /* R1 */
}

/* Not after all: the readers that queued meanwhile come in, and a biased lock is so again. */
static void let_readers_in(struct m *mp, wend_rwmutex *rw)
{
	struct wend__waiter *first;
	uint64_t s = waitq_lock(&rw->wend__state), n = take_readers(rw, &first);

	if ((s & BIAS) && n)
		cells_add(mp, rw, (int64_t)n);
	release(rw, DRAIN | SLEEPS | WRITER, s & BIAS ? 0 : n * READER);
	waitq_end_all(mp, first, FATE_OWNS);
}

static bool gone_now(wend_rwmutex *rw)
{
	return readers_gone(rw, atm_load_acq(&rw->wend__state)); /* acq R1 */
}

static bool commit_writer(struct g *gp, void *arg)
{
	struct wend__waiter *w = arg;
	wend_rwmutex *rw = w->obj;
	uint64_t s = waitq_lock(&rw->wend__state); /* R5 */

	(void)gp;
	waitq_append(&rw->wend__writer, w);
	bool opened = waitq_open(w), ready;

	while (opened && (s = atm_load_rlx(&rw->wend__state), !readers_gone(rw, s))) /* rlx: the CAS decides */
		if (atm_cas_sc(&rw->wend__state, s, (s & ~WAITQ_LOCK) | SLEEPS)) /* R5, L1 */
			return true;
	waitq_remove(&rw->wend__writer, w);
	ready = waitq_back_out(w, opened, FATE_OWNS);
	release(rw, opened && !ready ? BIAS | FENCED | DRAIN : 0, 0);
	return ready;
}

/* Without a runtime: the same. A foreign thread, which has left. */
static cold bool poll_to_write(wend_rwmutex *rw, const struct until *until)
{
	while (!gone_now(rw)) {
		if (until && until_passed(until))
			return false;
		waitq_nap();
	}
	end_drain(rw);
	return true;
}

/* False: not before the deadline; the lock is as stop_readers has left it. */
static bool wait_for_readers(struct m **mp, wend_rwmutex *rw, struct until *until)
{
	struct wend__waiter w = {.obj = rw, .until = until};
	bool got;

	for (int spent = 0; !gone_now(rw);) {
		if (spin(*mp, &spent, 2)) /* short looks: nobody comes in meanwhile */
			continue;
		if (alone(*mp)) {
			leave_foreign();
			got = poll_to_write(rw, until);
			*mp = enter(); /* which the caller leaves */
			return got;
		}
		w.gp = current(*mp, "wend_rwmutex_lock");
		if (until)
			until_arm(*mp, until, w.gp, &w.fate);
		*mp = g_park(*mp, w.gp, WAIT_RWMUTEX_LOCK, rw, commit_writer, &w);
		if (until && until_disarm(until)) {
			leave_list(rw, &rw->wend__writer, &w, SLEEPS);
			return false;
		}
		if (waitq_fate(&w) == FATE_OWNS)
			return true;
		got = !go_on_alone(rw, &rw->wend__writer, &w, SLEEPS) || poll_to_write(rw, until);
		*mp = enter();
		return got;
	}
	end_drain(rw);
	return true;
}

/* The writers' mutex is held. False: not before the deadline. */
static force_inline bool write_lock(wend_rwmutex *rw, struct until *until)
{
	uint64_t s = atm_load_rlx(&rw->wend__state); /* rlx: the CAS decides */
	bool got = true;

	if (unlikely((s & ~READS) != 0 || !atm_cas_sc(&rw->wend__state, s, WRITER))) { /* R1 */
		struct m *mp = enter();

		stop_readers(rw);
		got = wait_for_readers(&mp, rw, until);
		if (!got)
			let_readers_in(mp, rw);
		leave_any(mp);
	}
	if (got) {
		race_acquire(TO_ALL(rw));
		race_acquire(TO_WRITERS(rw));
	}
	return got;
}

void wend_rwmutex_lock(wend_rwmutex *rw)
{
	wend_mutex_lock(&rw->wend__writers);
	write_lock(rw, NULL);
}

int wend_rwmutex_lock_dl(wend_rwmutex *rw, int64_t deadline)
{
	struct until until = {.deadline = deadline};

	if (until_passed(&until))
		return wend_rwmutex_trylock(rw) ? 0 : -ETIMEDOUT;
	if (wend_mutex_lock_dl(&rw->wend__writers, deadline) != 0)
		return -ETIMEDOUT;
	if (write_lock(rw, &until))
		return 0;
	wend_mutex_unlock(&rw->wend__writers);
	return -ETIMEDOUT;
}

/* The readers that there may be are gone, or come back in: false. */
static bool try_write(struct m *mp, wend_rwmutex *rw)
{
	uint64_t s = atm_load_rlx(&rw->wend__state); /* rlx: the CAS decides; without the number the sum is 0 */

	/* A look at the cells spares the fence where it would be in vain. */
	if (readers_of(s) || ((s & BIAS) && readers_in_cells(rw) != 0))
		return false;
	if (!(s & BIAS))
		return atm_cas_sc(&rw->wend__state, s, (s & ~READS) | WRITER); /* R1; else a reader came */
	stop_readers(rw);
	if (gone_now(rw)) {
		end_drain(rw);
		return true;
	}
	let_readers_in(mp, rw);
	return false;
}

bool wend_rwmutex_trylock(wend_rwmutex *rw)
{
	struct m *mp;
	bool got;

	if (!wend_mutex_trylock(&rw->wend__writers))
		return false;
	mp = enter();
	got = try_write(mp, rw);
	leave_any(mp);
	if (!got) {
		wend_mutex_unlock(&rw->wend__writers);
		return false;
	}
	race_acquire(TO_ALL(rw));
	race_acquire(TO_WRITERS(rw));
	return true;
}

/* Readers wait, or it is wrong. */
static noinline void unlock_slow(wend_rwmutex *rw)
{
	struct m *mp = enter();
	struct wend__waiter *first;
	uint64_t s, n;

	for (;;) {
		s = atm_load_rlx(&rw->wend__state); /* rlx: the CAS decides */
		if ((s & (WRITER | DRAIN)) != WRITER || readers_of(s))
			wend__fatal("sync: Unlock of unlocked RWMutex");
		if ((s & WAITERS) && (mp || foreign_may())) /* else who waited is gone */
			break;
		if (atm_cas_sc(&rw->wend__state, s, s & ~WRITER)) { /* R1 */
			leave_any(mp);
			return;
		}
	}
	waitq_lock(&rw->wend__state);
	n = take_readers(rw, &first);
	release(rw, WRITER, n * READER); /* R1 */
	waitq_end_all(mp, first, FATE_OWNS);
	leave_any(mp);
}

void wend_rwmutex_unlock(wend_rwmutex *rw)
{
	race_release(TO_ALL(rw));
	if (unlikely(!atm_cas_sc(&rw->wend__state, WRITER, 0))) /* R1 */
		unlock_slow(rw);
	wend_mutex_unlock(&rw->wend__writers);
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
