/* SPDX-License-Identifier: MIT
 *
 * sync/errgroup.c - a wait group whose members may fail.
 *
 * Ordering. The first error is decided by a compare-and-swap; who waits reads it after the wait group, which orders it.
 *   E1  end_context: ctx.store rel NULL   -> wait: ctx.load acq     the context is cancelled */
#include "wend/errgroup.h"

#include <errno.h>

#include "atomics/atomic.h"
#include "base/fatal.h"
#include "wend/go.h"
#include "wend/panic.h"

wend_ctx *wend_errgroup_with_context(wend_errgroup *g, wend_ctx *parent)
{
	wend_ctx *ctx = wend_ctx_with_cancel(parent);

	*g = (wend_errgroup)WEND_ZERO;
	if (ctx)
		atm_store_rlx(&g->wend__ctx, wend_ctx_retain(ctx)); /* rlx: published with g */
	return ctx;
}

void wend_errgroup_set_limit(wend_errgroup *g, int n)
{
	uint32_t active = atm_load_rlx(&g->wend__active); /* rlx: a caller who is right is alone */

	if (active)
		wend_panicf("errgroup: modify limit while %u coroutines in the group are still active", active);
	g->wend__limited = n >= 0;
	if (n >= 0)
		wend_sem_init(&g->wend__room, n);
}

static void over(void *arg)
{
	wend_errgroup *g = arg;

	if (g->wend__limited) {
		atm_add_sc(&g->wend__active, (uint32_t)-1);
		wend_sem_release(&g->wend__room, 1);
	}
	wend_waitgroup_done(&g->wend__running); /* the last access to g */
}

static void fail(wend_errgroup *g, int err)
{
	wend_ctx *ctx = atm_load_rlx(&g->wend__ctx); /* rlx: set up before this member began; wait takes it when all are over */

	if (atm_cas_sc(&g->wend__err, 0, (uint32_t)err) && ctx)
		wend_ctx_cancel_cause(ctx, err, NULL);
}

/* In a coroutine of its own. However fn leaves, it is over. */
static void member(wend_errgroup *g, int (*fn)(void *), void *arg)
{
	int err;

	WEND_DEFERS;
	wend_defer(over, g);
	err = fn(arg);
	if (err)
		fail(g, err);
}

/* There is room. */
static int start(wend_errgroup *g, int (*fn)(void *), void *arg)
{
	int err;

	if (!fn)
		wend__fatal("go of nil func value");
	if (g->wend__limited)
		atm_add_sc(&g->wend__active, 1);
	wend_waitgroup_add(&g->wend__running, 1);
	err = WEND_GO(member, g, fn, arg);
	if (err)
		over(g);
	return err;
}

int wend_errgroup_go(wend_errgroup *g, int (*fn)(void *), void *arg)
{
	if (g->wend__limited)
		wend_sem_acquire(&g->wend__room, 1);
	return start(g, fn, arg);
}

int wend_errgroup_go_ctx(wend_errgroup *g, int (*fn)(void *), void *arg, wend_ctx *ctx)
{
	int err = g->wend__limited ? wend_sem_acquire_ctx(&g->wend__room, 1, ctx) : wend_ctx_err(ctx);

	return err ? err : start(g, fn, arg);
}

int wend_errgroup_try_go(wend_errgroup *g, int (*fn)(void *), void *arg)
{
	if (g->wend__limited && !wend_sem_try_acquire(&g->wend__room, 1))
		return -EBUSY;
	return start(g, fn, arg);
}

/* Of several who wait the first cancels it, and the others do not return before. */
static void end_context(wend_errgroup *g, int err)
{
	wend_ctx *ctx;

	wend_mutex_lock(&g->wend__ending);
	ctx = atm_load_rlx(&g->wend__ctx); /* rlx: under the mutex */
	if (ctx) {
		wend_ctx_cancel_cause(ctx, err, NULL);
		atm_store_rel(&g->wend__ctx, NULL); /* rel E1 */
		wend_ctx_release(ctx);
	}
	wend_mutex_unlock(&g->wend__ending);
}

/* All are over. */
static int end(wend_errgroup *g)
{
	int err = (int)atm_load_rlx(&g->wend__err); /* rlx: the wait group orders it */

	if (atm_load_acq(&g->wend__ctx)) /* acq E1 */
		end_context(g, err);
	return err;
}

int wend_errgroup_wait(wend_errgroup *g)
{
	wend_waitgroup_wait(&g->wend__running);
	return end(g);
}

int wend_errgroup_wait_dl(wend_errgroup *g, int64_t deadline, int *err)
{
	int late = wend_waitgroup_wait_dl(&g->wend__running, deadline), first;

	if (late)
		return late;
	first = end(g);
	if (err)
		*err = first;
	return 0;
}
