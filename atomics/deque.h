/* SPDX-License-Identifier: MIT
 *
 * atomics/deque.h - the Chase-Lev work-stealing deque behind wend_deque and the run queues.
 *
 * Items lie at indices [top, bottom) of a circular buffer that doubles when full; indices are 64 bits
 * wide and never wrap. The owner pushes and pops at the bottom, and may also take at the top;
 * thieves take at the top by CAS, one visit announced by `thieves` taking one item or many.
 *
 * Two ways to order an owner against thieves, fixed per deque:
 *   full  pop exchanges bottom (store and fence in one), take is a CAS: the published algorithm, which the
 *         owner takes to whenever `thieves` is not 0; here it never is.
 *   asym  as long as no thief is announced the owner uses plain loads and stores only, for the last
 *         item, too. A thief announces itself, issues asym_heavy() and then proceeds as published; an
 *         owner who sees the announcement does so as well until the thief has left.
 *
 * Invariants: only the owner writes bottom and buf; top only grows; bottom - top <= capacity;
 * a slot is rewritten only when its index is below every top that a thief can still CAS from.
 *
 * Ordering.
 *   D1  push: bottom.store rel        -> thief: bottom.load acq    slot contents reach the thief
 *       (and every other store of bottom: the thief may read a later one instead)
 *   D2  grow: buf.store rel           -> thief: buf.load acq       copied slots reach the thief
 *   D3  pop: bottom store, light fence, thieves load
 *       <-> thief: thieves add, heavy fence, bottom load           owner sees the thief, or the thief
 *                                                                  sees bottom lowered
 *   D4  take: own store, light fence, thieves load
 *       <-> thief: thieves add, heavy fence, own load              owner sees the thief, or the thief
 *                                                                  waits until the owner is through
 *   D5  take: own.store rel           -> thief: own.load acq       top as the owner left it
 *   D6  thief: thieves add(-1)        -> owner: thieves.load acq   top as the thief left it
 * Why D3 is enough for the last item: without an announced thief no CAS can be under way, and a
 * thief that announces itself later finds top == bottom.
 *
 * A replaced buffer is freed at once when no thief is announced (by D3 none can have it), else kept until
 * that is so at a later replacement or trim, or, with full fences, until the deque is destroyed; together
 * the kept ones are smaller than the last one.
 */
#ifndef ATOMICS_DEQUE_H
#define ATOMICS_DEQUE_H

#include "atomics/asym.h"

struct deque_buf {
	uint64_t mask;
	struct deque_buf *older; /* retired predecessor */
	atm_ptr slot[];
};

struct deque {
	/* written by the owner */
	alignas(CACHELINE) atm_u64 bottom;
	atm_u32 own;   /* 1 while the owner takes at the top without a CAS */
	bool asym;     /* constant after init */
	uint64_t room; /* owner's: push needs no look at top while bottom < room */
	atm_ptr *slots; /* owner's copy of what buf holds */
	uint64_t mask;
	atm_ptr buf;
	/* written by thieves, and by the owner when it takes at the top */
	alignas(CACHELINE) atm_u64 top;
	atm_u32 thieves; /* announced thieves; DEQUE_ALWAYS with full fences, as if one never left */
};

#define DEQUE_ALWAYS (1u << 31)
#define DEQUE_MIN_CAPACITY ATM_SIZE(64, 2)
#define DEQUE_LARGE ATM_SIZE(4096, 3) /* slots; past it trim is worth its while */
#define DEQUE_MAX_CAPACITY ((uint64_t)1 << 31)

/* -ENOMEM, or -EINVAL above the limit. */
int deque_init(struct deque *d, size_t capacity, bool asym);
void deque_destroy(struct deque *d);

/* Owner: an empty deque that has grown large goes back to a small buffer, and replaced ones are freed. */
void deque_trim(struct deque *d);

/* Anybody: up to max items from the top, at most half of what is there, rounded up, or all if !half.
 * 0 when there is none or others interfere all the time. */
size_t deque_steal(struct deque *d, void **items, size_t max, bool half);

/* The slow paths of the owner. */
int deque_push_slow(struct deque *d, void *item);
bool deque_pop_contended(struct deque *d, uint64_t b, void **item);
bool deque_take_contended(struct deque *d, void **item);

static force_inline atm_ptr *deque__slot(struct deque_buf *buf, uint64_t i)
{
	return &buf->slot[i & buf->mask];
}

/* A moment's estimate. */
static force_inline uint64_t deque_len(const struct deque *d)
{
	/* rlx: an estimate; whoever acts on it goes through steal or pop */
	int64_t n = (int64_t)(atm_load_rlx(&d->bottom) - atm_load_rlx(&d->top));

	return n > 0 ? (uint64_t)n : 0;
}

/* Owner: what the slot of index i holds, possibly stale. */
static force_inline void *deque_peek(const struct deque *d, uint64_t i)
{
	return atm_load_rlx(&d->slots[i & d->mask]); /* rlx: a hint for prefetching */
}

/* Owner. -ENOMEM when full and unable to grow. */
static force_inline int deque_push(struct deque *d, void *item)
{
	uint64_t b = atm_load_rlx(&d->bottom); /* rlx: own word */

	if (unlikely(b >= d->room))
		return deque_push_slow(d, item);
	/* rlx: published by the store of bottom */
	atm_store_rlx(&d->slots[b & d->mask], item);
	atm_store_rel(&d->bottom, b + 1); /* rel D1 */
	return 0;
}

/* Owner: newest item. */
static force_inline bool deque_pop(struct deque *d, void **item)
{
	uint64_t b = atm_load_rlx(&d->bottom) - 1; /* rlx: own word */

	atm_store_rel(&d->bottom, b); /* rel D1; ordered by D3 */
	compiler_barrier();           /* D3: the light side; asym implies membarrier */
	if (unlikely(atm_load_acq(&d->thieves) != 0)) /* acq D6 */
		return deque_pop_contended(d, b, item);
	if (unlikely((int64_t)(b - atm_load_rlx(&d->top)) < 0)) { /* rlx: no thief; D6 */
		atm_store_rel(&d->bottom, b + 1); /* rel D1; mutant: empty, so who reads this finds nothing */
		return false;
	}
	*item = atm_load_rlx(&d->slots[b & d->mask]); /* rlx: own stores */
	return true;
}

/* Owner: oldest item. */
static force_inline bool deque_take(struct deque *d, void **item)
{
	atm_store_rlx(&d->own, 1); /* rlx: ordered by D4 */
	compiler_barrier();        /* D4 */
	if (unlikely(atm_load_acq(&d->thieves) != 0)) { /* acq D6 */
		atm_store_rel(&d->own, 0);                  /* rel D5 */
		return deque_take_contended(d, item);
	}
	uint64_t t = atm_load_rlx(&d->top); /* rlx: no thief; D6 */
	bool some = (int64_t)(atm_load_rlx(&d->bottom) - t) > 0;

	if (likely(some)) {
		*item = atm_load_rlx(&d->slots[t & d->mask]);
		atm_store_rlx(&d->top, t + 1); /* rlx: published by D5 */
	}
	atm_store_rel(&d->own, 0); /* rel D5 */
	return some;
}

#endif
