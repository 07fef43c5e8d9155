/* SPDX-License-Identifier: MIT
 *
 * sched/ctx_x86_64.S - the out-of-line switch and the first instructions of a coroutine. */
#ifdef __CET__
#include <cet.h>
#else
#define _CET_ENDBR
#endif
	.text

/* void *wend__ctx_switch_full(struct ctx *from (rdi), const struct ctx *to (rsi), void *carry (rdx)) */
	.globl	wend__ctx_switch_full
	.hidden	wend__ctx_switch_full
	.type	wend__ctx_switch_full, @function
	.p2align 5
wend__ctx_switch_full:
	.cfi_startproc
	_CET_ENDBR
	pushq	%rbp
	.cfi_adjust_cfa_offset 8
	.cfi_rel_offset rbp, 0
	pushq	%rbx
	.cfi_adjust_cfa_offset 8
	pushq	%r12
	.cfi_adjust_cfa_offset 8
	pushq	%r13
	.cfi_adjust_cfa_offset 8
	pushq	%r14
	.cfi_adjust_cfa_offset 8
	pushq	%r15
	.cfi_adjust_cfa_offset 8
	movq	%rdx, %rax
	leaq	1f(%rip), %rdx
	movq	%rsp, 0(%rdi)
	movq	%rbp, 8(%rdi)
	movq	%rdx, 16(%rdi)
	movq	16(%rsi), %rdx
	movq	8(%rsi), %rbp
	movq	0(%rsi), %rsp
	jmpq	*%rdx
1:	_CET_ENDBR
	popq	%r15
	.cfi_adjust_cfa_offset -8
	popq	%r14
	.cfi_adjust_cfa_offset -8
	popq	%r13
	.cfi_adjust_cfa_offset -8
	popq	%r12
	.cfi_adjust_cfa_offset -8
	popq	%rbx
	.cfi_adjust_cfa_offset -8
	popq	%rbp
	.cfi_adjust_cfa_offset -8
	popq	%rcx			/* jump, do not ret: see ctx.h */
	.cfi_adjust_cfa_offset -8
	jmpq	*%rcx
	.cfi_endproc
	.size	wend__ctx_switch_full, . - wend__ctx_switch_full

/* First code of a new context: the frame pointer is the entry function, the stack ends in a null
 * return address, at 8 below a multiple of 16 as after any call. */
	.globl	wend__ctx_entry
	.hidden	wend__ctx_entry
	.type	wend__ctx_entry, @function
	.p2align 4
wend__ctx_entry:
	.cfi_startproc
	.cfi_undefined rip
	_CET_ENDBR
	movq	%rbp, %rdx
	movq	%rax, %rdi
	xorl	%ebp, %ebp
	jmpq	*%rdx
	.cfi_endproc
	.size	wend__ctx_entry, . - wend__ctx_entry

	.section .note.GNU-stack, "", @progbits
