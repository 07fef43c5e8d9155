/* SPDX-License-Identifier: MIT
 *
 * wend/pool.h - free things kept for the next one who needs such a thing (Go's sync.Pool): buffers, parsers.
 *
 *     static void *make(void *unused) { return malloc(4096); }
 *     static void drop(void *buf, void *unused) { free(buf); }
 *     static wend_pool buffers = WEND_POOL(make, drop, NULL);
 *
 *     char *buf = wend_pool_get(&buffers);
 *     ...
 *     wend_pool_put(&buffers, buf);
 *
 * Each P keeps the last eight for itself, where the next get on it finds the one put last, still in its
 * cache; what is more, and what other P's lack, goes by a stock per P, half of which others take when theirs
 * is empty. (Magazines and depot: Bonwick and Adams, "Magazines and Vmem", USENIX 2001. Ageing: Go's
 * victim cache.)
 *
 * Ageing needs no collector: every 500 ms, as long as somebody uses the pool, what lies in it grows old, and
 * what was old already and has not been taken since is dropped. So a thing that nobody needs is gone after 0.5
 * to 1 s, and a pool holds at most what was put into it within 1 s. A pool that nobody uses any more keeps
 * what it has until wend_pool_flush.
 *
 * The zero value, with or without make and drop, is ready; it takes no memory until the first put, then 256
 * bytes per P. The three fields must not change after first use, and it must not be copied or moved then. All
 * functions may be called from coroutines and foreign threads, before the runtime starts, too; but a foreign
 * thread has no P and takes a lock each time. Nothing blocks for longer than another caller needs to move some
 * pointers.
 */
#ifndef WEND_POOL_H
#define WEND_POOL_H

#include <wend/types.h>

WEND__BEGIN

typedef struct wend_pool {
	void *(*make)(void *arg);             /* a new one, when there is none; NULL: get returns NULL then */
	void (*drop)(void *item, void *arg);  /* what becomes of those that are given up; NULL: nothing. May call
	                                         the library, but not put into the same pool */
	void *arg;                            /* for both */
	wend__ptr wend__state;                /* made by the first put */
} wend_pool;

#define WEND_POOL(make, drop, arg) {(make), (drop), (arg), {0}}

/* Any thing that was put and not taken since, else make(arg), else NULL. It belongs to the caller. Who gets a
 * thing sees what was done before it was put. make runs as part of the caller and may block.
 * O(1) when there is one at hand, else O(number of P's). */
WEND_API void *wend_pool_get(wend_pool *p);

/* Gives item, which no longer belongs to the caller; NULL is ignored. It may be dropped at any time: a pool
 * is no place to find things again. One caller in 500 ms runs drop for what has grown too old, which may block
 * that caller. O(1) but for that. */
WEND_API void wend_pool_put(wend_pool *p, void *item);

/* Drops everything that is in the pool now. */
WEND_API void wend_pool_flush(wend_pool *p);

/* Drops everything, gives back the memory of the pool itself and makes it empty as before its first use.
 * Nobody may use it at the same time. */
WEND_API void wend_pool_free(wend_pool *p);

WEND__END
#endif
