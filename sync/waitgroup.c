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

#include "base/race.h"
#include "sync/waiters_priv.h"
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
	if (count_of(atm_load_acq(&wg->wend__state)) != 0) { /* acq W1 */
		struct m *mp = enter();

		mp = g_park(mp, current(mp, "wend_waitgroup_wait"), WAIT_WAITGROUP, wg, commit_wait, wg);
		leave_any(mp);
	}
	race_acquire(wg);
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
