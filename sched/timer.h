/* SPDX-License-Identifier: MIT
 *
 * sched/timer.h - something happens at a certain time: each P has a 4-ary heap of timers, which whoever comes by
 * at the time works off. Nothing here knows what a timer is for. docs/time.md.
 *
 * A timer is the user's memory and belongs to the heap it stands in from timer_set until it has fired or
 * timer_cancel has returned: fire runs under the heap's lock, so neither leaves anybody behind who still uses it.
 *
 * Ordering.
 *   T3  timer_set: timers.next store, fence, watch_until load
 *       <-> the watcher: watch_until exchange, timers.next load        it sleeps no longer than to the new timer
 */
#ifndef SCHED_TIMER_H
#define SCHED_TIMER_H

#include "atomics/atomic.h"
#include "sched/lock.h"

struct g;
struct m;
struct p;
struct due;
struct timer;

#define NEVER INT64_MAX /* later than any deadline */

/* At its time, or later. Holds the heap's lock: may not block, nor take a lock but a channel's. What is to be done
 * about it goes to `due`. Returns when it is to fire again, 0 for not at all. */
typedef int64_t timer_fire(struct timer *t, int64_t now, struct due *due);

struct timer {
	timer_fire *fire; /* the user's, constant */
	int64_t when;     /* CLOCK_MONOTONIC ns; the heap's while it is in one */
	atm_ptr heap;     /* struct timers it stands in, NULL: none; changes under its lock */
	uint32_t at;      /* where; under the lock */
	struct timer *link; /* in the list of those without a slot; under the lock */
};

/* Something to do when the heap's lock has been let go of: run(mp, c) is called inside the runtime, perhaps on some
 * coroutine's stack, and must not block. */
struct due_call {
	void (*run)(struct m *mp, struct due_call *c);
	void *obj;
	void (*fn)(void *);
	void *arg;
};

#define DUE_CALLS 32

struct due {
	struct g *ready, **tail; /* to be made ready, in this order; linked by link */
	unsigned n;              /* there is room for one call per timer that fires */
	struct due_call calls[DUE_CALLS];
};

void due_ready(struct due *due, struct g *gp);

static inline void due_call(struct due *due, const struct due_call *c)
{
	due->calls[due->n++] = *c;
}

/* t fires at `when`, and not when it was to fire before; true if it was to. mp as from enter, or the committing M: if it
 * stands in no heap it goes to mp's P's, or the first P's. Never blocks, never fails; O(log n). The last access to t
 * happens under the heap's lock. */
bool timer_set(struct m *mp, struct timer *t, int64_t when);

/* Takes t off its heap: true; false when it stands in none (it has fired, or was not set). Afterwards fire is not
 * running, nor will it until t is set again. */
bool timer_cancel(struct timer *t);

/* For a foreign thread that comes while the runtime ends: waits until that has taken t off. */
void timer_await_end(struct timer *t);

/* ---- For the scheduler -------------------------------------------------------------------------- */

struct timers {
	alignas(CACHELINE) atm_u64 next; /* int64: when the first is due, or NEVER; written under the lock */
	struct lock lock;
	uint32_t n, room;
	struct timer_slot *slots; /* heap[0] is the first; children of i are 4i+1 .. 4i+4 */
	struct timer *rest; /* no memory for more slots: those that found no place, in no order */
	int64_t looked_at;  /* the P's owner's, as the next */
	int32_t look_every;
};

void timers_init(struct timers *h);
void timers_destroy(struct timers *h);

static inline int64_t timers_next(const struct timers *h)
{
	return (int64_t)atm_load_rlx(&h->next); /* rlx: a moment's value; T3 where more is needed */
}

/* The earliest of all P's. */
int64_t timers_earliest(void);

/* Fires what is due by now, at most DUE_CALLS; returns how many. On an M with a P. */
int timers_run(struct m *mp, struct timers *h, int64_t now);

/* Those of all P's, for who has got up for them. */
void timers_run_all(struct m *mp);

/* Once per tick of the coarse clock: an idle P may have timers and no thread that sleeps could watch. */
void timers_rescue(struct m *mp);

/* pick_fair: looks at the clock if pp has timers, and fires what is due. */
void timers_look(struct p *pp);

/* A P that goes: its timers go to another. Both locks are taken, from's first. */
void timers_move(struct timers *from, struct timers *to);

#endif
