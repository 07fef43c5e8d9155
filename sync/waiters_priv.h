/* SPDX-License-Identifier: MIT
 *
 * sync/waiters_priv.h - waiters of a word whose low half is the newest one (its stack index, 0 for none);
 * they are linked through their control blocks, which costs the object no memory. For objects that
 * release all of them at once. */
#ifndef SYNC_WAITERS_PRIV_H
#define SYNC_WAITERS_PRIV_H

#include "sched/sched.h"

#define WAITERS_MASK ((1ULL << 32) - 1)

/* For a park's commit: gp becomes the newest waiter if the word is still `state`. */
static force_inline bool waiters_push(atm_u64 *word, uint64_t state, struct g *gp)
{
	gp->link = (struct g *)(uintptr_t)(state & WAITERS_MASK);
	return atm_cas_sc(word, state, (state & ~WAITERS_MASK) | stack_index(gp));
}

/* Makes all of them ready; state is what the word was when they were taken off it. */
static inline void waiters_release(struct m *mp, uint64_t state)
{
	uint32_t index = (uint32_t)state;

	while (index) {
		struct g *gp = stack_by_index(index);

		index = (uint32_t)(uintptr_t)gp->link; /* read before it can run and wait elsewhere */
		g_ready(mp, gp);
	}
}

#endif
