/* SPDX-License-Identifier: MIT
 *
 * wend/context.h - a request's life: cancelled by hand or at a deadline, with everything that was derived from it (Go's
 * context).
 *
 *     wend_ctx *ctx = wend_ctx_with_timeout(parent, 100 * WEND_MILLISECOND);
 *
 *     start(work, ctx);
 *     WEND_SELECT {
 *             WEND_RECV(answers, &a)           { use(a); }
 *             WEND_RECV(wend_ctx_done(ctx), NULL) { complain(wend_ctx_err(ctx)); }
 *     } WEND_SELECT_END
 *     wend_ctx_cancel(ctx);                    when it is not needed any longer, in any case
 *     wend_ctx_release(ctx);
 *
 * Contexts form trees. Cancelling one cancels all below it, before the call returns. It stays cancelled.
 *
 * Ownership: with_... gives one reference, retain adds one, the last release frees it. A context holds the one it was
 * derived from, so parents may be released first; background and todo are there for ever and are not counted. Hold a context
 * while you use it or its channel, so retain it for a coroutine that may outlive the caller. Release does not cancel: who
 * makes a context also cancels it. Then it leaves its parent at once; one that is released for the last time leaves, too.
 *
 * Calls that block have a form that a context ends: wend_chan_send_ctx, wend_chan_recv_ctx, wend_sem_acquire_ctx,
 * wend_sleep_ctx, wend_errgroup_go_ctx; or one that a deadline ends (..._dl). The former return what err says, without having done anything, when it is cancelled before or while they wait; in a
 * select, receive from done.
 *
 * All functions may be called from coroutines and from foreign threads, several at a time; none blocks. What happened
 * before a cancellation is visible to whoever learns of it. Deadlines need a running runtime. Cancelled without one, a
 * context calls no functions. One that coroutines still waited for when the runtime ended may be cancelled and released, but
 * not be waited for under another one.
 *
 * (Names and meaning: Go's context. Nearest cancellable ancestor kept in each context, so that asking is one load; trees
 * are walked without recursion: docs/context.md.)
 */
#ifndef WEND_CONTEXT_H
#define WEND_CONTEXT_H

#include <wend/time.h>

WEND__BEGIN

/* ---- Making ---------------------------------------------------------------------------------- *
 *
 * NULL when memory is exhausted; nothing has happened then. One allocation.
 * Panics: `cannot create context from nil parent`. */

/* Never cancelled, no deadline, no values: where trees begin. todo is the same, for where it is not yet clear which
 * context to use. */
WEND_API wend_ctx *wend_ctx_background(void);
WEND_API wend_ctx *wend_ctx_todo(void);

/* Cancelled by wend_ctx_cancel, or with its parent. */
WEND_API WEND_NODISCARD wend_ctx *wend_ctx_with_cancel(wend_ctx *parent);

/* Also when it is `when` o'clock, or d has passed: err is -ETIMEDOUT then. Of its own deadline and its parent's the earlier
 * one counts. One that has passed cancels at once. */
WEND_API WEND_NODISCARD wend_ctx *wend_ctx_with_deadline(wend_ctx *parent, int64_t when);
WEND_API WEND_NODISCARD wend_ctx *wend_ctx_with_timeout(wend_ctx *parent, int64_t d);

/* The same; the deadline's cause is the one given here. */
WEND_API WEND_NODISCARD wend_ctx *wend_ctx_with_deadline_cause(wend_ctx *parent, int64_t when, int cause,
															   const void *detail);
WEND_API WEND_NODISCARD wend_ctx *wend_ctx_with_timeout_cause(wend_ctx *parent, int64_t d, int cause,
															  const void *detail);

/* Its parent, and a value for key, which hides one that its parents have. Keys are compared as addresses: use that
 * of a static variable of your own. Key and value are the caller's and must outlive the context.
 * Panics: `nil key`. */
WEND_API WEND_NODISCARD wend_ctx *wend_ctx_with_value(wend_ctx *parent, const void *key, void *value);

/* Its parent's values, but it is never cancelled and has no deadline. */
WEND_API WEND_NODISCARD wend_ctx *wend_ctx_without_cancel(wend_ctx *parent);

WEND_API wend_ctx *wend_ctx_retain(wend_ctx *ctx);
WEND_API void wend_ctx_release(wend_ctx *ctx); /* NULL is allowed */

/* ---- Cancelling ------------------------------------------------------------------------------ */

/* Cancels ctx and all that was derived from it; err is -ECANCELED. Nothing when it is cancelled already. O(1) per
 * descendant and waiter, plus O(log n) per deadline. Others learn of it before the call returns and may release what they
 * hold: the caller needs a reference of its own until then.
 * Panics: `context: cancel of a context without cancel function`, if it was not made with cancel, deadline or timeout. */
WEND_API void wend_ctx_cancel(wend_ctx *ctx);

/* The same with a cause: a number, by convention a negative errno, 0 for -ECANCELED; and a pointer to more, like a text, or
 * NULL, which must outlive all contexts that are cancelled. */
WEND_API void wend_ctx_cancel_cause(wend_ctx *ctx, int cause, const void *detail);

/* ---- Asking ---------------------------------------------------------------------------------- */

/* 0, -ECANCELED or -ETIMEDOUT. One load. */
WEND_API int wend_ctx_err(const wend_ctx *ctx);

/* Why: what the first cancellation gave as cause, of this context or the ancestor through which it came; else what err
 * says. *detail (may be NULL) is set, too. */
WEND_API int wend_ctx_cause(const wend_ctx *ctx, const void **detail);

/* A channel without values that is closed when ctx is cancelled. It lives as long as ctx: do not release it, nor hold
 * it for longer. NULL, the nil channel, when ctx is never cancelled. */
WEND_API wend_chan *wend_ctx_done(wend_ctx *ctx);

/* When it will be cancelled at the latest; WEND_FOREVER when it has no deadline. */
WEND_API int64_t wend_ctx_deadline(const wend_ctx *ctx);

/* The value for key that is nearest, or NULL. O(number of contexts with values above). */
WEND_API void *wend_ctx_value(const wend_ctx *ctx, const void *key);

/* ---- When it is cancelled -------------------------------------------------------------------- */

typedef struct wend_ctx_func wend_ctx_func;

/* fn(arg) in a coroutine of its own when ctx is cancelled, at once if it is. The caller may release what is returned,
 * if it will not stop it. It holds ctx; an unstopped function, too, until ctx is cancelled, but for one that never is: when
 * fn runs it holds nothing, so retain for it what it uses. NULL when memory is exhausted. When no coroutine can be had at
 * that time, it is tried again every millisecond.
 * Fatal: `go of nil func value`. */
WEND_API wend_ctx_func *wend_ctx_after_func(wend_ctx *ctx, void (*fn)(void *), void *arg);

/* It will not be called. True: this call has stopped it. False: it was started (and may be running: stop does not wait for it),
 * or stopped before. */
WEND_API bool wend_ctx_func_stop(wend_ctx_func *f);

WEND_API void wend_ctx_func_release(wend_ctx_func *f); /* NULL is allowed */

WEND__END
#endif
