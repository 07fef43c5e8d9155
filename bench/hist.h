/* SPDX-License-Identifier: MIT
 *
 * bench/hist.h - latency histogram, log-linear: 64 buckets an octave, 1 ns to 100 s and beyond, so
 * a value is known to within 1.6 %. Recording is a shift and an increment on memory that one thread
 * owns; histograms of several threads are added up afterwards.
 *
 * Bucket of v: below 128 the value itself; above, v is shifted right until it lies in [64, 128) and
 * each shift moves 64 buckets up.
 */
#ifndef BENCH_HIST_H
#define BENCH_HIST_H

#include <stdint.h>

#define HIST_SUB 64
#define HIST_OCTAVES 37 /* 128 ns * 2^31 is above 100 s; the rest keeps the last bucket honest */
#define HIST_BUCKETS ((HIST_OCTAVES + 1) * HIST_SUB)
/* A quantile is told only when so many samples lie beyond it. */
#define HIST_BEYOND 10

struct hist {
	uint64_t n;
	uint64_t sum;
	uint64_t max;
	uint64_t bucket[HIST_BUCKETS];
};

static inline unsigned hist_index(uint64_t v)
{
	unsigned shift = v < 128 ? 0 : 57 - (unsigned)__builtin_clzll(v);
	unsigned i = shift * HIST_SUB + (unsigned)(v >> shift);

	return i < HIST_BUCKETS ? i : HIST_BUCKETS - 1;
}

/* The middle of bucket i. */
static inline double hist_value(unsigned i)
{
	unsigned shift = i < 128 ? 0 : i / HIST_SUB - 1;
	uint64_t low = (uint64_t)(i - shift * HIST_SUB) << shift;

	return (double)low + (double)((1ull << shift) - 1) / 2;
}

static inline void hist_add(struct hist *h, uint64_t v)
{
	h->bucket[hist_index(v)]++;
	h->n++;
	h->sum += v;
	if (v > h->max)
		h->max = v;
}

static inline void hist_merge(struct hist *to, const struct hist *from)
{
	for (unsigned i = 0; i < HIST_BUCKETS; i++)
		to->bucket[i] += from->bucket[i];
	to->n += from->n;
	to->sum += from->sum;
	if (from->max > to->max)
		to->max = from->max;
}

/* The q-quantile (0 < q < 1), or -1 when fewer than HIST_BEYOND samples lie beyond it. */
static inline double hist_quantile(const struct hist *h, double q)
{
	uint64_t rank = (uint64_t)(q * (double)h->n), seen = 0;

	if (h->n - rank < HIST_BEYOND)
		return -1;
	for (unsigned i = 0; i < HIST_BUCKETS; i++) {
		seen += h->bucket[i];
		if (seen > rank)
			return hist_value(i) < (double)h->max ? hist_value(i) : (double)h->max;
	}
	return -1;
}

#endif
