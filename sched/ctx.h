/* SPDX-License-Identifier: MIT
 *
 * sched/ctx.h - the context switch, x86-64. Two forms over one record, freely mixed:
 *
 *   ctx_switch       inline. Saves stack, frame and instruction pointer; every other register is
 *                    declared lost, so the compiler spills just what is live, which at the runtime's
 *                    own switch points is next to nothing.
 *   ctx_switch_full  a call that saves the six callee-saved registers itself, for callers with much
 *                    alive over the switch (the M's own loop).
 *
 * Both jump to the saved address and never return to it: a `ret` on a stack that its `call` was not
 * made on is mispredicted by the return-address predictor, 12 to 20 ns each time.
 *
 * Floating-point environment: values live over a switch survive, as in any call. Control state
 * (MXCSR: rounding, flush-to-zero, exception masks and sticky flags; x87 control word) is not saved:
 * it belongs to the thread. A coroutine that changes it must restore it before it can block or give
 * way, or lock itself to its thread. Saving it would cost 14 to 170 ns a switch as soon as sticky
 * flags differ.
 */
#ifndef SCHED_CTX_H
#define SCHED_CTX_H

#ifndef __x86_64__
#error "sched/ctx.h: no context switch for this CPU yet; x86-64 only"
#endif

#include "base/compiler.h"

struct ctx {
	void *sp;
	void *bp;
	void *ip;
};

#define CTX_SAVED_REGISTERS 3      /* what ctx_switch saves; quoted by the benchmarks */
#define CTX_FULL_SAVED_REGISTERS 8 /* rsp, rip and six callee-saved ones */

#ifdef __CET__
#define CTX__LANDING "endbr64\n\t"
#else
#define CTX__LANDING ""
#endif

#ifdef __AVX512F__
#define CTX__AVX512                                                                               \
	, "xmm16", "xmm17", "xmm18", "xmm19", "xmm20", "xmm21", "xmm22", "xmm23", "xmm24", "xmm25",   \
		"xmm26", "xmm27", "xmm28", "xmm29", "xmm30", "xmm31", "k1", "k2", "k3", "k4", "k5", "k6", \
		"k7"
#else
#define CTX__AVX512
#endif

/* Goes on at `to` and, when somebody switches back, returns what they carried. */
static force_inline void *ctx_switch(struct ctx *from, const struct ctx *to, void *carry)
{
	__asm__ volatile("leaq 1f(%%rip), %%rdx\n\t"
					 "movq %%rsp, 0(%%rdi)\n\t"
					 "movq %%rbp, 8(%%rdi)\n\t"
					 "movq %%rdx, 16(%%rdi)\n\t"
					 "movq 16(%%rsi), %%rdx\n\t"
					 "movq 8(%%rsi), %%rbp\n\t"
					 "movq 0(%%rsi), %%rsp\n\t"
					 "jmpq *%%rdx\n\t"
					 "1: " CTX__LANDING
					 : "+a"(carry), "+D"(from), "+S"(to)
					 :
					 : "rbx", "rcx", "rdx", "r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15",
					   "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8",
					   "xmm9", "xmm10", "xmm11", "xmm12", "xmm13", "xmm14", "xmm15" CTX__AVX512,
					   "memory", "cc");
	return carry;
}

void *wend__ctx_switch_full(struct ctx *from, const struct ctx *to, void *carry);
#define ctx_switch_full wend__ctx_switch_full

/* Where the caller stands, for who walks its stack. */
static force_inline void ctx_here(struct ctx *ctx)
{
	__asm__ volatile("leaq 1f(%%rip), %%rdx\n\t"
					 "movq %%rsp, 0(%0)\n\t"
					 "movq %%rbp, 8(%0)\n\t"
					 "movq %%rdx, 16(%0)\n\t"
					 "1:"
					 :
					 : "r"(ctx)
					 : "rdx", "memory");
}

/* Makes ctx start in entry(carry) on the stack that ends at top, aligned to 16, whose last word
 * ctx_ground has cleared. entry must not return. */
void wend__ctx_entry(void);

static force_inline void ctx_init(struct ctx *ctx, void *top, void (*entry)(void *carry))
{
	*ctx = (struct ctx){.sp = (void **)top - 1, .bp = (void *)entry, .ip = (void *)wend__ctx_entry};
}

/* The return address of the first frame: null ends the chain for every unwinder. Once per stack. */
static force_inline void ctx_ground(void *top)
{
	((void **)top)[-1] = NULL;
}

#endif
