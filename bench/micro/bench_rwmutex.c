/* SPDX-License-Identifier: MIT
 *
 * bench_rwmutex.c - wend_rwmutex: a pair of read calls alone and on all P's at once (an operation's figure is one P's
 * time for one of its own: flat if they do not disturb each other), writing, what it costs a writer to end the
 * bias, and mixtures of readers and writers, in which the writers' waits are sampled. Against pthread_rwlock
 * (peers/thread_lock.c), libck's (peers/ck_lock.c), nsync and Go's sync.RWMutex.
 */
#include "bench/lock_work.h"
#include "bench/rt.h"

static wend_rwmutex rw;

static void read_n(uint64_t n)
{
	for (uint64_t i = 0; i < n; i++) {
		wend_rwmutex_rlock(&rw);
		wend_rwmutex_runlock(&rw);
	}
}

static void alone(struct rt *rt, uint64_t n)
{
	read_n(n);
}
RT_BENCH(rwmutex_read, "rwmutex/read", 1, BENCH_SAME_CPU, alone, .baseline = "thread/rwlock_read")

static void read_member(struct rt_member *m)
{
	read_n(m->n);
}

static void together(struct rt *rt, uint64_t n)
{
	uint64_t procs = (uint64_t)rt->procs;

	rt_crowd(rt, procs, true, n * procs, read_member);
}
RT_BENCH(rwmutex_read_p2, "rwmutex/read_p2", 2, BENCH_TWO_CPUS, together,
		 .baseline = "thread/rwlock_read_p2")
RT_BENCH_PN(rwmutex_read_pn, "rwmutex/read_pn", together, 0, .baseline = "rwmutex/read")

static void write_alone(struct rt *rt, uint64_t n)
{
	for (uint64_t i = 0; i < n; i++) {
		wend_rwmutex_lock(&rw);
		wend_rwmutex_unlock(&rw);
	}
}
RT_BENCH(rwmutex_write, "rwmutex/write", 1, BENCH_SAME_CPU, write_alone, .baseline = "thread/rwlock_write")

/* ---- The end of the bias ----------------------------------------------------------------------------- */

/* One write per operation, each on a lock that readers have made their own; the time of the writes alone. */
static uint64_t end_bias(uint64_t n)
{
	uint64_t ns = 0;

	for (uint64_t i = 0; i < n; i++) {
		uint64_t from;

		while (rw.wend__calm.wend__v > bench_now()) /* readers may not before that */
			;
		read_n(rw.wend__enough.wend__v + 2); /* nor with less than so many reads */
		from = bench_now();
		wend_rwmutex_lock(&rw);
		ns += bench_now() - from;
		wend_rwmutex_unlock(&rw);
	}
	return ns;
}

static void revoke_alone(struct rt *rt, uint64_t n)
{
	rt->ns = end_bias(n);
}
RT_BENCH(rwmutex_revoke, "rwmutex/revoke", 1, BENCH_SAME_CPU, revoke_alone)

static atm_u32 over;
static uint64_t write_ns;

static void read_or_write(struct rt_member *m)
{
	if (m->index == 0) {
		write_ns = end_bias(m->n);
		atm_store_rel(&over, 1);
		return;
	}
	while (!atm_load_acq(&over))
		read_n(1);
}

/* The same while the other P's read all the time. */
static void revoke_from_readers(struct rt *rt, uint64_t n)
{
	uint64_t procs = (uint64_t)rt->procs;

	atm_store_rlx(&over, 0); /* rlx: spawning publishes it */
	rt_crowd(rt, procs, true, n * procs, read_or_write);
	rt->ns = write_ns;
}
RT_BENCH(rwmutex_revoke_p2, "rwmutex/revoke_p2", 2, BENCH_TWO_CPUS, revoke_from_readers)
RT_BENCH_PN(rwmutex_revoke_pn, "rwmutex/revoke_pn", revoke_from_readers, 0)

/* ---- Readers and writers ----------------------------------------------------------------------------- */

static void mix_member(struct rt_member *m)
{
	uint64_t share = (uint64_t)bench_arg(m->rt->b, 1);

	RW_LOOP(m->index, m->n, share, wend_rwmutex_rlock(&rw), wend_rwmutex_runlock(&rw), wend_rwmutex_lock(&rw),
			wend_rwmutex_unlock(&rw));
}

static void mix(struct rt *rt, uint64_t n)
{
	size_t members = (size_t)rt->procs * (size_t)bench_arg(rt->b, 0);

	rt_crowd(rt, members, false, n, mix_member);
	samples_report(rt->b, members);
}

/* Coroutines per P, reads in a thousand. */
#define SHARES .args = {{1, 900}, {1, 999}, {50, 900}, {50, 999}}, .nargs = 4, .argc = 2
#define MORE_SHARES                                                                               \
	.args = {{1, 500}, {1, 990}, {1, 1000}, {50, 500}, {50, 990}, {50, 1000}}, .nargs = 6, .argc = 2

RT_BENCH(rwmutex_mix_p2, "rwmutex/mix_p2", 2, BENCH_TWO_CPUS, mix, SHARES)
RT_BENCH_PN(rwmutex_mix_pn, "rwmutex/mix_pn", mix, 0, SHARES)
RT_BENCH_FLAGS(rwmutex_mix, "rwmutex/mix", 1, BENCH_SAME_CPU, mix, BENCH_FULL_ONLY, SHARES)
RT_BENCH_FLAGS(rwmutex_more_p2, "rwmutex/mix_p2", 2, BENCH_TWO_CPUS, mix, BENCH_FULL_ONLY, MORE_SHARES)
RT_BENCH_FLAGS(rwmutex_more, "rwmutex/mix", 1, BENCH_SAME_CPU, mix, BENCH_FULL_ONLY, MORE_SHARES)
