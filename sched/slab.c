/* SPDX-License-Identifier: MIT
 *
 * sched/slab.c - see slab.h.
 *
 * A slab is 64 KiB at a multiple of that, so that an object's address tells its slab. Its head takes the place of one
 * object, another one from slab to slab, or the heads of all slabs would fall into the same sets of the caches.
 * Chains of 32 go to and fro, so the lock is taken once for so many. It is a leaf: whoever holds it takes no other.
 */
#include "sched/slab.h"

#include <sys/mman.h>

#include "base/list.h"
#include "sched/sched_priv.h"

#define SLAB_BYTES ((size_t)64 << 10)
#define COLOURS 64

#define X(id, bytes) _Static_assert((bytes) * 2 * COLOURS <= SLAB_BYTES, "a head is not in the last place");
SLAB_KINDS(X)
#undef X

struct slab {
	struct slab *next, *prev; /* a ring of those with free objects */
	struct slab_item *free;
	uint32_t used, fresh; /* objects that are out; places that were never used begin here */
	uint32_t head;        /* the place that the head takes */
};

static struct slabs {
	alignas(CACHELINE) struct lock lock;
	struct slab *some; /* the slabs that have free objects */
	uint32_t bytes;    /* of one; constant */
} all[SLAB_KINDS_N] = {
#define X(id, n) {.bytes = (n)},
	SLAB_KINDS(X)
#undef X
};

/* ---- Slabs: under the lock, but for the kernel's part ------------------------------------------- */

static struct slab *head_of(char *slab, uint32_t bytes)
{
	return (struct slab *)(slab + ((uintptr_t)slab / SLAB_BYTES % COLOURS) * bytes);
}

static struct slab *slab_of(const void *object, uint32_t bytes)
{
	return head_of((char *)((uintptr_t)object & ~(uintptr_t)(SLAB_BYTES - 1)), bytes);
}

static char *slab_start(const struct slab *s)
{
	return (char *)((uintptr_t)s & ~(uintptr_t)(SLAB_BYTES - 1));
}

/* NULL: no memory. */
static struct slab *slab_map(uint32_t bytes)
{
	char *mem = mmap(NULL, 2 * SLAB_BYTES - PAGE_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), *at;
	struct slab *s;

	if (mem == MAP_FAILED)
		return NULL;
	at = (char *)(((uintptr_t)mem + SLAB_BYTES - 1) & ~(uintptr_t)(SLAB_BYTES - 1));
	if (at > mem)
		munmap(mem, (size_t)(at - mem));
	if (at < mem + SLAB_BYTES - PAGE_SIZE)
		munmap(at + SLAB_BYTES, (size_t)(mem + SLAB_BYTES - PAGE_SIZE - at));
	s = head_of(at, bytes);
	s->head = (uint32_t)(((char *)s - at) / bytes);
	return s;
}

static void link_slab(struct slabs *st, struct slab *s)
{
	ring_append(&st->some, s);
	st->some = s; /* the first: its cache lines are warm */
}

/* One of s, which has one. */
static struct slab_item *slab_take(struct slabs *st, struct slab *s)
{
	struct slab_item *it = s->free;

	if (it) {
		s->free = it->next;
	} else {
		if (s->fresh == s->head)
			s->fresh++;
		it = (struct slab_item *)(slab_start(s) + (size_t)s->fresh++ * st->bytes);
	}
	s->used++;
	if (!s->free && s->fresh == SLAB_BYTES / st->bytes)
		ring_remove(&st->some, s);
	return it;
}

/* Back to its slab. Returns that if it can go: nobody uses it, and it is not the only one with free objects. */
static struct slab *slab_give(struct slabs *st, struct slab_item *it)
{
	struct slab *s = slab_of(it, st->bytes);

	if (!s->free && s->fresh == SLAB_BYTES / st->bytes)
		link_slab(st, s);
	it->next = s->free;
	s->free = it;
	if (--s->used > 0 || s->next == s)
		return NULL;
	ring_remove(&st->some, s);
	return s;
}

/* ---- Chains ------------------------------------------------------------------------------------- */

/* Up to n of them; *got says how many. NULL: no memory. */
static struct slab_item *take(struct slabs *st, uint32_t n, uint32_t *got)
{
	struct slab_item *chain = NULL;

	*got = 0;
	lock(&st->lock);
	if (!st->some) {
		unlock(&st->lock);

		struct slab *s = slab_map(st->bytes);

		if (!s)
			return NULL;
		lock(&st->lock);
		link_slab(st, s);
	}
	for (; *got < n && st->some; ++*got) {
		struct slab_item *it = slab_take(st, st->some);

		it->next = chain;
		chain = it;
	}
	unlock(&st->lock);
	return chain;
}

static void give(struct slabs *st, struct slab_item *chain)
{
	struct slab *empty = NULL;

	lock(&st->lock);
	for (struct slab_item *next; chain; chain = next) {
		struct slab *s;

		next = chain->next;
		s = slab_give(st, chain);
		if (s) {
			s->next = empty;
			empty = s;
		}
	}
	unlock(&st->lock);
	for (struct slab *next; empty; empty = next) {
		next = empty->next;
		if (munmap(slab_start(empty), SLAB_BYTES) == 0)
			continue;
		lock(&st->lock); /* in the midst of a mapping, and there may be no more of those */
		link_slab(st, empty);
		unlock(&st->lock);
	}
}

/* ---- A P's shelf -------------------------------------------------------------------------------- */

noinline void *slab_get_slow(struct p *pp, enum slab_kind kind)
{
	struct shelf *sh = pp ? &pp->shelves[kind] : NULL;
	struct slab_item *it;
	uint32_t got;

	if (sh && sh->spare) {
		it = sh->spare;
		sh->spare = NULL;
		got = SHELF_CHAIN;
	} else {
		it = take(&all[kind], sh ? SHELF_CHAIN : 1, &got);
	}
	if (it && sh) {
		sh->chain = it->next;
		sh->n = got - 1;
	}
	return it;
}

noinline void slab_put_slow(struct p *pp, enum slab_kind kind, void *object)
{
	struct slab_item *it = object;
	struct shelf *sh = pp ? &pp->shelves[kind] : NULL;

	if (!sh) {
		it->next = NULL;
		give(&all[kind], it);
		return;
	}
	if (sh->spare)
		give(&all[kind], sh->spare);
	sh->spare = sh->chain;
	it->next = NULL;
	sh->chain = it;
	sh->n = 1;
}

void slab_flush(struct p *pp)
{
	for (int kind = 0; kind < SLAB_KINDS_N; kind++) {
		struct shelf *sh = &pp->shelves[kind];

		if (sh->chain)
			give(&all[kind], sh->chain);
		if (sh->spare)
			give(&all[kind], sh->spare);
		*sh = (struct shelf){NULL, NULL, 0};
	}
}
