/* SPDX-License-Identifier: MIT
 *
 * bench/facts.c - the library's own description, and what the kernel must keep of a thread that is
 * off its CPU. The latter has two parts: the general registers, which the kernel stores at its
 * entrance (struct pt_regs), and the extended state (x87, vector and mask registers), which it
 * stores when it switches, with XSAVE; which of it exists is what the kernel has switched on, as
 * the CPU tells. A thread that never used a part of the extended state is spared that part. */
#include "bench/facts.h"

#include "bench/bench.h"
#include "sched/ctx.h"
#include "wend/wend.h"

#include <asm/ptrace.h>
#include <cpuid.h>
#include <stdint.h>
#include <stdio.h>

static void number(const char *key, unsigned long value)
{
	char text[24];

	snprintf(text, sizeof text, "%lu", value);
	bench_fact(key, text);
}

/* Which parts of the extended state the kernel has switched on; bits as in Intel's manual. */
enum { X87 = 1 << 0, SSE = 1 << 1, AVX = 1 << 2, OPMASK = 1 << 5, ZMM_HIGH = 1 << 7 };

static uint32_t extended_parts(uint32_t *bytes)
{
	uint32_t a, b, c, d, low, high;

	*bytes = 512; /* FXSAVE's area, which every x86-64 has */
	if (!__get_cpuid(1, &a, &b, &c, &d) || !(c & bit_OSXSAVE))
		return X87 | SSE;
	__asm__("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
	if (__get_cpuid_count(13, 0, &a, &b, &c, &d))
		*bytes = b;
	return low;
}

static void thread_facts(void)
{
	/* orig_rax is the number of the system call, not a register. */
	unsigned long general = sizeof(struct pt_regs) / sizeof(long) - 1;
	uint32_t bytes, parts = extended_parts(&bytes);
	unsigned x87 = parts & X87 ? 8 : 0, vector = parts & ZMM_HIGH ? 32 : 16;
	unsigned mask = parts & OPMASK ? 8 : 0;
	const char *width = parts & ZMM_HIGH ? "512" : parts & AVX ? "256" : "128";
	char text[200];

	number("thread_registers", general + x87 + vector + mask);
	number("thread_general_registers", general);
	number("thread_extended_bytes", bytes);
	bench_fact("thread_registers_source", "as its headers and the CPU tell");
	snprintf(text, sizeof text,
			 "%lu general ones at its entrance; on a switch up to %u x87, %u vector of %s bits and %u "
			 "mask registers, %u bytes of extended state",
			 general, x87, vector, width, mask, bytes);
	bench_fact("thread_registers_note", text);
}

void library_facts(void)
{
	thread_facts();
	number("switch_registers", CTX_SAVED_REGISTERS);
	number("switch_full_registers", CTX_FULL_SAVED_REGISTERS);
	number("wend_num_cpu", (unsigned long)wend_num_cpu());
	bench_fact("wend_atomics", wend_atomics_backend());
	bench_fact("wend_fence", wend_fence_kind());
	bench_fact("wend_guard", wend_guard_kind());
}
