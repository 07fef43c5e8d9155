/* SPDX-License-Identifier: MIT
 *
 * base/race.h - what race and memory checkers must be told: which fiber runs, which object orders
 * whom. Empty in other builds. Two uses of ThreadSanitizer:
 *
 *   WEND_TSAN  the runtime itself is instrumented and on trial. A switch orders the two fibers, as
 *              the data of an M and its P pass from one to the next by it.
 *   WEND_RACE  users' code is on trial: the runtime is not instrumented, only annotated, and a switch
 *              orders nobody, or all coroutines of a thread would count as ordered and real races
 *              vanish.
 */
#ifndef BASE_RACE_H
#define BASE_RACE_H

#include "base/compiler.h"

#if defined(WEND_RACE)
#define RACE__SWITCH_FLAGS 1
#elif defined(WEND_TSAN)
#define RACE__SWITCH_FLAGS 0
#endif

#ifdef RACE__SWITCH_FLAGS
void *__tsan_get_current_fiber(void);
void *__tsan_create_fiber(unsigned flags);
void __tsan_destroy_fiber(void *fiber);
void __tsan_switch_to_fiber(void *fiber, unsigned flags);
void __tsan_acquire(void *addr);
void __tsan_release(void *addr);
#define race_fiber_current() __tsan_get_current_fiber()
#define race_fiber_create(gp) ((gp)->race_fiber = __tsan_create_fiber(0))
#define race_fiber_destroy(gp) __tsan_destroy_fiber((gp)->race_fiber)
#define race_fiber_switch(f) __tsan_switch_to_fiber((f), RACE__SWITCH_FLAGS)
#define race_acquire(obj) __tsan_acquire((void *)(obj))
#define race_release(obj) __tsan_release((void *)(obj))
#else
#define race_fiber_current() NULL
#define race_fiber_create(gp) ((void)(gp))
#define race_fiber_destroy(gp) ((void)(gp))
#define race_fiber_switch(f) ((void)(f))
#define race_acquire(obj) ((void)(obj))
#define race_release(obj) ((void)(obj))
#endif

#ifdef WEND_ASAN
void __sanitizer_start_switch_fiber(void **fake_stack_save, const void *bottom, size_t size);
void __sanitizer_finish_switch_fiber(void *fake_stack_save, const void **bottom_old,
									 size_t *size_old);
void __asan_unpoison_memory_region(void const volatile *addr, size_t size);
#define asan_switch_begin(save, lo, size) __sanitizer_start_switch_fiber((save), (lo), (size))
#define asan_switch_end(saved) __sanitizer_finish_switch_fiber((saved), NULL, NULL)
#define asan_unpoison(p, n) __asan_unpoison_memory_region((p), (n))
#else
#define asan_switch_begin(save, lo, size) ((void)0)
#define asan_switch_end(saved) ((void)0)
#define asan_unpoison(p, n) ((void)0)
#endif

#endif
