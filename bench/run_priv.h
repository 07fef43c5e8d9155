/* SPDX-License-Identifier: MIT
 *
 * bench/run_priv.h - the two halves of a run: run.c moves its threads, merge.c makes one outcome of
 * what they measured. */
#ifndef BENCH_RUN_PRIV_H
#define BENCH_RUN_PRIV_H

#include "atomics/atomic.h"
#include "bench/run.h"

#include <sys/resource.h>

#define RUN_BATCHES 16 /* per thread, when there are several threads */

/* `done` operations were completed at `when`. */
struct mark {
	uint64_t when, done;
};

struct run {
	pthread_mutex_t lock;
	pthread_cond_t cond;
	int threads, arrived, gone; /* under the lock */
	int users;                  /* threads that may still look at it; under the instance's lock */
	bool set_up, over;          /* under the lock */
	void *state;                /* the body's; set before the start */
	struct bench **here;        /* each written by its thread, under the lock */
	atm_u32 stop;               /* skipped or failed; the reason is in `out`, under the lock */
	struct outcome out;
	struct rusage before;
};

enum stage { STAGE_FRESH, STAGE_RUNNING, STAGE_DONE };

/* One thread of one run. Aligned so that neighbours share no line, nor a pair of lines. */
struct bench {
	alignas(128) atm_u64 phase; /* barriers passed; all ones: will pass no more */
	struct instance *in;
	struct run *run;
	struct engine *engine;
	int index;
	enum stage stage;
	bool paused, was_paused, drained;
	uint64_t iters, completed, handed, batch;
	uint64_t start, end, cpu_start, cpu_end;
	uint64_t paused_at, paused_cpu, paused_ns, paused_cpu_ns;
	uint64_t manual_ns;
	uint64_t burst_start, burst_cpu, burst_manual; /* when served: the clocks when the burst began */
	int64_t items;
	int pin_error;
	struct mark marks[RUN_BATCHES + 1];
	int nmarks;
	struct counts counts;
	struct hist lat;
};

/* Thread 0, after all bodies returned. */
void run_merge(struct run *r);

#endif
