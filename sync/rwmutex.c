/* SPDX-License-Identifier: MIT
 *
 * sync/rwmutex.c - readers count in a cell of their P; a writer stops that, waits until the sum is 0, and from
 * then on everybody counts in one word, for a while. Bits, phases, proofs: docs/sync.md.
 *
 * Ordering. Every change of the word is a full barrier.
 *   R1  unlock: CAS, or hand-over       -> rlock, lock: load acq, CAS     what the writer wrote
 *   R2  runlock: cell.store rel         -> cells_sum: load acq            the reader has read
 *   R3  rlock: cell add, light fence, word load
 *       <-> writer: word CAS sets DRAIN, heavy fence, cells_sum           one sees the other
 *   R4  runlock: cell store, light fence, word load
 *       <-> writer: as in R3                                              the sum has it, or drained() is called
 *   R5  drained: cell store before waitq_lock
 *       <-> commit_drain: SLEEPS and sum under waitq_lock                 whoever is second sums with both
 *   R6  start_bias: number set          -> rlock, runlock: word load acq  the number, where BIAS is
 */
#include "wend/rwmutex.h"

#include "atomics/asym.h"
#include "base/clock.h"
#include "base/fatal.h"
#include "base/race.h"
#include "sync/waitq_priv.h"

#define WRITER 1ULL
#define BIAS 8ULL
#define DRAIN 16ULL
#define SLEEPS 32ULL
#define READER (1ULL << 32)

#define SPIN_ROUNDS ATM_SIZE(4, 1)
#define SPIN_PAUSES ATM_SIZE(30, 1)
#define BIAS_PERIOD ATM_SIZE(16, 1) /* central reads from one thought of bias to the next */
#define CALM_FACTOR ATM_SIZE(9, 0)

_Static_assert(sizeof(wend_rwmutex) == 40, "users' structures contain it");

static inline uint32_t readers_of(uint64_t s)
{
	return (uint32_t)(s >> 32);
}

/* What is ordered by what, for race detectors: writers before all, readers before writers. */
#define TO_ALL(rw) (&(rw)->wend__readers)
#define TO_WRITERS(rw) (&(rw)->wend__writers)

/* ---- The list's release ------------------------------------------------------------------------- */

/* Lets go of the list, and changes the word by more - less. */
static void release(wend_rwmutex *rw, uint64_t less, uint64_t more)
{
	uint64_t s, left = rw->wend__readers || rw->wend__writers ? WAITERS : 0;

	do
		s = atm_load_rlx(&rw->wend__state); /* rlx: the CAS decides */
	while (!atm_cas_sc(&rw->wend__state, s, ((s - less + more) & ~(WAITQ_LOCK | WAITERS)) | left)); /* L1, R1 */
}

/* Takes all readers off their list. How many? */
static uint64_t take_readers(wend_rwmutex *rw, struct wend__waiter **first)
{
	uint64_t n = 0;

	*first = rw->wend__readers;
	rw->wend__readers = NULL;
	for (struct wend__waiter *w = *first; w && w->listed; w = w->next, n++)
		w->listed = false;
	return n;
}

static struct wend__waiter *take_writer(wend_rwmutex *rw)
{
	struct wend__waiter *w = rw->wend__writers;

	if (w)
		waitq_remove(&rw->wend__writers, w);
	return w;
}

/* Who holds the list and the lock, as `less` says, gives them to all readers that wait or to the oldest
 * writer. (less: what the word loses.) */
static void pass_on(struct m *mp, wend_rwmutex *rw, uint64_t less, bool readers_first)
{
	struct wend__waiter *first;
	uint64_t more;

	if (rw->wend__readers && (readers_first || !rw->wend__writers)) {
		more = take_readers(rw, &first) * READER;
	} else {
		first = take_writer(rw);
		more = first ? WRITER : 0;
	}
	release(rw, less, more);
	waitq_end_all(mp, first, FATE_OWNS);
}

/* ---- Cells -------------------------------------------------------------------------------------- */

static force_inline atm_u64 *own_cell(struct m *mp, uint32_t number)
{
	atm_u64 *cells = atm_load_rlx(&mp->p->cells[number / CELLS_PER_SEGMENT]); /* rlx: own word */

	return likely(cells) ? &cells[number % CELLS_PER_SEGMENT] : NULL;
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

/* A read lock has gone from the cells while a writer drains: if that sleeps and this was the last, it wakes
 * up with the lock. */
static noinline void drained(struct m *mp, wend_rwmutex *rw)
{
	uint64_t s = waitq_lock(&rw->wend__state); /* R5 */
	struct wend__waiter *w = NULL;

	if ((s & SLEEPS) && cells_are_empty(rw))
		w = take_writer(rw);
	release(rw, w ? BIAS | DRAIN | SLEEPS : 0, 0);
	waitq_end_all(mp, w, FATE_OWNS);
}

/* n read locks more, or -1, in mp's cell or, where that may not be, in nobody's. */
static void cells_add(struct m *mp, wend_rwmutex *rw, int64_t n)
{
	uint32_t number = atm_load_rlx(&rw->wend__number);
	atm_u64 *cell = cell_if_any(mp, number);

	if (cell && (int64_t)atm_load_rlx(cell) + n >= 0) /* rlx: own word */
		atm_store_rel(cell, atm_load_rlx(cell) + (uint64_t)n); /* rel R2 */
	else
		atm_add_sc(cell_nobodys(number), (uint64_t)n); /* not NULL: start_bias made it */
}

/* After a cell has gone down. */
static void look_for_drain(struct m *mp, wend_rwmutex *rw)
{
	asym_light();                                   /* R4 */
	if (atm_load_rlx(&rw->wend__state) & DRAIN) /* rlx: ordered by the fence */
		drained(mp, rw);
}

/* The word is in the biased phase. False: it was not for long. */
static bool read_biased(struct m *mp, wend_rwmutex *rw)
{
	uint32_t number = atm_load_rlx(&rw->wend__number); /* rlx: R6 by the caller's load */
	atm_u64 *cell = cell_if_any(mp, number), *nobodys = cell ? NULL : cell_nobodys(number);

	if (cell)
		atm_add_own(cell, 1);
	else
		atm_add_sc(nobodys, 1);
	asym_light(); /* R3 */
	if ((atm_load_acq(&rw->wend__state) & (BIAS | DRAIN)) == BIAS) /* acq R1 */
		return true;
	if (cell)
		atm_store_rel(cell, atm_load_rlx(cell) - 1); /* rel R2 */
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
	uint64_t n = readers_of(s) + 1;

	if (!mp || (s & WAITQ_LOCK) || (uint64_t)clock_now() < atm_load_rlx(&rw->wend__calm)) /* rlx: a guess */
		return false;
	cell = cell_to_begin(mp, rw);
	if (!cell)
		return false;
	atm_add_own(cell, n);
	if (atm_cas_sc(&rw->wend__state, s, BIAS)) /* R1, R6 */
		return true;
	atm_store_rel(cell, atm_load_rlx(cell) - n); /* rel R2 */
	look_for_drain(mp, rw);                      /* another reader may have begun, and a writer come */
	return false;
}

/* ---- Reading ------------------------------------------------------------------------------------ */

/* busy: the bits that make a reader wait. *seen: the word that did. */
static bool try_read(struct m *mp, wend_rwmutex *rw, uint64_t busy, uint64_t *seen)
{
	for (;;) {
		uint64_t s = atm_load_acq(&rw->wend__state); /* acq R1, R6 */
		uint32_t reads;

		*seen = s;
		if (s & busy)
			return false;
		if (s & BIAS) {
			if (read_biased(mp, rw))
				return true;
			continue;
		}
		reads = atm_load_rlx(&rw->wend__reads) + 1; /* rlx: some may be lost */
		atm_store_rlx(&rw->wend__reads, reads);
		if (reads % BIAS_PERIOD == 0 && start_bias(mp, rw, s))
			return true;
		if (atm_cas_sc(&rw->wend__state, s, s + READER)) /* R1 */
			return true;
	}
}

/* Waits on the CPU for a while if that can help: true, look again. */
static bool spin(struct m *mp, uint64_t s, int *round)
{
	if (*round == SPIN_ROUNDS || (s & (WAITERS | SLEEPS)) || !spin_may_help(mp))
		return false;
	for (int i = 0; i < SPIN_PAUSES; i++)
		atm_pause();
	++*round;
	return true;
}

static bool commit_reader(struct g *gp, void *arg)
{
	struct wend__waiter *w = arg;
	wend_rwmutex *rw = w->obj;
	uint64_t s;

	(void)gp;
	waitq_lock(&rw->wend__state);
	waitq_append(&rw->wend__readers, w);
	while ((s = atm_load_rlx(&rw->wend__state)) & (WRITER | WAITERS)) /* rlx: the CAS decides */
		if (atm_cas_sc(&rw->wend__state, s, (s & ~WAITQ_LOCK) | WAITERS)) /* L1 */
			return true;
	waitq_remove(&rw->wend__readers, w);
	atm_store_rlx(&w->fate, FATE_RETRY); /* rlx: the waiter comes after us */
	release(rw, 0, 0);
	return false;
}

/* The runtime has ended around a foreign thread, which takes itself off its list and goes on by polling; it does
 * not mind then who is listed for ever. */
enum alone { ALONE, ALONE_DRAINING, ALONE_OWNS };

static cold enum alone leave_list(wend_rwmutex *rw, struct wend__waiter **list, struct wend__waiter *w)
{
	uint64_t s = waitq_lock(&rw->wend__state);
	bool listed = w->listed;
	bool drains = (s & SLEEPS) && rw->wend__writers == w;

	if (listed)
		waitq_remove(list, w);
	release(rw, drains ? SLEEPS : 0, 0);
	for (unsigned turn = 0; !listed && waitq_fate(w) == FATE_QUEUED; turn++)
		waitq_relax(turn); /* somebody is giving it the lock */
	leave_foreign();
	return drains ? ALONE_DRAINING : listed ? ALONE : ALONE_OWNS;
}

static noinline void rlock_slow(wend_rwmutex *rw)
{
	struct m *mp = enter();
	struct wend__waiter w = {.obj = rw};
	uint64_t s;

	for (int round = 0; !try_read(mp, rw, WRITER | WAITERS, &s);) {
		if (spin(mp, s, &round))
			continue;
		w.gp = current(mp, "wend_rwmutex_rlock");
		mp = g_park(mp, w.gp, WAIT_RWMUTEX_RLOCK, rw, commit_reader, &w);
		if (waitq_fate(&w) == FATE_OWNS)
			break;
		if (waitq_fate(&w) == FATE_QUEUED) {
			if (leave_list(rw, &rw->wend__readers, &w) != ALONE_OWNS)
				while (!try_read(NULL, rw, WRITER, &s))
					waitq_nap();
			return;
		}
	}
	leave_any(mp);
}

void wend_rwmutex_rlock(wend_rwmutex *rw)
{
	struct m *mp = getm();

	if (likely(mp && atm_load_acq(&rw->wend__state) == BIAS && enter_bare(mp))) { /* acq R6 */
		atm_u64 *cell = own_cell(mp, atm_load_rlx(&rw->wend__number)); /* rlx: R6 */

		if (likely(cell)) {
			atm_add_own(cell, 1);
			asym_light();                                        /* R3 */
			if (likely(atm_load_acq(&rw->wend__state) == BIAS)) { /* acq R1 */
				leave(mp);
				race_acquire(TO_ALL(rw));
				return;
			}
			atm_store_rel(cell, atm_load_rlx(cell) - 1); /* rel R2 */
			look_for_drain(mp, rw);
		}
	}
	rlock_slow(rw);
	race_acquire(TO_ALL(rw));
}

bool wend_rwmutex_tryrlock(wend_rwmutex *rw)
{
	struct m *mp = enter();
	uint64_t s;
	bool got = try_read(mp, rw, WRITER | WAITERS, &s);

	leave_any(mp);
	if (got)
		race_acquire(TO_ALL(rw));
	return got;
}

static void stop_drain(struct m *mp, wend_rwmutex *rw);

/* The sum of the cells seems negative: drains the lock, to know for certain. */
static cold void check_misuse(struct m *mp, wend_rwmutex *rw)
{
	if (!atm_cas_sc(&rw->wend__state, BIAS, BIAS | DRAIN | WRITER)) /* R3 */
		return; /* a writer drains, and will see */
	asym_heavy();
	cells_are_empty(rw);
	stop_drain(mp, rw);
}

static void runlock_biased(struct m *mp, wend_rwmutex *rw)
{
	cells_add(mp, rw, -1);
	look_for_drain(mp, rw);
	if (readers_in_cells(rw) < 0)
		check_misuse(mp, rw);
}

static noinline void runlock_slow(wend_rwmutex *rw)
{
	struct m *mp = enter();
	bool running = mp || foreign_may(); /* else the runtime has ended, and with it who waited */

	for (unsigned turn = 0;; turn++) {
		uint64_t s = atm_load_acq(&rw->wend__state); /* acq R6 */

		if (s & BIAS) {
			runlock_biased(mp, rw);
			break;
		}
		if (readers_of(s) == 0)
			wend__fatal("sync: RUnlock of unlocked RWMutex");
		if (readers_of(s) > 1 || !(s & WAITERS) || !running) {
			if (atm_cas_sc(&rw->wend__state, s, s - READER)) /* R1 */
				break;
		} else if (!(s & WAITQ_LOCK) && atm_cas_sc(&rw->wend__state, s, s | WAITQ_LOCK)) { /* L1 */
			pass_on(mp, rw, READER, false);
			break;
		} else {
			waitq_relax(turn);
		}
	}
	leave_any(mp);
}

void wend_rwmutex_runlock(wend_rwmutex *rw)
{
	struct m *mp = getm();

	race_release(TO_WRITERS(rw));
	if (likely(mp && (atm_load_acq(&rw->wend__state) & BIAS) && enter_bare(mp))) { /* acq R6 */
		atm_u64 *cell = own_cell(mp, atm_load_rlx(&rw->wend__number)); /* rlx: R6 */
		int64_t n = cell ? (int64_t)atm_load_rlx(cell) : 0;            /* rlx: own word */

		if (likely(n > 0)) {
			atm_store_rel(cell, (uint64_t)n - 1); /* rel R2 */
			asym_light();                         /* R4 */
			if (unlikely(atm_load_rlx(&rw->wend__state) & DRAIN)) /* rlx: ordered by the fence */
				drained(mp, rw);
			leave(mp);
			return;
		}
	}
	runlock_slow(rw);
}

/* ---- Draining ----------------------------------------------------------------------------------- */

/* The word has DRAIN and WRITER since a moment ago: from now on whoever leaves the cells says so. */
static void begin_drain(wend_rwmutex *rw)
{
	int64_t from = clock_now(), now;

	asym_heavy(); /* R3, R4 */
	now = clock_now();
	atm_store_rlx(&rw->wend__calm, (uint64_t)(now + (now - from) * CALM_FACTOR)); /* rlx: a guess */
}

/* The cells are empty: the lock is a writer's. */
static void end_drain(wend_rwmutex *rw)
{
	uint64_t s;

	do
		s = atm_load_rlx(&rw->wend__state); /* rlx: the CAS decides */
	while (!atm_cas_sc(&rw->wend__state, s, s & ~(BIAS | DRAIN))); /* R1 */
}

/* Not after all: the lock is biased again, unless a writer has queued meanwhile, who then drains it. */
static void stop_drain(struct m *mp, wend_rwmutex *rw)
{
	struct wend__waiter *first = NULL;
	uint64_t n;

	waitq_lock(&rw->wend__state);
	if (rw->wend__writers && cells_are_empty(rw)) {
		first = take_writer(rw);
		release(rw, BIAS | DRAIN, 0);
	} else if (rw->wend__writers) {
		release(rw, 0, SLEEPS);
	} else {
		n = take_readers(rw, &first);
		if (n)
			cells_add(mp, rw, (int64_t)n);
		release(rw, DRAIN | WRITER, 0);
	}
	waitq_end_all(mp, first, FATE_OWNS);
}

static bool commit_drain(struct g *gp, void *arg)
{
	struct wend__waiter *w = arg;
	wend_rwmutex *rw = w->obj;

	(void)gp;
	waitq_lock(&rw->wend__state); /* R5 */
	if (cells_are_empty(rw)) {
		atm_store_rlx(&w->fate, FATE_OWNS); /* rlx: the waiter comes after us */
		release(rw, BIAS | DRAIN, 0);
		return false;
	}
	waitq_prepend(&rw->wend__writers, w);
	release(rw, 0, SLEEPS);
	return true;
}

static cold void drain_alone(wend_rwmutex *rw)
{
	while (!cells_are_empty(rw))
		waitq_nap();
	end_drain(rw);
}

static struct m *drain(struct m *mp, wend_rwmutex *rw)
{
	struct wend__waiter w = {.obj = rw};

	begin_drain(rw);
	for (int round = 0; !cells_are_empty(rw);) {
		if (spin(mp, 0, &round))
			continue;
		w.gp = current(mp, "wend_rwmutex_lock");
		mp = g_park(mp, w.gp, WAIT_RWMUTEX_LOCK, rw, commit_drain, &w);
		if (waitq_fate(&w) == FATE_QUEUED && leave_list(rw, &rw->wend__writers, &w) == ALONE_DRAINING)
			drain_alone(rw);
		return mp;
	}
	end_drain(rw);
	return mp;
}

/* ---- Writing ------------------------------------------------------------------------------------ */

enum got { NOTHING, LOCK, LOCK_TO_DRAIN };

/* busy: WAITERS, or 0 for who does not mind overtaking. */
static enum got try_write(wend_rwmutex *rw, uint64_t busy, uint64_t *seen)
{
	for (;;) {
		uint64_t s = atm_load_rlx(&rw->wend__state); /* rlx: the CAS decides */

		*seen = s;
		if ((s & (WRITER | busy)) || readers_of(s))
			return NOTHING;
		if (atm_cas_sc(&rw->wend__state, s, s | WRITER | (s & BIAS ? DRAIN : 0))) /* R1, R3 */
			return s & BIAS ? LOCK_TO_DRAIN : LOCK;
	}
}

static bool commit_writer(struct g *gp, void *arg)
{
	struct wend__waiter *w = arg;
	wend_rwmutex *rw = w->obj;
	uint64_t s;

	(void)gp;
	waitq_lock(&rw->wend__state);
	waitq_append(&rw->wend__writers, w);
	while (s = atm_load_rlx(&rw->wend__state), (s & WRITER) || readers_of(s)) /* rlx: the CAS decides */
		if (atm_cas_sc(&rw->wend__state, s, (s & ~WAITQ_LOCK) | WAITERS)) /* L1 */
			return true;
	waitq_remove(&rw->wend__writers, w);
	atm_store_rlx(&w->fate, FATE_RETRY); /* rlx: the waiter comes after us */
	release(rw, 0, 0);
	return false;
}

static bool try_lock(struct m *mp, wend_rwmutex *rw, uint64_t busy)
{
	uint64_t s;

	switch (try_write(rw, busy, &s)) {
	case NOTHING:
		return false;
	case LOCK:
		return true;
	case LOCK_TO_DRAIN:
		break;
	}
	begin_drain(rw);
	if (cells_are_empty(rw)) {
		end_drain(rw);
		return true;
	}
	stop_drain(mp, rw);
	return false;
}

static cold void lock_alone(wend_rwmutex *rw, struct wend__waiter *w)
{
	switch (leave_list(rw, &rw->wend__writers, w)) {
	case ALONE:
		while (!try_lock(NULL, rw, 0))
			waitq_nap();
		return;
	case ALONE_DRAINING:
		drain_alone(rw);
		return;
	case ALONE_OWNS:
		return;
	}
}

static noinline void lock_slow(wend_rwmutex *rw)
{
	struct m *mp = enter();
	struct wend__waiter w = {.obj = rw};
	enum got got;
	uint64_t s;

	for (int round = 0; (got = try_write(rw, WAITERS, &s)) == NOTHING;) {
		if (spin(mp, s, &round))
			continue;
		w.gp = current(mp, "wend_rwmutex_lock");
		mp = g_park(mp, w.gp, WAIT_RWMUTEX_LOCK, rw, commit_writer, &w);
		if (waitq_fate(&w) == FATE_OWNS)
			break;
		if (waitq_fate(&w) == FATE_QUEUED) {
			lock_alone(rw, &w);
			return;
		}
	}
	if (got == LOCK_TO_DRAIN)
		mp = drain(mp, rw);
	leave_any(mp);
}

void wend_rwmutex_lock(wend_rwmutex *rw)
{
	if (unlikely(!atm_cas_sc(&rw->wend__state, 0, WRITER))) /* R1 */
		lock_slow(rw);
	race_acquire(TO_ALL(rw));
	race_acquire(TO_WRITERS(rw));
}

bool wend_rwmutex_trylock(wend_rwmutex *rw)
{
	struct m *mp = enter();
	uint64_t s = atm_load_acq(&rw->wend__state); /* acq R6 */
	/* A look at the cells spares the fence where it would be in vain. */
	bool got = !((s & BIAS) && readers_in_cells(rw) != 0) && try_lock(mp, rw, WAITERS);

	leave_any(mp);
	if (got) {
		race_acquire(TO_ALL(rw));
		race_acquire(TO_WRITERS(rw));
	}
	return got;
}

static noinline void unlock_slow(wend_rwmutex *rw)
{
	struct m *mp = enter();
	bool running = mp || foreign_may(); /* else the runtime has ended, and with it who waited */

	for (unsigned turn = 0;; turn++) {
		uint64_t s = atm_load_rlx(&rw->wend__state); /* rlx: the CAS decides */

		if ((s & (WRITER | DRAIN)) != WRITER)
			wend__fatal("sync: Unlock of unlocked RWMutex");
		if (!(s & WAITERS) || !running) {
			if (atm_cas_sc(&rw->wend__state, s, s & ~WRITER)) /* R1 */
				break;
		} else if (!(s & WAITQ_LOCK) && atm_cas_sc(&rw->wend__state, s, s | WAITQ_LOCK)) { /* L1 */
			pass_on(mp, rw, WRITER, true);
			break;
		} else {
			waitq_relax(turn);
		}
	}
	leave_any(mp);
}

void wend_rwmutex_unlock(wend_rwmutex *rw)
{
	race_release(TO_ALL(rw));
	if (unlikely(!atm_cas_sc(&rw->wend__state, WRITER, 0))) /* R1 */
		unlock_slow(rw);
}

/* ---- The end ------------------------------------------------------------------------------------ */

void wend_rwmutex_free(wend_rwmutex *rw)
{
	uint32_t number = atm_load_acq(&rw->wend__number); /* acq: whatever used it */

	if (number) {
		cells_sum(number, true);
		cell_number_give(number);
	}
	*rw = (wend_rwmutex)WEND_ZERO;
}
