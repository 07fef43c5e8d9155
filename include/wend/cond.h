/* SPDX-License-Identifier: MIT
 *
 * wend/cond.h - wait until somebody says that a condition may have become true (Go's sync.Cond).
 *
 *     static wend_mutex mu = WEND_ZERO;
 *     static wend_cond filled = WEND_ZERO;
 *
 *     wend_mutex_lock(&mu);
 *     while (queue_is_empty())
 *             wend_cond_wait(&filled, &mu);
 *     take();
 *     wend_mutex_unlock(&mu);
 *
 * The zero value is ready. It must not be copied or moved after first use, which is noticed: panic
 * `sync.Cond is copied`. All functions may be called from coroutines, which park, and from foreign threads, which
 * sleep. A wait ends by signal or broadcast only (and, for a foreign thread, by the runtime's end); but others may
 * have had the mutex first, so the condition has to be looked at again. What was written before a
 * signal is visible to whom it wakes.
 *
 * A cond on which coroutines still waited when the runtime ended must be zeroed before it is used under another one.
 */
#ifndef WEND_COND_H
#define WEND_COND_H

#include <wend/mutex.h>
#include <wend/rwmutex.h>

WEND__BEGIN

typedef struct wend_cond {
	wend__u64 wend__state;
	struct wend__waiter *wend__waiters;
	wend__ptr wend__self; /* its address since the first use */
} wend_cond;

/* Anything that can be locked (Go's sync.Locker). */
typedef struct wend_locker {
	void (*lock)(void *obj);
	void (*unlock)(void *obj);
	void *obj;
} wend_locker;

/* The lock as a locker: the mutex, the write side, the read side. */
WEND_API wend_locker wend_mutex_locker(wend_mutex *m);
WEND_API wend_locker wend_rwmutex_locker(wend_rwmutex *rw);
WEND_API wend_locker wend_rwmutex_rlocker(wend_rwmutex *rw);

/* Unlocks m, which the caller holds, blocks until it is woken, and locks m again. A signal sent after m was unlocked
 * is not missed. */
WEND_API void wend_cond_wait(wend_cond *c, wend_mutex *m);

/* The same, but waits for a signal no longer than to the deadline, in nanoseconds of CLOCK_MONOTONIC (wend_deadline,
 * wend/time.h): 0 when it was signalled, -ETIMEDOUT when not; m is locked again either way, however long that takes. No
 * signal is lost with a waiter that gives up. */
WEND_API WEND_NODISCARD int wend_cond_wait_dl(wend_cond *c, wend_mutex *m, int64_t deadline);

/* Both with any lock. l is read before the call blocks. */
WEND_API void wend_cond_wait_locker(wend_cond *c, wend_locker l);
WEND_API WEND_NODISCARD int wend_cond_wait_locker_dl(wend_cond *c, wend_locker l, int64_t deadline);

/* Wakes the one that has waited longest, if there is any. The caller may hold the lock, but need not. Never blocks;
 * O(1); with nobody waiting, a load. */
WEND_API void wend_cond_signal(wend_cond *c);

/* Wakes all that wait now. O(1) per waiter. */
WEND_API void wend_cond_broadcast(wend_cond *c);

WEND__END
#endif
