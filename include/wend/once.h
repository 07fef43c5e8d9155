/* SPDX-License-Identifier: MIT
 *
 * wend/once.h - do something exactly once, whoever comes first (Go's sync.Once, OnceFunc, OnceValue).
 *
 *     static wend_once once = WEND_ZERO;
 *     static void load(void *path) { ... }
 *
 *     wend_once_do(&once, load, "settings");      when it returns, load has run
 *
 * The zero value is ready. It must not be copied or moved after first use. All functions may be called from
 * coroutines and foreign threads; what the function did is visible to whoever returns from a call.
 *
 * The first caller runs the function, on its own stack; who comes meanwhile waits: a coroutine parks, a
 * foreign thread sleeps (before the runtime runs, a thread that would have to wait is a fatal error).
 * Afterwards a call costs one load. A function that leaves by a panic or wend_goexit has run. A function that calls
 * the same once again waits for itself for ever, as in Go. One that is abandoned where it stands, because the
 * runtime ends, leaves the once unusable: who calls it waits for ever, unless it is zeroed first (which it must be under
 * another runtime).
 *
 * There is no form with a deadline or a context: the caller whose turn it is runs the function itself, as long as that takes, and
 * returning without it would break what a once promises. Who must not wait asks by a channel (wend_singleflight_do_chan).
 */
#ifndef WEND_ONCE_H
#define WEND_ONCE_H

#include <wend/atomic.h>
#include <wend/panic.h>
#include <wend/types.h>

WEND__BEGIN

typedef struct wend_once {
	wend__u64 wend__word; /* 0 fresh, 1 done; else running, with the newest waiter in the low half */
} wend_once;

#define WEND__ONCE_DONE 1

WEND_API void wend__once_do_slow(wend_once *o, void (*fn)(void *), void *arg);

/* Calls fn(arg) unless a call with this once, be it with another function, has done so before; returns when
 * that one is over.
 * Panics: `runtime error: invalid memory address or nil pointer dereference` when fn is NULL and its turn. */
static inline void wend_once_do(wend_once *o, void (*fn)(void *), void *arg)
{
	if (__builtin_expect(wend_atomic_u64_load(&o->wend__word) != WEND__ONCE_DONE, 0))
		wend__once_do_slow(o, fn, arg);
}

/* A function bound to its once:
 *
 *     static wend_once_func setup = WEND_ONCE_FUNC(load, "settings");
 *     wend_once_func_call(&setup);
 *
 * When the function panics, so does every call, with the same text, which is kept for ever. */
typedef struct wend_once_func {
	void (*fn)(void *);
	void *arg;
	wend_once wend__once;
	const char *wend__text; /* of its panic; written before the once is done */
} wend_once_func;

#define WEND_ONCE_FUNC(fn, arg) {(fn), (arg), {{0}}, NULL}

WEND_API void wend__once_func_slow(wend_once_func *f);

static inline void wend_once_func_call(wend_once_func *f)
{
	if (__builtin_expect(wend_atomic_u64_load(&f->wend__once.wend__word) != WEND__ONCE_DONE, 0))
		wend__once_func_slow(f);
	if (__builtin_expect(f->wend__text != NULL, 0))
		wend_panic(f->wend__text);
}

/* A value that is made when it is first asked for:
 *
 *     static wend_once_value settings = WEND_ONCE_VALUE(parse, "settings");
 *     struct settings *s = wend_once_value_get(&settings);
 *
 * It belongs to whoever the program says it does; the once never frees it. NULL when fn left by goexit; a panic
 * of fn is repeated as for functions. For more than one result (Go's OnceValues) return a structure. */
typedef struct wend_once_value {
	void *(*fn)(void *);
	void *arg;
	void *wend__value; /* written by who runs fn, before the once is done */
	wend_once wend__once;
	const char *wend__text; /* of its panic, likewise */
} wend_once_value;

#define WEND_ONCE_VALUE(fn, arg) {(fn), (arg), NULL, {{0}}, NULL}

WEND_API void wend__once_value_slow(wend_once_value *v);

static inline void *wend_once_value_get(wend_once_value *v)
{
	if (__builtin_expect(wend_atomic_u64_load(&v->wend__once.wend__word) != WEND__ONCE_DONE, 0))
		wend__once_value_slow(v);
	if (__builtin_expect(v->wend__text != NULL, 0))
		wend_panic(v->wend__text);
	return v->wend__value;
}

WEND__END
#endif
