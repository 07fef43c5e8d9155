/* SPDX-License-Identifier: MIT
 *
 * sync/rwmutex_write.c - the writer's half: readers are stopped, waited for, and let in again. All of it under the mutex
 * wend__writers: there is one writer at a time. */
#include "sync/rwmutex_priv.h"

#include <errno.h>

#define CALM_FACTOR ATM_SIZE(9, 0)

/* ---- Readers: stopped, gone, back in ------------------------------------------------------------- */

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

cold void rwmutex_check_misuse(wend_rwmutex *rw)
{
	uint64_t s;

	if (!wend_mutex_trylock(&rw->wend__writers))
		return; /* a writer will see */
	s = atm_load_rlx(&rw->wend__state); /* rlx: the CAS decides */
	if ((s & ~FENCED) == BIAS && atm_cas_sc(&rw->wend__state, s, s | DRAIN | WRITER)) { /* R3 */
		struct m *mp = enter();

		asym_heavy(); /* R3, R4: without it the second look could be as wrong as the first */
		cells_are_empty(rw);
		let_readers_in(mp, rw);
		leave_any(mp);
	}
	wend_mutex_unlock(&rw->wend__writers);
}

/* ---- Writing ------------------------------------------------------------------------------------ */

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
