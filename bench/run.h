/* SPDX-License-Identifier: MIT
 *
 * bench/run.h - one run of one row, by all its threads:
 *
 *     bind to a CPU -> thread 0: setup -> run() { google-benchmark's barrier -> spin barrier ->
 *     clock -> batches -> clock } -> all wait -> thread 0: merge, teardown -> unbind
 *
 * ns/op is the time one thread spends on one of its operations, so a sleep of 10 ms is 10 ms at any
 * number of threads. With several threads only the window from the last start to the first end
 * counts, unless the body pauses or keeps time itself.
 */
#ifndef BENCH_RUN_H
#define BENCH_RUN_H

#include "bench/catalogue.h"

#ifdef __cplusplus
extern "C" {
#endif

/* google-benchmark's part in a thread of a run, a benchmark::State; shim.cc has the functions. */
struct engine;

void engine_begin(struct engine *e, uint64_t iterations); /* its start barrier and its clock */
void engine_end(struct engine *e);                        /* its end barrier */
void engine_pause(struct engine *e);
void engine_resume(struct engine *e);
void engine_manual(struct engine *e, double seconds);
void engine_stop(struct engine *e, const char *why); /* the first of several calls counts */
void engine_show(struct engine *e, const struct outcome *out);
void engine_label(struct engine *e, const char *label);

/* What each thread of a run calls. */
void run_thread(struct instance *in, struct engine *e, int threads, int index, uint64_t iterations);
/* Whether any run of the program failed. */
bool run_any_failed(void);

#ifdef __cplusplus
}
#endif
#endif
