/* SPDX-License-Identifier: MIT
 *
 * bench_pool.c - wend_pool: get and put of one thing, alone and on two P's at once, of sixteen at a time, and of
 * what another P has put, against malloc and free of the same size and Go's sync.Pool.
 */
#include "bench/rt.h"

#include <stdlib.h>

enum { SIZE = 64, HEAP = 16, HANDED = 256 };

static void *make(void *unused)
{
	return malloc(SIZE);
}

static void drop(void *item, void *unused)
{
	free(item);
}

static wend_pool pool = WEND_POOL(make, drop, NULL);

static void pairs(uint64_t n)
{
	for (uint64_t i = 0; i < n; i++) {
		void *item = wend_pool_get(&pool);

		BENCH_USE(item);
		wend_pool_put(&pool, item);
	}
}

static void get_put(struct rt *rt, uint64_t n)
{
	wend_pool_put(&pool, make(NULL));
	rt_begin(rt);
	pairs(n);
	rt_end(rt);
	wend_pool_free(&pool);
}
RT_BENCH(pool_get_put, "pool/get_put", 1, BENCH_SAME_CPU, get_put, .baseline = "malloc/free")

static void pairs_member(struct rt_member *m)
{
	pairs(m->n);
}

/* Each P does n pairs, so that the figure is one P's time for one of its own. */
static void get_put_shared(struct rt *rt, uint64_t n)
{
	uint64_t procs = (uint64_t)rt->procs;

	rt_crowd(rt, procs, true, n * procs, pairs_member);
	wend_pool_free(&pool);
}
RT_BENCH(pool_get_put_p2, "pool/get_put_p2", 2, BENCH_TWO_CPUS, get_put_shared, .baseline = "pool/get_put")

/* Sixteen are taken and then put back: half of them go by the stock. */
static void heap(struct rt *rt, uint64_t n)
{
	void *item[HEAP];

	for (uint64_t i = 0; i < n; i += HEAP) {
		for (int k = 0; k < HEAP; k++)
			item[k] = wend_pool_get(&pool);
		for (int k = 0; k < HEAP; k++)
			wend_pool_put(&pool, item[k]);
	}
	rt_end(rt);
	wend_pool_free(&pool);
}
RT_BENCH(pool_get_put_16, "pool/get_put_16", 1, BENCH_SAME_CPU, heap, .baseline = "pool/get_put")

/* One P puts what the other takes, 256 at a time, per thing. */
struct hand {
	struct rt *rt;
	wend_waitgroup *over;
};

static void put_handed(void *arg)
{
	struct hand *h = arg;

	for (int i = 0; i < HANDED; i++)
		wend_pool_put(&pool, make(NULL));
	wend_waitgroup_done(h->over);
}

static void take_handed(void *arg)
{
	struct hand *h = arg;
	static void *item[HANDED];
	uint64_t start = bench_now();

	for (int i = 0; i < HANDED; i++)
		item[i] = wend_pool_get(&pool);
	h->rt->ns += bench_now() - start;
	for (int i = 0; i < HANDED; i++)
		free(item[i]);
	wend_waitgroup_done(h->over);
}

static void hand_over(struct rt *rt, uint64_t n)
{
	wend_waitgroup over = WEND_ZERO;
	struct hand h = {rt, &over};
	uint64_t rounds = (n + HANDED - 1) / HANDED;

	rt->ns = 0;
	for (uint64_t i = 0; i < rounds; i++) {
		for (int p = 1; p <= 2; p++) {
			wend_attr on = {.on_p = p};

			wend_waitgroup_add(&over, 1);
			if (!rt_ok(rt, wend_go_attr(&on, p == 1 ? put_handed : take_handed, &h), "wend_go_attr"))
				return;
			wend_waitgroup_wait(&over);
		}
	}
	rt->ns = (uint64_t)((double)rt->ns * (double)n / (double)(rounds * HANDED));
	wend_pool_free(&pool);
}
RT_BENCH(pool_other, "pool/get_from_other_p", 2, BENCH_TWO_CPUS, hand_over, .baseline = "pool/get_put",
		 .iterations = 200 * HANDED)

static void malloc_free(bench *b)
{
	uint64_t n;

	while ((n = bench_next(b)) != 0) {
		for (uint64_t i = 0; i < n; i++) {
			void *item = malloc(SIZE);

			BENCH_USE(item);
			free(item);
		}
	}
}
BENCH_NAMED(malloc_row, "malloc/free", .run = malloc_free, .placement = BENCH_SAME_CPU)
