/* SPDX-License-Identifier: MIT
 *
 * sync/waiters_priv.h - waiters of a word whose low half is the newest one (its stack index, 0 for none);
 * they are linked through their control blocks, which costs the object no memory. For objects that
 * release all of them at once.
 *
 * One with a deadline that has passed must leave: it takes the whole list, and puts back the others. If it is not in
 * it, somebody else has it there: the same again, until it turns up, or whoever releases has passed it over.
 *
 * Ordering.
 *   V1  waiters_release: claim.store rel PASSED -> waiters_leave: load acq    its link is read; then it may be used again
 */
#ifndef SYNC_WAITERS_PRIV_H
#define SYNC_WAITERS_PRIV_H

#include "sched/sched.h"
#include "sync/until_priv.h"

#define WAITERS_MASK ((1ULL << 32) - 1)

/* For a park's commit: gp becomes the newest waiter if the word is still `state`. */
static force_inline bool waiters_push(atm_u64 *word, uint64_t state, struct g *gp)
{
	gp->link = (struct g *)(uintptr_t)(state & WAITERS_MASK);
	return atm_cas_sc(word, state, (state & ~WAITERS_MASK) | stack_index(gp));
}

#define CLAIM_PASSED (CLAIM_ARMING + 1)

/* Its deadline has not passed. */
static inline bool waiters_grant(struct g *gp)
{
	atm_u32 *claim = gp->claim;

	if (likely(!(gp->flags & G_CLAIMED)) || until_grant(claim))
		return true;
	atm_store_rel(claim, CLAIM_PASSED); /* rel V1 */
	return false;
}

/* Makes all of them ready; state is what the word was when they were taken off it. */
static inline void waiters_release(struct m *mp, uint64_t state)
{
	uint32_t index = (uint32_t)state;

	while (index) {
		struct g *gp = stack_by_index(index);

		index = (uint32_t)(uintptr_t)gp->link; /* read before it can run and wait elsewhere */
		if (waiters_grant(gp))
			g_ready(mp, gp);
	}
}

/* Takes gp out of a list of its likes; true if it was there. */
static inline bool waiters_unlink(uint32_t *head, const struct g *gp)
{
	for (uint32_t index = *head, before = 0, next; index; before = index, index = next) {
		struct g *at = stack_by_index(index);

		next = (uint32_t)(uintptr_t)at->link;

		if (at == gp) {
			if (before)
				stack_by_index(before)->link = at->link;
			else
				*head = next;
			return true;
		}
	}
	return false;
}

#endif
