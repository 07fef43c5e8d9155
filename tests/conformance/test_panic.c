/* SPDX-License-Identifier: MIT
 *
 * Deferred calls, panics, recovery and goexit: the order of events that Go's language specification and its runtime's
 * own tests promise. What dies is in tests/proc/test_panic_texts.c. */
#include "harness/test.h"

#include <pthread.h>

#include <wend/wend.h>

/* What happened, in order. */
static char story[2000];

static void tell(const char *what)
{
	size_t n = strlen(story);

	snprintf(story + n, sizeof story - n, "%s%s", n ? " " : "", what);
}

static void say(void *what)
{
	tell(what);
}

static void say_number(int n)
{
	char text[20];

	snprintf(text, sizeof text, "%d", n);
	tell(text);
}

static void recovers(void *unused)
{
	const char *text = wend_recover();

	(void)unused;
	tell("recovered:");
	tell(text ? text : "nothing");
}

static void panics(void *text)
{
	wend_panic(text);
}

/* ---- Deferred calls -------------------------------------------------------------------------- */

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

static void set_error(void *err)
{
	if (wend_recover())
		*(int *)err = -5;
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

static void returns_normally(void *unused)
{
	WEND_DEFERS;
	wend_defer(recovers, unused);
	tell("helper");
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

/* ---- Panics in deferred calls ---------------------------------------------------------------- */

static void replaced(void)
{
	WEND_DEFERS;
	wend_defer(recovers, NULL);
	wend_defer(panics, "second");
	wend_panic("first");
}

CO_TEST(a_panic_in_a_deferred_call_replaces_the_first)
{
	replaced();
	CHECK_EQ(story, "recovered: second");
	CHECK(wend_recover() == NULL);
}

static void inner(void *unused)
{
	WEND_DEFERS;
	wend_defer(recovers, unused);
	wend_panic("inner");
}

static void recovered_inside(void)
{
	WEND_DEFERS;
	wend_defer(recovers, NULL);
	wend_defer(inner, NULL);
	wend_panic("outer");
}

CO_TEST(a_panic_recovered_inside_a_deferred_call_leaves_the_first_under_way)
{
	recovered_inside();
	CHECK_EQ(story, "recovered: inner recovered: outer");
}

static void panics_again(void *unused)
{
	WEND_DEFERS;
	wend_defer(inner, unused); /* run by the return */
	recovers(unused);
	wend_defer(panics, "third");
}

static void three_deep(void)
{
	WEND_DEFERS;
	wend_defer(recovers, NULL);
	wend_defer(panics_again, NULL);
	wend_defer(panics, "second");
	wend_panic("first");
}

CO_TEST(a_panic_after_a_recovery_in_the_same_deferred_call)
{
	three_deep();
	CHECK_EQ(story, "recovered: second recovered: inner recovered: third");
}

static void throws_again(void *unused)
{
	(void)unused;
	wend_panic(wend_recover());
}

static void rethrown(void)
{
	WEND_DEFERS;
	wend_defer(recovers, NULL);
	wend_defer(throws_again, NULL);
	wend_panicf("number %d", 7);
}

CO_TEST(a_recovered_text_may_be_thrown_again)
{
	rethrown();
	CHECK_EQ(story, "recovered: number 7");
	story[0] = 0;
	rethrown();
	CHECK_EQ(story, "recovered: number 7");
}

/* Go issue 37942 and its like: the outer function recovers while the inner one still has calls to run. */
static void one_more(void)
{
	WEND_DEFERS;
	wend_defer(say, "last");
	wend_defer(recovers, NULL);
	WEND_DEFER(replaced);
	wend_defer(recovers, NULL);
	wend_panic("p");
}

CO_TEST(calls_after_a_recovery_panic_on_their_own)
{
	one_more();
	CHECK_EQ(story, "recovered: p recovered: second recovered: nothing last");
}

static void panics_on_return(void)
{
	WEND_DEFERS;
	wend_defer(recovers, NULL);
	wend_defer(say, "between");
	wend_defer(panics, "late");
}

CO_TEST(a_deferred_call_may_panic_while_its_function_returns)
{
	panics_on_return();
	CHECK_EQ(story, "between recovered: late");
}

/* ---- Goexit ---------------------------------------------------------------------------------- */

static wend_waitgroup wg;

static void joined(void (*fn)(void *))
{
	CHECK_EQ(wend_waitgroup_go(&wg, fn, NULL), 0);
	wend_waitgroup_wait(&wg);
}

static void goexit_frames(void *unused)
{
	WEND_DEFERS;
	wend_defer(say, "outer");
	wend_defer(recovers, unused);
	wend_defer(returns_normally, unused);
	wend_goexit();
}

CO_TEST(goexit_runs_deferred_calls_and_is_not_recovered)
{
	joined(goexit_frames);
	CHECK_EQ(story, "helper recovered: nothing recovered: nothing outer");
}

static void goexit_inner(void)
{
	WEND_DEFERS;
	wend_defer(recovers, NULL);
	wend_defer(say, "before");
	wend_defer(panics, "hello");
	wend_goexit();
}

static void goexit_outer(void *unused)
{
	(void)unused;
	WEND_DEFERS;
	wend_defer(say, "outer");
	goexit_inner();
	tell("not reached");
}

CO_TEST(goexit_goes_on_after_a_recovered_panic)
{
	joined(goexit_outer);
	CHECK_EQ(story, "before recovered: hello outer");
}

static void goexit_inside(void *unused)
{
	WEND_DEFERS;
	wend_defer(say, "outer");
	wend_defer(inner, unused);
	wend_goexit();
}

CO_TEST(a_panic_recovered_inside_a_call_that_goexit_runs)
{
	joined(goexit_inside);
	CHECK_EQ(story, "recovered: inner outer");
}

static void leaves(void *unused)
{
	(void)unused;
	wend_goexit();
}

static void goexit_in_panic(void *unused)
{
	(void)unused;
	WEND_DEFERS;
	wend_defer(say, "outer");
	wend_defer(leaves, NULL);
	wend_panic("hello");
}

CO_TEST(goexit_in_a_deferred_call_ends_the_panic)
{
	joined(goexit_in_panic);
	CHECK_EQ(story, "outer");
}

static void many_goexits(int n)
{
	WEND_DEFERS;
	wend_defer(set_error, &nseen);
	wend_defer(panics, "again");
	if (n > 0)
		many_goexits(n - 1);
	wend_goexit();
}

static void goexit_many_times(void *unused)
{
	(void)unused;
	many_goexits(120); /* each frame panics and recovers; what that takes of the stack is given back */
}

CO_TEST(goexit_through_many_panics)
{
	joined(goexit_many_times);
	CHECK_EQ(nseen, -5);
}

/* ---- Coroutines and threads -------------------------------------------------------------------- */

static wend_atomic_u32 total;

static void parks(void *unused)
{
	(void)unused;
	for (int i = 0; i < 5; i++)
		wend_yield();
	wend_atomic_u32_add(&total, 1);
}

static void recovers_quietly(void *want)
{
	const char *text = wend_recover();

	CHECK(text != NULL);
	CHECK_EQ(text, (const char *)want);
}

static void panics_with(uint64_t id)
{
	char want[40];

	snprintf(want, sizeof want, "coroutine %llu", (unsigned long long)id);
	WEND_DEFERS;
	wend_defer(recovers_quietly, want);
	wend_defer(parks, NULL); /* other panics run meanwhile, perhaps on this thread */
	wend_defer(parks, NULL);
	wend_panicf("coroutine %llu", (unsigned long long)id);
}

static void panics_often(void *unused)
{
	(void)unused;
	for (int i = 0; i < 20; i++)
		panics_with(wend_coroutine_id());
}

CO_TEST_LIMIT(deferred_calls_may_park_and_change_threads, 30)
{
	wend_maxprocs(4);
	for (int i = 0; i < 50; i++)
		CHECK_EQ(wend_waitgroup_go(&wg, panics_often, NULL), 0);
	wend_waitgroup_wait(&wg);
	CHECK_EQ(wend_atomic_u32_load(&total), 2000u);
}

static void *thread(void *unused)
{
	rethrown();
	replaced();
	return unused;
}

TEST(panics_work_on_any_thread_and_without_the_runtime)
{
	pthread_t t;

	thread(NULL);
	CHECK(pthread_create(&t, NULL, thread, NULL) == 0);
	pthread_join(t, NULL);
	CHECK_EQ(story, "recovered: number 7 recovered: second recovered: number 7 recovered: second");
}

static void nothing(void *unused)
{
	(void)unused;
	wend_yield();
}

static void misuses(wend_waitgroup *w)
{
	WEND_DEFERS;
	wend_defer(recovers, NULL);
	wend_waitgroup_done(w);
}

CO_TEST(what_the_library_panics_about_can_be_recovered)
{
	wend_waitgroup w = WEND_ZERO;

	misuses(&w);
	CHECK_EQ(story, "recovered: sync: negative WaitGroup counter");
	joined(nothing);
	wend_waitgroup_add(&w, 1); /* as before */
	wend_waitgroup_done(&w);
	wend_waitgroup_wait(&w);
}

static void *misuse_on_a_thread(void *w)
{
	misuses(w);
	return NULL;
}

CO_TEST(also_on_foreign_threads)
{
	wend_waitgroup w = WEND_ZERO;
	pthread_t t;

	CHECK(pthread_create(&t, NULL, misuse_on_a_thread, &w) == 0);
	pthread_join(t, NULL);
	CHECK_EQ(story, "recovered: sync: negative WaitGroup counter");
} /* wend_run returns: the thread is not counted as inside */

/* ---- Texts ------------------------------------------------------------------------------------- */

static void long_text(void)
{
	char want[5000];

	memset(want, 'x', sizeof want - 1);
	want[sizeof want - 1] = 0;
	WEND_DEFERS;
	wend_defer(recovers_quietly, want);
	wend_panicf("%s", want);
}

static void nil_text(void)
{
	WEND_DEFERS;
	wend_defer(recovers, NULL);
	wend_panic(NULL);
}

CO_TEST(texts_of_any_length_and_none)
{
	long_text();
	nil_text();
	CHECK_EQ(story, "recovered: panic called with nil argument");
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
