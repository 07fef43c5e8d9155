/* SPDX-License-Identifier: MIT
 *
 * tests/model/heap.c - malloc and its kin inside an execution. Memory is never used twice, so that whatever
 * touches it after free is caught; blocks lie at the same addresses each time. Linked with --wrap.
 */
#include "model/engine.h"

#include <sys/types.h>

enum { HEAP_BYTES = 4 << 20, BLOCKS = 4096, ALIGN = 16, FRESH = 0xA5, FREED = 0xDB };

struct block {
	char *at;
	size_t size;
	bool freed;
	const void *pc;
};

static alignas(PAGE_SIZE) char heap[HEAP_BYTES];
static size_t used;
static uint8_t freed[HEAP_BYTES / ALIGN]; /* blocks begin at multiples of ALIGN */
static struct block blocks[BLOCKS];
static int nblocks;
static void (*on_alloc)(void *at, size_t size);
static bool no_memory;

void *__real_malloc(size_t size);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *p, size_t size);
void *__real_aligned_alloc(size_t align, size_t size);
int __real_posix_memalign(void **p, size_t align, size_t size);
void __real_free(void *p);
void *__real_mmap(void *at, size_t size, int prot, int how, int fd, off_t offset);
int __real_munmap(void *p, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *p, size_t size);
void *__wrap_aligned_alloc(size_t align, size_t size);
int __wrap_posix_memalign(void **p, size_t align, size_t size);
void __wrap_free(void *p);
void *__wrap_mmap(void *at, size_t size, int prot, int how, int fd, off_t offset);
int __wrap_munmap(void *p, size_t size);

void heap_begin(void)
{
	memset(freed, 0, used / ALIGN);
	used = 0;
	nblocks = 0;
	on_alloc = NULL;
	no_memory = false;
}

void model_no_memory(bool on)
{
	no_memory = on;
}

void model_on_alloc(void (*fn)(void *at, size_t size))
{
	on_alloc = fn;
}

bool heap_owns(const void *p)
{
	return (const char *)p >= heap && (const char *)p < heap + HEAP_BYTES;
}

/* The last block that begins at or below p. */
static struct block *find(const void *p)
{
	int lo = 0, hi = nblocks;

	while (lo < hi) {
		int mid = (lo + hi) / 2;

		if (blocks[mid].at <= (const char *)p)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo ? &blocks[lo - 1] : NULL;
}

bool heap_freed_fast(const void *p)
{
	return freed[((const char *)p - heap) / ALIGN] != 0;
}

bool heap_freed(const void *p)
{
	const struct block *b = find(p);

	return !b || b->freed || (size_t)((const char *)p - b->at) >= b->size;
}

void heap_end(void)
{
	for (int i = 0; i < nblocks && !model.opt->leaks; i++)
		if (!blocks[i].freed) {
			model.cur->pc = blocks[i].pc;
			model_stop("leak: a block of %zu bytes was not freed", blocks[i].size);
		}
}

static void *take(size_t align, size_t size, const void *pc)
{
	size_t at = (used + align - 1) & ~(align - 1);

	/* a gap between blocks: what runs over the end of one is found */
	if (at + size + ALIGN > HEAP_BYTES || nblocks == BLOCKS)
		model_stop("the model's heap is full");
	used = at + size + ALIGN;
	blocks[nblocks++] = (struct block){heap + at, size, false, pc};
	memset(heap + at, FRESH, size);
	TRACE_OP(model.cur, OP_ALLOC, NULL, heap + at, size, 0, 0, pc);
	if (on_alloc)
		on_alloc(heap + at, size);
	return heap + at;
}

void *__wrap_malloc(size_t size)
{
	if (!model.running)
		return __real_malloc(size);
	return no_memory ? NULL : take(ALIGN, size, __builtin_return_address(0));
}

void *__wrap_aligned_alloc(size_t align, size_t size)
{
	if (!model.running)
		return __real_aligned_alloc(align, size);
	return no_memory ? NULL : take(align, size, __builtin_return_address(0));
}

int __wrap_posix_memalign(void **p, size_t align, size_t size)
{
	if (!model.running)
		return __real_posix_memalign(p, align, size);
	*p = take(align, size, __builtin_return_address(0));
	return 0;
}

void *__wrap_calloc(size_t n, size_t size)
{
	if (!model.running)
		return __real_calloc(n, size);
	return no_memory ? NULL : memset(take(ALIGN, n * size, __builtin_return_address(0)), 0, n * size);
}

void *__wrap_realloc(void *p, size_t size)
{
	if (!model.running)
		return __real_realloc(p, size);

	void *to = take(ALIGN, size, __builtin_return_address(0));

	if (p) {
		const struct block *b = find(p);

		memcpy(to, p, b->size < size ? b->size : size);
		__wrap_free(p);
	}
	return to;
}

void __wrap_free(void *p)
{
	const void *pc = __builtin_return_address(0);

	if (!model.running || !heap_owns(p)) {
		__real_free(p);
		return;
	}
	struct block *b = find(p);

	model.cur->pc = pc;
	if (!b || b->at != p)
		model_stop("free of %p, which is no block", p);
	if (b->freed)
		model_stop("double free of %p", p);
	b->freed = true;
	races_free(p, b->size, pc);
	memset(&freed[(b->at - heap) / ALIGN], 1, (b->size + ALIGN - 1) / ALIGN);
	model.cur->arrived = false;
	TRACE_OP(model.cur, OP_FREE, NULL, p, b->size, 0, 0, pc);
	if (model.memory == MODEL_TSO)
		tso_forget(b->at, b->at + b->size);
	for (int i = 0; i < model.nused; i++) {
		struct location *l = model.used[i];

		if ((const char *)l->addr >= b->at && (const char *)l->addr < b->at + b->size)
			l->freed = true;
	}
	memset(b->at, FREED, b->size);
}

/* Anonymous memory only. */
void *__wrap_mmap(void *at, size_t size, int prot, int how, int fd, off_t offset)
{
	if (!model.running)
		return __real_mmap(at, size, prot, how, fd, offset);
	return memset(take(PAGE_SIZE, size, __builtin_return_address(0)), 0, size);
}

int __wrap_munmap(void *p, size_t size)
{
	if (!model.running || !heap_owns(p))
		return __real_munmap(p, size);
	__wrap_free(p);
	return 0;
}

void heap_describe(const void *p, char *out, size_t size)
{
	const struct block *b = find(p);

	if (!b) {
		snprintf(out, size, "heap");
		return;
	}
	snprintf(out, size, "block%d+%ld%s", (int)(b - blocks), (long)((const char *)p - b->at),
			 b->freed ? " (freed)" : "");
}
