/* SPDX-License-Identifier: MIT
 *
 * What Go's contexts carry and call: values, causes and functions, by src/context/context_test.go and afterfunc_test.go. */
#include "conformance/contexts.h"
#include "harness/child.h"

#define MS WEND_MILLISECOND

/* ---- Values ------------------------------------------------------------------------------------------- */

CO_TEST(values_are_found_by_key_and_hide_older_ones)
{
	static int k1, k2, k3;
	wend_ctx *a = wend_ctx_with_value(wend_ctx_background(), &k1, "c1k1");
	wend_ctx *b = wend_ctx_with_cancel(a);
	wend_ctx *c = wend_ctx_with_value(b, &k2, "c2k2");
	wend_ctx *d = wend_ctx_with_value(c, &k1, "c3k1");
	wend_ctx *e = wend_ctx_with_value(d, &k2, NULL);

	CHECK_EQ(wend_ctx_value(a, &k1), (void *)"c1k1");
	CHECK(wend_ctx_value(a, &k2) == NULL);
	CHECK_EQ(wend_ctx_value(c, &k1), (void *)"c1k1");
	CHECK_EQ(wend_ctx_value(c, &k2), (void *)"c2k2");
	CHECK_EQ(wend_ctx_value(d, &k1), (void *)"c3k1");
	CHECK_EQ(wend_ctx_value(d, &k2), (void *)"c2k2");
	CHECK(wend_ctx_value(e, &k2) == NULL);
	CHECK(wend_ctx_value(e, &k3) == NULL);
	CHECK(wend_ctx_value(e, NULL) == NULL);
	wend_ctx_cancel(b);
	CHECK_EQ(wend_ctx_err(e), -ECANCELED);
	CHECK_EQ(wend_ctx_value(e, &k1), (void *)"c3k1");
	wend_ctx_release(a);
	wend_ctx_release(b);
	wend_ctx_release(c);
	wend_ctx_release(d);
	CHECK_EQ(wend_ctx_value(e, &k1), (void *)"c3k1");
	wend_ctx_release(e);
}

CO_TEST(without_cancel_keeps_values_alone)
{
	static int k;
	wend_ctx *a = wend_ctx_with_value(wend_ctx_background(), &k, "v");
	wend_ctx *b = wend_ctx_with_timeout(a, WEND_HOUR);
	wend_ctx *c = wend_ctx_without_cancel(b), *d = wend_ctx_with_cancel(c);

	end(b);
	wend_ctx_release(a);
	CHECK_EQ(wend_ctx_err(c), 0);
	CHECK_EQ(wend_ctx_cause(c, NULL), 0);
	CHECK(wend_ctx_done(c) == NULL);
	CHECK_EQ(wend_ctx_deadline(c), WEND_FOREVER);
	CHECK_EQ(wend_ctx_value(c, &k), (void *)"v");
	check_live(d);
	end(d);
	wend_ctx_release(c);
}

/* ---- Causes ------------------------------------------------------------------------------------------- */

static void check_cause(wend_ctx *ctx, int err, int cause, const void *detail)
{
	const void *found = &found;

	CHECK_EQ(wend_ctx_err(ctx), err);
	CHECK_EQ(wend_ctx_cause(ctx, &found), cause);
	CHECK(found == detail);
}

CO_TEST(the_first_cause_stays)
{
	wend_ctx *ctx = wend_ctx_with_cancel(wend_ctx_background());

	check_cause(ctx, 0, 0, NULL);
	wend_ctx_cancel_cause(ctx, -EPIPE, "peer");
	wend_ctx_cancel_cause(ctx, -EIO, "disk");
	wend_ctx_cancel(ctx);
	check_cause(ctx, -ECANCELED, -EPIPE, "peer");
	wend_ctx_release(ctx);
}

CO_TEST(no_cause_means_cancelled)
{
	wend_ctx *ctx = wend_ctx_with_cancel(wend_ctx_background());

	wend_ctx_cancel_cause(ctx, 0, NULL);
	check_cause(ctx, -ECANCELED, -ECANCELED, NULL);
	wend_ctx_release(ctx);
}

CO_TEST(children_have_their_parents_cause)
{
	wend_ctx *parent = wend_ctx_with_cancel(wend_ctx_background());
	wend_ctx *first = wend_ctx_with_cancel(parent), *second = wend_ctx_with_cancel(parent);
	wend_ctx *value = wend_ctx_with_value(second, "k", NULL);

	wend_ctx_cancel_cause(first, -EIO, "child");
	wend_ctx_cancel_cause(parent, -EPIPE, "parent");
	check_cause(first, -ECANCELED, -EIO, "child");
	check_cause(second, -ECANCELED, -EPIPE, "parent");
	check_cause(value, -ECANCELED, -EPIPE, "parent");

	wend_ctx *late = wend_ctx_with_timeout_cause(value, WEND_HOUR, -EAGAIN, NULL);

	check_cause(late, -ECANCELED, -EPIPE, "parent");
	wend_ctx_release(late);
	wend_ctx_release(value);
	wend_ctx_release(first);
	wend_ctx_release(second);
	wend_ctx_release(parent);
}

CO_TEST(deadlines_have_causes)
{
	wend_ctx *a = wend_ctx_with_timeout_cause(wend_ctx_background(), 5 * MS, -EAGAIN, "slow");
	wend_ctx *b = wend_ctx_with_deadline_cause(wend_ctx_background(), wend_now() - 1, -EIO, "old");
	wend_ctx *c = wend_ctx_with_timeout_cause(wend_ctx_background(), WEND_HOUR, -EAGAIN, "slow");
	wend_ctx *d = wend_ctx_with_timeout_cause(a, WEND_HOUR, -EIO, "slower");

	wend_ctx_cancel(c);
	await(d);
	check_cause(a, -ETIMEDOUT, -EAGAIN, "slow");
	check_cause(b, -ETIMEDOUT, -EIO, "old");
	check_cause(c, -ECANCELED, -ECANCELED, NULL);
	check_cause(d, -ETIMEDOUT, -EAGAIN, "slow");
	wend_ctx_release(a);
	wend_ctx_release(b);
	wend_ctx_release(c);
	wend_ctx_release(d);
}

static void race_to_cancel(void *ctx)
{
	wend_ctx_cancel_cause(ctx, -EPIPE, NULL);
	wend_ctx_release(ctx);
}

CO_TEST(err_and_cause_come_together)
{
	for (int i = 0; i < 100; i++) {
		wend_ctx *ctx = wend_ctx_with_cancel(wend_ctx_background());
		int cause;

		CHECK_EQ(wend_go(race_to_cancel, wend_ctx_retain(ctx)), 0);
		while (!(cause = wend_ctx_cause(ctx, NULL)))
			wend_yield();
		CHECK_EQ(cause, -EPIPE);
		CHECK_EQ(wend_ctx_err(ctx), -ECANCELED);
		wend_ctx_release(ctx);
	}
}

/* ---- Functions ---------------------------------------------------------------------------------------- */

static void not_to_be_called(void *unused)
{
	CHECK(!"called though it should not be");
}

/* TestCustomContextGoroutines, TestNoHelperGoroutines: the library has none of its own that wait. */
CO_TEST(contexts_and_timers_make_no_coroutines)
{
	wend_ctx *root = wend_ctx_with_timeout(wend_ctx_background(), WEND_HOUR), *leaf = wend_ctx_retain(root), *next;
	wend_ctx_func *f = wend_ctx_after_func(root, not_to_be_called, NULL);
	wend_timer *t = wend_after_func(WEND_HOUR, not_to_be_called, NULL);
	wend_ticker *ticker = wend_ticker_make(MS);

	for (int i = 0; i < 10; i++) {
		next = wend_ctx_with_cancel(leaf);
		wend_ctx_release(leaf);
		leaf = next;
	}
	CHECK(wend_ctx_done(leaf) != NULL);
	wend_sleep(3 * MS);
	CHECK_EQ(wend_num_coroutines(), 1);
	CHECK(wend_ctx_func_stop(f));
	end(root);
	check_dead(leaf, -ECANCELED);
	CHECK_EQ(wend_num_coroutines(), 1);
	wend_ctx_func_release(f);
	CHECK(wend_timer_stop(t));
	wend_timer_release(t);
	wend_ticker_release(ticker);
	wend_ctx_release(leaf);
}

static void tell(void *c)
{
	wend_chan_close(c);
}

CO_TEST(functions_are_called_after_cancel)
{
	wend_ctx *ctx = wend_ctx_with_cancel(wend_ctx_background());
	wend_ctx *child = wend_ctx_with_value(ctx, "k", NULL);
	wend_chan *called = wend_chan_make(0, 0);
	wend_ctx_func *f = wend_ctx_after_func(child, tell, called);

	wend_yield();
	CHECK(!closed(called));
	wend_ctx_cancel(ctx);
	wend_chan_recv(called, NULL);
	CHECK(!wend_ctx_func_stop(f));
	wend_ctx_func_release(f);
	wend_ctx_release(child);
	wend_ctx_release(ctx);
	wend_chan_release(called);
}

CO_TEST(functions_are_called_after_a_timeout)
{
	wend_ctx *ctx = wend_ctx_with_timeout(wend_ctx_background(), 5 * MS);
	wend_chan *called = wend_chan_make(0, 0);

	wend_ctx_func_release(wend_ctx_after_func(ctx, tell, called));
	wend_chan_recv(called, NULL);
	CHECK_EQ(wend_ctx_err(ctx), -ETIMEDOUT);
	wend_ctx_release(ctx);
	wend_chan_release(called);
}

CO_TEST(functions_of_a_cancelled_context_are_called_at_once)
{
	wend_ctx *ctx = wend_ctx_with_cancel(wend_ctx_background());
	wend_chan *called = wend_chan_make(0, 0);
	wend_ctx_func *f;

	wend_ctx_cancel(ctx);
	f = wend_ctx_after_func(ctx, tell, called);
	CHECK(!wend_ctx_func_stop(f));
	wend_chan_recv(called, NULL);
	wend_ctx_func_release(f);
	wend_ctx_release(ctx);
	wend_chan_release(called);
}

CO_TEST(functions_are_not_called_after_stop)
{
	wend_ctx *ctx = wend_ctx_with_cancel(wend_ctx_background());
	wend_ctx_func *f = wend_ctx_after_func(ctx, not_to_be_called, NULL);
	wend_ctx_func *g = wend_ctx_after_func(wend_ctx_background(), not_to_be_called, NULL);

	CHECK(wend_ctx_func_stop(f));
	CHECK(!wend_ctx_func_stop(f));
	CHECK(wend_ctx_func_stop(g));
	CHECK(!wend_ctx_func_stop(g));
	wend_ctx_cancel(ctx);
	CHECK(!wend_ctx_func_stop(f));
	wend_yield();
	wend_ctx_func_release(f);
	wend_ctx_func_release(g);
	wend_ctx_release(ctx);
}

/* The function locks what the canceller holds: were it called in place, nobody would go on. */
static wend_mutex held;

static void lock_it(void *called)
{
	wend_mutex_lock(&held);
	wend_mutex_unlock(&held);
	wend_chan_close(called);
}

CO_TEST(functions_are_called_beside_the_canceller)
{
	wend_ctx *ctx = wend_ctx_with_cancel(wend_ctx_background());
	wend_chan *called = wend_chan_make(0, 0);

	wend_ctx_func_release(wend_ctx_after_func(ctx, lock_it, called));
	wend_mutex_lock(&held);
	wend_ctx_cancel(ctx);
	wend_yield();
	CHECK(!closed(called));
	wend_mutex_unlock(&held);
	wend_chan_recv(called, NULL);
	wend_ctx_release(ctx);
	wend_chan_release(called);
}

static wend_waitgroup called;

static void count_it(void *unused)
{
	wend_waitgroup_done(&called);
}

CO_TEST(many_functions_are_each_called_once)
{
	wend_ctx *ctx = wend_ctx_with_cancel(wend_ctx_background());
	wend_ctx_func *f[100];

	for (int i = 0; i < 100; i++)
		f[i] = wend_ctx_after_func(ctx, i % 3 ? count_it : not_to_be_called, NULL);
	for (int i = 0; i < 100; i++) {
		if (i % 3 == 0)
			CHECK(wend_ctx_func_stop(f[i]));
		else
			wend_waitgroup_add(&called, 1);
	}
	wend_ctx_cancel(ctx);
	wend_waitgroup_wait(&called); /* a second call of one would be a panic: negative counter */
	for (int i = 0; i < 100; i++)
		wend_ctx_func_release(f[i]);
	wend_ctx_release(ctx);
}

static void nil_func(void)
{
	wend_ctx_after_func(wend_ctx_background(), NULL, NULL);
}

TEST(a_nil_function_is_refused)
{
	struct child c = child_run(nil_func, 0);

	CHILD_EXITED(&c, 2);
	CHECK_HAS(c.err, "fatal error: go of nil func value");
	child_free(&c);
}
