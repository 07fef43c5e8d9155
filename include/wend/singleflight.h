/* SPDX-License-Identifier: MIT
 *
 * wend/singleflight.h - of several who want the same at the same time one does the work, and all get its result
 * (golang.org/x/sync/singleflight).
 *
 *     static wend_singleflight loads = WEND_ZERO;
 *
 *     static int load(void *name, void **page) { ... }              0 or an error
 *
 *     err = wend_singleflight_do(&loads, name, load, name, (void **)&page, NULL);
 *
 * Calls with equal keys (texts, compared by content) that overlap are one. There is no cache: when the result is out, the
 * next call works again. The value is a pointer that all of them get; whose it is, is theirs to settle.
 *
 * A group must not be copied or moved after first use; it needs no freeing. All functions may be called from coroutines, which
 * park, and from foreign threads, which sleep. What the function did is visible to all who get its result.
 *
 * (Semantics: Go's. Calls under way hang in 64 lists, by a hash of the key, under one mutex that is held for a look.)
 */
#ifndef WEND_SINGLEFLIGHT_H
#define WEND_SINGLEFLIGHT_H

#include <wend/chan.h>
#include <wend/mutex.h>

WEND__BEGIN

#define WEND__FLIGHT_LISTS 64

typedef struct wend_singleflight {
	wend_mutex wend__mu;
	struct wend__flight *wend__calls[WEND__FLIGHT_LISTS];
} wend_singleflight;

/* Gets a value for the caller and all who wait; returns 0 or an error. */
typedef int wend_singleflight_fn(void *arg, void **value);

/* What do_chan's channel carries. */
typedef struct wend_singleflight_result {
	void *value;
	int err;
	bool shared; /* more than one caller got it */
} wend_singleflight_result;

/* Calls fn(arg, value), or waits for the call with this key that is under way. Returns fn's result; *value is what fn has
 * set it to, NULL if it has not; *shared (either may be NULL): did more than one caller get it? -ENOMEM without calling fn
 * when memory is exhausted. The key is copied.
 * Who does not want to wait for longer than so long takes do_chan, and a receive with a deadline or a context.
 * When fn panics, so does everybody who waits for it, with the same text; when it leaves by wend_goexit, all of them do,
 * but for foreign threads, for which that is a fatal error. */
WEND_API int wend_singleflight_do(wend_singleflight *g, const char *key, wend_singleflight_fn *fn, void *arg, void **value,
								  bool *shared);

/* The same without blocking: the result comes on a channel of wend_singleflight_result, with room for it, which the
 * caller releases. fn runs in a coroutine of its own. NULL when memory or coroutines are exhausted.
 * When fn panics, the process ends with that panic: nobody could recover it. When it leaves by wend_goexit nothing comes. */
WEND_API WEND_NODISCARD wend_chan *wend_singleflight_do_chan(wend_singleflight *g, const char *key, wend_singleflight_fn *fn,
															 void *arg);

/* The next call with this key works itself, even while one is under way. */
WEND_API void wend_singleflight_forget(wend_singleflight *g, const char *key);

WEND__END
#endif
