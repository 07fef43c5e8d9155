/* SPDX-License-Identifier: MIT
 *
 * Panics and goexit inside one another, and in what coroutines and threads they work: the order of events that Go's runtime tests
 * promise. What dies is in tests/proc/test_panic_texts.c. */
#include "conformance/story.h"

#include <pthread.h>

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

static int error;

static void many_goexits(int n)
{
	WEND_DEFERS;
	wend_defer(set_error, &error);
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
	CHECK_EQ(error, -5);
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
