/* SPDX-License-Identifier: MIT
 *
 * sync/mutex.c - one word and a list of waiters. Bits, invariants and what was rejected: docs/sync.md.
 *
 * Ordering. Every change of the word is a full barrier.
 *   M1  unlock: CAS, or hand-over       -> lock: CAS, or the hand-over's g_ready    the critical section
 *   M2  commit: sets WAITERS by a CAS that saw LOCKED
 *       <-> unlock: clears LOCKED by a CAS that saw no WAITERS      one comes first, and the other sees it
 */
#include "wend/mutex.h"

#include <errno.h>

#include "base/clock.h"
#include "base/fatal.h"
#include "base/race.h"
#include "sync/waitq_priv.h"

#define LOCKED_BIT 0
#define LOCKED 1ULL
#define WOKEN 8ULL
#define STARVING 16ULL

#define STARVING_NS ATM_SIZE(1000000, 1500)

_Static_assert(sizeof(wend_mutex) == 16, "users' structures contain it");

/* ---- Lock --------------------------------------------------------------------------------------- */

/* Who waited for too long sees to it that those behind him, who have waited, too, do not have to compete. */
static inline bool take(wend_mutex *mu, uint64_t s, struct wend__waiter *w)
{
	uint64_t to = (s | LOCKED) & ~(w->awake ? WOKEN : 0);

	if (w->starving && (s & WAITERS))
		to |= STARVING;
	if (!atm_cas_sc(&mu->wend__state, s, to)) /* M1 */
		return false;
	w->awake = false;
	return true;
}

/* Takes the mutex if it is free, or becomes so while waiting on the CPU makes sense. */
static bool compete(wend_mutex *mu, struct m *mp, struct wend__waiter *w)
{
	for (int spent = 0;;) {
		uint64_t s = atm_load_rlx(&mu->wend__state); /* rlx: the CAS decides */
		int pauses;

		if (!(s & LOCKED)) {
			if (take(mu, s, w))
				return true;
			continue;
		}
		if ((s & STARVING) || (pauses = waitq_spin(mp, &spent, LOOK_PAUSES)) == 0)
			return false;
		if ((s & (WAITERS | WOKEN)) == WAITERS && atm_cas_sc(&mu->wend__state, s, s | WOKEN))
			w->awake = true; /* unlock need not wake another */
		waitq_pause(pauses);
	}
}

/* Lets go of the list to compete as the one who is awake; takes w off it first if it is there. */
static void leave_list(wend_mutex *mu, struct wend__waiter *w)
{
	uint64_t s, left, drop;

	if (w->listed)
		waitq_remove(&mu->wend__waiters, w);
	left = mu->wend__waiters ? WAITERS : 0;
	drop = WAITQ_LOCK | WAITERS | (left ? 0 : STARVING);
	w->awake = true;
	do
		s = atm_load_rlx(&mu->wend__state); /* rlx: the CAS decides */
	while (!atm_cas_sc(&mu->wend__state, s, (s & ~drop) | left | WOKEN)); /* L1; the last access to w */
}

static bool commit(struct g *gp, void *arg)
{
	struct wend__waiter *w = arg;
	wend_mutex *mu = w->obj;
	uint64_t drop = WAITQ_LOCK | (w->awake ? WOKEN : 0);
	int64_t now = w->since ? 0 : clock_now();
	uint64_t s = waitq_lock(&mu->wend__state);

	(void)gp;
	if (w->since) { /* has slept before */
		waitq_prepend(&mu->wend__waiters, w);
	} else {
		w->since = now;
		waitq_append(&mu->wend__waiters, w);
	}
	w->awake = false;
	bool opened = waitq_open(w), ready;

	while (opened && ((s = atm_load_rlx(&mu->wend__state)) & LOCKED)) { /* rlx: the CAS decides */
		uint64_t to = (s & ~drop) | WAITERS;

		if (w->starving)
			to |= STARVING;
		if (atm_cas_sc(&mu->wend__state, s, to)) /* M2, L1; from here on w is somebody else's */
			return true;
	}
	ready = waitq_back_out(w, opened, FATE_RETRY);
	leave_list(mu, w);
	return ready;
}

/* The oldest waiter, off the list, which the caller holds; who has given up is passed over. */
static struct wend__waiter *take_first(wend_mutex *mu)
{
	struct wend__waiter *w;

	while ((w = mu->wend__waiters)) {
		waitq_remove(&mu->wend__waiters, w);
		if (waitq_claim(w))
			break;
	}
	return w;
}

/* The deadline has passed. If an unlock relied on w to be awake, or on who holds the list to look, another one wakes. */
static void give_up(struct m *mp, wend_mutex *mu, struct wend__waiter *w)
{
	struct wend__waiter *other = NULL;
	uint64_t s = waitq_lock(&mu->wend__state), to;

	if (w->listed)
		waitq_remove(&mu->wend__waiters, w);
	do {
		s = atm_load_rlx(&mu->wend__state); /* rlx: the CAS decides */
		to = s & ~(WAITQ_LOCK | (w->awake ? WOKEN : 0));
		if (!(to & (LOCKED | WOKEN)) && !other)
			other = take_first(mu);
		if (!mu->wend__waiters)
			to &= ~(WAITERS | STARVING);
		if (other)
			to |= WOKEN;
	} while (!atm_cas_sc(&mu->wend__state, s, to)); /* L1 */
	if (other)
		waitq_end(mp, other, FATE_RETRY);
}

/* Without a runtime nobody wakes anybody. False: not before the deadline. The caller has left. */
static cold bool poll(wend_mutex *mu, struct wend__waiter *w)
{
	bool got;

	while (!(got = compete(mu, NULL, w)) && !(w->until && until_passed(w->until)))
		waitq_nap();
	if (w->awake)
		atm_and_sc(&mu->wend__state, ~WOKEN);
	return got;
}

/* The runtime has ended around a foreign thread. */
static cold bool go_on_alone(wend_mutex *mu, struct wend__waiter *w)
{
	bool listed = waitq_lock(&mu->wend__state) && w->listed;

	leave_list(mu, w);
	for (unsigned turn = 0; !waitq_settled(w, listed); turn++)
		waitq_relax(turn); /* an unlock is at it */
	leave_foreign();
	if (waitq_fate(w) != FATE_OWNS)
		return poll(mu, w);
	atm_and_sc(&mu->wend__state, ~WOKEN);
	return true;
}

/* False: not before the deadline. */
static noinline bool lock_slow(wend_mutex *mu, struct until *until)
{
	struct m *mp = enter();
	struct wend__waiter w = {.obj = mu, .until = until};

	while (!compete(mu, mp, &w)) {
		bool expired = false;

		if (alone(mp)) {
			leave_foreign();
			return poll(mu, &w);
		}
		w.gp = current(mp, "wend_mutex_lock");
		if (until)
			until_arm(mp, until, w.gp, &w.fate);
		mp = g_park(mp, w.gp, WAIT_MUTEX, mu, commit, &w);
		if (until)
			expired = until_disarm(until);
		if (expired) {
			give_up(mp, mu, &w);
			leave_any(mp);
			return false;
		}
		switch (waitq_fate(&w)) {
		case FATE_RETRY:
			w.awake = true;
			w.starving = clock_now() - w.since > STARVING_NS;
			break;
		case FATE_OWNS:
			if (clock_now() - w.since < STARVING_NS)
				atm_and_sc(&mu->wend__state, ~STARVING); /* on the list they wait for less than we did */
			leave_any(mp);
			return true;
		default:
			return go_on_alone(mu, &w);
		}
	}
	leave_any(mp);
	return true;
}

void wend_mutex_lock(wend_mutex *mu)
{
	if (unlikely(atm_bts_sc(&mu->wend__state, LOCKED_BIT))) /* M1; leaves the other bits, and who they speak of, alone */
		lock_slow(mu, NULL);
	race_acquire(mu);
}

int wend_mutex_lock_dl(wend_mutex *mu, int64_t deadline)
{
	struct until until = {.deadline = deadline};

	if (unlikely(atm_bts_sc(&mu->wend__state, LOCKED_BIT)) && (until_passed(&until) || !lock_slow(mu, &until))) /* M1 */
		return -ETIMEDOUT;
	race_acquire(mu);
	return 0;
}

bool wend_mutex_trylock(wend_mutex *mu)
{
	if ((atm_load_rlx(&mu->wend__state) & LOCKED) || atm_bts_sc(&mu->wend__state, LOCKED_BIT)) /* M1; rlx: no claim */
		return false;
	race_acquire(mu);
	return true;
}

/* ---- Unlock ------------------------------------------------------------------------------------- */

/* The oldest waiter gets the mutex, or wakes to compete for it. The caller holds the list, and the mutex. */
static void wake(struct m *mp, wend_mutex *mu)
{
	struct wend__waiter *w = take_first(mu);
	uint64_t s, to;

	do {
		s = atm_load_rlx(&mu->wend__state); /* rlx: the CAS decides */
		to = s & ~WAITQ_LOCK;
		if (!mu->wend__waiters)
			to &= ~(WAITERS | STARVING);
		if (!w)
			to &= ~LOCKED;
		else if (!(s & STARVING))
			to = (to & ~LOCKED) | WOKEN;
	} while (!atm_cas_sc(&mu->wend__state, s, to)); /* M1, L1; the last access to mu */
	if (w)
		waitq_end(mp, w, s & STARVING ? FATE_OWNS : FATE_RETRY);
}

/* Nobody need be woken. Who holds the list is about to sleep, and will see that the mutex is free. */
static inline bool free_for_all(uint64_t s)
{
	return !(s & STARVING) && (!(s & WAITERS) || (s & (WOKEN | WAITQ_LOCK)));
}

static noinline void unlock_waking(wend_mutex *mu)
{
	struct m *mp = enter();
	bool running = mp || foreign_may(); /* else the runtime has ended, and with it who waited */

	for (unsigned turn = 0;; turn++) {
		uint64_t s = atm_load_rlx(&mu->wend__state); /* rlx: the CAS decides */

		if (!(s & LOCKED))
			wend__fatal("sync: unlock of unlocked mutex");
		if (free_for_all(s)) {
			if (atm_cas_sc(&mu->wend__state, s, s & ~LOCKED)) /* M1, M2; the last access to mu */
				break;
		} else if (!running) {
			if (atm_cas_sc(&mu->wend__state, s, s & ~LOCKED)) /* M1 */
				break;
		} else if (!(s & WAITQ_LOCK) && atm_cas_sc(&mu->wend__state, s, s | WAITQ_LOCK)) { /* L1 */
			wake(mp, mu);
			break;
		} else {
			waitq_relax(turn);
		}
	}
	leave_any(mp);
}

static noinline void unlock_slow(wend_mutex *mu)
{
	uint64_t s = atm_load_rlx(&mu->wend__state); /* rlx: the CAS decides */

	/* The common case while others wait: one of them has been woken and not run yet. */
	if ((s & LOCKED) && free_for_all(s) && atm_cas_sc(&mu->wend__state, s, s & ~LOCKED)) /* M1, M2; the last access */
		return;
	unlock_waking(mu);
}

void wend_mutex_unlock(wend_mutex *mu)
{
	race_release(mu);
	if (unlikely(!atm_cas_sc(&mu->wend__state, LOCKED, 0))) /* M1 */
		unlock_slow(mu);
}
