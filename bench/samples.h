/* SPDX-License-Identifier: MIT
 *
 * bench/samples.h - waits of many members of a row: each keeps a sample of its own, evenly spread over its
 * operations, so that reading the clock costs the mean next to nothing; the row's owner reports all of them. */
#ifndef BENCH_SAMPLES_H
#define BENCH_SAMPLES_H

#include "bench/bench.h"

enum { SAMPLES_MEMBERS = 512, SAMPLES_EACH = 512 };

static struct samples {
	uint32_t n;
	uint64_t stride, left;
	uint64_t ns[SAMPLES_EACH];
} samples[SAMPLES_MEMBERS];

/* Member i is going to do n operations. */
static inline struct samples *samples_begin(size_t i, uint64_t n)
{
	struct samples *s = &samples[i % SAMPLES_MEMBERS];

	s->n = 0;
	s->stride = s->left = n / SAMPLES_EACH + 1;
	return s;
}

/* Time before the operation if it is one to be sampled, else 0; and after it. */
static inline uint64_t samples_start(struct samples *s)
{
	if (--s->left != 0)
		return 0;
	s->left = s->stride;
	return bench_now();
}

static inline void samples_stop(struct samples *s, uint64_t start)
{
	if (start != 0)
		s->ns[s->n++ % SAMPLES_EACH] = bench_now() - start;
}

static inline void samples_report(bench *b, size_t members)
{
	for (size_t i = 0; i < members && i < SAMPLES_MEMBERS; i++)
		for (uint32_t k = 0; k < samples[i].n; k++)
			bench_lat(b, samples[i].ns[k]);
}

#endif
