/* SPDX-License-Identifier: MIT
 *
 * tests/bench/rows.c - rows whose outcome is known, for the tests of the shim and of the driver. */
#include <stdatomic.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "bench/bench.h"

static void sleep_ms(long ms)
{
	struct timespec ts = {ms / 1000, ms % 1000 * 1000000};

	nanosleep(&ts, NULL);
}

/* ---- What a figure means --------------------------------------------------------------------- */

static void sleeps(bench *b)
{
	uint64_t n;

	while ((n = bench_next(b)))
		for (uint64_t i = 0; i < n; i++)
			sleep_ms(10);
}
BENCH_NAMED(sleep, "time/sleep", .run = sleeps, .threads = {1, 2, 4}, .iterations = 16)

/* One thread comes 100 ms after the other. */
static void late(bench *b)
{
	if (bench_thread(b) == 1)
		sleep_ms(100);
	sleeps(b);
}
BENCH_NAMED(late, "time/late", .run = late, .threads = {2}, .iterations = 16)
BENCH_NAMED(sleep_cpu, "time/sleep_cpu", .run = sleeps, .clock = "cpu", .iterations = 16)

static void empty(bench *b)
{
	uint64_t n;

	while ((n = bench_next(b)))
		for (uint64_t i = 0; i < n; i++)
			BENCH_CLOBBER();
}
BENCH_NAMED(empty, "time/empty", .run = empty, .min_time = 0.05)
BENCH_NAMED(empty_base, "time/empty_base", .run = empty, .min_time = 0.05,
	.baseline = "time/empty")

/* The same loop timed by itself: what wall_ns has on top of `direct` is the shim's. */
static void overhead(bench *b)
{
	uint64_t n;

	while ((n = bench_next(b))) {
		uint64_t start = bench_now();

		for (uint64_t i = 0; i < n; i++)
			BENCH_CLOBBER();
		bench_count(b, "direct", (double)(bench_now() - start), BENCH_PER_OP);
	}
}
BENCH_NAMED(overhead, "time/overhead", .run = overhead, .iterations = 10000000, .threads = {1, 2})

static void paused(bench *b)
{
	uint64_t n;

	while ((n = bench_next(b)))
		for (uint64_t i = 0; i < n; i++) {
			sleep_ms(2);
			bench_pause(b);
			sleep_ms(20);
			bench_resume(b);
		}
}
BENCH_NAMED(paused, "time/paused", .run = paused, .iterations = 10)

static void manual(bench *b)
{
	uint64_t n;

	while ((n = bench_next(b)))
		bench_time(b, n * 1234);
}
BENCH_NAMED(manual, "time/manual", .run = manual, .flags = BENCH_MANUAL_TIME, .iterations = 1000)

static void items(bench *b)
{
	bench_items(b, 10);
	sleeps(b);
}
BENCH_NAMED(items, "time/items", .run = items, .iterations = 8)

/* ---- Arguments, threads, setup --------------------------------------------------------------- */

static void arguments(bench *b)
{
	uint64_t n;

	while ((n = bench_next(b)))
		;
	bench_count(b, "a", (double)bench_arg(b, 0), BENCH_VALUE);
	bench_count(b, "b", (double)bench_arg(b, 1), BENCH_VALUE);
	bench_label(b, "said \"so\"");
}
BENCH_NAMED(args, "args/pair", .run = arguments, .args = {{1, 2}, {30, 40}}, .nargs = 2, .argc = 2,
	.flags = BENCH_ONCE)
BENCH_NAMED(range, "args/range", .run = arguments, .range_lo = 1, .range_hi = 100,
	.flags = BENCH_ONCE)

static void counters(bench *b)
{
	uint64_t n;

	while ((n = bench_next(b))) {
		for (uint64_t i = 0; i < n; i++)
			sleep_ms(10);
		bench_count(b, "per_op", 3.0 * (double)n, BENCH_PER_OP);
		bench_count(b, "rate", (double)n, BENCH_RATE);
	}
	bench_count(b, "greatest", 1 + bench_thread(b), BENCH_MAX);
	bench_count(b, "sum", 1 + bench_thread(b), BENCH_VALUE);
}
BENCH_NAMED(counters, "args/counters", .run = counters, .threads = {2}, .iterations = 32)

static int setups, teardowns;

static void set_up(bench *b)
{
	setups++;
	bench_set_state(b, &setups);
}

static void tear_down(bench *b)
{
	teardowns++;
}

static void stateful(bench *b)
{
	uint64_t n;

	if (bench_state(b) != &setups || setups != teardowns + 1)
		bench_fail(b, "set up %d times, torn down %d times", setups, teardowns);
	while ((n = bench_next(b)))
		bench_sync(b);
}
BENCH_NAMED(stateful, "args/stateful", .run = stateful, .setup = set_up, .teardown = tear_down,
	.threads = {1, 3})

/* A rendezvous: neither thread can go on alone, so a run ends only if both get the same batches. */
static _Atomic uint64_t turn;

static void turn_set_up(bench *b)
{
	atomic_store(&turn, 0);
}

static void turns(bench *b)
{
	uint64_t n, at = 0, me = (uint64_t)bench_thread(b);

	while ((n = bench_next(b)))
		for (uint64_t i = 0; i < n; i++, at++) {
			for (unsigned spins = 0; atomic_load(&turn) != 2 * at + me; spins++)
				if (spins > 100)
					usleep(0);
			atomic_store(&turn, 2 * at + me + 1);
		}
}
BENCH_NAMED(turns_free, "place/free", .run = turns, .setup = turn_set_up, .threads = {2})
BENCH_NAMED(turns_same, "place/same", .run = turns, .setup = turn_set_up, .threads = {2},
	.placement = BENCH_SAME_CPU)
BENCH_NAMED(turns_two, "place/two", .run = turns, .setup = turn_set_up, .threads = {2},
	.placement = BENCH_TWO_CPUS)

/* ---- Latency --------------------------------------------------------------------------------- */

static int by_value(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

/* Samples spread over nine decades; the exact quantiles beside them as counters. */
static void latency(bench *b)
{
	static uint64_t sample[50000];
	uint64_t seed = 12345, n;
	const size_t many = sizeof(sample) / sizeof(sample[0]);

	for (size_t i = 0; i < many; i++) {
		seed = seed * 6364136223846793005u + 1442695040888963407u;
		sample[i] = (seed >> 33) >> (seed >> 20 & 31);
		bench_lat(b, sample[i]);
	}
	while ((n = bench_next(b)))
		;
	qsort(sample, many, sizeof(sample[0]), by_value);
	bench_count(b, "exact_p50", (double)sample[many / 2], BENCH_VALUE);
	bench_count(b, "exact_p90", (double)sample[many * 9 / 10], BENCH_VALUE);
	bench_count(b, "exact_p99", (double)sample[many * 99 / 100], BENCH_VALUE);
	bench_count(b, "exact_p99.9", (double)sample[many * 999 / 1000], BENCH_VALUE);
}
BENCH_NAMED(latency, "lat/spread", .run = latency, .flags = BENCH_ONCE)

static void few(bench *b)
{
	uint64_t n;

	for (uint64_t i = 1; i <= 100; i++)
		bench_lat(b, i);
	while ((n = bench_next(b)))
		;
}
BENCH_NAMED(few, "lat/few", .run = few, .flags = BENCH_ONCE)

/* One operation is one record, so ns/op is the price of bench_lat. */
static void recording(bench *b)
{
	uint64_t n;

	while ((n = bench_next(b)))
		for (uint64_t i = 0; i < n; i++)
			bench_lat(b, 100 + (i & 4095));
}
BENCH_NAMED(recording, "lat/record", .run = recording, .min_time = 0.05)

/* ---- The same work with one thing more, which counts must show --------------------------------- */

static void one_syscall(void)
{
	(void)getppid();
}

static void one_allocation(void)
{
	void *p = malloc(32);

	BENCH_USE(p);
	free(p);
}

static void two_instructions(void)
{
	__asm__ volatile("nop\n\tnop");
}

#define MORE(name, what)                                                                           \
	static void more_##name(bench *b)                                                          \
	{                                                                                          \
		uint64_t n;                                                                        \
                                                                                                   \
		while ((n = bench_next(b)))                                                        \
			for (uint64_t i = 0; i < n; i++) {                                         \
				BENCH_USE(i);                                                      \
				what;                                                              \
			}                                                                          \
	}                                                                                          \
	BENCH_NAMED(more_##name, "more/" #name, .run = more_##name, .min_time = 0.01)
MORE(nothing, (void)0)
MORE(syscall, one_syscall())
MORE(allocation, one_allocation())
MORE(instructions, two_instructions())

/* ---- Ends that are not well ------------------------------------------------------------------ */

static void skips(bench *b)
{
	bench_skip(b, "no %s here", "luck");
}
BENCH_NAMED(skips, "end/skip", .run = skips, .threads = {1, 2})

static void fails(bench *b)
{
	uint64_t n;

	while ((n = bench_next(b)))
		if (bench_thread(b) == bench_threads(b) - 1)
			bench_fail(b, "broke at %d", 7);
}
BENCH_NAMED(fails, "end/fail", .run = fails, .threads = {1, 3})

static void leaves(bench *b)
{
	(void)bench_next(b);
}
BENCH_NAMED(leaves, "end/leaves", .run = leaves, .threads = {1, 2})

static void crashes(bench *b)
{
	abort();
}
BENCH_NAMED(crashes, "end/crash", .run = crashes)

static void hangs(bench *b)
{
	for (;;)
		sleep_ms(1000);
}
BENCH_NAMED(hangs, "end/hang", .run = hangs)

static void keeps(bench *b)
{
	uint64_t n, x = 0;
	int memory = 0;

	while ((n = bench_next(b)))
		for (uint64_t i = 0; i < n; i++) {
			BENCH_USE_RW(x);
			x += i;
			memory = (int)i;
			BENCH_USE(&memory);
		}
	BENCH_USE(x);
}
BENCH_NAMED(keeps, "time/keeps", .run = keeps, .min_time = 0.02)
BENCH_NAMED(full, "time/full_only", .run = empty, .flags = BENCH_FULL_ONLY, .iterations = 1000)
