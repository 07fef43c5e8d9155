/* SPDX-License-Identifier: MIT
 *
 * Panics that nobody recovers, and ends by goexit: text, stack and exit status are Go's. */
#include "harness/child.h"
#include "harness/test.h"

#include <pthread.h>
#include <sys/mman.h>
#include <unistd.h>

#include <wend/wend.h>

static void say(void *what)
{
	puts(what);
}

static void print_recovered(void *unused)
{
	const char *text = wend_recover();

	(void)unused;
	puts(text ? text : "nothing");
}

static void recover_quietly(void *unused)
{
	(void)unused;
	wend_recover();
}

static void panics(void *text)
{
	wend_panic(text);
}

/* The child prints `out`, then dies with `err` first on its standard error. */
static void dies(void (*fn)(void), const char *out, const char *err)
{
	struct child c = child_run(fn, 0);

	CHILD_EXITED(&c, 2);
	CHECK_EQ(c.out, out);
	CHILD_BEGINS(&c, err);
	child_free(&c);
}

/* ---- One panic ------------------------------------------------------------------------------- */

static void simple(void)
{
	WEND_DEFERS;
	wend_defer(say, "deferred");
	printf("printed before, ");
	wend_panicf("error number %d", 7);
}

TEST(text_then_the_stack_and_status_2)
{
	dies(simple, "printed before, deferred\n", "panic: error number 7\n\ncoroutine 1 [running]:");
}

static void lines(void)
{
	wend_panic("important multi-line\nstring message");
}

TEST(further_lines_are_indented)
{
	dies(lines, "", "panic: important multi-line\n\tstring message\n\ncoroutine 1 [running]:");
}

#define LONG (32L << 20)

static int long_report;

static void very_long(void)
{
	char *text = malloc(LONG + 1);

	memset(text, 'x', LONG);
	text[LONG] = 0;
	dup2(long_report, 2);
	wend_panic(text);
}

/* A report takes 5 s at most: one character at a time it would be cut off. */
TEST(a_long_text_is_shown_whole_and_the_stack_after_it)
{
	char end[1000] = "";

	long_report = memfd_create("report", MFD_CLOEXEC);

	struct child c = child_run(very_long, 0);

	CHILD_EXITED(&c, 2);
	CHECK(pread(long_report, end, sizeof end - 1, LONG) > 0);
	CHECK_HAS(end, "xxx\n\ncoroutine 1 [running]:\nvery_long(...)\n\t");
	child_free(&c);
	close(long_report);
}

/* Not static: the trace finds them by name. */
void panicking_function(void);
void calling_function(void);

__attribute__((noinline)) void panicking_function(void)
{
	wend_panic("here");
}

__attribute__((noinline)) void calling_function(void)
{
	WEND_DEFERS;
	wend_defer(recover_quietly, NULL);
	wend_defer(panics, "second");
	panicking_function();
}

static void stack(void)
{
	WEND_DEFERS;
	wend_defer(panics, "second");
	panicking_function();
}

/* Functions from the innermost outwards, with file and line. */
TEST(the_stack_shows_where_each_panic_came_from)
{
	static const char *const in_order[] = {"\npanics(...)\n\t", "test_panic_texts.c:", "\nwend_panic(...)\n",
										   "\npanicking_function(...)\n\t", "test_panic_texts.c:",
										   "\nstack(...)\n\t", "test_panic_texts.c:"};
	struct child c = child_run(stack, 0);
	const char *at = c.err;

	CHILD_EXITED(&c, 2);
	for (size_t i = 0; i < sizeof in_order / sizeof *in_order; i++) {
		at = strstr(at, in_order[i]);
		CHECK_MSG(at, "%s is not in its place in:\n%s", in_order[i], c.err);
	}
	child_free(&c);
}

static void *thread(void *unused)
{
	panicking_function();
	return unused;
}

static void on_a_thread(void)
{
	pthread_t t;

	CHECK(pthread_create(&t, NULL, thread, NULL) == 0);
	pthread_join(t, NULL);
}

TEST(a_foreign_thread_may_panic)
{
	struct child c = child_run(on_a_thread, 0);

	CHILD_EXITED(&c, 2);
	CHECK_HAS(c.err, "panic: here\n\nthread [running]:\n");
	CHECK_HAS(c.err, "\npanicking_function(...)\n");
	child_free(&c);
}

static void without_runtime(void *unused)
{
	(void)unused;
	panicking_function();
}

TEST(so_may_a_program_without_the_runtime)
{
	struct child c = child_call(without_runtime, NULL, 8);

	CHILD_EXITED(&c, 2);
	CHECK_HAS(c.err, "panic: here\n");
	child_free(&c);
}

static void panic_in(void *unused)
{
	(void)unused;
	panicking_function();
}

static void in_another(void)
{
	wend_waitgroup wg = WEND_ZERO;

	CHECK_EQ(WEND_GO(panic_in, NULL), 0);
	wend_waitgroup_add(&wg, 1);
	wend_waitgroup_wait(&wg);
}

TEST(a_panic_in_any_coroutine_ends_the_program)
{
	struct child c = child_run(in_another, 0);

	CHILD_EXITED(&c, 2);
	CHECK_HAS(c.err, "panic: here\n\ncoroutine ");
	CHECK_HAS(c.err, "\ncreated by in_another in coroutine 1\n");
	child_free(&c);
}

/* ---- Several --------------------------------------------------------------------------------- */

static void wraps(void *unused)
{
	const char *text = wend_recover();

	(void)unused;
	if (text)
		wend_panicf("wrap: %s", text);
}

static void recursive_1a(void)
{
	WEND_DEFERS;
	wend_defer(wraps, NULL);
	wend_panic("bad");
}

static void recursive_1b(void)
{
	WEND_DEFERS;
	wend_defer(print_recovered, NULL);
	recursive_1a();
}

static void recursive_1(void)
{
	recursive_1b();
	wend_panic("again");
}

static void recursive_2a(void)
{
	WEND_DEFERS;
	wend_defer(panics, "second panic");
	wend_defer(print_recovered, NULL);
	wend_panic("first panic");
}

static void recursive_2b(void)
{
	WEND_DEFERS;
	wend_defer(print_recovered, NULL);
	recursive_2a();
}

static void recursive_2(void)
{
	recursive_2b();
	wend_panic("third panic");
}

static void second_recovered(void *unused)
{
	(void)unused;
	WEND_DEFERS;
	wend_defer(recover_quietly, NULL);
	wend_panic("second panic");
}

static void recursive_3(void)
{
	WEND_DEFERS;
	wend_defer(second_recovered, NULL);
	wend_panic("first panic");
}

static void recover_then_panic(void *text)
{
	wend_recover();
	wend_panic(text);
}

static void recursive_4(void)
{
	WEND_DEFERS;
	wend_defer(recover_then_panic, "second panic");
	wend_panic("first panic");
}

static void print_then_panic(void *text)
{
	print_recovered(NULL);
	wend_panic(text);
}

static void nothing(void *unused)
{
	(void)unused;
}

static void recursive_5a(void)
{
	WEND_DEFERS;
	wend_defer(nothing, NULL);
	wend_defer(print_recovered, NULL);
	wend_defer(print_then_panic, "second panic");
	wend_panic("first panic");
}

static void recursive_5b(void)
{
	WEND_DEFERS;
	wend_defer(nothing, NULL);
	recursive_5a();
}

static void recursive_5(void)
{
	recursive_5b();
	wend_panic("third panic");
}

TEST_LIMIT(recursive_panics, 60)
{
	dies(recursive_1, "wrap: bad\n", "panic: again\n\n");
	dies(recursive_2, "first panic\nsecond panic\n", "panic: third panic\n\n");
	dies(recursive_3, "", "panic: first panic\n\n");
	dies(recursive_4, "", "panic: first panic [recovered]\n\tpanic: second panic\n\n");
	dies(recursive_5, "first panic\nsecond panic\n", "panic: third panic\n\n");
}

static void pt2(void)
{
	WEND_DEFERS;
	wend_defer(panics, "panic pt2");
	wend_panic("hello");
}

static void pt1(void)
{
	WEND_DEFERS;
	wend_defer(panics, "panic pt1");
	pt2();
}

TEST(the_texts_of_all_panics_oldest_first)
{
	dies(pt1, "", "panic: hello\n\tpanic: panic pt2\n\tpanic: panic pt1\n\n");
}

static void rethrow(void *unused)
{
	(void)unused;
	wend_panic(wend_recover());
}

static void repanicked(void)
{
	WEND_DEFERS;
	wend_defer(rethrow, NULL);
	wend_panic("message");
}

static void middle(void)
{
	WEND_DEFERS;
	wend_defer(rethrow, NULL);
	wend_defer(recover_then_panic, "middle");
	wend_panic("inner");
}

static void repanicked_middle(void)
{
	WEND_DEFERS;
	wend_defer(recover_then_panic, "outer");
	middle();
}

static const char same[] = "outer";

static void sandwich_inner(void)
{
	WEND_DEFERS;
	wend_defer(recover_then_panic, "inner");
	wend_panic(same);
}

static void sandwich(void)
{
	WEND_DEFERS;
	wend_defer(recover_then_panic, (void *)same);
	sandwich_inner();
}

static void twice_the_same(void)
{
	WEND_DEFERS;
	wend_defer(panics, (void *)same);
	wend_panic(same);
}

TEST_LIMIT(thrown_again, 60)
{
	dies(repanicked, "", "panic: message [recovered, repanicked]\n\n");
	dies(repanicked_middle, "",
		 "panic: inner [recovered]\n\tpanic: middle [recovered, repanicked]\n\tpanic: outer\n\n");
	dies(sandwich, "", "panic: outer [recovered]\n\tpanic: inner [recovered]\n\tpanic: outer\n\n");
	dies(twice_the_same, "", "panic: outer\n\tpanic: outer\n\n");
}

/* ---- Goexit ---------------------------------------------------------------------------------- */

static void panic_after_goexit(void)
{
	WEND_DEFERS;
	wend_defer(panics, "hello");
	wend_goexit();
}

static void recovered_after_goexit(void)
{
	WEND_DEFERS;
	wend_defer(second_recovered, NULL);
	wend_goexit();
}

static void recover_before(void)
{
	WEND_DEFERS;
	for (int i = 0; i < 2; i++)
		wend_defer(nothing, NULL);
	wend_defer(recover_quietly, NULL);
	wend_defer(panics, "hello");
	wend_goexit();
}

static void leave(void *unused)
{
	(void)unused;
	wend_goexit();
}

static void leave_in_panic(void *unused)
{
	(void)unused;
	WEND_DEFERS;
	wend_defer(leave, NULL);
	wend_panic("hello");
}

/* On one P: in a forked child that makes threads ThreadSanitizer has two of its own, and nothing is a deadlock. */
static void goexit_in_panic(void)
{
	wend_maxprocs(1);
	CHECK_EQ(wend_go(leave_in_panic, NULL), 0);
	wend_goexit();
}

static void goexit_alone(void)
{
	wend_maxprocs(1);
	for (int i = 0; i < 2; i++)
		CHECK_EQ(wend_go(nothing, NULL), 0);
	wend_goexit();
}

#define NO_COROUTINES "fatal error: no coroutines (main called wend_goexit) - deadlock!\n"

TEST_LIMIT(goexit_of_the_last_is_a_deadlock, 20)
{
	dies(goexit_alone, "", NO_COROUTINES);
}

TEST_LIMIT(panic_after_goexit_is_fatal, 20)
{
	dies(panic_after_goexit, "", "panic: hello\n\n");
}

TEST_LIMIT(recovered_panic_after_goexit, 20)
{
	dies(recovered_after_goexit, "", NO_COROUTINES);
}

TEST_LIMIT(recover_before_panic_after_goexit, 20)
{
	dies(recover_before, "", NO_COROUTINES);
}

TEST_LIMIT(goexit_in_a_panic_ends_it, 20)
{
	dies(goexit_in_panic, "", NO_COROUTINES);
}

/* ---- Others ---------------------------------------------------------------------------------- */

static void yield_first(void *unused)
{
	(void)unused;
	wend_yield();
	puts("1");
	wend_yield();
}

static void yields_in_panic(void)
{
	WEND_DEFERS;
	wend_defer(yield_first, NULL);
	wend_panic("after yields");
}

TEST(deferred_calls_of_a_fatal_panic_may_give_way)
{
	dies(yields_in_panic, "1\n", "panic: after yields\n\n");
}

static int64_t nap(void *unused)
{
	return usleep(1000);
}

static void block_first(void *unused)
{
	CHECK_EQ(wend_blocking(nap, NULL), 0);
	puts("1");
	wend_sleep(WEND_MILLISECOND);
}

static void blocks_in_panic(void)
{
	WEND_DEFERS;
	wend_defer(block_first, NULL);
	wend_panic("after a blocking call");
}

TEST(deferred_calls_of_a_fatal_panic_may_block_and_sleep)
{
	dies(blocks_in_panic, "1\n", "panic: after a blocking call\n\n");
}

static void index_out_of_range(void)
{
	int array[3] = {0};
	int i = 5;

	__asm__("" : "+r"(i));
	WEND_AT(array, i) = 1;
}

TEST(an_index_out_of_range)
{
	dies(index_out_of_range, "", "panic: runtime error: index out of range [5] with length 3\n\n");
}

/* The library holds things while it runs a callback. */
static void in_a_callback(void)
{
	WEND_DEFERS;
	wend_defer(recover_quietly, NULL);
	wend_retire((void *)"in a callback", panics);
	wend_retire_barrier();
}

TEST(a_panic_in_a_callback_is_not_recovered)
{
	dies(in_a_callback, "", "panic: in a callback\n[in a callback that the library runs: ");
}

/* The main function returns while another coroutine dies: the report is not cut off. */
static void dying(void *unused)
{
	(void)unused;
	wend_panic("crash");
}

static void panic_race(void)
{
	CHECK_EQ(wend_go(dying, NULL), 0);
	wend_yield();
}

TEST_LIMIT(a_report_that_has_begun_is_finished, 60)
{
	for (int i = 0; i < 4; i++) {
		struct child c = child_run(panic_race, 0);

		if (strstr(c.err, "panic: crash")) {
			CHILD_EXITED(&c, 2);
			CHECK_HAS(c.err, "\ndying(...)\n\t");
			CHECK_HAS(c.err, "\ncreated by panic_race in coroutine 1\n\t");
		} else {
			CHILD_EXITED(&c, 100);
		}
		child_free(&c);
	}
}
