/* SPDX-License-Identifier: MIT
 *
 * sched/stack.c - arenas, chunks, carving, and the lists of free slots. Guards and the return of
 * pages are in guard.c. */
#include "sched/stack_priv.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

struct stack_class wend__stack_classes[STACK_CLASSES];
atm_ptr wend__chunks[CHUNK_MAX];
atm_u32 wend__chunk_count = {1};
static struct lock chunk_lock;

int stack_class(size_t size)
{
	if (size > STACK_MAX_SIZE)
		return -EINVAL;
	int cls = 0;

	while (stack_class_size(cls) < size)
		cls++;
	return cls;
}

size_t stack_class_size(int cls)
{
	return STACK_MIN_SIZE << cls;
}

uint32_t stack_index(const struct g *gp)
{
	return gp->index;
}

struct g *stack_by_index(uint32_t index)
{
	return chunk_g(chunk_at(index >> CHUNK_SHIFT), index & CHUNK_MASK);
}

/* ---- Chunks ------------------------------------------------------------------------------------- */

static void say_exhausted(const char *what, int err)
{
	static atm_u32 said;

	if (atm_xchg_sc(&said, 1) == 0)
		fprintf(stderr,
				"wend: no further coroutine stack: %s: %s. Raise the limit on address space "
				"(ulimit -v), vm.max_map_count, vm.overcommit_memory or the memory of the cgroup, or "
				"end coroutines first. This is said once.\n",
				what, strerror(err));
}

/* One of n slots without a mapping for them. */
static struct chunk *chunk_header(uint32_t n)
{
	struct chunk *c = calloc(1, sizeof *c);

	if (!c)
		return NULL;
	c->slot = mmap(NULL, n * sizeof *c->slot, PROT_READ | PROT_WRITE,
				   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (c->slot == MAP_FAILED) {
		free(c);
		return NULL;
	}
	c->nslots = n;
	return c;
}

static void chunk_free(struct chunk *c)
{
	munmap(c->map, c->nslots * c->slot_size + PAGE_SIZE);
	munmap(c->slot, c->nslots * sizeof *c->slot);
	free(c);
}

/* Reserves a chunk of as many slots as the limits allow, halving from 1 GiB. */
static struct chunk *chunk_make(int cls)
{
	size_t size = stack_class_size(cls);
	uint32_t n = (uint32_t)(CHUNK_BYTES / size);
	char *mem = MAP_FAILED;

	for (n = n > CHUNK_SLOTS ? CHUNK_SLOTS : n; n > 0; n /= 2) {
		mem = mmap(NULL, n * size + PAGE_SIZE, PROT_READ | PROT_WRITE,
				   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_STACK, -1, 0);
		if (mem != MAP_FAILED)
			break;
	}
	if (mem == MAP_FAILED) {
		say_exhausted("mmap of a stack arena", errno);
		return NULL;
	}

	struct chunk *c = chunk_header(n);

	if (!c) {
		say_exhausted("mmap of a stack arena's table", errno);
		munmap(mem, n * size + PAGE_SIZE);
		return NULL;
	}
	/* A huge page under a stack would cost 2 MiB where 4 KiB are touched. Kernels without huge pages
	 * refuse the advice, which is just as well. */
	madvise(mem, n * size + PAGE_SIZE, MADV_NOHUGEPAGE);
	c->map = mem;
	c->base = mem + PAGE_SIZE; /* the page below holds the first slot's canary */
	c->slot_size = size;
	c->cls = cls;

	lock(&chunk_lock);
	uint32_t number = 1;

	while (number < chunk_count() && chunk_at(number))
		number++;
	if (number < CHUNK_MAX) {
		c->number = number;
		atm_store_rel(&wend__chunks[number], c); /* rel: pairs with chunk_at */
		if (number == chunk_count())
			atm_store_rel(&wend__chunk_count, number + 1);
	}
	unlock(&chunk_lock);
	if (number == CHUNK_MAX) {
		say_exhausted("arena table", ENOSPC);
		chunk_free(c);
		return NULL;
	}
	return c;
}

/* ---- Slots -------------------------------------------------------------------------------------- */

/* Writes the constants of a slot's control block: its page is fresh, or was given back. */
static struct g *block_init(struct chunk *c, uint32_t i)
{
	struct g *gp = chunk_g(c, i);
	struct slot *slot = &c->slot[i];

	gp->slot = slot;
	gp->flags = (uint16_t)slot->flags;
	gp->lo = chunk_slot(c, i) + (slot->flags & G_GUARDED ? PAGE_SIZE : 0);
	gp->size_class = c->cls;
	gp->index = c->number << CHUNK_SHIFT | i;
	gp->race_fiber = NULL;
	gp->last_p = -1;
	ctx_ground(g_stack_top(gp));
	return gp;
}

static struct g *take_clean(struct stack_class *sc, int n, int *got)
{
	struct g *chain = NULL;

	for (; *got < n && sc->clean.n > 0; (*got)++) {
		struct chunk *c = chunk_at(sc->clean.head >> CHUNK_SHIFT);
		uint32_t i = sc->clean.head & CHUNK_MASK;

		sc->clean.head = c->slot[i].next;
		sc->clean.n--;

		struct g *gp = block_init(c, i);

		gp->link = chain;
		chain = gp;
	}
	return chain;
}

/* The current chunk, else one that was emptied, else a new one. */
static struct chunk *chunk_with_room(struct stack_class *sc, int cls)
{
	if (sc->chunk && sc->chunk->carved < sc->chunk->nslots)
		return sc->chunk;
	for (uint32_t k = 1; k < chunk_count(); k++) {
		struct chunk *c = chunk_at(k);

		if (c && c->cls == cls && c->carved < c->nslots)
			return sc->chunk = c;
	}
	return sc->chunk = chunk_make(cls);
}

/* New slots; none when there is no room or no guard to be had. */
static struct g *carve(struct stack_class *sc, int cls, int n, int *got)
{
	struct chunk *c = chunk_with_room(sc, cls);

	struct g *chain = NULL;

	if (!c)
		return NULL;
	uint32_t left = c->nslots - c->carved;
	uint32_t want = (uint32_t)n < left ? (uint32_t)n : left;
	uint32_t done = guard_slots(c, c->carved, want);

	for (uint32_t i = c->carved; i < c->carved + done; i++) {
		struct g *gp = block_init(c, i);

		gp->link = chain;
		chain = gp;
	}
	c->carved += done;
	*got = (int)done;
	atm_add_sc(&wend__stack_carved, done);
	return chain;
}

struct g *stack_get(int cls, int n, int *got, int *err)
{
	struct stack_class *sc = &wend__stack_classes[cls];
	struct g *chain;

	*got = 0;
	*err = 0;
	lock(&sc->lock);
	chain = sc->warm;
	if (chain) {
		sc->warm = *chain_next(chain);
		*got = (int)*chain_len(chain);
		sc->nwarm -= (uint32_t)*got;
	} else {
		chain = take_clean(sc, n, got);
		if (!chain)
			chain = carve(sc, cls, n, got);
	}
	unlock(&sc->lock);
	if (!chain)
		*err = -EAGAIN;
	return chain;
}

void stack_put(struct g *chain, int n)
{
	struct stack_class *sc = &wend__stack_classes[chain->size_class];

	lock(&sc->lock);
	*chain_next(chain) = sc->warm;
	*chain_len(chain) = n;
	sc->warm = chain;
	sc->nwarm += (uint32_t)n;
	if (sc->nwarm > WARM_MAX)
		release_pages(sc, WARM_BATCH);
	unlock(&sc->lock);
}

/* True when fn wants a pause: *at then stands behind the slot just shown. */
static bool each_in_chunk(struct chunk *c, struct stack_cursor *at,
						  bool (*fn)(struct g *gp, uint64_t id, size_t size, void *arg), void *arg)
{
	while (at->slot < c->carved) {
		uint32_t i = at->slot++;
		uint64_t id = atm_load_acq(&c->slot[i].id); /* acq: pairs with spawn's store */

		if (id && !fn(chunk_g(c, i), id, c->slot_size, arg))
			return true;
	}
	return false;
}

bool stack_each(struct stack_cursor *at,
				bool (*fn)(struct g *gp, uint64_t id, size_t size, void *arg), void *arg)
{
	for (; at->cls < STACK_CLASSES; at->cls++, at->chunk = 0) {
		struct stack_class *sc = &wend__stack_classes[at->cls];
		bool pause = false;

		lock(&sc->lock); /* no chunk of this class is emptied meanwhile */
		for (; at->chunk < chunk_count(); at->chunk++, at->slot = 0) {
			struct chunk *c = chunk_at(at->chunk);

			pause = c && c->cls == (int)at->cls && each_in_chunk(c, at, fn, arg);
			if (pause)
				break;
		}
		unlock(&sc->lock);
		if (pause)
			return true;
	}
	return false;
}

void stack_fini(void)
{
	for (uint32_t k = 1; k < chunk_count(); k++) {
		struct chunk *c = chunk_at(k);

		if (!c)
			continue;
		atm_store_rlx(&wend__chunks[k], NULL);
		chunk_free(c);
	}
	atm_store_rlx(&wend__chunk_count, 1);
	memset(wend__stack_classes, 0, sizeof wend__stack_classes);
}
