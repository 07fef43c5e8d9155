/* SPDX-License-Identifier: MIT
 *
 * base/compiler.h - short spellings of what gcc and clang share. */
#ifndef BASE_COMPILER_H
#define BASE_COMPILER_H

#include <stdalign.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/namespace.h"

#define likely(x) __builtin_expect(!!(x), 1)
#define unlikely(x) __builtin_expect(!!(x), 0)
#define noinline __attribute__((__noinline__))
#define force_inline inline __attribute__((__always_inline__))
#define cold __attribute__((__cold__, __noinline__))
#define countof(a) (sizeof(a) / sizeof *(a))

/* Two lines: the adjacent-line prefetcher fetches pairs. */
#define CACHELINE 128
#define PAGE_SIZE 4096

#if defined(__SANITIZE_THREAD__)
#define WEND_TSAN 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define WEND_TSAN 1
#endif
#endif
#if defined(__SANITIZE_ADDRESS__)
#define WEND_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define WEND_ASAN 1
#endif
#endif

/* For the few functions that change stacks: neither accesses nor entry and exit are instrumented. */
#if defined(__clang__) && defined(WEND_TSAN)
#define no_instrument __attribute__((disable_sanitizer_instrumentation, __noinline__))
#elif defined(WEND_TSAN) || defined(WEND_ATOMICS_MODEL)
#define no_instrument __attribute__((no_sanitize("thread"), __noinline__))
#else
#define no_instrument
#endif

/* Tells the compiler to forget what it knows of memory; no instruction. */
static force_inline void compiler_barrier(void)
{
	__asm__ volatile("" : : : "memory");
}

/* The structure of which p is a member. */
#define container_of(p, type, member) ((type *)((char *)(p)-offsetof(type, member)))

static force_inline void prefetch(const void *p)
{
	__builtin_prefetch(p, 1, 3);
}

/* Only to be read. */
static force_inline void prefetch_read(const void *p)
{
	__builtin_prefetch(p, 0, 3);
}

#endif
