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

#include "base/race.h"

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
	return chunk_g(chunk_of(index), index & CHUNK_MASK);
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
	/* Frames that were abandoned: the next runtime may map here. Slots that are carved no more ended with clean ones. */
	asan_unpoison(c->map, c->carved * c->slot_size + PAGE_SIZE);
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
static struct g *block_init(uint32_t index)
{
	struct g *gp = stack_by_index(index);
	struct slot *slot = slot_of(index);

	gp->slot = slot;
	gp->flags = (uint16_t)atm_load_rlx(&slot->flags); /* rlx: the slot is ours */
	gp->lo = slot_base(index) + (gp->flags & G_GUARDED ? PAGE_SIZE : 0);
	gp->size_class = chunk_of(index)->cls;
	gp->index = index;
	gp->race_fiber = NULL;
	gp->last_p = -1;
	ctx_ground(g_stack_top(gp));
	return gp;
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

/* Up to n free slots without pages, all with a guard or all without. Class lock held. */
static uint32_t take_slots(struct stack_class *sc, int cls, uint32_t *index, uint32_t n)
{
	struct free_list *list = sc->clean.n ? &sc->clean : &sc->bare;
	struct chunk *c;
	uint32_t k = 0;

	while (k < n && list->n > 0)
		index[k++] = free_list_get(list);
	if (k > 0)
		return k;
	c = chunk_with_room(sc, cls);
	while (c && k < n && c->carved < c->nslots)
		index[k++] = c->number << CHUNK_SHIFT | c->carved++;
	return k;
}

/* The kernel takes some 2 us for each page and guard, so this goes without the class's lock: P's that create at
 * the same time do not wait for one another. Returns how many, from the first, could be guarded. */
static uint32_t make_ready(const uint32_t *index, uint32_t n, struct g **chain)
{
	if (n > 0 && !atm_load_rlx(&slot_of(index[0])->flags)) /* rlx: the slot is ours */
		n = guard_slots(index, n);
	populate_slots(index, n);
	for (uint32_t k = 0; k < n; k++) {
		struct g *gp = block_init(index[k]);

		gp->link = *chain;
		*chain = gp;
	}
	return n;
}

struct g *stack_get(int cls, int n, int *got, int *err)
{
	struct stack_class *sc = &wend__stack_classes[cls];
	uint32_t index[VECTOR], taken, ready;
	struct g *chain = NULL;

	*err = 0;
	lock(&sc->lock);
	if (sc->warm) {
		chain = sc->warm;
		sc->warm = *chain_next(chain);
		*got = (int)*chain_len(chain);
		sc->nwarm -= (uint32_t)*got;
		unlock(&sc->lock);
		return chain;
	}
	taken = take_slots(sc, cls, index, n < VECTOR ? (uint32_t)n : VECTOR);
	unlock(&sc->lock);
	ready = make_ready(index, taken, &chain);
	if (ready < taken) {
		lock(&sc->lock);
		for (uint32_t k = ready; k < taken; k++)
			free_list_put(&sc->bare, index[k]);
		unlock(&sc->lock);
	}
	*got = (int)ready;
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
