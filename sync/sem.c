/* SPDX-License-Identifier: MIT
 *
 * sync/sem.c - units in use in one word, and a list of who waits for how many. docs/sync.md.
 *
 * Ordering. Every change of the word is a full barrier.
 *   S1  release: CAS                    -> acquire: CAS, or g_ready     what was done with the units
 *   S2  commit: sets WAITERS by a CAS that saw too few units
 *       <-> release: a CAS that saw no WAITERS                          one comes first, and the other sees it
 */
#include "wend/sem.h"

#include "base/race.h"
#include "sync/waitq_priv.h"

#define UNIT (1ULL << 8)

_Static_assert(sizeof(wend_sem) == 24, "users' structures contain it");
_Static_assert((uint64_t)WEND_SEM_MAX <= UINT64_MAX / UNIT / 2, "the word holds it");

static inline uint64_t used(uint64_t s)
{
	return s / UNIT;
}

static inline bool fits(const wend_sem *sem, uint64_t s, uint64_t n)
{
	return used(s) + n <= (uint64_t)sem->wend__size;
}

static force_inline void check_weight(int64_t n)
{
	if (unlikely(n < 0))
		wend__panic("semaphore: negative weight");
}

void wend_sem_init(wend_sem *sem, int64_t n)
{
	check_weight(n);
	if (n > WEND_SEM_MAX)
		wend__panic("semaphore: size above WEND_SEM_MAX");
	*sem = (wend_sem)WEND_SEM(n);
}

/* busy: WAITERS, or 0 for who does not mind overtaking. */
static force_inline bool try_take(wend_sem *sem, uint64_t n, uint64_t busy)
{
	for (;;) {
		uint64_t s = atm_load_rlx(&sem->wend__state); /* rlx: the CAS decides */

		if ((s & busy) || !fits(sem, s, n))
			return false;
		if (atm_cas_sc(&sem->wend__state, s, s + n * UNIT)) /* S1 */
			return true;
	}
}

/* Lets go of the list; the word changes by plus. */
static void release_list(wend_sem *sem, uint64_t plus)
{
	uint64_t s, left = sem->wend__waiters ? WAITERS : 0;

	do
		s = atm_load_rlx(&sem->wend__state); /* rlx: the CAS decides */
	while (!atm_cas_sc(&sem->wend__state, s, ((s + plus) & ~(WAITQ_LOCK | WAITERS)) | left)); /* S1, L1 */
}

/* The list is held, n units come back: those at its head who fit get theirs. Nobody else changes the units while
 * WAITERS is set. */
static void hand_out(struct m *mp, wend_sem *sem, uint64_t n)
{
	uint64_t in_use = used(atm_load_rlx(&sem->wend__state)) - n, given = 0; /* rlx: as said */
	struct wend__waiter *go = NULL, *w;

	while ((w = sem->wend__waiters) && in_use + given + w->want <= (uint64_t)sem->wend__size) {
		waitq_remove(&sem->wend__waiters, w);
		waitq_append(&go, w);
		w->listed = false;
		given += w->want;
	}
	release_list(sem, (given - n) * UNIT); /* the last access to sem */
	waitq_end_all(mp, go, FATE_OWNS);
}

static bool commit(struct g *gp, void *arg)
{
	struct wend__waiter *w = arg;
	wend_sem *sem = w->obj;
	uint64_t s;

	(void)gp;
	waitq_lock(&sem->wend__state);
	waitq_append(&sem->wend__waiters, w);
	while (s = atm_load_rlx(&sem->wend__state), (s & WAITERS) || !fits(sem, s, w->want)) /* rlx: the CAS decides */
		if (atm_cas_sc(&sem->wend__state, s, (s & ~WAITQ_LOCK) | WAITERS)) /* S2, L1 */
			return true;
	waitq_remove(&sem->wend__waiters, w);
	atm_store_rlx(&w->fate, FATE_RETRY); /* rlx: the waiter comes after us */
	release_list(sem, 0);
	return false;
}

/* Nobody knows of it. */
static bool commit_for_ever(struct g *gp, void *arg)
{
	(void)gp;
	(void)arg;
	return true;
}

/* The runtime has ended around a foreign thread. */
static cold void go_on_alone(wend_sem *sem, struct wend__waiter *w)
{
	bool listed;

	waitq_lock(&sem->wend__state);
	listed = w->listed;
	if (listed)
		waitq_remove(&sem->wend__waiters, w);
	release_list(sem, 0);
	for (unsigned turn = 0; !listed && waitq_fate(w) == FATE_QUEUED; turn++)
		waitq_relax(turn); /* a release is at it */
	leave_foreign();
	while (listed && !try_take(sem, w->want, 0))
		waitq_nap();
}

/* More than there ever will be. */
static cold void wait_for_ever(wend_sem *sem)
{
	struct m *mp = enter();

	g_park(mp, current(mp, "wend_sem_acquire"), WAIT_SEM, sem, commit_for_ever, NULL);
	leave_foreign(); /* only a foreign thread comes here, when the runtime ends */
	for (;;)
		waitq_nap();
}

static noinline void acquire_slow(wend_sem *sem, uint64_t n)
{
	struct m *mp;
	struct wend__waiter w = {.obj = sem, .want = n};

	if (n > (uint64_t)sem->wend__size)
		wait_for_ever(sem);
	mp = enter();
	do {
		w.gp = current(mp, "wend_sem_acquire");
		mp = g_park(mp, w.gp, WAIT_SEM, sem, commit, &w);
		if (waitq_fate(&w) == FATE_OWNS)
			break;
		if (waitq_fate(&w) == FATE_QUEUED) {
			go_on_alone(sem, &w);
			return;
		}
	} while (!try_take(sem, n, WAITERS));
	leave_any(mp);
}

void wend_sem_acquire(wend_sem *sem, int64_t n)
{
	check_weight(n);
	if (unlikely(!try_take(sem, (uint64_t)n, WAITERS)))
		acquire_slow(sem, (uint64_t)n);
	race_acquire(sem);
}

bool wend_sem_try_acquire(wend_sem *sem, int64_t n)
{
	check_weight(n);
	if (!try_take(sem, (uint64_t)n, WAITERS))
		return false;
	race_acquire(sem);
	return true;
}

/* Somebody waits, or it is wrong. */
static noinline void release_slow(wend_sem *sem, uint64_t n)
{
	struct m *mp = enter();
	bool running = mp || foreign_may(); /* else the runtime has ended, and with it who waited */

	for (unsigned turn = 0;; turn++) {
		uint64_t s = atm_load_rlx(&sem->wend__state); /* rlx: the CAS decides */

		if (used(s) < n)
			wend__panic("semaphore: released more than held");
		if (!(s & WAITERS) || !running) {
			if (atm_cas_sc(&sem->wend__state, s, s - n * UNIT)) /* S1, S2 */
				break;
		} else if (!(s & WAITQ_LOCK) && atm_cas_sc(&sem->wend__state, s, s | WAITQ_LOCK)) { /* L1 */
			hand_out(mp, sem, n);
			break;
		} else {
			waitq_relax(turn);
		}
	}
	leave_any(mp);
}

void wend_sem_release(wend_sem *sem, int64_t n)
{
	uint64_t s = atm_load_rlx(&sem->wend__state); /* rlx: the CAS decides */

	check_weight(n);
	race_release(sem);
	if (unlikely((s & WAITERS) || used(s) < (uint64_t)n ||
				 !atm_cas_sc(&sem->wend__state, s, s - (uint64_t)n * UNIT))) /* S1, S2 */
		release_slow(sem, (uint64_t)n);
}
