/* SPDX-License-Identifier: MIT
 *
 * bench/topology.h - packages, caches, cores and CPUs of the machine in one line of text, for
 * --bench_facts. */
#ifndef BENCH_TOPOLOGY_H
#define BENCH_TOPOLOGY_H

/* Adds the fact "topology"; before bench_main. */
void topology_fact(void);

#endif
