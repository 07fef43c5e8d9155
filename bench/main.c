/* SPDX-License-Identifier: MIT
 *
 * bench/main.c - main function of every benchmark program; adds what the library says about itself
 * to the facts, where the library is part of the program. */
#include "bench/bench.h"

#ifdef BENCH_WITH_WEND
#include "sched/ctx.h"

#include <wend/wend.h>

#include <stdio.h>
#include <sys/user.h>
#ifdef __x86_64__
#include <cpuid.h>
#endif

static void number(const char *key, unsigned long value)
{
	char text[24];

	snprintf(text, sizeof text, "%lu", value);
	bench_fact(key, text);
}

/* What the kernel keeps of a thread that is off its CPU: the user's general registers as it hands
 * them to a debugger, and the extended state (vector and floating-point registers), whose size for
 * the features switched on the CPU tells. */
static void thread_facts(void)
{
	number("thread_registers", sizeof(struct user_regs_struct) / sizeof(long));
#ifdef __x86_64__
	unsigned a, b, c, d;

	if (__get_cpuid_count(13, 0, &a, &b, &c, &d))
		number("thread_extended_bytes", b);
#endif
}

static void library_facts(void)
{
	thread_facts();
	number("switch_registers", CTX_SAVED_REGISTERS);
	number("switch_full_registers", CTX_FULL_SAVED_REGISTERS);
	number("wend_num_cpu", (unsigned long)wend_num_cpu());
	bench_fact("wend_atomics", wend_atomics_backend());
	bench_fact("wend_fence", wend_fence_kind());
	bench_fact("wend_guard", wend_guard_kind());
}
#else
static void library_facts(void)
{
}
#endif

int main(int argc, char **argv)
{
	library_facts();
	return bench_main(argc, argv);
}
