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
	/* rel L1. mutant: it publishes the list, plain fields, which the checker sees at once */
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

/* The runtime has ended around a foreign thread: the wait is over. */
static cold void give_up(wend_cond *c, struct wend__waiter *w)
{
	bool listed;

	waitq_lock(&c->wend__state);
	listed = w->listed;
	if (listed)
		waitq_remove(&c->wend__waiters, w);
	release_list(c);
	for (unsigned turn = 0; !listed && waitq_fate(w) != FATE_OWNS; turn++)
		waitq_relax(turn); /* a signal is at it */
}

static force_inline void wait_with(wend_cond *c, void (*lock)(void *), void (*unlock)(void *), void *obj)
{
	struct wend__waiter w = {.obj = c};

	check_copied(c);
	waitq_lock(&c->wend__state);
	waitq_append(&c->wend__waiters, &w);
	release_list(c); /* K1 */
	unlock(obj);
	if (waitq_fate(&w) != FATE_OWNS) {
		struct m *mp = enter();

		w.gp = current(mp, "wend_cond_wait");
		mp = g_park(mp, w.gp, WAIT_COND, c, commit, &w);
		if (waitq_fate(&w) != FATE_OWNS)
			give_up(c, &w);
		leave_any(mp);
	}
	race_acquire(c);
	lock(obj);
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
	wait_with(c, lock_mutex, unlock_mutex, m);
}

void wend_cond_wait_locker(wend_cond *c, wend_locker l)
{
	wait_with(c, l.lock, l.unlock, l.obj);
}

/* ---- Waking -------------------------------------------------------------------------------------- */

/* w is off the list. If it sleeps already it is made ready; if not its commit will notice. */
static void notify(struct m *mp, struct wend__waiter *w)
{
	if (atm_xchg_sc(&w->fate, FATE_OWNS) == FATE_PARKED) /* K2; otherwise w may be gone from here on */
		g_ready(mp, w->gp);
}

/* Takes the first, or all, off the list and wakes them. */
static noinline void wake(wend_cond *c, bool all)
{
	struct m *mp = enter();
	struct wend__waiter *first, *w, *next;

	if (!mp && !foreign_may()) { /* the runtime has ended, and with it who waited */
		leave_any(mp);
		return;
	}
	waitq_lock(&c->wend__state);
	first = c->wend__waiters;
	if (first && all) {
		c->wend__waiters = NULL;
		for (w = first; w->listed; w = w->next)
			w->listed = false;
	} else if (first) {
		waitq_remove(&c->wend__waiters, first);
	}
	release_list(c); /* the last access to c */
	if (first)
		first->prev->next = NULL;
	for (w = first; w; w = next) {
		next = w->next; /* read before it can run */
		notify(mp, w);
	}
	leave_any(mp);
}

void wend_cond_signal(wend_cond *c)
{
	check_copied(c);
	race_release(c);
	if (atm_load_rlx(&c->wend__state) & WAITERS) /* rlx: K1 by the mutex; wake takes the list */
		wake(c, false);
}

void wend_cond_broadcast(wend_cond *c)
{
	check_copied(c);
	race_release(c);
	if (atm_load_rlx(&c->wend__state) & WAITERS) /* rlx: K1 by the mutex; wake takes the list */
		wake(c, true);
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
