/* SPDX-License-Identifier: MIT
 *
 * Contexts, errgroup and singleflight without memory: what cannot be made is NULL, and everything else is as before. */
#include "harness/fault.h"
#include "harness/test.h"

#include <malloc.h>

#include <wend/wend.h>

static wend_ctx *with_deadline(wend_ctx *parent)
{
	return wend_ctx_with_deadline(parent, wend_deadline(WEND_HOUR));
}

static wend_ctx *with_timeout(wend_ctx *parent)
{
	return wend_ctx_with_timeout_cause(parent, WEND_HOUR, -EIO, NULL);
}

static wend_ctx *with_value(wend_ctx *parent)
{
	return wend_ctx_with_value(parent, "k", NULL);
}

static wend_ctx *(*const makers[])(wend_ctx *) = {wend_ctx_with_cancel, with_deadline, with_timeout, with_value,
												  wend_ctx_without_cancel};
enum { MAKERS = sizeof makers / sizeof *makers };

/* The parent would be left, and its memory with it, had one that failed kept it (AddressSanitizer tells). */
CO_TEST(what_cannot_be_made_is_null)
{
	wend_ctx *parent = wend_ctx_with_cancel(wend_ctx_background());

	for (int i = 0; i < MAKERS; i++) {
		fault_set("malloc", 1, ENOMEM);
		CHECK(makers[i](parent) == NULL);
		CHECK_EQ(fault_hits("malloc"), 1);
		fault_clear();

		wend_ctx *ctx = makers[i](parent);

		CHECK(ctx != NULL);
		wend_ctx_release(ctx);
	}
	CHECK_EQ(wend_ctx_err(parent), 0);
	wend_ctx_cancel(parent);
	CHECK_EQ(wend_ctx_err(parent), -ECANCELED);
	wend_ctx_release(parent);
}

/* TestAllocs */
CO_TEST(making_one_takes_one_allocation)
{
	wend_ctx *parent = wend_ctx_with_cancel(wend_ctx_background());

	for (int i = 0; i < MAKERS; i++) {
		wend_ctx *ctx;

		wend_ctx_release(makers[i](parent)); /* the timers' heap has its memory */
		fault_set("malloc", 1000, ENOMEM);
		ctx = makers[i](parent);
		(void)wend_ctx_done(ctx);
		CHECK_EQ(fault_calls("malloc"), 1);
		fault_clear();
		wend_ctx_release(ctx);
	}
	wend_ctx_cancel(parent);
	wend_ctx_release(parent);
}

static void count(void *n)
{
	__atomic_add_fetch((int *)n, 1, __ATOMIC_RELEASE);
}

CO_TEST(a_function_without_memory_is_not_registered)
{
	wend_ctx *ctx = wend_ctx_with_cancel(wend_ctx_background());
	int calls = 0;

	fault_set("malloc", 1, ENOMEM);
	CHECK(wend_ctx_after_func(ctx, count, &calls) == NULL);
	fault_clear();
	wend_ctx_func_release(NULL);
	wend_ctx_cancel(ctx);
	wend_yield();
	CHECK_EQ(calls, 0);
	wend_ctx_release(ctx);
}

/* What is in use; checkers of memory have their own allocator, so that it stays the same there. */
static size_t in_use(void)
{
	return mallinfo2().uordblks;
}

/* Nor what it holds: a server may ask for one with each request. */
CO_TEST(a_function_that_nobody_can_call_is_not_kept)
{
	int calls = 0;
	size_t before = 0;

	for (int i = 0; i < 2000; i++) {
		wend_ctx *ctx = wend_ctx_with_value(wend_ctx_background(), "k", NULL);
		wend_ctx_func *f = wend_ctx_after_func(ctx, count, &calls);

		wend_ctx_release(ctx);
		if (i % 2) {
			CHECK(wend_ctx_func_stop(f));
			CHECK(!wend_ctx_func_stop(f));
		}
		wend_ctx_func_release(f);
		if (i == 1000)
			before = in_use();
	}
	CHECK_LE(in_use(), before + 10000);
	CHECK_EQ(calls, 0);
}

/* Done and cancel take none. */
CO_TEST(cancelling_needs_no_memory)
{
	wend_ctx *ctx = wend_ctx_with_timeout(wend_ctx_background(), WEND_HOUR), *child = wend_ctx_with_cancel(ctx);

	fault_all("malloc", ENOMEM);
	CHECK(wend_ctx_done(child) != NULL);
	wend_ctx_cancel(ctx);
	CHECK(!wend_chan_recv(wend_ctx_done(child), NULL));
	CHECK(!wend_chan_recv(wend_ctx_done(ctx), NULL));
	fault_clear();
	wend_ctx_release(child);
	wend_ctx_release(ctx);
}

/* With guard=strict a stack that no guard can be had for is refused. Those that have one are used up first. */
static void wait_for(void *done)
{
	wend_chan_recv(done, NULL);
}

static void use_up_stacks(wend_chan *done)
{
	int waiting = 0;

	fault_all("guard", ENOMEM);
	fault_all("process_madvise", ENOMEM);
	fault_all("mprotect", ENOMEM);
	while (wend_go(wait_for, done) == 0)
		CHECK_LE(++waiting, 10000);
}

static void call_later(void)
{
	wend_ctx *ctx = wend_ctx_with_cancel(wend_ctx_background());
	wend_chan *done = wend_chan_make(0, 0);
	int calls = 0;

	use_up_stacks(done);
	wend_ctx_func_release(wend_ctx_after_func(ctx, count, &calls));
	wend_ctx_cancel(ctx);
	wend_sleep(3 * WEND_MILLISECOND);
	CHECK_EQ(__atomic_load_n(&calls, __ATOMIC_ACQUIRE), 0);
	fault_clear();
	while (__atomic_load_n(&calls, __ATOMIC_ACQUIRE) == 0)
		wend_yield();
	wend_sleep(3 * WEND_MILLISECOND);
	CHECK_EQ(calls, 1);
	wend_chan_close(done);
	wend_ctx_release(ctx);
	wend_chan_release(done);
}

TEST(a_function_is_called_when_there_are_stacks_again)
{
	setenv("WENDDEBUG", "guard=strict", 1);
	CHECK_EQ(test_run_coroutine(call_later), 0);
}

/* ---- errgroup and singleflight ------------------------------------------------------------------ */

static int get(void *arg, void **value)
{
	count(arg);
	*value = arg;
	return 0;
}

CO_TEST(a_flight_without_memory_does_not_take_place)
{
	static wend_singleflight group;
	wend_singleflight_result r;
	wend_chan *c;
	void *v = &group;
	bool shared = true;
	int calls = 0;

	fault_set("malloc", 1, ENOMEM);
	CHECK_EQ(wend_singleflight_do(&group, "k", get, &calls, &v, &shared), -ENOMEM);
	CHECK(v == NULL);
	CHECK(!shared);
	for (int nth = 1; nth <= 3; nth++) {
		fault_set("malloc", nth, ENOMEM);
		CHECK(wend_singleflight_do_chan(&group, "k", get, &calls) == NULL);
		CHECK_EQ(fault_hits("malloc"), 1);
	}
	fault_clear();
	CHECK_EQ(calls, 0);
	CHECK_EQ(wend_singleflight_do(&group, "k", get, &calls, &v, &shared), 0);
	CHECK_EQ(v, (void *)&calls);
	c = wend_singleflight_do_chan(&group, "k", get, &calls);
	CHECK(wend_chan_recv(c, &r));
	CHECK_EQ(calls, 2);
	wend_chan_release(c);
}

CO_TEST(an_errgroup_without_memory_has_no_context)
{
	wend_errgroup g;

	fault_set("malloc", 1, ENOMEM);
	CHECK(wend_errgroup_with_context(&g, wend_ctx_background()) == NULL);
	fault_clear();
	CHECK_EQ(wend_errgroup_wait(&g), 0);
}

static int return_at_once(void *unused)
{
	return 0;
}

static void go_without_stacks(void)
{
	static wend_singleflight flights;
	wend_errgroup g = WEND_ZERO;
	wend_chan *done = wend_chan_make(0, 0);
	int calls = 0;

	wend_errgroup_set_limit(&g, 1);
	use_up_stacks(done);
	CHECK_EQ(wend_errgroup_go(&g, return_at_once, NULL), -EAGAIN);
	CHECK_EQ(wend_errgroup_try_go(&g, return_at_once, NULL), -EAGAIN); /* there is room still */
	CHECK_EQ(wend_errgroup_wait(&g), 0);
	CHECK(wend_singleflight_do_chan(&flights, "k", get, &calls) == NULL);
	fault_clear();
	CHECK_EQ(wend_errgroup_go(&g, return_at_once, NULL), 0);
	CHECK_EQ(wend_errgroup_wait(&g), 0);
	wend_errgroup_set_limit(&g, 2); /* nobody is counted who was not started */
	CHECK_EQ(wend_singleflight_do(&flights, "k", get, &calls, NULL, NULL), 0);
	wend_chan_close(done);
	wend_chan_release(done);
}

TEST(without_stacks_go_fails_and_nothing_is_left)
{
	setenv("WENDDEBUG", "guard=strict", 1);
	CHECK_EQ(test_run_coroutine(go_without_stacks), 0);
}
