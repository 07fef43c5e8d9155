/* SPDX-License-Identifier: MIT
 *
 * sched/timer.c - heaps of timers, one per P. What is promised stands in timer.h, why so in docs/time.md.
 *
 * Slots hold the time beside the pointer, so that finding a place touches the heap alone; each timer knows its
 * slot, so that it can be taken out from anywhere. Lock order: sched.lock, a heap's lock, a channel's.
 */
#include "sched/timer.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/list.h"
#include "sched/sched.h"
#include "sched/sched_priv.h"

#define ROOM_LEAST ATM_SIZE(64, 2)
#define LOOK_NS 10000 /* a P with timers looks at the clock about that often, */
#define LOOK_PICKS 16 /* and at the latest after so many picks */

struct timer_slot {
	int64_t when;
	struct timer *t;
};

/* ---- The heap: all under its lock --------------------------------------------------------------- */

static inline void place(struct timers *h, uint32_t at, struct timer_slot s)
{
	h->slots[at] = s;
	s.t->at = at;
}

/* s goes to `at`, or towards the root from there. */
static void sift_up(struct timers *h, uint32_t at, struct timer_slot s)
{
	while (at > 0) {
		uint32_t up = (at - 1) / 4;

		if (h->slots[up].when <= s.when)
			break;
		place(h, at, h->slots[up]);
		at = up;
	}
	place(h, at, s);
}

static void sift_down(struct timers *h, uint32_t at, struct timer_slot s)
{
	for (uint32_t kid; (kid = 4 * at + 1) < h->n; at = kid) {
		uint32_t end = kid + 4 < h->n ? kid + 4 : h->n;

		for (uint32_t k = kid + 1; k < end; k++)
			if (h->slots[k].when < h->slots[kid].when)
				kid = k;
		if (s.when <= h->slots[kid].when)
			break;
		place(h, at, h->slots[kid]);
	}
	place(h, at, s);
}

static bool resize(struct timers *h, uint32_t room)
{
	struct timer_slot *slots = realloc(h->slots, room * sizeof *slots);

	if (!slots)
		return false;
	h->slots = slots;
	h->room = room;
	return true;
}

static void insert(struct timers *h, struct timer *t)
{
	if (h->n == h->room && unlikely(!resize(h, h->room ? 2 * h->room : ROOM_LEAST))) {
		t->link = h->rest;
		t->at = UINT32_MAX;
		h->rest = t;
		return;
	}
	h->n++;
	sift_up(h, h->n - 1, (struct timer_slot){t->when, t});
}

static void take_out(struct timers *h, struct timer *t)
{
	uint32_t at = t->at;
	struct timer_slot last;

	if (unlikely(at == UINT32_MAX)) {
		list_remove(&h->rest, t, link);
		return;
	}
	last = h->slots[--h->n];
	if (at == h->n)
		return;
	if (at > 0 && last.when < h->slots[(at - 1) / 4].when)
		sift_up(h, at, last);
	else
		sift_down(h, at, last);
}

/* The one due first, and when; NULL: there is none. */
static struct timer *first(const struct timers *h, int64_t *when)
{
	struct timer *t = h->n ? h->slots[0].t : NULL;

	*when = t ? h->slots[0].when : NEVER;
	for (struct timer *r = h->rest; unlikely(r != NULL); r = r->link) {
		if (r->when < *when) {
			t = r;
			*when = r->when;
		}
	}
	return t;
}

/* After each change. */
static void publish_next(struct timers *h)
{
	int64_t when;

	first(h, &when);
	atm_store_rlx(&h->next, (uint64_t)when); /* rlx: the unlock is a full fence, T3 */
}

/* ---- Setting and cancelling --------------------------------------------------------------------- */

/* t goes into h, whose lock is held. */
static void set_locked(struct timers *h, struct timer *t, int64_t when)
{
	t->when = when < NEVER ? when : NEVER - 1;
	insert(h, t);
	publish_next(h);
}

static bool move_if_set(struct timer *t, int64_t when)
{
	for (struct timers *h; (h = atm_load_acq(&t->heap));) { /* acq: as in timer_cancel */
		lock(&h->lock);
		bool mine = atm_load_rlx(&t->heap) == h; /* rlx: under the lock */

		if (mine) {
			take_out(h, t);
			set_locked(h, t, when);
		}
		unlock(&h->lock); /* T3 */
		if (mine)
			return true;
	}
	return false;
}

bool timer_set(struct m *mp, struct timer *t, int64_t when)
{
	struct p *pp = mp ? mp->p : NULL;
	struct timers *h = pp ? &pp->timers : &sched.allp[0]->timers;
	bool was_set;

	for (bool done = false; !done;) {
		was_set = done = move_if_set(t, when);
		if (done) {
			mp = NULL; /* in whosever heap it is */
			break;
		}
		lock(&h->lock);
		done = atm_cas_sc(&t->heap, NULL, h); /* who sets it at the same time comes first or second */
		if (done) {
			if (pp && h->n == 0) { /* looked at soon, and then at the right pace */
				h->look_every = 1;
				pp->fair_in = 1;
			}
			set_locked(h, t, when);
		}
		unlock(&h->lock); /* T3 */
	}
	timers_were_set(mp, when);
	return was_set;
}

bool timer_cancel(struct timer *t)
{
	for (struct timers *h; (h = atm_load_acq(&t->heap));) { /* acq: what fire did, when it says NULL; pairs with fire_one */
		lock(&h->lock);
		bool mine = atm_load_rlx(&t->heap) == h; /* rlx: under the lock */

		if (mine) {
			take_out(h, t);
			atm_store_rlx(&t->heap, NULL); /* rlx: likewise */
			publish_next(h);
		}
		unlock(&h->lock);
		if (mine)
			return true;
	}
	return false;
}

/* ---- Firing ------------------------------------------------------------------------------------- */

void due_ready(struct due *due, struct g *gp)
{
	*due->tail = gp;
	due->tail = &gp->link;
}

static void fire_one(struct timers *h, struct timer *t, int64_t now, struct due *due)
{
	int64_t again;

	take_out(h, t);
	again = t->fire(t, now, due);
	if (again) {
		t->when = again;
		insert(h, t);
	} else {
		atm_store_rel(&t->heap, NULL); /* rel: fire is over; pairs with timer_cancel, after which t may be gone */
	}
}

/* What is due is done without the lock. */
static void carry_out(struct m *mp, struct due *due)
{
	*due->tail = NULL;
	g_ready_all(mp, due->ready);
	for (unsigned i = 0; i < due->n; i++)
		due->calls[i].run(mp, &due->calls[i]);
}

int timers_run(struct m *mp, struct timers *h, int64_t now)
{
	int fired = 0;
	struct due due = {.tail = &due.ready};
	struct timer *t;
	int64_t when;

	lock(&h->lock);
	for (; fired < DUE_CALLS && (t = first(h, &when)) && when <= now; fired++)
		fire_one(h, t, now, &due);
	if (unlikely(h->room > ROOM_LEAST && h->n < h->room / 8))
		resize(h, h->room / 4);
	publish_next(h);
	unlock(&h->lock);
	carry_out(mp, &due);
	return fired;
}

/* ---- Who looks ---------------------------------------------------------------------------------- */

int64_t timers_earliest(void)
{
	int64_t first = NEVER;
	uint32_t n = p_count();

	for (uint32_t i = 0; i < n; i++) {
		int64_t next = timers_next(&sched.allp[i]->timers);

		first = next < first ? next : first;
	}
	return first;
}

void timers_run_all(struct m *mp)
{
	int64_t now = clock_now();
	uint32_t n = p_count();

	for (uint32_t i = 0; i < n; i++) {
		struct timers *h = &sched.allp[i]->timers;

		if (timers_next(h) <= now)
			timers_run(mp, h, now);
	}
}

void timers_rescue(struct m *mp)
{
	uint64_t load = atm_load_rlx(&sched.load); /* rlx: it will be back */

	if (load_idle(load) && !(load & LOAD_WATCH) && timers_earliest() <= mp->p->now)
		timers_run_all(mp);
}

/* Every so many picks that some LOOK_NS have passed since the last time. */
static void pace(struct p *pp, struct timers *h, int64_t now)
{
	int64_t passed = now - h->looked_at, every = h->look_every;

	every = passed > 0 ? every * LOOK_NS / passed : LOOK_PICKS;
	if (every > LOOK_PICKS)
		every = LOOK_PICKS;
	h->looked_at = now;
	h->look_every = every < 1 ? 1 : (int32_t)every;
	if (pp->fair_in > h->look_every)
		pp->fair_in = h->look_every;
}

noinline void timers_look(struct p *pp)
{
	struct timers *h = &pp->timers;
	int64_t now = clock_now();

	pace(pp, h, now);
	/* More due than one batch: those that this one has made ready go first, or ever more of them would be waiting. */
	if (timers_next(h) <= now && timers_run(getm(), h, now) == DUE_CALLS)
		pp->fair_in = DUE_CALLS;
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
	for (struct timer *t; (t = first(h, &when));) {
		take_out(h, t);
		atm_store_rel(&t->heap, NULL); /* rel: pairs with timer_await_end, after which t may be gone */
	}
	free(h->slots);
	unlock(&h->lock);
}

cold void timer_await_end(struct timer *t)
{
	const struct timespec ms = {0, 1000000};

	while (atm_load_acq(&t->heap) && atm_load_acq(&sched.phase) == PHASE_STOPPING) /* acq: timers_destroy; the end */
		nanosleep(&ms, NULL);
}

void timers_move(struct timers *from, struct timers *to)
{
	struct timer *t;
	int64_t when;

	lock(&from->lock);
	lock(&to->lock); /* always the first P's, which never goes: no circle */
	while ((t = first(from, &when))) {
		take_out(from, t);
		atm_store_rlx(&t->heap, to); /* rlx: who looks without a lock takes it next */
		insert(to, t);
	}
	publish_next(from);
	publish_next(to);
	unlock(&to->lock);
	unlock(&from->lock);
}
