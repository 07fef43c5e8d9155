/* SPDX-License-Identifier: MIT
 *
 * bench_spawn.c - starting a coroutine and waiting for its end: one at a time, in batches, and
 * through WEND_GO with two arguments; against pthread_create and a pool of threads
 * (peers/thread_create.c).
 */
#include "bench/rt.h"

static void finish(void *wg)
{
	wend_waitgroup_done(wg);
}

static bool spawn(struct rt *rt, wend_waitgroup *wg)
{
	wend_waitgroup_add(wg, 1);
	return rt_ok(rt, wend_go(finish, wg), "wend_go");
}

static void join_one(struct rt *rt, uint64_t n)
{
	wend_waitgroup wg = WEND_ZERO;

	for (uint64_t i = 0; i < n; i++) {
		if (!spawn(rt, &wg))
			return;
		wend_waitgroup_wait(&wg);
	}
}
RT_BENCH(spawn_one, "spawn/join_one", 1, BENCH_SAME_CPU, join_one,
		 .baseline = "thread/create_join")
RT_BENCH(spawn_one_p2, "spawn/join_one_p2", 2, BENCH_TWO_CPUS, join_one,
		 .baseline = "thread/create_join_free")

static void join_batch(struct rt *rt, uint64_t n)
{
	wend_waitgroup wg = WEND_ZERO;

	while (n > 0) {
		uint64_t k = n < 1000 ? n : 1000;

		for (uint64_t i = 0; i < k; i++) {
			if (!spawn(rt, &wg))
				return;
		}
		wend_waitgroup_wait(&wg);
		n -= k;
	}
}
RT_BENCH(spawn_batch, "spawn/join_batch", 1, BENCH_SAME_CPU, join_batch,
		 .baseline = "thread/create_join_batch")
RT_BENCH(spawn_batch_p2, "spawn/join_batch_p2", 2, BENCH_TWO_CPUS, join_batch,
		 .baseline = "thread/create_join_batch_free")
RT_BENCH_PN(spawn_batch_pn, "spawn/join_batch_pn", join_batch, 0, .baseline = "spawn/join_batch")

static wend_waitgroup macro_over;
static atm_u32 macro_sum;

static void add(int a, int b)
{
	atm_store_rlx(&macro_sum, (uint32_t)(a + b)); /* rlx: only keeps the arguments alive */
	wend_waitgroup_done(&macro_over);
}

static void go_macro(struct rt *rt, uint64_t n)
{
	for (uint64_t i = 0; i < n; i++) {
		wend_waitgroup_add(&macro_over, 1);
		if (!rt_ok(rt, WEND_GO(add, (int)i, 4), "WEND_GO"))
			return;
		wend_waitgroup_wait(&macro_over);
	}
}
RT_BENCH(spawn_macro, "spawn/go_macro", 1, BENCH_SAME_CPU, go_macro,
		 .baseline = "thread/create_join")
RT_BENCH(spawn_macro_p2, "spawn/go_macro_p2", 2, BENCH_TWO_CPUS, go_macro,
		 .baseline = "thread/create_join_free")
