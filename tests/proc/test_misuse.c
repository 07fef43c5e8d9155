/* SPDX-License-Identifier: MIT
 *
 * Bad input and calls in the wrong place: an error or Go's words, never a crash or a hang. */
#include "harness/child.h"
#include "harness/test.h"

#include <pthread.h>

#include <wend/wend.h>

static wend_waitgroup wg;

static void done(void *unused)
{
	(void)unused;
	wend_waitgroup_done(&wg);
}

/* ---- Stack sizes and P numbers --------------------------------------------------------------- */

CO_TEST(stack_sizes_from_nothing_to_too_much)
{
	static const size_t good[] = {0, 1, 16 << 10, (16 << 10) + 1, 1 << 20, 1 << 30};
	static const size_t bad[] = {((size_t)1 << 30) + 1, (size_t)1 << 40, SIZE_MAX, SIZE_MAX - 4095};

	for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
		wend_attr a = {.stack_size = good[i]};

		wend_waitgroup_add(&wg, 1);
		CHECK_EQ(wend_go_attr(&a, done, NULL), 0);
		wend_waitgroup_wait(&wg);
	}
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		wend_attr a = {.stack_size = bad[i]};

		CHECK_EQ(wend_go_attr(&a, done, NULL), -EINVAL);
	}
	CHECK_EQ(wend_num_coroutines(), 1);
}

CO_TEST(attributes_may_be_null)
{
	wend_waitgroup_add(&wg, 1);
	CHECK_EQ(wend_go_attr(NULL, done, NULL), 0);
	wend_waitgroup_wait(&wg);
}

CO_TEST(a_p_that_does_not_exist_is_refused)
{
	static const int bad[] = {-1, -2147483647 - 1, 3, 1000, 1 << 20, 2147483647};

	wend_maxprocs(2);
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		wend_attr a = {.on_p = bad[i]};

		CHECK_MSG(wend_go_attr(&a, done, NULL) == -EINVAL, "on_p = %d", bad[i]);
	}
}

/* ---- Calls off a coroutine ------------------------------------------------------------------- */

static void dies(void (*fn)(void *), const char *text)
{
	struct child c = child_call(fn, NULL, 8);

	CHILD_EXITED(&c, 2);
	CHECK_HAS(c.err, "fatal error: ");
	CHECK_HAS(c.err, text);
	CHECK_EQ(c.out, "before\n");
	child_free(&c);
}

static void yield_off(void *unused)
{
	(void)unused;
	printf("before\n");
	wend_yield();
}

static void goexit_off(void *unused)
{
	(void)unused;
	printf("before\n");
	wend_goexit();
}

static void *yield_on_thread(void *unused)
{
	printf("before\n");
	wend_yield();
	return unused;
}

static int with_foreign_thread(void *unused)
{
	pthread_t t;

	(void)unused;
	CHECK(pthread_create(&t, NULL, yield_on_thread, NULL) == 0);
	pthread_join(t, NULL);
	return 0;
}

static void yield_on_foreign_thread(void *unused)
{
	(void)unused;
	wend_run(with_foreign_thread, NULL);
}

TEST(yield_without_runtime)
{
	dies(yield_off, "wend_yield");
}

TEST(goexit_without_runtime)
{
	dies(goexit_off, "wend_goexit");
}

TEST(yield_on_a_foreign_thread)
{
	dies(yield_on_foreign_thread, "wend_yield");
}

TEST(harmless_calls_without_runtime)
{
	wend_waitgroup w = WEND_ZERO;
	wend_stats st;

	CHECK_EQ(wend_go(done, NULL), -EPERM);
	CHECK_EQ(wend_num_coroutines(), 0);
	CHECK_EQ(wend_coroutine_id(), 0);
	CHECK(wend_maxprocs(0) >= 1);
	CHECK_EQ(wend_stop(), -EINVAL);
	CHECK_EQ(wend_coroutines_each(NULL, NULL), 0);
	memset(&st, 0xFF, sizeof st);
	wend_stats_read(&st);
	CHECK_EQ(st.threads, 0);
	wend_release_memory();
	CHECK(wend_p_cpu(0) < 0);
	wend_waitgroup_add(&w, 1);
	wend_waitgroup_done(&w);
	wend_waitgroup_wait(&w);
	CHECK(wend_atomics_backend() && wend_fence_kind() && wend_guard_kind());
}

static int unlock_unlocked(void *unused)
{
	(void)unused;
	printf("before\n");
	wend_unlock_thread(); /* as in Go: without a lock it does nothing */
	printf("after\n");
	return 0;
}

static void run_unlock_unlocked(void *unused)
{
	(void)unused;
	_exit(wend_run(unlock_unlocked, NULL) + 30 * (fflush(NULL) != 0));
}

TEST(unlock_thread_without_lock)
{
	struct child c = child_call(run_unlock_unlocked, NULL, 8);

	CHILD_EXITED(&c, 0);
	CHECK_EQ(c.out, "before\nafter\n");
	child_free(&c);
}

/* ---- Nobody can run any more ----------------------------------------------------------------- */

static int goexit_alone(void *unused)
{
	(void)unused;
	printf("before\n");
	wend_goexit();
}

static void run_goexit_alone(void *unused)
{
	(void)unused;
	wend_run(goexit_alone, NULL);
}

TEST(main_goexits_and_nobody_is_left)
{
	dies(run_goexit_alone, "no coroutines (main called wend_goexit) - deadlock!");
}

/* ---- WEND_MAIN ------------------------------------------------------------------------------- */

static int main_of_program(int argc, char **argv)
{
	CHECK_EQ(argc, 2);
	CHECK_EQ(argv[1], "x");
	CHECK(wend_coroutine_id() != 0);
	printf("in main"); /* no newline: flushed at the end all the same */
	return 41;
}

static void at_exit(void)
{
	printf(", at exit\n");
}

static void run_main(void *unused)
{
	char *argv[] = {(char *)"prog", (char *)"x", NULL};

	(void)unused;
	atexit(at_exit);
	exit(wend__main(2, argv, main_of_program));
}

TEST(main_returns_flushes_and_runs_atexit)
{
	struct child c = child_call(run_main, NULL, 8);

	CHILD_EXITED(&c, 41);
	CHECK_EQ(c.out, "in main, at exit\n");
	child_free(&c);
}

static int main_that_exits(int argc, char **argv)
{
	(void)argc;
	(void)argv;
	printf("bye");
	exit(17);
}

static void run_main_that_exits(void *unused)
{
	char *argv[] = {(char *)"prog", NULL};

	(void)unused;
	wend__main(1, argv, main_that_exits);
}

TEST(exit_works_from_a_coroutine)
{
	struct child c = child_call(run_main_that_exits, NULL, 8);

	CHILD_EXITED(&c, 17);
	CHECK_EQ(c.out, "bye");
	child_free(&c);
}
