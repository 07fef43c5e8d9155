/* SPDX-License-Identifier: MIT
 *
 * sync/chan.h - a channel, its lock, and the two operations under it, which chan.c and select.c share.
 *
 * The word:
 *   LOCK       somebody changes the channel. Taken by compare-and-swap, let go of by a plain store
 *   CAN_RECV   a receive would not block      } recomputed whenever the lock is let go of; they may say yes
 *   CAN_SEND   a send would not block         } where only selects wait that are decided already: who then
 *                                               takes the lock and finds nobody has unlinked those, and looks again
 *   CLOSED     for ever once set
 *   DRAINED    closed and empty: nothing can change any more
 *   the rest   counts the changes
 *
 * Invariants, under the lock: a sender that is undecided waits only when the buffer is full, a receiver only when it is
 * empty; a closed channel has no waiters.
 *
 * Ordering.
 *   C1  unlock: word.store rel   -> lock: CAS; look: load acq     all fields; what the senders and receivers did
 *   C2  lock: CAS (full barrier), then loads of other channels' words <-> the same with the channels exchanged:
 *       of two operations on two channels, each followed by a look at the other channel, one sees the other, as LOCK
 *       or by its effect. So the plain store of unlock costs no linearizability: look waits while LOCK is set.
 *   C3  until_grant: CAS of wait.claim <-> the same               one of a select's cases is completed, or U2
 *   C4  complete: won.store rel  -> waiter: won.load acq          the value, only where the runtime's end woke a
 *       foreign thread; else g_ready orders it
 */
#ifndef SYNC_CHAN_H
#define SYNC_CHAN_H

#include <string.h>

#include "base/fatal.h"
#include "base/race.h"
#include "sched/sched.h"
#include "sync/until_priv.h"
#include "wend/select.h"

#define LOCK 1ULL
#define CAN_RECV 2ULL
#define CAN_SEND 4ULL
#define CLOSED 8ULL
#define DRAINED 16ULL
#define CHANGE 32ULL

/* Everything but word, count and refs is under the lock. */
struct wend_chan {
	atm_u64 word;
	atm_u64 count;                        /* in the buffer; written under the lock */
	size_t cap, size;                     /* constant */
	char *in, *out;                       /* next place to send to, to receive from */
	struct wend_case *senders, *receivers; /* oldest first, circular */
	char *end;                            /* of the buffer; constant */
	atm_u32 refs;
	void *mem; /* what free takes; constant */
	struct wend_timer *timer; /* whose channel it is (time.c), or NULL; constant */
	alignas(CACHELINE) char buf[];
};

/* A channel at mem, which is aligned to 16 and has room for chan_room(bytes of its buffer). */
#define chan_room(bytes) (sizeof(struct wend_chan) + CACHELINE - 16 + (bytes))
struct wend_chan *chan_init(void *mem, size_t elem_size, size_t cap);

/* time.c: a timer's channel has lost its last reference; c ends with it. */
void timer_chan_gone(struct wend_chan *c);

/* One blocking call: of a coroutine or foreign thread, on its stack. Who takes a case of it off a queue (and wins the
 * claim, if it is contested) completes it under that channel's lock, and makes gp ready afterwards. */
struct wend__wait {
	struct g *gp;
	struct wend_case *cases;
	size_t n;
	bool contested;      /* several queues, or a deadline: the claim decides */
	struct until *until; /* the deadline, or NULL */
	atm_u32 claim;       /* enum claim */
	atm_ptr won; /* the case that was completed, by who did; NULL: none */
};

/* ---- The lock ----------------------------------------------------------------------------------- */

uint64_t chan_lock_slow(struct wend_chan *c);
uint64_t chan_look_slow(const struct wend_chan *c);

/* Returns the word as it was. */
static force_inline uint64_t chan_lock(struct wend_chan *c)
{
	uint64_t w = atm_load_rlx(&c->word); /* rlx: the CAS decides */

	if (likely(!(w & LOCK)) && likely(atm_cas_sc(&c->word, w, w | LOCK))) /* C1, C2 */
		return w;
	return chan_lock_slow(c);
}

/* The word to let go with. w: what lock returned, with CLOSED set by who closes. */
static force_inline uint64_t chan_word(const struct wend_chan *c, uint64_t w)
{
	uint64_t count = atm_load_rlx(&c->count); /* rlx: under the lock */
	uint64_t flags;

	if (unlikely(w & CLOSED))
		flags = CLOSED | CAN_SEND | CAN_RECV | (count ? 0 : DRAINED);
	else
		flags = (count || c->senders ? CAN_RECV : 0) | (count < c->cap || c->receivers ? CAN_SEND : 0);
	return ((w & ~(CHANGE - 1)) + CHANGE) | flags;
}

/* The last access to c. */
static force_inline void chan_unlock(struct wend_chan *c, uint64_t w)
{
	atm_store_rel(&c->word, chan_word(c, w)); /* rel C1 */
}

/* The word while nobody holds the lock. */
static force_inline uint64_t chan_look(const struct wend_chan *c)
{
	uint64_t w = atm_load_acq(&c->word); /* acq C1 */

	return likely(!(w & LOCK)) ? w : chan_look_slow(c);
}

/* ---- Queues ------------------------------------------------------------------------------------- */

static inline void chan_enqueue(struct wend_chan *c, struct wend_case *k)
{
	struct wend_case **head = k->op == WEND_OP_SEND ? &c->senders : &c->receivers, *first = *head;

	if (!first) {
		*head = k->wend__q.next = k->wend__q.prev = k;
		return;
	}
	k->wend__q.next = first;
	k->wend__q.prev = first->wend__q.prev;
	k->wend__q.prev->wend__q.next = k;
	first->wend__q.prev = k;
}

static inline void chan_remove(struct wend_chan *c, struct wend_case *k)
{
	struct wend_case **head = k->op == WEND_OP_SEND ? &c->senders : &c->receivers, *next = k->wend__q.next;

	if (*head == k)
		*head = next == k ? NULL : next;
	k->wend__q.prev->wend__q.next = next;
	next->wend__q.prev = k->wend__q.prev;
	k->wend__q.next = NULL;
}

/* The oldest waiter that nobody else completes; it is off the queue then, and the caller's to complete. */
static inline struct wend_case *chan_dequeue(struct wend_chan *c, struct wend_case *const *head)
{
	for (struct wend_case *k; (k = *head);) {
		chan_remove(c, k);
		if (!k->wend__q.wait->contested || until_grant(&k->wend__q.wait->claim)) /* C3 */
			return k;
	}
	return NULL;
}

/* Returns whom to make ready after the lock is let go of. */
static inline struct g *chan_complete(struct wend_case *k, bool ok)
{
	struct wend__wait *wait = k->wend__q.wait;
	struct g *gp = wait->gp;

	k->ok = ok;
	race_release(wait);
	/* rel C4: a foreign thread may go on at once. mutant: the model's runtime does not end */
	atm_store_rel(&wait->won, k);
	return gp;
}

/* ---- Operations under the lock ------------------------------------------------------------------ */

static force_inline void chan_copy(size_t size, void *to, const void *from)
{
	if (likely(size == 8))
		memcpy(to, from, 8);
	else if (size)
		memcpy(to, from, size);
}

static force_inline void chan_put(struct wend_chan *c, const void *elem)
{
	char *slot = c->in;

	race_acquire(slot); /* what the receiver did that made room */
	chan_copy(c->size, slot, elem);
	race_release(slot);
	slot += c->size;
	c->in = unlikely(slot == c->end) ? c->buf : slot;
}

static force_inline void chan_take(struct wend_chan *c, void *elem)
{
	char *slot = c->out;

	race_acquire(slot);
	if (likely(elem))
		chan_copy(c->size, elem, slot);
	race_release(slot);
	slot += c->size;
	c->out = unlikely(slot == c->end) ? c->buf : slot;
}

/* w: the word, as returned by chan_lock. False: it would block. *ok false: the channel is closed. *peer: whom
 * to make ready, else left alone. */
static force_inline bool chan_send_locked(struct wend_chan *c, uint64_t w, const void *elem, bool *ok,
										  struct g **peer)
{
	uint64_t count = atm_load_rlx(&c->count); /* rlx: under the lock */
	struct wend_case *k;

	*ok = true;
	if (unlikely(w & CLOSED)) {
		*ok = false;
		return true;
	}
	if (c->receivers && (k = chan_dequeue(c, &c->receivers))) {
		race_acquire(k->wend__q.wait);
		if (k->elem)
			chan_copy(c->size, k->elem, elem);
		*peer = chan_complete(k, true);
		return true;
	}
	if (count == c->cap)
		return false;
	chan_put(c, elem);
	atm_store_rlx(&c->count, count + 1); /* rlx: under the lock; len may be a moment late */
	return true;
}

/* A receive that saw DRAINED: nothing can change any more, so it needs no lock. */
static inline void chan_recv_drained(struct wend_chan *c, void *elem)
{
	race_acquire(c);
	if (elem && c->size)
		memset(elem, 0, c->size);
}

static force_inline bool chan_recv_locked(struct wend_chan *c, uint64_t w, void *elem, bool *ok,
										  struct g **peer)
{
	uint64_t count = atm_load_rlx(&c->count); /* rlx: under the lock */
	struct wend_case *k = c->senders ? chan_dequeue(c, &c->senders) : NULL;

	*ok = true;
	if (k)
		race_acquire(k->wend__q.wait);
	if (count) {
		chan_take(c, elem);
		if (k) /* the oldest sender's value goes into the room, which is behind all others */
			chan_put(c, k->elem);
		else
			atm_store_rlx(&c->count, count - 1); /* rlx: under the lock; len may be a moment late */
	} else if (k) {
		if (elem)
			chan_copy(c->size, elem, k->elem);
	} else if (w & CLOSED) {
		chan_recv_drained(c, elem);
		*ok = false;
	} else {
		return false;
	}
	if (k)
		*peer = chan_complete(k, true);
	return true;
}

static force_inline bool chan_try_locked(struct wend_chan *c, uint64_t w, struct wend_case *k, struct g **peer)
{
	return k->op == WEND_OP_SEND ? chan_send_locked(c, w, k->elem, &k->ok, peer)
								 : chan_recv_locked(c, w, k->elem, &k->ok, peer);
}

/* ---- Foreign threads and the runtime's end ------------------------------------------------------- */

/* Parked, and nobody completed it: the runtime has ended around a foreign thread. Takes the cases off their
 * queues, leaves, and goes on by polling; returns the case that was completed in the end, NULL after the deadline. */
struct wend_case *chan_go_on_alone(struct wend__wait *wait);

/* Takes all cases but one off their queues. */
void chan_withdraw(struct wend_case *cases, size_t n, const struct wend_case *but);

/* After the park: the case that was completed, NULL after the deadline. The caller has left the runtime. */
struct wend_case *chan_wait_over(struct m *mp, struct wend__wait *wait);

/* For a foreign thread that has entered: waiters of a runtime that has ended are forgotten. */
void chan_forget(struct wend_chan *c);

static inline void chan_enter_foreign(struct m *mp, struct wend_chan *c)
{
	if (unlikely(!mp) && !foreign_may())
		chan_forget(c);
}

/* Closes c; whom to make ready goes to the end of a list, *tail. False: it was closed. Inside the runtime. */
bool chan_close(struct m *mp, struct wend_chan *c, struct g ***tail);

/* Parks for ever. */
void chan_block_for_ever(enum wait_reason reason, const char *what);

#endif
