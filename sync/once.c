/* SPDX-License-Identifier: MIT
 *
 * sync/once.c - one word; while the function runs its low half is the newest waiter.
 *
 *   NEW ------CAS, by who runs the function------> RUNNING + waiters ------exchange, by the same------> DONE
 *
 * Ordering. Every change of the word is a full barrier; what the function did is visible to all callers:
 *   O1  finish: exchange   -> wend_once_do: load, commit_wait: load, or ready by finish
 */
#include "wend/once.h"

#include "base/fatal.h"
#include "base/race.h"
#include "sync/waiters_priv.h"

#define NEW 0ULL
#define RUNNING (1ULL << 32)
#define DONE WEND__ONCE_DONE

/* The caller is inside the runtime: else others, who see DONE, could end it before all waiters are ready. */
static void finish(struct m *mp, wend_once *o)
{
	race_release(o);

	uint64_t state = atm_xchg_sc(&o->wend__word, DONE); /* O1; from here on o may be gone */

	if (state != RUNNING && (mp || foreign_may())) /* else nobody waits, or they ended with the runtime */
		waiters_release(mp, state);
}

/* The function has left by goexit, which is inside the runtime and stays there. */
static void finish_at_end(void *o)
{
	finish(getm(), o);
}

static void run(wend_once *o, void (*fn)(void *), void *arg)
{
	struct m *mp = getm();
	struct g *gp = mp ? mp->curg : NULL; /* NULL: a foreign thread, which cannot goexit */
	struct on_end over = {.fn = finish_at_end, .arg = o};

	if (!fn)
		wend__panic("runtime error: invalid memory address or nil pointer dereference");
	if (gp)
		on_end_push(gp, &over);
	fn(arg);
	if (gp)
		on_end_pop(gp);
	mp = enter();
	finish(mp, o);
	leave_any(mp);
}

static bool commit_wait(struct g *gp, void *arg)
{
	wend_once *o = arg;
	uint64_t state;

	do {
		state = atm_load_acq(&o->wend__word); /* acq O1 */
		if (state == DONE)
			return false;
	} while (!waiters_push(&o->wend__word, state, gp));
	return true;
}

void wend__once_do_slow(wend_once *o, void (*fn)(void *), void *arg)
{
	if (atm_cas_sc(&o->wend__word, NEW, RUNNING)) {
		run(o, fn, arg);
		return;
	}
	if (atm_load_acq(&o->wend__word) != DONE) { /* acq O1 */
		struct m *mp = enter();

		mp = g_park(mp, current(mp, "wend_once_do"), WAIT_ONCE, o, commit_wait, o);
		leave_any(mp);
	}
	race_acquire(o);
}

static void make_value(void *arg)
{
	wend_once_value *v = arg;

	if (!v->fn)
		wend__panic("runtime error: invalid memory address or nil pointer dereference");
	v->wend__value = v->fn(v->arg);
}

void wend__once_value_slow(wend_once_value *v)
{
	wend__once_do_slow(&v->wend__once, make_value, v);
}
