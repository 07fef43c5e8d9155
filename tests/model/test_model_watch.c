/* SPDX-License-Identifier: MIT
 *
 * Timers and sleeping threads under the model checker (T3 of sched/timer.h): nobody sleeps past one. Deadlines pass when
 * nobody can do anything else. A timer that was forgotten is found by a thread that has been quiet for 10 ms, so each test
 * says how late it was. */
#include "model/sched.h"

#include <stdlib.h>

#include "wend/time.h"

#define SOON (100 * WEND_MICROSECOND)
#define LONG (9 * WEND_MILLISECOND)
#define LATE (5 * WEND_MILLISECOND)

static struct model_event ran, go_on;
static int64_t due;

static void begin(void)
{
	ran.count = go_on.count = 0;
	due = 0;
}

static void in_time(int64_t deadline)
{
	if (wend_now() - deadline > LATE)
		model_fail(__FILE__, __LINE__, "%lld us late", (long long)(wend_now() - deadline) / 1000);
}

static void sleep_soon(void *unused)
{
	int64_t deadline = wend_deadline(SOON);

	wend_sleep(SOON);
	in_time(deadline);
	model_signal(&ran);
}

static void is_called(void *unused)
{
	in_time(due);
	model_signal(&ran);
}

static void call_soon(void)
{
	due = wend_deadline(SOON);
	wend_timer_release(wend_after_func(SOON, is_called, NULL));
}

static void spawn(void (*fn)(void *), void *arg)
{
	MODEL_CHECK_EQ(wend_go(fn, arg), 0);
}

/* Holds its P until somebody has run. */
static void hog(void *unused)
{
	model_await(&ran, 1);
}

static void ignored(void *unused)
{
}

/* ---- All sleep ------------------------------------------------------------------------------------ */

static void one_sleeper(void)
{
	begin();
	sleep_soon(NULL);
}

MODEL_TEST(a_sleeper_wakes_on_one_p)
{
	sched_run(one_sleeper, "maxprocs=1", SCHED_TIMERS);
}

MODEL_TEST(a_sleeper_wakes_on_two_p)
{
	sched_run(one_sleeper, "maxprocs=2", SCHED_TIMERS);
}

MODEL_TEST(a_sleeper_wakes_without_membarrier)
{
	model_asym(false);
	sched_run(one_sleeper, "maxprocs=2", SCHED_TIMERS);
}

/* One that sleeps for long is watched; the other's P goes idle with an earlier one. */
static void a_second_sleeper(void)
{
	begin();
	spawn(sleep_soon, NULL);
	wend_sleep(LONG);
	MODEL_CHECK_EQ(ran.count, 1);
}

MODEL_TEST(who_goes_idle_hands_its_timers_over)
{
	sched_run(a_second_sleeper, "maxprocs=2", SCHED_TIMERS);
}

static void a_bound_sleeper(void)
{
	const wend_attr second = {.on_p = 2};

	begin();
	MODEL_CHECK_EQ(wend_go_attr(&second, sleep_soon, NULL), 0);
	wend_sleep(LONG);
	MODEL_CHECK_EQ(ran.count, 1);
}

MODEL_TEST(who_goes_idle_on_another_p_hands_its_timers_over)
{
	sched_run(a_bound_sleeper, "maxprocs=2", SCHED_TIMERS);
}

static void sets_from_outside(void *unused)
{
	call_soon();
}

/* A thread that is no M sets one, while the runtime watches a later one or nothing at all. */
static void set_from_outside(void)
{
	begin();
	model_go(sets_from_outside, NULL);
	wend_sleep(LONG);
	MODEL_CHECK(due == 0 || ran.count == 1); /* nobody says when it comes to set it */
}

MODEL_TEST(a_foreign_thread_sets_a_timer_while_all_sleep)
{
	sched_run(set_from_outside, "maxprocs=2", SCHED_TIMERS);
}

MODEL_TEST(a_foreign_thread_sets_a_timer_while_the_only_p_sleeps)
{
	sched_run(set_from_outside, "maxprocs=1", SCHED_TIMERS);
}

/* ---- Its P is busy -------------------------------------------------------------------------------- */

/* There is no second thread yet. */
static void computes(void)
{
	begin();
	call_soon();
	hog(NULL);
}

MODEL_TEST(who_computes_does_not_hold_up_its_timer)
{
	sched_run(computes, "maxprocs=2", SCHED_TIMERS);
}

static void computes_later(void)
{
	begin();
	spawn(ignored, NULL);
	wend_yield();
	call_soon();
	hog(NULL);
}

MODEL_TEST(who_computes_beside_a_watcher_does_not_hold_up_its_timer)
{
	sched_run(computes_later, "maxprocs=2", SCHED_TIMERS);
}

/* The watcher is given a P, and with it a coroutine that stays on it. */
static void the_watcher_is_called_away(void)
{
	const wend_attr second = {.on_p = 2};

	begin();
	spawn(ignored, NULL);
	wend_yield();
	MODEL_CHECK_EQ(wend_go_attr(&second, hog, NULL), 0);
	call_soon();
	hog(NULL);
}

MODEL_TEST(a_watcher_that_is_called_away_leaves_the_timers_to_another)
{
	sched_run(the_watcher_is_called_away, "maxprocs=3", SCHED_TIMERS);
}

/* Who searched, and was relied upon, finds a coroutine that stays. */
static void brings_a_hog(void *unused)
{
	int err = wend_go(hog, NULL);

	MODEL_CHECK(err == 0 || err == -EPERM); /* the runtime has ended */
}

static void a_searcher_finds_work(void)
{
	begin();
	model_go(brings_a_hog, NULL);
	call_soon();
	hog(NULL);
}

MODEL_TEST(a_searcher_that_finds_work_leaves_the_timers_to_another)
{
	sched_run(a_searcher_finds_work, "maxprocs=3", SCHED_TIMERS);
}

/* ---- P's that go ---------------------------------------------------------------------------------- */

static void a_p_goes(void)
{
	const wend_attr second = {.on_p = 2};

	begin();
	MODEL_CHECK_EQ(wend_go_attr(&second, sleep_soon, NULL), 0);
	wend_yield();
	MODEL_CHECK_EQ(wend_maxprocs(1), 2);
	wend_sleep(LONG);
	MODEL_CHECK_EQ(ran.count, 1);
}

MODEL_TEST(a_p_that_goes_leaves_its_timers)
{
	sched_run(a_p_goes, "maxprocs=2", SCHED_TIMERS);
}

/* Set on it after it was told to go, by somebody who then computes. */
static void sets_too_late(void *unused)
{
	model_signal(&go_on);
	call_soon();
	hog(NULL);
}

static void a_p_goes_under_a_setter(void)
{
	const wend_attr second = {.on_p = 2};

	begin();
	MODEL_CHECK_EQ(wend_go_attr(&second, sets_too_late, NULL), 0);
	model_await(&go_on, 1);
	MODEL_CHECK_EQ(wend_maxprocs(1), 2);
	wend_sleep(LONG);
	MODEL_CHECK_EQ(ran.count, 1);
}

MODEL_TEST(what_is_set_on_a_p_that_must_go_is_set_on_the_first)
{
	sched_run(a_p_goes_under_a_setter, "maxprocs=2", SCHED_TIMERS);
}

static void takes_p_away(void *unused)
{
	(void)wend_maxprocs(1);
}

static void a_p_goes_while_all_sleep(void)
{
	const wend_attr second = {.on_p = 2};

	begin();
	model_go(takes_p_away, NULL);
	if (wend_go_attr(&second, sleep_soon, NULL) != 0)
		spawn(sleep_soon, NULL); /* it has gone */
	wend_sleep(LONG);
	MODEL_CHECK_EQ(ran.count, 1);
}

MODEL_TEST(a_p_that_goes_while_all_sleep_leaves_its_timers)
{
	sched_run(a_p_goes_while_all_sleep, "maxprocs=2", SCHED_TIMERS);
}

/* Locked to its thread, which gives its P away and cannot watch. */
static void locked_sleeper(void)
{
	begin();
	wend_lock_thread();
	sleep_soon(NULL);
	wend_unlock_thread();
}

MODEL_TEST(a_locked_sleeper_wakes)
{
	sched_run(locked_sleeper, "maxprocs=2", SCHED_TIMERS);
}

/* ---- The end -------------------------------------------------------------------------------------- */

static void sleeps(void *unused)
{
	wend_sleep(SOON);
}

static void leaves_timers(void)
{
	begin();
	wend_timer_release(wend_after_func(WEND_HOUR, ignored, NULL));
	wend_timer_release(wend_after_func(0, ignored, NULL));
	spawn(sleeps, NULL);
	wend_yield();
}

MODEL_TEST(the_runtime_ends_with_timers)
{
	sched_run(leaves_timers, "maxprocs=2", SCHED_TIMERS | SCHED_BORDER);
}
