/* SPDX-License-Identifier: MIT
 *
 * How Go's contexts are cancelled: by hand, from above, by deadlines, in trees: src/context/context_test.go, as far as C has what it
 * is about. */
#include "conformance/contexts.h"
#include "harness/child.h"

#define MS WEND_MILLISECOND
#define LOAD(x) __atomic_load_n(&(x), __ATOMIC_ACQUIRE)

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
