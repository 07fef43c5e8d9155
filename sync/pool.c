/* SPDX-License-Identifier: MIT
 *
 * sync/pool.c - per P a magazine and a stock.
 *
 * The magazine is a little stack. Only the owner, which is who holds the P and is inside the runtime, puts things
 * in and moves n; anybody may take one out, by exchange, and so leave a hole. Slots from n on are empty. So
 * a put needs no locked instruction, a get needs one.
 *
 * The stock is two bags under a lock: what came in this period, and what has grown old. The owner moves half a
 * magazine to or from it at a time; those whose stock is empty, and threads without a P, take from others'.
 * Nobody runs user code or parks under the lock; who steals does not wait for it.
 *
 * Ordering.
 *   P1  put: slot.store rel        -> get, thief: slot exchange     the thing's contents
 *   P2  state CAS                  -> load acq                      the locals
 * The stock's lock orders the rest.
 */
#include "wend/pool.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/race.h"
#include "sched/lock.h"
#include "sched/sched.h"
#include "wend/go.h"

#define MAGAZINE ATM_SIZE(8, 2)
#define HALF (MAGAZINE / 2)
#define PERIOD_NS 500000000

struct bag {
	void **items;
	uint32_t n, room;
};

struct local {
	/* the magazine */
	alignas(CACHELINE) uint32_t n; /* owner */
	atm_ptr slot[MAGAZINE];        /* owner stores, anybody exchanges for NULL */

	/* the stock */
	alignas(CACHELINE) struct lock lock;
	atm_u32 any;          /* how many both bags hold; written under the lock, read by anybody as a hint */
	struct bag young, old; /* under the lock */
};

struct state {
	uint32_t n;   /* locals; P's with a greater number share them, but have no magazine. Constant. */
	atm_u64 aged; /* coarse clock when things last grew old */
	struct local local[];
};

/* ---- Fast ways ---------------------------------------------------------------------------------- */

/* The caller's own place, NULL for who has none. mp is inside the runtime, or NULL. */
static force_inline struct local *own_local(struct state *s, struct m *mp)
{
	return likely(mp && mp->p->id < s->n) ? &s->local[mp->p->id] : NULL;
}

/* Owner. NULL when the magazine is empty. */
static force_inline void *magazine_get(struct local *l)
{
	while (l->n) {
		void *item = atm_xchg_sc(&l->slot[--l->n], NULL); /* P1 */

		if (likely(item))
			return item;
	}
	return NULL;
}

/* Owner; there is room. */
static force_inline void magazine_put(struct local *l, void *item)
{
	atm_store_rel(&l->slot[l->n++], item); /* rel P1 */
}

static void *get_slow(wend_pool *p, struct state *s);
static void put_slow(wend_pool *p, void *item);

void *wend_pool_get(wend_pool *p)
{
	struct state *s = atm_load_acq(&p->wend__state); /* acq P2 */
	struct m *mp = getm();

	if (likely(s && mp && enter_bare(mp))) {
		struct local *l = own_local(s, mp);
		void *item = l ? magazine_get(l) : NULL;

		if (likely(item)) {
			leave(mp);
			race_acquire(item);
			return item;
		}
	}
	return get_slow(p, s);
}

void wend_pool_put(wend_pool *p, void *item)
{
	struct state *s = atm_load_acq(&p->wend__state); /* acq P2 */
	struct m *mp = getm();

	if (unlikely(!item))
		return;
	race_release(item);
	if (likely(s && mp && enter_bare(mp))) {
		struct local *l = own_local(s, mp);
		int64_t age = mp->p->now - (int64_t)atm_load_rlx(&s->aged); /* rlx: a clock */

		if (likely(l && l->n < MAGAZINE && age < PERIOD_NS)) {
			magazine_put(l, item);
			leave(mp);
			return;
		}
	}
	put_slow(p, item);
}

/* ---- Bags --------------------------------------------------------------------------------------- */

/* False without memory. */
static bool bag_put(struct bag *bag, void *item)
{
	if (bag->n == bag->room) {
		uint32_t room = bag->room ? bag->room * 2 : 2 * MAGAZINE;
		void **items = realloc(bag->items, room * sizeof *items);

		if (!items)
			return false;
		bag->items = items;
		bag->room = room;
	}
	bag->items[bag->n++] = item;
	return true;
}

static void drop(wend_pool *p, void *const *items, uint32_t n)
{
	for (uint32_t i = 0; p->drop && i < n; i++) {
		race_acquire(items[i]);
		p->drop(items[i], p->arg);
	}
}

/* ---- The stock; its lock is held ------------------------------------------------------------------- */

static void count(struct local *l)
{
	atm_store_rlx(&l->any, l->young.n + l->old.n); /* rlx: a hint for who has not the lock */
}

/* Up to max things, the newest first; of the old ones one only: those beside it have not been needed. */
static uint32_t stock_take(struct local *l, void **items, uint32_t max)
{
	uint32_t got = 0;

	while (got < max && l->young.n)
		items[got++] = l->young.items[--l->young.n];
	if (!got && l->old.n)
		items[got++] = l->old.items[--l->old.n];
	count(l);
	return got;
}

/* Puts the n things into bag; without memory the last ones stay: returns how many. */
static uint32_t stock_put(struct local *l, struct bag *bag, void **items, uint32_t n)
{
	while (n && bag_put(bag, items[n - 1]))
		n--;
	count(l);
	return n;
}

/* ---- Get ---------------------------------------------------------------------------------------- */

/* Where to begin for who has no place of his own. */
static uint32_t somewhere(const struct state *s, const struct m *mp)
{
	uintptr_t number = mp ? mp->p->id : (uintptr_t)pthread_self() / PAGE_SIZE;

	return (uint32_t)(number % s->n);
}

/* From another's stock half at most; not if its lock is held. */
static uint32_t steal(struct local *l, void **items, uint32_t max)
{
	uint32_t any = atm_load_rlx(&l->any); /* rlx: a hint */

	if (!any || !lock_try(&l->lock))
		return 0;
	max = (any + 1) / 2 < max ? (any + 1) / 2 : max;
	max = stock_take(l, items, max);
	unlock(&l->lock);
	return max;
}

/* One from another's magazine, the newest. */
static uint32_t steal_last(struct local *l, void **item)
{
	for (int i = MAGAZINE; i-- > 0;) {
		if (!atm_load_rlx(&l->slot[i])) /* rlx: the exchange decides */
			continue;
		*item = atm_xchg_sc(&l->slot[i], NULL); /* P1 */
		if (*item)
			return 1;
	}
	return 0;
}

/* Up to HALF things from wherever there are some; one for who has no magazine. */
static uint32_t search(struct state *s, struct m *mp, struct local *own, void **items)
{
	uint32_t first = own ? (uint32_t)(own - s->local) : somewhere(s, mp), got = 0;

	if (own) {
		items[0] = magazine_get(own);
		if (items[0])
			return 1;
		if (atm_load_rlx(&own->any)) { /* rlx: a hint */
			lock(&own->lock);
			got = stock_take(own, items, HALF);
			unlock(&own->lock);
		}
	}
	for (uint32_t i = own != NULL; !got && i < s->n; i++)
		got = steal(&s->local[(first + i) % s->n], items, own ? HALF : 1);
	for (uint32_t i = own != NULL; !got && i < s->n; i++)
		got = steal_last(&s->local[(first + i) % s->n], items);
	return got;
}

static noinline void *get_slow(wend_pool *p, struct state *s)
{
	void *items[MAGAZINE]; /* more than search brings */
	uint32_t got = 0;

	if (s) {
		struct m *mp = getm() ? enter() : NULL; /* without a P the runtime is not needed */
		struct local *own = own_local(s, mp);

		got = search(s, mp, own, items);
		for (uint32_t i = got; i > 1; i--)
			magazine_put(own, items[i - 1]);
		if (mp)
			leave(mp);
	}
	if (!got)
		return p->make ? p->make(p->arg) : NULL;
	race_acquire(items[0]);
	return items[0];
}

/* ---- Ageing ------------------------------------------------------------------------------------- */

/* What lies here grows old, and what was old is dropped. */
static void local_age(wend_pool *p, struct local *l)
{
	void *items[MAGAZINE];
	uint32_t n = 0;

	while (n < MAGAZINE && steal_last(l, &items[n]))
		n++;
	lock(&l->lock);

	struct bag gone = l->old;

	l->old = l->young;
	l->young = (struct bag){0};
	n = stock_put(l, &l->old, items, n);
	unlock(&l->lock);
	drop(p, gone.items, gone.n);
	drop(p, items, n); /* there was no memory to keep them */
	free(gone.items);
}

static void age_if_due(wend_pool *p, struct state *s)
{
	uint64_t now = (uint64_t)clock_coarse(), aged = atm_load_rlx(&s->aged); /* rlx: the CAS decides */

	if ((int64_t)(now - aged) < PERIOD_NS || !atm_cas_sc(&s->aged, aged, now))
		return;
	for (uint32_t i = 0; i < s->n; i++)
		local_age(p, &s->local[i]);
}

void wend_pool_flush(wend_pool *p)
{
	struct state *s = atm_load_acq(&p->wend__state); /* acq P2 */

	for (uint32_t i = 0; s && i < 2 * s->n; i++)
		local_age(p, &s->local[i / 2]); /* twice: even the young are old then */
}

/* ---- Put ---------------------------------------------------------------------------------------- */

static noinline struct state *state_make(wend_pool *p)
{
	uint32_t cpus = (uint32_t)wend_num_cpu(), procs = (uint32_t)wend_maxprocs(0);
	uint32_t n = procs > cpus ? procs : cpus;
	size_t size = sizeof(struct state) + n * sizeof(struct local);
	struct state *s = aligned_alloc(CACHELINE, size);

	if (!s)
		return NULL;
	memset(s, 0, size);
	s->n = n;
	atm_store_rlx(&s->aged, (uint64_t)clock_coarse()); /* rlx: P2 publishes */
	if (!atm_cas_sc(&p->wend__state, NULL, s)) {       /* P2 */
		free(s);
		s = atm_load_acq(&p->wend__state); /* acq P2 */
	}
	return s;
}

/* Owner: takes the newest half out; returns how many that were. */
static uint32_t magazine_halve(struct local *l, void **items)
{
	for (uint32_t n = 0; n < HALF; n++) {
		items[n] = magazine_get(l);
		if (!items[n])
			return n;
	}
	return HALF;
}

/* First use, full magazine, no magazine, or time to look at ages. */
static noinline void put_slow(wend_pool *p, void *item)
{
	struct state *s = atm_load_acq(&p->wend__state); /* acq P2 */
	void *items[HALF];
	uint32_t n;

	if (!s)
		s = state_make(p);
	if (!s) {
		drop(p, &item, 1);
		return;
	}

	struct m *mp = getm() ? enter() : NULL;
	struct local *l = own_local(s, mp);

	if (l) {
		n = l->n == MAGAZINE ? magazine_halve(l, items) : 0;
		magazine_put(l, item);
	} else {
		items[0] = item;
		n = 1;
		l = &s->local[somewhere(s, mp)];
	}
	if (n) {
		lock(&l->lock);
		n = stock_put(l, &l->young, items, n);
		unlock(&l->lock);
	}
	if (mp)
		leave(mp);
	drop(p, items, n); /* there was no memory to keep them */
	age_if_due(p, s);
}

void wend_pool_free(wend_pool *p)
{
	wend_pool_flush(p);
	free(atm_load_rlx(&p->wend__state)); /* rlx: nobody else has p any more */
	atm_store_rlx(&p->wend__state, NULL);
}
