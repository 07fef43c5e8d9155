/* SPDX-License-Identifier: MIT
 *
 * wend/value.h - a pointer that is replaced as a whole while others read it (Go's atomic.Value): a
 * configuration, a routing table. What it points to is not changed any more once it is stored.
 *
 *     static wend_value current = WEND_ZERO;
 *
 *     WEND_VALUE_STORE(&current, struct config, fresh);
 *     struct config *c = WEND_VALUE_LOAD(&current, struct config);      NULL before the first store
 *
 * A Go interface knows the type of what it holds; here the type's name stands beside the pointer, and the
 * first store settles it for good. Names are compared by their text. The macros take the name from
 * the type and let the compiler check the pointer; the functions take any text that lives at least as long
 * as the value (`struct config` and a typedef of it are different names).
 *
 * Ownership: the value owns nothing and copies nothing. A replaced pointer is the caller's again (swap
 * returns it), but readers may still use it: retire it (wend/retire.h), with readers in a section:
 *
 *     wend_section_begin();                                          // writer
 *     struct config *c = WEND_VALUE_LOAD(&current, struct config);   old = WEND_VALUE_SWAP(&current,
 *     ...                                                                     struct config, fresh);
 *     wend_section_end();                                            if (old) wend_retire(old, free);
 *
 * The zero value is ready. It must not be copied after first use. Nothing blocks or enters the runtime;
 * all may be called from coroutines and foreign threads. Order is as in wend/atomic.h: who loads a
 * pointer sees everything that happened before it was stored. O(1).
 *
 * Panics, with Go's words, x being store, swap or compare and swap:
 *   sync/atomic: x of nil value into Value
 *   sync/atomic: x of inconsistently typed value into Value
 *   interface conversion: interface {} is A, not B        a load that names another type
 */
#ifndef WEND_VALUE_H
#define WEND_VALUE_H

#include <wend/atomic.h>
#include <wend/types.h>

WEND__BEGIN

typedef struct wend_value {
	wend__ptr wend__data; /* NULL: nothing stored yet */
	wend__ptr wend__type; /* text; written once, before the first data */
} wend_value;

WEND_API void wend_value_store(wend_value *v, const char *type, void *data);

/* Returns what was stored before, NULL the first time. */
WEND_API void *wend_value_swap(wend_value *v, const char *type, void *data);

/* If v holds the pointer old (NULL: nothing yet), stores data and returns true. */
WEND_API bool wend_value_compare_and_swap(wend_value *v, const char *type, void *old, void *data);

WEND_API void wend__value_check(const wend_value *v, const char *type);

/* What was stored last, NULL if nothing. */
static inline void *wend_value_load(const wend_value *v, const char *type)
{
	void *data = wend_atomic_ptr_load(&v->wend__data);

	if (data && __builtin_expect(wend_atomic_ptr_load(&v->wend__type) != (const void *)type, 0))
		wend__value_check(v, type); /* the same text at another place, or another type */
	return data;
}

WEND__END

/* The same by type: T names what is pointed to, data must be a T *. */
#ifdef __cplusplus
#define WEND__VALUE_OF(T, p) static_cast<void *>(static_cast<T *>(p))
#else
#define WEND__VALUE_OF(T, p) ((void *)(T *){(p)})
#endif
#define WEND_VALUE_LOAD(v, T) ((T *)wend_value_load((v), #T))
#define WEND_VALUE_STORE(v, T, data) wend_value_store((v), #T, WEND__VALUE_OF(T, data))
#define WEND_VALUE_SWAP(v, T, data) ((T *)wend_value_swap((v), #T, WEND__VALUE_OF(T, data)))
#define WEND_VALUE_COMPARE_AND_SWAP(v, T, old, data)                                              \
	wend_value_compare_and_swap((v), #T, WEND__VALUE_OF(T, old), WEND__VALUE_OF(T, data))

#endif
