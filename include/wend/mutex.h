/* SPDX-License-Identifier: MIT
 *
 * wend/mutex.h - mutual exclusion between coroutines (Go's sync.Mutex).
 *
 *     static wend_mutex mu = WEND_ZERO;
 *     static int balance;
 *
 *     wend_mutex_lock(&mu);
 *     balance += 10;
 *     wend_mutex_unlock(&mu);
 *
 * The zero value is an unlocked mutex. It must not be copied or moved after first use. A mutex belongs
 * to nobody in particular: another coroutine or thread may unlock it. It is not recursive: a coroutine
 * that locks it twice waits for itself. All functions may be called from coroutines, which park, and from
 * foreign threads, which sleep. What was written before unlock is visible after the next lock.
 *
 * Whoever locks a mutex last may free it after unlocking, even while an earlier unlock has not returned
 * yet. A mutex that coroutines still waited for when the runtime ended must be zeroed before it is used
 * under another one.
 *
 * Fairness is Go's and a little more: newcomers may overtake who sleeps, as they are on a CPU already; whoever has
 * waited for more than 1 ms and loses again gets the mutex handed over by the next unlock; and when somebody
 * gets it who has waited that long, those who sleep behind him are handed it one after the other. (Barging and
 * eventual hand-over: Go 1.9; the list inside the lock, guarded by a bit of its word: nsync, WTF::WordLock.)
 */
#ifndef WEND_MUTEX_H
#define WEND_MUTEX_H

#include <wend/types.h>

WEND__BEGIN

struct wend__waiter;

typedef struct wend_mutex {
	wend__u64 wend__state;
	struct wend__waiter *wend__waiters;
} wend_mutex;

/* Locks m; blocks while it is locked. While it is free: one locked instruction. */
WEND_API void wend_mutex_lock(wend_mutex *m);

/* Locks m, but waits no longer than to the deadline, in nanoseconds of CLOCK_MONOTONIC (wend_deadline, wend/time.h): 0, or
 * -ETIMEDOUT and it is not locked. A mutex that is free is locked even if the deadline has passed. */
WEND_API WEND_NODISCARD int wend_mutex_lock_dl(wend_mutex *m, int64_t deadline);

/* Locks m and returns true if it is unlocked at this moment; else false. Never blocks. */
WEND_API WEND_NODISCARD bool wend_mutex_trylock(wend_mutex *m);

/* Unlocks m. Never blocks, O(1).
 * Fatal: `sync: unlock of unlocked mutex`. */
WEND_API void wend_mutex_unlock(wend_mutex *m);

WEND__END
#endif
