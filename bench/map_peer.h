/* SPDX-License-Identifier: MIT
 *
 * bench/map_peer.h - rows of a map that threads use: one thread, two, and eight on the CPUs there are. A file
 * defines, before it includes this header:
 *
 *     MAP_NAME            string before the slash of its rows' names
 *     struct map          and bool get, void put, bool del, uint64_t each on it, as map_rows.h wants them
 *     map_make, map_drop  a map, NULL without memory
 *     thread_in, thread_out   for each thread that uses maps
 *     MAP_HAS(op)         whether the map may be used so; MAP_SHARED(op): by several threads
 */
#include "bench/map_rows.h"

MAP_LOOPS(loop, struct map, get, put, del, each)

static struct map *kept; /* from one batch to the next */
static uint64_t kept_size;

static void map_setup(bench *b)
{
	uint64_t size = (uint64_t)bench_arg(b, 0);
	const enum map_op *op = (const enum map_op *)bench_user(b);

	if (kept_size == size || *op == MAP_INSERT)
		return;
	thread_in();
	kept = map_make();
	if (!kept) {
		bench_fail(b, "no memory for a map");
	} else {
		for (uint64_t i = 0; i < size; i++)
			put(kept, i);
		kept_size = size;
	}
	thread_out();
}

static void map_run(bench *b)
{
	const enum map_op *op = (const enum map_op *)bench_user(b);
	uint64_t size = (uint64_t)bench_arg(b, 0), n;
	bool ok = true;

	thread_in();
	while ((n = bench_next(b)) != 0) {
		uint64_t start = bench_now();

		ok &= loop(kept, *op, size, n, (uint64_t)bench_thread(b) + 1);
		if (bench_threads(b) == 1)
			bench_time(b, (uint64_t)((double)(bench_now() - start) * map_scale(*op, size, n)));
	}
	thread_out();
	if (!ok)
		bench_fail(b, "a key was lost");
}

static void map_insert(bench *b)
{
	uint64_t size = (uint64_t)bench_arg(b, 0), n;

	thread_in();
	while ((n = bench_next(b)) != 0) {
		uint64_t ns = 0;

		for (uint64_t left = n; left > 0;) {
			struct map *m = map_make();
			uint64_t k = left < size ? left : size, start = bench_now();

			for (uint64_t i = 0; m && i < k; i++)
				put(m, i);
			ns += bench_now() - start;
			left -= k;
			if (!m) {
				bench_fail(b, "no memory for a map");
				break;
			}
			map_drop(m);
		}
		bench_time(b, ns);
	}
	thread_out();
}

static enum map_op map_ops[] = {MAP_HIT, MAP_MISS, MAP_STORE, MAP_CHURN, MAP_MIX90, MAP_MIX50, MAP_INSERT, MAP_RANGE};

static void map_rows(const char *const *names, enum map_op op, unsigned flags)
{
	static bench_def def[64];
	static int used;
	const int64_t sizes[3] = {1000, 1000000, 65536};

	for (int threads = 0; threads < 3; threads++) { /* names: one, two, eight */
		for (int i = 0; i < 3 && names[threads]; i++) {
			bench_def *d = &def[used++];

			d->name = names[threads];
			d->setup = map_setup;
			d->run = op == MAP_INSERT ? map_insert : map_run;
			d->args[0][0] = sizes[i];
			d->nargs = 1;
			d->threads[0] = threads == 0 ? 1 : threads == 1 ? 2 : 8;
			d->placement = threads == 0 ? BENCH_SAME_CPU : BENCH_TWO_CPUS;
			d->flags = (threads == 0 ? BENCH_MANUAL_TIME : 0) |
					   (i == 2 || threads == 2 ? (unsigned)BENCH_FULL_ONLY : flags);
			d->user = &map_ops[op];
			bench_register(d);
		}
	}
}

#define MAP_ROWS(op, str, flags)                                                                  \
	do {                                                                                          \
		static const char *const names[] = {MAP_HAS(op) ? MAP_NAME "/" str : NULL,                \
											MAP_SHARED(op) ? MAP_NAME "/" str "_p2" : NULL,       \
											MAP_SHARED(op) ? MAP_NAME "/" str "_over" : NULL};    \
		map_rows(names, op, flags);                                                               \
	} while (0)

__attribute__((constructor)) static void map_register(void)
{
	MAP_ROWS(MAP_HIT, "hit", 0);
	MAP_ROWS(MAP_MISS, "miss", BENCH_FULL_ONLY);
	MAP_ROWS(MAP_STORE, "store", 0);
	MAP_ROWS(MAP_CHURN, "churn", 0);
	MAP_ROWS(MAP_INSERT, "insert", 0);
	MAP_ROWS(MAP_RANGE, "range", 0);
	MAP_ROWS(MAP_MIX90, "mix90", 0);
	MAP_ROWS(MAP_MIX50, "mix50", BENCH_FULL_ONLY);
}
