/* SPDX-License-Identifier: MIT
 *
 * bench/catalogue.h - every row of a program: the registered definitions, multiplied out over their
 * arguments and thread counts. */
#ifndef BENCH_CATALOGUE_H
#define BENCH_CATALOGUE_H

#include "bench/bench.h"
#include "bench/json.h"
#include "bench/outcome.h"

#include <pthread.h>

#ifdef __cplusplus
extern "C" {
#endif

struct run;

struct instance {
	const bench_def *def;
	char *name;   /* of the row */
	char *family; /* what google-benchmark is told, which adds /threads:n itself */
	int64_t args[4];
	int nargs;
	int threads;
	pthread_mutex_t lock; /* of the following */
	struct run *current;
	struct outcome *outcomes; /* of every run, calibration included: the last ones count */
	size_t noutcomes;
};

struct catalogue {
	struct instance **at;
	size_t n;
};

/* All rows, in the order of registration; aborts without memory. They live to the end. */
const struct catalogue *catalogue_all(void);
struct instance *catalogue_find(const struct catalogue *c, const char *name);
/* The rows that run without being asked for by name. */
bool catalogue_usual(const struct instance *in);

/* The members of a row's object that tell what it is. */
void instance_write(const struct instance *in, struct json *j);
bool instance_by_cpu(const struct instance *in);
/* A whole line for a run of the row. */
void instance_write_outcome(const struct instance *in, FILE *to, const struct outcome *out,
							int repetition);

#ifdef __cplusplus
}
#endif
#endif
