/* SPDX-License-Identifier: MIT
 *
 * bench/team.h - rows that run on threads with roles, the counterpart of bench/rt.h. A team of
 * pthreads is started once, placed as the row says, and does one batch after the other; a batch
 * lasts from the first member's start to the last one's end. An operation's figure is wall time
 * over the operations of all.
 *
 *     TEAM_BENCH(thread_yield, "thread/yield", 2, BENCH_SAME_CPU, yields)
 */
#ifndef BENCH_TEAM_H
#define BENCH_TEAM_H

#include "atomics/atomic.h"
#include "bench/bench.h"

#include <pthread.h>

struct team;

struct team_row {
	int threads;
	enum bench_placement place;
	/* Member `self` does its part of n operations in all. */
	void (*work)(struct team *team, int self, uint64_t n);
	/* On the benchmark's thread, untimed, around each batch; NULL: nothing to do. `before` says
	 * false to give up, when it has failed the row. */
	bool (*before)(struct team *team, uint64_t n);
	void (*after)(struct team *team);
};

struct team {
	bench *b;
	const struct team_row *row;
	uint64_t n; /* operations of this batch; 0 sends the members home */
	pthread_barrier_t start, end;
	alignas(CACHELINE) atm_u32 turn; /* for the work: starts each batch as 0 */
	alignas(CACHELINE) pthread_mutex_t lock;
	pthread_cond_t cond[2];
	struct team_member *members;
};

/* A team of more is a crowd: it is measured last and needs room below the limits on threads. */
#define TEAM_SMALL 100

#define TEAM_BENCH(ident, str, k, where, fn, ...)                                                 \
	TEAM_BENCH_AROUND(ident, str, k, where, fn, NULL, NULL, __VA_ARGS__)
#define TEAM_BENCH_AROUND(ident, str, k, where, fn, first, last, ...)                             \
	TEAM_BENCH_FLAGS(ident, str, k, where, fn, first, last, 0, __VA_ARGS__)
#define TEAM_BENCH_FLAGS(ident, str, k, where, fn, first, last, extra, ...)                       \
	static struct team_row team_row_##ident = {                                                   \
		.threads = (k), .place = (where), .work = (fn), .before = (first), .after = (last)};      \
	BENCH_NAMED(ident, str, .run = team_bench, .user = &team_row_##ident, .placement = (where),   \
				.flags = BENCH_MANUAL_TIME | ((k) > TEAM_SMALL ? BENCH_CROWD : 0) | (extra), \
				__VA_ARGS__)

/* The run function of all these rows. */
void team_bench(bench *b);

/* Member i's share of n operations. */
static inline uint64_t team_share(const struct team *team, int i, uint64_t n)
{
	uint64_t k = (uint64_t)team->row->threads;

	return n / k + ((uint64_t)i < n % k);
}

#endif
