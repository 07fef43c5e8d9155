/* SPDX-License-Identifier: MIT
 *
 * sync/waitq_priv.h - who waits for a lock, a semaphore, a condition: nodes on the waiters' own stacks in a
 * circular list, guarded by one bit of the object's word. docs/sync.md says what that buys.
 *
 * Ordering.
 *   L1  release: CAS or store of word   -> waitq_lock: CAS         list and nodes reach the next holder
 *   L2  waitq_end: fate.store rel       -> waiter: fate.load acq   only where the runtime's end woke a
 *       foreign thread; else g_ready orders it
 *
 * A waiter with a deadline (until_priv.h): its fate is the claim that decides. Who takes one off the list to give it
 * something must win that (waitq_claim), or take the next; one that has expired takes itself off, if it is still there,
 * and sees to it that nobody has to wait for its sake.
 */
#ifndef SYNC_WAITQ_PRIV_H
#define SYNC_WAITQ_PRIV_H

#include <sched.h>
#include <time.h>

#include "base/list.h"
#include "sched/sched.h"
#include "sync/until_priv.h"
#include "wend/mutex.h"

/* Bits that all words share. Release of the list clears the first and sets the second by what is left. */
#define WAITQ_LOCK 2ULL
#define WAITERS 4ULL

enum fate {
	FATE_PARKED = CLAIM_OPEN, /* on the list, and asleep (cond, or with a deadline) */
	FATE_TAKEN = CLAIM_DONE,  /* off it, with a deadline: one of the last two comes */
	FATE_EXPIRED = CLAIM_EXPIRED, /* on it or off it: wants nothing any more */
	FATE_QUEUED = CLAIM_ARMING,   /* on it */
	FATE_RETRY,                   /* off it: compete again */
	FATE_OWNS,                    /* off it: what was wanted is the waiter's */
};

struct wend__waiter {
	struct wend__waiter *next, *prev; /* under the list's bit */
	bool listed;                      /* likewise */
	struct g *gp;                     /* the waiter writes, before it enters the list */
	void *obj;                        /* likewise */
	uint64_t want;                    /* likewise: units of a semaphore */
	int64_t since;                    /* the waiter's own */
	bool awake;                       /* the waiter's own: the object counts it as awake (mutex) */
	bool starving;                    /* likewise: it has waited for too long (mutex) */
	struct until *until;              /* likewise: NULL if it waits for ever */
	atm_u32 fate;                     /* enum fate; who takes the node off the list */
};

/* To a list that hangs in no object: of those who will go on. */
static inline void waitq_append_taken(struct wend__waiter **head, struct wend__waiter *w)
{
	ring_append(head, w);
}

static inline void waitq_append(struct wend__waiter **head, struct wend__waiter *w)
{
	if (!w->until)
		atm_store_rlx(&w->fate, FATE_QUEUED); /* rlx: published with the list, L1; else until_arm has */
	w->listed = true;
	waitq_append_taken(head, w);
}

static inline void waitq_prepend(struct wend__waiter **head, struct wend__waiter *w)
{
	waitq_append(head, w);
	*head = w;
}

static inline void waitq_remove(struct wend__waiter **head, struct wend__waiter *w)
{
	ring_remove(head, w);
	w->next = w->prev = w;
	w->listed = false;
}

/* One turn of waiting for somebody who is on a CPU, or was a moment ago. */
static inline void waitq_relax(unsigned turn)
{
	if (turn < 100)
		atm_pause();
	else
		sched_yield();
}

/* Between two looks at a lock the holder has its cache line for itself, for a hundred short critical sections. */
#define LOOK_PAUSES ATM_SIZE(60, 1)

/* Pauses until the next look at a lock that somebody else holds, after *spent of them: at most `step`; 0: better park. In
 * all they take what they may save (then the worst is twice the best; Karlin et al. 1991), for a pause of 25 ns. */
static inline int waitq_spin(const struct m *mp, int *spent, int step)
{
	enum spin may = spin_may_help(mp);
	int left = (may == SPIN_LONG ? ATM_SIZE(480, 1) : may == SPIN_SHORT ? ATM_SIZE(20, 1) : 0) - *spent;

	step = step < left ? step : left;
	if (step <= 0)
		return 0;
	*spent += step;
	return step;
}

static inline void waitq_pause(int pauses)
{
	while (pauses-- > 0)
		atm_pause();
}

/* Returns the word with the bit set. Many instructions between this and the release are a mistake. */
static inline uint64_t waitq_lock(atm_u64 *word)
{
	for (unsigned turn = 0;; turn++) {
		uint64_t s = atm_load_rlx(word); /* rlx: the CAS decides */

		if (!(s & WAITQ_LOCK) && atm_cas_sc(word, s, s | WAITQ_LOCK)) /* L1 */
			return s | WAITQ_LOCK;
		waitq_relax(turn);
	}
}

/* In a commit, the list held: w may be given something from now on. False: its deadline has passed. */
static inline bool waitq_open(struct wend__waiter *w)
{
	return likely(!w->until) || until_open(&w->fate);
}

/* The list is held: w is to be given something. False: it has expired, wants nothing, and goes on by itself. */
static inline bool waitq_claim(struct wend__waiter *w)
{
	return likely(!w->until) || until_grant(&w->fate);
}

/* In a commit, the list held and w off it again, as there is nothing to wait for. What the commit returns: true when the
 * timer has made w ready just now. */
static inline bool waitq_back_out(struct wend__waiter *w, bool opened, enum fate fate)
{
	bool lost = opened && !waitq_claim(w);

	if (opened && !lost)
		atm_store_rlx(&w->fate, fate); /* rlx: the waiter comes after us */
	return lost;
}

/* A waiter is off the list, which has been released: it goes on. Nothing of w may be touched after. */
static inline void waitq_end(struct m *mp, struct wend__waiter *w, enum fate fate)
{
	struct g *gp = w->gp;

	atm_store_rel(&w->fate, fate); /* rel L2; mutant: the model's runtime does not end */
	g_ready(mp, gp);
}

/* The same for all of a circular list that hangs in no object any more. */
static inline void waitq_end_all(struct m *mp, struct wend__waiter *first, enum fate fate)
{
	if (!first)
		return;
	first->prev->next = NULL;
	for (struct wend__waiter *w = first, *next; w; w = next) {
		next = w->next; /* read before it can run */
		waitq_end(mp, w, fate);
	}
}

/* How a park ended. FATE_QUEUED: by the runtime's end, for a foreign thread. */
static inline enum fate waitq_fate(struct wend__waiter *w)
{
	return (enum fate)atm_load_acq(&w->fate); /* acq L2; mutant: as in waitq_end */
}

/* Nobody else is at it: it stands on its list, or its fate is decided. */
static inline bool waitq_settled(struct wend__waiter *w, bool listed)
{
	enum fate fate = waitq_fate(w);

	return listed || fate == FATE_RETRY || fate == FATE_OWNS || fate == FATE_EXPIRED;
}

/* What a foreign thread does after it has unlinked itself from a list that nobody will serve any more. */
static inline void waitq_nap(void)
{
	const struct timespec ms = {0, 1000000};

	nanosleep(&ms, NULL);
}

#endif
