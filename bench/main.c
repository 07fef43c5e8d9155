/* SPDX-License-Identifier: MIT
 *
 * bench/main.c - main function of every benchmark program; adds what the library says about itself
 * to the facts, where the library is part of the program. */
#include "bench/bench.h"

#ifdef BENCH_WITH_WEND
#include "bench/facts.h"
#include "bench/topology.h"
#endif

int main(int argc, char **argv)
{
#ifdef BENCH_WITH_WEND
	library_facts();
	topology_fact();
#endif
	return bench_main(argc, argv);
}
