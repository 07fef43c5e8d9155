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

#include "base/fatal.h"
#include "base/race.h"
#include "sched/sched.h"
#include "wend/go.h"

#define ONE (1ULL << 32)

static inline int32_t count_of(uint64_t state)
{
	return (int32_t)(state >> 32);
}

/* Also from a coroutine's end, which is inside the runtime already: it must not be left then. */
static noinline void release(uint32_t index)
{
	struct m *mp = getm();
	bool inside = mp && atm_load_rlx(&mp->in_rt);

	mp = enter();
	if (!mp && !foreign_may()) /* the runtime has ended meanwhile, and with it who waited */
		index = 0;
	while (index) {
		struct g *gp = stack_by_index(index);

		index = (uint32_t)(uintptr_t)gp->link; /* read before it can run and wait elsewhere */
		ready(mp, gp);
	}
	if (!inside)
		leave_any(mp);
}

static force_inline void add(wend_waitgroup *wg, int delta)
{
	uint64_t state = atm_load_rlx(&wg->wend__state); /* rlx: the CAS decides */

	race_release(wg);
	for (;;) {
		int64_t n = (int64_t)count_of(state) + delta;
		uint64_t next = n == 0 ? 0 : (uint64_t)n << 32 | (uint32_t)state;

		if (unlikely(n < 0))
			wend__panic("sync: negative WaitGroup counter");
		if (unlikely(n > INT32_MAX))
			wend__panic("sync: WaitGroup counter overflow");
		if (likely(atm_cas_sc(&wg->wend__state, state, next))) { /* W1 */
			if (n == 0 && (uint32_t)state)
				release((uint32_t)state);
			return;
		}
		state = atm_load_rlx(&wg->wend__state);
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
	uint32_t index = stack_index(gp);

	for (;;) {
		uint64_t state = atm_load_rlx(&wg->wend__state); /* rlx: the CAS decides */

		if (count_of(state) == 0)
			return false;
		gp->link = (struct g *)(uintptr_t)(uint32_t)state;
		if (atm_cas_sc(&wg->wend__state, state, (state & ~(ONE - 1)) | index))
			return true;
	}
}

void wend_waitgroup_wait(wend_waitgroup *wg)
{
	if (count_of(atm_load_acq(&wg->wend__state)) != 0) { /* acq W1 */
		struct m *mp = enter();

		mp = park(mp, current(mp, "wend_waitgroup_wait"), WAIT_WAITGROUP, wg, commit_wait, wg);
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
