/* SPDX-License-Identifier: MIT
 *
 * sync/context.h - waiting until a context is cancelled: a node on the waiter's stack. docs/context.md. */
#ifndef SYNC_CONTEXT_H
#define SYNC_CONTEXT_H

#include "base/compiler.h"
#include "wend/context.h"

struct g;

struct ctx_watch {
	struct ctx_watch *next, *prev; /* under the context's lock; NULL: in no list */
	/* Holds the context's lock: may do no more than a compare-and-swap. Returns whom to make ready, or NULL. */
	struct g *(*cancelled)(struct ctx_watch *w);
	struct g *gp; /* what it has returned: whoever that is has not gone on yet, so w is there */
};

/* False: ctx is cancelled, and w was not added. Else cancelled(w) will be called, at most once. The caller holds ctx until w is
 * off. */
bool ctx_watch_add(wend_ctx *ctx, struct ctx_watch *w);

/* Afterwards cancelled(w) is not running, nor will it. */
void ctx_watch_remove(wend_ctx *ctx, struct ctx_watch *w);

#endif
