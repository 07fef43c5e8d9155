/* SPDX-License-Identifier: MIT
 *
 * bench/facts.h - what the library and the CPU say of themselves, for --bench_facts. */
#ifndef BENCH_FACTS_H
#define BENCH_FACTS_H

/* Before bench_main. */
void library_facts(void);

#endif
