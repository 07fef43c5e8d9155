/* SPDX-License-Identifier: MIT
 *
 * What a Go programmer expects of sync.Once, OnceFunc and OnceValue, and what C adds: foreign threads, and
 * use before the runtime runs. */
#include "harness/child.h"
#include "harness/test.h"

#include <pthread.h>

#include <wend/wend.h>

static wend_once once;
static wend_waitgroup wg;
static wend_atomic_u32 started, returned;
static wend_atomic_bool gate;
static int calls; /* not atomic: the once orders it */

static void bump(void *arg)
{
	CHECK_EQ(arg, (void *)&calls);
	calls++;
}

/* ---- Once ------------------------------------------------------------------------------------ */

static void ask(void *unused)
{
	(void)unused;
	wend_once_do(&once, bump, &calls);
	CHECK_MSG(calls == 1, "do returned with %d calls", calls);
	wend_waitgroup_done(&wg);
}

CO_TEST(ten_callers_one_call)
{
	for (int round = 0; round < 200; round++) {
		once = (wend_once)WEND_ZERO;
		calls = 0;
		wend_waitgroup_add(&wg, 10);
		for (int i = 0; i < 10; i++)
			CHECK_EQ(wend_go(ask, NULL), 0);
		wend_waitgroup_wait(&wg);
		CHECK_EQ(calls, 1);
	}
}

static void other(void *unused)
{
	CHECK(!"another function with the same once");
}

TEST(the_once_counts_not_the_function)
{
	wend_once_do(&once, bump, &calls);
	wend_once_do(&once, other, NULL);
	CHECK_EQ(calls, 1);
}

TEST(works_without_the_runtime)
{
	for (int i = 0; i < 3; i++)
		wend_once_do(&once, bump, &calls);
	CHECK_EQ(calls, 1);
}

/* Who comes while the function runs waits until it is over. */
static void slow(void *unused)
{
	(void)unused;
	wend_atomic_u32_add(&started, 1);
	while (!wend_atomic_bool_load(&gate))
		wend_yield();
	calls = 42; /* not atomic */
}

static void ask_slow(void *unused)
{
	(void)unused;
	wend_once_do(&once, slow, NULL);
	CHECK_EQ(calls, 42);
	wend_atomic_u32_add(&returned, 1);
	wend_waitgroup_done(&wg);
}

CO_TEST(callers_wait_until_the_function_is_over)
{
	enum { N = 1000 };

	wend_waitgroup_add(&wg, N);
	for (int i = 0; i < N; i++)
		CHECK_EQ(wend_go(ask_slow, NULL), 0);
	while (!wend_atomic_u32_load(&started))
		wend_yield();
	for (int i = 0; i < 200; i++)
		wend_yield();
	CHECK_EQ(wend_atomic_u32_load(&returned), 0u);
	wend_atomic_bool_store(&gate, true);
	wend_waitgroup_wait(&wg);
	CHECK_EQ(wend_atomic_u32_load(&started), 1u);
}

static bool is_waiting_on_once(const wend_coroutine_info *info, void *found)
{
	if (strcmp(info->state, "sync.Once.Do") == 0 && info->wait_object == &once)
		++*(int *)found;
	return true;
}

CO_TEST(who_waits_is_listed_with_the_once)
{
	int found = 0;

	wend_waitgroup_add(&wg, 3);
	for (int i = 0; i < 3; i++)
		CHECK_EQ(wend_go(ask_slow, NULL), 0);
	while (found != 2) {
		found = 0;
		wend_yield();
		wend_coroutines_each(is_waiting_on_once, &found);
	}
	wend_atomic_bool_store(&gate, true);
	wend_waitgroup_wait(&wg);
}

/* The memory may go away as soon as the last do has returned: nobody else may still be touching it. */
struct shared {
	wend_once once;
	wend_atomic_u32 left;
	int made;
};

static void make(void *arg)
{
	((struct shared *)arg)->made = 1;
	wend_yield();
}

static void use_and_free(void *arg)
{
	struct shared *s = arg;

	wend_once_do(&s->once, make, s);
	CHECK_EQ(s->made, 1);
	if (wend_atomic_u32_add(&s->left, (uint32_t)-1) == 0) {
		memset(s, 0xff, sizeof *s);
		free(s);
	}
	wend_waitgroup_done(&wg);
}

CO_TEST(memory_may_be_freed_after_the_last_do)
{
	wend_maxprocs(4);
	for (int i = 0; i < 1000; i++) {
		struct shared *s = calloc(1, sizeof *s);

		CHECK(s);
		wend_atomic_u32_store(&s->left, 4);
		wend_waitgroup_add(&wg, 4);
		for (int k = 0; k < 4; k++)
			CHECK_EQ(wend_go(use_and_free, s), 0);
		wend_waitgroup_wait(&wg);
	}
}

/* ---- Functions that do not return -------------------------------------------------------------- */

static void leave(void *unused)
{
	(void)unused;
	calls++;
	wend_atomic_u32_add(&started, 1);
	while (!wend_atomic_bool_load(&gate))
		wend_yield();
	wend_goexit();
}

static void ask_leave(void *unused)
{
	(void)unused;
	wend_once_do(&once, leave, NULL);
	wend_atomic_u32_add(&returned, 1);
}

CO_TEST(goexit_in_the_function_counts_as_done)
{
	for (int i = 0; i < 3; i++)
		CHECK_EQ(wend_go(ask_leave, NULL), 0);
	while (!wend_atomic_u32_load(&started))
		wend_yield();
	for (int i = 0; i < 100; i++)
		wend_yield(); /* two wait */
	CHECK_EQ(wend_atomic_u32_load(&returned), 0u);
	wend_atomic_bool_store(&gate, true);
	while (wend_atomic_u32_load(&returned) != 2)
		wend_yield();
	wend_once_do(&once, other, NULL);
	CHECK_EQ(calls, 1);
}

/* Onces inside each other, in a coroutine that somebody waits for: goexit ends all of them. */
static wend_once outer;

static void call_inner(void *unused)
{
	wend_once_do(&once, leave, unused);
	CHECK(!"goexit returned");
}

static void call_outer(void *unused)
{
	wend_once_do(&outer, call_inner, unused);
	CHECK(!"goexit returned");
}

CO_TEST(goexit_ends_every_once_it_leaves)
{
	wend_atomic_bool_store(&gate, true);
	CHECK_EQ(wend_waitgroup_go(&wg, call_outer, NULL), 0);
	wend_waitgroup_wait(&wg);
	wend_once_do(&outer, other, NULL);
	wend_once_do(&once, other, NULL);
	CHECK_EQ(calls, 1);
}

/* A once that returned normally leaves nothing behind: the coroutine's later goexit is none of its own. */
static void do_then_goexit(void *arg)
{
	struct shared *s = arg;

	wend_once_do(&s->once, make, s);
	memset(s, 0xff, sizeof *s);
	wend_goexit();
}

CO_TEST(a_once_that_is_over_does_not_matter_to_goexit)
{
	struct shared s = WEND_ZERO;

	CHECK_EQ(wend_waitgroup_go(&wg, do_then_goexit, &s), 0);
	wend_waitgroup_wait(&wg);
	CHECK_EQ(s.made, -1);
}

static void recurse(void *unused)
{
	wend_once_do(&once, recurse, unused);
}

static int main_recurse(void *unused)
{
	wend_once_do(&once, recurse, unused);
	return 0;
}

static void run_recurse(void *unused)
{
	_exit(100 + wend_run(main_recurse, unused));
}

TEST(recursion_is_a_deadlock)
{
	struct child c = child_call(run_recurse, NULL, 8);

	CHILD_EXITED(&c, 2);
	CHECK_HAS(c.err, "fatal error: all coroutines are asleep - deadlock!");
	CHECK_HAS(c.err, "sync.Once.Do");
	child_free(&c);
}

static void do_nil(void *unused)
{
	wend_once_do(&once, NULL, unused);
}

static void get_nil(void *unused)
{
	static wend_once_value v;

	(void)unused;
	wend_once_value_get(&v);
}

TEST(a_nil_function_panics)
{
	void (*const ways[])(void *) = {do_nil, get_nil};
	const char *const ends[] = {"\n", " [recovered, repanicked]\n"}; /* values repeat their panics */
	char text[200];

	for (int i = 0; i < 2; i++) {
		struct child c = child_call(ways[i], NULL, 8);

		CHILD_EXITED(&c, 2);
		snprintf(text, sizeof text,
				 "panic: runtime error: invalid memory address or nil pointer dereference%s", ends[i]);
		CHECK_HAS(c.err, text);
		child_free(&c);
	}
}

/* ---- Foreign threads ------------------------------------------------------------------------- */

static void *thread_asks(void *unused)
{
	ask_slow(unused);
	return NULL;
}

CO_TEST(foreign_threads_wait_for_a_coroutine)
{
	pthread_t t[4];

	wend_waitgroup_add(&wg, 6);
	CHECK_EQ(wend_go(ask_slow, NULL), 0);
	while (!wend_atomic_u32_load(&started))
		wend_yield();
	for (int i = 0; i < 4; i++)
		CHECK(pthread_create(&t[i], NULL, thread_asks, NULL) == 0);
	CHECK_EQ(wend_go(ask_slow, NULL), 0);
	TEST_SLEEP_MS(20);
	CHECK_EQ(wend_atomic_u32_load(&returned), 0u);
	wend_atomic_bool_store(&gate, true);
	wend_waitgroup_wait(&wg);
	for (int i = 0; i < 4; i++)
		pthread_join(t[i], NULL);
	CHECK_EQ(wend_atomic_u32_load(&started), 1u);
}

static void slow_on_thread(void *unused)
{
	(void)unused;
	wend_atomic_u32_add(&started, 1);
	TEST_SLEEP_MS(20);
	calls = 42;
}

static void *thread_runs(void *unused)
{
	wend_once_do(&once, slow_on_thread, unused);
	return NULL;
}

CO_TEST(coroutines_wait_for_a_foreign_thread)
{
	pthread_t t;

	CHECK(pthread_create(&t, NULL, thread_runs, NULL) == 0);
	while (!wend_atomic_u32_load(&started))
		wend_yield();
	wend_waitgroup_add(&wg, 10);
	for (int i = 0; i < 10; i++)
		CHECK_EQ(wend_go(ask_slow, NULL), 0);
	wend_waitgroup_wait(&wg);
	pthread_join(t, NULL);
	CHECK_EQ(wend_atomic_u32_load(&started), 1u);
	CHECK_EQ(wend_atomic_u32_load(&returned), 10u);
}

/* ---- OnceFunc, OnceValue ----------------------------------------------------------------------- */

static wend_once_func func = WEND_ONCE_FUNC(bump, &calls);

static void call_func(void *unused)
{
	(void)unused;
	wend_once_func_call(&func);
	CHECK_EQ(calls, 1);
	wend_waitgroup_done(&wg);
}

CO_TEST(once_func_calls_its_function_once)
{
	CHECK_EQ(calls, 0); /* not when it is made */
	wend_waitgroup_add(&wg, 20);
	for (int i = 0; i < 20; i++)
		CHECK_EQ(wend_go(call_func, NULL), 0);
	wend_waitgroup_wait(&wg);
	CHECK_EQ(calls, 1);
}

static void *make_value(void *arg)
{
	bump(arg);
	wend_yield();
	return &calls;
}

static wend_once_value value = WEND_ONCE_VALUE(make_value, &calls);

static void get_value(void *unused)
{
	(void)unused;
	CHECK(wend_once_value_get(&value) == &calls);
	CHECK_EQ(calls, 1);
	wend_waitgroup_done(&wg);
}

CO_TEST(once_value_returns_the_same_value_to_all)
{
	CHECK_EQ(calls, 0);
	wend_waitgroup_add(&wg, 20);
	for (int i = 0; i < 20; i++)
		CHECK_EQ(wend_go(get_value, NULL), 0);
	wend_waitgroup_wait(&wg);
	CHECK(wend_once_value_get(&value) == &calls);
	CHECK_EQ(calls, 1);
}

static void *leave_value(void *unused)
{
	(void)unused;
	wend_goexit();
}

static wend_once_value no_value = WEND_ONCE_VALUE(leave_value, NULL);

static void get_no_value(void *unused)
{
	(void)unused;
	wend_once_value_get(&no_value);
	CHECK(!"goexit returned");
}

CO_TEST(once_value_is_null_when_its_function_left_by_goexit)
{
	CHECK_EQ(wend_waitgroup_go(&wg, get_no_value, NULL), 0);
	wend_waitgroup_wait(&wg);
	CHECK(wend_once_value_get(&no_value) == NULL);
}

/* ---- Panics ------------------------------------------------------------------------------------ */

static char story[400];

static void tell_recovered(void *unused)
{
	const char *text = wend_recover();

	(void)unused;
	strcat(story, text ? text : "nothing");
	strcat(story, ";");
}

static void panic_with_number(void *arg)
{
	bump(arg);
	wend_panicf("number %d", calls);
}

static void panicking_do(void)
{
	WEND_DEFERS;
	wend_defer(tell_recovered, NULL);
	wend_once_do(&once, panic_with_number, &calls);
}

CO_TEST(a_panic_in_the_function_counts_as_done)
{
	panicking_do();
	wend_once_do(&once, other, NULL);
	CHECK_EQ(story, "number 1;");
}

static wend_once_func panicking_func = WEND_ONCE_FUNC(panic_with_number, &calls);

static void call_panicking(void *unused)
{
	(void)unused;
	WEND_DEFERS;
	wend_defer(tell_recovered, NULL);
	wend_once_func_call(&panicking_func);
}

CO_TEST(once_func_repeats_its_panic)
{
	for (int i = 0; i < 3; i++)
		call_panicking(NULL);
	CHECK_EQ(story, "number 1;number 1;number 1;");
	CHECK_EQ(calls, 1);
}

static void *panic_for_value(void *arg)
{
	wend_yield(); /* others come to wait */
	panic_with_number(arg);
	return NULL;
}

static wend_once_value panicking_value = WEND_ONCE_VALUE(panic_for_value, &calls);

static void get_panicking(void *unused)
{
	(void)unused;
	WEND_DEFERS;
	wend_defer(tell_recovered, NULL);
	wend_once_value_get(&panicking_value);
}

CO_TEST(once_value_repeats_its_panic_to_who_waited)
{
	wend_maxprocs(1);
	for (int i = 0; i < 3; i++)
		CHECK_EQ(wend_waitgroup_go(&wg, get_panicking, NULL), 0);
	wend_waitgroup_wait(&wg);
	CHECK_EQ(story, "number 1;number 1;number 1;");
	CHECK_EQ(calls, 1);
}

static int main_panicking(void *unused)
{
	(void)unused;
	wend_once_func_call(&panicking_func);
	return 0;
}

static void run_panicking(void *unused)
{
	_exit(100 + wend_run(main_panicking, unused));
}

/* Not recovered, the first caller's stack shows where the function panicked. */
TEST(a_panic_of_a_once_func_ends_the_program)
{
	struct child c = child_call(run_panicking, NULL, 8);

	CHILD_EXITED(&c, 2);
	CHECK_HAS(c.err, "panic: number 1 [recovered, repanicked]\n\ncoroutine 1 [running]:");
	CHECK_HAS(c.err, "\npanic_with_number(...)\n");
	child_free(&c);
}
