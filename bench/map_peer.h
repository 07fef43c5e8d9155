/* SPDX-License-Identifier: MIT
 *
 * bench/map_peer.h - rows of a map that threads use: one thread, two, and eight on the CPUs there are. A file describes
 * each map that it has by a struct map_kind, whose loop it makes by MAP_LOOPS, and gives it to map_register. */
#ifndef BENCH_MAP_PEER_H
#define BENCH_MAP_PEER_H

#include "bench/map_rows.h"

struct map_kind {
	const char *name; /* of the group of rows */
	bool texts;
	void *(*make)(uint64_t most); /* an empty map for at most so many keys in all; NULL: no memory */
	void (*drop)(void *map);
	bool (*loop)(void *map, enum map_op op, uint64_t size, uint64_t n, uint64_t seed);
	void (*thread_in)(void); /* for each thread that uses maps */
	void (*thread_out)(void);
	bool no_removal; /* defects in the way */
};

struct map_row {
	const struct map_kind *kind;
	enum map_op op;
	bench_def def;
	char name[40];
};

static void *kept; /* from one batch to the next */
static uint64_t kept_size;

static void map_setup(bench *b)
{
	uint64_t size = (uint64_t)bench_arg(b, 0);
	const struct map_row *row = (const struct map_row *)bench_user(b);

	if (kept_size == size || row->op == MAP_INSERT)
		return;
	row->kind->thread_in();
	kept = row->kind->make(2 * size);
	if (!kept) {
		bench_fail(b, "no memory for a map");
	} else {
		row->kind->loop(kept, MAP_INSERT, size, size, 0);
		kept_size = size;
	}
	row->kind->thread_out();
}

static void map_run(bench *b)
{
	const struct map_row *row = (const struct map_row *)bench_user(b);
	uint64_t size = (uint64_t)bench_arg(b, 0), n;
	bool ok = true;

	row->kind->thread_in();
	while ((n = bench_next(b)) != 0) {
		uint64_t start = bench_now();

		ok &= row->kind->loop(kept, row->op, size, n, (uint64_t)bench_thread(b) + 1);
		if (bench_threads(b) == 1)
			bench_time(b, (uint64_t)((double)(bench_now() - start) * map_scale(row->op, size, n)));
	}
	row->kind->thread_out();
	if (!ok)
		bench_fail(b, "a key was lost");
}

static void map_fill(bench *b)
{
	const struct map_row *row = (const struct map_row *)bench_user(b);
	uint64_t size = (uint64_t)bench_arg(b, 0), n;

	row->kind->thread_in();
	while ((n = bench_next(b)) != 0) {
		uint64_t ns = 0;

		for (uint64_t left = n; left > 0;) {
			void *m = row->kind->make(size);
			uint64_t k = left < size ? left : size, start = bench_now();

			if (!m) {
				bench_fail(b, "no memory for a map");
				break;
			}
			row->kind->loop(m, MAP_INSERT, size, k, 0);
			ns += bench_now() - start;
			left -= k;
			row->kind->drop(m);
		}
		bench_time(b, ns);
	}
	row->kind->thread_out();
}

static void map_register(const struct map_kind *kind)
{
	static const int64_t sizes[] = {1000, 65536, 1000000};
	static const char *const suffix[] = {"", "_p2", "_over"};
	static const int threads[] = {1, 2, 8};

	for (int op = 0; op < MAP_OPS; op++) {
		for (int i = 0; i < 9; i++) {
			int64_t size = sizes[i % 3];
			int t = threads[i / 3];

			if (!map_row_exists((enum map_op)op, (uint64_t)size, t, kind->texts) ||
				(kind->no_removal && op == MAP_CHURN))
				continue;

			struct map_row *row = (struct map_row *)calloc(1, sizeof *row);

			if (!row)
				abort();
			row->kind = kind;
			row->op = (enum map_op)op;
			snprintf(row->name, sizeof row->name, "%s/%s%s%s", kind->name, map_op_name[op], kind->texts ? "_text" : "",
					 suffix[i / 3]);
			row->def.name = row->name;
			row->def.setup = map_setup;
			row->def.run = op == MAP_INSERT ? map_fill : map_run;
			row->def.args[0][0] = size;
			row->def.nargs = 1;
			row->def.threads[0] = t;
			row->def.placement = t == 1 ? BENCH_SAME_CPU : BENCH_TWO_CPUS;
			row->def.flags = (t == 1 ? (unsigned)BENCH_MANUAL_TIME : 0) |
							 (map_in_short_run(row->op, (uint64_t)size, t, kind->texts) ? 0 : (unsigned)BENCH_FULL_ONLY);
			row->def.user = row;
			bench_register(&row->def);
		}
	}
}

static inline void map_nothing(void)
{
}

#endif
