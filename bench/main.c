/* SPDX-License-Identifier: MIT
 *
 * bench/main.c - main function of every benchmark program; adds what the library says about itself
 * to the facts, where the library is part of the program. */
#include "bench/bench.h"

#ifdef BENCH_WITH_WEND
#include <stdio.h>

#include <wend/wend.h>

static void library_facts(void)
{
	char n[16];

	bench_fact("wend_atomics", wend_atomics_backend());
	bench_fact("wend_fence", wend_fence_kind());
	bench_fact("wend_guard", wend_guard_kind());
	snprintf(n, sizeof(n), "%d", wend_num_cpu());
	bench_fact("wend_num_cpu", n);
}
#else
static void library_facts(void)
{
}
#endif

int main(int argc, char **argv)
{
	library_facts();
	return bench_main(argc, argv);
}
