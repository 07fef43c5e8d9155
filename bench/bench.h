/* SPDX-License-Identifier: MIT
 *
 * bench/bench.h - benchmarks in C on google-benchmark. One definition, registered where it stands:
 *
 *     static void run(bench *b)
 *     {
 *             uint64_t n;
 *             while ((n = bench_next(b)))
 *                     for (uint64_t i = 0; i < n; i++)
 *                             BENCH_USE(op());
 *     }
 *     BENCH(op, .run = run)
 *
 * The loop is batch-first: bench_next hands out how many operations to run, so the shim costs
 * nothing per operation (the empty loop is a row of its own and never subtracted). No C++ type and
 * no exception crosses this header. A `bench` belongs to the thread that was given it: a coroutine
 * may use it only while that thread waits for it.
 */
#ifndef WEND_BENCH_H
#define WEND_BENCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct bench bench;

/* Where the threads of a benchmark run. */
enum bench_placement {
	BENCH_FREE,      /* wherever the kernel likes */
	BENCH_SAME_CPU,  /* all on one CPU */
	BENCH_TWO_CPUS,  /* on two CPUs in turn; skipped, with the reason, where one is allowed */
	BENCH_ALL_CPUS,  /* thread i on allowed CPU i, round and round */
	BENCH_PLACEMENTS /* how many there are */
};

enum bench_flags {
	BENCH_MANUAL_TIME = 1, /* the body reports its time with bench_time */
	BENCH_ONCE = 2,        /* one batch of one operation per repetition: long programs */
	BENCH_FULL_ONLY = 4,   /* only under BENCH=full */
	BENCH_CROWD = 8,       /* makes hundreds of threads: measured when nothing else can suffer */
	BENCH_MANY_PROCS = 16, /* only where bench_procs() is three or more: two have their own row */
};

/* How a counter is shown. */
enum bench_count_kind {
	BENCH_VALUE,  /* as it is */
	BENCH_RATE,   /* per second of measured time */
	BENCH_PER_OP, /* divided by the number of operations */
	BENCH_INVERT, /* seconds per unit */
	BENCH_MAX,    /* the greatest of all threads' values (others are summed) */
};

typedef struct bench_def {
	const char *name; /* filled by BENCH; group/op, e.g. "yield/2" comes from name and args */
	void (*run)(bench *);
	void (*setup)(bench *);    /* once per run, before the threads start; bench_thread() is 0 */
	void (*teardown)(bench *); /* once per run, after they joined */
	int64_t args[8][4];        /* one instance per row that is used */
	int nargs;                 /* rows in args; 0: one instance without arguments */
	int argc;                  /* values per row; 0 with nargs > 0 means 1 */
	int64_t range_lo, range_hi; /* alternative to args: lo, lo*8, ... up to hi */
	int threads[8];            /* thread counts, one instance each; none: 1 */
	enum bench_placement placement;
	unsigned flags;
	double min_time;      /* seconds; 0: the default */
	int64_t iterations;   /* fixed number of operations; 0: found by measuring */
	const char *clock;    /* "wall" (default) or "cpu": which one the report quotes */
	const char *baseline; /* full name of the instance that the report sets beside it */
	const char *model;    /* "closed" (default) or "open@RATE" for latency benches */
	void *user;
} bench_def;

/* Registers a benchmark before main. */
#define BENCH(ident, ...) BENCH_NAMED(ident, #ident, __VA_ARGS__)
#define BENCH_NAMED(ident, str, ...)                                                              \
	static const bench_def bench_def_##ident = {.name = str, __VA_ARGS__};                        \
	__attribute__((constructor)) static void bench_reg_##ident(void)                              \
	{                                                                                             \
		bench_register(&bench_def_##ident);                                                       \
	}
void bench_register(const bench_def *def); /* def must live for ever */

/* How many operations to run now; 0: stop. */
uint64_t bench_next(bench *b);

int bench_thread(const bench *b);  /* index of the calling thread */
int bench_threads(const bench *b); /* how many */
int64_t bench_arg(const bench *b, int i);
void *bench_user(const bench *b);
/* A pointer kept between setup, run and teardown of one run, shared by its threads. */
void bench_set_state(bench *b, void *state);
void *bench_state(const bench *b);

void bench_sync(bench *b); /* spin until all threads are here; not timed */
void bench_pause(bench *b);
void bench_resume(bench *b);               /* about 0.3 us the pair: never around a ns-scale op */
void bench_time(bench *b, uint64_t ns);    /* BENCH_MANUAL_TIME: time of the batch just run */
void bench_lat(bench *b, uint64_t ns);     /* one sample into this thread's latency histogram */
void bench_count(bench *b, const char *name, double value, enum bench_count_kind kind);
void bench_items(bench *b, uint64_t items_per_op); /* report per item: one op is so many items */
void bench_label(bench *b, const char *label);
void bench_skip(bench *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void bench_fail(bench *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
uint64_t bench_now(void); /* CLOCK_MONOTONIC ns */

/* The greatest number of P's, or of threads that run at a time, that a row should use: PROCS= of
 * the person who measures, else the allowed CPUs. A row that needs more skips itself. */
int bench_procs(void);
bool bench_is_full(void); /* BENCH=full: up to 20 minutes in all, so sizes may be greater */
/* Names counters that grow while a row runs, such as how often threads were woken, and writes their present values;
 * returns how many (max at most), the same each time. The gate compares by how much they grow in an
 * operation. NULL: there are none any more. Set by setup or the body, before bench_next. */
typedef size_t bench_events_fn(const char *const **names, uint64_t *values, size_t max);
void bench_events(bench_events_fn *fn);
/* Adds a line to --bench_facts; before bench_main. Both strings are copied. */
void bench_fact(const char *key, const char *value);

/* Keeps a value, or memory, alive for the optimiser. */
#define BENCH_USE(x) __asm__ volatile("" : : "g"(x) : "memory")
#define BENCH_USE_RW(lvalue) __asm__ volatile("" : "+r"(lvalue) : : "memory")
#define BENCH_CLOBBER() __asm__ volatile("" : : : "memory")

/* The whole program: google-benchmark's own flags, and --bench_help for ours. */
int bench_main(int argc, char **argv);

#ifdef __cplusplus
}
#endif
#endif
