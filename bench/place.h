/* SPDX-License-Identifier: MIT
 *
 * bench/place.h - where the threads of a benchmark run: the CPUs that the process may use, one per
 * core first, and binding that is checked rather than believed. */
#ifndef BENCH_PLACE_H
#define BENCH_PLACE_H

#include <sched.h>

#include "bench/bench.h"

#define PLACE_MAX 1024

/* The allowed CPUs: first one of each core, in ascending order, then their siblings. */
struct place {
	int n;
	int cores;
	int cpu[PLACE_MAX];
	cpu_set_t allowed;
};

void place_read(struct place *p);

/* The CPU for thread i, or -1 for anywhere. */
int place_cpu(const struct place *p, enum bench_placement where, int i);

/* Why this placement cannot be had here, or NULL. */
const char *place_missing(const struct place *p, enum bench_placement where);

const char *place_name(enum bench_placement where);

/* Binds the calling thread to `cpu` (below 0: to all that are allowed). 0, or the negative errno;
 * -EXDEV when the call succeeded and the thread still runs elsewhere. */
int place_bind(const struct place *p, int cpu);

#endif
