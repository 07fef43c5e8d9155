/* SPDX-License-Identifier: MIT
 *
 * wend/waitgroup.h - wait for a set of coroutines to finish (Go's sync.WaitGroup).
 *
 *     static void work(void *arg) { ... wend_waitgroup_done(arg); }
 *
 *     wend_waitgroup wg = WEND_ZERO;
 *     for (int i = 0; i < 10; i++) {
 *             wend_waitgroup_add(&wg, 1);
 *             wend_go(work, &wg);
 *     }
 *     wend_waitgroup_wait(&wg);
 *
 * The zero value is ready. It must not be copied or moved after first use. All functions may be
 * called from coroutines and from foreign threads; what a coroutine wrote before `done` is visible
 * to whoever returns from the `wait` that it released. One on which coroutines still waited when the
 * runtime ended must be zeroed before it is used under another runtime.
 */
#ifndef WEND_WAITGROUP_H
#define WEND_WAITGROUP_H

#include <wend/types.h>

WEND__BEGIN

typedef struct wend_waitgroup {
	wend__u64 wend__state; /* counter in the high half, head of the waiters in the low half */
} wend_waitgroup;

/* Adds delta, which may be negative, to the counter. When it becomes zero, everyone in wait is made
 * ready. An add with positive delta that starts from zero must happen before wait.
 * Never blocks. O(1) plus O(1) per released waiter.
 * Panics: `sync: negative WaitGroup counter`; `sync: WaitGroup counter overflow` above 2^31-1. */
WEND_API void wend_waitgroup_add(wend_waitgroup *wg, int delta);

/* add(-1). */
WEND_API void wend_waitgroup_done(wend_waitgroup *wg);

/* Blocks until the counter is zero: a coroutine parks, a foreign thread sleeps. Returns at once when
 * it is zero already. */
WEND_API void wend_waitgroup_wait(wend_waitgroup *wg);

/* The same, but no longer than to the deadline, in nanoseconds of CLOCK_MONOTONIC (wend_deadline, wend/time.h): 0, or
 * -ETIMEDOUT. Who gives up searches the list of those who wait: O(their number). A wait group must not be used for another
 * round before all who waited for this one have returned. */
WEND_API WEND_NODISCARD int wend_waitgroup_wait_dl(wend_waitgroup *wg, int64_t deadline);

/* add(1), then starts a coroutine that runs fn(arg) and calls done. Returns 0, or the error of
 * wend_go, in which case the counter is as before and arg still belongs to the caller. */
WEND_API WEND_NODISCARD int wend_waitgroup_go(wend_waitgroup *wg, void (*fn)(void *), void *arg);

WEND__END
#endif
