/* SPDX-License-Identifier: MIT
 *
 * bench_atomics.c - the atomics layer, operation by operation. atomics/xadd_private, a locked add
 * on a line that nobody else touches, is the unit of every ratio in the report (`ref`). The label
 * names the backend: this file is compiled once for each.
 */
#include "atomics/asym.h"
#include "atomics/atomic.h"
#include "bench/bench.h"
#include "bench/host.h"

#include <pthread.h>
#include <string.h>

static struct {
	alignas(CACHELINE) atm_u64 private;
	alignas(CACHELINE) atm_u64 shared;
} line;

/* One row: `op` n times. */
#define ROW(ident, str, op, ...)                                                                  \
	static void ident(bench *b)                                                                   \
	{                                                                                             \
		uint64_t n;                                                                               \
                                                                                                  \
		bench_label(b, ATM_BACKEND);                                                              \
		while ((n = bench_next(b)) != 0) {                                                        \
			for (uint64_t i = 0; i < n; i++)                                                      \
				op;                                                                               \
		}                                                                                         \
	}                                                                                             \
	BENCH_NAMED(ident, str, .run = ident, __VA_ARGS__)

ROW(xadd_private, "atomics/xadd_private", BENCH_USE(atm_add_sc(&line.private, 1)),
	.placement = BENCH_SAME_CPU)
ROW(xchg, "atomics/xchg", BENCH_USE(atm_xchg_sc(&line.private, i)), .placement = BENCH_SAME_CPU)
ROW(cas, "atomics/cas", BENCH_USE(atm_cas_sc(&line.private, atm_load_rlx(&line.private), i)),
	.placement = BENCH_SAME_CPU)
ROW(fence, "atomics/fence", atm_fence_sc(), .placement = BENCH_SAME_CPU)
ROW(load_acq, "atomics/load_acq", BENCH_USE(atm_load_acq(&line.private)),
	.placement = BENCH_SAME_CPU)
ROW(store_rel, "atomics/store_rel", atm_store_rel(&line.private, i), .placement = BENCH_SAME_CPU)
/* Both threads add to one line; with one thread it is the private case on another line. */
ROW(xadd_shared, "atomics/xadd_shared", BENCH_USE(atm_add_sc(&line.shared, 1)),
	.placement = BENCH_TWO_CPUS, .threads = {1, 2})

static void asym_light_row(bench *b)
{
	uint64_t n;

	wend__asym_probe();
	bench_label(b, wend__asym_on ? "membarrier" : "full fences");
	while ((n = bench_next(b)) != 0) {
		for (uint64_t i = 0; i < n; i++) {
			asym_light();
			BENCH_CLOBBER();
		}
	}
}
BENCH_NAMED(asym_light, "atomics/asym_light", .run = asym_light_row, .placement = BENCH_SAME_CPU)

static void asym_heavy_row(bench *b)
{
	uint64_t n;

	wend__asym_probe();
	bench_label(b, wend__asym_on ? "membarrier" : "full fences");
	while ((n = bench_next(b)) != 0) {
		for (uint64_t i = 0; i < n; i++)
			asym_heavy();
	}
}
BENCH_NAMED(asym_heavy, "atomics/asym_heavy", .run = asym_heavy_row, .placement = BENCH_SAME_CPU)

/* A thread of this process that keeps the other CPU busy: what makes the heavy side heavy. */
struct spinner {
	pthread_t thread;
	atm_u32 state; /* 0 starting, 1 spinning, 2 told to stop */
};

static void *spin(void *arg)
{
	struct spinner *s = arg;

	host_place(BENCH_TWO_CPUS, 1);
	atm_cas_sc(&s->state, 0, 1);
	while (atm_load_rlx(&s->state) != 2)
		;
	return NULL;
}

static void asym_heavy_peer_row(bench *b)
{
	struct spinner s = {.state = {0}};
	int rc;

	if (host_missing(BENCH_TWO_CPUS)) {
		bench_skip(b, "%s", host_missing(BENCH_TWO_CPUS));
		return;
	}
	rc = pthread_create(&s.thread, NULL, spin, &s);
	if (rc != 0) {
		bench_fail(b, "pthread_create: %s", strerror(rc));
		return;
	}
	while (atm_load_acq(&s.state) == 0)
		atm_pause();
	asym_heavy_row(b);
	atm_store_rel(&s.state, 2);
	pthread_join(s.thread, NULL);
}
BENCH_NAMED(asym_heavy_peer, "atomics/asym_heavy_peer", .run = asym_heavy_peer_row,
			.placement = BENCH_TWO_CPUS)
