/* SPDX-License-Identifier: MIT
 *
 * wend/rwmutex.h - many readers or one writer (Go's sync.RWMutex).
 *
 *     static wend_rwmutex rw = WEND_ZERO;
 *
 *     wend_rwmutex_rlock(&rw);
 *     int port = config.port;
 *     wend_rwmutex_runlock(&rw);
 *
 * The zero value is unlocked. It must not be copied or moved after first use. A lock may be released by
 * another coroutine or thread than took it, on another P. All functions may be called from
 * coroutines, which park, and from foreign threads, which sleep. What was written before unlock is visible
 * after the next lock or rlock, what was read before runlock was read before the next lock.
 *
 * Read locks may not nest: a writer that comes between the two makes the second wait for the writer and the
 * writer for the first.
 *
 * Neither side starves: a reader waits for at most one writer; among themselves writers are as fair as a
 * wend_mutex is, and the one whose turn it is waits for those readers only that hold the lock then.
 *
 * While no writer comes, readers touch no shared cache line: each P counts its own. A writer then has to
 * interrupt the other cores, 10 to 20 us once in a while, and the lock counts in one place, as others
 * do, until nine times that has passed and some thousand reads without a writer would have gained as much. A lock that is written more often than every hundred microseconds
 * or so is therefore an ordinary one. (Bias and its rule: BRAVO, Dice and Kogan 2019; counters that any
 * P may take down: Linux's percpu_rwsem; phases: Brandenburg and Anderson 2010.)
 *
 * A lock that readers have used takes 8 bytes per P, which wend_rwmutex_free gives back. Past 65,536 such
 * locks, and for foreign threads, reading is an atomic addition on a shared word: correct, but slower. A
 * lock may be freed only when every call on it has returned.
 */
#ifndef WEND_RWMUTEX_H
#define WEND_RWMUTEX_H

#include <wend/mutex.h>

WEND__BEGIN

typedef struct wend_rwmutex {
	wend__u64 wend__state;
	struct wend__waiter *wend__readers, *wend__writer;
	wend_mutex wend__writers;
	wend__u64 wend__calm; /* CLOCK_MONOTONIC ns before which readers count in one place */
	wend__u32 wend__number;
	wend__u32 wend__enough; /* reads without a writer before they do not */
} wend_rwmutex;

/* Locks rw for reading; blocks while a writer holds it or waits for it. */
WEND_API void wend_rwmutex_rlock(wend_rwmutex *rw);

/* The same if it need not block; else false. */
WEND_API WEND_NODISCARD bool wend_rwmutex_tryrlock(wend_rwmutex *rw);

/* Lock for reading, for writing, but wait no longer than to the deadline, in nanoseconds of CLOCK_MONOTONIC (wend_deadline,
 * wend/time.h): 0, or -ETIMEDOUT and rw is not locked. What can be had at once is, even if the deadline has passed. A
 * writer that gives up lets in the readers that it has held up. */
WEND_API WEND_NODISCARD int wend_rwmutex_rlock_dl(wend_rwmutex *rw, int64_t deadline);
WEND_API WEND_NODISCARD int wend_rwmutex_lock_dl(wend_rwmutex *rw, int64_t deadline);

/* Releases one read lock. Never blocks; O(1), or O(number of P's) when it is released on a P that holds no read
 * lock of rw, or while a writer waits.
 * Fatal: `sync: RUnlock of unlocked RWMutex`, at once or, when others hold read locks, later. */
WEND_API void wend_rwmutex_runlock(wend_rwmutex *rw);

/* Locks rw for writing; blocks while anybody holds it. */
WEND_API void wend_rwmutex_lock(wend_rwmutex *rw);

/* The same if nobody holds it; else false. Never blocks, but may take the 10 to 20 us above. */
WEND_API WEND_NODISCARD bool wend_rwmutex_trylock(wend_rwmutex *rw);

/* Releases the write lock. Never blocks. O(1) plus O(1) per reader that waits.
 * Fatal: `sync: Unlock of unlocked RWMutex`. */
WEND_API void wend_rwmutex_unlock(wend_rwmutex *rw);

/* Gives back what the lock has taken and makes it a zero value. Nobody may use it at the same time.
 * A program whose locks live as long as itself need not call it. */
WEND_API void wend_rwmutex_free(wend_rwmutex *rw);

WEND__END
#endif
