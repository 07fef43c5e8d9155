/* SPDX-License-Identifier: MIT
 *
 * sync/until_priv.h - a wait that ends at a certain time or with a context, if not before: the record beside the waiter's
 * own, on its stack.
 *
 * Several want to end such a wait, and one does: the claim decides.
 *
 *   ARMING --waiter, in its commit, queued, object's lock held--> OPEN --who grants, object's lock held--> DONE
 *      |                                                            |
 *      +----------------- the timer --> EXPIRED <-- the timer ------+   the timer makes ready only who was OPEN
 *
 * Who cancels the context does what the timer does, under the context's lock.
 * Both touch nothing but the claim, so the object may be gone by then, as far as they are concerned. Who finds
 * a waiter EXPIRED in a queue takes it off and goes on to the next; the waiter takes itself off, if it is still there, under
 * the object's lock. After until_disarm nobody else uses the record.
 *
 * Ordering.
 *   U1  until_arm: timer_set_first's lock -> timer's lock        the record; likewise the context's lock
 *   U2  until_open, until_grant, expire: CAS of the claim        exactly one of them ends the wait
 *   U3  expire, under the heap's lock   -> until_disarm          it no longer uses the record; likewise
 *       cancelled, under the context's
 */
#ifndef SYNC_UNTIL_PRIV_H
#define SYNC_UNTIL_PRIV_H

#include <errno.h>

#include "base/clock.h"
#include "sched/sched.h"
#include "sched/timer.h"
#include "sync/context.h"

enum claim { CLAIM_OPEN, CLAIM_DONE, CLAIM_EXPIRED, CLAIM_ARMING };

struct until {
	int64_t deadline; /* CLOCK_MONOTONIC ns; NEVER */
	wend_ctx *ctx;    /* or NULL */
	atm_u32 *claim;   /* the wait's: one for all queues it stands in */
	struct g *gp;
	struct timer timer;
	struct ctx_watch watch;
};

/* Returns whom to make ready, if it was us who ended the wait and the waiter is parked. */
static inline struct g *until_end(struct until *u)
{
	if (atm_cas_sc(u->claim, CLAIM_ARMING, CLAIM_EXPIRED)) /* U2 */
		return NULL;
	return atm_cas_sc(u->claim, CLAIM_OPEN, CLAIM_EXPIRED) ? u->gp : NULL; /* U2 */
}

static inline void until_expire(struct timer *t, int64_t now, struct due *due)
{
	struct g *gp = until_end(container_of(t, struct until, timer));

	if (gp)
		due_ready(due, gp);
}

static const struct timer_kind until_kind = {.fire = until_expire};

static inline struct g *until_cancelled(struct ctx_watch *w)
{
	return until_end(container_of(w, struct until, watch));
}

/* Why a wait that has expired did, or one that has not begun would. */
static inline int until_error(const struct until *u)
{
	int err = u->ctx ? wend_ctx_err(u->ctx) : 0;

	return err ? err : -ETIMEDOUT;
}

static inline bool until_passed(const struct until *u)
{
	return (u->ctx && wend_ctx_err(u->ctx)) || (u->deadline != NEVER && clock_now() >= u->deadline);
}

/* Before gp parks. mp as from enter. */
static inline void until_arm(struct m *mp, struct until *u, struct g *gp, atm_u32 *claim)
{
	u->gp = gp;
	u->claim = claim;
	u->timer = (struct timer){.kind = &until_kind};
	u->watch.cancelled = until_cancelled;
	atm_store_rlx(claim, CLAIM_ARMING); /* rlx: U1 */
	if (u->ctx && !ctx_watch_add(u->ctx, &u->watch))
		atm_store_rlx(claim, CLAIM_EXPIRED); /* rlx: nobody else knows of it */
	else if (u->deadline != NEVER)
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
	if (u->ctx)
		ctx_watch_remove(u->ctx, &u->watch); /* U3 */
	return atm_load_rlx(u->claim) == CLAIM_EXPIRED; /* rlx: nobody writes it any more */
}

#endif
