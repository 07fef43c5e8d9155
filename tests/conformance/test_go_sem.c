/* SPDX-License-Identifier: MIT
 *
 * The rules of golang.org/x/sync/semaphore: TestWeighted, TestWeightedPanic, TestWeightedTryAcquire,
 * TestWeightedAcquire, TestWeightedDoesntBlockIfTooBig, TestLargeAcquireDoesntStarve, TestAllocCancelDoesntStarve,
 * TestWeightedAcquireCanceled. */
#include "harness/child.h"
#include "harness/parked.h"
#include "harness/test.h"

enum { UNITS = 4 };

static wend_sem sem = WEND_SEM(UNITS);
static wend_waitgroup wg;
static int in_use;

static void hammer(void *arg)
{
	int n = (int)(intptr_t)arg;

	for (int i = 0; i < 500; i++) {
		wend_sem_acquire(&sem, n);
		CHECK_LE(__atomic_add_fetch(&in_use, n, __ATOMIC_RELAXED), UNITS);
		if (i % 4 == 0)
			wend_yield();
		__atomic_sub_fetch(&in_use, n, __ATOMIC_RELAXED);
		wend_sem_release(&sem, n);
	}
	wend_waitgroup_done(&wg);
}

static void hammer_on(int procs)
{
	wend_maxprocs(procs);
	for (int i = 0; i < 16; i++) {
		wend_waitgroup_add(&wg, 1);
		CHECK_EQ(wend_go(hammer, (void *)(intptr_t)(1 + i % UNITS)), 0);
	}
	wend_waitgroup_wait(&wg);
	CHECK(wend_sem_try_acquire(&sem, UNITS));
	wend_sem_release(&sem, UNITS);
}

CO_TEST(never_more_units_are_out_than_there_are)
{
	hammer_on(1);
	hammer_on(2);
	hammer_on(4);
}

CO_TEST(try_acquire_takes_what_is_there)
{
	wend_sem s = WEND_SEM(2);

	CHECK(wend_sem_try_acquire(&s, 1));
	CHECK(wend_sem_try_acquire(&s, 1));
	CHECK(!wend_sem_try_acquire(&s, 1));
	CHECK(wend_sem_try_acquire(&s, 0));
	wend_sem_release(&s, 2);
	CHECK(wend_sem_try_acquire(&s, 2));
	CHECK(!wend_sem_try_acquire(&s, 3));
	wend_sem_release(&s, 2);
	CHECK(!wend_sem_try_acquire(&s, 3));
}

static wend_sem two = WEND_SEM(2);
static int got;

static void acquire_n(void *n)
{
	wend_sem_acquire(&two, (int64_t)(intptr_t)n);
	__atomic_add_fetch(&got, 1, __ATOMIC_ACQ_REL);
	wend_waitgroup_done(&wg);
}

CO_TEST(acquire_blocks_until_units_come_back)
{
	wend_sem_acquire(&two, 1);
	wend_waitgroup_add(&wg, 1);
	CHECK_EQ(wend_go(acquire_n, (void *)2), 0);
	parked_become("semaphore.Acquire", 1);
	CHECK_EQ(__atomic_load_n(&got, __ATOMIC_ACQUIRE), 0);
	wend_sem_release(&two, 1);
	wend_waitgroup_wait(&wg);
	CHECK(!wend_sem_try_acquire(&two, 1));
	wend_sem_release(&two, 2);
}

static void want_too_much(void *unused)
{
	(void)unused;
	wend_sem_acquire(&two, 3);
	CHECK(!"the semaphore has two");
}

CO_TEST(a_request_that_can_never_be_met_holds_up_nobody_else)
{
	CHECK_EQ(wend_go(want_too_much, NULL), 0);
	parked_become("semaphore.Acquire", 1);
	for (int i = 0; i < 100; i++) {
		CHECK(wend_sem_try_acquire(&two, 2));
		wend_sem_release(&two, 2);
		wend_sem_acquire(&two, 1);
		wend_yield();
		wend_sem_release(&two, 1);
	}
	CHECK_EQ(parked_count("semaphore.Acquire"), 1);
}

/* Small ones come all the time, each before the last has gone. */
static int stop;

static void small_ones(void *unused)
{
	(void)unused;
	wend_sem_acquire(&sem, 1);
	while (!__atomic_load_n(&stop, __ATOMIC_ACQUIRE)) {
		wend_yield();
		wend_sem_release(&sem, 1);
		wend_sem_acquire(&sem, 1);
	}
	wend_sem_release(&sem, 1);
	wend_waitgroup_done(&wg);
}

CO_TEST(a_large_request_is_not_starved_by_small_ones)
{
	for (int procs = 1; procs <= 2; procs++) {
		stop = 0;
		wend_maxprocs(procs);
		wend_waitgroup_add(&wg, UNITS);
		for (int i = 0; i < UNITS; i++)
			CHECK_EQ(wend_go(small_ones, NULL), 0);
		for (int i = 0; i < 10; i++)
			wend_yield();
		for (int i = 0; i < 20; i++) {
			wend_sem_acquire(&sem, UNITS);
			wend_sem_release(&sem, UNITS);
			wend_yield();
		}
		__atomic_store_n(&stop, 1, __ATOMIC_RELEASE);
		wend_waitgroup_wait(&wg);
	}
}

/* ---- With a context ---------------------------------------------------------------------------- */

static void end_ctx(wend_ctx *ctx)
{
	wend_ctx_cancel(ctx);
	wend_ctx_release(ctx);
}

CO_TEST(acquire_waits_no_longer_than_its_context)
{
	wend_sem s = WEND_SEM(2);
	wend_ctx *ctx = wend_ctx_with_timeout(wend_ctx_background(), 10 * WEND_MILLISECOND);

	CHECK_EQ(wend_sem_acquire_ctx(&s, 1, ctx), 0);
	CHECK_EQ(wend_sem_acquire_ctx(&s, 1, wend_ctx_background()), 0);
	CHECK_EQ(wend_sem_acquire_ctx(&s, 1, ctx), -ETIMEDOUT);
	wend_sem_release(&s, 2);
	CHECK(wend_sem_try_acquire(&s, 2));
	end_ctx(ctx);
}

CO_TEST(a_request_that_is_too_big_ends_with_its_context_alone)
{
	wend_sem s = WEND_SEM(2);
	wend_ctx *ctx = wend_ctx_with_timeout(wend_ctx_background(), 10 * WEND_MILLISECOND);

	CHECK_EQ(wend_sem_acquire_ctx(&s, 3, ctx), -ETIMEDOUT);
	CHECK(wend_sem_try_acquire(&s, 2));
	end_ctx(ctx);
}

CO_TEST(a_cancelled_context_gets_no_units)
{
	wend_sem s = WEND_SEM(2);
	wend_ctx *ctx = wend_ctx_with_cancel(wend_ctx_background());

	wend_ctx_cancel(ctx);
	CHECK_EQ(wend_sem_acquire_ctx(&s, 1, ctx), -ECANCELED);
	CHECK(wend_sem_try_acquire(&s, 2));
	wend_ctx_release(ctx);
}

static wend_sem shared = WEND_SEM(10);
static wend_ctx *cancelled_ctx;

static void acquire_all(void *unused)
{
	CHECK_EQ(wend_sem_acquire_ctx(&shared, 10, cancelled_ctx), -ECANCELED);
	wend_waitgroup_done(&wg);
}

static void acquire_one(void *unused)
{
	wend_sem_acquire(&shared, 1);
	wend_waitgroup_done(&wg);
}

/* One unit is out; the head of the line wants all, those behind it one each. */
CO_TEST(a_cancelled_head_lets_others_go)
{
	cancelled_ctx = wend_ctx_with_cancel(wend_ctx_background());
	wend_sem_acquire(&shared, 1);
	wend_waitgroup_add(&wg, 3);
	CHECK_EQ(wend_go(acquire_all, NULL), 0);
	parked_become("semaphore.Acquire", 1);
	CHECK_EQ(wend_go(acquire_one, NULL), 0);
	CHECK_EQ(wend_go(acquire_one, NULL), 0);
	parked_become("semaphore.Acquire", 3);
	wend_ctx_cancel(cancelled_ctx);
	wend_waitgroup_wait(&wg); /* for ever, if they had to wait for the unit that is out */
	wend_sem_release(&shared, 3);
	wend_ctx_release(cancelled_ctx);
}

/* ---- Misuse ---------------------------------------------------------------------------------- */

static void release_unheld(void)
{
	printf("before\n");
	wend_sem_release(&sem, 1);
}

static void release_too_much(void)
{
	wend_sem_acquire(&sem, 3);
	wend_sem_release(&sem, 1);
	printf("before\n");
	wend_sem_release(&sem, 3);
}

TEST(releasing_more_than_held_panics)
{
	void (*const forms[])(void) = {release_unheld, release_too_much};

	for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
		struct child c = child_run(forms[i], 0);

		CHILD_EXITED(&c, 2);
		CHECK_HAS(c.err, "panic: semaphore: released more than held");
		CHECK_EQ(c.out, "before\n");
		child_free(&c);
	}
}
