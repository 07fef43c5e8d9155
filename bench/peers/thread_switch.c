/* SPDX-License-Identifier: MIT
 *
 * thread_switch.c - what threads pay to give way and to hand a token over: the baselines of yield,
 * handover and ring. The leanest form the kernel has, a futex with a word to wait on, and condition
 * variables as most programs write it.
 */
#include "bench/host.h"
#include "bench/team.h"

#include <sched.h>

static void yields(struct team *team, int self, uint64_t n)
{
	for (uint64_t i = team_share(team, self, n); i > 0; i--)
		sched_yield();
}
TEAM_BENCH(thread_yield, "thread/yield", 2, BENCH_SAME_CPU, yields)
TEAM_BENCH(thread_yield_1000, "thread/yield/1000", 1000, BENCH_SAME_CPU, yields)

/* `turn` counts hops; member i waits for its numbers. An operation is one hop. */
static void futex_hops(struct team *team, int self, uint64_t n)
{
	uint32_t threads = (uint32_t)team->row->threads;

	for (uint64_t hop = (uint64_t)self; hop < n; hop += threads) {
		uint32_t seen;

		/* acq: what the member before did */
		while ((seen = atm_load_acq(&team->turn)) != (uint32_t)hop)
			host_futex_wait(&team->turn, seen);
		atm_store_rel(&team->turn, (uint32_t)hop + 1);
		/* One word for two members: the one asleep is the other. In a ring all must look. */
		host_futex_wake(&team->turn, threads == 2 ? 1 : (int)threads);
	}
}
TEAM_BENCH(thread_same, "thread/handover_same_core", 2, BENCH_SAME_CPU, futex_hops)
TEAM_BENCH(thread_two, "thread/handover_two_cores", 2, BENCH_TWO_CPUS, futex_hops)
TEAM_BENCH(thread_free, "thread/handover_free", 2, BENCH_FREE, futex_hops)

static void condvar_hops(struct team *team, int self, uint64_t n)
{
	for (uint64_t hop = (uint64_t)self; hop < n; hop += 2) {
		pthread_mutex_lock(&team->lock);
		while (atm_load_rlx(&team->turn) != (uint32_t)hop) /* rlx: under the lock */
			pthread_cond_wait(&team->cond[self], &team->lock);
		atm_store_rlx(&team->turn, (uint32_t)hop + 1);
		pthread_cond_signal(&team->cond[!self]);
		pthread_mutex_unlock(&team->lock);
	}
}
TEAM_BENCH(condvar_same, "thread/condvar_same_core", 2, BENCH_SAME_CPU, condvar_hops)
TEAM_BENCH(condvar_two, "thread/condvar_two_cores", 2, BENCH_TWO_CPUS, condvar_hops)
TEAM_BENCH(condvar_free, "thread/condvar_free", 2, BENCH_FREE, condvar_hops)

/* A ring of threads, each with a word of its own, so that a hop wakes exactly one. */
#define RING 100

static struct {
	alignas(CACHELINE) atm_u32 token;
} seat[RING];

static void ring_hops(struct team *team, int self, uint64_t n)
{
	int next = (self + 1) % RING;

	for (uint64_t hop = (uint64_t)self; hop < n; hop += RING) {
		if (hop != 0) {
			while (atm_load_acq(&seat[self].token) == 0)
				host_futex_wait(&seat[self].token, 0);
			atm_store_rlx(&seat[self].token, 0); /* rlx: the next token is a whole round away */
		}
		if (hop + 1 < n) {
			atm_store_rel(&seat[next].token, 1);
			host_futex_wake(&seat[next].token, 1);
		}
	}
}
TEAM_BENCH(thread_ring, "thread/ring/100", RING, BENCH_SAME_CPU, ring_hops)
