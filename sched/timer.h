/* SPDX-License-Identifier: MIT
 *
 * sched/timer.h - something happens at a certain time: each P has a 4-ary heap of timers, which whoever comes by
 * at the time works off. Nothing here knows what a timer is for. docs/time.md.
 *
 * A timer is the user's memory and belongs to the heap it stands in from timer_set until it has fired or
 * timer_cancel has returned: fire runs under the heap's lock, so neither leaves anybody behind who still uses it.
 *
 * Ordering.
 *   T3  timer_set, timers_move: timers.next store, fence, watch_until load
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

#define NEVER INT64_MAX /* later than any deadline; to ec_wait none */

/* The first two hold the heap's lock: they may not block, nor take a lock but a channel's. */
struct timer_kind {
	/* At its time, or later. What is to be done about it goes to `due`. */
	void (*fire)(struct timer *t, int64_t now, struct due *due);
	/* t is stopped or set anew: takes back what fire has left; was there anything? NULL: there never is. */
	bool (*stale)(struct timer *t);
	/* For timers that fire has put off by due_later: inside the runtime, perhaps on some coroutine's stack; must not block. */
	void (*later)(struct m *mp, struct timer *t);
	/* The runtime has ended before its time; NULL: let it be. */
	void (*lost)(struct timer *t);
};

struct timer {
	const struct timer_kind *kind; /* the user's, constant */
	int64_t when;       /* CLOCK_MONOTONIC ns; under the lock of the heap it is in, as the rest */
	int64_t period;     /* fires again so much later; 0: once */
	atm_ptr heap;       /* struct timers it stands in, NULL: none; changes under its lock */
	uint32_t at;        /* where */
	atm_u32 refs;       /* its owner's: nobody here looks at it */
	struct timer *link; /* in the list of those without a slot */
};

#define DUE_MOST ATM_SIZE(32, 2) /* that are fired at a time */

/* What is to be done when the heap's lock has been let go of; a timer that fires adds one at most. */
struct due {
	unsigned nready, nlater;
	struct g *ready[DUE_MOST]; /* to be made ready */
	struct timer *later[DUE_MOST];
};

static inline void due_ready(struct due *due, struct g *gp)
{
	due->ready[due->nready++] = gp;
}

static inline void due_later(struct due *due, struct timer *t)
{
	due->later[due->nlater++] = t;
}

/* t fires at `when`, and every `period` after that if that is not 0, and not when it was to fire before; true if it was to,
 * or if there was something stale. mp as from enter, or the committing M: if it stands in no heap it goes to mp's P's, or
 * the first P's. Never blocks, never fails; O(log n). The last access to t happens under the heap's lock. */
bool timer_set(struct m *mp, struct timer *t, int64_t when, int64_t period);

/* The same for one that was never set and that nobody else knows of. */
void timer_set_first(struct m *mp, struct timer *t, int64_t when, int64_t period);

/* Takes t off its heap: true; false when it stands in none (it has fired, or was not set), unless there was something
 * stale. Afterwards fire is not running, nor will it until t is set again. */
bool timer_cancel(struct timer *t);

/* For a foreign thread that comes while the runtime ends: waits until that has taken t off. */
void timer_await_end(struct timer *t);

/* ---- For the scheduler -------------------------------------------------------------------------- */

struct timers {
	/* int64: when the first is due, or NEVER; written under the lock, when it changes, as others look at it often */
	alignas(CACHELINE) atm_u64 next;
	int64_t looked_at; /* the P's owner's, as the next */
	int32_t look_every;
	bool more;          /* the last look has left some that were due, */
	uint32_t more_tick; /* at this pick */

	alignas(CACHELINE) struct lock lock;
	uint32_t n, room;
	struct timer_slot *slots; /* heap[0] is the first; children of i are 4i+1 .. 4i+4 */
	struct timer *rest; /* no memory for more slots: those that found no place, in no order */
	uint32_t mark;       /* in the `at` of those in the heap, against those in the storm */
	struct storm *storm; /* what was the heap when many came due; or NULL */
};

void timers_init(struct timers *h);
void timers_destroy(struct timers *h);

static inline int64_t timers_next(const struct timers *h)
{
	return (int64_t)atm_load_rlx(&h->next); /* rlx: a moment's value; T3 where more is needed */
}

/* The earliest of all P's; *whose, unless NULL: the P that has it, if any. */
int64_t timers_earliest(struct p **whose);

/* Those of all P's, for who has got up for them. */
void timers_run_all(struct m *mp);

/* For who searches: those of all P's that should have been fired a while ago. */
int timers_run_overdue(struct m *mp, int64_t now);

/* Once per tick of the coarse clock: an idle P may have timers and no thread that sleeps could watch. */
void timers_rescue(struct m *mp);

/* pp has timers: looks at the clock, fires what is due. Returns after how many picks to look again. */
int32_t timers_look(struct p *pp);

/* A P that goes: its timers go to the first P. sched.lock held; timers_were_moved after that. */
void timers_move(struct timers *from);

#endif
