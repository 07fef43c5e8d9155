/* SPDX-License-Identifier: MIT
 *
 * The rules of Go's context: src/context/context_test.go and afterfunc_test.go, as far as C has what they are about. */
#include "harness/child.h"
#include "harness/parked.h"
#include "harness/test.h"

#define MS WEND_MILLISECOND
#define LOAD(x) __atomic_load_n(&(x), __ATOMIC_ACQUIRE)

static bool closed(wend_chan *c)
{
	bool ok = true;

	return wend_chan_try_recv(c, NULL, &ok) && !ok;
}

static void check_live(wend_ctx *ctx)
{
	CHECK_EQ(wend_ctx_err(ctx), 0);
	CHECK_EQ(wend_ctx_cause(ctx, NULL), 0);
	CHECK(!closed(wend_ctx_done(ctx)));
}

static void check_dead(wend_ctx *ctx, int err)
{
	CHECK_EQ(wend_ctx_err(ctx), err);
	CHECK(closed(wend_ctx_done(ctx)));
}

static void end(wend_ctx *ctx)
{
	wend_ctx_cancel(ctx);
	wend_ctx_release(ctx);
}

static void await(wend_ctx *ctx)
{
	CHECK(!wend_chan_recv(wend_ctx_done(ctx), NULL));
}

/* ---- Roots -------------------------------------------------------------------------------------------- */

CO_TEST(background_and_todo_are_never_cancelled)
{
	wend_ctx *roots[] = {wend_ctx_background(), wend_ctx_todo()};

	CHECK(roots[0] != roots[1]);
	for (int i = 0; i < 2; i++) {
		CHECK_EQ(wend_ctx_err(roots[i]), 0);
		CHECK(wend_ctx_done(roots[i]) == NULL);
		CHECK_EQ(wend_ctx_deadline(roots[i]), WEND_FOREVER);
		CHECK(wend_ctx_value(roots[i], &roots) == NULL);
		CHECK(wend_ctx_retain(roots[i]) == roots[i]);
		wend_ctx_release(roots[i]);
		wend_ctx_release(roots[i]);
	}
}

static void cancel_background(void)
{
	wend_ctx_cancel(wend_ctx_background());
}

static void check_panics(void (*fn)(void), const char *text)
{
	struct child c = child_run(fn, 0);

	CHILD_EXITED(&c, 2);
	CHECK_HAS(c.err, text);
	child_free(&c);
}

TEST(who_has_no_cancel_function_cannot_be_cancelled)
{
	check_panics(cancel_background, "panic: context: cancel of a context without cancel function");
}

static void nil_cancel(void)
{
	wend_ctx_release(wend_ctx_with_cancel(NULL));
}

static void nil_deadline(void)
{
	wend_ctx_release(wend_ctx_with_deadline(NULL, 1));
}

static void nil_timeout(void)
{
	wend_ctx_release(wend_ctx_with_timeout(NULL, 1));
}

static void nil_value(void)
{
	wend_ctx_release(wend_ctx_with_value(NULL, "k", NULL));
}

static void nil_without(void)
{
	wend_ctx_release(wend_ctx_without_cancel(NULL));
}

TEST(nil_parents_are_refused)
{
	static void (*const all[])(void) = {nil_cancel, nil_deadline, nil_timeout, nil_value, nil_without};

	for (size_t i = 0; i < sizeof all / sizeof *all; i++)
		check_panics(all[i], "panic: cannot create context from nil parent");
}

static void nil_key(void)
{
	wend_ctx_release(wend_ctx_with_value(wend_ctx_background(), NULL, NULL));
}

TEST(nil_keys_are_refused)
{
	check_panics(nil_key, "panic: nil key");
}

/* ---- Cancelling --------------------------------------------------------------------------------------- */

CO_TEST(cancel_sets_err_and_closes_done_once)
{
	wend_ctx *ctx = wend_ctx_with_cancel(wend_ctx_background()), *other = wend_ctx_with_cancel(wend_ctx_background());

	check_live(ctx);
	wend_ctx_cancel(ctx);
	check_dead(ctx, -ECANCELED);
	wend_ctx_cancel(ctx);
	check_dead(ctx, -ECANCELED);
	CHECK(wend_ctx_done(ctx) == wend_ctx_done(ctx));
	check_live(other);
	end(ctx);
	end(other);
}

CO_TEST(done_that_is_asked_for_after_cancel_is_closed)
{
	wend_ctx *ctx = wend_ctx_with_cancel(wend_ctx_background());

	wend_ctx_cancel(ctx);
	CHECK(closed(wend_ctx_done(ctx)));
	wend_ctx_release(ctx);
}

CO_TEST(a_parent_takes_its_children_along)
{
	wend_ctx *parent = wend_ctx_with_cancel(wend_ctx_background());
	wend_ctx *child = wend_ctx_with_cancel(parent);
	wend_ctx *value = wend_ctx_with_value(parent, "k", NULL);
	wend_ctx *grandchild = wend_ctx_with_timeout(value, WEND_HOUR);
	wend_ctx *apart = wend_ctx_without_cancel(parent);

	check_live(parent);
	check_live(child);
	check_live(grandchild);
	wend_ctx_cancel(parent);
	check_dead(parent, -ECANCELED);
	check_dead(child, -ECANCELED);
	check_dead(value, -ECANCELED);
	check_dead(grandchild, -ECANCELED);
	CHECK_EQ(wend_ctx_err(apart), 0);

	wend_ctx *late = wend_ctx_with_cancel(value);

	check_dead(late, -ECANCELED);
	wend_ctx_release(late);
	wend_ctx_release(parent);
	wend_ctx_release(value);
	wend_ctx_release(grandchild);
	wend_ctx_release(child);
	wend_ctx_release(apart);
}

CO_TEST(a_child_that_ends_first_leaves_its_parent_alone)
{
	wend_ctx *parent = wend_ctx_with_cancel(wend_ctx_background());
	wend_ctx *child = wend_ctx_with_cancel(parent), *sibling = wend_ctx_with_cancel(parent);

	wend_ctx_cancel(child);
	check_dead(child, -ECANCELED);
	check_live(parent);
	check_live(sibling);
	wend_ctx_release(child);
	end(parent);
	check_dead(sibling, -ECANCELED);
	wend_ctx_release(sibling);
}

CO_TEST(a_child_may_outlive_all_references_to_its_parents)
{
	wend_ctx *root = wend_ctx_with_value(wend_ctx_background(), "k", "v"), *middle = wend_ctx_with_cancel(root);
	wend_ctx *leaf = wend_ctx_with_cancel(middle);

	wend_ctx_release(root);
	wend_ctx_release(middle);
	check_live(leaf);
	end(leaf);
}

static void not_to_be_called(void *unused)
{
	CHECK(!"called though it should not be");
}

/* TestWithCancelCanceledParent */
CO_TEST(what_is_made_of_a_cancelled_context_is_cancelled_at_once)
{
	wend_ctx *parent = wend_ctx_with_cancel(wend_ctx_background());

	wend_ctx_cancel(parent);

	wend_ctx *const all[] = {wend_ctx_with_cancel(parent), wend_ctx_with_timeout(parent, WEND_HOUR),
							 wend_ctx_with_deadline(parent, wend_now() - 1), wend_ctx_with_value(parent, "k", NULL)};

	for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
		check_dead(all[i], -ECANCELED);
		wend_ctx_release(all[i]);
	}
	wend_ctx_release(parent);
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

static void cancel_it(void *ctx)
{
	wend_ctx_cancel(ctx);
	wend_ctx_release(ctx);
}

CO_TEST(many_cancel_at_once)
{
	wend_ctx *ctx = wend_ctx_with_cancel(wend_ctx_background());
	wend_ctx *chain[4] = {ctx};

	for (int i = 1; i < 4; i++)
		chain[i] = wend_ctx_with_cancel(chain[i - 1]);
	for (int i = 0; i < 100; i++)
		CHECK_EQ(wend_go(cancel_it, wend_ctx_retain(chain[i % 4])), 0);
	for (int i = 0; i < 4; i++)
		await(chain[i]);
	for (int i = 0; i < 4; i++)
		wend_ctx_release(chain[i]);
}

CO_TEST(a_parent_is_cancelled_while_its_child_is)
{
	wend_ctx *parent = wend_ctx_with_cancel(wend_ctx_background());
	wend_ctx *child = wend_ctx_with_cancel(parent);
	wend_ctx_func *f = wend_ctx_after_func(child, cancel_it, wend_ctx_retain(parent));

	wend_ctx_cancel(child);
	await(parent);
	wend_ctx_func_release(f);
	wend_ctx_release(child);
	wend_ctx_release(parent);
}

/* ---- Deadlines ---------------------------------------------------------------------------------------- */

static void check_times_out(wend_ctx *ctx, int64_t begun, int64_t d)
{
	await(ctx);
	CHECK(wend_now() - begun >= d);
	CHECK_EQ(wend_ctx_err(ctx), -ETIMEDOUT);
	CHECK_EQ(wend_ctx_cause(ctx, NULL), -ETIMEDOUT);
}

CO_TEST(deadlines_and_timeouts_cancel)
{
	int64_t begun = wend_now();
	wend_ctx *a = wend_ctx_with_deadline(wend_ctx_background(), begun + 20 * MS);
	wend_ctx *b = wend_ctx_with_timeout(wend_ctx_background(), 20 * MS);
	wend_ctx *c = wend_ctx_with_cancel(a);

	CHECK_EQ(wend_ctx_deadline(a), begun + 20 * MS);
	CHECK_EQ(wend_ctx_deadline(c), begun + 20 * MS);
	CHECK(wend_ctx_deadline(b) >= begun + 20 * MS);
	check_times_out(a, begun, 20 * MS);
	check_times_out(b, begun, 20 * MS);
	check_times_out(c, begun, 20 * MS);
	end(a);
	end(b);
	end(c);
}

CO_TEST(deadlines_that_have_passed_cancel_at_once)
{
	wend_ctx *all[] = {wend_ctx_with_deadline(wend_ctx_background(), wend_now()),
					   wend_ctx_with_deadline(wend_ctx_background(), wend_now() - WEND_SECOND),
					   wend_ctx_with_timeout(wend_ctx_background(), 0),
					   wend_ctx_with_timeout(wend_ctx_background(), -1)};

	for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
		check_dead(all[i], -ETIMEDOUT);
		wend_ctx_release(all[i]);
	}
}

CO_TEST(of_two_deadlines_the_earlier_one_counts)
{
	int64_t begun = wend_now();
	wend_ctx *soon = wend_ctx_with_timeout(wend_ctx_background(), 20 * MS);
	wend_ctx *later = wend_ctx_with_timeout(soon, WEND_HOUR);
	wend_ctx *outer = wend_ctx_with_timeout(wend_ctx_background(), WEND_HOUR);
	wend_ctx *inner = wend_ctx_with_timeout(outer, 20 * MS);

	CHECK_EQ(wend_ctx_deadline(later), wend_ctx_deadline(soon));
	check_times_out(later, begun, 20 * MS);
	check_times_out(inner, begun, 20 * MS);
	check_live(outer);
	end(later);
	end(soon);
	end(inner);
	end(outer);
}

CO_TEST(a_timeout_that_is_cancelled_says_so)
{
	wend_ctx *outer = wend_ctx_with_timeout(wend_ctx_background(), WEND_HOUR);
	wend_ctx *ctx = wend_ctx_with_timeout(outer, 5 * MS);

	wend_ctx_cancel(ctx);
	wend_sleep(10 * MS);
	CHECK_EQ(wend_ctx_err(ctx), -ECANCELED);
	end(ctx);
	end(outer);
}

CO_TEST(a_timeout_that_is_released_is_gone)
{
	for (int i = 0; i < 100; i++)
		wend_ctx_release(wend_ctx_with_timeout(wend_ctx_background(), i * 10 * WEND_MICROSECOND));
	wend_sleep(5 * MS);
}

/* ---- Deep and wide trees ------------------------------------------------------------------------------ */

enum { DEEP = 250, WIDE = 1000 };

/* A random chain; the stack is a small one, so who recursed would run out of it. */
static void layers(int64_t d)
{
	static char keys[DEEP];
	static wend_ctx *made[DEEP];
	uint64_t seed = test_seed();
	wend_ctx *ctx = wend_ctx_background();
	wend_ctx *timed = wend_ctx_with_timeout(ctx, d);
	int n = 0;

	made[n++] = ctx = timed;
	while (n < DEEP) {
		switch (test_rand(&seed) % 3) {
		case 0:
			ctx = wend_ctx_with_cancel(ctx);
			break;
		case 1:
			ctx = wend_ctx_with_timeout(ctx, WEND_HOUR);
			break;
		default:
			ctx = wend_ctx_with_value(ctx, &keys[n], &made[n]);
			break;
		}
		CHECK(ctx);
		made[n++] = ctx;
	}
	for (int i = 1; i < DEEP; i++) {
		void *v = wend_ctx_value(ctx, &keys[i]);

		CHECK(v == NULL || v == &made[i]);
	}
	if (d == WEND_HOUR)
		wend_ctx_cancel(timed);
	else
		await(ctx);
	for (int i = 0; i < n; i++)
		check_dead(made[i], d == WEND_HOUR ? -ECANCELED : -ETIMEDOUT);
	for (int i = 0; i + 1 < n; i++)
		wend_ctx_release(made[i]);
	wend_ctx_release(ctx); /* the whole chain goes */
}

static void layers_cancelled(void *done)
{
	layers(WEND_HOUR);
	wend_chan_close(done);
}

static void layers_timed_out(void *done)
{
	layers(20 * MS);
	wend_chan_close(done);
}

static void on_a_small_stack(void (*fn)(void *))
{
	wend_chan *done = wend_chan_make(0, 0);
	const wend_attr small = {.stack_size = TEST_SANITIZED ? 0 : 8192};

	CHECK_EQ(wend_go_attr(&small, fn, done), 0);
	wend_chan_recv(done, NULL);
	wend_chan_release(done);
}

CO_TEST(two_hundred_and_fifty_layers_are_cancelled)
{
	on_a_small_stack(layers_cancelled);
}

CO_TEST(two_hundred_and_fifty_layers_time_out)
{
	on_a_small_stack(layers_timed_out);
}

CO_TEST(a_thousand_children_are_cancelled)
{
	static wend_ctx *children[WIDE];
	wend_ctx *parent = wend_ctx_with_cancel(wend_ctx_background());

	for (int i = 0; i < WIDE; i++)
		children[i] = i % 2 ? wend_ctx_with_cancel(parent) : wend_ctx_with_timeout(parent, WEND_HOUR);
	wend_ctx_cancel(parent);
	for (int i = 0; i < WIDE; i++) {
		CHECK_EQ(wend_ctx_err(children[i]), -ECANCELED);
		wend_ctx_release(children[i]);
	}
	wend_ctx_release(parent);
}

static int woken;
static wend_waitgroup wg;

static void wait_for(void *ctx)
{
	await(ctx);
	__atomic_add_fetch(&woken, 1, __ATOMIC_RELEASE);
	wend_waitgroup_done(&wg);
}

CO_TEST(all_who_wait_go_on)
{
	wend_ctx *ctx = wend_ctx_with_cancel(wend_ctx_background());

	for (int i = 0; i < WIDE; i++) {
		wend_waitgroup_add(&wg, 1);
		CHECK_EQ(wend_go(wait_for, ctx), 0);
	}
	parked_become("chan receive", WIDE);
	CHECK_EQ(LOAD(woken), 0);
	wend_ctx_cancel(ctx);
	wend_waitgroup_wait(&wg);
	CHECK_EQ(LOAD(woken), WIDE);
	wend_ctx_release(ctx);
}

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

static void count_it(void *unused)
{
	wend_waitgroup_done(&wg);
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
			wend_waitgroup_add(&wg, 1);
	}
	wend_ctx_cancel(ctx);
	wend_waitgroup_wait(&wg); /* a second call of one would be a panic: negative counter */
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
	check_panics(nil_func, "fatal error: go of nil func value");
}
