/* SPDX-License-Identifier: MIT
 *
 * What survives a switch: registers, alignment; and what does not, the floating-point environment. */
#include "conformance/coroutines.h"

#include <fenv.h>

static void many_live_values(void *arg)
{
	long s = (long)(intptr_t)arg;
	long a = s + 1, b = s * 3, c = s ^ 77, d = s - 9, e = s << 3, f = ~s, g = s * s, h = s + 1000;
	double u = (double)s * 0.5, v = u + 1, w = u * 3, x = u - 7, y = u / 3, z = u * u;
	long double l = (long double)s / 7;

	for (int i = 0; i < 200; i++) {
		/* The values must live across the switch, where the compiler likes: it cannot compute them
		 * again, as it does not know s any more. */
		__asm__ volatile("" : "+r"(s));
		wend_yield();
		CHECK_EQ(a + b + c + d + e + f + g + h,
				 s + 1 + s * 3 + (s ^ 77) + s - 9 + (s << 3) + ~s + s * s + s + 1000);
		CHECK_EQ(u, (double)s * 0.5);
		CHECK_EQ(v, u + 1);
		CHECK_EQ(w, u * 3);
		CHECK_EQ(x, u - 7);
		CHECK_EQ(y, u / 3);
		CHECK_EQ(z, u * u);
		CHECK(l == (long double)s / 7);
	}
	wend_waitgroup_done(&wg);
}

CO_TEST_LIMIT(values_in_registers_survive_switches, 20)
{
	wend_waitgroup_add(&wg, 50);
	for (int i = 0; i < 50; i++)
		CHECK_EQ(wend_go(many_live_values, (void *)(intptr_t)(i * 12345 + 7)), 0);
	wend_waitgroup_wait(&wg);
}

#ifdef __x86_64__
/* Puts known values into the callee-saved registers around a call of the switch. */
static __attribute__((noinline)) int callee_saved_survive(void)
{
	unsigned long bad;

	__asm__ volatile("mov $0x1111, %%rbx\n\t"
					 "mov $0x2222, %%r12\n\t"
					 "mov $0x3333, %%r13\n\t"
					 "mov $0x4444, %%r14\n\t"
					 "mov $0x5555, %%r15\n\t"
					 "mov %%rsp, %%rax\n\t"
					 "sub $160, %%rsp\n\t" /* past the red zone */
					 "and $-16, %%rsp\n\t"
					 "mov %%rax, 8(%%rsp)\n\t"
					 "call wend_yield\n\t"
					 "mov 8(%%rsp), %%rsp\n\t"
					 "xor %%eax, %%eax\n\t"
					 "xor $0x1111, %%rbx\n\t"
					 "or %%rbx, %%rax\n\t"
					 "xor $0x2222, %%r12\n\t"
					 "or %%r12, %%rax\n\t"
					 "xor $0x3333, %%r13\n\t"
					 "or %%r13, %%rax\n\t"
					 "xor $0x4444, %%r14\n\t"
					 "or %%r14, %%rax\n\t"
					 "xor $0x5555, %%r15\n\t"
					 "or %%r15, %%rax\n\t"
					 : "=&a"(bad)
					 :
					 : "rbx", "r12", "r13", "r14", "r15", "rcx", "rdx", "rsi", "rdi", "r8", "r9", "r10",
					   "r11", "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8",
					   "xmm9", "xmm10", "xmm11", "xmm12", "xmm13", "xmm14", "xmm15", "st", "memory",
					   "cc");
	return bad == 0;
}

static void check_registers(void *unused)
{
	(void)unused;
	for (int i = 0; i < 500; i++)
		CHECK(callee_saved_survive());
	wend_waitgroup_done(&wg);
}

CO_TEST(callee_saved_registers_survive_yield)
{
	wend_waitgroup_add(&wg, 4);
	for (int i = 0; i < 4; i++)
		CHECK_EQ(wend_go(check_registers, NULL), 0);
	wend_waitgroup_wait(&wg);
}
#endif

static int seen_mode, seen_tid;

static void read_rounding(void *unused)
{
	(void)unused;
	seen_mode = fegetround();
	seen_tid = tid();
	wend_waitgroup_done(&wg);
}

/* The control words belong to the thread: a switch neither saves nor resets them. */
CO_TEST(rounding_mode_belongs_to_the_thread)
{
	int compared = 0;

	wend_maxprocs(1);
	for (int i = 0; i < 100 && compared < 10; i++) {
		int here = tid();

		CHECK_EQ(fesetround(FE_UPWARD), 0);
		wend_waitgroup_add(&wg, 1);
		CHECK_EQ(wend_go(read_rounding, NULL), 0);
		wend_waitgroup_wait(&wg);
		if (seen_tid == here) {
			CHECK_EQ(seen_mode, FE_UPWARD);
			compared++;
		} else {
			CHECK_EQ(seen_mode, FE_TONEAREST);
		}
		if (tid() == here) {
			CHECK_EQ(fegetround(), FE_UPWARD);
			CHECK_EQ(fesetround(FE_TONEAREST), 0);
		}
	}
	CHECK(compared > 0);
}

static void aligned_frames(void *unused)
{
	/* Frames of a coroutine are aligned as the ABI promises: aligned vector stores do not fault. */
	_Alignas(16) double v[4] = {1, 2, 3, 4};
	char text[64];

	(void)unused;
	CHECK_EQ((uintptr_t)v % 16, 0u);
	snprintf(text, sizeof text, "%.1f %.1f %.1f %.1f", v[0], v[1], v[2], v[3]);
	CHECK_EQ(text, "1.0 2.0 3.0 4.0");
	wend_waitgroup_done(&wg);
}

CO_TEST(stacks_are_aligned)
{
	wend_waitgroup_add(&wg, 1);
	CHECK_EQ(wend_go(aligned_frames, NULL), 0);
	wend_waitgroup_wait(&wg);
	wend_waitgroup_add(&wg, 1);
	aligned_frames(NULL); /* the main coroutine's, too */
}
