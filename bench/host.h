/* SPDX-License-Identifier: MIT
 *
 * bench/host.h - what the benchmarks must know of the machine: the CPUs the program was allowed
 * when it started (a benchmark's thread may be pinned since), memory as the kernel counts it, and
 * the bare futex that the thread rows are built on. */
#ifndef BENCH_HOST_H
#define BENCH_HOST_H

#include "atomics/atomic.h"
#include "bench/bench.h"

#include <stdint.h>

struct place;

/* The CPUs that the program was allowed at its start; how many, and on how many cores. */
const struct place *host_map(void);
int host_cpus(void);
int host_cores(void);
/* Why this placement cannot be had here, or NULL. */
const char *host_missing(enum bench_placement where);
/* Puts the calling thread where thread i of that placement runs; 0 or a negative errno. */
int host_place(enum bench_placement where, int i);

/* Bytes; 0 when the kernel does not tell. */
uint64_t host_rss(void);       /* resident memory of this process */
uint64_t host_pte(void);       /* its page tables */
uint64_t host_virtual(void);   /* its address space */
uint64_t host_available(void); /* what the machine can still give without swapping */

/* How many more threads this process may start, by the tightest of the limits; *why names it. */
uint64_t host_thread_room(const char **why);

/* Sleeps while *word is `seen`; may wake early. */
void host_futex_wait(atm_u32 *word, uint32_t seen);
void host_futex_wake(atm_u32 *word, int threads);

#endif
