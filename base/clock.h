/* SPDX-License-Identifier: MIT
 *
 * base/clock.h - CLOCK_MONOTONIC in nanoseconds: exact (about 25 ns a call) and coarse (about 5 ns,
 * up to one kernel tick old). */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

#include <stdint.h>
#include <time.h>

static inline int64_t clock_read(clockid_t id)
{
	struct timespec ts;

	clock_gettime(id, &ts);
	return (int64_t)ts.tv_sec * 1000000000 + ts.tv_nsec;
}

static inline int64_t clock_now(void)
{
	return clock_read(CLOCK_MONOTONIC);
}

static inline int64_t clock_coarse(void)
{
	return clock_read(CLOCK_MONOTONIC_COARSE);
}

#endif
