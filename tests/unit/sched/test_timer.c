/* SPDX-License-Identifier: MIT
 *
 * The heap of timers against a plain list: whatever goes in and out, before, in and after a storm, with and without memory,
 * the one that is due first comes first. What timers do when memory or coroutines are short. */
#include "harness/fault.h"
#include "harness/test.h"

#include "sched/timer_heap.h"

#include <wend/wend.h>

/* ---- The heap ----------------------------------------------------------------------------------- */

enum { MOST = 40000 }; /* a storm of so many is sorted in several steps */

static int many;
static struct timer t[MOST];
static bool in[MOST];
static struct timers h;

static void put(int i, int64_t when)
{
	t[i].when = when;
	heap_insert(&h, &t[i]);
	in[i] = true;
}

static void take(int i)
{
	heap_take_out(&h, &t[i]);
	in[i] = false;
}

/* By looking at all of them. */
static int64_t earliest(void)
{
	int64_t first = NEVER;

	for (int i = 0; i < many; i++)
		if (in[i] && t[i].when < first)
			first = t[i].when;
	return first;
}

static void first_is_first(void)
{
	int64_t when;
	struct timer *first = heap_first(&h, &when);

	if (!first && when != NEVER) { /* of a storm that is being sorted only the beginning is known, */
		CHECK_LE(when, earliest());
		CHECK(h.storm != NULL);
		return;
	}
	CHECK_EQ(when, earliest());
	CHECK_EQ(first != NULL, when != NEVER);
	if (first) {
		CHECK_EQ(first->when, when);
		CHECK(in[first - t]);
	}
}

static void churn(uint64_t *rng, int steps, int64_t span)
{
	for (int i = 0; i < steps; i++) {
		int k = (int)(test_rand(rng) % (uint64_t)many);
		int64_t when;
		struct timer *first;

		if (!in[k])
			put(k, (int64_t)(test_rand(rng) % (uint64_t)span));
		else if (test_rand(rng) % 2)
			take(k);
		else if ((first = heap_first(&h, &when)))
			take((int)(first - t));
		if (i % 50 == 0)
			heap_storm(&h, (int64_t)(test_rand(rng) % (uint64_t)span));
		if (i % 1000 == 999)
			heap_settle(&h);
		if (i % 7 == 0)
			heap_trim(&h);
		if (i % 3 == 0)
			first_is_first();
	}
}

/* In the order of their times, until none is left. */
static void drain(int64_t now)
{
	int64_t last = 0, when;

	heap_storm(&h, now);
	for (struct timer *first; (first = heap_first(&h, &when)) || when != NEVER;) {
		CHECK_LE(last, when);
		if (first) {
			last = when;
			take((int)(first - t));
		} else {
			heap_storm(&h, now);
		}
		heap_trim(&h);
	}
	CHECK_EQ(earliest(), NEVER);
}

static void all_spans(int n, uint64_t *rng, int steps)
{
	static const int64_t spans[] = {1, 3, 1000, 3000000, INT64_MAX / 2};

	many = n;
	for (size_t s = 0; s < sizeof spans / sizeof *spans; s++) {
		for (int i = 0; i < many; i++)
			put(i, (int64_t)(test_rand(rng) % (uint64_t)spans[s]));
		heap_storm(&h, spans[s] / 2);
		churn(rng, steps, spans[s]);
		drain(spans[s]);
	}
}

TEST(the_first_comes_first)
{
	uint64_t rng = test_seed();

	timers_init(&h);
	all_spans(MOST, &rng, 3000);
	all_spans(1500, &rng, 3000);
	heap_free(&h);
}

TEST(the_first_comes_first_without_memory)
{
	uint64_t rng = test_seed();

	timers_init(&h);
	many = 40;
	for (int i = 0; i < many; i++)
		put(i, i);
	drain(0);
	fault_all("aligned_alloc", ENOMEM);
	fault_all("malloc", ENOMEM);
	all_spans(3000, &rng, 300);
	fault_clear();
	heap_free(&h);
}

/* ---- Shortage ----------------------------------------------------------------------------------- */

static int calls;

static void call(void *unused)
{
	(void)unused;
	__atomic_add_fetch(&calls, 1, __ATOMIC_RELEASE);
}

CO_TEST(without_memory_there_is_no_timer)
{
	fault_all("mmap", ENOMEM);
	fault_all("posix_memalign", ENOMEM); /* what takes the slabs' place under AddressSanitizer */

	wend_timer *timer = wend_timer_make(1), *func = wend_after_func(1, call, NULL);
	wend_ticker *ticker = wend_ticker_make(1);
	wend_chan *after = wend_after(1), *tick = wend_tick(1);

	fault_clear();
	CHECK(!timer && !func && !ticker && !after && !tick);
	CHECK_EQ(calls, 0);
}

static int64_t most;

static void count_coroutines(void *unused)
{
	int64_t n = wend_num_coroutines();

	(void)unused;
	if (n > most)
		most = n;
	call(NULL);
}

/* Those that a batch has started run before more are: no crowd builds up, whose stacks would all be alive at once. */
static int storm(void *unused)
{
	enum { ALL = 20000 };
	int64_t due = wend_deadline(ALL * 2 * WEND_MICROSECOND);

	(void)unused;
	for (int i = 0; i < ALL; i++)
		wend_timer_release(wend_after_func(due - wend_now(), count_coroutines, NULL));
	while (__atomic_load_n(&calls, __ATOMIC_ACQUIRE) < ALL)
		wend_sleep(WEND_MILLISECOND);
	CHECK_LE(most, 2 * DUE_MOST + 2);
	return 0;
}

TEST(a_storm_starts_no_more_than_run)
{
	setenv("WEND_MAXPROCS", "1", 1);
	CHECK_EQ(wend_run(storm, NULL), 0);
}

/* No room in the heap: they fire all the same. */
CO_TEST(timers_fire_where_their_heap_cannot_grow)
{
	int64_t from = wend_now(), v;
	wend_chan *after[100];

	fault_all("aligned_alloc", ENOMEM);
	for (int i = 0; i < 100; i++)
		after[i] = wend_after((100 - i) * 20 * WEND_MICROSECOND);
	for (int i = 0; i < 100; i++) {
		CHECK(wend_chan_recv(after[i], &v));
		CHECK_LE(from + (100 - i) * 20 * WEND_MICROSECOND, v);
		wend_chan_release(after[i]);
	}
	wend_sleep(WEND_MILLISECOND);
	fault_clear();
}

static wend_waitgroup gate;

static void stand(void *unused)
{
	(void)unused;
	wend_waitgroup_wait(&gate);
}

/* Every further coroutine would need a guard, which cannot be had. */
static int short_of_coroutines(void *unused)
{
	wend_timer *timer;

	(void)unused;
	wend_waitgroup_add(&gate, 1);
	fault_all("guard", ENOMEM);
	fault_all("process_madvise", ENOMEM);
	fault_all("mprotect", ENOMEM);
	while (wend_go(stand, NULL) == 0)
		;
	timer = wend_after_func(1, call, NULL);
	wend_sleep(5 * WEND_MILLISECOND);
	CHECK_EQ(__atomic_load_n(&calls, __ATOMIC_ACQUIRE), 0);
	fault_clear();
	while (__atomic_load_n(&calls, __ATOMIC_ACQUIRE) == 0)
		wend_sleep(WEND_MILLISECOND);
	wend_timer_release(timer);
	wend_waitgroup_done(&gate);
	return 0;
}

/* It is tried again every millisecond. */
TEST(a_function_is_called_when_a_coroutine_can_be_had)
{
	setenv("WENDDEBUG", "guard=strict", 1);
	CHECK_EQ(wend_run(short_of_coroutines, NULL), 0);
	CHECK_EQ(calls, 1);
}
