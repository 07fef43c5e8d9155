/* SPDX-License-Identifier: MIT
 *
 * The rules of golang.org/x/sync/errgroup: TestZeroGroup, TestWithContext, TestTryGo, TestGoLimit, TestCancelCause. */
#include "harness/child.h"
#include "harness/parked.h"
#include "harness/test.h"

#define ADD(x, n) __atomic_add_fetch(&(x), (n), __ATOMIC_ACQ_REL)

static int give(void *err)
{
	return (int)(intptr_t)err;
}

static void go_err(wend_errgroup *g, int err)
{
	CHECK_EQ(wend_errgroup_go(g, give, (void *)(intptr_t)err), 0);
}

/* Go's table: after each further function wait returns the first error that there was. */
CO_TEST(a_zero_group_keeps_the_first_error)
{
	static const int cases[][3] = {{0}, {0, 0}, {-EIO}, {-EIO, 0}, {-EIO, 0, -EPIPE}, {0, -EPIPE, -EIO}};

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		wend_errgroup g = WEND_ZERO;
		int first = 0;

		for (int k = 0; k < 3; k++) {
			go_err(&g, cases[i][k]);
			first = first ? first : cases[i][k];
			CHECK_EQ(wend_errgroup_wait(&g), first);
		}
	}
}

CO_TEST(wait_without_members_returns_at_once)
{
	wend_errgroup g = WEND_ZERO;

	CHECK_EQ(wend_errgroup_wait(&g), 0);
}

CO_TEST(the_context_is_cancelled_by_wait_at_the_latest)
{
	static const int cases[][3] = {{0}, {-EIO}, {0, -EPIPE}, {-EIO, -EPIPE, -EIO}};

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		wend_errgroup g;
		wend_ctx *ctx = wend_errgroup_with_context(&g, wend_ctx_background());
		int err;

		CHECK_EQ(wend_ctx_err(ctx), 0);
		for (int k = 0; k < 3; k++)
			go_err(&g, cases[i][k]);
		err = wend_errgroup_wait(&g);
		CHECK(err == 0 ? cases[i][0] == 0 && cases[i][1] == 0 : err == -EIO || err == -EPIPE);
		CHECK_EQ(wend_ctx_err(ctx), -ECANCELED);
		CHECK(!wend_chan_recv(wend_ctx_done(ctx), NULL));
		CHECK_EQ(wend_ctx_cause(ctx, NULL), err ? err : -ECANCELED);
		wend_ctx_release(ctx);
	}
}

static int wait_for(void *ctx)
{
	CHECK(!wend_chan_recv(wend_ctx_done(ctx), NULL));
	return wend_ctx_err(ctx);
}

CO_TEST(the_first_error_cancels_those_that_still_run)
{
	wend_errgroup g;
	wend_ctx *ctx = wend_errgroup_with_context(&g, wend_ctx_background());

	CHECK_EQ(wend_errgroup_go(&g, wait_for, ctx), 0);
	CHECK_EQ(wend_errgroup_go(&g, wait_for, ctx), 0);
	go_err(&g, -EPIPE);
	CHECK_EQ(wend_errgroup_wait(&g), -EPIPE);
	CHECK_EQ(wend_ctx_cause(ctx, NULL), -EPIPE);
	wend_ctx_release(ctx);
}

CO_TEST(a_parents_cancellation_reaches_the_members)
{
	wend_errgroup g;
	wend_ctx *parent = wend_ctx_with_cancel(wend_ctx_background());
	wend_ctx *ctx = wend_errgroup_with_context(&g, parent);

	CHECK_EQ(wend_errgroup_go(&g, wait_for, ctx), 0);
	wend_ctx_cancel_cause(parent, -EIO, "why");
	CHECK_EQ(wend_errgroup_wait(&g), -ECANCELED);
	CHECK_EQ(wend_ctx_cause(ctx, NULL), -EIO);
	wend_ctx_release(ctx);
	wend_ctx_release(parent);
}

/* ---- Limits ------------------------------------------------------------------------------------------- */

enum { LIMIT = 3, MEMBERS = 100 };

static int running, ran;

static int crowd(void *unused)
{
	CHECK_LE(ADD(running, 1), LIMIT);
	wend_yield();
	ADD(running, -1);
	ADD(ran, 1);
	return 0;
}

CO_TEST(never_more_run_than_the_limit)
{
	wend_errgroup g = WEND_ZERO;

	wend_maxprocs(4);
	wend_errgroup_set_limit(&g, LIMIT);
	for (int i = 0; i < MEMBERS; i++)
		CHECK_EQ(wend_errgroup_go(&g, crowd, NULL), 0);
	CHECK_EQ(wend_errgroup_wait(&g), 0);
	CHECK_EQ(ran, MEMBERS);
}

static int receive(void *c)
{
	wend_chan_recv(c, NULL);
	return 0;
}

CO_TEST(try_go_is_refused_at_the_limit)
{
	wend_errgroup g = WEND_ZERO;
	wend_chan *c = wend_chan_make(0, 0);

	wend_errgroup_set_limit(&g, 2);
	CHECK_EQ(wend_errgroup_try_go(&g, receive, c), 0);
	CHECK_EQ(wend_errgroup_try_go(&g, receive, c), 0);
	CHECK_EQ(wend_errgroup_try_go(&g, receive, c), -EBUSY);
	wend_chan_close(c);
	CHECK_EQ(wend_errgroup_wait(&g), 0);
	CHECK_EQ(wend_errgroup_try_go(&g, give, NULL), 0);
	CHECK_EQ(wend_errgroup_wait(&g), 0);

	wend_errgroup_set_limit(&g, -1);
	for (int i = 0; i < MEMBERS; i++)
		CHECK_EQ(wend_errgroup_try_go(&g, give, NULL), 0);
	CHECK_EQ(wend_errgroup_wait(&g), 0);

	wend_errgroup_set_limit(&g, 0);
	CHECK_EQ(wend_errgroup_try_go(&g, give, NULL), -EBUSY);
	wend_chan_release(c);
}

static wend_errgroup limited;

static void go_another(void *unblocked)
{
	go_err(&limited, -EIO);
	wend_waitgroup_done(unblocked);
}

CO_TEST(go_blocks_at_the_limit)
{
	wend_chan *c = wend_chan_make(0, 0);
	wend_waitgroup unblocked = WEND_ZERO;

	wend_errgroup_set_limit(&limited, 1);
	wend_waitgroup_add(&unblocked, 1);
	CHECK_EQ(wend_errgroup_go(&limited, receive, c), 0);
	CHECK_EQ(wend_go(go_another, &unblocked), 0);
	parked_become("semaphore.Acquire", 1);
	wend_chan_close(c);
	wend_waitgroup_wait(&unblocked);
	CHECK_EQ(wend_errgroup_wait(&limited), -EIO);
	wend_chan_release(c);
}

CO_TEST(go_waits_for_room_no_longer_than_its_context)
{
	wend_errgroup g;
	wend_ctx *ctx = wend_errgroup_with_context(&g, wend_ctx_background());
	wend_ctx *soon = wend_ctx_with_timeout(wend_ctx_background(), 5 * WEND_MILLISECOND);
	wend_chan *c = wend_chan_make(0, 0);

	wend_errgroup_set_limit(&g, 1);
	CHECK_EQ(wend_errgroup_go_ctx(&g, receive, c, ctx), 0);
	CHECK_EQ(wend_errgroup_go_ctx(&g, give, (void *)(intptr_t)-EIO, soon), -ETIMEDOUT);
	wend_ctx_cancel(ctx);
	CHECK_EQ(wend_errgroup_go_ctx(&g, give, (void *)(intptr_t)-EIO, ctx), -ECANCELED);
	wend_chan_close(c);
	CHECK_EQ(wend_errgroup_wait(&g), 0);
	wend_errgroup_set_limit(&g, -1);
	CHECK_EQ(wend_errgroup_go_ctx(&g, give, (void *)(intptr_t)-EIO, ctx), -ECANCELED);
	CHECK_EQ(wend_errgroup_wait(&g), 0);
	wend_chan_release(c);
	wend_ctx_release(soon);
	wend_ctx_release(ctx);
}

CO_TEST(wait_with_a_deadline_leaves_the_members_running)
{
	wend_errgroup g;
	wend_ctx *ctx = wend_errgroup_with_context(&g, wend_ctx_background());
	int64_t deadline = wend_deadline(5 * WEND_MILLISECOND);
	int err = 7;

	CHECK_EQ(wend_errgroup_go(&g, wait_for, ctx), 0);
	CHECK_EQ(wend_errgroup_wait_dl(&g, deadline, &err), -ETIMEDOUT);
	CHECK(wend_now() >= deadline);
	CHECK_EQ(err, 7);
	CHECK_EQ(wend_ctx_err(ctx), 0);
	go_err(&g, -EPIPE);
	CHECK_EQ(wend_errgroup_wait_dl(&g, wend_deadline(WEND_MINUTE), &err), 0);
	CHECK_EQ(err, -EPIPE);
	CHECK_EQ(wend_errgroup_wait_dl(&g, 0, NULL), 0);
	CHECK_EQ(wend_ctx_cause(ctx, NULL), -EPIPE);
	wend_ctx_release(ctx);
}

static void change_limit(void)
{
	wend_errgroup_set_limit(&limited, 2);
	CHECK_EQ(wend_errgroup_go(&limited, receive, NULL), 0);
	CHECK_EQ(wend_errgroup_go(&limited, receive, NULL), 0);
	wend_errgroup_set_limit(&limited, 3);
}

TEST(the_limit_is_not_changed_while_members_run)
{
	struct child c = child_run(change_limit, 0);

	CHILD_EXITED(&c, 2);
	CHECK_HAS(c.err, "panic: errgroup: modify limit while 2 coroutines in the group are still active");
	child_free(&c);
}

/* ---- Other ways to leave -------------------------------------------------------------------------------- */

static int leave(void *unused)
{
	wend_goexit();
}

CO_TEST(who_leaves_by_goexit_has_no_error)
{
	wend_errgroup g = WEND_ZERO;

	wend_errgroup_set_limit(&g, 1);
	for (int i = 0; i < 3; i++)
		CHECK_EQ(wend_errgroup_go(&g, leave, NULL), 0);
	CHECK_EQ(wend_errgroup_wait(&g), 0);
}

static int bad(void *unused)
{
	wend_panic("in a member");
}

static void panics(void)
{
	wend_errgroup g = WEND_ZERO;

	CHECK_EQ(wend_errgroup_go(&g, bad, NULL), 0);
	wend_errgroup_wait(&g);
	wend_chan_recv(NULL, NULL);
}

TEST(a_panic_in_a_member_ends_the_process)
{
	struct child c = child_run(panics, 0);

	CHILD_EXITED(&c, 2);
	CHECK_HAS(c.err, "panic: in a member");
	child_free(&c);
}
