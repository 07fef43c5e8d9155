/* SPDX-License-Identifier: MIT
 *
 * bench_oversub.c - waiting for one's turn when there are four times as many runnable workers as
 * CPUs: each works for about 20 us, gives way, and measures how long it was off. Fair turns make
 * it three times the work. Coroutines with wend_yield against threads with sched_yield; mean and
 * tail.
 */
#include "bench/rt.h"
#include "bench/team.h"

#include <sched.h>
#include <stdlib.h>

#define PER_CPU 4
#define WORK_NS 20000

/* Work is counted in rounds, not in time, so that a worker which loses the CPU meanwhile still has
 * all of it to do. */
static void work(uint64_t rounds)
{
	uint64_t x = rounds | 1;

	while (rounds-- > 0) {
		x ^= x << 13;
		x ^= x >> 7;
		x ^= x << 17;
		BENCH_USE(x);
	}
}

/* How many rounds take WORK_NS; the fastest of several tries, which nobody disturbed. */
static uint64_t rounds_of_work(void)
{
	const uint64_t probe = 20000;
	uint64_t best = UINT64_MAX;

	for (int i = 0; i < 50; i++) {
		uint64_t from = bench_now(), ns;

		work(probe);
		ns = bench_now() - from;
		best = ns < best ? ns : best;
	}
	return probe * WORK_NS / (best ? best : 1);
}

/* One worker's turns. The samples go to the histogram afterwards: it belongs to one thread. */
struct worker {
	uint64_t turns, rounds;
	uint64_t *waited;
	void (*give_way)(void);
};

static void turns(struct worker *w)
{
	for (uint64_t i = 0; i < w->turns; i++) {
		uint64_t from;

		work(w->rounds);
		from = bench_now();
		w->give_way();
		w->waited[i] = bench_now() - from;
	}
}

/* Workers with their share of n turns and room for the samples; NULL without memory. */
static struct worker *hire(size_t count, uint64_t n, void (*give_way)(void))
{
	uint64_t rounds = rounds_of_work(), share = n / count + 1;
	struct worker *workers = calloc(count, sizeof *workers);
	uint64_t *samples = calloc(count * share, sizeof *samples);

	if (!workers || !samples) {
		free(workers);
		free(samples);
		return NULL;
	}
	for (size_t i = 0; i < count; i++)
		workers[i] = (struct worker){.turns = n / count + (i < n % count),
									 .rounds = rounds,
									 .waited = samples + i * share,
									 .give_way = give_way};
	return workers;
}

static void dismiss(bench *b, struct worker *workers, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		for (uint64_t k = 0; k < workers[i].turns; k++)
			bench_lat(b, workers[i].waited[k]);
	}
	free(workers[0].waited);
	free(workers);
}

static struct worker *crew; /* of the batch that runs */

/* ---- Coroutines ---------------------------------------------------------------------------- */

static void member_turns(struct rt_member *m)
{
	turns(&crew[m->index]);
}

static void coroutines(struct rt *rt, uint64_t n)
{
	size_t count = (size_t)rt->procs * PER_CPU;

	crew = hire(count, n, wend_yield);
	if (!crew) {
		rt_fail(rt, "out of memory");
		return;
	}
	rt_crowd(rt, count, false, n, member_turns);
	dismiss(rt->b, crew, count);
}
RT_BENCH(oversub, "oversub/coroutines", 1, BENCH_SAME_CPU, coroutines,
		 .baseline = "oversub/threads")
RT_BENCH(oversub_p2, "oversub/coroutines_p2", 2, BENCH_TWO_CPUS, coroutines,
		 .baseline = "oversub/threads_p2")

/* ---- Threads ------------------------------------------------------------------------------- */

static void give_way_thread(void)
{
	sched_yield();
}

static bool hire_threads(struct team *team, uint64_t n)
{
	crew = hire((size_t)team->row->threads, n, give_way_thread);
	if (!crew)
		bench_fail(team->b, "out of memory");
	return crew;
}

static void thread_turns(struct team *team, int self, uint64_t n)
{
	turns(&crew[self]);
}

static void dismiss_threads(struct team *team)
{
	dismiss(team->b, crew, (size_t)team->row->threads);
}
TEAM_BENCH_AROUND(oversub_threads, "oversub/threads", PER_CPU, BENCH_SAME_CPU, thread_turns,
				  hire_threads, dismiss_threads)
TEAM_BENCH_AROUND(oversub_threads_p2, "oversub/threads_p2", 2 * PER_CPU, BENCH_TWO_CPUS,
				  thread_turns, hire_threads, dismiss_threads)
