/* SPDX-License-Identifier: MIT
 *
 * sched/loop.c - yield, park, ready and end: coroutines pass the CPU to one another directly, on their
 * own stacks; only when a P has nothing at hand, or something special, does the M's own loop run.
 */
#include "base/fatal.h"
#include "sched/panic_priv.h"
#include "sched/reclaim.h"
#include "sched/switch.h"
#include "wend/go.h"

struct sched_state wend__sched;
__thread struct m *wend__m __attribute__((tls_model("initial-exec")));

static inline bool may_switch_directly(const struct g *gp, const struct g *next)
{
	return likely(!((gp->flags | next->flags) & (G_SLOW | G_PINNED)));
}

/* Leaves gp for the next coroutine, which the caller has picked, or for the loop. */
static force_inline struct m *leave_stack(struct m *mp, struct g *gp, struct g *next)
{
	if (likely(next && may_switch_directly(gp, next))) {
		set_running(mp->p, next);
		return g_switch(mp, gp, next);
	}
	if (unlikely(gp->flags & G_PINNED))
		reclaim_check_park(mp);
	mp->picked = next;
	return g_switch_g0(mp, gp);
}

void wend_yield(void)
{
	struct m *mp = enter();

	if (unlikely(!mp || !mp->curg))
		wend__fatal("wend_yield called off a coroutine");

	struct g *gp = mp->curg;
	struct p *pp = mp->p;
	struct g *next = pick(pp);

	if (!next) {
		next = pick_fair(pp);
		/* rlx: a hint */
		if (!next && likely(!atm_load_rlx(&pp->retire) && !mp->locked_g && !(gp->flags & G_PINNED))) {
			leave(mp);
			return;
		}
	}
	STAT(pp, yields);
	TRACE(yield, pp, gp);
	atm_store_rlx(&gp->state, G_RUNNABLE); /* rlx: for lists */
	mp->post = POST_YIELD;
	mp = leave_stack(mp, gp, next);
	leave(mp);
}

/* ---- Blocking ----------------------------------------------------------------------------------- */

cold void canary_check(struct g *gp)
{
	if (!stack_intact(gp, __builtin_frame_address(0)))
		stack_overflow(gp, NULL, NULL, __builtin_frame_address(0));
}

struct m *g_park(struct m *mp, struct g *gp, enum wait_reason reason, const void *obj,
			   park_commit *commit, void *arg)
{
	gp->wait_reason = (uint16_t)reason;
	gp->wait_obj = (void *)obj;
	if (unlikely(gp->flags & (G_FOREIGN | G_CANARY | G_PINNED))) {
		reclaim_check_park(mp);
		if (gp->flags & G_FOREIGN)
			return park_foreign(gp, commit, arg);
		canary_check(gp);
	}
	gp->parked_at = mp->p->now;
	STAT(mp->p, parks);
	TRACE(park, mp->p, gp);
	mp->post = POST_PARK;
	mp->commit = commit;
	mp->commit_arg = arg;
	return leave_stack(mp, gp, pick(mp->p));
}

void g_ready(struct m *mp, struct g *gp)
{
	if (unlikely(gp->flags & (G_FOREIGN | G_SLOW)) || !mp || unlikely(!mp->p)) {
		ready_elsewhere(mp, gp);
		return;
	}
	struct p *pp = mp->p;

	mark_ready(gp);
	STAT(pp, readies);
	TRACE(ready, pp, gp);
	if (sched.knobs.next)
		make_next(pp, gp);
	else
		ring_put(pp, gp);
	maybe_wake(pp);
}

/* ---- After the switch --------------------------------------------------------------------------- */

noinline void after_switch_slow(struct m *mp, struct g *prev, enum post post)
{
	mp->post = POST_NONE;
	switch (post) {
	case POST_NONE:
		return;
	case POST_YIELD:
		requeue(mp, prev);
		return;
	case POST_PARK:
		atm_store_rel(&prev->state, G_WAITING); /* rel T2: the saved stack pointer; mutant: stored in assembly, unwatched */
		if (!mp->commit(prev, mp->commit_arg))
			g_ready(mp, prev);
		return;
	case POST_EXIT:
		g_free(mp->p, prev);
		return;
	}
}

/* ---- Ending ------------------------------------------------------------------------------------- */

static force_inline __attribute__((noreturn)) void end(struct m *mp)
{
	struct g *gp = mp->curg;
	struct p *pp = mp->p;

	if (unlikely(gp->flags & (G_CANARY | G_ON_END | G_PINNED | G_TEXTS))) {
		reclaim_check_park(mp);
		if (gp->flags & G_CANARY)
			canary_check(gp);
		if (gp->flags & G_ON_END)
			gp->on_end(gp->on_end_arg);
		if (gp->flags & G_TEXTS)
			panic_forget(&gp->unwind);
	}
	STAT(pp, exits);
	TRACE(end, pp, gp);
	if (unlikely(mp->locked_g == gp))
		mp->locked_over = true;
	mp->post = POST_EXIT;
	leave_stack(mp, gp, pick(pp));
	__builtin_unreachable();
}

/* A coroutine from its first instruction to its last. The end is inline, not a call: calls that never
 * return would leave the processor's return-address predictor one entry off for whoever goes on, and
 * each of its returns would be mispredicted. */
void g_main(void *carry)
{
	struct m *mp = carry;

	asan_switch_end(NULL);
	after_switch(mp);

	struct g *gp = mp->curg;

	leave(mp);
	gp->fn(gp->arg);
	end(enter());
}

WEND_NORETURN void wend_goexit(void)
{
	struct m *mp = getm();

	if (unlikely(!mp || !mp->curg))
		wend__fatal("wend_goexit called off a coroutine");
	if (mp->curg->unwind.frame)
		panic_goexit(&mp->curg->unwind); /* which may change threads */
	end(enter());
}

/* Slow way into the runtime. When that ends, the coroutine stays where it is for ever. */
noinline void enter_slow(struct m *mp)
{
	if (atm_load_rlx(&mp->attn) & ATTN_FENCE)
		/* in_rt before attn; pairs with stop_begin's heavy fence. mutant: the end alone reads no in_rt */
		atm_fence_sc();
	if (!(atm_load_rlx(&mp->attn) & ATTN_STOP) || !mp->curg)
		return;
	mp->post = POST_NONE;
	mp->picked = NULL;
	g_switch_g0(mp, mp->curg);
	__builtin_unreachable();
}
