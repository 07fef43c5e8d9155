/* SPDX-License-Identifier: MIT
 *
 * sync/waitgroup.c - one word: the counter in the high half, the newest waiter (by its stack index, 0
 * for none) in the low half; waiters are linked through their control blocks.
 *
 * Ordering. Every change of the word is a full barrier; what a coroutine did before done is visible to
 * who returns from wait:
 *   W1  done: add or CAS      -> wait: load, or ready by the last done
 */
#include "wend/waitgroup.h"

#include <errno.h>

#include "base/race.h"
#include "sync/waiters_priv.h"
#include "sync/waitq_priv.h"
#include "wend/go.h"

static inline int32_t count_of(uint64_t state)
{
	return (int32_t)(state >> 32);
}

/* The change that releases the waiters, and changes that are wrong. A foreign thread must be inside before
 * the waiters can go on and end the runtime; a coroutine that ends (wend_waitgroup_go) is inside already
 * and must not leave. */
static noinline void add_slow(wend_waitgroup *wg, int delta)
{
	struct m *mp = getm();
	bool inside = mp && atm_load_rlx(&mp->in_rt);
	uint64_t state;
	int64_t n;

	mp = enter();
	do {
		state = atm_load_rlx(&wg->wend__state); /* rlx: the CAS decides */
		n = (int64_t)count_of(state) + delta;
		if (n < 0)
			wend__panic("sync: negative WaitGroup counter");
		if (n > INT32_MAX)
			wend__panic("sync: WaitGroup counter overflow");
	} while (!atm_cas_sc(&wg->wend__state, state, n == 0 ? 0 : (uint64_t)n << 32 | (uint32_t)state)); /* W1 */
	if (n == 0 && (mp || foreign_may())) /* else the runtime has ended, and with it who waited */
		waiters_release(mp, state);
	if (!inside)
		leave_any(mp);
}

static force_inline void add(wend_waitgroup *wg, int delta)
{
	race_release(wg);
	for (;;) {
		uint64_t state = atm_load_rlx(&wg->wend__state); /* rlx: the CAS decides */
		int64_t n = (int64_t)count_of(state) + delta;

		if (unlikely(n < 0 || n > INT32_MAX || (n == 0 && (uint32_t)state))) {
			add_slow(wg, delta);
			return;
		}
		if (likely(atm_cas_sc(&wg->wend__state, state, (uint64_t)n << 32 | (uint32_t)state))) /* W1 */
			return;
	}
}

void wend_waitgroup_add(wend_waitgroup *wg, int delta)
{
	add(wg, delta);
}

void wend_waitgroup_done(wend_waitgroup *wg)
{
	add(wg, -1);
}

/* Without a runtime nobody wakes a foreign thread. */
static cold void poll(wend_waitgroup *wg, const struct until *until)
{
	while (count_of(atm_load_acq(&wg->wend__state)) != 0 && !(until && until_passed(until))) /* acq W1 */
		waitq_nap();
}

static bool commit_wait(struct g *gp, void *arg)
{
	wend_waitgroup *wg = arg;
	uint64_t state;

	do {
		state = atm_load_acq(&wg->wend__state); /* acq W1 */
		if (count_of(state) == 0)
			return false;
	} while (!waiters_push(&wg->wend__state, state, gp));
	return true;
}

void wend_waitgroup_wait(wend_waitgroup *wg)
{
	while (count_of(atm_load_acq(&wg->wend__state)) != 0) { /* acq W1 */
		struct m *mp = enter();

		if (alone(mp)) {
			leave_foreign();
			poll(wg, NULL);
			break;
		}
		mp = g_park(mp, current(mp, "wend_waitgroup_wait"), WAIT_WAITGROUP, wg, commit_wait, wg);
		bool again = unlikely(!mp) && foreign_ends();

		leave_any(mp);
		if (!again)
			break;
	}
	race_acquire(wg);
}

/* ---- With a deadline ---------------------------------------------------------------------------- */

struct timed {
	wend_waitgroup *wg;
	struct until until;
	atm_u32 claim;
};

/* True: gp stands in the list, or the timer has made it ready. */
static bool commit_timed(struct g *gp, void *arg)
{
	struct timed *t = arg;
	wend_waitgroup *wg = t->wg; /* once it has expired, t may be gone */
	atm_u32 *claim = &t->claim;
	uint64_t state;

	if (!until_open(claim)) {
		atm_store_rlx(claim, CLAIM_PASSED); /* rlx: the waiter comes after us */
		return false;
	}
	do {
		state = atm_load_acq(&wg->wend__state); /* acq W1 */
		if (count_of(state) == 0)
			return !waiters_grant(gp);
	} while (!waiters_push(&wg->wend__state, state, gp));
	return true;
}

/* Puts a list back, or releases it if the counter has become zero meanwhile. */
static void put_back(struct m *mp, wend_waitgroup *wg, uint32_t head)
{
	struct g *last = stack_by_index(head);
	uint64_t state;

	while (last->link)
		last = stack_by_index((uint32_t)(uintptr_t)last->link);
	do {
		state = atm_load_acq(&wg->wend__state); /* acq W1 */
		if (count_of(state) == 0) {
			waiters_release(mp, head);
			return;
		}
		last->link = (struct g *)(uintptr_t)(state & WAITERS_MASK);
	} while (!atm_cas_sc(&wg->wend__state, state, (state & ~WAITERS_MASK) | head));
}

/* gp, which has expired, leaves the list, or waits until it has been passed over. */
static void leave_list(struct m *mp, wend_waitgroup *wg, atm_u32 *claim, struct g *gp)
{
	bool left = false;

	for (unsigned turn = 0; !left && atm_load_acq(claim) != CLAIM_PASSED; turn++) { /* acq V1 */
		uint64_t state = atm_load_rlx(&wg->wend__state); /* rlx: the CAS decides */
		uint32_t head = (uint32_t)state;

		if (head && atm_cas_sc(&wg->wend__state, state, state & ~WAITERS_MASK)) {
			left = waiters_unlink(&head, gp);
			if (head)
				put_back(mp, wg, head);
		}
		if (!left)
			waitq_relax(turn);
	}
}

/* False: the counter was never zero. */
static noinline bool wait_timed(wend_waitgroup *wg, int64_t deadline)
{
	struct timed t = {.wg = wg, .until = {.deadline = deadline}};
	struct m *mp = enter();
	struct g *gp;
	uint32_t claim;

	if (alone(mp)) {
		leave_foreign();
		poll(wg, &t.until);
		return count_of(atm_load_acq(&wg->wend__state)) == 0; /* acq W1 */
	}
	gp = current(mp, "wend_waitgroup_wait_dl");
	gp->claim = &t.claim;
	gp->flags |= G_CLAIMED;
	until_arm(mp, &t.until, gp, &t.claim);
	mp = g_park(mp, gp, WAIT_WAITGROUP, wg, commit_timed, &t);
	until_disarm(&t.until);
	claim = atm_load_acq(&t.claim); /* acq V1 */
	if (claim == CLAIM_EXPIRED)
		leave_list(mp, wg, &t.claim, gp);
	gp->flags &= (uint16_t)~G_CLAIMED;
	leave_any(mp);
	if (unlikely(claim == CLAIM_OPEN)) /* the runtime has ended around a foreign thread */
		poll(wg, &t.until);
	return claim == CLAIM_DONE || count_of(atm_load_acq(&wg->wend__state)) == 0; /* acq W1 */
}

int wend_waitgroup_wait_dl(wend_waitgroup *wg, int64_t deadline)
{
	if (count_of(atm_load_acq(&wg->wend__state)) != 0 && !wait_timed(wg, deadline)) /* acq W1 */
		return -ETIMEDOUT;
	race_acquire(wg);
	return 0;
}

static void done(void *wg)
{
	add(wg, -1);
}

int wend_waitgroup_go(wend_waitgroup *wg, void (*fn)(void *), void *arg)
{
	add(wg, 1);

	int err = spawn_then(fn, arg, done, wg);

	if (err)
		add(wg, -1);
	return err;
}
