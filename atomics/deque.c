/* SPDX-License-Identifier: MIT
 *
 * atomics/deque.c - the deque's slow paths, the thief's side and the public face. */
#include "atomics/deque.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "wend/deque.h"

#define MAPPED ((size_t)16 << 10)  /* from this size on straight from the kernel, and back to it */
#define PATIENCE ATM_SIZE(64, 2)   /* looks at an owner inside a take before the thief goes elsewhere */

static size_t buf_bytes(uint64_t capacity)
{
	return sizeof(struct deque_buf) + capacity * sizeof(atm_ptr);
}

static struct deque_buf *buf_make(uint64_t capacity)
{
	size_t bytes = buf_bytes(capacity);
	struct deque_buf *buf = NULL;

	if (bytes < MAPPED) {
		buf = malloc(bytes);
	} else {
		void *mem = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

		if (mem != MAP_FAILED)
			buf = mem;
	}
	if (buf) {
		buf->mask = capacity - 1;
		buf->older = NULL;
	}
	return buf;
}

static void buf_free(struct deque_buf *buf)
{
	size_t bytes = buf_bytes(buf->mask + 1);

	if (bytes < MAPPED)
		free(buf);
	else
		munmap(buf, bytes);
}

int deque_init(struct deque *d, size_t capacity, bool asym)
{
	uint64_t cap = DEQUE_MIN_CAPACITY;

	if (capacity > DEQUE_MAX_CAPACITY)
		return -EINVAL;
	while (cap < capacity)
		cap *= 2;

	struct deque_buf *buf = buf_make(cap);

	if (!buf)
		return -ENOMEM;
	*d = (struct deque){.asym = asym && wend__asym_on, .room = cap};
	atm_store_rlx(&d->thieves, d->asym ? 0 : DEQUE_ALWAYS); /* rlx: nobody else has d yet */
	atm_store_rlx(&d->buf, buf); /* rlx: nobody else has d yet */
	d->slots = buf->slot;
	d->mask = buf->mask;
	return 0;
}

static void free_chain(struct deque_buf *buf)
{
	while (buf) {
		struct deque_buf *older = buf->older;

		buf_free(buf);
		buf = older;
	}
}

void deque_destroy(struct deque *d)
{
	free_chain(atm_load_rlx(&d->buf)); /* rlx: nobody else has d any more */
	atm_store_rlx(&d->buf, NULL);
}

/* ---- Owner -------------------------------------------------------------------------------------- */

/* Frees the buffers before this one, which is in use, unless a thief may still read them. */
static void drop_older(struct deque *d, struct deque_buf *buf)
{
	compiler_barrier();                   /* D3: the light side, with buf in bottom's place */
	if (atm_load_acq(&d->thieves) == 0) { /* acq D6 */
		free_chain(buf->older);
		buf->older = NULL;
	}
}

/* buf, a copy of what matters, takes the place of the buffer in use. */
static void replace(struct deque *d, struct deque_buf *buf)
{
	buf->older = atm_load_rlx(&d->buf);
	atm_store_rel(&d->buf, buf); /* rel D2 */
	d->slots = buf->slot;
	d->mask = buf->mask;
	if (d->asym)
		drop_older(d, buf);
}

static int grow(struct deque *d, uint64_t t, uint64_t b)
{
	struct deque_buf *old = atm_load_rlx(&d->buf);
	uint64_t cap = (old->mask + 1) * 2;
	struct deque_buf *buf = cap <= DEQUE_MAX_CAPACITY ? buf_make(cap) : NULL;

	if (!buf)
		return -ENOMEM;
	for (uint64_t i = t; i != b; i++)
		atm_store_rlx(deque__slot(buf, i), atm_load_rlx(deque__slot(old, i)));
	replace(d, buf);
	return 0;
}

void deque_trim(struct deque *d)
{
	/* rlx: an older top keeps the buffer, and D6 orders its end */
	uint64_t t = atm_load_rlx(&d->top), b = atm_load_rlx(&d->bottom);
	struct deque_buf *old = atm_load_rlx(&d->buf);
	struct deque_buf *buf;

	if (!d->asym) /* full fences would have to keep each */
		return;
	if (old->older)
		drop_older(d, old);
	if (old->mask < DEQUE_LARGE || t != b)
		return;
	buf = buf_make(DEQUE_MIN_CAPACITY);
	if (!buf)
		return;
	d->room = b; /* a push looks at top and the new mask first */
	replace(d, buf);
}

int deque_push_slow(struct deque *d, void *item)
{
	uint64_t b = atm_load_rlx(&d->bottom);
	/* acq: slots below top were read by their thieves. mutant: a load that sees what is stored later, as arm64 would
	 * let the thief's do, is not in the checker's memory */
	uint64_t t = atm_load_acq(&d->top);

	if (b - t > d->mask && grow(d, t, b) != 0)
		return -ENOMEM;
	d->room = t + d->mask + 1;
	atm_store_rlx(&d->slots[b & d->mask], item);
	atm_store_rel(&d->bottom, b + 1); /* rel D1 */
	return 0;
}

/* The published pop. b is bottom - 1; bottom may or may not be lowered already. */
noinline bool deque_pop_contended(struct deque *d, uint64_t b, void **item)
{
	atm_xchg_sc(&d->bottom, b); /* the store-load fence against a thief's CAS */

	/* acq: as in push_slow, for pushes that follow. mutant: as there */
	uint64_t t = atm_load_acq(&d->top);
	int64_t left = (int64_t)(b - t);

	if (left < 0) {
		atm_store_rel(&d->bottom, b + 1); /* rel D1; mutant: empty, so who reads this finds nothing */
		return false;
	}
	*item = atm_load_rlx(&d->slots[b & d->mask]);
	if (left > 0)
		return true;

	bool won = atm_cas_sc(&d->top, t, t + 1); /* the last item: whoever moves top has it */

	atm_store_rel(&d->bottom, b + 1); /* rel D1; mutant: empty as above */
	return won;
}

/* The owner as a thief of its own: it needs no announcement, its CAS is decided like theirs. */
noinline bool deque_take_contended(struct deque *d, void **item)
{
	for (;;) {
		uint64_t t = atm_load_acq(&d->top); /* acq: as in push_slow. mutant: as there; the CAS decides */

		if ((int64_t)(atm_load_rlx(&d->bottom) - t) <= 0)
			return false;
		*item = atm_load_rlx(&d->slots[t & d->mask]);
		if (atm_cas_sc(&d->top, t, t + 1))
			return true;
	}
}

/* ---- Thief -------------------------------------------------------------------------------------- */

/* Takes the announced visit's first look: false when the owner stays inside a take (its thread lost
 * the CPU there), so that the thief can go elsewhere instead of waiting. */
static bool owner_outside(struct deque *d)
{
	for (int i = 0; i < PATIENCE; i++) {
		if (atm_load_acq(&d->own) == 0) /* acq D5; mutant: the fence in steal_items does it, too */
			return true;
		atm_pause();
	}
	return false;
}

static size_t steal_items(struct deque *d, void **items, size_t max, bool half)
{
	size_t want = max, got = 0;
	int lost = 0;

	while (got < want) {
		uint64_t t = atm_load_acq(&d->top); /* mutant: the fence does it, too */

		if (!ATM_TSO)
			atm_fence_sc(); /* top before bottom, as in the published algorithm */
		int64_t have = (int64_t)(atm_load_acq(&d->bottom) - t); /* acq D1 */

		if (have <= 0)
			break;
		if (half && got == 0 && (size_t)(have + 1) / 2 < want)
			want = (size_t)(have + 1) / 2;

		struct deque_buf *buf = atm_load_acq(&d->buf); /* acq D2 */
		void *item = atm_load_rlx(deque__slot(buf, t)); /* rlx: counts only if the CAS succeeds */

		if (atm_cas_sc(&d->top, t, t + 1)) /* the item changes hands here */
			items[got++] = item;
		else if (got > 0 || ++lost == 8)
			break;
	}
	return got;
}

size_t deque_steal(struct deque *d, void **items, size_t max, bool half)
{
	size_t got = 0;

	if (deque_len(d) == 0)
		return 0;
	if (!d->asym)
		return steal_items(d, items, max, half);
	atm_add_sc(&d->thieves, 1); /* D3, D4 */
	asym_heavy();               /* D3, D4 */
	if (owner_outside(d))
		got = steal_items(d, items, max, half);
	atm_add_sc(&d->thieves, (uint32_t)-1); /* D6 */
	return got;
}

/* ---- Public face -------------------------------------------------------------------------------- */

struct wend_deque {
	struct deque d;
};

wend_deque *wend_deque_make(size_t capacity, enum wend_deque_fence fence)
{
	wend_deque *d = aligned_alloc(CACHELINE, sizeof *d);

	if (!d)
		return NULL;
	wend__asym_probe();
	if (deque_init(&d->d, capacity, fence != WEND_DEQUE_FULL) != 0) {
		free(d);
		return NULL;
	}
	return d;
}

void wend_deque_free(wend_deque *d)
{
	if (!d)
		return;
	deque_destroy(&d->d);
	free(d);
}

int wend_deque_push(wend_deque *d, void *item)
{
	return deque_push(&d->d, item);
}

bool wend_deque_pop(wend_deque *d, void **item)
{
	return deque_pop(&d->d, item);
}

bool wend_deque_take(wend_deque *d, void **item)
{
	return deque_take(&d->d, item);
}

bool wend_deque_steal(wend_deque *d, void **item)
{
	return deque_steal(&d->d, item, 1, false) == 1;
}

size_t wend_deque_steal_half(wend_deque *d, void **items, size_t max)
{
	return deque_steal(&d->d, items, max, true);
}

size_t wend_deque_len(const wend_deque *d)
{
	return deque_len(&d->d);
}
