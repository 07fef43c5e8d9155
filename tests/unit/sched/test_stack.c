/* SPDX-License-Identifier: MIT
 *
 * What a stack costs, and that the memory comes back. */
#include "harness/crowd.h"

#include <sys/mman.h>

/* ---- One page -------------------------------------------------------------------------------- */

static unsigned char pages_below[4];
static bool own_page;

static void look_below(void *unused)
{
	char *here = (char *)((uintptr_t)__builtin_frame_address(0) & ~(uintptr_t)4095);
	unsigned char own;

	(void)unused;
	/* Before anything deeper than this frame is called. The pages from here down, nearest last. */
	if (mincore(here - 4 * 4096, 4 * 4096, pages_below) == 0 && mincore(here, 4096, &own) == 0)
		own_page = own & 1;
	wend_waitgroup_done(&gone);
}

CO_TEST(a_fresh_stack_touches_one_page)
{
	if (TEST_SANITIZED)
		test_skip("instrumented frames are larger");
	for (int i = 0; i < 20; i++) {
		wend_attr a = {.stack_size = 100 << 10}; /* a class of its own: the stack is fresh */

		wend_waitgroup_add(&gone, 1);
		CHECK_EQ(wend_go_attr(&a, look_below, NULL), 0);
		wend_waitgroup_wait(&gone);
		CHECK(own_page);
		/* The nearest may hold the frame's red zone if the frame begins a page; no other may. */
		for (int k = 0; k < 3; k++)
			CHECK_EQ(pages_below[k] & 1, 0);
		memset(pages_below, 0xFF, sizeof pages_below);
	}
}

CO_TEST_LIMIT(a_parked_coroutine_costs_about_a_page, 30)
{
	enum { N = 20000 };
	long before, kib;

	if (TEST_SANITIZED)
		test_skip("the sanitizer's shadow is resident memory, too");
	crowd(100); /* what is allocated once */
	disperse();
	before = test_rss_kib();
	crowd(N);
	kib = test_rss_kib() - before;
	test_note("%.2f KiB each", (double)kib / N);
	CHECK_LE(kib, N * 4.5);
	CHECK_LE(N * 3.0, kib); /* or it was not measured */
	disperse();
}

/* ---- Memory comes back ----------------------------------------------------------------------- */

static long available_kib(void)
{
	char line[200];
	FILE *f = fopen("/proc/meminfo", "r");
	long kib = 0;

	while (f && fgets(line, sizeof line, f))
		if (sscanf(line, "MemAvailable: %ld", &kib) == 1)
			break;
	if (f)
		fclose(f);
	return kib;
}

CO_TEST_LIMIT(memory_comes_back_after_a_bulk, 60)
{
	long n = available_kib() / 4 / 5, before, peak, after;

	n = n > 200000 ? 200000 : n;
	if (TEST_SANITIZED)
		n = n > 20000 ? 20000 : n;
	crowd(1000);
	disperse();
	wend_release_memory();
	before = test_rss_kib();
	for (int round = 0; round < 2; round++) { /* the second uses what the first gave back */
		crowd((int)n);
		peak = test_rss_kib();
		disperse();
		/* A P that is long without the CPU gives up the stacks it keeps at a later request. */
		for (int i = 0; i < 500; i++) {
			wend_release_memory();
			after = test_rss_kib();
			if (TEST_SANITIZED || after <= before + 256)
				break;
			usleep(2000);
		}
		test_note("%ld coroutines: %ld KiB before, %ld with them, %ld after", n, before, peak, after);
		if (TEST_SANITIZED)
			continue;
		CHECK_LE(before + n * 3, peak);
		CHECK_LE(after, before + 256); /* mostly 10 to 80: nothing grows with n */
	}
}

CO_TEST_LIMIT(free_stacks_are_given_back_without_being_asked, 60)
{
	enum { N = 100000 };
	long before, peak, after;
	wend_stats st;

	crowd(1000);
	disperse();
	before = test_rss_kib();
	crowd(TEST_SANITIZED ? N / 10 : N);
	peak = test_rss_kib();
	disperse();
	after = test_rss_kib();
	wend_stats_read(&st);
	test_note("%ld KiB before, %ld with them, %ld after; %llu bytes returned", before, peak, after,
			  (unsigned long long)st.stack_bytes_returned);
	if (TEST_SANITIZED)
		test_skip("the sanitizer's shadow is resident memory, too");
	CHECK(st.stack_bytes_returned > 0);
	CHECK_LE(after - before, (peak - before) / 2);
}

static int deep(int n)
{
	volatile char frame[256];

	frame[0] = (char)n;
	return n ? deep(n - 1) + frame[0] * 0 : 0;
}

static void go_deep(void *unused)
{
	(void)unused;
	deep(60);
	wend_waitgroup_done(&gone);
}

CO_TEST(stacks_are_used_again)
{
	wend_stats before, after;

	for (int i = 0; i < 10; i++) {
		wend_waitgroup_add(&gone, 1);
		CHECK_EQ(wend_go(go_deep, NULL), 0);
		wend_waitgroup_wait(&gone);
	}
	wend_stats_read(&before);
	for (int i = 0; i < 5000; i++) {
		wend_waitgroup_add(&gone, 1);
		CHECK_EQ(wend_go(go_deep, NULL), 0);
		wend_waitgroup_wait(&gone);
	}
	wend_stats_read(&after);
	CHECK_LE(after.stacks - before.stacks, 600);
}

static int nothing(void *unused)
{
	(void)unused;
	return 0;
}

TEST_LIMIT(starting_and_stopping_does_not_leak, 60)
{
	long before = 0, after, threads = test_threads();

	for (int i = 0; i < 220; i++) {
		if (i == 20)
			before = test_rss_kib();
		CHECK_EQ(wend_run(nothing, NULL), 0);
	}
	after = test_rss_kib();
	test_note("%ld KiB after 20 times, %ld after 220", before, after);
	test_threads_become(threads);
	if (TEST_SANITIZED)
		test_skip("freed memory stays in the sanitizer's quarantine");
	CHECK_LE(after - before, 512);
}

CO_TEST(every_stack_has_a_guard_or_a_canary)
{
	wend_stats st;

	crowd(1000);
	wend_stats_read(&st);
	if (strcmp(wend_guard_kind(), "canary") == 0)
		CHECK_EQ(st.guarded, 0);
	else
		CHECK_EQ(st.guarded, st.stacks);
	disperse();
}

/* The cheap guard is used where the kernel has it. */
CO_TEST(guards_are_advice_where_the_kernel_takes_it)
{
	void *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	CHECK(page != MAP_FAILED);
	if (madvise(page, 4096, 102 /* MADV_GUARD_INSTALL */) != 0)
		CHECK_EQ(wend_guard_kind(), "mprotect");
	else
		CHECK_EQ(wend_guard_kind(), "madvise");
}
