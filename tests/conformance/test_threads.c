/* SPDX-License-Identifier: MIT
 *
 * Coroutines and threads: locked ones, thread-local variables and errno, threads that the runtime did not make. */
#include "conformance/coroutines.h"

/* ---- Threads --------------------------------------------------------------------------------- */

static void stay_on_thread(void *unused)
{
	int here;

	(void)unused;
	wend_lock_thread();
	here = tid();
	for (int i = 0; i < 1000; i++) {
		wend_yield();
		CHECK_EQ(tid(), here);
	}
	wend_lock_thread(); /* nests */
	wend_unlock_thread();
	for (int i = 0; i < 50; i++) {
		wend_yield();
		CHECK_EQ(tid(), here);
	}
	wend_unlock_thread();
	ADD(count, 1);
	wend_waitgroup_done(&wg);
}

static int moved;

static void keep_busy(void *unused)
{
	(void)unused;
	for (int i = 0, last = tid(); i < 3000; i++) {
		wend_yield();
		if (tid() != last)
			ADD(moved, 1);
		last = tid();
	}
	wend_waitgroup_done(&wg);
}

CO_TEST_LIMIT(lock_thread_keeps_the_thread, 20)
{
	wend_maxprocs(4);
	/* Until the others were seen to move: or staying put would mean nothing. */
	for (int round = 1; round == 1 || LOAD(moved) < 20; round++) {
		wend_waitgroup_add(&wg, 20);
		for (int i = 0; i < 4; i++) {
			CHECK_EQ(wend_go(stay_on_thread, NULL), 0);
			for (int k = 0; k < 4; k++)
				CHECK_EQ(wend_go(keep_busy, NULL), 0);
		}
		wend_waitgroup_wait(&wg);
		CHECK_EQ(LOAD(count), 4 * round);
	}
}

static wend_waitgroup hold;
static int locked_tid, intruder;
static int locked_over;

static void lock_and_wait(void *unused)
{
	(void)unused;
	wend_lock_thread();
	STORE(locked_tid, tid());
	wend_waitgroup_wait(&hold);
	CHECK_EQ(tid(), locked_tid);
	STORE(locked_over, 1);
	wend_unlock_thread();
	wend_waitgroup_done(&wg);
}

static void look_for_intrusion(void *unused)
{
	(void)unused;
	for (int i = 0; i < 200; i++) {
		if (!LOAD(locked_over) && tid() == LOAD(locked_tid))
			STORE(intruder, 1);
		wend_yield();
	}
	wend_waitgroup_done(&wg);
}

CO_TEST(nobody_else_runs_on_a_locked_thread)
{
	wend_waitgroup_add(&hold, 1);
	wend_waitgroup_add(&wg, 1);
	CHECK_EQ(wend_go(lock_and_wait, NULL), 0);
	YIELD_UNTIL(LOAD(locked_tid));
	wend_waitgroup_add(&wg, 8);
	for (int i = 0; i < 8; i++)
		CHECK_EQ(wend_go(look_for_intrusion, NULL), 0);
	for (int i = 0; i < 200; i++)
		wend_yield();
	wend_waitgroup_done(&hold);
	wend_waitgroup_wait(&wg);
	CHECK_EQ(LOAD(intruder), 0);
}

static void end_locked(void *unused)
{
	(void)unused;
	wend_lock_thread();
	if (tid() != getpid()) /* the process's first thread cannot end */
		STORE(locked_tid, tid());
	wend_waitgroup_done(&wg);
}

CO_TEST(the_thread_ends_with_a_coroutine_that_is_still_locked_to_it)
{
	char path[64];

	if (wend_maxprocs(4) < 0)
		test_skip("four P's are not to be had");
	for (int i = 0; i < 100 && !LOAD(locked_tid); i++) {
		wend_attr a = {.on_p = 1 + i % 4};

		wend_waitgroup_add(&wg, 1);
		CHECK_EQ(wend_go_attr(&a, end_locked, NULL), 0);
		wend_waitgroup_wait(&wg);
	}
	CHECK(LOAD(locked_tid) != 0);
	snprintf(path, sizeof path, "/proc/self/task/%d", locked_tid);
	YIELD_UNTIL(access(path, F_OK) != 0);
}

static __thread int tls_tid;

/* Out of line, so that the address is taken anew after each switch. */
static __attribute__((noinline)) int *tls_address(void)
{
	__asm__ volatile("" : : : "memory");
	return &tls_tid;
}

static __attribute__((noinline)) int *errno_address(void)
{
	__asm__ volatile("" : : : "memory");
	return &errno;
}

static int migrated;

static void migrate(void *unused)
{
	int last = tid();

	(void)unused;
	for (int i = 0; i < 2000; i++) {
		int here = tid();

		if (*tls_address() == 0)
			*tls_address() = here;
		CHECK_EQ(*tls_address(), here);
		*errno_address() = here;
		CHECK_EQ(*errno_address(), here);
		wend_yield();
		if (tid() != last)
			ADD(migrated, 1);
		last = tid();
	}
	wend_waitgroup_done(&wg);
}

CO_TEST_LIMIT(thread_locals_and_errno_are_those_of_the_present_thread, 20)
{
	wend_maxprocs(4);
	wend_waitgroup_add(&wg, 16);
	for (int i = 0; i < 16; i++)
		CHECK_EQ(wend_go(migrate, NULL), 0);
	wend_waitgroup_wait(&wg);
	test_note("%d migrations", LOAD(migrated));
	CHECK(LOAD(migrated) > 0);
}

static void set_errno_and_call(void *unused)
{
	(void)unused;
	*errno_address() = 1234;
	wend_waitgroup_add(&wg, 1);
	CHECK_EQ(wend_go(bump, NULL), 0);
	CHECK(wend_num_coroutines() > 0);
	CHECK(wend_num_cpu() > 0);
	CHECK(wend_maxprocs(0) > 0);
	CHECK(wend_coroutine_id() > 0);
	CHECK_EQ(*errno_address(), 1234);
	wend_waitgroup_done(&wg);
}

CO_TEST(calls_that_do_not_block_leave_errno_alone)
{
	wend_waitgroup_add(&wg, 1);
	CHECK_EQ(wend_go(set_errno_and_call, NULL), 0);
	wend_waitgroup_wait(&wg);
}

/* ---- Foreign threads ------------------------------------------------------------------------- */

static void *spawn_from_thread(void *unused)
{
	(void)unused;
	for (int i = 0; i < 1000; i++)
		CHECK_EQ(wend_go(bump, NULL), 0);
	return NULL;
}

CO_TEST(foreign_threads_spawn)
{
	pthread_t t[4];

	wend_waitgroup_add(&wg, 4000);
	for (int i = 0; i < 4; i++)
		CHECK(pthread_create(&t[i], NULL, spawn_from_thread, NULL) == 0);
	wend_waitgroup_wait(&wg);
	for (int i = 0; i < 4; i++)
		pthread_join(t[i], NULL);
	CHECK_EQ(LOAD(count), 4000);
}

static void *wake_from_thread(void *unused)
{
	(void)unused;
	TEST_SLEEP_MS(50); /* every P is asleep by now */
	wend_waitgroup_done(&wg);
	return NULL;
}

CO_TEST(foreign_threads_wake_an_idle_runtime)
{
	for (int i = 0; i < 5; i++) {
		pthread_t t;

		wend_waitgroup_add(&wg, 1);
		CHECK(pthread_create(&t, NULL, wake_from_thread, NULL) == 0);
		wend_waitgroup_wait(&wg);
		pthread_join(t, NULL);
	}
}
