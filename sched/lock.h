/* SPDX-License-Identifier: MIT
 *
 * sched/lock.h - a lock that blocks the thread (M), for the scheduler's own rare paths. Three states
 * (Drepper, "Futexes are tricky"): 0 free, 1 held, 2 held and somebody sleeps. Holders never park, run
 * user code or take a second lock, except in the order sched.lock -> stack class.
 */
#ifndef SCHED_LOCK_H
#define SCHED_LOCK_H

#include "atomics/atomic.h"

struct lock {
	atm_u32 word;
};

void lock_contended(struct lock *l);
void unlock_contended(struct lock *l);

static inline void lock(struct lock *l)
{
	if (unlikely(!atm_cas_sc(&l->word, 0, 1)))
		lock_contended(l);
}

static inline bool lock_try(struct lock *l)
{
	return atm_cas_sc(&l->word, 0, 1);
}

static inline void unlock(struct lock *l)
{
	if (unlikely(atm_xchg_sc(&l->word, 0) == 2))
		unlock_contended(l);
}

#endif
