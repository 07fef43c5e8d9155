/* SPDX-License-Identifier: MIT
 *
 * wend/time.h - sleeping, timers and tickers (Go's time, with the meaning it has since 1.23).
 *
 *     wend_sleep(10 * WEND_MILLISECOND);
 *
 *     wend_timer *t = wend_timer_make(WEND_SECOND);
 *     WEND_SELECT {
 *             WEND_RECV(answers, &a)           { use(a); }
 *             WEND_RECV(wend_timer_chan(t))    { puts("too late"); }
 *     } WEND_SELECT_END
 *     wend_timer_release(t);
 *
 * Durations are int64_t nanoseconds, points in time nanoseconds of CLOCK_MONOTONIC. Nothing happens before its time;
 * how long after depends on the machine: some 20 us when a thread has to be woken, 10 us when the P is busy with short
 * coroutines; a coroutine that does not call the library holds up its P's timers unless another P is idle.
 *
 * A timer's or ticker's channel carries int64_t, the time at which it fired. It holds one value at most and says that
 * its len and cap are 0: after stop or reset nothing is received that belongs to the time before. Do not close it or send
 * to it.
 *
 * All functions may be called from coroutines and from foreign threads, several at a time; none but sleep blocks.
 * Timers belong to all who hold a reference, to the timer or to its channel: one count for both. When the last goes, a
 * timer with a channel is stopped; a function that was to be called is called all the same.
 *
 * What happened before a timer is set or reset is visible to its function and to whoever receives its value.
 *
 * (Four-ary heaps, one per P: Go's runtime since 1.14. The heap knows no channels and calls a function under its lock,
 * so that stop need not wait: docs/time.md.)
 */
#ifndef WEND_TIME_H
#define WEND_TIME_H

#include <wend/chan.h>

WEND__BEGIN

#define WEND_NANOSECOND ((int64_t)1)
#define WEND_MICROSECOND ((int64_t)1000)
#define WEND_MILLISECOND ((int64_t)1000000)
#define WEND_SECOND ((int64_t)1000000000)
#define WEND_MINUTE (60 * WEND_SECOND)
#define WEND_HOUR (60 * WEND_MINUTE)

/* Now, and now + d, which is what deadlines are; WEND_FOREVER is never reached (nor is what would be later). */
#define WEND_FOREVER INT64_MAX
WEND_API int64_t wend_now(void);
WEND_API int64_t wend_deadline(int64_t d);

/* Blocks for at least d; returns at once when d is not positive. */
WEND_API void wend_sleep(int64_t d);

/* The same until ctx is cancelled (wend/context.h). 0, or -ECANCELED or -ETIMEDOUT when it was. */
WEND_API int wend_sleep_ctx(int64_t d, wend_ctx *ctx);

/* A channel on which the time comes once, after d. The caller's to release; released before, nothing comes. NULL when
 * memory is exhausted. */
WEND_API WEND_NODISCARD wend_chan *wend_after(int64_t d);

/* ---- Timers ---------------------------------------------------------------------------------- */

typedef struct wend_timer wend_timer;

/* A timer whose channel receives the time after d. NULL when memory is exhausted. One allocation. */
WEND_API WEND_NODISCARD wend_timer *wend_timer_make(int64_t d);

/* fn(arg) in a coroutine of its own, after d. The caller may release the timer at once, if it will neither stop nor
 * reset it. NULL when memory is exhausted. When no coroutine can be had at that time, it is tried again every
 * millisecond. */
WEND_API wend_timer *wend_after_func(int64_t d, void (*fn)(void *), void *arg);

/* Its channel, which lives as long as the timer (wend_chan_retain for longer); NULL if it has a function. */
WEND_API wend_chan *wend_timer_chan(const wend_timer *t);

/* It will not fire. True: this call has stopped it, or nobody had received its value, which is gone. False: it had fired
 * (a function may be running: stop does not wait for it) or was stopped before. O(log n) for n timers on that P. */
WEND_API bool wend_timer_stop(wend_timer *t);

/* Stops it, and lets it fire after d; true as for stop. */
WEND_API bool wend_timer_reset(wend_timer *t, int64_t d);

WEND_API wend_timer *wend_timer_retain(wend_timer *t);
WEND_API void wend_timer_release(wend_timer *t); /* NULL is allowed */

/* ---- Tickers --------------------------------------------------------------------------------- */

typedef struct wend_ticker wend_ticker;

/* A ticker whose channel receives the time every d. A tick is dropped when the one before has not been received. NULL
 * when memory is exhausted.
 * Panics: `non-positive interval for NewTicker`. */
WEND_API WEND_NODISCARD wend_ticker *wend_ticker_make(int64_t d);

WEND_API wend_chan *wend_ticker_chan(const wend_ticker *t);

/* No more ticks; one that was not received is gone. The channel is not closed, as in Go. */
WEND_API void wend_ticker_stop(wend_ticker *t);

/* Stops it, and lets it tick every d from now on.
 * Panics: `non-positive interval for Ticker.Reset`. */
WEND_API void wend_ticker_reset(wend_ticker *t, int64_t d);

WEND_API wend_ticker *wend_ticker_retain(wend_ticker *t);
WEND_API void wend_ticker_release(wend_ticker *t); /* NULL is allowed */

/* The channel of a new ticker, or NULL when d is not positive or memory exhausted. Release the channel to end it. */
WEND_API wend_chan *wend_tick(int64_t d);

WEND__END
#endif
