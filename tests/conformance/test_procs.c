/* SPDX-License-Identifier: MIT
 *
 * P's: coroutines bound to one, how many there are. */
#include "conformance/coroutines.h"

static int inside, overlaps;

static void alone_on_p(void *unused)
{
	(void)unused;
	for (int i = 0; i < 300; i++) {
		if (ADD(inside, 1) != 1)
			ADD(overlaps, 1);
		for (volatile int spin = 0; spin < 200; spin++)
			;
		ADD(inside, -1);
		wend_yield();
	}
	wend_waitgroup_done(&wg);
}

/* Coroutines of one P never run at the same time. */
CO_TEST_LIMIT(pinned_coroutines_run_on_their_p_only, 20)
{
	wend_attr a = {.on_p = 2};

	if (wend_maxprocs(4) < 0)
		test_skip("four P's are not to be had");
	wend_waitgroup_add(&wg, 8);
	for (int i = 0; i < 8; i++)
		CHECK_EQ(wend_go_attr(&a, alone_on_p, NULL), 0);
	wend_waitgroup_wait(&wg);
	CHECK_EQ(LOAD(overlaps), 0);
}

/* The check above can fail: unpinned ones do overlap, given two CPUs. */
CO_TEST_LIMIT(unpinned_coroutines_run_in_parallel, 20)
{
	double end = test_now() + 10; /* others may have the second CPU for a while */

	if (sysconf(_SC_NPROCESSORS_ONLN) < 2 || wend_num_cpu() < 2)
		test_skip("one CPU");
	wend_maxprocs(4);
	while (test_now() < end && !LOAD(overlaps)) {
		wend_waitgroup_add(&wg, 8);
		for (int i = 0; i < 8; i++)
			CHECK_EQ(wend_go(alone_on_p, NULL), 0);
		wend_waitgroup_wait(&wg);
	}
	CHECK(LOAD(overlaps) > 0);
}

CO_TEST_LIMIT(pinned_coroutines_go_on_when_their_p_goes, 20)
{
	wend_attr a = {.on_p = 4};

	if (wend_maxprocs(4) < 0)
		test_skip("four P's are not to be had");
	wend_waitgroup_add(&wg, 8);
	for (int i = 0; i < 8; i++)
		CHECK_EQ(wend_go_attr(&a, alone_on_p, NULL), 0);
	wend_yield();
	CHECK(wend_maxprocs(1) > 0);
	wend_waitgroup_wait(&wg);
	CHECK_EQ(wend_go_attr(&a, alone_on_p, NULL), -EINVAL); /* there is no fourth P now */
}

CO_TEST(a_pinned_hog_does_not_keep_others_from_other_ps)
{
	wend_attr a = {.on_p = 2};

	if (wend_maxprocs(2) < 0 || wend_maxprocs(0) < 2)
		test_skip("two P's are not to be had");
	CHECK_EQ(wend_go_attr(&a, hog, NULL), 0);
	YIELD_UNTIL(LOAD(count) == 1);
	wend_waitgroup_add(&wg, 100);
	for (int i = 0; i < 100; i++)
		CHECK_EQ(wend_go(bump, NULL), 0);
	wend_waitgroup_wait(&wg);
	CHECK_EQ(LOAD(count), 101);
	STORE(hog_stop, 1);
}

CO_TEST(maxprocs_returns_the_former_number)
{
	int n = wend_maxprocs(0);

	CHECK(n >= 1);
	CHECK_EQ(wend_maxprocs(3), n);
	CHECK_EQ(wend_maxprocs(0), 3);
	CHECK_EQ(wend_maxprocs(-1), 3);
	CHECK_EQ(wend_maxprocs(-2147483647 - 1), 3);
	CHECK_EQ(wend_maxprocs(WEND_MAXPROCS_LIMIT + 1), -EINVAL);
	CHECK_EQ(wend_maxprocs(2147483647), -EINVAL);
	CHECK_EQ(wend_maxprocs(0), 3);
	CHECK_EQ(wend_maxprocs(1), 3);
	CHECK_EQ(wend_maxprocs(0), 1);
}

TEST(num_cpu_is_what_affinity_allows)
{
	CHECK(wend_num_cpu() >= 1);
	CHECK_LE(wend_num_cpu(), sysconf(_SC_NPROCESSORS_ONLN));
	CHECK(wend_maxprocs(0) >= 1); /* what it would start with */
}

static int ask_cpus(void *unused)
{
	(void)unused;
	return wend_num_cpu();
}

static void say_cpus(void *unused)
{
	(void)unused;
	printf("%d", wend_num_cpu());
}

/* Also where it is asked first by a coroutine whose thread is bound to one CPU. */
TEST(num_cpu_is_that_of_the_process)
{
	struct child c = child_call(say_cpus, NULL, 10);
	int cpus = atoi(c.out);

	child_free(&c);
	if (cpus < 2)
		test_skip("one CPU");
	setenv("WEND_MAXPROCS", "2", 1);
	setenv("WENDDEBUG", "pin=compact", 1);
	CHECK_EQ(wend_run(ask_cpus, NULL), cpus);
}

static int ask_procs(void *unused)
{
	(void)unused;
	return wend_maxprocs(0);
}

TEST(maxprocs_comes_from_the_environment)
{
	setenv("WEND_MAXPROCS", "3", 1);
	CHECK_EQ(wend_run(ask_procs, NULL), 3);
	unsetenv("WEND_MAXPROCS");
	setenv("WENDDEBUG", "maxprocs=5", 1);
	CHECK_EQ(wend_run(ask_procs, NULL), 5);
	setenv("WENDDEBUG", "", 1);
	CHECK_EQ(wend_run(ask_procs, NULL), wend_num_cpu());
}
