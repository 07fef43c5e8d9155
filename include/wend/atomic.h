/* SPDX-License-Identifier: MIT
 *
 * wend/atomic.h - atomic words (Go's sync/atomic types Int32, Uint32, Int64, Uint64, Pointer, Bool).
 *
 *     static wend_atomic_i64 hits = WEND_ZERO;
 *     int64_t n = wend_atomic_i64_add(&hits, 1);
 *
 * The zero value is ready and holds 0, NULL or false. A word must not be copied after first use.
 *
 * All operations behave as if executed in one order that everybody agrees on (sequential consistency,
 * as in Go's memory model): when B sees what A stored, everything before A happened before everything
 * after B; of two coroutines that each store one word and then load the other's, at least one sees
 * the other's store. Weaker orders are not offered.
 *
 * For each T of i32 (int32_t), u32, i64, u64, ptr (void *) and bool there is a type wend_atomic_T, and
 *
 *     v    = wend_atomic_T_load(a)                          the value
 *     void   wend_atomic_T_store(a, v)
 *     old  = wend_atomic_T_swap(a, v)                       stores v, returns what was there
 *     bool   wend_atomic_T_compare_and_swap(a, old, v)      if a holds old: stores v, true; never fails
 *                                                           for any other reason
 * and for the four integer types
 *     new  = wend_atomic_T_add(a, delta)                    returns the sum; wraps round, signed ones too
 *     old  = wend_atomic_T_and(a, mask)                     returns what was there before
 *     old  = wend_atomic_T_or(a, mask)                      the same
 *
 * None blocks, fails or enters the runtime: they may be called from coroutines, foreign threads and signal
 * handlers, before the runtime starts and after it has ended. O(1). A locked instruction each, but for
 * load, which is a plain one; several writers of one word pass its cache line to and fro, for which
 * wend/counter.h has a remedy.
 *
 * They are inline, and made of the compiler's atomics, so that an operation costs no call, the
 * compiler can leave out results that nobody wants, and race detectors see the operations
 * in the code that they look at. Not to be mixed with plain access or C11 atomics on the same word.
 */
#ifndef WEND_ATOMIC_H
#define WEND_ATOMIC_H

#include <wend/types.h>

WEND__BEGIN

typedef struct wend_atomic_i32 {
	int32_t wend__v;
} wend_atomic_i32;

typedef struct wend_atomic_i64 {
	int64_t wend__v;
} wend_atomic_i64;

typedef struct wend_atomic_bool {
	uint32_t wend__v; /* 0 or 1 */
} wend_atomic_bool;

typedef wend__u32 wend_atomic_u32;
typedef wend__u64 wend_atomic_u64;
typedef wend__ptr wend_atomic_ptr;

#define WEND__ATOMIC(T, ctype)                                                                    \
	static inline ctype wend_atomic_##T##_load(const wend_atomic_##T *a)                         \
	{                                                                                             \
		return __atomic_load_n(&a->wend__v, __ATOMIC_SEQ_CST);                                    \
	}                                                                                             \
	static inline void wend_atomic_##T##_store(wend_atomic_##T *a, ctype v)                      \
	{                                                                                             \
		__atomic_store_n(&a->wend__v, v, __ATOMIC_SEQ_CST);                                       \
	}                                                                                             \
	static inline ctype wend_atomic_##T##_swap(wend_atomic_##T *a, ctype v)                      \
	{                                                                                             \
		return __atomic_exchange_n(&a->wend__v, v, __ATOMIC_SEQ_CST);                             \
	}                                                                                             \
	static inline bool wend_atomic_##T##_compare_and_swap(wend_atomic_##T *a, ctype old, ctype v) \
	{                                                                                             \
		return __atomic_compare_exchange_n(&a->wend__v, &old, v, false, __ATOMIC_SEQ_CST,         \
										   __ATOMIC_SEQ_CST);                                     \
	}

#define WEND__ATOMIC_INT(T, ctype)                                                                \
	WEND__ATOMIC(T, ctype)                                                                        \
	static inline ctype wend_atomic_##T##_add(wend_atomic_##T *a, ctype delta)                   \
	{                                                                                             \
		return __atomic_add_fetch(&a->wend__v, delta, __ATOMIC_SEQ_CST);                          \
	}                                                                                             \
	static inline ctype wend_atomic_##T##_and(wend_atomic_##T *a, ctype mask)                    \
	{                                                                                             \
		return __atomic_fetch_and(&a->wend__v, mask, __ATOMIC_SEQ_CST);                           \
	}                                                                                             \
	static inline ctype wend_atomic_##T##_or(wend_atomic_##T *a, ctype mask)                     \
	{                                                                                             \
		return __atomic_fetch_or(&a->wend__v, mask, __ATOMIC_SEQ_CST);                            \
	}

WEND__ATOMIC_INT(i32, int32_t)
WEND__ATOMIC_INT(u32, uint32_t)
WEND__ATOMIC_INT(i64, int64_t)
WEND__ATOMIC_INT(u64, uint64_t)
WEND__ATOMIC(ptr, void *)

static inline bool wend_atomic_bool_load(const wend_atomic_bool *a)
{
	return __atomic_load_n(&a->wend__v, __ATOMIC_SEQ_CST) != 0;
}

static inline void wend_atomic_bool_store(wend_atomic_bool *a, bool v)
{
	__atomic_store_n(&a->wend__v, (uint32_t)v, __ATOMIC_SEQ_CST);
}

static inline bool wend_atomic_bool_swap(wend_atomic_bool *a, bool v)
{
	return __atomic_exchange_n(&a->wend__v, (uint32_t)v, __ATOMIC_SEQ_CST) != 0;
}

static inline bool wend_atomic_bool_compare_and_swap(wend_atomic_bool *a, bool old, bool v)
{
	uint32_t was = old;

	return __atomic_compare_exchange_n(&a->wend__v, &was, (uint32_t)v, false, __ATOMIC_SEQ_CST,
									   __ATOMIC_SEQ_CST);
}

WEND__END
#endif
