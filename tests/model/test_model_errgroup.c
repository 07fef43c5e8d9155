/* SPDX-License-Identifier: MIT
 *
 * Errgroup under the model checker: one error is the first, and the context's cause; who waits sees what the members did; several
 * may wait; no more run than the limit. */
#include "model/threads.h"

#include "wend/errgroup.h"

static wend_errgroup g;
static wend_ctx *ctx;
static atm_u32 done, inside;

static void begin(int nprocs, bool with_context)
{
	threads_begin(nprocs, 0);
	g = (wend_errgroup)WEND_ZERO;
	ctx = with_context ? wend_errgroup_with_context(&g, wend_ctx_background()) : NULL;
}

static int give(void *err)
{
	atm_add_sc(&done, 1);
	return (int)(intptr_t)err;
}

static void start(int (*fn)(void *), int err)
{
	MODEL_CHECK_EQ(wend_errgroup_go(&g, fn, (void *)(intptr_t)err), 0);
}

/* ---- Errors ------------------------------------------------------------------------------------------ */

enum { A = 1, B = 2 };

MODEL_TEST(one_of_two_errors_is_the_first_and_the_cause, .cover = 1 << A | 1 << B)
{
	int err;

	begin(3, true);
	start(give, A);
	start(give, B);
	err = wend_errgroup_wait(&g);
	model_cover(err);
	MODEL_CHECK_EQ(atm_load_rlx(&done), 2);
	MODEL_CHECK_EQ(wend_ctx_err(ctx), -ECANCELED);
	MODEL_CHECK_EQ(wend_ctx_cause(ctx, NULL), err);
	threads_join();
	wend_ctx_release(ctx);
}

static int note(void *unused)
{
	atm_store_rlx(&done, 1); /* the wait group orders it */
	return 0;
}

MODEL_TEST(who_waits_sees_what_members_did)
{
	begin(2, false);
	start(note, 0);
	MODEL_CHECK_EQ(wend_errgroup_wait(&g), 0);
	MODEL_CHECK_EQ(atm_load_rlx(&done), 1);
	threads_join();
}

static int until_cancelled(void *unused)
{
	MODEL_CHECK(!wend_chan_recv(wend_ctx_done(ctx), NULL));
	return wend_ctx_cause(ctx, NULL);
}

MODEL_TEST(an_error_ends_those_who_wait_for_the_context)
{
	begin(3, true);
	start(until_cancelled, 0);
	start(give, A);
	MODEL_CHECK_EQ(wend_errgroup_wait(&g), A);
	threads_join();
	wend_ctx_release(ctx);
}

static void wait_too(void *unused)
{
	MODEL_CHECK_EQ(wend_errgroup_wait(&g), 0);
	MODEL_CHECK_EQ(atm_load_rlx(&done), 1);
	MODEL_CHECK_EQ(wend_ctx_err(ctx), -ECANCELED);
}

/* Whichever cancels it and lets go of the group's reference. */
MODEL_TEST(two_who_wait_find_the_context_cancelled)
{
	begin(3, true);
	start(give, 0);
	co_go(wait_too, NULL);
	wait_too(NULL);
	threads_join();
	wend_ctx_release(ctx);
}

/* ---- Limits ------------------------------------------------------------------------------------------ */

static int by_itself(void *unused)
{
	MODEL_CHECK_EQ(atm_add_sc(&inside, 1), 0);
	atm_add_sc(&inside, (uint32_t)-1);
	atm_add_sc(&done, 1);
	return 0;
}

MODEL_TEST(no_more_run_than_the_limit)
{
	begin(3, false);
	wend_errgroup_set_limit(&g, 1);
	start(by_itself, 0);
	start(by_itself, 0);
	MODEL_CHECK_EQ(wend_errgroup_wait(&g), 0);
	MODEL_CHECK_EQ(atm_load_rlx(&done), 2);
	wend_errgroup_set_limit(&g, 2); /* nobody is active */
	threads_join();
}

enum { REFUSED, STARTED };

MODEL_TEST(try_go_starts_when_there_is_room, .cover = 1 << REFUSED | 1 << STARTED)
{
	int rc;

	begin(3, false);
	wend_errgroup_set_limit(&g, 1);
	start(by_itself, 0);
	rc = wend_errgroup_try_go(&g, by_itself, NULL);
	model_cover(rc ? REFUSED : STARTED);
	MODEL_CHECK(rc == 0 || rc == -EBUSY);
	MODEL_CHECK_EQ(wend_errgroup_wait(&g), 0);
	MODEL_CHECK_EQ(atm_load_rlx(&done), rc ? 1 : 2);
	threads_join();
}
