/* SPDX-License-Identifier: MIT
 *
 * bench/outcome.h - what a run came to: times, counters, latencies, placement, and whether it ran
 * at all. */
#ifndef BENCH_OUTCOME_H
#define BENCH_OUTCOME_H

#include "bench/bench.h"
#include "bench/hist.h"
#include "bench/json.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Counters by name, each once, in the order of their first mention. Zero value: none. */
struct count {
	char *name;
	double value;
	enum bench_count_kind kind;
};

struct counts {
	struct count *at;
	size_t n;
};

void counts_add(struct counts *c, const char *name, double value, enum bench_count_kind kind);
/* Adds another thread's: sums, but the greatest where that was asked for. */
void counts_merge(struct counts *to, const struct counts *from);
/* Turns sums into what is shown: rates, parts of an operation. */
void counts_finish(struct counts *c, double seconds, double ops);
void counts_free(struct counts *c);

enum outcome_status { OUTCOME_OK, OUTCOME_SKIPPED, OUTCOME_FAILED };

struct outcome {
	enum outcome_status status;
	char *reason, *label;  /* NULL: none */
	const char *window;    /* what was timed: whole, steady, manual */
	double wall_ns, cpu_ns; /* per operation (per item where items are set) */
	double ops, seconds, ops_per_s;
	double skew_ns, fairness;
	int64_t items;
	int *cpus; /* where the threads were bound, ncpus of them */
	int ncpus;
	char pinned[64]; /* no, yes, or why not */
	struct counts counters;
	struct hist *lat; /* NULL: no samples */
	int64_t nvcsw, nivcsw, maxrss_kb;
};

#define OUTCOME_QUANTILES 4
extern const char *const outcome_quantile_name[OUTCOME_QUANTILES];
extern const double outcome_quantile[OUTCOME_QUANTILES];

/* The members of a row's object that tell the outcome; by_cpu: the CPU clock is the figure. */
void outcome_write(const struct outcome *out, struct json *j, int threads, bool by_cpu);
void outcome_free(struct outcome *out);

#ifdef __cplusplus
}
#endif
#endif
