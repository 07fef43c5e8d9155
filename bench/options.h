/* SPDX-License-Identifier: MIT
 *
 * bench/options.h - our flags on the command line of a benchmark program, and what they print. */
#ifndef BENCH_OPTIONS_H
#define BENCH_OPTIONS_H

#include "bench/catalogue.h"

#ifdef __cplusplus
extern "C" {
#endif

struct options {
	struct catalogue chosen; /* rows to run */
	const char *out;         /* file for their objects, NULL: none */
	int64_t ops;             /* operations of each row that leaves them open; 0: by time */
	bool serve;              /* the row is told how much to do, time and again */
	int argc;                /* what is left for google-benchmark, the program's name first */
	char **argv;             /* ends with NULL */
};

/* -1: go on; else the exit status: everything was done, or an argument was wrong. */
int options_read(struct options *o, int argc, char **argv);

#ifdef __cplusplus
}
#endif
#endif
