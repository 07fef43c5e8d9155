/* SPDX-License-Identifier: MIT
 *
 * sched/jump_x86_64.S - the library's own setjmp and longjmp, without the signal mask, for compilers
 * whose builtin cannot be used (docs/panics.md). */
#ifdef __CET__
#include <cet.h>
#else
#define _CET_ENDBR
#endif
	.text

/* int wend__jump_save(void *regs[8] (rdi)): 0, and 1 each time somebody jumps */
	.globl	wend__jump_save
	.type	wend__jump_save, @function
	.p2align 4
wend__jump_save:
	.cfi_startproc
	_CET_ENDBR
	movq	%rbx, 0(%rdi)
	movq	%rbp, 8(%rdi)
	movq	%r12, 16(%rdi)
	movq	%r13, 24(%rdi)
	movq	%r14, 32(%rdi)
	movq	%r15, 40(%rdi)
	leaq	8(%rsp), %rax
	movq	%rax, 48(%rdi)
	movq	(%rsp), %rax
	movq	%rax, 56(%rdi)
	xorl	%eax, %eax
	ret
	.cfi_endproc
	.size	wend__jump_save, . - wend__jump_save

/* void wend__jump_own(void *regs[8] (rdi)) */
	.globl	wend__jump_own
	.hidden	wend__jump_own
	.type	wend__jump_own, @function
	.p2align 4
wend__jump_own:
	.cfi_startproc
	_CET_ENDBR
	movq	0(%rdi), %rbx
	movq	8(%rdi), %rbp
	movq	16(%rdi), %r12
	movq	24(%rdi), %r13
	movq	32(%rdi), %r14
	movq	40(%rdi), %r15
	movq	48(%rdi), %rsp
	movl	$1, %eax
	jmpq	*56(%rdi)
	.cfi_endproc
	.size	wend__jump_own, . - wend__jump_own

	.section .note.GNU-stack, "", @progbits
