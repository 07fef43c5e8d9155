/* SPDX-License-Identifier: MIT
 *
 * bench_create.c - as many as asked for, created until all of them are parked, then woken and
 * ended: time and memory per coroutine and per thread, what is left afterwards, and where each
 * kind stops and why; and the time of a page's first touch, below which none of it can be. It
 * never endangers the machine: coroutines up to half of the memory that is free; threads up to
 * half of the room that the tightest limit leaves and half of that memory, and no more than 2000
 * unless the run is a full one.
 */
#include "bench/crowd.h"
#include "bench/host.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

/* Upper estimates, for the limits only. */
#define COROUTINE_BYTES 4608
#define THREAD_BYTES ((uint64_t)48 << 10)

/* What memory was before, or what each of `count` took since. */
struct memory {
	uint64_t rss, pte, available;
};

static struct memory memory_now(void)
{
	return (struct memory){host_rss(), host_pte(), host_available()};
}

static void count_memory(bench *b, const struct memory *before, uint64_t count)
{
	struct memory now = memory_now();

	bench_count(b, "created", (double)count, BENCH_VALUE);
	bench_count(b, "rss_bytes_each", each(before->rss, now.rss, count), BENCH_VALUE);
	bench_count(b, "pte_bytes_each", each(before->pte, now.pte, count), BENCH_VALUE);
	/* All that the machine has less, the kernel's own share included; other programs disturb it. */
	bench_count(b, "machine_bytes_each", each(now.available, before->available, count),
				BENCH_VALUE);
}

static void count_left(bench *b, const struct memory *before)
{
	bench_count(b, "rss_before_bytes", (double)before->rss, BENCH_VALUE);
	bench_count(b, "rss_left_bytes", (double)host_rss() - (double)before->rss, BENCH_VALUE);
}

/* Lowers *count to what half of the memory allows; says so in `why`. */
static void limit_by_memory(uint64_t *count, uint64_t bytes, char *why, size_t size)
{
	uint64_t most = host_available() / 2 / bytes;

	if (most < *count) {
		*count = most;
		snprintf(why, size, "stopped at half of the free memory");
	}
}

/* ---- Coroutines ---------------------------------------------------------------------------- */

/* An operation is the creation of all. */
static void coroutines(struct rt *rt, uint64_t n)
{
	struct crowd crowd = WEND_ZERO;
	uint64_t want = (uint64_t)bench_arg(rt->b, 0), made = 0, from;
	char why[160] = "all that were asked for";
	struct memory before;

	limit_by_memory(&want, COROUTINE_BYTES, why, sizeof why);
	wend_release_memory();
	before = memory_now();
	wend_waitgroup_add(&crowd.gate, 1);
	rt_begin(rt);
	while (made < want) {
		int rc = crowd_add(&crowd);

		if (rc != 0) {
			snprintf(why, sizeof why, "wend_go: %s", strerror(-rc));
			break;
		}
		made++;
	}
	wend_waitgroup_wait(&crowd.here);
	rt_end(rt);
	count_memory(rt->b, &before, made);
	bench_items(rt->b, made);
	bench_label(rt->b, why);
	from = bench_now();
	crowd_open(&crowd);
	bench_count(rt->b, "wake_and_end_ns_each", each(from, bench_now(), made), BENCH_VALUE);
	wend_release_memory();
	count_left(rt->b, &before);
	if (made == 0)
		rt_fail(rt, "%s", why);
}
RT_BENCH_FLAGS(create_parked, "create/parked", 1, BENCH_SAME_CPU, coroutines, BENCH_ONCE,
			   .args = {{100000}}, .nargs = 1, .baseline = "thread/create_parked/2000")
RT_BENCH_FLAGS(create_parked_p2, "create/parked_p2", 2, BENCH_TWO_CPUS, coroutines, BENCH_ONCE,
			   .args = {{100000}}, .nargs = 1, .baseline = "thread/create_parked/2000")
RT_BENCH_FLAGS(create_parked_full, "create/parked", 1, BENCH_SAME_CPU, coroutines,
			   BENCH_ONCE | BENCH_FULL_ONLY, .args = {{1000000}}, .nargs = 1,
			   .baseline = "thread/create_parked/40000")
RT_BENCH_FLAGS(claim_coroutines, "claims/create_many", 1, BENCH_SAME_CPU, coroutines, BENCH_ONCE,
			   .args = {{1000000}}, .nargs = 1)

/* Each P creates its share, and runs what it created. */
static struct crowd all_over;

static void create_share(struct rt_member *m)
{
	for (uint64_t i = 0; i < m->n; i++) {
		if (!rt_ok(m->rt, wend_go(stand, &all_over), "wend_go")) {
			wend_waitgroup_done(&all_over.here);
			wend_waitgroup_done(&all_over.over);
		}
	}
	wend_waitgroup_wait(&all_over.here);
}

static void coroutines_on_all(struct rt *rt, uint64_t n)
{
	uint64_t want = (uint64_t)bench_arg(rt->b, 0);
	char why[160] = "all that were asked for";

	limit_by_memory(&want, COROUTINE_BYTES, why, sizeof why);
	all_over = (struct crowd)WEND_ZERO;
	wend_waitgroup_add(&all_over.gate, 1);
	wend_waitgroup_add(&all_over.here, (int)want);
	wend_waitgroup_add(&all_over.over, (int)want);
	rt_crowd(rt, (size_t)rt->procs, true, want, create_share);
	bench_items(rt->b, want);
	bench_label(rt->b, why);
	wend_waitgroup_done(&all_over.gate);
	wend_waitgroup_wait(&all_over.over);
}
RT_BENCH_FLAGS(create_parked_each, "create/parked_each_p2", 2, BENCH_TWO_CPUS, coroutines_on_all,
			   BENCH_ONCE, .args = {{100000}}, .nargs = 1, .baseline = "create/parked/100000")

/* What no coroutine with a page of its own can be below: the kernel's time to hand out a page. */
static void first_touch(bench *b)
{
	const size_t pages = 100000;

	bench_items(b, pages);
	while (bench_next(b) != 0) {
		char *mem = mmap(NULL, pages * PAGE_SIZE, PROT_READ | PROT_WRITE,
						 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
		uint64_t from;

		if (mem == MAP_FAILED) {
			bench_fail(b, "no memory for %zu pages", pages);
			break;
		}
		madvise(mem, pages * PAGE_SIZE, MADV_NOHUGEPAGE);
		from = bench_now();
		for (size_t i = 0; i < pages; i++)
			mem[i * PAGE_SIZE] = 1;
		BENCH_CLOBBER();
		bench_time(b, bench_now() - from);
		munmap(mem, pages * PAGE_SIZE);
	}
}
BENCH_NAMED(create_first_touch, "create/first_touch", .run = first_touch,
			.placement = BENCH_SAME_CPU, .flags = BENCH_MANUAL_TIME | BENCH_ONCE)

/* ---- Threads ------------------------------------------------------------------------------- */

static void threads(bench *b)
{
	uint64_t want = (uint64_t)bench_arg(b, 0), made = 0, room, from;
	struct hall hall = {.here = {0}};
	char why[160] = "all that were asked for";
	const char *limit;
	struct memory before;
	pthread_t *thread;
	int rc;

	room = host_thread_room(&limit);
	if (room / 2 < want) {
		want = room / 2;
		snprintf(why, sizeof why, "stopped at half of the room that %s leaves", limit);
	}
	limit_by_memory(&want, THREAD_BYTES, why, sizeof why);
	thread = calloc(want + 1, sizeof *thread);
	if (!thread) {
		bench_fail(b, "out of memory");
		return;
	}
	if (bench_next(b) == 0)
		goto out;
	before = memory_now();
	from = bench_now();
	made = hall_fill(&hall, thread, want, &rc);
	bench_time(b, bench_now() - from);
	if (rc != 0)
		snprintf(why, sizeof why, "pthread_create: %s", strerror(rc));
	count_memory(b, &before, made);
	bench_count(b, "room", (double)room, BENCH_VALUE);
	bench_items(b, made);
	bench_label(b, why);
	from = bench_now();
	hall_open(&hall, thread, made);
	bench_count(b, "wake_and_end_ns_each", each(from, bench_now(), made), BENCH_VALUE);
	count_left(b, &before);
	bench_next(b);
	if (made == 0)
		bench_fail(b, "%s", why);
out:
	free(thread);
}
#define THREADS(ident, str, k, extra)                                                             \
	BENCH_NAMED(ident, str, .run = threads, .args = {{k}}, .nargs = 1,                            \
				.flags = BENCH_MANUAL_TIME | BENCH_ONCE | BENCH_CROWD | (extra))
THREADS(thread_parked, "thread/create_parked", 2000, 0)
THREADS(thread_parked_full, "thread/create_parked", 40000, BENCH_FULL_ONLY)
THREADS(claim_threads, "claims/create_many_threads", 2000, 0)
THREADS(claim_threads_full, "claims/create_many_threads", 40000, BENCH_FULL_ONLY)
