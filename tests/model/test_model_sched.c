/* SPDX-License-Identifier: MIT
 *
 * The idle protocol under the model checker: nobody is forgotten (I1 to I3 of sched/idle.c). Deadlines never pass
 * in most, so that no watcher's nap mends what was missed: a lost wake-up is a deadlock. Parents are busy in user code
 * (model_await), so that only others can run their children. */
#include "model/sched.h"

#include "wend/time.h"

static struct model_event ran, go_on;
static int times[4];

static void begin(void)
{
	ran.count = go_on.count = 0;
	memset(times, 0, sizeof times);
}

static void child(void *arg)
{
	model_signal(&ran);
}

/* Holds its P until somebody has run. */
static void hog(void *arg)
{
	model_await(&ran, 1);
}

static void ignored(void *arg)
{
}

static void spawn(void (*fn)(void *), void *arg)
{
	MODEL_CHECK_EQ(wend_go(fn, arg), 0);
}

/* ---- I1: a spawner, and a P that stops searching -------------------------------------------------------- */

static void two_children(void)
{
	begin();
	spawn(child, NULL);
	spawn(child, NULL);
	model_await(&ran, 1);
}

MODEL_TEST(children_run_beside_a_busy_parent, .timeouts = MODEL_NEVER)
{
	sched_run(two_children, "maxprocs=2", 0);
}

/* Full fences on both sides in place of the asymmetric ones. */
MODEL_TEST(children_run_without_membarrier, .timeouts = MODEL_NEVER)
{
	model_asym(false);
	sched_run(two_children, "maxprocs=2", 0);
}

/* Woken for a lone child, too. */
static void lone_child(void)
{
	begin();
	spawn(child, NULL);
	model_await(&ran, 1);
}

MODEL_TEST(a_lone_child_runs_when_every_wake_is_eager, .timeouts = MODEL_LATE)
{
	sched_run(lone_child, "maxprocs=2,wake=eager", 0);
}

/* I3: no eager wake: the watcher finds it when deadlines pass. */
MODEL_TEST(a_lone_child_is_found_by_the_watcher, .timeouts = MODEL_LATE)
{
	sched_run(lone_child, "maxprocs=2", 0);
}

/* ---- I2: a searcher that finds work, and work that came meanwhile --------------------------------------- */

/* A foreign thread brings work by the global queue; whoever searches takes it and is busy with it. Children
 * that were spawned meanwhile saw somebody searching, and so woke nobody. */
static void foreign_spawner(void *arg)
{
	int err = wend_go(hog, NULL);

	MODEL_CHECK(err == 0 || err == -EPERM); /* the runtime has ended */
}

static void a_searcher_finds_work(void)
{
	begin();
	model_go(foreign_spawner, NULL);
	spawn(child, NULL);
	spawn(child, NULL);
	model_await(&ran, 1);
}

MODEL_TEST(a_searcher_that_finds_work_wakes_the_next, .timeouts = MODEL_NEVER)
{
	sched_run(a_searcher_finds_work, "maxprocs=3", 0);
}

/* ---- I3: a watcher that is called away ------------------------------------------------------------------- */

/* A spawner that saw the watch relied on it for its lone child. The watcher is given a P, and with it a
 * coroutine that stays on it: it must look back. */
static void the_watcher_is_called_away(void)
{
	const wend_attr second = {.on_p = 2};

	begin();
	spawn(ignored, NULL); /* brings a thread up, which finds it moving and becomes the watcher */
	wend_yield();
	MODEL_CHECK_EQ(wend_go_attr(&second, hog, NULL), 0);
	spawn(child, NULL);
	model_await(&ran, 1);
}

/* Whoever is woken for a lone child watches it first, so deadlines pass here; if nobody watches, none does. */
MODEL_TEST(a_watcher_that_is_called_away_looks_back)
{
	sched_run(the_watcher_is_called_away, "maxprocs=3", 0);
}

/* ---- A P that is handed off ----------------------------------------------------------------------------- */

static bool stays(struct g *gp, void *arg)
{
	return true;
}

/* Locked to its thread, it parks for good: the thread gives its P away and sleeps, and is no watcher. */
static void locked_guest(void *arg)
{
	struct m *mp;

	wend_lock_thread();
	model_signal(&go_on);
	mp = enter();
	g_park(mp, current(mp, "test"), WAIT_HANDOVER, NULL, stays, NULL);
}

/* By the global queue, so that nothing else lies about. */
static void brings_the_guest(void *arg)
{
	MODEL_CHECK_EQ(wend_go(locked_guest, NULL), 0);
}

static void a_p_is_handed_off(void)
{
	begin();
	model_go(brings_the_guest, NULL);
	model_await(&go_on, 1);
	spawn(child, NULL);
	spawn(child, NULL);
	model_await(&ran, 1);
}

MODEL_TEST(a_p_that_is_handed_off_takes_what_lies_there, .timeouts = MODEL_NEVER)
{
	sched_run(a_p_is_handed_off, "maxprocs=2", 0);
}

/* ---- T3: a timer, and the watcher that lies down ---------------------------------------------------------- */

#define MS 1000000

static void short_sleep(void *arg)
{
	int64_t start = model_clock();

	wend_sleep(3 * MS);
	MODEL_CHECK(model_clock() < start + 4 * MS);
}

/* The main coroutine's timer is the later one: a watcher that does not learn of the other sleeps too long. */
static void long_sleep(void)
{
	model_go(short_sleep, NULL);
	wend_sleep(5 * MS);
}

MODEL_TEST(the_watcher_learns_of_an_earlier_timer)
{
	sched_run(long_sleep, "maxprocs=1", SCHED_TIMERS);
}
