/* SPDX-License-Identifier: MIT
 *
 * wend/errgroup.h - coroutines that work on parts of one task: the first error counts (golang.org/x/sync/errgroup).
 *
 *     wend_errgroup g = WEND_ZERO;
 *     wend_ctx *ctx = wend_errgroup_with_context(&g, parent);      or without, when nobody needs to be told
 *
 *     for (int i = 0; i < n; i++)
 *             wend_errgroup_go(&g, fetch, &pages[i]);               int fetch(void *page): 0 or an error
 *     err = wend_errgroup_wait(&g);                                the first one's, or 0
 *     wend_ctx_release(ctx);
 *
 * An error is any int but 0, by convention a negative errno. The zero value is a group without a context and without a
 * limit. A group must not be copied or moved after first use, and one that was waited for keeps its error: zero it for the
 * next task. All functions may be called from coroutines, which park, and from foreign threads, which sleep. What a function did is
 * visible after wait. Who leaves by wend_goexit has no error; a panic that nobody recovers ends the process, as in Go.
 *
 * (A wait group, a semaphore for the limit, a word for the first error, and a mutex under which the context ends.)
 */
#ifndef WEND_ERRGROUP_H
#define WEND_ERRGROUP_H

#include <wend/context.h>
#include <wend/mutex.h>
#include <wend/sem.h>
#include <wend/waitgroup.h>

WEND__BEGIN

typedef struct wend_errgroup {
	wend_waitgroup wend__running;
	wend_sem wend__room; /* if limited */
	wend_mutex wend__ending;
	wend__ptr wend__ctx;
	wend__u32 wend__err;
	wend__u32 wend__active; /* if limited */
	bool wend__limited;
} wend_errgroup;

/* Initialises g with a context derived from parent, which is cancelled with the first error as its cause, and when wait
 * returns. The caller gets a reference to it, to release. NULL when memory is exhausted; g is then a group without one.
 * Panics: `cannot create context from nil parent`. */
WEND_API WEND_NODISCARD wend_ctx *wend_errgroup_with_context(wend_errgroup *g, wend_ctx *parent);

/* At most n functions run at a time; n < 0: any number (as at first), 0: none, so that go blocks for ever.
 * Panics: `errgroup: modify limit while N coroutines in the group are still active`. */
WEND_API void wend_errgroup_set_limit(wend_errgroup *g, int n);

/* Starts fn(arg) in a coroutine of its own; blocks as long as the limit is reached. 0, or the error of wend_go: fn
 * is not called then, arg still the caller's, and the group as before. */
WEND_API WEND_NODISCARD int wend_errgroup_go(wend_errgroup *g, int (*fn)(void *), void *arg);

/* The same, but waits for room only until ctx (the group's own, for instance) is cancelled: then, also when it is before,
 * -ECANCELED or -ETIMEDOUT, and fn is not called. */
WEND_API WEND_NODISCARD int wend_errgroup_go_ctx(wend_errgroup *g, int (*fn)(void *), void *arg, wend_ctx *ctx);

/* The same without blocking: -EBUSY when the limit is reached. */
WEND_API WEND_NODISCARD int wend_errgroup_try_go(wend_errgroup *g, int (*fn)(void *), void *arg);

/* Blocks until all functions have returned, cancels the context, and returns the first error, or 0. Several may wait: the context
 * is cancelled when any of them returns. */
WEND_API int wend_errgroup_wait(wend_errgroup *g);

/* The same, but no longer than to the deadline, in nanoseconds of CLOCK_MONOTONIC (wend_deadline, wend/time.h): 0 and *err (may
 * be NULL) is the first error or 0, or -ETIMEDOUT, and the functions go on, with their context. */
WEND_API WEND_NODISCARD int wend_errgroup_wait_dl(wend_errgroup *g, int64_t deadline, int *err);

WEND__END
#endif
