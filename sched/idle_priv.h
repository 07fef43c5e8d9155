/* SPDX-License-Identifier: MIT
 *
 * sched/idle_priv.h - what search.c, idle.c and wake.c share: looking at the queues, and the list of idle
 * P's and sleeping M's (sched.lock held for all that change it). */
#ifndef SCHED_IDLE_PRIV_H
#define SCHED_IDLE_PRIV_H

#include "sched/sched_priv.h"

/* search.c. Is there something to take from others? A queue counts from `least` on. */
bool work_visible(uint32_t least);

/* For who leaves the search or the watch: lone work counts unless somebody watches (I3). Whoever is woken
 * for it and finds it moving becomes the watcher. */
bool work_unwatched(void);

/* The search itself: a visit to each P, nearest first; rounds of visits until the budget is over. */
struct g *steal_any(struct p *pp, bool stale_known);
bool start_search(struct m *mp);
struct g *search(struct m *mp);
void found_work(struct m *mp);

/* wake.c. Lists. */
struct p *take_idle_p(void);
bool take_this_p(struct p *pp);
bool unlist(struct m *mp);
bool end_if_surplus(struct m *mp);

/* wake.c. Timers: pp, which has just become idle, may have one that is due before the watcher looks again, or nobody
 * watches; after a heavy fence: who watched, or searched and was relied upon, has other things to do. */
void hand_over_timers(struct p *pp);
void timers_unwatched(void);

static inline bool anybody_busy(void)
{
	return load_idle(atm_load_rlx(&sched.load)) < p_count();
}

#endif
