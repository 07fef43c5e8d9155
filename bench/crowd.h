/* SPDX-License-Identifier: MIT
 *
 * bench/crowd.h - coroutines, and threads, that come in, stand still until a gate opens, and end: what rows on
 * memory and on creation in bulk are made of. */
#ifndef BENCH_CROWD_H
#define BENCH_CROWD_H

#include "bench/rt.h"

#include <pthread.h>

/* ---- Coroutines. Zero value, and gate closed by wend_waitgroup_add(&crowd.gate, 1) ------------- */

struct crowd {
	wend_waitgroup here, gate, over;
};

/* What each of them runs. */
void stand(void *crowd);

/* One more; 0 or wend_go's error, and then it does not count. */
int crowd_add(struct crowd *crowd);

/* Opens the gate and waits until all have ended. */
void crowd_open(struct crowd *crowd);

/* ---- Threads ------------------------------------------------------------------------------- */

struct hall {
	atm_u32 here, open;
};

/* Starts up to want threads and waits until all stand; returns how many, *rc is why there are no more. */
uint64_t hall_fill(struct hall *hall, pthread_t *thread, uint64_t want, int *rc);

/* Lets them go and joins them. */
void hall_open(struct hall *hall, const pthread_t *thread, uint64_t made);

/* ---- Figures ------------------------------------------------------------------------------- */

/* What each of count took between two readings. */
static inline double each(uint64_t before, uint64_t after, uint64_t count)
{
	return count ? ((double)after - (double)before) / (double)count : 0;
}

#endif
