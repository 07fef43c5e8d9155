/* SPDX-License-Identifier: MIT
 *
 * Park and ready, bound and locked coroutines, the number of P's, trimming, and the end of the runtime: the real
 * scheduler under the model checker. Everybody who is made ready runs, once. */
#include "model/sched.h"

#include "wend/debug.h"
#include "wend/waitgroup.h"

static struct model_event ran;
static int times[4];
static wend_waitgroup wg;

static void begin(void)
{
	ran.count = 0;
	memset(times, 0, sizeof times);
	wg = (wend_waitgroup)WEND_ZERO;
}

static void spawn(void (*fn)(void *), void *arg)
{
	MODEL_CHECK_EQ(wend_go(fn, arg), 0);
}

static void count(void *arg)
{
	times[(uintptr_t)arg]++;
}

static void each_once(int n)
{
	for (int i = 0; i < n; i++)
		if (times[i] != 1)
			model_fail(__FILE__, __LINE__, "coroutine %d ran %d times", i, times[i]);
}

/* ---- Yield, steal, end: each runs once ------------------------------------------------------------------ */

static void yield_and_count(void *arg)
{
	wend_yield();
	count(arg);
	wend_waitgroup_done(&wg);
}

static void three_that_yield(void)
{
	begin();
	wend_waitgroup_add(&wg, 3);
	for (uintptr_t i = 0; i < 3; i++)
		spawn(yield_and_count, (void *)i);
	wend_waitgroup_wait(&wg);
	each_once(3);
}

MODEL_TEST(each_coroutine_runs_once)
{
	sched_run(three_that_yield, "maxprocs=2", 0);
}

MODEL_TEST(each_coroutine_runs_once_with_three_p)
{
	sched_run(three_that_yield, "maxprocs=3,global_period=1", 0);
}

/* Queues of two that cannot grow: what does not fit goes to the global queue. */
static void crowded(void)
{
	model_no_memory(true);
	begin();
	wend_waitgroup_add(&wg, 4);
	for (uintptr_t i = 0; i < 4; i++)
		spawn(yield_and_count, (void *)i);
	wend_waitgroup_wait(&wg);
	each_once(4);
	model_no_memory(false);
}

MODEL_TEST(each_coroutine_runs_once_where_queues_cannot_grow)
{
	sched_run(crowded, "maxprocs=2", 0);
}

/* ---- One parks, another makes it ready ------------------------------------------------------------------- */

static atm_ptr bed; /* who sleeps: NULL nobody, AWAKE a wake-up that came first */
#define AWAKE ((void *)1)

static atm_u32 gift; /* from the waker */

static bool lie_down(struct g *gp, void *arg)
{
	if (atm_cas_sc(&bed, NULL, gp))
		return true;
	atm_load_acq(&bed); /* woken already: sees what the waker did */
	return false;
}

static void sleeps(void *arg)
{
	struct m *mp = enter();

	mp = g_park(mp, current(mp, "test"), WAIT_HANDOVER, &bed, lie_down, NULL);
	leave_any(mp);
	MODEL_CHECK_EQ(atm_load_rlx(&gift), 1);
	count((void *)0);
	wend_waitgroup_done(&wg);
}

static void wakes(void *arg)
{
	struct m *mp = enter();
	void *who;

	atm_store_rlx(&gift, 1);
	who = atm_xchg_sc(&bed, AWAKE);

	if (who)
		g_ready(mp, who);
	leave_any(mp);
	count((void *)1);
	wend_waitgroup_done(&wg);
}

static void sleeper_and_waker(void)
{
	begin();
	atm_store_rlx(&bed, NULL);
	wend_waitgroup_add(&wg, 2);
	spawn(sleeps, NULL);
	spawn(wakes, NULL);
	wend_waitgroup_wait(&wg);
	each_once(2);
}

MODEL_TEST(a_parked_coroutine_is_made_ready)
{
	sched_run(sleeper_and_waker, "maxprocs=2", 0);
}

MODEL_TEST(a_parked_coroutine_is_made_ready_without_membarrier)
{
	model_asym(false);
	sched_run(sleeper_and_waker, "maxprocs=2,next=0", 0);
}

/* The waker is a thread that the runtime did not make: by the global queue. */
static void woken_from_outside(void)
{
	begin();
	atm_store_rlx(&bed, NULL);
	wend_waitgroup_add(&wg, 2);
	model_go(wakes, NULL);
	spawn(sleeps, NULL);
	wend_waitgroup_wait(&wg);
	each_once(2);
}

MODEL_TEST(a_foreign_thread_wakes_a_coroutine)
{
	sched_run(woken_from_outside, "maxprocs=2", 0);
}

static void sleeps_outside(void)
{
	begin();
	atm_store_rlx(&bed, NULL);
	wend_waitgroup_add(&wg, 2);
	model_go(sleeps, NULL);
	spawn(wakes, NULL);
	wend_waitgroup_wait(&wg);
	each_once(2);
}

MODEL_TEST(a_coroutine_wakes_a_foreign_thread)
{
	sched_run(sleeps_outside, "maxprocs=2", 0);
}

/* ---- Bound to a P, locked to a thread ---------------------------------------------------------------------- */

static void count_and_signal(void *arg)
{
	count(arg);
	model_signal(&ran);
}

/* The other P is idle, going idle, or not yet: it must be woken for what is in its inbox. */
static void bound(void)
{
	const wend_attr attr = {.on_p = 2};

	begin();
	spawn(count, (void *)1);
	MODEL_CHECK_EQ(wend_go_attr(&attr, count_and_signal, (void *)0), 0);
	model_await(&ran, 1);
}

MODEL_TEST(a_bound_coroutine_wakes_its_p, .timeouts = MODEL_NEVER)
{
	sched_run(bound, "maxprocs=2", 0);
}

static void locked(void *arg)
{
	wend_lock_thread();
	sleeps(arg);
}

static void locked_sleeper(void)
{
	begin();
	atm_store_rlx(&bed, NULL);
	wend_waitgroup_add(&wg, 2);
	spawn(locked, NULL);
	spawn(wakes, NULL);
	wend_waitgroup_wait(&wg);
	each_once(2);
}

MODEL_TEST(a_locked_coroutine_comes_back_to_its_thread)
{
	sched_run(locked_sleeper, "maxprocs=2", 0);
}

/* ---- The number of P's --------------------------------------------------------------------------------------- */

static void fewer_p(void)
{
	begin();
	wend_waitgroup_add(&wg, 2);
	spawn(yield_and_count, (void *)0);
	spawn(yield_and_count, (void *)1);
	MODEL_CHECK_EQ(wend_maxprocs(1), 2);
	wend_waitgroup_wait(&wg);
	each_once(2);
}

MODEL_TEST(nobody_is_lost_with_a_p_that_goes)
{
	sched_run(fewer_p, "maxprocs=2", 0);
}

static void more_p(void)
{
	begin();
	spawn(count_and_signal, (void *)0);
	spawn(count_and_signal, (void *)1);
	MODEL_CHECK_EQ(wend_maxprocs(2), 1);
	model_await(&ran, 1);
}

MODEL_TEST(a_new_p_takes_the_work_that_lies_there, .timeouts = MODEL_NEVER)
{
	sched_run(more_p, "maxprocs=1", 0);
}

/* From outside, while others search and sleep: they look at P's that were just made. */
static void adds_a_p(void *arg)
{
	(void)wend_maxprocs(3); /* when the runtime has ended already it is about the machine */
}

static void p_is_added(void)
{
	begin();
	model_go(adds_a_p, NULL);
	spawn(count_and_signal, (void *)0);
	spawn(count_and_signal, (void *)1);
	model_await(&ran, 1);
}

MODEL_TEST(a_p_is_added_under_searchers)
{
	sched_run(p_is_added, "maxprocs=2", 0);
}

/* ---- Trimming: never the stack of one who runs ------------------------------------------------------------------ */

static void nothing(void *arg)
{
}

/* The sleeper lies down beside us, another P's thread takes the waker, and meanwhile we trim. */
static void trimmed(void)
{
	begin();
	atm_store_rlx(&bed, NULL);
	wend_waitgroup_add(&wg, 2);
	spawn(sleeps, NULL);
	wend_yield();
	spawn(wakes, NULL);
	spawn(nothing, NULL);
	sched_trim();
	wend_waitgroup_wait(&wg);
}

MODEL_TEST(who_runs_is_not_trimmed, .cover = 1ULL << 63)
{
	sched_run(trimmed, "maxprocs=2", SCHED_TRIM);
}

MODEL_TEST(who_runs_is_not_trimmed_without_membarrier, .cover = 1ULL << 63)
{
	model_asym(false);
	sched_run(trimmed, "maxprocs=2", SCHED_TRIM);
}

/* ---- The end ------------------------------------------------------------------------------------------------------ */

/* Coroutines that never end of themselves: whoever comes to the border stays there. */
static void for_ever(void *arg)
{
	for (;;) {
		wend_yield();
		atm_pause(); /* fair: others do something in between */
	}
}

static void main_ends(void)
{
	begin();
	spawn(for_ever, NULL);
	spawn(for_ever, NULL);
	wend_yield();
}

MODEL_TEST(the_runtime_ends_under_its_coroutines)
{
	sched_run(main_ends, "maxprocs=2", SCHED_BORDER);
}

MODEL_TEST(the_runtime_ends_without_membarrier)
{
	model_asym(false);
	sched_run(main_ends, "maxprocs=2", SCHED_BORDER);
}
