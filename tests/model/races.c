/* SPDX-License-Identifier: MIT
 *
 * tests/model/races.c - plain accesses of the library. Its files are compiled with -fsanitize=thread, and these are
 * the functions that the compiler then calls; ThreadSanitizer itself is not there. A plain access takes effect
 * at once, whatever the memory mode; what is checked is that it may:
 *   - not in freed memory;
 *   - under weak memory, not unordered with another thread's access to the same bytes one of which writes (a
 *     data race; happens-before by the clocks in the views). Fences alone order nothing here, as in C11.
 * Stacks are left out. (FastTrack, Flanagan and Freund 2009; four accesses per eight bytes as ThreadSanitizer.)
 */
#include "model/engine.h"

enum { CELLS = 1 << 14, RECORDS = 4 };

struct record {
	const void *pc;
	stamp clock;
	uint8_t thread, bytes;
	bool write, atomic;
};

static struct cell {
	uintptr_t granule; /* address / 8 */
	uint32_t generation;
	uint8_t n, oldest;
	struct record record[RECORDS];
} cells[CELLS];

static bool (*on_stack)(const void *p);

void model_stacks(bool (*fn)(const void *p))
{
	on_stack = fn;
}

static struct cell *find(uintptr_t granule, bool make)
{
	for (uint32_t h = (uint32_t)(granule * 0x9E3779B1u) >> 12, tries = 0; tries < 64; h++, tries++) {
		struct cell *c = &cells[h % CELLS];

		if (c->generation != model.generation) {
			if (!make)
				return NULL;
			*c = (struct cell){.granule = granule, .generation = model.generation};
			return c;
		}
		if (c->granule == granule)
			return c;
	}
	return NULL; /* no place: not looked at */
}

static const char *word(const struct record *r)
{
	return r->atomic ? r->write ? "atomic write" : "atomic read" : r->write ? "write" : "read";
}

static _Noreturn void race(const void *at, const struct record *before, const struct record *now)
{
	TRACE_OP(&model.thread[before->thread], OP_PLAIN, NULL, at, 0, 0, before->write, before->pc);
	TRACE_OP(model.cur, OP_PLAIN, NULL, at, 0, 0, now->write, now->pc);
	model.cur->pc = now->pc;
	model.cur->addr = at;
	model.cur->op = OP_PLAIN;
	model_stop("data race: %s by thread %d, earlier %s by thread %d, and nothing orders them", word(now),
			   now->thread, word(before), before->thread);
}

static void look(uintptr_t granule, const struct record *now, bool make)
{
	struct cell *c = find(granule, make);
	struct record *same = NULL;

	if (!c)
		return;
	for (int i = 0; i < c->n; i++) {
		struct record *r = &c->record[i];

		if (!(r->bytes & now->bytes))
			continue;
		if (r->thread == now->thread) {
			if (r->bytes == now->bytes && r->write == now->write && r->atomic == now->atomic)
				same = r; /* but others have been here since, perhaps */
			continue;
		}
		if ((r->write || now->write) && !(r->atomic && now->atomic) &&
			model.cur->view[1 + r->thread] < r->clock)
			race((const void *)(granule * 8), r, now);
	}
	if (same)
		*same = *now;
	else if (c->n < RECORDS)
		c->record[c->n++] = *now;
	else
		c->record[c->oldest++ % RECORDS] = *now;
}

static bool on_a_stack(const void *p)
{
	/* nor thread-local variables, which all threads of the model share */
	if ((uintptr_t)__builtin_thread_pointer() - (uintptr_t)p < 8192)
		return true;
	for (int i = 0; i < model.nthreads; i++)
		if ((uintptr_t)p - (uintptr_t)model.thread[i].stack < STACK_BYTES)
			return true;
	return on_stack && on_stack(p);
}

static noinline void compare(const void *p, size_t size, bool write, bool atomic, bool make, const void *pc)
{
	uintptr_t at = (uintptr_t)p, end = at + size;

	if (on_a_stack(p))
		return;
	while (at < end) {
		uintptr_t granule = at / 8, stop = (granule + 1) * 8 < end ? (granule + 1) * 8 : end;
		struct record now = {.pc = pc, .clock = model.cur->view[1 + model.cur->number],
							 .thread = model.cur->number, .write = write, .atomic = atomic};

		for (; at < stop; at++)
			now.bytes |= (uint8_t)(1u << at % 8);
		look(granule, &now, make);
	}
}

void races_atomic(const void *p, size_t size, bool write, const void *pc)
{
	if (model.nthreads > 1)
		compare(p, size, write, true, true, pc);
}

void races_free(const void *p, size_t size, const void *pc)
{
	if (model.memory == MODEL_WEAK && model.nthreads > 1)
		compare(p, size, true, false, false, pc);
}

static inline void plain(const void *p, size_t size, bool write, const void *pc)
{
	if (!model.running)
		return;
	if (heap_owns(p) && heap_freed_fast(p)) {
		model.cur->pc = pc;
		model.cur->addr = p;
		model.cur->op = OP_PLAIN;
		model_stop("use after free: a plain %s", write ? "write" : "read");
	}
	if (model.memory == MODEL_WEAK && model.nthreads > 1)
		compare(p, size, write, false, true, pc);
}

/* ---- What the compiler calls ----------------------------------------------------------------------------- */

#define ACCESS(n)                                                                                 \
	void __tsan_read##n(void *p);                                                                 \
	void __tsan_write##n(void *p);                                                                \
	void __tsan_unaligned_read##n(void *p);                                                       \
	void __tsan_unaligned_write##n(void *p);                                                      \
	void __tsan_read##n(void *p)                                                                  \
	{                                                                                             \
		plain(p, n, false, __builtin_return_address(0));                                          \
	}                                                                                             \
	void __tsan_write##n(void *p)                                                                 \
	{                                                                                             \
		plain(p, n, true, __builtin_return_address(0));                                           \
	}                                                                                             \
	void __tsan_unaligned_read##n(void *p)                                                        \
	{                                                                                             \
		plain(p, n, false, __builtin_return_address(0));                                          \
	}                                                                                             \
	void __tsan_unaligned_write##n(void *p)                                                       \
	{                                                                                             \
		plain(p, n, true, __builtin_return_address(0));                                           \
	}

ACCESS(1)
ACCESS(2)
ACCESS(4)
ACCESS(8)
ACCESS(16)

void __tsan_init(void);
void __tsan_read_range(void *p, size_t n);
void __tsan_write_range(void *p, size_t n);

void __tsan_init(void)
{
}

void __tsan_read_range(void *p, size_t n)
{
	plain(p, n, false, __builtin_return_address(0));
}

void __tsan_write_range(void *p, size_t n)
{
	plain(p, n, true, __builtin_return_address(0));
}
