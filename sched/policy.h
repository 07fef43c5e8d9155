/* SPDX-License-Identifier: MIT
 *
 * sched/policy.h - the scheduler's decisions as pure functions of plain values: no atomics, no threads,
 * so that a simulator can run the same code. Knobs come in as arguments.
 */
#ifndef SCHED_POLICY_H
#define SCHED_POLICY_H

#include <stdbool.h>
#include <stdint.h>

#include "base/rand.h"
#include "sched/knobs.h"

/* May one more P start to search? At most `searchers` percent of the busy ones, but at least one. */
static inline bool policy_may_search(const struct knobs *k, uint32_t searching, uint32_t nprocs,
									 uint32_t idle)
{
	uint64_t busy = nprocs > idle ? nprocs - idle : 0;
	uint64_t limit = busy * (uint64_t)k->searchers / 100;

	return k->searchers > 0 && searching < (limit ? limit : 1);
}

/* How many coroutines to bring from the global queue: a fair share, at most max. */
static inline uint32_t policy_global_batch(uint32_t queued, uint32_t nprocs, uint32_t max)
{
	uint32_t n = queued / nprocs + 1;

	n = n < queued ? n : queued;
	return n < max ? n : max;
}

/* A queue of n ready coroutines on a P. One alone is most likely about to run there: it is left alone
 * unless the P has not picked since the last look (stale). */
static inline bool policy_may_steal(uint32_t n, bool stale)
{
	return n >= 2 || (n == 1 && stale);
}

/* A visit to another P interrupts it for some 10 us. A thief whose last one brought work for less than twice
 * that rests, longer each time up to the knob, so that the next one brings more. */
static inline int64_t policy_steal_rest(const struct knobs *k, int64_t rest_ns, int64_t busy_ns)
{
	int64_t next = rest_ns ? 2 * rest_ns : 25000, most = k->rest_us * 1000;

	if (busy_ns >= 20000)
		return 0;
	return next < most ? next : most;
}

/* Is work that was just made ready, n of it now, worth the 10 us that waking a thread costs? A lone
 * one is not while a sleeping P watches for work gone stale. */
static inline bool policy_may_wake(const struct knobs *k, uint32_t n, bool watched)
{
	return n >= 2 || k->wake == WAKE_EAGER || !watched;
}

/* Position in the victim order at which a search starts: inside a level of equal distance anywhere,
 * levels from near to far; or anywhere at all. */
static inline uint32_t policy_victim(const struct knobs *k, uint64_t *rng, uint32_t i,
									 uint32_t level_start, uint32_t level_end, uint32_t all,
									 uint32_t *offset)
{
	if (i == (k->victim == VICTIM_RANDOM ? 0 : level_start))
		*offset = rand_next(rng);
	if (k->victim == VICTIM_RANDOM)
		return (i + *offset) % all;
	uint32_t n = level_end - level_start;

	return level_start + (i - level_start + *offset) % n;
}

/* The next interval of a sleeping P that watches: short after it found something, doubling to 2 ms, or as
 * long as watch_us if that is more. */
static inline int64_t policy_watch_next(const struct knobs *k, int64_t now_ns, bool found)
{
	if (found)
		return k->watch_us * 1000;
	if (now_ns >= 2000000)
		return now_ns;
	return now_ns * 2 < 2000000 ? now_ns * 2 : 2000000;
}

#endif
