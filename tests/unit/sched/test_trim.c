/* SPDX-License-Identifier: MIT
 *
 * Pages that parked coroutines have touched and no longer use go back to the kernel; those that they use
 * stay what they are. */
#include "harness/crowd.h"

#include <pthread.h>
#include <sched.h>
#include <sys/mman.h>

enum { PAGE = 4096 };

/* ---- Once deep, now shallow ---------------------------------------------------------------------- */

enum { DEEP = 50, LOCALS = 300 };

static char *frame_of[DEEP];

/* Touches the stack down to `bytes` below the first call. */
static __attribute__((noinline)) uint64_t dive(const char *from, size_t bytes, uint64_t x)
{
	volatile uint64_t here[64];

	for (int i = 0; i < 64; i++)
		here[i] = x + (uint64_t)i;
	if ((size_t)(from - (const char *)here) < bytes)
		x = dive(from, bytes, x + 1);
	return x + here[x % 64];
}

static void be_deep(void *arg)
{
	int me = (int)(intptr_t)arg;
	uint64_t data[LOCALS], rng = (uint64_t)me + 1000;

	for (int i = 0; i < LOCALS; i++)
		data[i] = test_rand(&rng);
	frame_of[me] = __builtin_frame_address(0);
	dive(frame_of[me], 1 << 20, (uint64_t)me);
	stand_at_gate();
	rng = (uint64_t)me + 1000;
	for (int i = 0; i < LOCALS; i++)
		CHECK_MSG(data[i] == test_rand(&rng), "coroutine %d lost word %d of its stack", me, i);
	dive(frame_of[me], 1 << 20, (uint64_t)me); /* what was taken away can be used again */
	wend_waitgroup_done(&gone);
}

/* Resident pages of the 1.5 MiB below the frame. */
static int resident_below(char *frame)
{
	enum { PAGES = (3 << 19) / PAGE };
	unsigned char in[PAGES];
	char *lo = (char *)((uintptr_t)frame & ~(uintptr_t)(PAGE - 1)) - (size_t)PAGES * PAGE;
	int n = 0;

	CHECK(mincore(lo, (size_t)PAGES * PAGE, in) == 0);
	for (int i = 0; i < PAGES; i++)
		n += in[i] & 1;
	return n;
}

CO_TEST_LIMIT(pages_below_a_parked_coroutine_go_back, 30)
{
	wend_attr a = {.stack_size = 4 << 20};
	long before, with, after;
	size_t bytes;

	wend_waitgroup_add(&gate, 1);
	before = test_rss_kib();
	for (int i = 0; i < DEEP; i++)
		crowd_go(&a, be_deep, (void *)(intptr_t)i);
	wend_waitgroup_wait(&parked);
	/* Who has said so is about to park: give the last ones the time. */
	for (int i = 0; i < 100; i++)
		wend_yield();
	TEST_SLEEP_MS(5);
	with = test_rss_kib();
	bytes = wend_release_memory();
	after = test_rss_kib();
	test_note("%ld KiB before, %ld with them, %ld after; %zu bytes returned", before, with, after, bytes);
	for (int i = 0; i < DEEP; i++) {
		int n = resident_below(frame_of[i]);

		/* The page with the stack pointer and the one below; instrumented frames are larger. */
		CHECK_MSG(n <= (TEST_SANITIZED ? 6 : 3), "coroutine %d keeps %d pages below its frame", i, n);
	}
	if (!TEST_SANITIZED) { /* whose shadow is resident memory, too */
		CHECK_LE(before + DEEP * 900, with);
		CHECK_LE(after - before, DEEP * 16 + 1024);
	}
	wend_waitgroup_done(&gate);
	wend_waitgroup_wait(&gone);
}

/* Nobody asks: all P's are idle for long enough. */
static void *look_from_outside(void *arg)
{
	double end = test_now() + 5;
	int *least = arg, n;

	*least = 1 << 20;
	while (test_now() < end && *least > 6) {
		TEST_SLEEP_MS(20);
		n = resident_below(frame_of[0]);
		*least = n < *least ? n : *least;
	}
	wend_waitgroup_done(&gate);
	return NULL;
}

CO_TEST_LIMIT(pages_go_back_by_themselves_when_nothing_runs, 30)
{
	wend_attr a = {.stack_size = 4 << 20};
	pthread_t t;
	int least;

	wend_waitgroup_add(&gate, 1);
	crowd_go(&a, be_deep, NULL);
	wend_waitgroup_wait(&parked);
	CHECK(resident_below(frame_of[0]) > 200);
	CHECK(pthread_create(&t, NULL, look_from_outside, &least) == 0);
	wend_waitgroup_wait(&gone);
	pthread_join(t, NULL);
	CHECK_MSG(least <= 6, "%d pages were never given back", least);
}

/* ---- Trimming while they are woken --------------------------------------------------------------- */

enum { RANDOM = 48, LEVELS = 40 };

/* One coroutine each: parks at random depths of a recursion whose frames all hold data. */
static struct {
	wend_waitgroup ball;
	int waiting; /* somebody may wake it */
	uint64_t rng;
} players[RANDOM];

static int over;
static long wakes, trims;
static size_t trimmed;

static void park_player(int me)
{
	wend_waitgroup_add(&players[me].ball, 1);
	__atomic_store_n(&players[me].waiting, 1, __ATOMIC_RELEASE);
	wend_waitgroup_wait(&players[me].ball);
}

static __attribute__((noinline)) void wander(int me, int level)
{
	uint64_t *rng = &players[me].rng;
	uint64_t key = test_rand(rng), data[700], check;

	check = key;
	for (int i = 0; i < 700; i++)
		data[i] = test_rand(&check);
	if (test_rand(rng) % 4 == 0)
		park_player(me);
	if (level < LEVELS && test_rand(rng) % 16)
		wander(me, level + 1);
	if (test_rand(rng) % 4 == 0)
		park_player(me); /* what lies below is free to go */
	check = key;
	for (int i = 0; i < 700; i++)
		CHECK_MSG(data[i] == test_rand(&check), "coroutine %d, level %d: word %d of its stack is not its own",
				  me, level, i);
}

static void play(void *arg)
{
	int me = (int)(intptr_t)arg;

	while (!__atomic_load_n(&over, __ATOMIC_ACQUIRE))
		wander(me, 0);
	wend_waitgroup_done(&gone);
}

static void wake_some(uint64_t *rng, int from)
{
	int i = from + 2 * (int)(test_rand(rng) % (RANDOM / 2));

	if (__atomic_exchange_n(&players[i].waiting, 0, __ATOMIC_ACQ_REL)) {
		wend_waitgroup_done(&players[i].ball);
		__atomic_add_fetch(&wakes, 1, __ATOMIC_RELAXED);
	}
}

static int finished;

static void *wake_from_outside(void *unused)
{
	uint64_t rng = test_seed() ^ 1;

	while (!__atomic_load_n(&finished, __ATOMIC_ACQUIRE))
		wake_some(&rng, 1);
	return unused;
}

static void *trim_all_the_time(void *unused)
{
	while (!__atomic_load_n(&over, __ATOMIC_ACQUIRE)) {
		trimmed += wend_release_memory();
		trims++;
		sched_yield();
	}
	return unused;
}

static void wake_from_inside(void *unused)
{
	uint64_t rng = test_seed() ^ 2;

	(void)unused;
	while (!__atomic_load_n(&finished, __ATOMIC_ACQUIRE)) {
		wake_some(&rng, 0);
		wend_yield();
	}
	wend_waitgroup_done(&parked);
}

static int trim_and_wake(void *unused)
{
	double end = test_now() + 2 * test_stress_seconds();
	wend_attr a = {.stack_size = 1 << 20};
	pthread_t waker, trimmer;
	wend_stats before, after;

	(void)unused;
	wend_stats_read(&before);
	for (int i = 0; i < RANDOM; i++) {
		players[i].rng = test_seed() + (uint64_t)i;
		wend_waitgroup_add(&gone, 1);
		CHECK_EQ(wend_go_attr(&a, play, (void *)(intptr_t)i), 0);
	}
	wend_waitgroup_add(&parked, 1);
	CHECK_EQ(wend_go(wake_from_inside, NULL), 0);
	CHECK(pthread_create(&waker, NULL, wake_from_outside, NULL) == 0);
	CHECK(pthread_create(&trimmer, NULL, trim_all_the_time, NULL) == 0);
	while (test_now() < end)
		wend_yield();
	__atomic_store_n(&over, 1, __ATOMIC_RELEASE);
	wend_waitgroup_wait(&gone);
	__atomic_store_n(&finished, 1, __ATOMIC_RELEASE);
	wend_waitgroup_wait(&parked);
	pthread_join(waker, NULL);
	pthread_join(trimmer, NULL);
	wend_stats_read(&after);
	test_note("%ld wakes, %ld times trimmed, %zu bytes returned", wakes, trims, trimmed);
	CHECK(wakes > 0 && trims > 0);
	CHECK(trimmed > 100 * PAGE);
	/* Pages of free stacks may go back at other times, too. */
	CHECK_LE(trimmed, after.stack_bytes_returned - before.stack_bytes_returned);
	return 0;
}

TEST_LIMIT(trimming_leaves_alone_what_is_woken_meanwhile, 40)
{
	setenv("WEND_MAXPROCS", "3", 1);
	CHECK_EQ(wend_run(trim_and_wake, NULL), 0);
}

TEST_LIMIT(trimming_on_one_p, 40)
{
	setenv("WEND_MAXPROCS", "1", 1);
	CHECK_EQ(wend_run(trim_and_wake, NULL), 0);
}
