/* SPDX-License-Identifier: MIT
 *
 * bench/serve.h - a row that waits to be told how much to do, so that processes of two builds can take
 * turns (--bench_serve):
 *
 *     <- {"ready": true}
 *     -> 1000                              a line with a number of operations
 *     <- {"ops": 1000, "wall_ns": ..., "cpu_ns": ..., "nvcsw": ..., "nivcsw": ..., "events": {...}}
 *
 * until the input ends; the last line tells the row's status. Times are of the whole burst. The row stays set up
 * between bursts: its runtime runs, and sleeps.
 */
#ifndef BENCH_SERVE_H
#define BENCH_SERVE_H

#include "bench/outcome.h"

#include <stdbool.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* From the command line, before the rows run. slower: do that many times the operations that are asked for, and say
 * that it were as many as asked: a slowdown of known size, with which the gate is calibrated. */
void serve_enable(double slower);
bool serve_enabled(void);

/* The next number of operations to run; 0: no more are wanted. */
uint64_t serve_take(void);
/* How long they took. */
void serve_answer(uint64_t wall_ns, uint64_t cpu_ns);
/* How the row ended. */
void serve_end(const struct outcome *out);

#ifdef __cplusplus
}
#endif
#endif
