/* SPDX-License-Identifier: MIT
 *
 * bench_switch.c - the bare context switch, without a scheduler: two contexts that switch to each
 * other from one place in the code or from two (the common case in a scheduler, and the one where
 * a switch that ends in `ret` is mispredicted). Against swapcontext, setjmp with longjmp, and
 * Boost.Context (peers/boost.cc).
 */
#include "base/compiler.h"
#include "bench/bench.h"
#include "sched/ctx.h"

#include <setjmp.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <ucontext.h>

#define STACK_SIZE ((size_t)64 << 10)

/* Here: the benchmark's own thread; there: the second context. */
struct pair {
	struct ctx here, there;
	ucontext_t uc_here, uc_there;
	jmp_buf jb_here, jb_there;
	char *stack;
};

/* One call site for both sides. */
static noinline void switch_same(struct ctx *from, const struct ctx *to, uint64_t n)
{
	while (n-- > 0)
		ctx_switch(from, to, NULL);
}

static void same_there(void *arg)
{
	struct pair *p = arg;

	for (;;)
		switch_same(&p->there, &p->here, UINT64_MAX);
}

static void same_here(struct pair *p, uint64_t n)
{
	switch_same(&p->here, &p->there, n);
}

static void cross_there(void *arg)
{
	struct pair *p = arg;

	for (;;)
		ctx_switch(&p->there, &p->here, NULL);
}

static void cross_here(struct pair *p, uint64_t n)
{
	while (n-- > 0)
		ctx_switch(&p->here, &p->there, NULL);
}

static void full_there(void *arg)
{
	struct pair *p = arg;

	for (;;)
		ctx_switch_full(&p->there, &p->here, NULL);
}

static void full_here(struct pair *p, uint64_t n)
{
	while (n-- > 0)
		ctx_switch_full(&p->here, &p->there, NULL);
}

static void ucontext_here(struct pair *p, uint64_t n)
{
	while (n-- > 0)
		swapcontext(&p->uc_here, &p->uc_there);
}

static void ucontext_there(unsigned high, unsigned low)
{
	struct pair *p = (struct pair *)((uintptr_t)high << 32 | low);

	for (;;)
		swapcontext(&p->uc_there, &p->uc_here);
}

static noinline void jump_here(struct pair *p)
{
	if (_setjmp(p->jb_here) == 0)
		_longjmp(p->jb_there, 1);
}

static void jumps_here(struct pair *p, uint64_t n)
{
	while (n-- > 0)
		jump_here(p);
}

/* The second context comes to life by swapcontext and goes on by jumps. */
static noinline void jump_there(struct pair *p)
{
	if (_setjmp(p->jb_there) == 0)
		_longjmp(p->jb_here, 1);
}

static void jumps_there(unsigned high, unsigned low)
{
	struct pair *p = (struct pair *)((uintptr_t)high << 32 | low);

	if (_setjmp(p->jb_there) == 0)
		swapcontext(&p->uc_there, &p->uc_here);
	for (;;)
		jump_there(p);
}

struct row {
	void (*entry)(void *);                     /* of our own contexts */
	void (*uc_entry)(unsigned high, unsigned low); /* of the C library's */
	void (*here)(struct pair *, uint64_t n);   /* n switches there and as many back */
};

static void run(bench *b)
{
	const struct row *row = bench_user(b);
	struct pair *p = calloc(1, sizeof *p);
	uint64_t n;

	if (!p) {
		bench_fail(b, "out of memory");
		return;
	}
	p->stack = mmap(NULL, STACK_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (p->stack == MAP_FAILED) {
		bench_fail(b, "no memory for a stack");
		free(p);
		return;
	}
	if (row->entry) {
		ctx_init(&p->there, p->stack + STACK_SIZE, row->entry);
		ctx_switch(&p->here, &p->there, p);
	} else {
		getcontext(&p->uc_there);
		p->uc_there.uc_stack.ss_sp = p->stack;
		p->uc_there.uc_stack.ss_size = STACK_SIZE;
		makecontext(&p->uc_there, (void (*)(void))row->uc_entry, 2, (unsigned)((uintptr_t)p >> 32),
					(unsigned)(uintptr_t)p);
		swapcontext(&p->uc_here, &p->uc_there);
	}
	while ((n = bench_next(b)) != 0)
		row->here(p, n);
	munmap(p->stack, STACK_SIZE);
	free(p);
}

/* A round trip is two switches. */
#define ROW(ident, str, ...)                                                                      \
	static void ident##_run(bench *b)                                                             \
	{                                                                                             \
		bench_items(b, 2);                                                                        \
		run(b);                                                                                   \
	}                                                                                             \
	static struct row ident##_row = {__VA_ARGS__};                                                \
	BENCH_NAMED(ident, str, .run = ident##_run, .user = &ident##_row, .placement = BENCH_SAME_CPU)
ROW(inline_same, "switch/inline_same", .entry = same_there, .here = same_here)
ROW(inline_cross, "switch/inline_cross", .entry = cross_there, .here = cross_here)
ROW(full_cross, "switch/full_cross", .entry = full_there, .here = full_here)
ROW(by_swapcontext, "switch/swapcontext", .uc_entry = ucontext_there, .here = ucontext_here)
ROW(by_setjmp, "switch/setjmp", .uc_entry = jumps_there, .here = jumps_here)
