/* SPDX-License-Identifier: MIT
 *
 * wend/types.h - what every public header shares: attributes and the plain typed words that value
 * types are made of. No thread-local variable, no _Atomic and no library type appears in any public
 * header; they compile alone as C11, C17, C23 and C++17.
 */
#ifndef WEND_TYPES_H
#define WEND_TYPES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
#define WEND__BEGIN extern "C" {
#define WEND__END }
#define WEND_ZERO \
	{             \
	}
#else
#define WEND__BEGIN
#define WEND__END
/* Initialiser of every zero-value type: `wend_waitgroup wg = WEND_ZERO;` */
#define WEND_ZERO \
	{             \
		0         \
	}
#endif

#define WEND_API __attribute__((visibility("default")))
#define WEND_NODISCARD __attribute__((warn_unused_result))
#define WEND_NORETURN __attribute__((noreturn))
#define WEND__UNUSED __attribute__((unused))

/* wend/context.h has contexts; the other headers' calls that take one need its name. */
typedef struct wend_ctx wend_ctx;

/* Words shared between threads. The wrapper keeps a plain access from compiling by accident; the
 * library reads and writes them through its atomics layer only. */
typedef struct wend__u32 {
	uint32_t wend__v;
} wend__u32;

typedef struct wend__u64 {
	uint64_t wend__v;
} wend__u64;

typedef struct wend__ptr {
	void *wend__v;
} wend__ptr;

#endif
