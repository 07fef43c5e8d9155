/* SPDX-License-Identifier: MIT
 *
 * bench/lock_team.h - a peer's lock on teams of threads: one macro makes all its rows. The lock is `l`, a static
 * variable of the given type that INIT sets up once.
 *
 * Rows of a mutex:  NAME alone, NAME_p2/1 and /50 contended by as many threads on each of two CPUs, NAME_work_p2/...
 * with work inside and outside. Rows of a reader-writer lock: NAME_read alone, NAME_read_p2 by two at once (a
 * thread's time for its own), NAME_write, NAME_mix_p2/SHARE/1 and /50.
 */
#ifndef BENCH_LOCK_TEAM_H
#define BENCH_LOCK_TEAM_H

#include "bench/lock_work.h"
#include "bench/team.h"

static void lock_team_report(struct team *team)
{
	samples_report(team->b, (size_t)team->row->threads);
}

#define LOCK_TEAM_ROW(ident, str, k, where, each, body, extra, ...)                                     \
	static void ident(struct team *team, int self, uint64_t n)                                    \
	{                                                                                             \
		uint64_t mine = (each) ? n : team_share(team, self, n);                                   \
		uint64_t share = (uint64_t)bench_arg(team->b, 0);                                         \
                                                                                                  \
		(void)share;                                                                              \
		body(self, mine, share);                                                                  \
	}                                                                                             \
	TEAM_BENCH_FLAGS(ident##_row, str, k, where, ident, NULL, lock_team_report, extra, __VA_ARGS__)

#define MUTEX_TEAM_ROWS(id, name, LOCK, UNLOCK)                                                   \
	static inline void id##_empty(int self, uint64_t n, uint64_t share)                           \
	{                                                                                             \
		LOCK_LOOP((size_t)self, n, false, LOCK, UNLOCK);                                          \
	}                                                                                             \
	static inline void id##_working(int self, uint64_t n, uint64_t share)                         \
	{                                                                                             \
		LOCK_LOOP((size_t)self, n, true, LOCK, UNLOCK);                                           \
	}                                                                                             \
	LOCK_TEAM_ROW(id##_alone, name, 1, BENCH_SAME_CPU, false, id##_empty, 0, .clock = "wall")     \
	LOCK_TEAM_ROW(id##_p2_1, name "_p2/1", 2, BENCH_TWO_CPUS, false, id##_empty, 0,               \
				  .clock = "wall")                                                                \
	LOCK_TEAM_ROW(id##_p2_50, name "_p2/50", 100, BENCH_TWO_CPUS, false, id##_empty, 0,           \
				  .clock = "wall")                                                                \
	LOCK_TEAM_ROW(id##_work_p2_1, name "_work_p2/1", 2, BENCH_TWO_CPUS, false, id##_working, 0,   \
				  .clock = "wall")                                                                \
	LOCK_TEAM_ROW(id##_work_p2_50, name "_work_p2/50", 100, BENCH_TWO_CPUS, false, id##_working,  \
				  0, .clock = "wall")

/* mixes: BENCH_FULL_ONLY if the rows of the mixtures are for the long run only. */
#define RW_TEAM_ROWS(id, name, mixes, RLOCK, RUNLOCK, LOCK, UNLOCK)                               \
	static inline void id##_reads(int self, uint64_t n, uint64_t share)                           \
	{                                                                                             \
		LOCK_LOOP((size_t)self, n, false, RLOCK, RUNLOCK);                                        \
	}                                                                                             \
	static inline void id##_writes(int self, uint64_t n, uint64_t share)                          \
	{                                                                                             \
		LOCK_LOOP((size_t)self, n, false, LOCK, UNLOCK);                                          \
	}                                                                                             \
	static inline void id##_mixture(int self, uint64_t n, uint64_t share)                         \
	{                                                                                             \
		RW_LOOP((size_t)self, n, share, RLOCK, RUNLOCK, LOCK, UNLOCK);                            \
	}                                                                                             \
	LOCK_TEAM_ROW(id##_read, name "_read", 1, BENCH_SAME_CPU, false, id##_reads, 0,               \
				  .clock = "wall")                                                                \
	LOCK_TEAM_ROW(id##_read_p2, name "_read_p2", 2, BENCH_TWO_CPUS, true, id##_reads, 0,          \
				  .clock = "wall")                                                                \
	LOCK_TEAM_ROW(id##_write, name "_write", 1, BENCH_SAME_CPU, false, id##_writes, 0,            \
				  .clock = "wall")                                                                \
	LOCK_TEAM_ROW(id##_mix_1, name "_mix_p2/1", 2, BENCH_TWO_CPUS, false, id##_mixture, mixes,    \
				  LOCK_SHARES)                                                                    \
	LOCK_TEAM_ROW(id##_more_1, name "_mix_p2/1", 2, BENCH_TWO_CPUS, false, id##_mixture,          \
				  BENCH_FULL_ONLY, LOCK_MORE_SHARES)

/* With fifty threads a CPU: for locks that put threads to sleep. */
#define RW_TEAM_CROWD_ROWS(id, name, mixes)                                                       \
	LOCK_TEAM_ROW(id##_mix_50, name "_mix_p2/50", 100, BENCH_TWO_CPUS, false, id##_mixture,       \
				  mixes, LOCK_SHARES)                                                             \
	LOCK_TEAM_ROW(id##_more_50, name "_mix_p2/50", 100, BENCH_TWO_CPUS, false, id##_mixture,      \
				  BENCH_FULL_ONLY, LOCK_MORE_SHARES)

/* Reads in a thousand. */
#define LOCK_SHARES .args = {{900}, {999}}, .nargs = 2
#define LOCK_MORE_SHARES .args = {{500}, {990}, {1000}}, .nargs = 3

#endif
