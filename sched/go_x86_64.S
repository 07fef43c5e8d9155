/* SPDX-License-Identifier: MIT
 *
 * sched/go_x86_64.S - the two ends of WEND_GO and WEND_DEFER: note the arguments of a call, make the call later. Offsets
 * are those of struct go_regs and struct go_block in go_args.h. */
#ifdef __CET__
#include <cet.h>
#else
#define _CET_ENDBR
#endif
	.text

/* Entered as the user's function would be, with its arguments in place. */
.macro capture name, then
	.globl	\name
	.hidden	\name
	.type	\name, @function
	.p2align 4
\name:
	.cfi_startproc
	_CET_ENDBR
	pushq	%rbp
	.cfi_def_cfa_offset 16
	.cfi_offset rbp, -16
	movq	%rsp, %rbp
	.cfi_def_cfa_register rbp
	subq	$192, %rsp
	movq	%rdi, 0(%rsp)
	movq	%rsi, 8(%rsp)
	movq	%rdx, 16(%rsp)
	movq	%rcx, 24(%rsp)
	movq	%r8, 32(%rsp)
	movq	%r9, 40(%rsp)
	movq	%rax, 48(%rsp)
	movq	8(%rbp), %rax
	movq	%rax, 56(%rsp)
	movaps	%xmm0, 64(%rsp)
	movaps	%xmm1, 80(%rsp)
	movaps	%xmm2, 96(%rsp)
	movaps	%xmm3, 112(%rsp)
	movaps	%xmm4, 128(%rsp)
	movaps	%xmm5, 144(%rsp)
	movaps	%xmm6, 160(%rsp)
	movaps	%xmm7, 176(%rsp)
	movq	%rsp, %rdi
	leaq	16(%rbp), %rsi
	call	\then
	leave
	.cfi_def_cfa rsp, 8
	ret
	.cfi_endproc
	.size	\name, . - \name
.endm

	capture	wend__go_capture, wend__go_captured
	capture	wend__defer_capture, wend__defer_captured

/* void wend__go_run(struct go_block *block (rdi)) */
	.globl	wend__go_run
	.hidden	wend__go_run
	.type	wend__go_run, @function
	.p2align 4
wend__go_run:
	.cfi_startproc
	_CET_ENDBR
	pushq	%rbp
	.cfi_def_cfa_offset 16
	.cfi_offset rbp, -16
	movq	%rsp, %rbp
	.cfi_def_cfa_register rbp
	movq	%rdi, %r11
	movq	200(%r11), %rcx
	subq	%rcx, %rsp
	jmp	2f
1:	movups	192(%r11,%rcx), %xmm0	/* stack_args + rcx - 16 */
	movaps	%xmm0, -16(%rsp,%rcx)
	subq	$16, %rcx
2:	testq	%rcx, %rcx
	jnz	1b
	movups	64(%r11), %xmm0
	movups	80(%r11), %xmm1
	movups	96(%r11), %xmm2
	movups	112(%r11), %xmm3
	movups	128(%r11), %xmm4
	movups	144(%r11), %xmm5
	movups	160(%r11), %xmm6
	movups	176(%r11), %xmm7
	movq	0(%r11), %rdi
	movq	8(%r11), %rsi
	movq	16(%r11), %rdx
	movq	24(%r11), %rcx
	movq	32(%r11), %r8
	movq	40(%r11), %r9
	movq	48(%r11), %rax
	call	*192(%r11)
	leave
	.cfi_def_cfa rsp, 8
	ret
	.cfi_endproc
	.size	wend__go_run, . - wend__go_run

	.section .note.GNU-stack, "", @progbits
