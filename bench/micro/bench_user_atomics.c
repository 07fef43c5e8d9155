/* SPDX-License-Identifier: MIT
 *
 * bench_user_atomics.c - wend_atomic_* and wend_value as users call them, against CK's operations of the
 * same strength (peers/ck.c) and Go's sync/atomic. The `_called` rows are the same behind a call, which is
 * what operations out of line would cost.
 */
#include "base/compiler.h"
#include "bench/bench.h"
#include "wend/wend.h"

static struct {
	alignas(CACHELINE) wend_atomic_i64 own;
	alignas(CACHELINE) wend_atomic_i64 shared;
	alignas(CACHELINE) wend_value value;
} line;

static noinline int64_t called_load(const wend_atomic_i64 *a)
{
	return wend_atomic_i64_load(a);
}

static noinline int64_t called_add(wend_atomic_i64 *a, int64_t n)
{
	return wend_atomic_i64_add(a, n);
}

static noinline int64_t called_or(wend_atomic_i64 *a, int64_t bits)
{
	return wend_atomic_i64_or(a, bits);
}

/* One row: `op` n times. */
#define ROW(ident, str, op, ...)                                                                  \
	static void ident(bench *b)                                                                   \
	{                                                                                             \
		uint64_t n;                                                                               \
                                                                                                  \
		while ((n = bench_next(b)) != 0) {                                                        \
			for (uint64_t i = 0; i < n; i++)                                                      \
				op;                                                                               \
		}                                                                                         \
	}                                                                                             \
	BENCH_NAMED(ident, str, .run = ident, __VA_ARGS__)
#define ALONE(ident, str, op, base)                                                               \
	ROW(ident, "user/" str, op, .placement = BENCH_SAME_CPU, .baseline = base)

ALONE(load, "load", BENCH_USE(wend_atomic_i64_load(&line.own)), "ck/load")
ALONE(load_called, "load_called", BENCH_USE(called_load(&line.own)), "user/load")
ALONE(store, "store", wend_atomic_i64_store(&line.own, (int64_t)i), "ck/store_fence")
ALONE(add, "add", BENCH_USE(wend_atomic_i64_add(&line.own, 1)), "ck/faa")
ALONE(add_called, "add_called", BENCH_USE(called_add(&line.own, 1)), "user/add")
ALONE(swap, "swap", BENCH_USE(wend_atomic_i64_swap(&line.own, (int64_t)i)), "ck/fas")
ALONE(cas, "compare_and_swap",
	  BENCH_USE(wend_atomic_i64_compare_and_swap(&line.own, wend_atomic_i64_load(&line.own), (int64_t)i)),
	  "ck/cas")
/* Where nobody wants the former value a locked or will do; where somebody does, it is a loop. */
ALONE(or_unused, "or", (void)wend_atomic_i64_or(&line.own, 1), "ck/or")
ALONE(or_used, "or_result", BENCH_USE(wend_atomic_i64_or(&line.own, 1)), "user/or")
ALONE(or_called, "or_called", (void)called_or(&line.own, 1), "user/or")
ROW(add_shared, "user/add_shared", BENCH_USE(wend_atomic_i64_add(&line.shared, 1)),
	.placement = BENCH_TWO_CPUS, .threads = {2}, .baseline = "atomics/xadd_shared/threads:2")

static void fill(bench *b)
{
	WEND_VALUE_STORE(&line.value, struct wend_value, &line.value);
}

ROW(value_load, "value/load", BENCH_USE(WEND_VALUE_LOAD(&line.value, struct wend_value)),
	.setup = fill, .placement = BENCH_SAME_CPU, .baseline = "user/load")
ROW(value_store, "value/store", WEND_VALUE_STORE(&line.value, struct wend_value, &line.value),
	.setup = fill, .placement = BENCH_SAME_CPU, .baseline = "user/store")
