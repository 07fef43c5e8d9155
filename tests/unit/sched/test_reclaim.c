/* SPDX-License-Identifier: MIT
 *
 * Deferred freeing: when callbacks run and when they must not, from coroutines and foreign threads, before,
 * while and after the runtime runs, with and without membarrier and memory. */
#include "harness/child.h"
#include "harness/fault.h"
#include "harness/test.h"

#include <pthread.h>

#include <wend/wend.h>

#define GET(p) __atomic_load_n((p), __ATOMIC_ACQUIRE)
#define SET(p, v) __atomic_store_n((p), (v), __ATOMIC_RELEASE)

static int ran;

static void count(void *unused)
{
	(void)unused;
	__atomic_add_fetch(&ran, 1, __ATOMIC_ACQ_REL);
}

/* ---- When ------------------------------------------------------------------------------------- */

CO_TEST(the_barrier_waits_for_everything_retired_before_it)
{
	for (int n = 0; n <= 1000; n += 125) {
		SET(&ran, 0);
		for (int i = 0; i < n; i++)
			wend_retire(&ran, count);
		wend_retire_barrier();
		CHECK_EQ(GET(&ran), n);
	}
}

CO_TEST(the_barrier_covers_what_other_coroutines_retired)
{
	wend_waitgroup wg = WEND_ZERO;

	wend_maxprocs(4);
	for (int i = 0; i < 100; i++) {
		wend_waitgroup_add(&wg, 1);
		CHECK_EQ(WEND_GO(wend_retire, (void *)&wg, (void (*)(void *))count), 0);
	}
	while (wend_num_coroutines() > 1)
		wend_yield();
	wend_retire_barrier();
	CHECK_EQ(GET(&ran), 100);
}

static int stage;

static void *hold_section(void *unused)
{
	wend_section_begin();
	wend_section_begin();
	wend_section_end(); /* they nest */
	SET(&stage, 1);
	while (GET(&stage) != 2)
		TEST_SLEEP_MS(1);
	CHECK_EQ(GET(&ran), 0);
	wend_section_end();
	return unused;
}

static void retire_beside_a_section(void)
{
	while (GET(&stage) != 1)
		wend_yield();
	for (int i = 0; i < 200; i++)
		wend_retire(&ran, count);
	for (double end = test_now() + 0.05; test_now() < end;)
		wend_yield();
	CHECK_EQ(GET(&ran), 0);
	SET(&stage, 2);
	wend_retire_barrier();
	CHECK_EQ(GET(&ran), 200);
}

CO_TEST(a_foreign_threads_section_holds_callbacks_back)
{
	pthread_t t;

	CHECK_EQ(pthread_create(&t, NULL, hold_section, NULL), 0);
	retire_beside_a_section();
	pthread_join(t, NULL);
}

static void hold_in_coroutine(void *unused)
{
	hold_section(unused);
}

CO_TEST(a_coroutines_section_holds_callbacks_back)
{
	wend_maxprocs(2);
	CHECK_EQ(wend_go(hold_in_coroutine, NULL), 0);
	retire_beside_a_section();
}

static void call_inside(void *unused)
{
	static wend_counter c;

	(void)unused;
	wend_section_begin();
	SET(&stage, 1);
	while (GET(&stage) != 2) {
		wend_counter_add(&c, 1); /* comes in and goes out */
		wend_num_coroutines();
		wend_maxprocs(0);
	}
	CHECK_EQ(GET(&ran), 0);
	wend_section_end();
}

CO_TEST(calls_of_the_library_inside_a_section_do_not_end_it)
{
	wend_maxprocs(2);
	CHECK_EQ(wend_go(call_inside, NULL), 0);
	retire_beside_a_section();
}

static void compute(void *unused)
{
	(void)unused;
	SET(&stage, 1);
	while (GET(&stage) != 2)
		;
}

CO_TEST(a_long_computation_outside_sections_holds_nothing_up)
{
	wend_maxprocs(2);
	CHECK_EQ(wend_go(compute, NULL), 0);
	while (GET(&stage) != 1)
		wend_yield();
	for (int i = 0; i < 10; i++) {
		wend_retire(&ran, count);
		wend_retire_barrier();
	}
	CHECK_EQ(GET(&ran), 10);
	SET(&stage, 2);
}

static void *release_when_run(void *wg)
{
	double end = test_now() + 5;

	while (GET(&ran) != 10 && test_now() < end)
		TEST_SLEEP_MS(1);
	wend_waitgroup_done(wg);
	return NULL;
}

CO_TEST(idle_threads_run_what_is_left)
{
	wend_waitgroup wg = WEND_ZERO;
	pthread_t t;

	wend_waitgroup_add(&wg, 1);
	for (int i = 0; i < 10; i++)
		wend_retire(&ran, count);
	CHECK_EQ(pthread_create(&t, NULL, release_when_run, &wg), 0);
	wend_waitgroup_wait(&wg);
	pthread_join(t, NULL);
	CHECK_EQ(GET(&ran), 10);
}

static int retire_some(void *unused)
{
	(void)unused;
	for (int i = 0; i < 10; i++)
		wend_retire(&ran, count);
	return 0;
}

TEST(the_end_of_the_runtime_runs_the_rest)
{
	for (int i = 1; i <= 3; i++) {
		CHECK_EQ(wend_run(retire_some, NULL), 0);
		CHECK_EQ(ran, 10 * i);
	}
}

static int leave;
static bool inside;

static void *stay_in_a_section(void *unused)
{
	wend_section_begin();
	SET(&inside, true);
	while (!GET(&leave))
		TEST_SLEEP_MS(1);
	wend_section_end();
	return unused;
}

static void wait_in_the_barrier(void *n)
{
	++*(int *)n;
	wend_retire_barrier();
	CHECK(!"the section does not end before the runtime");
}

static int end_around_the_barrier(void *unused)
{
	static int waiting;

	(void)unused;
	while (!GET(&inside))
		wend_yield();
	wend_retire(&ran, count);
	for (int i = 0; i < 3; i++)
		CHECK_EQ(wend_go(wait_in_the_barrier, &waiting), 0);
	while (waiting < 3) /* on one P: then all are parked */
		wend_yield();
	return 0;
}

static int retire_and_wait(void *unused)
{
	(void)unused;
	for (int i = 0; i < 200; i++)
		wend_retire(&ran, count);
	wend_retire_barrier();
	return 0;
}

static int block_for_ever(void *unused)
{
	wend_sem never = WEND_SEM(0);

	(void)unused;
	wend_sem_acquire(&never, 1);
	return 0;
}

static void run_around_the_barrier(void *unused)
{
	pthread_t t;

	(void)unused;
	CHECK_EQ(setenv("WEND_MAXPROCS", "1", 1), 0);
	CHECK_EQ(pthread_create(&t, NULL, stay_in_a_section, NULL), 0);
	CHECK_EQ(wend_run(end_around_the_barrier, NULL), 0);
	SET(&leave, 1);
	pthread_join(t, NULL);
	for (int i = 1; i <= 3; i++) {
		CHECK_EQ(wend_run(retire_and_wait, NULL), 0);
		CHECK_EQ(ran, 1 + 200 * i);
	}
	printf("before\n");
	/* Is reported, which it is not while somebody is in the barrier. ThreadSanitizer's own thread, which a forked child gets with
	 * its second one, could wake somebody as far as anybody knows. */
	if (!TEST_TSAN)
		wend_run(block_for_ever, NULL);
}

TEST(coroutines_in_the_barrier_are_gone_with_the_runtime)
{
	struct child c = child_call(run_around_the_barrier, NULL, 8);

	CHILD_EXITED(&c, TEST_TSAN ? 0 : 2);
	if (!TEST_TSAN)
		CHECK_HAS(c.err, "all coroutines are asleep - deadlock!");
	CHECK_EQ(c.out, "before\n");
	child_free(&c);
}

static void again(void *left)
{
	count(NULL);
	if (left)
		wend_retire((char *)left - 1, again);
}

CO_TEST(callbacks_may_retire)
{
	wend_retire((void *)300, again);
	while (GET(&ran) != 301)
		wend_retire_barrier();
}

/* ---- Where ------------------------------------------------------------------------------------ */

TEST(works_without_a_runtime)
{
	for (int i = 0; i < 1000; i++) {
		wend_section_begin();
		wend_section_end();
		wend_retire(&ran, count);
	}
	wend_retire_barrier();
	CHECK_EQ(ran, 1000);
}

static void *retire_foreign(void *unused)
{
	for (int i = 0; i < 1000; i++)
		wend_retire(&ran, count);
	wend_retire_barrier();
	CHECK(GET(&ran) >= 1000);
	return unused;
}

CO_TEST(foreign_threads_retire_and_wait)
{
	pthread_t t[3];

	for (int i = 0; i < 3; i++)
		CHECK_EQ(pthread_create(&t[i], NULL, retire_foreign, NULL), 0);
	for (int i = 0; i < 3; i++)
		pthread_join(t[i], NULL);
	wend_retire_barrier();
	CHECK_EQ(GET(&ran), 3000);
}

static void barrier_and_done(void *wg)
{
	wend_retire(&ran, count);
	wend_retire_barrier();
	wend_waitgroup_done(wg);
}

CO_TEST(many_wait_in_the_barrier_at_once)
{
	wend_waitgroup wg = WEND_ZERO;

	for (int procs = 1; procs <= 4; procs *= 2) {
		wend_maxprocs(procs);
		for (int i = 0; i < 200; i++) {
			wend_waitgroup_add(&wg, 1);
			CHECK_EQ(wend_go(barrier_and_done, &wg), 0);
		}
		wend_waitgroup_wait(&wg);
	}
	CHECK_EQ(GET(&ran), 600);
}

/* ---- What bounds it --------------------------------------------------------------------------- */

static int retired;

static void retire_on(void *unused)
{
	(void)unused;
	for (int i = 0; i < 100000; i++) {
		wend_retire(&ran, count);
		SET(&retired, i + 1);
	}
	SET(&stage, 3);
}

CO_TEST(a_section_that_stays_open_stops_who_retires)
{
	pthread_t t;
	int before;

	wend_maxprocs(2);
	CHECK_EQ(pthread_create(&t, NULL, hold_section, NULL), 0);
	while (GET(&stage) != 1)
		wend_yield();
	CHECK_EQ(wend_go(retire_on, NULL), 0);
	do {
		before = GET(&retired);
		TEST_SLEEP_MS(50);
		wend_yield();
	} while (GET(&retired) != before || before == 0);
	CHECK(before >= 60000);
	CHECK_LE(before, 66000);
	SET(&stage, 2);
	pthread_join(t, NULL);
	while (GET(&stage) != 3)
		wend_yield();
	wend_retire_barrier();
	CHECK_EQ(GET(&ran), 100000);
}

CO_TEST(nobody_waits_inside_his_own_section)
{
	wend_section_begin();
	for (int i = 0; i < 100000; i++)
		wend_retire(&ran, count);
	CHECK_EQ(GET(&ran), 0);
	wend_section_end();
	wend_retire_barrier();
	CHECK_EQ(GET(&ran), 100000);
}

CO_TEST(without_memory_the_caller_waits_and_runs_it)
{
	fault_all("malloc", ENOMEM);
	for (int i = 1; i <= 3; i++) {
		wend_retire(&ran, count);
		CHECK_EQ(GET(&ran), i);
	}
	CHECK_EQ(fault_hits("malloc"), 3);
	fault_clear();
}

TEST(full_fences_where_there_is_no_membarrier)
{
	fault_all("membarrier", ENOSYS);
	for (int i = 1; i <= 3; i++) {
		CHECK_EQ(wend_run(retire_some, NULL), 0);
		CHECK_EQ(ran, 10 * i);
	}
	CHECK(fault_hits("membarrier") > 0);
}

/* ---- Misuse ----------------------------------------------------------------------------------- */

static void dies(void (*fn)(void *), const char *says)
{
	struct child c = child_call(fn, NULL, 10);

	CHILD_EXITED(&c, 2);
	CHECK_HAS(c.err, says);
	child_free(&c);
}

static wend_waitgroup never;

static int begin_and_yield(void *unused)
{
	(void)unused;
	wend_section_begin();
	wend_yield();
	return 0;
}

static int begin_and_wait(void *unused)
{
	(void)unused;
	wend_waitgroup_add(&never, 1);
	wend_section_begin();
	wend_waitgroup_wait(&never);
	return 0;
}

static void begin_and_return(void *unused)
{
	(void)unused;
	wend_section_begin();
}

static int spawn_and_wait(void *unused)
{
	(void)unused;
	CHECK_EQ(wend_go(begin_and_return, NULL), 0);
	while (GET(&stage) == 0)
		wend_yield();
	return 0;
}

static int begin_and_barrier(void *unused)
{
	(void)unused;
	wend_section_begin();
	wend_retire_barrier();
	return 0;
}

static void wait_in_callback(void *unused)
{
	(void)unused;
	wend_waitgroup_wait(&never);
}

static int park_in_callback(void *unused)
{
	(void)unused;
	wend_waitgroup_add(&never, 1);
	wend_retire(&never, wait_in_callback);
	wend_retire_barrier();
	return 0;
}

static int end_only(void *unused)
{
	(void)unused;
	wend_section_begin();
	wend_section_end();
	wend_section_end();
	return 0;
}

static int nil_callback(void *unused)
{
	(void)unused;
	wend_retire(&never, NULL);
	return 0;
}

#define RUNS(fn)                                                                                  \
	static void run_##fn(void *unused)                                                            \
	{                                                                                             \
		(void)unused;                                                                             \
		wend_run(fn, NULL);                                                                       \
	}
RUNS(begin_and_yield)
RUNS(begin_and_wait)
RUNS(spawn_and_wait)
RUNS(begin_and_barrier)
RUNS(park_in_callback)
RUNS(end_only)
RUNS(nil_callback)

TEST(misuse_dies_with_its_name)
{
	dies(run_begin_and_yield, "fatal error: park inside a section or a callback of wend_retire\n");
	dies(run_begin_and_wait, "fatal error: park inside a section or a callback of wend_retire\n");
	dies(run_spawn_and_wait, "fatal error: park inside a section or a callback of wend_retire\n");
	dies(run_begin_and_barrier, "fatal error: wend_retire_barrier inside a section or a callback\n");
	dies(run_park_in_callback, "callback of wend_retire");
	dies(run_end_only, "fatal error: wend_section_end without wend_section_begin\n");
	dies(run_nil_callback, "fatal error: wend_retire with a nil function\n");
}
