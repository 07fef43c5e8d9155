/* SPDX-License-Identifier: MIT
 *
 * Contexts and what is not a coroutine: foreign threads, and times when no runtime runs. */
#include <pthread.h>

#include "harness/child.h"
#include "harness/parked.h"
#include "harness/test.h"

static wend_ctx *ctx;
static int calls;

static void count(void *unused)
{
	__atomic_add_fetch(&calls, 1, __ATOMIC_RELEASE);
}

static void *cancel(void *unused)
{
	wend_ctx_cancel_cause(ctx, -EPIPE, NULL);
	return NULL;
}

static void *wait_for(void *unused)
{
	int v;
	wend_chan *c = wend_chan_make(sizeof v, 0);

	CHECK_EQ(wend_chan_recv_ctx(c, &v, NULL, ctx), -ECANCELED);
	CHECK(!wend_chan_recv(wend_ctx_done(ctx), NULL));
	CHECK_EQ(wend_sleep_ctx(WEND_HOUR, ctx), -ECANCELED);
	wend_chan_release(c);
	return NULL;
}

static void wait_in_coroutine(void *done)
{
	wait_for(NULL);
	wend_chan_close(done);
}

CO_TEST(a_thread_cancels_and_a_thread_waits)
{
	wend_chan *done = wend_chan_make(0, 0);
	pthread_t waiter, canceller;

	ctx = wend_ctx_with_cancel(wend_ctx_background());
	CHECK_EQ(wend_go(wait_in_coroutine, done), 0);
	CHECK_EQ(pthread_create(&waiter, NULL, wait_for, NULL), 0);
	parked_become("chan receive", 2);
	CHECK_EQ(pthread_create(&canceller, NULL, cancel, NULL), 0);
	wend_chan_recv(done, NULL);
	pthread_join(waiter, NULL);
	pthread_join(canceller, NULL);
	CHECK_EQ(wend_ctx_cause(ctx, NULL), -EPIPE);
	wend_ctx_release(ctx);
	wend_chan_release(done);
}

static void *time_out(void *unused)
{
	wend_ctx *timed = wend_ctx_with_timeout(wend_ctx_background(), 5 * WEND_MILLISECOND);

	CHECK(!wend_chan_recv(wend_ctx_done(timed), NULL));
	CHECK_EQ(wend_ctx_err(timed), -ETIMEDOUT);
	wend_ctx_release(timed);
	return NULL;
}

CO_TEST(a_thread_sets_a_deadline)
{
	pthread_t thread;

	CHECK_EQ(pthread_create(&thread, NULL, time_out, NULL), 0);
	while (pthread_tryjoin_np(thread, NULL) != 0)
		wend_sleep(WEND_MILLISECOND);
}

/* ---- No runtime ------------------------------------------------------------------------------- */

TEST(trees_need_no_runtime)
{
	wend_ctx *parent = wend_ctx_with_cancel(wend_ctx_background()), *child = wend_ctx_with_cancel(parent);
	wend_ctx *value = wend_ctx_with_value(child, "k", NULL);

	wend_ctx_func_release(wend_ctx_after_func(value, count, NULL));
	wend_ctx_cancel(parent);
	CHECK_EQ(wend_ctx_err(value), -ECANCELED);
	CHECK(!wend_chan_recv(wend_ctx_done(value), NULL));
	CHECK_EQ(calls, 0);
	wend_ctx_release(parent);
	wend_ctx_release(value);
	wend_ctx_release(child);
}

static void leave_things(void)
{
	ctx = wend_ctx_with_timeout(wend_ctx_background(), WEND_HOUR);
	wend_ctx_func_release(wend_ctx_after_func(ctx, count, NULL));
}

TEST(a_context_outlives_its_runtime)
{
	CHECK_EQ(test_run_coroutine(leave_things), 0);
	CHECK_EQ(wend_ctx_err(ctx), 0);
	wend_ctx_cancel(ctx);
	CHECK_EQ(wend_ctx_err(ctx), -ECANCELED);
	CHECK_EQ(calls, 0);
	wend_ctx_release(ctx);

	CHECK_EQ(test_run_coroutine(leave_things), 0);
	wend_ctx_release(ctx); /* the function holds it */
	CHECK_EQ(wend_ctx_err(ctx), 0);
	wend_ctx_cancel(ctx);
}

static wend_chan *quiet;

static void wait_for_ever(void *c)
{
	int err = wend_chan_recv_ctx(c, NULL, NULL, ctx);

	CHECK_MSG(false, "nobody cancels while the runtime runs, but %d came", err);
}

static void leave_waiters(void)
{
	ctx = wend_ctx_with_cancel(wend_ctx_background());
	quiet = wend_chan_make(0, 0);
	CHECK_EQ(wend_go(wait_for_ever, NULL), 0);
	CHECK_EQ(wend_go(wait_for_ever, quiet), 0);
	parked_become("chan receive", 2);
}

TEST(waiters_of_a_runtime_that_has_ended_are_forgotten)
{
	CHECK_EQ(test_run_coroutine(leave_waiters), 0);
	wend_ctx_cancel(ctx);
	CHECK_EQ(wend_ctx_err(ctx), -ECANCELED);
	wend_ctx_release(ctx);
}

static void set_deadline(void *unused)
{
	wend_ctx_release(wend_ctx_with_timeout(wend_ctx_background(), WEND_HOUR));
}

TEST(a_deadline_needs_a_runtime)
{
	struct child c = child_call(set_deadline, NULL, 8);

	CHILD_EXITED(&c, 2);
	CHECK_HAS(c.err, "fatal error: a context with a deadline called while the runtime is not running");
	child_free(&c);
}
