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

#include <stdlib.h>
#include <string.h>

#include "base/race.h"
#include "sync/waiters_priv.h"
#include "sync/waitq_priv.h"
#include "wend/panic.h"

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

static void over(void *o)
{
	struct m *mp = enter();

	finish(mp, o);
	leave_any(mp);
}

/* However fn leaves, it has run. */
static void run(wend_once *o, void (*fn)(void *), void *arg)
{
	WEND_DEFERS;
	wend_defer(over, o);
	if (!fn)
		wend__panic("runtime error: invalid memory address or nil pointer dereference");
	fn(arg);
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
	while (atm_load_acq(&o->wend__word) != DONE) { /* acq O1 */
		struct m *mp = enter();

		if (alone(mp)) {
			leave_foreign();
			waitq_nap(); /* nobody wakes it any more */
			continue;
		}
		mp = g_park(mp, current(mp, "wend_once_do"), WAIT_ONCE, o, commit_wait, o);
		bool again = unlikely(!mp) && foreign_ends();

		leave_any(mp);
		if (!again)
			break;
	}
	race_acquire(o);
}

/* ---- Functions and values: a panic is repeated to whoever calls ------------------------------------ */

static void keep_text(void *to)
{
	const char *text = wend_recover();

	if (!text)
		return;

	const char *kept = strdup(text);

	*(const char **)to = kept ? kept : "panic in a once function (out of memory for its text)";
	wend_panic(text); /* the first caller's stack shows where */
}

static void call_func(void *arg)
{
	wend_once_func *f = arg;

	WEND_DEFERS;
	wend_defer(keep_text, &f->wend__text);
	if (!f->fn)
		wend__panic("runtime error: invalid memory address or nil pointer dereference");
	f->fn(f->arg);
}

void wend__once_func_slow(wend_once_func *f)
{
	wend__once_do_slow(&f->wend__once, call_func, f);
}

static void make_value(void *arg)
{
	wend_once_value *v = arg;

	WEND_DEFERS;
	wend_defer(keep_text, &v->wend__text);
	if (!v->fn)
		wend__panic("runtime error: invalid memory address or nil pointer dereference");
	v->wend__value = v->fn(v->arg);
}

void wend__once_value_slow(wend_once_value *v)
{
	wend__once_do_slow(&v->wend__once, make_value, v);
}
