/* SPDX-License-Identifier: MIT
 *
 * bench/rt.h - rows that run on coroutines. A row is a body that does n operations; it runs as a
 * coroutine of a runtime with as many P's as the row names, pinned as the row says, while the
 * benchmark's own thread sleeps outside. Only the body is timed, on the wall clock:
 *
 *     static void yields(struct rt *rt, uint64_t n)
 *     {
 *             while (n--)
 *                     wend_yield();
 *     }
 *     RT_BENCH(yield, "yield/alone", 1, BENCH_SAME_CPU, yields)
 *
 * With two P's an operation's figure is wall time over the operations of both, unless the row says
 * otherwise.
 */
#ifndef BENCH_RT_H
#define BENCH_RT_H

#include "atomics/atomic.h"
#include "bench/bench.h"
#include "wend/wend.h"

struct rt;

struct rt_row {
	int procs; /* 0: as many as bench_procs() says */
	enum bench_placement place; /* BENCH_FREE: P's float; else they are pinned, compact */
	void (*body)(struct rt *rt, uint64_t n);
};

struct rt {
	bench *b; /* only while the body is the one coroutine that uses it */
	const struct rt_row *row;
	int procs;          /* how many P's it runs on */
	uint64_t n;         /* operations of this batch */
	uint64_t start, ns; /* clock when timing began, and how long; ns 0: until the body returns */
	wend_waitgroup over;
	atm_u32 failed;
};

#define RT_BENCH(ident, str, p, where, fn, ...)                                                   \
	RT_BENCH_FLAGS(ident, str, p, where, fn, 0, __VA_ARGS__)
#define RT_BENCH_FLAGS(ident, str, p, where, fn, extra, ...)                                      \
	static struct rt_row rt_row_##ident = {.procs = (p), .place = (where), .body = (fn)};         \
	BENCH_NAMED(ident, str, .run = rt_bench, .user = &rt_row_##ident, .placement = (where),       \
				.flags = BENCH_MANUAL_TIME | (extra), __VA_ARGS__)

/* A row on as many P's as bench_procs() says, from three on. */
#define RT_BENCH_PN(ident, str, fn, extra, ...)                                                   \
	RT_BENCH_FLAGS(ident, str, 0, BENCH_ALL_CPUS, fn, BENCH_MANY_PROCS | (extra), __VA_ARGS__)

/* The run function of all these rows. */
void rt_bench(bench *b);

/* Timing starts again here: what the body did so far was preparation. */
void rt_begin(struct rt *rt);
/* Timing ends here: what follows is clearing up. */
void rt_end(struct rt *rt);

/* Marks the row as failed; the first message is kept. From any coroutine of the row. */
void rt_fail(struct rt *rt, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
bool rt_failed(const struct rt *rt);

/* rc of a wend call: true when it is 0, else the row fails with its name and error. */
bool rt_ok(struct rt *rt, int rc, const char *call);

/* One of a crowd of coroutines that start together. */
struct rt_member {
	struct rt *rt;
	size_t index;
	uint64_t n; /* its share of the operations */
};

/* Starts `count` coroutines (the i-th tied to P i modulo their number when spread is set), lets
 * all of them reach a gate, begins timing when it opens and ends it when the last has run fn.
 * Each gets its share of n. */
void rt_crowd(struct rt *rt, size_t count, bool spread, uint64_t n, void (*fn)(struct rt_member *));

#endif
