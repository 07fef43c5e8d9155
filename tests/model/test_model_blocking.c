/* SPDX-License-Identifier: MIT
 *
 * Blocking calls under the model checker: the P that is given away and what is queued there, the way back, and
 * who meets on it. fn waits for others outside of the library (model_await). Deadlines never pass in most, so that no
 * watcher's nap mends what was missed. */
#include "model/sched.h"

#include "sched/blocking.h"
#include "wend/blocking.h"
#include "wend/debug.h"
#include "wend/waitgroup.h"

static struct model_event ran, go_on;
static wend_waitgroup wg;
static int results, ended;

static void begin(void)
{
	ran.count = go_on.count = 0;
	results = ended = 0;
	wg = (wend_waitgroup)WEND_ZERO;
}

static void spawn(void (*fn)(void *), void *arg)
{
	MODEL_CHECK_EQ(wend_go(fn, arg), 0);
}

static void child(void *arg)
{
	model_signal(&ran);
}

static int64_t wait_for_child(void *n)
{
	MODEL_CHECK(!getm() && wend__away);
	model_await(&ran, (unsigned)(intptr_t)n);
	return 7;
}

static int64_t at_once(void *arg)
{
	model_signal(&ran);
	return 7;
}

static void block(int64_t (*fn)(void *), intptr_t arg)
{
	MODEL_CHECK_EQ(wend_blocking(fn, (void *)arg), 7);
	MODEL_CHECK(getm() && getm()->p && getm()->curg && !wend__away);
}

static void nobody_is_left(void)
{
	wend_stats s;

	wend_stats_read(&s);
	MODEL_CHECK_EQ(s.blocked, 0);
}

/* ---- The P goes, and comes back ------------------------------------------------------------------------ */

/* What is queued on the only P runs meanwhile; on the way back the other M may have the P, be about to make it
 * idle, or have done so. */
static void one_child(void)
{
	begin();
	spawn(child, NULL);
	block(wait_for_child, 1);
	nobody_is_left();
}

MODEL_TEST(what_is_queued_runs_meanwhile, .timeouts = MODEL_NEVER)
{
	sched_run(one_child, "maxprocs=1", 0);
}

MODEL_TEST(what_is_queued_runs_meanwhile_without_membarrier, .timeouts = MODEL_NEVER)
{
	model_asym(false);
	sched_run(one_child, "maxprocs=1", 0);
}

static void one_child_twice(void)
{
	begin();
	spawn(child, NULL);
	block(wait_for_child, 1);
	spawn(child, NULL);
	block(wait_for_child, 2);
	nobody_is_left();
}

MODEL_TEST(twice_in_a_row, .timeouts = MODEL_NEVER)
{
	sched_run(one_child_twice, "maxprocs=1", 0);
}

/* Two that come back together, one P: one of them queues, or both. */
static void another(void *arg)
{
	block(at_once, 0);
	model_signal(&go_on);
}

static int64_t wait_for_another(void *arg)
{
	model_await(&ran, 1);
	return 7;
}

static int64_t wait_for_its_end(void *arg)
{
	model_await(&go_on, 1);
	return 7;
}

static void two_come_back(void)
{
	begin();
	spawn(another, NULL);
	block(wait_for_another, 0);
	block(wait_for_its_end, 0);
}

MODEL_TEST(two_come_back_to_one_p, .timeouts = MODEL_NEVER)
{
	sched_run(two_come_back, "maxprocs=1", 0);
}

/* With two P's: the one that is handed over, and the one that is idle or looks for work. */
MODEL_TEST(two_come_back_to_two_ps, .timeouts = MODEL_NEVER)
{
	sched_run(two_come_back, "maxprocs=2", 0);
}

/* ---- Nothing to hand over: work that comes while the P becomes idle ------------------------------------ */

static void brings_work(void *arg)
{
	int err = wend_go(child, NULL);

	MODEL_CHECK(err == 0 || err == -EPERM);
}

static void work_comes(void)
{
	begin();
	model_go(brings_work, NULL);
	block(wait_for_child, 1);
	nobody_is_left();
}

MODEL_TEST(work_that_comes_while_the_p_goes_is_run, .timeouts = MODEL_NEVER)
{
	sched_run(work_comes, "maxprocs=1", 0);
}

/* fn itself brings it, as a foreign thread does. */
static int64_t fn_brings_work(void *arg)
{
	MODEL_CHECK_EQ(wend_go(child, NULL), 0);
	model_await(&ran, 1);
	return 7;
}

static void fn_spawns(void)
{
	begin();
	block(fn_brings_work, 0);
	nobody_is_left();
}

MODEL_TEST(what_fn_spawns_is_run, .timeouts = MODEL_NEVER)
{
	sched_run(fn_spawns, "maxprocs=1", 0);
}

/* ---- Bound to a P, locked to a thread, fewer P's ---------------------------------------------------------- */

static void bound(void *arg)
{
	block(at_once, 0);
	MODEL_CHECK_EQ(getm()->p->id, 1);
	model_signal(&go_on);
}

static void a_bound_one(void)
{
	const wend_attr second = {.on_p = 2};

	begin();
	MODEL_CHECK_EQ(wend_go_attr(&second, bound, NULL), 0);
	spawn(child, NULL);
	model_await(&go_on, 1);
}

MODEL_TEST(a_bound_one_comes_back_to_its_p, .timeouts = MODEL_NEVER)
{
	sched_run(a_bound_one, "maxprocs=2", 0);
}

static void locked(void *arg)
{
	struct m *here;

	wend_lock_thread();
	here = getm();
	block(at_once, 0);
	MODEL_CHECK(getm() == here);
	wend_unlock_thread();
	model_signal(&go_on);
}

static void a_locked_one(void)
{
	begin();
	spawn(locked, NULL);
	block(wait_for_its_end, 0);
}

MODEL_TEST(a_locked_one_comes_back_on_its_thread, .timeouts = MODEL_NEVER)
{
	sched_run(a_locked_one, "maxprocs=1", 0);
}

static void bound_to_the_second(void *arg)
{
	block(wait_for_another, 0);
	model_signal(&go_on);
}

/* The P that it had, or that it is bound to, may be gone when it comes back, or go at that moment. */
static void fewer_ps(void)
{
	const wend_attr second = {.on_p = 2};

	begin();
	MODEL_CHECK_EQ(wend_go_attr(&second, bound_to_the_second, NULL), 0);
	model_signal(&ran);
	MODEL_CHECK_EQ(wend_maxprocs(1), 2);
	block(wait_for_its_end, 0);
	nobody_is_left();
}

MODEL_TEST(its_p_goes_meanwhile, .timeouts = MODEL_NEVER)
{
	sched_run(fewer_ps, "maxprocs=2", 0);
}

/* ---- B1: no thread can be had -------------------------------------------------------------------------- */

static void takes_its_turn(void *arg)
{
	ended++;
	wend_waitgroup_done(&wg);
}

/* The only thread is in the call: the child waits until it is back. */
static void without_a_thread(void)
{
	begin();
	wend_waitgroup_add(&wg, 1);
	spawn(takes_its_turn, NULL);
	block(at_once, 0);
	wend_waitgroup_wait(&wg);
	MODEL_CHECK_EQ(ended, 1);
	nobody_is_left();
}

MODEL_TEST(without_threads_it_runs_afterwards)
{
	sched_run(without_a_thread, "maxprocs=1,threads=1", 0);
}

/* Two threads, two in calls, and a third that waits. Whoever comes back first finds the P, or the last one does
 * that could not start one for it. */
static void gives_way(void *arg)
{
	block(at_once, 0);
	takes_its_turn(NULL);
}

static void with_two_threads(void)
{
	begin();
	wend_waitgroup_add(&wg, 2);
	spawn(takes_its_turn, NULL);
	spawn(gives_way, NULL);
	block(at_once, 0);
	wend_waitgroup_wait(&wg);
	MODEL_CHECK_EQ(ended, 2);
	nobody_is_left();
}

MODEL_TEST(with_too_few_threads_all_take_turns)
{
	sched_run(with_two_threads, "maxprocs=1,threads=2", 0);
}

/* ---- The runtime's end ------------------------------------------------------------------------------------- */

static void in_a_call_at_the_end(void *arg)
{
	block(at_once, 0);
	results++; /* or not: the end comes first */
}

static void the_end(void)
{
	begin();
	spawn(in_a_call_at_the_end, NULL);
	model_await(&ran, 1);
}

MODEL_TEST(the_runtime_ends_under_one_that_comes_back)
{
	sched_run(the_end, "maxprocs=2", SCHED_BORDER);
}
