/* SPDX-License-Identifier: MIT
 *
 * Blocking calls and the end: misuse, panics that nobody recovers, reports, the runtime's end while somebody is in one, and
 * threads that cannot be had. */
#include "harness/child.h"
#include "harness/fault.h"
#include "harness/parked.h"
#include "harness/test.h"

#include <pthread.h>
#include <signal.h>

#include <wend/wend.h>

static wend_waitgroup wg;
static int ends[2], sink;

static int64_t read_pipe(void *unused)
{
	char byte;
	ssize_t n = read(ends[0], &byte, 1);

	(void)unused;
	return n < 0 ? -errno : n;
}

/* Not static: traces find them by name. */
void waits_for_input(void *unused);
int64_t panics_in_a_call(void *unused);
void calls_what_panics(void);

void waits_for_input(void *unused)
{
	(void)unused;
	wend_blocking(read_pipe, NULL);
	sink++;
	wend_waitgroup_done(&wg);
}

static void one_waits_for_input(void)
{
	CHECK_EQ(pipe(ends), 0);
	wend_waitgroup_add(&wg, 1);
	CHECK_EQ(wend_go(waits_for_input, NULL), 0);
	parked_become("syscall", 1);
}

/* ---- Misuse ---------------------------------------------------------------------------------------- */

static void dies_of(void (*fn)(void), const char *text)
{
	struct child c = child_run(fn, 1);

	CHILD_EXITED(&c, 2);
	CHECK_HAS(c.err, "fatal error: ");
	CHECK_HAS(c.err, text);
	CHECK_HAS(c.err, " [running]:\n");
	child_free(&c);
}

static int64_t yields(void *unused)
{
	wend_yield();
	return 0;
}

static void yield_in_fn(void)
{
	wend_blocking(yields, NULL);
}

static int64_t goes(void *unused)
{
	wend_goexit();
}

static void goexit_in_fn(void)
{
	wend_blocking(goes, NULL);
}

static void no_function(void)
{
	wend_blocking(NULL, NULL);
}

static int64_t nothing(void *unused)
{
	return 0;
}

static void in_a_section(void)
{
	wend_section_begin();
	wend_blocking(nothing, NULL);
}

static int64_t opens_a_section(void *unused)
{
	wend_section_begin();
	return 0;
}

static void leaves_a_section_open(void)
{
	wend_blocking(opens_a_section, NULL);
}

static int64_t panics_in_a_section(void *unused)
{
	wend_section_begin();
	wend_panic("in a section");
}

static void panic_in_a_section(void)
{
	wend_blocking(panics_in_a_section, NULL);
}

TEST_LIMIT(misuse_is_fatal, 60)
{
	dies_of(yield_in_fn, "wend_yield called off a coroutine");
	dies_of(goexit_in_fn, "wend_goexit called off a coroutine");
	dies_of(no_function, "wend_blocking with a nil function");
	dies_of(in_a_section, "park inside a section");
	dies_of(leaves_a_section_open, "park inside a section");
}

TEST(a_panic_in_a_section_of_fn_is_not_recovered)
{
	struct child c = child_run(panic_in_a_section, 1);

	CHILD_EXITED(&c, 2);
	CHECK_HAS(c.err, "panic: in a section\n");
	CHECK_HAS(c.err, "nothing is recovered");
	child_free(&c);
}

/* ---- Reports --------------------------------------------------------------------------------------- */

int64_t panics_in_a_call(void *unused)
{
	(void)unused;
	wend_panic("blocked");
}

void calls_what_panics(void)
{
	wend_blocking(panics_in_a_call, NULL);
	sink++;
}

TEST(a_panic_in_fn_shows_the_coroutine)
{
	struct child c = child_run(calls_what_panics, 1);

	CHILD_EXITED(&c, 2);
	CHECK_HAS(c.err, "panic: blocked\n");
	CHECK_HAS(c.err, "coroutine 1 [running]:");
	CHECK_HAS(c.err, "panics_in_a_call");
	CHECK_HAS(c.err, "wend_blocking");
	CHECK_HAS(c.err, "calls_what_panics");
	child_free(&c);
}

static void quit_beside_it(void)
{
	one_waits_for_input();
	raise(SIGQUIT);
}

/* Where it called, for what it calls may be anything. */
TEST(reports_show_where_the_blocking_call_was_made)
{
	struct child c = child_run(quit_beside_it, 1);

	CHILD_EXITED(&c, 2);
	CHECK_HAS(c.err, "SIGQUIT: quit");
	CHECK_HAS(c.err, "[syscall]:");
	CHECK_HAS(c.err, "waits_for_input");
	child_free(&c);
}

static void *writes_later(void *unused)
{
	(void)unused;
	TEST_SLEEP_MS(100);
	printf("written\n");
	fflush(stdout);
	CHECK_EQ(write(ends[1], "x", 1), 1);
	return NULL;
}

static int64_t sleeps(void *ms)
{
	TEST_SLEEP_MS(*(int *)ms);
	printf("slept\n");
	fflush(stdout);
	return 0;
}

/* All others wait for ever; only when this one does, too, it is a deadlock. */
static void blocks_then_waits(void *unused)
{
	(void)unused;
	wend_blocking(sleeps, &(int){100});
	wend_chan_recv(NULL, NULL);
}

static void nobody_after_the_call(void)
{
	CHECK_EQ(wend_go(blocks_then_waits, NULL), 0);
	wend_chan_recv(NULL, NULL);
}

TEST(no_deadlock_while_somebody_is_in_a_call)
{
	struct child c = child_run(nobody_after_the_call, 1);

	CHILD_EXITED(&c, 2);
	CHECK_EQ(c.out, "slept\n");
	CHECK_HAS(c.err, "fatal error: all coroutines are asleep - deadlock!\n");
	child_free(&c);
}

static void do_nothing(void *unused)
{
}

static int64_t spawns(void *unused)
{
	CHECK_EQ(wend_go(do_nothing, NULL), 0);
	return 0;
}

/* A call of the library's from fn is none of a thread that could come again. */
static void nobody_after_foreign_calls(void)
{
	wend_blocking(spawns, NULL);
	wend_blocking(sleeps, &(int){1});
	wend_chan_recv(NULL, NULL);
}

TEST(calls_within_fn_do_not_hide_a_deadlock)
{
	struct child c;

	if (TEST_TSAN)
		test_skip("ThreadSanitizer starts a thread of its own in the child once it has a second one: nothing is proven");
	c = child_run(nobody_after_foreign_calls, 1);
	CHILD_EXITED(&c, 2);
	CHECK_HAS(c.err, "fatal error: all coroutines are asleep - deadlock!\n");
	child_free(&c);
}

/* ---- The runtime's end ------------------------------------------------------------------------------ */

static int end_beside(void *fn)
{
	wend_attr a = {.name = "reader"};

	wend_waitgroup_add(&wg, 1);
	CHECK_EQ(wend_go_attr(&a, *(void (**)(void *))fn, NULL), 0);
	parked_become("syscall", 1);
	return 3;
}

/* On another thread than the caller's of wend_run, as this one holds that one. */
static int end_on_this_thread(void *fn)
{
	wend_lock_thread();
	return end_beside(fn);
}

static void end_while_it_waits(void *unused)
{
	void (*fn)(void *) = waits_for_input;

	(void)unused;
	setenv("WENDDEBUG", "stop_ms=100", 1);
	CHECK_EQ(pipe(ends), 0);
	CHECK_EQ(wend_run(end_on_this_thread, &fn), -ETIMEDOUT);
	CHECK_EQ(wend_run(end_on_this_thread, &fn), -EBUSY);
	CHECK_EQ(write(ends[1], "x", 1), 1); /* what comes back then does not go on */
	TEST_SLEEP_MS(50);
	CHECK_EQ(sink, 0);
	_exit(40);
}

TEST(the_end_names_who_is_in_a_call)
{
	struct child c = child_call(end_while_it_waits, NULL, 8);

	CHILD_EXITED(&c, 40);
	CHECK_HAS(c.err, "100 ms were not enough");
	CHECK_HAS(c.err, "(reader) is still in a blocking call\n");
	child_free(&c);
}

static int call_nothing(void *unused)
{
	(void)unused;
	return (int)wend_blocking(nothing, NULL);
}

static void end_before_it_is_over(void *unused)
{
	void (*fn)(void *) = waits_for_input;
	pthread_t t;

	(void)unused;
	CHECK_EQ(pipe(ends), 0);
	CHECK_EQ(pthread_create(&t, NULL, writes_later, NULL), 0);
	CHECK_EQ(wend_run(end_on_this_thread, &fn), 3);
	pthread_join(t, NULL);
	CHECK_EQ(wend_run(call_nothing, NULL), 0); /* it starts again */
	_exit(40);
}

TEST(the_end_waits_for_a_call_that_ends)
{
	struct child c = child_call(end_before_it_is_over, NULL, 8);

	CHILD_EXITED(&c, 40);
	CHECK_EQ(c.out, "written\n");
	child_free(&c);
}

static int end_with_a_waiter(void *unused)
{
	(void)unused;
	one_waits_for_input();
	printf("main over\n");
	return 7;
}

static void main_ends(void *unused)
{
	char *argv[] = {"program", NULL};

	(void)unused;
	wend__main(1, argv, (int (*)(int, char **))(uintptr_t)end_with_a_waiter);
	_exit(1);
}

TEST(the_end_of_main_does_not_wait)
{
	double start = test_now();
	struct child c = child_call(main_ends, NULL, 8);

	CHILD_EXITED(&c, 7);
	CHECK_EQ(c.out, "main over\n");
	CHECK_EQ(c.err, "");
	CHECK_LE(test_now() - start, 4.0);
	child_free(&c);
}

/* ---- Threads that cannot be had ---------------------------------------------------------------------- */

static int ran;

static int64_t short_sleep(void *unused)
{
	(void)unused;
	usleep(2000);
	return 1;
}

static void sleeper(void *unused)
{
	(void)unused;
	for (int i = 0; i < 3; i++)
		__atomic_add_fetch(&ran, (int)wend_blocking(short_sleep, NULL), __ATOMIC_RELAXED);
	wend_waitgroup_done(&wg);
}

static int twenty_sleepers(void *unused)
{
	(void)unused;
	wend_waitgroup_add(&wg, 20);
	for (int i = 0; i < 20; i++)
		CHECK_EQ(wend_go(sleeper, NULL), 0);
	wend_waitgroup_wait(&wg);
	return __atomic_load_n(&ran, __ATOMIC_RELAXED);
}

static void without_threads(void *error)
{
	if (error)
		fault_all("pthread_create", *(int *)error);
	_exit(wend_run(twenty_sleepers, NULL));
}

static void with_three_threads(void *unused)
{
	(void)unused;
	setenv("WENDDEBUG", "threads=3", 1);
	_exit(wend_run(twenty_sleepers, NULL));
}

static void nothing_is_lost(void (*fn)(void *), void *arg, const char *says)
{
	static const char *const procs[] = {"1", "2", "4"};

	for (int i = 0; i < 3; i++) {
		struct child c;
		const char *again;

		setenv("WEND_MAXPROCS", procs[i], 1);
		c = child_call(fn, arg, 20);
		CHILD_EXITED(&c, 60);
		CHECK_HAS(c.err, says);
		again = strstr(strstr(c.err, "no further thread") + 1, "no further thread");
		CHECK_MSG(!again, "said twice:\n%s", c.err);
		child_free(&c);
	}
}

TEST_LIMIT(without_threads_they_take_turns, 60)
{
	nothing_is_lost(without_threads, &(int){EAGAIN}, "wend: no further thread (Resource temporarily");
	CHECK(fault_hits("pthread_create") > 0);
}

TEST_LIMIT(with_few_threads_they_take_turns, 60)
{
	nothing_is_lost(with_three_threads, NULL, "Raise the knob threads.");
}

/* Somebody must write what the only thread reads: the thread for that one comes at the second try. */
static void writes_pipe(void *unused)
{
	(void)unused;
	CHECK_EQ(write(ends[1], "x", 1), 1);
}

static void reads_what_another_writes(void)
{
	CHECK_EQ(pipe(ends), 0);
	fault_set("pthread_create", 1, EAGAIN);
	CHECK_EQ(wend_go(writes_pipe, NULL), 0);
	CHECK_EQ(wend_blocking(read_pipe, NULL), 1);
}

TEST(a_thread_that_fails_once_is_tried_again)
{
	struct child c;

	setenv("WEND_MAXPROCS", "1", 1);
	c = child_run(reads_what_another_writes, 1);
	CHILD_EXITED(&c, 100);
	CHECK_EQ(fault_hits("pthread_create"), 1);
	child_free(&c);
}
