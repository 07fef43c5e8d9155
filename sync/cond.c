/* SPDX-License-Identifier: MIT
 *
 * sync/cond.c - a list of waiters, who enter it before they unlock. docs/sync.md.
 *
 * Ordering.
 *   K1  wait: enters the list, WAITERS set, unlocks     -> signal: load    by the mutex, if the signaller has had
 *       it since; else it may not know of the waiter
 *   K2  signal: fate xchg                               -> wait: fate CAS, load acq, or g_ready
 */
#include "wend/cond.h"

#include <errno.h>

#include "base/race.h"
#include "sync/waitq_priv.h"

_Static_assert(sizeof(wend_cond) == 24, "users' structures contain it");

static force_inline void check_copied(wend_cond *c)
{
	void *self = atm_load_rlx(&c->wend__self); /* rlx: an address, no data behind it */

	if (likely(self == c) || (!self && atm_cas_sc(&c->wend__self, NULL, c)))
		return;
	if (atm_load_rlx(&c->wend__self) != c)
		wend__panic("sync.Cond is copied");
}

/* Nobody else changes the word while the list is held. */
static void release_list(wend_cond *c)
{
	/* rel L1: the list; pairs with waitq_lock */
	atm_store_rel(&c->wend__state, c->wend__waiters ? WAITERS : 0);
}

/* ---- Waiting ------------------------------------------------------------------------------------- */

/* False: taken off the list already. */
static bool commit(struct g *gp, void *arg)
{
	struct wend__waiter *w = arg;

	(void)gp;
	return atm_cas_sc(&w->fate, FATE_QUEUED, FATE_PARKED); /* K2 */
}

/* The deadline has passed, or the runtime has ended around a foreign thread: the wait is over. */
static cold void give_up(wend_cond *c, struct wend__waiter *w)
{
	bool listed;

	waitq_lock(&c->wend__state);
	listed = w->listed;
	if (listed)
		waitq_remove(&c->wend__waiters, w);
	release_list(c);
	for (unsigned turn = 0; !listed && waitq_fate(w) != FATE_OWNS && waitq_fate(w) != FATE_RETRY; turn++)
		waitq_relax(turn); /* a signal is at it */
}

/* False: the deadline has passed, and no signal was for this waiter. */
static force_inline bool wait_with(wend_cond *c, void (*lock)(void *), void (*unlock)(void *), void *obj,
								   struct until *until)
{
	struct wend__waiter w = {.obj = c, .until = until};
	bool signalled = true, ended;
	struct m *mp;

	check_copied(c);
	if (until) { /* before anybody can signal it */
		mp = enter();
		if (!alone(mp))
			until_arm(mp, until, current(mp, "wend_cond_wait_dl"), &w.fate);
		leave_any(mp);
	}
	waitq_lock(&c->wend__state);
	waitq_append(&c->wend__waiters, &w);
	release_list(c); /* K1 */
	unlock(obj);
	if (until || waitq_fate(&w) != FATE_OWNS) {
		mp = enter();
		ended = alone(mp);
		if (!ended) {
			w.gp = current(mp, "wend_cond_wait");
			mp = g_park(mp, w.gp, WAIT_COND, c, commit, &w);
		}
		if (until && until->claim)
			until_disarm(until);
		signalled = waitq_fate(&w) == FATE_OWNS;
		if (!signalled)
			give_up(c, &w);
		leave_any(mp);
		if (unlikely(ended))
			waitq_nap(); /* nobody signals any more: the caller looks again */
	}
	race_acquire(c);
	lock(obj);
	return signalled || (until && !until_passed(until));
}

static void lock_mutex(void *m)
{
	wend_mutex_lock(m);
}

static void unlock_mutex(void *m)
{
	wend_mutex_unlock(m);
}

void wend_cond_wait(wend_cond *c, wend_mutex *m)
{
	wait_with(c, lock_mutex, unlock_mutex, m, NULL);
}

int wend_cond_wait_dl(wend_cond *c, wend_mutex *m, int64_t deadline)
{
	return wait_with(c, lock_mutex, unlock_mutex, m, &(struct until){.deadline = deadline}) ? 0 : -ETIMEDOUT;
}

void wend_cond_wait_locker(wend_cond *c, wend_locker l)
{
	wait_with(c, l.lock, l.unlock, l.obj, NULL);
}

int wend_cond_wait_locker_dl(wend_cond *c, wend_locker l, int64_t deadline)
{
	return wait_with(c, l.lock, l.unlock, l.obj, &(struct until){.deadline = deadline}) ? 0 : -ETIMEDOUT;
}

/* ---- Waking -------------------------------------------------------------------------------------- */

/* The same with a deadline. False: it has passed, and the waiter, which waits for this, is none any more. */
static bool notify_in_time(struct m *mp, struct wend__waiter *w)
{
	if (atm_cas_sc(&w->fate, FATE_QUEUED, FATE_OWNS)) /* K2 */
		return true;
	if (atm_cas_sc(&w->fate, FATE_PARKED, FATE_OWNS)) { /* K2 */
		g_ready(mp, w->gp);
		return true;
	}
	/* rel: our last access; pairs with give_up. mutant: what it orders lies on a stack, unwatched */
	atm_store_rel(&w->fate, FATE_RETRY);
	return false;
}

/* w is off the list. If it sleeps already it is made ready; if not its commit will notice. */
static bool notify(struct m *mp, struct wend__waiter *w)
{
	if (unlikely(w->until != NULL))
		return notify_in_time(mp, w);
	if (atm_xchg_sc(&w->fate, FATE_OWNS) == FATE_PARKED) /* K2; otherwise w may be gone from here on */
		g_ready(mp, w->gp);
	return true;
}

/* The first, or all, off the list, which is the caller's for that long: the last access to c. */
static struct wend__waiter *take(wend_cond *c, bool all)
{
	struct wend__waiter *first;

	waitq_lock(&c->wend__state);
	first = c->wend__waiters;
	if (first && all) {
		c->wend__waiters = NULL;
		for (struct wend__waiter *w = first; w->listed; w = w->next)
			w->listed = false;
	} else if (first) {
		waitq_remove(&c->wend__waiters, first);
	}
	release_list(c);
	if (first)
		first->prev->next = NULL;
	return first;
}

static noinline void wake_all(wend_cond *c)
{
	struct m *mp = enter();

	if (mp || foreign_may()) { /* else the runtime has ended, and with it who waited */
		for (struct wend__waiter *w = take(c, true), *next; w; w = next) {
			next = w->next; /* read before it can run */
			notify(mp, w);
		}
	}
	leave_any(mp);
}

/* Whoever has given up is passed over. */
static noinline void wake_one_of(wend_cond *c)
{
	struct m *mp = enter();
	struct wend__waiter *w;

	if (mp || foreign_may())
		while ((w = take(c, false)) && !notify(mp, w))
			;
	leave_any(mp);
}

void wend_cond_signal(wend_cond *c)
{
	check_copied(c);
	race_release(c);
	if (atm_load_rlx(&c->wend__state) & WAITERS) /* rlx: K1 by the mutex; wake takes the list */
		wake_one_of(c);
}

void wend_cond_broadcast(wend_cond *c)
{
	check_copied(c);
	race_release(c);
	if (atm_load_rlx(&c->wend__state) & WAITERS) /* rlx: K1 by the mutex; wake takes the list */
		wake_all(c);
}

/* ---- Lockers ------------------------------------------------------------------------------------- */

static void lock_write(void *rw)
{
	wend_rwmutex_lock(rw);
}

static void unlock_write(void *rw)
{
	wend_rwmutex_unlock(rw);
}

static void lock_read(void *rw)
{
	wend_rwmutex_rlock(rw);
}

static void unlock_read(void *rw)
{
	wend_rwmutex_runlock(rw);
}

wend_locker wend_mutex_locker(wend_mutex *m)
{
	return (wend_locker){lock_mutex, unlock_mutex, m};
}

wend_locker wend_rwmutex_locker(wend_rwmutex *rw)
{
	return (wend_locker){lock_write, unlock_write, rw};
}

wend_locker wend_rwmutex_rlocker(wend_rwmutex *rw)
{
	return (wend_locker){lock_read, unlock_read, rw};
}
