/* SPDX-License-Identifier: MIT
 *
 * wend/counter.h - a counter for many writers and rare readers. An increment is two plain memory
 * accesses on a cell that belongs to the caller's P: no locked instruction, no shared cache line.
 * (The idea is Linux's percpu_counter and Java's LongAdder; the cells are indexed by P rather than
 * by thread, because coroutines migrate.)
 *
 *     static wend_counter hits = WEND_ZERO;
 *     wend_counter_add(&hits, 1);
 *
 * The zero value is ready. It must not be copied or moved after first use. It takes 8 bytes per P
 * from first use until wend_counter_free; past 65,535 live counters and maps, and from foreign threads, the
 * count goes to a shared word with an atomic addition instead, which is correct but slower.
 */
#ifndef WEND_COUNTER_H
#define WEND_COUNTER_H

#include <wend/types.h>

WEND__BEGIN

typedef struct wend_counter {
	wend__u64 wend__shared; /* additions made without a P */
	wend__u32 wend__id;     /* cell number in each P, 0 before first use */
	uint32_t wend__pad;
} wend_counter;

/* Adds n, which may be negative. Never blocks; wraps at 64 bits. O(1). */
WEND_API void wend_counter_add(wend_counter *c, int64_t n);

/* The sum. Exact when no add runs at the same time (and everything before it happened before); a
 * moment's estimate otherwise. O(number of P's), never blocks. */
WEND_API int64_t wend_counter_load(const wend_counter *c);

/* Gives the cells back and makes c a zero value. Nobody may use c at the same time. */
WEND_API void wend_counter_free(wend_counter *c);

WEND__END
#endif
