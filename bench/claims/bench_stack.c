/* SPDX-License-Identifier: MIT
 *
 * bench_stack.c - what a stack takes, for the claim that a coroutine's grows and shrinks with use
 * while a thread's is a fixed reservation of megabytes: resident and virtual bytes of one that is
 * parked at once, and of one that recurses deep and comes back. Stacks of equal reservation (the
 * system's default for threads) take part in the second. The figure of the row is the time of the
 * recursion.
 */
#include "base/compiler.h"
#include "bench/crowd.h"
#include "bench/host.h"

#include <string.h>

#define COUNT 200                      /* parked ones that the per-one figures are taken over */
#define DEEP_STACK ((size_t)8 << 20)   /* reservation of the deep one */
#define DEEP_BYTES ((size_t)4 << 20)   /* how much of it the recursion uses */
#define FRAME 1024

/* Uses `bytes` of stack, says so to `at_depth` there and returns. */
static noinline unsigned descend(size_t bytes, void (*at_depth)(void *), void *arg)
{
	unsigned char frame[FRAME];
	unsigned sum = 0;

	memset(frame, (int)bytes, sizeof frame);
	BENCH_USE(frame);
	if (bytes > FRAME)
		sum = descend(bytes - FRAME, at_depth, arg);
	else
		at_depth(arg);
	return sum + frame[bytes % FRAME]; /* after the call: the frame stays */
}

/* Resident memory of the process along the deep one's life. */
struct deep {
	uint64_t before, at_depth, returned, ended, ns;
};

static void note_depth(void *arg)
{
	struct deep *deep = arg;

	deep->at_depth = host_rss();
}

static void go_deep(struct deep *deep)
{
	uint64_t from = bench_now();

	BENCH_USE(descend(DEEP_BYTES, note_depth, deep));
	deep->ns = bench_now() - from;
}

static void count_deep(bench *b, const struct deep *deep)
{
	double before = (double)deep->before;

	bench_count(b, "deep_stack_bytes", (double)DEEP_BYTES, BENCH_VALUE);
	bench_count(b, "rss_at_depth_bytes", (double)deep->at_depth - before, BENCH_VALUE);
	bench_count(b, "rss_returned_bytes", (double)deep->returned - before, BENCH_VALUE);
	bench_count(b, "rss_ended_bytes", (double)deep->ended - before, BENCH_VALUE);
}

/* ---- Coroutines ---------------------------------------------------------------------------- */

/* The reservation of the first parked one is that of all: they have no attributes. */
static bool note_reservation(const wend_coroutine_info *info, void *arg)
{
	size_t *reserved = arg;

	if (info->entry != (const void *)(uintptr_t)stand)
		return true;
	*reserved = info->stack_size;
	return false;
}

static void park_many(struct rt *rt)
{
	struct crowd crowd = WEND_ZERO;
	uint64_t rss, virtual;
	size_t reserved = 0;

	wend_release_memory(); /* recycled stacks would not show */
	rss = host_rss();
	virtual = host_virtual();
	wend_waitgroup_add(&crowd.gate, 1);
	for (int i = 0; i < COUNT; i++) {
		if (!rt_ok(rt, crowd_add(&crowd), "wend_go"))
			return;
	}
	wend_waitgroup_wait(&crowd.here);
	bench_count(rt->b, "rss_bytes_each", each(rss, host_rss(), COUNT), BENCH_VALUE);
	/* The arena is mapped at once and ahead, so the address space of one is what it reserves
	 * there. */
	wend_coroutines_each(note_reservation, &reserved);
	bench_count(rt->b, "virtual_bytes_each", (double)reserved, BENCH_VALUE);
	bench_count(rt->b, "mapped_bytes_each", each(virtual, host_virtual(), COUNT), BENCH_VALUE);
	crowd_open(&crowd);
}

struct diver {
	struct deep deep;
	wend_waitgroup back, leave, over;
};

static void dive(void *arg)
{
	struct diver *diver = arg;

	go_deep(&diver->deep);
	wend_waitgroup_done(&diver->back);
	wend_waitgroup_wait(&diver->leave);
	wend_waitgroup_done(&diver->over);
}

static void coroutine_stack(struct rt *rt, uint64_t n)
{
	wend_attr attr = {.name = "deep", .stack_size = DEEP_STACK};
	struct diver diver = {.deep = {0}};

	park_many(rt);
	wend_release_memory();
	diver.deep.before = host_rss();
	wend_waitgroup_add(&diver.back, 1);
	wend_waitgroup_add(&diver.leave, 1);
	wend_waitgroup_add(&diver.over, 1);
	if (!rt_ok(rt, wend_go_attr(&attr, dive, &diver), "wend_go_attr"))
		return;
	wend_waitgroup_wait(&diver.back);
	wend_yield(); /* it may stand between telling us and parking */
	wend_release_memory();
	diver.deep.returned = host_rss();
	wend_waitgroup_done(&diver.leave);
	wend_waitgroup_wait(&diver.over);
	wend_yield(); /* likewise before its end */
	wend_release_memory();
	diver.deep.ended = host_rss();
	count_deep(rt->b, &diver.deep);
	rt->ns = diver.deep.ns;
}
RT_BENCH_FLAGS(claim_stack_coroutine, "claims/stack_coroutine", 1, BENCH_SAME_CPU, coroutine_stack,
			   BENCH_ONCE)

/* ---- Threads ------------------------------------------------------------------------------- */

static int park_threads(bench *b)
{
	struct hall hall = {.here = {0}};
	pthread_t thread[COUNT];
	uint64_t rss = host_rss(), virtual = host_virtual();
	int rc;
	uint64_t made = hall_fill(&hall, thread, COUNT, &rc);

	if (rc == 0) {
		bench_count(b, "rss_bytes_each", each(rss, host_rss(), COUNT), BENCH_VALUE);
		bench_count(b, "virtual_bytes_each", each(virtual, host_virtual(), COUNT), BENCH_VALUE);
	}
	hall_open(&hall, thread, made);
	return rc;
}

static void *dive_thread(void *arg)
{
	struct deep *deep = arg;

	go_deep(deep);
	deep->returned = host_rss(); /* nobody gives a thread's stack back while it lives */
	return NULL;
}

static void thread_stack(bench *b)
{
	struct deep deep = {0};
	pthread_attr_t attr;
	pthread_t thread;
	const char *why;
	int rc;

	if (host_thread_room(&why) < 2 * COUNT) {
		bench_skip(b, "%d threads are too near the limit (%s)", COUNT, why);
		return;
	}
	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, DEEP_STACK);
	while (bench_next(b) != 0) {
		rc = park_threads(b);
		deep.before = host_rss();
		if (rc == 0)
			rc = pthread_create(&thread, &attr, dive_thread, &deep);
		if (rc != 0) {
			bench_fail(b, "pthread_create: %s", strerror(rc));
			break;
		}
		pthread_join(thread, NULL);
		deep.ended = host_rss();
		count_deep(b, &deep);
		bench_time(b, deep.ns);
	}
	pthread_attr_destroy(&attr);
}
BENCH_NAMED(claim_stack_thread, "claims/stack_thread", .run = thread_stack,
			.flags = BENCH_MANUAL_TIME | BENCH_ONCE | BENCH_CROWD)
