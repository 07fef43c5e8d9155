/* SPDX-License-Identifier: MIT
 *
 * sched/stack_priv.h - what stack.c and guard.c share. */
#ifndef SCHED_STACK_PRIV_H
#define SCHED_STACK_PRIV_H

#include "sched/lock.h"
#include "sched/stack.h"

#define CHUNK_SHIFT 14
#define CHUNK_SLOTS (1u << CHUNK_SHIFT)
#define CHUNK_MASK (CHUNK_SLOTS - 1)
#define CHUNK_MAX (1u << (32 - CHUNK_SHIFT))
#define CHUNK_BYTES ((size_t)1 << 30)

#define COLOURS 16
#define TOP_RESERVE 64 /* the canary words of the upper neighbour, and what a capture may over-read */
#define CANARY 0x77656e642d677264ULL

#define VECTOR 64 /* slots that one system call guards, populates or gives back */

/* Free slots whose pages are still there: past WARM_MAX a batch is given back. */
#define WARM_MAX 4096
#define WARM_BATCH 512

#define SLOT_CLEAN 0x10000u /* in slot.flags while uncarve_tails works */

/* Small and on the heap: the table has pages of its own, so that all of them can be given back. */
struct chunk {
	char *map;  /* start of the mapping */
	char *base; /* first slot */
	size_t slot_size;
	uint32_t nslots, carved; /* carved: under the class's lock */
	uint32_t number;
	uint32_t keep; /* scratch of uncarve_tails */
	int cls;
	struct slot *slot; /* the side table: nslots entries */
};

/* What the first G of a chain on the class's stack holds, in fields that only a live one uses. */
static inline struct g **chain_next(struct g *chain)
{
	return (struct g **)&chain->wait_obj;
}

static inline int64_t *chain_len(struct g *chain)
{
	return &chain->parked_at;
}

struct free_list {
	uint32_t head; /* slot index, linked by slot.next; valid when n > 0 */
	uint32_t n;
};

struct stack_class {
	struct lock lock;
	struct g *warm;   /* chains whose pages are still there: the first G of each leads to the next */
	uint32_t nwarm;   /* slots on them */
	struct free_list clean; /* no pages: given back */
	struct free_list bare;  /* no pages, and no guard could be had */
	struct chunk *chunk;    /* where new slots are carved */
};

extern struct stack_class wend__stack_classes[STACK_CLASSES];
extern atm_ptr wend__chunks[CHUNK_MAX]; /* written under chunk_lock; entries stay until stack_fini */
extern atm_u32 wend__chunk_count;       /* likewise; number 0 stays empty, so that no index is 0 */

static inline struct chunk *chunk_at(uint32_t number)
{
	return atm_load_acq(&wend__chunks[number]); /* acq: pairs with chunk_make's store: the header */
}

static inline uint32_t chunk_count(void)
{
	return atm_load_acq(&wend__chunk_count);
}

static inline char *chunk_slot(const struct chunk *c, uint32_t i)
{
	return c->base + (size_t)i * c->slot_size;
}

static inline struct g *chunk_g(const struct chunk *c, uint32_t i)
{
	size_t block = (sizeof(struct g) + 63) & ~(size_t)63;

	return (struct g *)(chunk_slot(c, i) + c->slot_size - TOP_RESERVE - block -
						(size_t)(i % COLOURS) * 64);
}

static inline struct chunk *chunk_of(uint32_t index)
{
	return chunk_at(index >> CHUNK_SHIFT);
}

static inline struct slot *slot_of(uint32_t index)
{
	return &chunk_of(index)->slot[index & CHUNK_MASK];
}

/* Lowest address of a slot: its guard page. */
static inline char *slot_base(uint32_t index)
{
	return chunk_slot(chunk_of(index), index & CHUNK_MASK);
}

static inline void free_list_put(struct free_list *list, uint32_t index)
{
	slot_of(index)->next = list->head;
	list->head = index;
	list->n++;
}

static inline uint32_t free_list_get(struct free_list *list)
{
	uint32_t index = list->head;

	list->head = slot_of(index)->next;
	list->n--;
	return index;
}

/* Guards n slots of one class that are the caller's, at most VECTOR; returns how many, from the first, may be
 * used. Needs no lock, nor does the next. */
uint32_t guard_slots(const uint32_t *index, uint32_t n);

/* Gets n such slots their top pages, which saves faults. */
void populate_slots(const uint32_t *index, uint32_t n);

/* Gives the pages of at least n warm slots, if there are, back and puts them on the clean list; class
 * lock held, but not while the kernel works. Returns bytes. */
size_t release_pages(struct stack_class *sc, uint32_t n);

#endif
