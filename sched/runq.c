/* SPDX-License-Identifier: MIT
 *
 * sched/runq.c - where ready coroutines wait: a P's two deques, its inbox, the global queue. A deque
 * that cannot grow loses nothing: what does not fit goes to the global queue, which is a linked list.
 */
#include "base/clock.h"
#include "sched/policy.h"
#include "sched/reclaim.h"
#include "sched/switch.h"

#define BATCH 128        /* the most that one visit to another queue brings */
#define OLDEST_PERIOD 64 /* fair picks from one of the oldest of fresh to the next */

uint32_t runq_len(const struct p *pp)
{
	return (uint32_t)(deque_len(&pp->fresh) + deque_len(&pp->ring));
}

static cold void overflow(struct g *gp)
{
	lock(&sched.lock);
	global_put_locked(gp, gp, 1);
	unlock(&sched.lock);
}

void ring_put(struct p *pp, struct g *gp)
{
	if (unlikely(deque_push(&pp->ring, gp) != 0))
		overflow(gp);
}

void fresh_put(struct p *pp, struct g *gp)
{
	pp->has_next = false;
	if (unlikely(deque_push(&pp->fresh, gp) != 0))
		overflow(gp);
}

/* gp runs next; whoever was to run next goes to the ring, so that being readied in turn, over and
 * over, does not reverse the order for long. */
void make_next(struct p *pp, struct g *gp)
{
	void *former;

	if (pp->has_next && deque_pop(&pp->fresh, &former))
		ring_put(pp, former);
	fresh_put(pp, gp);
	pp->has_next = true;
}

/* ---- Global queue ------------------------------------------------------------------------------- */

void global_put_locked(struct g *first, struct g *last, uint32_t n)
{
	struct global_queue *q = &sched.global;

	last->link = NULL;
	if (q->tail)
		q->tail->link = first;
	else
		q->head = first;
	q->tail = last;
	atm_store_rlx(&q->n, atm_load_rlx(&q->n) + n); /* rlx: written under the lock, whose release is a full barrier */
}

void global_put(struct g *gp)
{
	lock(&sched.lock);
	global_put_locked(gp, gp, 1);
	unlock(&sched.lock);
}

struct g *global_get(struct p *pp)
{
	struct global_queue *q = &sched.global;

	if (atm_load_rlx(&q->n) == 0) /* rlx: looked at again and again, and before sleeping */
		return NULL;
	lock(&sched.lock);
	uint32_t queued = atm_load_rlx(&q->n);
	uint32_t n = queued ? policy_global_batch(queued, p_count(), BATCH) : 0;
	struct g *first = q->head, *rest = NULL;

	if (n) {
		struct g *last = first;

		for (uint32_t i = 1; i < n; i++)
			last = last->link;
		q->head = last->link;
		if (!q->head)
			q->tail = NULL;
		last->link = NULL;
		rest = first->link;
		atm_store_rlx(&q->n, queued - n);
	}
	unlock(&sched.lock);
	if (!n)
		return NULL;
	for (struct g *gp = rest, *next; gp; gp = next) {
		next = gp->link;
		ring_put(pp, gp);
	}
	if (first->last_p >= 0 && first->last_p != (int)pp->id)
		STAT(pp, migrations);
	return first;
}

/* ---- Inbox: coroutines bound to one P ----------------------------------------------------------- */

void inbox_put(struct p *pp, struct g *gp)
{
	void *head;

	do {
		head = atm_load_rlx(&pp->inbox); /* rlx: the CAS decides */
		gp->link = head;
	} while (!atm_cas_sc(&pp->inbox, head, gp));
}

/* The oldest. Owner only: what the inbox holds is turned round once and kept. */
struct g *bound_get(struct p *pp)
{
	if (!pp->bound && atm_load_rlx(&pp->inbox)) { /* rlx: looked at again and again */
		for (struct g *gp = atm_xchg_sc(&pp->inbox, NULL), *next; gp; gp = next) {
			next = gp->link;
			gp->link = pp->bound;
			pp->bound = gp;
		}
	}
	struct g *gp = pp->bound;

	if (gp)
		pp->bound = gp->link;
	return gp;
}

/* ---- Picking ------------------------------------------------------------------------------------ */

static struct g *pick_other(struct p *pp, uint32_t which)
{
	void *item;

	switch (which) {
	case 0:
		return global_get(pp);
	case 1:
		return bound_get(pp);
	default:
		return deque_take(&pp->ring, &item) ? item : NULL;
	}
}

/* And looks again sooner than the other queues go first. */
static void look_at_timers(struct p *pp)
{
	int32_t again = timers_look(pp);

	if (again < pp->fair_in) {
		pp->fair_rest += pp->fair_in - again;
		pp->fair_in = again;
	}
}

/* fair_in picks are over: the other queues go first, or it is time to look at the clock. */
noinline struct g *pick_rare(struct p *pp)
{
	if (pp->fair_rest <= 0)
		return pick_fair(pp);
	pp->fair_in = pp->fair_rest;
	pp->fair_rest = 0;
	if (timers_next(&pp->timers) != NEVER)
		look_at_timers(pp);
	return pick_own(pp);
}

/* Every global_period-th pick: the other queues go first, each in its turn, so that none waits for ever.
 * Every OLDEST_PERIOD-th time it is the turn of the oldest of fresh; more often would start one new
 * subtree of a fork-join program after the other, and many stacks would be alive at once (fib(25)
 * per call: 50 ns with each fourth time, 24 ns with each 64th). */
noinline struct g *pick_fair(struct p *pp)
{
	uint32_t turn = pp->turn++;
	struct g *gp = NULL;
	void *item;

	pp->fair_in = (int32_t)sched.knobs.global_period;
	pp->fair_rest = 0;

	int64_t now = clock_coarse();

	if (unlikely(now != pp->now)) {
		pp->now = now;
		timers_rescue(getm());
	}
	if (timers_next(&pp->timers) != NEVER)
		look_at_timers(pp);
	give_back_if_asked(pp);
	if (unlikely(atm_load_rlx(&pp->retire))) /* rlx: sooner or later */
		return NULL;
	if (unlikely(atm_load_rlx(&wend__reclaim_hurry))) { /* rlx: sooner or later */
		border_refresh(getm()); /* who switches holds no reference */
		reclaim_tick(getm());
	}
	if (turn % OLDEST_PERIOD == OLDEST_PERIOD - 1 && deque_take(&pp->fresh, &item)) {
		pp->has_next = pp->has_next && deque_len(&pp->fresh) > 0;
		return item;
	}
	for (uint32_t i = 0; i < 3 && !gp; i++)
		gp = pick_other(pp, (turn + i) % 3);
	if (!gp && deque_pop(&pp->fresh, &item)) {
		pp->has_next = false;
		gp = item;
	}
	return gp;
}

void requeue(struct m *mp, struct g *gp)
{
	if (gp->on_p) {
		uint32_t n = p_count(); /* acq: allp; fewer than it is bound to: any will do */
		struct p *pp = sched.allp[(uint32_t)(gp->on_p - 1) % n];

		inbox_put(pp, gp);
		if (!mp || mp->p != pp)
			wake_p(pp);
		return;
	}
	if (mp && mp->p)
		ring_put(mp->p, gp);
	else
		global_put(gp);
}

/* ---- Stealing ----------------------------------------------------------------------------------- */

/* Oldest first: the one to run comes back, the rest is queued here in the order it had there. */
struct g *steal_from(struct p *pp, struct p *victim)
{
	void *items[BATCH];
	bool half = sched.knobs.steal == STEAL_HALF;
	size_t max = half ? BATCH : 1;
	size_t n = deque_steal(&victim->fresh, items, max, half);
	bool fresh = n > 0;

	if (!n)
		n = deque_steal(&victim->ring, items, max, half);
	if (!n)
		return NULL;
	TRACE(steal, pp, items[0]);
	for (size_t i = 1; i < n; i++) {
		TRACE(steal, pp, items[i]);
		if (fresh)
			fresh_put(pp, items[i]);
		else
			ring_put(pp, items[i]);
	}
	STAT(pp, steals);
	atm_add_own(&pp->stats.stolen, n);
	atm_add_own(&pp->stats.migrations, n);
	return items[0];
}
