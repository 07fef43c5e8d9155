/* SPDX-License-Identifier: MIT
 *
 * sync/until_priv.h - a wait that ends at a certain time, if not before: the record beside the waiter's own, on its stack.
 *
 * Several want to end such a wait, and one does: the claim decides.
 *
 *   ARMING --waiter, in its commit, queued, object's lock held--> OPEN --who grants, object's lock held--> DONE
 *      |                                                            |
 *      +----------------- the timer --> EXPIRED <-- the timer ------+   the timer makes ready only who was OPEN
 *
 * The timer touches nothing but the claim, so the object may be gone by then, as far as the timer is concerned. Who finds
 * a waiter EXPIRED in a queue takes it off and goes on to the next; the waiter takes itself off, if it is still there, under
 * the object's lock. After until_disarm nobody else uses the record.
 *
 * Ordering.
 *   U1  until_arm: timer_set_first's lock -> timer's lock        the record
 *   U2  until_open, until_grant, expire: CAS of the claim        exactly one of them ends the wait
 *   U3  expire, under the heap's lock   -> until_disarm          it no longer uses the record
 */
#ifndef SYNC_UNTIL_PRIV_H
#define SYNC_UNTIL_PRIV_H

#include "base/clock.h"
#include "sched/sched.h"
#include "sched/timer.h"

enum claim { CLAIM_OPEN, CLAIM_DONE, CLAIM_EXPIRED, CLAIM_ARMING };

struct until {
	int64_t deadline; /* CLOCK_MONOTONIC ns */
	atm_u32 *claim;   /* the wait's: one for all queues it stands in */
	struct g *gp;
	struct timer timer;
};

static inline void until_expire(struct timer *t, int64_t now, struct due *due)
{
	struct until *u = container_of(t, struct until, timer);

	if (!atm_cas_sc(u->claim, CLAIM_ARMING, CLAIM_EXPIRED) && atm_cas_sc(u->claim, CLAIM_OPEN, CLAIM_EXPIRED)) /* U2 */
		due_ready(due, u->gp);
}

static const struct timer_kind until_kind = {.fire = until_expire};

static inline bool until_passed(const struct until *u)
{
	return u->deadline != NEVER && clock_now() >= u->deadline;
}

/* Before gp parks. mp as from enter. */
static inline void until_arm(struct m *mp, struct until *u, struct g *gp, atm_u32 *claim)
{
	u->gp = gp;
	u->claim = claim;
	u->timer = (struct timer){.kind = &until_kind};
	atm_store_rlx(claim, CLAIM_ARMING); /* rlx: U1 */
	if (u->deadline != NEVER)
		timer_set_first(mp, &u->timer, u->deadline, 0);
}

/* The waiter is queued: true; false when it is too late for that. */
static inline bool until_open(atm_u32 *claim)
{
	return atm_cas_sc(claim, CLAIM_ARMING, CLAIM_OPEN); /* U2 */
}

/* Who takes a waiter off a queue: may it be given what it waits for? */
static inline bool until_grant(atm_u32 *claim)
{
	return atm_cas_sc(claim, CLAIM_OPEN, CLAIM_DONE); /* U2 */
}

/* The wait is over, the caller inside the runtime. Has it expired? */
static inline bool until_disarm(struct until *u)
{
	timer_cancel(&u->timer); /* U3 */
	return atm_load_rlx(u->claim) == CLAIM_EXPIRED; /* rlx: nobody writes it any more */
}

#endif
