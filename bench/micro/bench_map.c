/* SPDX-License-Identifier: MIT
 *
 * bench_map.c - the concurrent map: one P, two, and more coroutines than CPUs; 1k, 64k and 1M keys, words and
 * strings. Against libck's ck_ht and ck_rhs (peers/ck_map.c), liburcu's lfht (peers/urcu.c), TBB's
 * concurrent_hash_map (peers/tbb_map.cc), and Go's sync.Map and map with an RWMutex (peers/go).
 */
#include "bench/map_rows.h"
#include "bench/rt.h"

/* A map lives from one batch to the next: the runtime ends in between, the map does not mind. */
static struct {
	wend_map map;
	uint64_t size; /* 0: not made yet */
	const map_text *text;
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
	bench_def def;
	char name[40];
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

static bool loop_of(const struct setting *s, enum map_op op, uint64_t size, uint64_t n, uint64_t seed)
{
	return s->texts ? loop_texts(&kept.map, op, size, n, seed) : loop_words(&kept.map, op, size, n, seed);
}

static void make(const struct setting *s, uint64_t size)
{
	if (kept.size == size)
		return;
	if (s->texts)
		kept.text = map_texts(2 * size);
	init(s);
	if (s->op != MAP_INSERT)
		loop_of(s, MAP_INSERT, size, size, 0);
	kept.size = size;
}

static void run_share(struct rt_member *member)
{
	const struct setting *s = setting(member->rt);

	if (!loop_of(s, s->op, kept.size, member->n, member->index + 1))
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

		loop_of(s, MAP_INSERT, size, k, 0);
		ns += bench_now() - start;
		left -= k;
		wend_map_free(&kept.map);
		init(s);
	}
	rt->ns = ns;
}

/* Rows as in bench/map_peer.h; _over has four coroutines for each of two P's. */
static void add_row(enum map_op op, int64_t size, int threads, bool texts)
{
	struct setting *s = calloc(1, sizeof *s);
	bool in_short = map_in_short_run(op, (uint64_t)size, threads, texts);

	if (!s)
		abort();
	snprintf(s->name, sizeof s->name, "map/%s%s%s", map_op_name[op], texts ? "_text" : "",
			 threads == 1 ? "" : threads == 2 ? "_p2" : "_over");
	s->row = (struct rt_row){.procs = threads == 1 ? 1 : 2,
							 .place = threads == 1 ? BENCH_SAME_CPU : BENCH_TWO_CPUS,
							 .body = op == MAP_INSERT ? insert : run};
	s->op = op;
	s->texts = texts;
	s->per_p = threads > 2 ? threads / 2 : 1;
	s->def = (bench_def){.name = s->name,
						 .run = rt_bench,
						 .user = s,
						 .args = {{size}},
						 .nargs = 1,
						 .placement = s->row.place,
						 .flags = BENCH_MANUAL_TIME | (in_short ? 0 : BENCH_FULL_ONLY)};
	bench_register(&s->def);
}

__attribute__((constructor)) static void register_rows(void)
{
	static const int64_t sizes[] = {1000, 65536, 1000000};
	static const int threads[] = {1, 2, 8};

	for (int op = 0; op < MAP_OPS; op++)
		for (int i = 0; i < 18; i++) {
			int64_t size = sizes[i % 3];
			int t = threads[i / 3 % 3];
			bool texts = i >= 9;

			if (map_row_exists(op, (uint64_t)size, t, texts))
				add_row(op, size, t, texts);
		}
}
