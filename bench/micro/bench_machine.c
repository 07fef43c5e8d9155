/* SPDX-License-Identifier: MIT
 *
 * bench/micro/bench_machine.c - the floor that the machine sets for everything else: reading the clock,
 * entering the kernel, and how late a thread that only spins on its own CPU is for what is due. Nothing
 * measured on this machine can have a better tail than the last. */
#include "bench/bench.h"

#include <sys/syscall.h>
#include <unistd.h>

static void clock_row(bench *b)
{
	uint64_t n;

	while ((n = bench_next(b)))
		for (uint64_t i = 0; i < n; i++)
			BENCH_USE(bench_now());
}
BENCH_NAMED(machine_clock, "machine/clock", .run = clock_row, .placement = BENCH_SAME_CPU)

static void syscall_row(bench *b)
{
	uint64_t n;

	while ((n = bench_next(b)))
		for (uint64_t i = 0; i < n; i++)
			BENCH_USE(syscall(SYS_getppid));
}
BENCH_NAMED(machine_syscall, "machine/syscall", .run = syscall_row, .placement = BENCH_SAME_CPU)

#define TICK 10000 /* ns */

/* Each tick is timed from when it was due, so that one stop makes every tick late that fell into it. */
static void jitter_row(bench *b)
{
	uint64_t n, now;

	while ((n = bench_next(b))) {
		uint64_t due = bench_now();

		for (uint64_t i = 0; i < n; i++) {
			due += TICK;
			while ((now = bench_now()) < due)
				;
			bench_lat(b, now - due);
		}
	}
}
BENCH_NAMED(machine_jitter, "machine/jitter", .run = jitter_row, .placement = BENCH_SAME_CPU,
	.model = "open@100000", .min_time = 0.2)
