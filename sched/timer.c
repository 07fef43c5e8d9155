/* SPDX-License-Identifier: MIT
 *
 * sched/timer.c - heaps of timers, one per P. What is promised stands in timer.h, why so in docs/time.md.
 *
 * The heaps themselves are timer_heap.c. Lock order: sched.lock, a heap's lock, a channel's.
 */
#include "sched/timer.h"

#include <time.h>

#include "base/clock.h"
#include "sched/sched.h"
#include "sched/sched_priv.h"
#include "sched/timer_heap.h"

#define LOOK_NS 10000 /* a P with timers looks at the clock about that often, */
#define LOOK_PICKS 16 /* and at the latest after so many picks */

/* After each change. */
static void publish_next(struct timers *h)
{
	int64_t when;

	heap_trim(h);
	heap_first(h, &when);
	if (timers_next(h) != when)
		atm_store_rlx(&h->next, (uint64_t)when); /* rlx: the unlock is a full fence, T3 */
}

/* ---- Setting and cancelling --------------------------------------------------------------------- */

static bool take_back(struct timer *t)
{
	return t->kind->stale && t->kind->stale(t);
}

/* t goes into h, whose lock is held. */
static void set_locked(struct timers *h, struct timer *t, int64_t when, int64_t period)
{
	t->when = when < 0 ? 0 : when < NEVER ? when : NEVER - 1;
	t->period = period;
	heap_insert(h, t);
	publish_next(h);
}

/* If pp looks at no clock now, it will soon, and then at the right pace. Owner. */
static void first_one(struct p *pp)
{
	pp->timers.look_every = 1;
	pp->fair_rest += pp->fair_in - 1;
	pp->fair_in = 1;
}

/* The heap for new ones, locked: pp's, or the first P's. */
static struct timers *lock_home(struct p *pp)
{
	struct timers *h = &sched.allp[0]->timers;

	if (likely(pp)) {
		lock(&pp->timers.lock);
		if (likely(!atm_load_rlx(&pp->retire))) { /* rlx: set before timers_move takes the lock */
			if (timers_next(&pp->timers) == NEVER)
				first_one(pp);
			return &pp->timers;
		}
		unlock(&pp->timers.lock);
	}
	lock(&h->lock);
	return h;
}

/* Where it stands. */
static bool move_if_set(struct timer *t, int64_t when, int64_t period)
{
	for (struct timers *h; (h = atm_load_rlx(&t->heap));) { /* rlx: the lock orders, or who finds NULL has a CAS to come */
		lock(&h->lock);
		bool mine = atm_load_rlx(&t->heap) == h; /* rlx: under the lock */

		if (mine) {
			heap_take_out(h, t);
			take_back(t);
			set_locked(h, t, when, period);
		}
		unlock(&h->lock); /* T3 */
		if (mine)
			return true;
	}
	return false;
}

bool timer_set(struct m *mp, struct timer *t, int64_t when, int64_t period)
{
	struct p *pp = mp ? mp->p : NULL;
	bool stale = false;

	for (bool done = false; !done;) {
		if (move_if_set(t, when, period)) {
			timers_were_set(NULL, when); /* in whosever heap it is */
			return true;
		}

		struct timers *h = lock_home(pp);

		done = atm_cas_sc(&t->heap, NULL, h); /* who sets it at the same time comes first or second */
		if (done) {
			stale = take_back(t);
			set_locked(h, t, when, period);
		}
		unlock(&h->lock); /* T3 */
		if (done)
			timers_were_set(pp && h == &pp->timers ? mp : NULL, when);
	}
	return stale;
}

void timer_set_first(struct m *mp, struct timer *t, int64_t when, int64_t period)
{
	struct p *pp = mp ? mp->p : NULL;
	struct timers *h = lock_home(pp);

	atm_store_rlx(&t->heap, h); /* rlx: published with t */
	set_locked(h, t, when, period);
	unlock(&h->lock); /* T3 */
	timers_were_set(pp && h == &pp->timers ? mp : NULL, when);
}

bool timer_cancel(struct timer *t)
{
	for (struct timers *h; (h = atm_load_acq(&t->heap));) { /* acq: what fire did, when it says NULL; pairs with fire_one */
		lock(&h->lock);
		bool mine = atm_load_rlx(&t->heap) == h; /* rlx: under the lock */

		if (mine) {
			heap_take_out(h, t);
			take_back(t);
			atm_store_rel(&t->heap, NULL); /* rel: t's fields; pairs with timer_set, which takes another lock */
			publish_next(h);
		}
		unlock(&h->lock);
		if (mine)
			return true;
	}
	return take_back(t);
}

/* ---- Firing ------------------------------------------------------------------------------------- */

static void fire_one(struct timers *h, struct timer *t, int64_t now, struct due *due)
{
	heap_take_out(h, t);
	t->kind->fire(t, now, due);
	if (t->period) {
		t->when += t->period * (1 + (now - t->when) / t->period);
		heap_insert(h, t);
	} else {
		atm_store_rel(&t->heap, NULL); /* rel: fire is over; pairs with timer_cancel, after which t may be gone */
	}
}

/* What is due is done without the lock. In the order of their times: what is made ready last runs next, and what is
 * spawned last. */
static void carry_out(struct m *mp, struct due *due)
{
	for (unsigned i = 1; i < due->nready; i++)
		g_ready(mp, due->ready[i]);
	if (due->nready)
		g_ready(mp, due->ready[0]);
	while (due->nlater) {
		struct timer *t = due->later[--due->nlater];

		t->kind->later(mp, t);
	}
}

/* Fires what is due by now, at most `most`, which is DUE_MOST or less; returns how many. On an M with a P. */
static int run(struct m *mp, struct timers *h, int64_t now, int most)
{
	int fired = 0;
	struct due due;
	struct timer *t = NULL;
	int64_t when = NEVER;

	due.nready = due.nlater = 0;
	lock(&h->lock);
	for (; fired < most && (t = heap_first(h, &when)) && when <= now; fired++)
		fire_one(h, t, now, &due);
	if (fired == most || unlikely(!t && when <= now))
		heap_storm(h, now);
	publish_next(h);
	unlock(&h->lock);
	carry_out(mp, &due);
	return fired;
}

/* ---- Who looks ---------------------------------------------------------------------------------- */

int64_t timers_earliest(struct p **whose)
{
	int64_t first = NEVER;
	uint32_t n = p_count();

	for (uint32_t i = 0; i < n; i++) {
		int64_t next = timers_next(&sched.allp[i]->timers);

		if (next < first) {
			first = next;
			if (whose)
				*whose = sched.allp[i];
		}
	}
	return first;
}

static int run_all(struct m *mp, int64_t since, int64_t now)
{
	uint32_t n = p_count();
	int fired = 0;

	for (uint32_t i = 0; i < n; i++) {
		struct timers *h = &sched.allp[i]->timers;

		if (timers_next(h) <= since)
			fired += run(mp, h, now, DUE_MOST);
	}
	return fired;
}

void timers_run_all(struct m *mp)
{
	int64_t now = clock_now();

	run_all(mp, now, now);
}

int timers_run_overdue(struct m *mp, int64_t now)
{
	return run_all(mp, now - LOOK_NS, now);
}

void timers_rescue(struct m *mp)
{
	uint64_t load = atm_load_rlx(&sched.load); /* rlx: it will be back */

	if (load_idle(load) && !(load & LOAD_WATCH) && timers_earliest(NULL) <= mp->p->now)
		timers_run_all(mp);
}

/* So many picks that some LOOK_NS will have passed. */
static int32_t pace(struct timers *h, int64_t now)
{
	int64_t passed = now - h->looked_at, every = h->look_every;

	every = passed > 0 ? every * LOOK_NS / passed : LOOK_PICKS;
	if (every > LOOK_PICKS)
		every = LOOK_PICKS;
	h->looked_at = now;
	h->look_every = every < 1 ? 1 : (int32_t)every;
	return h->look_every;
}

/* While more are due than one batch, as many fire as picks have come since the last, or ever more of those that were
 * made ready would be waiting. */
static int32_t run_paced(struct p *pp, int64_t now, int32_t again)
{
	struct timers *h = &pp->timers;
	uint32_t tick = atm_load_rlx(&pp->tick), passed = tick - h->more_tick; /* rlx: the P's own */
	int most = h->more && passed < DUE_MOST ? (int)passed : DUE_MOST;

	run(getm(), h, now, most);
	h->more = timers_next(h) <= now;
	h->more_tick = tick;
	return h->more ? DUE_MOST : again;
}

noinline int32_t timers_look(struct p *pp)
{
	int64_t now = clock_now();
	int32_t again = pace(&pp->timers, now);

	return timers_next(&pp->timers) <= now ? run_paced(pp, now, again) : again;
}

/* ---- Life --------------------------------------------------------------------------------------- */

void timers_init(struct timers *h)
{
	*h = (struct timers){.look_every = 1};
	atm_store_rlx(&h->next, (uint64_t)NEVER); /* rlx: nobody knows of it */
}

/* The runtime has ended: nobody fires what is left. */
void timers_destroy(struct timers *h)
{
	int64_t when;

	lock(&h->lock);
	heap_settle(h);
	for (struct timer *t; (t = heap_first(h, &when));) {
		void (*lost)(struct timer *) = t->kind->lost;

		heap_take_out(h, t);
		/* rel: pairs with timer_await_end, after which t may be gone, unless it can be lost. mutant: no model test has a
		 * foreign thread come that late */
		atm_store_rel(&t->heap, NULL);
		if (lost)
			lost(t);
	}
	heap_free(h);
	unlock(&h->lock);
}

cold void timer_await_end(struct timer *t)
{
	const struct timespec ms = {0, 1000000};

	/* acq: timers_destroy; the end. mutant: as there */
	while (atm_load_acq(&t->heap) && atm_load_acq(&sched.phase) == PHASE_STOPPING)
		nanosleep(&ms, NULL);
}

void timers_move(struct timers *from)
{
	struct timers *to = &sched.allp[0]->timers;
	struct timer *t;
	int64_t when;

	lock(&from->lock);
	lock(&to->lock); /* the first P never goes: no circle */
	heap_settle(from);
	while ((t = heap_first(from, &when))) {
		heap_take_out(from, t);
		atm_store_rlx(&t->heap, to); /* rlx: who looks without a lock takes it next */
		heap_insert(to, t);
	}
	publish_next(to);
	publish_next(from);
	unlock(&to->lock);
	unlock(&from->lock); /* T3 */
}
