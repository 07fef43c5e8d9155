/* SPDX-License-Identifier: MIT
 *
 * wend/deque.h - work-stealing deque: one owner pushes and pops at the bottom, anybody steals at the
 * top. Chase and Lev, "Dynamic circular work-stealing deque" (SPAA 2005), in the C11 form of Le et
 * al. (PPoPP 2013), with two changes: the owner issues no fence and no locked instruction while no
 * thief is announced (the thief pays with one membarrier per visit), and a visit can take half.
 *
 * Owner and thieves may be coroutines or foreign threads, with or without the runtime running. Another may
 * become the owner if the one before has handed the deque over (by a wait group, a mutex, ...). What was written
 * before an item was pushed is visible to whoever gets it.
 *
 * Lock-free for thieves among each other; never blocks. Items are pointers, NULL included. Push and pop
 * are O(1), growing amortised; a steal is O(1), plus a membarrier (some 10 us when the process is
 * running elsewhere) with WEND_DEQUE_ASYM, a steal of half O(items stolen) and one membarrier in all.
 */
#ifndef WEND_DEQUE_H
#define WEND_DEQUE_H

#include <wend/types.h>

WEND__BEGIN

typedef struct wend_deque wend_deque;

enum wend_deque_fence {
	WEND_DEQUE_AUTO = 0,  /* asymmetric where the kernel has membarrier, else full */
	WEND_DEQUE_FULL = 1,  /* the owner pays one exchange per pop, thieves pay no system call */
	WEND_DEQUE_ASYM = 2,  /* the owner pays nothing, a thief one membarrier per visit */
};

/* A new deque with room for at least `capacity` items (0: a small default); it grows by doubling, up
 * to 2^31 items. NULL when memory is exhausted or capacity is above the limit. WEND_DEQUE_ASYM
 * falls back to FULL where the kernel refuses membarrier. Free with wend_deque_free. */
WEND_API WEND_NODISCARD wend_deque *wend_deque_make(size_t capacity, enum wend_deque_fence fence);

/* Nobody may use d any more. Items left in it belong to the caller: pop them first. */
WEND_API void wend_deque_free(wend_deque *d);

/* Owner only. 0, or -ENOMEM when the deque is full and cannot grow: the item is not in it then. */
WEND_API WEND_NODISCARD int wend_deque_push(wend_deque *d, void *item);

/* Owner only: takes the newest item. False when empty. */
WEND_API bool wend_deque_pop(wend_deque *d, void **item);

/* Owner only: takes the oldest item. False when empty. */
WEND_API bool wend_deque_take(wend_deque *d, void **item);

/* Anybody: steals the oldest item. False when there was none, or another thief was faster. */
WEND_API bool wend_deque_steal(wend_deque *d, void **item);

/* Anybody: steals half of the items, rounded up, at most max, oldest first; returns how many. */
WEND_API size_t wend_deque_steal_half(wend_deque *d, void **items, size_t max);

/* A moment's estimate of the number of items; exact for the owner when there are no thieves. */
WEND_API size_t wend_deque_len(const wend_deque *d);

WEND__END
#endif
