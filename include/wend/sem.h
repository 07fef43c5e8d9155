/* SPDX-License-Identifier: MIT
 *
 * wend/sem.h - a weighted semaphore (golang.org/x/sync/semaphore): so many units, of which each takes some.
 *
 *     static wend_sem loads = WEND_SEM(4);
 *
 *     wend_sem_acquire(&loads, 1);
 *     load(file);
 *     wend_sem_release(&loads, 1);
 *
 * First come, first served: a request that does not fit holds up all that come after it, so a large one is not
 * starved by small ones. Units belong to nobody: another coroutine or thread may release them. All functions may
 * be called from coroutines, which park, and from foreign threads, which sleep. What was written before release
 * is visible after an acquire that needed those units.
 *
 * A semaphore must not be copied or moved after first use. The zero value has no units at all. Whoever acquires
 * last may free it, even while an earlier release has not returned yet. One that coroutines still waited for when the
 * runtime ended must be initialised again before it is used under another one.
 */
#ifndef WEND_SEM_H
#define WEND_SEM_H

#include <wend/types.h>

WEND__BEGIN

struct wend__waiter;

typedef struct wend_sem {
	wend__u64 wend__state;
	struct wend__waiter *wend__waiters;
	int64_t wend__size;
} wend_sem;

#define WEND_SEM_MAX ((int64_t)1 << 54)

/* Initialiser for n units, from 0 to WEND_SEM_MAX. Below 0 there are none, and acquire waits for ever. */
#define WEND_SEM(n)         \
	{                       \
		{0}, NULL, (n)      \
	}

/* The same at run time. */
WEND_API void wend_sem_init(wend_sem *s, int64_t n);

/* Takes n units; blocks until they are there and all who came before have theirs. With n above the semaphore's size
 * that is never, but nobody else is held up. Uncontended: one compare-and-swap.
 * Panics: `semaphore: negative weight`. */
WEND_API void wend_sem_acquire(wend_sem *s, int64_t n);

/* The same, but waits no longer than to the deadline, in nanoseconds of CLOCK_MONOTONIC (wend_deadline, wend/time.h): 0, or
 * -ETIMEDOUT and nothing was taken. Whoever gives up no longer holds up those behind. What is there is taken even if the
 * deadline has passed. */
WEND_API WEND_NODISCARD int wend_sem_acquire_dl(wend_sem *s, int64_t n, int64_t deadline);

/* The same until ctx is cancelled (wend/context.h): -ECANCELED or -ETIMEDOUT then, also when it is before. */
WEND_API WEND_NODISCARD int wend_sem_acquire_ctx(wend_sem *s, int64_t n, wend_ctx *ctx);

/* Takes n units and returns true if they are there and nobody waits; else false. Never blocks. */
WEND_API WEND_NODISCARD bool wend_sem_try_acquire(wend_sem *s, int64_t n);

/* Gives n units back. Never blocks; O(1) plus O(1) per waiter that goes on.
 * Panics: `semaphore: released more than held`; `semaphore: negative weight`. */
WEND_API void wend_sem_release(wend_sem *s, int64_t n);

WEND__END
#endif
