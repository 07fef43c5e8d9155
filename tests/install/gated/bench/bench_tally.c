/* SPDX-License-Identifier: MIT
 *
 * bench_tally.c - one row. Everything about rows is in wend/bench.h. */
#include <wend/bench.h>

#include "tally.h"

static void set_up(bench *b)
{
	bench_set_state(b, tally_make(8));
}

static void tear_down(bench *b)
{
	tally_free(bench_state(b));
}

static void add(bench *b)
{
	static const char *const words[] = {"one", "two", "three", "four", "five", "six", "seven", "eight"};
	struct tally *t = bench_state(b);
	uint64_t n;

	if (!t)
		bench_fail(b, "no memory");
	while ((n = bench_next(b)))
		for (uint64_t i = 0; i < n; i++)
			BENCH_USE(tally_add(t, words[i % 8]));
}
BENCH_NAMED(add, "tally/add", .run = add, .setup = set_up, .teardown = tear_down,
	.placement = BENCH_SAME_CPU)

int main(int argc, char **argv)
{
	return bench_main(argc, argv);
}
