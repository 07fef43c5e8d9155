/* SPDX-License-Identifier: MIT
 *
 * sched/go_args.h - the arguments of a WEND_GO on their way to the new stack; go_x86_64.S knows the
 * offsets. */
#ifndef SCHED_GO_ARGS_H
#define SCHED_GO_ARGS_H

#include "base/compiler.h"
#include "wend/go.h"

/* As wend__go_capture saves them. */
struct go_regs {
	uint64_t gp[6];    /* rdi rsi rdx rcx r8 r9 */
	uint64_t rax;      /* al: vector registers used by a variadic call */
	void *ret;         /* where the spawn stands */
	uint64_t xmm[8][2];
};

/* At the top of the new stack, stack arguments last. */
struct go_block {
	struct go_regs regs;
	wend__fn *fn;
	uint64_t stack_bytes; /* multiple of 16 */
	uint64_t stack_args[];
};

_Static_assert(offsetof(struct go_regs, rax) == 48 && offsetof(struct go_regs, ret) == 56 &&
				   offsetof(struct go_regs, xmm) == 64 && sizeof(struct go_regs) == 192 &&
				   offsetof(struct go_block, fn) == 192 &&
				   offsetof(struct go_block, stack_bytes) == 200 &&
				   offsetof(struct go_block, stack_args) == 208,
			   "go_x86_64.S has these numbers");

/* Called as if they were the user's function: note the arguments, for a new coroutine or for later, and return. */
void wend__go_capture(void);
void wend__defer_capture(void);
/* First function of the new coroutine: loads the arguments of the go_block and calls. */
void wend__go_run(void *block);
void wend__go_captured(const struct go_regs *regs, const uint64_t *stack_args);
void wend__defer_captured(const struct go_regs *regs, const uint64_t *stack_args);

/* 16 bytes a time and not memcpy: a few bytes more than the arguments are read, which a checker of
 * memory accesses would object to. */
__attribute__((no_sanitize("address", "thread"))) static inline void go_copy_words(uint64_t *to,
																		   const uint64_t *from,
																		   size_t bytes)
{
	for (size_t i = 0; i < bytes / 8; i += 2) {
		to[i] = from[i];
		to[i + 1] = from[i + 1];
	}
}

#endif
