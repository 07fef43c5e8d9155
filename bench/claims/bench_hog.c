/* SPDX-License-Identifier: MIT
 *
 * bench_hog.c - a hog beside a light one that is ready to run, on one P and on one CPU: how long
 * until the light one runs, when nobody gives way by itself. The hog ends after 200 ms; a figure of
 * that size means that the light one ran only because the hog was over.
 */
#include "bench/host.h"
#include "bench/rt.h"
#include "bench/team.h"

#define HOG_NS 200000000ULL
#define ROUNDS 3

static atm_u64 light_ran; /* clock when it did, 0 until then */

/* Burns CPU until the light one has run, at most HOG_NS. */
static void hog(void)
{
	uint64_t from = bench_now();

	while (atm_load_acq(&light_ran) == 0 && bench_now() - from < HOG_NS)
		;
}

static void light(void *arg)
{
	atm_store_rel(&light_ran, bench_now());
	wend_waitgroup_done(arg);
}

/* An operation is one wait; the sum of the waits is the time. */
static void coroutines(struct rt *rt, uint64_t n)
{
	uint64_t waited = 0;

	for (uint64_t i = 0; i < n; i++) {
		wend_waitgroup over = WEND_ZERO;
		uint64_t from, ns;

		atm_store_rlx(&light_ran, 0); /* rlx: spawning publishes it */
		wend_waitgroup_add(&over, 1);
		from = bench_now();
		if (!rt_ok(rt, wend_go(light, &over), "wend_go"))
			return;
		hog();
		wend_waitgroup_wait(&over);
		ns = atm_load_acq(&light_ran) - from;
		bench_lat(rt->b, ns);
		waited += ns;
	}
	rt->ns = waited;
}
RT_BENCH(claim_hog, "claims/hog", 1, BENCH_SAME_CPU, coroutines, .iterations = ROUNDS,
		 .baseline = "claims/hog_thread")

/* ---- Threads: member 0 hogs, member 1 sleeps until it is made ready ------------------------ */

static uint64_t waits[ROUNDS];
static atm_u32 finished; /* rounds of the light thread */

static void thread_rounds(struct team *team, int self, uint64_t n)
{
	for (uint32_t i = 0; i < n; i++) {
		if (self == 1) {
			while (atm_load_acq(&team->turn) != i + 1)
				host_futex_wait(&team->turn, i);
			atm_store_rel(&light_ran, bench_now());
			atm_store_rel(&finished, i + 1);
			host_futex_wake(&finished, 1);
		} else {
			uint64_t from;

			atm_store_rlx(&light_ran, 0); /* rlx: the light one sleeps until turn */
			from = bench_now();
			atm_store_rel(&team->turn, i + 1);
			host_futex_wake(&team->turn, 1);
			hog();
			while (atm_load_acq(&finished) != i + 1)
				host_futex_wait(&finished, i);
			waits[i % ROUNDS] = atm_load_acq(&light_ran) - from;
		}
	}
}

static bool reset(struct team *team, uint64_t n)
{
	atm_store_rlx(&finished, 0); /* rlx: the start of the batch publishes it */
	return true;
}

static void record(struct team *team)
{
	for (int i = 0; i < ROUNDS; i++)
		bench_lat(team->b, waits[i]);
}
TEAM_BENCH_AROUND(claim_hog_thread, "claims/hog_thread", 2, BENCH_SAME_CPU, thread_rounds, reset,
				  record, .iterations = ROUNDS)
