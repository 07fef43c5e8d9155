/* SPDX-License-Identifier: MIT
 *
 * tests/conformance/contexts.h - what the tests of contexts share: whether one lives, and its end. */
#ifndef TESTS_CONFORMANCE_CONTEXTS_H
#define TESTS_CONFORMANCE_CONTEXTS_H

#include "harness/parked.h"
#include "harness/test.h"

static inline bool closed(wend_chan *c)
{
	bool ok = true;

	return wend_chan_try_recv(c, NULL, &ok) && !ok;
}

static inline void check_live(wend_ctx *ctx)
{
	CHECK_EQ(wend_ctx_err(ctx), 0);
	CHECK_EQ(wend_ctx_cause(ctx, NULL), 0);
	CHECK(!closed(wend_ctx_done(ctx)));
}

static inline void check_dead(wend_ctx *ctx, int err)
{
	CHECK_EQ(wend_ctx_err(ctx), err);
	CHECK(closed(wend_ctx_done(ctx)));
}

static inline void end(wend_ctx *ctx)
{
	wend_ctx_cancel(ctx);
	wend_ctx_release(ctx);
}

static inline void await(wend_ctx *ctx)
{
	CHECK(!wend_chan_recv(wend_ctx_done(ctx), NULL));
}

#endif
