/* SPDX-License-Identifier: MIT
 *
 * bench_map.c - the concurrent map: one P, two, and more coroutines than CPUs; 1k, 64k and 1M keys, words and
 * strings. Against libck's ck_ht and ck_rhs (peers/ck_map.c), liburcu's lfht (peers/urcu.c), TBB's
 * concurrent_hash_map (peers/tbb_map.cc), and Go's sync.Map and map with an RWMutex (peers/go).
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "bench/map_rows.h"
#include "bench/rt.h"

/* A map lives from one batch to the next: the runtime ends in between, the map does not mind. */
static struct {
	wend_map map;
	uint64_t size; /* 0: not made yet */
	char (*text)[20];
} kept;

static bool get(wend_map *m, uint64_t i)
{
	uint64_t v;

	return wend_map_load(m, map_word(i), &v);
}

static void put(wend_map *m, uint64_t i)
{
	if (wend_map_store(m, map_word(i), i) != 0)
		abort();
}

static bool del(wend_map *m, uint64_t i)
{
	return wend_map_delete(m, map_word(i));
}

static bool count(uint64_t key, uint64_t value, void *n)
{
	(void)key, (void)value;
	++*(uint64_t *)n;
	return true;
}

static uint64_t each(wend_map *m)
{
	uint64_t n = 0;

	return wend_map_range(m, count, &n) == 0 ? n : 0;
}

static bool get_text(wend_map *m, uint64_t i)
{
	uint64_t v;

	return wend_map_load(m, WEND_WORD(kept.text[i]), &v);
}

static void put_text(wend_map *m, uint64_t i)
{
	if (wend_map_store(m, WEND_WORD(kept.text[i]), i) != 0)
		abort();
}

static bool del_text(wend_map *m, uint64_t i)
{
	return wend_map_delete(m, WEND_WORD(kept.text[i]));
}

MAP_LOOPS(loop_words, wend_map, get, put, del, each)
MAP_LOOPS(loop_texts, wend_map, get_text, put_text, del_text, each)

struct setting {
	struct rt_row row; /* first: rt_bench reads it */
	enum map_op op;
	bool texts;
	int per_p; /* coroutines */
};

static const struct setting *setting(const struct rt *rt)
{
	return (const struct setting *)rt->row;
}

static void init(const struct setting *s)
{
	const wend_map_config cfg = {.keys = WEND_MAP_STRINGS};

	kept.map = (wend_map)WEND_ZERO;
	if (s->texts && wend_map_init(&kept.map, &cfg) != 0)
		abort();
}

static void make(const struct setting *s, uint64_t size)
{
	if (kept.size == size)
		return;
	if (s->texts && !kept.text) {
		kept.text = malloc(2 * size * sizeof *kept.text);
		for (uint64_t i = 0; i < 2 * size; i++)
			snprintf(kept.text[i], sizeof kept.text[i], "key%016" PRIx64, map_word(i));
	}
	init(s);
	for (uint64_t i = 0; i < size && s->op != MAP_INSERT; i++)
		s->texts ? put_text(&kept.map, i) : put(&kept.map, i);
	kept.size = size;
}

static void run_share(struct rt_member *member)
{
	const struct setting *s = setting(member->rt);
	bool ok = s->texts ? loop_texts(&kept.map, s->op, kept.size, member->n, member->index + 1)
					   : loop_words(&kept.map, s->op, kept.size, member->n, member->index + 1);

	if (!ok)
		rt_fail(member->rt, "a key was lost");
}

static void run(struct rt *rt, uint64_t n)
{
	const struct setting *s = setting(rt);
	uint64_t size = (uint64_t)bench_arg(rt->b, 0), all = n * (uint64_t)rt->procs, start;

	make(s, size);
	if (rt->procs > 1) { /* the figure is one P's time for one of its own */
		rt_crowd(rt, (size_t)(rt->procs * s->per_p), true, all, run_share);
		return;
	}
	start = bench_now();
	run_share(&(struct rt_member){.rt = rt, .n = n});
	rt->ns = (uint64_t)((double)(bench_now() - start) * map_scale(s->op, size, n));
}

static void insert(struct rt *rt, uint64_t n)
{
	const struct setting *s = setting(rt);
	uint64_t size = (uint64_t)bench_arg(rt->b, 0), ns = 0;

	make(s, size);
	for (uint64_t left = n; left > 0;) {
		uint64_t k = left < size ? left : size, start = bench_now();

		for (uint64_t i = 0; i < k; i++)
			s->texts ? put_text(&kept.map, i) : put(&kept.map, i);
		ns += bench_now() - start;
		left -= k;
		wend_map_free(&kept.map);
		init(s);
	}
	rt->ns = ns;
}

#define ROW(ident, str, procs_, where, op_, texts_, per, fn, flags_, ...)                         \
	static struct setting set_##ident = {                                                         \
		{.procs = (procs_), .place = (where), .body = (fn)}, (op_), (texts_), (per)};             \
	BENCH_NAMED(ident, str, .run = rt_bench, .user = &set_##ident, .placement = (where),          \
				.flags = BENCH_MANUAL_TIME | (flags_), __VA_ARGS__)
#define SIZES .args = {{1000}, {1000000}}, .nargs = 2
#define MIDDLE .args = {{65536}}, .nargs = 1
#define ONE(ident, str, op, fn)                                                                   \
	ROW(ident, "map/" str, 1, BENCH_SAME_CPU, op, false, 1, fn, 0, SIZES)                         \
	ROW(ident##_middle, "map/" str, 1, BENCH_SAME_CPU, op, false, 1, fn, BENCH_FULL_ONLY, MIDDLE)
#define MORE(ident, str, op, flags)                                                               \
	ROW(ident##_p2, "map/" str "_p2", 2, BENCH_TWO_CPUS, op, false, 1, run, flags, SIZES)         \
	ROW(ident##_over, "map/" str "_over", 2, BENCH_TWO_CPUS, op, false, 4, run, BENCH_FULL_ONLY, SIZES)
#define TEXT(ident, str, op, fn, flags)                                                           \
	ROW(ident##_text, "map/" str "_text", 1, BENCH_SAME_CPU, op, true, 1, fn, flags, SIZES)

ONE(hit, "hit", MAP_HIT, run)
ONE(miss, "miss", MAP_MISS, run)
ONE(store, "store", MAP_STORE, run)
ONE(churn, "churn", MAP_CHURN, run)
ONE(insert, "insert", MAP_INSERT, insert)
ONE(range, "range", MAP_RANGE, run)
ONE(mix90, "mix90", MAP_MIX90, run)
ONE(mix50, "mix50", MAP_MIX50, run)
MORE(hit, "hit", MAP_HIT, 0)
MORE(churn, "churn", MAP_CHURN, BENCH_FULL_ONLY)
MORE(mix90, "mix90", MAP_MIX90, 0)
MORE(mix50, "mix50", MAP_MIX50, BENCH_FULL_ONLY)
TEXT(hit, "hit", MAP_HIT, run, 0)
TEXT(churn, "churn", MAP_CHURN, run, BENCH_FULL_ONLY)
TEXT(insert, "insert", MAP_INSERT, insert, BENCH_FULL_ONLY)
