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

#include <errno.h>

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
	return (int64_t)n <= sem->wend__size - (int64_t)used(s); /* with a sign: a size below 0 has no units */
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
		if (!waitq_claim(w))
			continue;
		waitq_append_taken(&go, w);
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
	bool opened = waitq_open(w), ready;

	while (opened && (s = atm_load_rlx(&sem->wend__state), (s & WAITERS) || !fits(sem, s, w->want))) /* rlx: the CAS decides */
		if (atm_cas_sc(&sem->wend__state, s, (s & ~WAITQ_LOCK) | WAITERS)) /* S2, L1 */
			return true;
	waitq_remove(&sem->wend__waiters, w);
	ready = waitq_back_out(w, opened, FATE_RETRY);
	release_list(sem, 0);
	return ready;
}

/* Nobody but the clock or a context knows of it. */
static bool commit_in_vain(struct g *gp, void *claim)
{
	(void)gp;
	return !claim || until_open(claim);
}

/* Without a runtime nobody wakes anybody. False: it has expired. The caller has left. */
static cold bool poll(wend_sem *sem, const struct wend__waiter *w)
{
	while (!try_take(sem, w->want, 0)) {
		if (w->until && until_passed(w->until))
			return false;
		waitq_nap();
	}
	return true;
}

/* The runtime has ended around a foreign thread. */
static cold bool go_on_alone(wend_sem *sem, struct wend__waiter *w)
{
	bool listed, got;

	waitq_lock(&sem->wend__state);
	listed = w->listed;
	if (listed)
		waitq_remove(&sem->wend__waiters, w);
	release_list(sem, 0);
	for (unsigned turn = 0; !waitq_settled(w, listed); turn++)
		waitq_relax(turn); /* a release is at it */
	got = waitq_fate(w) == FATE_OWNS;
	leave_foreign();
	return got || poll(sem, w);
}

/* Its deadline has passed: it may have held up those behind it. */
static void give_up(struct m *mp, wend_sem *sem, struct wend__waiter *w)
{
	waitq_lock(&sem->wend__state);
	if (w->listed)
		waitq_remove(&sem->wend__waiters, w);
	hand_out(mp, sem, 0);
}

/* More than there ever will be. */
static cold bool wait_in_vain(wend_sem *sem, struct until *until)
{
	atm_u32 claim = {0};
	struct m *mp = enter();
	bool expired = false;

	if (!alone(mp)) {
		struct g *gp = current(mp, "wend_sem_acquire");

		if (until)
			until_arm(mp, until, gp, &claim);
		mp = g_park(mp, gp, WAIT_SEM, sem, commit_in_vain, until ? &claim : NULL);
		expired = until && until_disarm(until);
	}
	leave_any(mp);
	while (!expired && !(until && until_passed(until))) /* a foreign thread, when the runtime ends */
		waitq_nap();
	return false;
}

/* False: it has expired. */
static noinline bool acquire_slow(wend_sem *sem, uint64_t n, struct until *until)
{
	struct m *mp;
	struct wend__waiter w = {.obj = sem, .want = n, .until = until};
	bool got = true;

	if ((int64_t)n > sem->wend__size)
		return wait_in_vain(sem, until);
	mp = enter();
	do {
		bool expired = false;

		if (alone(mp)) {
			leave_foreign();
			return poll(sem, &w);
		}
		w.gp = current(mp, "wend_sem_acquire");
		if (until)
			until_arm(mp, until, w.gp, &w.fate);
		mp = g_park(mp, w.gp, WAIT_SEM, sem, commit, &w);
		if (until)
			expired = until_disarm(until);
		if (waitq_fate(&w) == FATE_OWNS)
			break;
		if (expired) {
			give_up(mp, sem, &w);
			got = false;
			break;
		}
		if (waitq_fate(&w) != FATE_RETRY)
			return go_on_alone(sem, &w);
	} while (!try_take(sem, n, WAITERS));
	leave_any(mp);
	return got;
}

void wend_sem_acquire(wend_sem *sem, int64_t n)
{
	check_weight(n);
	if (unlikely(!try_take(sem, (uint64_t)n, WAITERS)))
		acquire_slow(sem, (uint64_t)n, NULL);
	race_acquire(sem);
}

static int acquire_until(wend_sem *sem, int64_t n, struct until *until)
{
	check_weight(n);
	if (!try_take(sem, (uint64_t)n, WAITERS) && (until_passed(until) || !acquire_slow(sem, (uint64_t)n, until)))
		return until_error(until);
	race_acquire(sem);
	return 0;
}

int wend_sem_acquire_dl(wend_sem *sem, int64_t n, int64_t deadline)
{
	return acquire_until(sem, n, &(struct until){.deadline = deadline});
}

int wend_sem_acquire_ctx(wend_sem *sem, int64_t n, wend_ctx *ctx)
{
	int err = wend_ctx_err(ctx);

	return unlikely(err) ? err : acquire_until(sem, n, &(struct until){.deadline = NEVER, .ctx = ctx});
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
