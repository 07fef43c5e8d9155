/* SPDX-License-Identifier: MIT
 *
 * The runtime begins and ends: wend_run, wend_start and wend_stop, the end of main. */
#include "conformance/coroutines.h"

#include <errno.h>
#include <sched.h>
#include <sys/wait.h>
#include <unistd.h>

static int return_seven(void *arg)
{
	CHECK_EQ(arg, (void *)&count);
	return 7;
}

TEST(run_returns_what_the_function_returned)
{
	CHECK_EQ(wend_run(return_seven, &count), 7);
	CHECK_EQ(wend_run(return_seven, &count), 7); /* and can be called again */
}

static int start_endless(void *fn)
{
	for (int i = 0; i < 4; i++)
		CHECK_EQ(wend_go((void (*)(void *))fn, NULL), 0);
	wend_yield();
	return 3;
}

static void yield_for_ever(void *unused)
{
	(void)unused;
	for (;;)
		wend_yield();
}

TEST(the_others_end_when_main_returns)
{
	for (int i = 0; i < 3; i++) {
		CHECK_EQ(wend_run(start_endless, (void *)yield_for_ever), 3);
		CHECK_EQ(wend_run(start_endless, (void *)wait_for_ever), 3);
	}
}

static void nothing(void *unused)
{
	(void)unused;
}

static void spawn_for_ever(void *unused)
{
	for (;;) {
		CHECK_EQ(wend_go(nothing, unused), 0);
		wend_yield();
	}
}

static int start_hog(void *unused)
{
	wend_attr a = {.name = "the hog"};

	(void)unused;
	CHECK_EQ(wend_maxprocs(2) > 0, 1);
	CHECK_EQ(wend_go_attr(&a, hog, NULL), 0);
	YIELD_UNTIL(LOAD(count));
	return 0;
}

static void run_hog(void *unused)
{
	(void)unused;
	setenv("WENDDEBUG", "stop_ms=100", 1);
	_exit(wend_run(start_hog, NULL) == -ETIMEDOUT ? 40 : 41);
}

/* It returns, unless the hog sits on the very thread that would have to. */
TEST(run_names_who_does_not_stop)
{
	struct child c = child_call(run_hog, NULL, 8);

	if (c.status == 2)
		CHECK_HAS(c.err, "fatal error: wend_run cannot return");
	else
		CHILD_EXITED(&c, 40);
	CHECK_HAS(c.err, "the hog");
	child_free(&c);
}

static void stop_hog(void *unused)
{
	wend_attr a = {.name = "the hog"};

	(void)unused;
	setenv("WENDDEBUG", "stop_ms=100", 1);
	CHECK_EQ(wend_start(NULL), 0);
	CHECK_EQ(wend_go_attr(&a, hog, NULL), 0);
	while (!LOAD(count))
		TEST_SLEEP_MS(1);
	CHECK_EQ(wend_stop(), -ETIMEDOUT);
}

TEST(stop_names_who_does_not_stop)
{
	struct child c = child_call(stop_hog, NULL, 8);

	CHILD_EXITED(&c, 0);
	CHECK_HAS(c.err, "the hog");
	child_free(&c);
}

static int nested_run(void *unused)
{
	(void)unused;
	return wend_run(return_seven, &count);
}

TEST(a_second_runtime_is_refused)
{
	CHECK_EQ(wend_run(nested_run, NULL), -EBUSY);
}

static void bump_and_exit_process(void *unused)
{
	(void)unused;
	for (int i = 0; i < 10; i++)
		wend_yield();
	printf("went on without main\n");
	fflush(stdout);
	exit(5);
}

static int main_goexits(void *unused)
{
	(void)unused;
	CHECK_EQ(wend_go(bump_and_exit_process, NULL), 0);
	wend_goexit();
}

static void run_main_goexits(void *unused)
{
	(void)unused;
	wend_run(main_goexits, NULL);
}

TEST(others_go_on_after_main_calls_goexit)
{
	struct child c = child_call(run_main_goexits, NULL, 8);

	CHILD_EXITED(&c, 5);
	CHECK_EQ(c.out, "went on without main\n");
	child_free(&c);
}

TEST_LIMIT(start_and_stop_inside_a_host_program, 20)
{
	long threads = 0;

	for (int i = 0; i < 20; i++) {
		wend_config cfg = {.maxprocs = 1 + i % 4};

		CHECK_EQ(wend_start(i % 5 ? &cfg : NULL), 0);
		CHECK_EQ(wend_start(NULL), -EBUSY);
		wend_waitgroup_add(&wg, 100);
		for (int k = 0; k < 100; k++)
			CHECK_EQ(wend_go(bump, NULL), 0);
		wend_waitgroup_wait(&wg);
		CHECK_EQ(wend_go(wait_for_ever, NULL), 0);
		CHECK_EQ(wend_stop(), 0);
		CHECK_EQ(wend_stop(), -EINVAL);
		CHECK_EQ(wend_go(bump, NULL), -EPERM);
		if (i == 0) /* a sanitizer may have started one of its own */
			threads = test_threads();
	}
	CHECK_EQ(LOAD(count), 2000);
	test_threads_become(threads);
}

/* While others are busy with all that has locks. */
CO_TEST(a_coroutine_may_fork_and_the_child_exec_or_exit)
{
	wend_maxprocs(2);
	for (int i = 0; i < 4; i++)
		CHECK_EQ(wend_go(spawn_for_ever, NULL), 0);
	for (int i = 0; i < 20; i++) {
		pid_t child = fork();
		int status = -1;

		if (child == 0) {
			if (i % 2)
				_exit(9);
			execl("/bin/sh", "sh", "-c", "exit 9", (char *)NULL);
			_exit(1);
		}
		CHECK(child > 0);
		while (waitpid(child, &status, 0) < 0)
			CHECK_EQ(errno, EINTR);
		CHECK(WIFEXITED(status));
		CHECK_EQ(WEXITSTATUS(status), 9);
		wend_yield();
	}
}

TEST(a_child_starts_a_runtime_of_its_own_after_the_end_of_the_parents)
{
	int status = -1;

	CHECK_EQ(wend_run(return_seven, &count), 7);

	pid_t child = fork();

	if (child == 0)
		_exit(wend_run(return_seven, &count));
	CHECK(child > 0 && waitpid(child, &status, 0) == child);
	CHECK(WIFEXITED(status));
	CHECK_EQ(WEXITSTATUS(status), 7);
}

static int own_number(void *number)
{
	return (int)(intptr_t)number;
}

static void *run_over_and_over(void *number)
{
	for (int done = 0; done < 50;) {
		int r = wend_run(own_number, number);

		if (r == -EBUSY) {
			usleep(100);
			continue;
		}
		CHECK_EQ(r, (int)(intptr_t)number);
		done++;
	}
	return NULL;
}

TEST_LIMIT(threads_that_run_in_turn_get_the_result_of_their_own, 30)
{
	pthread_t t[3];

	for (intptr_t i = 0; i < 3; i++)
		CHECK_EQ(pthread_create(&t[i], NULL, run_over_and_over, (void *)(i + 1)), 0);
	for (int i = 0; i < 3; i++)
		pthread_join(t[i], NULL);
}

static int stop_round, stopped;

static void *stop_each_round(void *rounds)
{
	for (int i = 1; i <= (int)(intptr_t)rounds; i++) {
		for (int k = 0; LOAD(stop_round) < i; k++)
			if (k % 256 == 255)
				sched_yield();
		if (wend_stop() == 0)
			ADD(stopped, 1);
		ADD(count, 1);
	}
	return NULL;
}

/* Two that come at the same time must not both free everything. */
TEST_LIMIT(of_two_threads_that_stop_it_one_does, 20)
{
	enum { ROUNDS = 2000 };
	uint64_t rng = test_seed();
	wend_config one = {.maxprocs = 1};
	pthread_t other;

	CHECK_EQ(pthread_create(&other, NULL, stop_each_round, (void *)(intptr_t)ROUNDS), 0);
	for (int i = 1; i <= ROUNDS; i++) {
		CHECK_EQ(wend_start(&one), 0);
		STORE(stop_round, i);
		for (uint64_t k = test_rand(&rng) % 64; k; k--)
			(void)LOAD(count);
		if (wend_stop() == 0)
			ADD(stopped, 1);
		while (LOAD(count) < i)
			sched_yield();
		CHECK_EQ(LOAD(stopped), i);
	}
	pthread_join(other, NULL);
}

static void stop_inside(void *unused)
{
	(void)unused;
	CHECK_EQ(wend_stop(), -EINVAL);
	wend_waitgroup_done(&wg);
}

TEST(a_coroutine_cannot_stop_the_runtime)
{
	CHECK_EQ(wend_start(NULL), 0);
	wend_waitgroup_add(&wg, 1);
	CHECK_EQ(wend_go(stop_inside, NULL), 0);
	wend_waitgroup_wait(&wg);
	CHECK_EQ(wend_stop(), 0);
}
