/* SPDX-License-Identifier: MIT
 *
 * Deferred calls, panics and recovery: the order of events that Go's language specification promises. One inside another:
 * test_panic_nested.c. What dies is in tests/proc/test_panic_texts.c. */
#include "conformance/story.h"

/* ---- Deferred calls -------------------------------------------------------------------------- */

static void say_number(int n)
{
	char text[20];

	snprintf(text, sizeof text, "%d", n);
	tell(text);
}

static void three(void)
{
	WEND_DEFERS;
	wend_defer(say, "a");
	wend_defer(say, "b");
	wend_defer(say, "c");
	tell("body");
}

CO_TEST(the_last_deferred_runs_first)
{
	three();
	CHECK_EQ(story, "body c b a");
}

static int seen[300], nseen;

static void see(void *p)
{
	seen[nseen++] = *(int *)p;
}

static void in_a_loop(int n)
{
	static int numbers[300];

	WEND_DEFERS;
	for (int i = 0; i < n; i++) {
		numbers[i] = i;
		wend_defer(see, &numbers[i]);
	}
	CHECK_EQ(nseen, 0); /* when the function is left, not the block */
}

CO_TEST(a_loop_may_defer_as_often_as_it_likes)
{
	in_a_loop(300);
	CHECK_EQ(nseen, 300);
	for (int i = 0; i < 300; i++)
		CHECK_EQ(seen[i], 299 - i);
}

struct pair {
	long a, b;
};
struct large {
	char text[40];
};

static void many(int a, double b, struct pair c, struct large d, const char *e, float f, long g, short h)
{
	char text[200];

	snprintf(text, sizeof text, "%d %g %ld %ld %s %s %g %ld %d", a, b, c.a, c.b, d.text, e, (double)f, g, h);
	tell(text);
}

static long ten(long a, long b, long c, long d, long e, long f, long g, long h)
{
	say_number((int)(a + 10 * b + 100 * c + 1000 * d + 10000 * e + 100000 * f + 1000000 * g + 10000000 * h));
	return 1;
}

static int next(int *n)
{
	return ++*n;
}

static void with_arguments(void)
{
	struct large d = {"large"};
	struct pair c = {3, 4};
	int n = 0;

	WEND_DEFERS;
	WEND_DEFER(many, 1, 2.5, c, d, "e", 6, 7, 8);
	WEND_DEFER(ten, 1, 2, 3, 4, 5, 6, 7, 8);
	for (int i = 0; i < 3; i++)
		WEND_DEFER(say_number, next(&n));
	n = 100;
	c.a = 50;
	strcpy(d.text, "changed");
}

CO_TEST(arguments_are_taken_when_the_call_is_deferred)
{
	with_arguments();
	CHECK_EQ(story, "3 2 1 87654321 1 2.5 3 4 large e 6 7 8");
}

static void sum(int *to, int add)
{
	*to += add;
}

static int with_return(int v)
{
	int r = 0;

	WEND_DEFERS_RETURN(r);
	WEND_DEFER(sum, &r, 10);
	WEND_RETURN(r, v);
}

static int plain_return(int v)
{
	int r = 0;

	WEND_DEFERS_RETURN(r);
	WEND_DEFER(sum, &r, 10);
	r = v;
	return v;
}

CO_TEST(deferred_calls_change_what_wend_return_returns)
{
	CHECK_EQ(with_return(5), 15);
	CHECK_EQ(plain_return(5), 5);
}

static int callers_frame(void)
{
	WEND_DEFERS_RETURN(nseen);
	wend_defer(say, "outer");
	three();
	tell("between");
	return 1;
}

CO_TEST(frames_nest)
{
	CHECK_EQ(callers_frame(), 1);
	CHECK_EQ(story, "body c b a between outer");
}

/* ---- Recovery -------------------------------------------------------------------------------- */

static int recovered_function(int v)
{
	int r = v;

	WEND_DEFERS_RETURN(r);
	wend_defer(say, "first");
	wend_defer(recovers, NULL); /* after the recovery the rest runs as on a return */
	wend_defer(say, "third");
	r = 2 * v;
	wend_panic("my error");
}

CO_TEST(the_function_that_recovers_returns_to_its_caller)
{
	CHECK_EQ(recovered_function(21), 42);
	CHECK_EQ(story, "third recovered: my error first");
}

static struct large large_result(void)
{
	struct large r = {"before"};

	WEND_DEFERS_RETURN(r);
	wend_defer(recovers, NULL);
	strcpy(r.text, "after");
	wend_panic("p");
}

static int error_result(void)
{
	int err = 0;

	WEND_DEFERS_RETURN(err);
	wend_defer(set_error, &err);
	wend_panic("p");
}

CO_TEST(recovery_may_set_the_result)
{
	CHECK_EQ(error_result(), -5);
	CHECK_EQ(large_result().text, "after");
}

static void passes(int depth)
{
	WEND_DEFERS;
	WEND_DEFER(say_number, depth);
	if (depth == 0)
		wend_panic("deep");
	passes(depth - 1);
	tell("not reached");
}

static void recovers_from(int depth)
{
	WEND_DEFERS;
	wend_defer(recovers, NULL);
	passes(depth);
}

CO_TEST(a_panic_passes_frames_and_runs_what_they_deferred)
{
	recovers_from(4);
	CHECK_EQ(story, "0 1 2 3 4 recovered: deep");
}

static void deep_frames(int n)
{
	WEND_DEFERS;
	WEND_DEFER(sum, &nseen, 1);
	if (n == 0)
		wend_panic("far down");
	deep_frames(n - 1);
}

static void over(void *wg)
{
	wend_waitgroup_done(wg);
}

static void deep(void *wg)
{
	WEND_DEFERS;
	wend_defer(over, wg);
	wend_defer(recovers, NULL);
	deep_frames(999);
}

CO_TEST(panic_far_down)
{
	wend_attr big = {.stack_size = 4 << 20};
	wend_waitgroup wg = WEND_ZERO;

	wend_waitgroup_add(&wg, 1);
	CHECK_EQ(wend_go_attr(&big, deep, &wg), 0);
	wend_waitgroup_wait(&wg);
	CHECK_EQ(nseen, 1000);
	CHECK_EQ(story, "recovered: far down");
}

static int compares(const void *a, const void *b)
{
	(void)a;
	(void)b;
	wend_panic("in the comparator");
}

static void sorts(void)
{
	int numbers[] = {3, 1, 2};

	WEND_DEFERS;
	wend_defer(recovers, NULL);
	qsort(numbers, 3, sizeof numbers[0], compares);
}

CO_TEST(a_panic_passes_foreign_c_frames)
{
	sorts();
	CHECK_EQ(story, "recovered: in the comparator");
}

static void recovers_twice(void *unused)
{
	recovers(unused);
	recovers(unused);
}

static void twice(void)
{
	WEND_DEFERS;
	wend_defer(recovers, NULL); /* and once more in the next one */
	wend_defer(recovers_twice, NULL);
	wend_panic("once");
}

CO_TEST(a_panic_is_recovered_once)
{
	twice();
	CHECK_EQ(story, "recovered: once recovered: nothing recovered: nothing");
}

static void helper_in_deferred(void *unused)
{
	returns_normally(unused); /* its deferred call is run by its return, not by the panic */
	tell("then");
	recovers(unused);
}

static void called_by_a_panic(void)
{
	WEND_DEFERS;
	wend_defer(helper_in_deferred, NULL);
	wend_panic("p");
}

CO_TEST(recover_is_for_deferred_calls_that_a_panic_runs)
{
	CHECK(wend_recover() == NULL);
	returns_normally(NULL);
	CHECK_EQ(story, "helper recovered: nothing");
	story[0] = 0;
	called_by_a_panic();
	CHECK_EQ(story, "helper recovered: nothing then recovered: p");
	CHECK(wend_recover() == NULL);
}

static void deferred_with_frame(void *unused)
{
	WEND_DEFERS;
	wend_defer(say, "own");
	recovers(unused);
}

static void frame_in_deferred(void)
{
	WEND_DEFERS;
	wend_defer(deferred_with_frame, NULL);
	wend_panic("p");
}

CO_TEST(a_deferred_function_that_recovers_may_defer_itself)
{
	frame_in_deferred();
	CHECK_EQ(story, "recovered: p own");
}

/* ---- Checked indices --------------------------------------------------------------------------- */

static int array[3] = {1, 2, 3};

static int at(int64_t i)
{
	int r = -1;

	WEND_DEFERS_RETURN(r);
	wend_defer(recovers, NULL);
	return WEND_AT(array, i);
}

static int at_n(const int *p, size_t n, int64_t i)
{
	int r = -1;

	WEND_DEFERS_RETURN(r);
	wend_defer(recovers, NULL);
	return WEND_AT_N(p, n, i);
}

CO_TEST(indices_are_checked)
{
	int n = 0;

	CHECK_EQ(at(2), 3);
	CHECK_EQ(at(3), -1);
	CHECK_EQ(at(-1), -1);
	CHECK_EQ(at_n(array, 2, 2), -1);
	CHECK_EQ(at_n(array, 2, 1), 2);
	CHECK_EQ(story, "recovered: nothing recovered: runtime error: index out of range [3] with length 3 "
					"recovered: runtime error: index out of range [-1] "
					"recovered: runtime error: index out of range [2] with length 2 recovered: nothing");
	WEND_AT(array, next(&n)) += 5;
	CHECK_EQ(array[1], 7);
	CHECK_EQ(n, 1);
}
