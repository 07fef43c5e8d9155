/* SPDX-License-Identifier: MIT
 *
 * sched/switch.h - from one coroutine to the next: picking it, jumping, and what the one that was left
 * still needs to have done. All inline; included where coroutines are switched. */
#ifndef SCHED_SWITCH_H
#define SCHED_SWITCH_H

#include "sched/sched_priv.h"

/* ---- The switch ---------------------------------------------------------------------------------- */

noinline void after_switch_slow(struct m *mp, struct g *prev, enum post post);

/* ThreadSanitizer must see what after_switch stores: it may not be inlined into the switch, which is not
 * instrumented. */
#if defined(WEND_TSAN)
#define AFTER_SWITCH static WEND__UNUSED noinline
#else
#define AFTER_SWITCH static force_inline
#endif

/* First thing in each context that was switched to. */
AFTER_SWITCH void after_switch(struct m *mp)
{
	struct g *prev = mp->prev;
	enum post post = mp->post;

	if (likely(post == POST_YIELD && !(prev->flags & G_SLOW)) &&
		likely(deque_push(&mp->p->ring, prev) == 0))
		return;
	after_switch_slow(mp, prev, post);
}

#if defined(WEND_TSAN)
#define SWITCH static WEND__UNUSED no_instrument
#else
#define SWITCH static force_inline
#endif

/* Leaves gp for next. What shall happen to gp stands in mp->post. Returns, on whatever M resumed gp,
 * that M. */
SWITCH struct m *g_switch(struct m *mp, struct g *gp, struct g *next)
{
	mp->prev = gp;
	mp->curg = next;
	race_fiber_switch(next->race_fiber);
	asan_switch_begin(mp->post == POST_EXIT ? NULL : &gp->asan_fake, next->lo,
					  (size_t)(g_stack_top(next) - next->lo));
	mp = ctx_switch(&gp->ctx, &next->ctx, mp);
	asan_switch_end(gp->asan_fake);
	after_switch(mp);
	return mp;
}

/* Leaves gp for the M's own loop. */
SWITCH struct m *g_switch_g0(struct m *mp, struct g *gp)
{
	mp->prev = gp;
	mp->curg = NULL;
	race_fiber_switch(mp->race_fiber);
	asan_switch_begin(mp->post == POST_EXIT ? NULL : &gp->asan_fake, mp->stack_lo, mp->stack_size);
	mp = ctx_switch(&gp->ctx, &mp->g0, mp);
	asan_switch_end(gp->asan_fake);
	after_switch(mp);
	return mp;
}

/* From the M's own loop to next; returns when somebody on this M leaves for the loop. */
SWITCH void g0_switch(struct m *mp, struct g *next)
{
	mp->post = POST_NONE;
	mp->prev = NULL;
	mp->curg = next;
	race_fiber_switch(next->race_fiber);
	asan_switch_begin(&mp->asan_fake, next->lo, (size_t)(g_stack_top(next) - next->lo));
	ctx_switch_full(&mp->g0, &next->ctx, mp);
	asan_switch_end(mp->asan_fake);
	after_switch(mp);
}

/* ---- Picking ------------------------------------------------------------------------------------- */

/* Whoever comes after the next: its two hot lines are on their way while the next one runs. Any stale
 * pointer will do, control blocks stay mapped and a prefetch cannot fault. */
static force_inline void prefetch_g(const void *gp)
{
	prefetch(gp);
	prefetch((const void *)((uintptr_t)gp + 64)); /* as a number: a slot never used may hold anything */
}

/* A long ring is cold: the control block of the seventh from here, which brings its page's translation, too,
 * and the stack of the third, whose block has come by now. */
static force_inline void prefetch_ring(const struct p *pp)
{
#ifndef WEND_TSAN /* a thief may have the block and be writing the word: any value will do */
	uint64_t t = atm_load_rlx(&pp->ring.top); /* rlx: hints, as above */

	if (atm_load_rlx(&pp->ring.bottom) - t > 16) {
		const struct g *near = deque_peek(&pp->ring, t + 2);

		prefetch(deque_peek(&pp->ring, t + 6));
		prefetch(near->ctx.sp);
	}
#endif
}

/* From pp's own queues. */
static force_inline struct g *pick_own(struct p *pp)
{
	void *item;

	/* rlx: an owner's top == bottom is exact, top only grows */
	if (atm_load_rlx(&pp->fresh.bottom) != atm_load_rlx(&pp->fresh.top) &&
		deque_pop(&pp->fresh, &item)) {
		pp->has_next = false;
		prefetch_g(deque_peek(&pp->fresh, atm_load_rlx(&pp->fresh.bottom) - 1));
		return item;
	}
	if (deque_take(&pp->ring, &item)) {
		prefetch_ring(pp);
		return item;
	}
	return NULL;
}

/* The next coroutine from pp's own queues, NULL when the M's loop must decide. */
static force_inline struct g *pick(struct p *pp)
{
	atm_add_own(&pp->tick, 1);
	if (unlikely(--pp->fair_in <= 0))
		return pick_rare(pp);
	return pick_own(pp);
}

static force_inline void set_running(struct p *pp, struct g *next)
{
	atm_store_rlx(&next->state, G_RUNNING); /* rlx: for lists */
	next->last_p = (int)pp->id;
	STAT(pp, switches);
	TRACE(run, pp, next);
}

#endif
