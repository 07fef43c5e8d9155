/* SPDX-License-Identifier: MIT
 *
 * One owner and several thieves on one deque: every item must come out exactly once, whoever gets
 * it. The deque is kept nearly empty most of the time, where owner and thieves meet on the last item,
 * and in bursts it grows under the thieves' hands. */
#include "harness/test.h"

#include <pthread.h>
#include <sched.h>

#include "atomics/atomic.h"
#include "wend/wend.h"

enum { THIEVES = 3, BATCH = 1 << 16 };

static wend_deque *d;
static atm_u32 stop, finished;
static void yield_thread(void)
{
	sched_yield();
}

static void (*give_way)(void) = yield_thread;
static uint8_t *seen; /* one count per item of the batch */
static atm_u64 stolen;

static void count(void *item)
{
	uintptr_t i = (uintptr_t)item;

	CHECK_MSG(i < BATCH, "an item that nobody pushed: %#lx", (unsigned long)i);
	/* Not atomic on purpose: an item handed to two threads is also a data race on its count. */
	seen[i]++;
}

static void *thief(void *arg)
{
	uint64_t rng = test_seed() * 31 + (uintptr_t)arg;
	uint64_t mine = 0;

	while (!atm_load_acq(&stop)) {
		void *items[32];
		size_t n;

		if (test_rand(&rng) % 2)
			n = wend_deque_steal(d, &items[0]) ? 1 : 0;
		else
			n = wend_deque_steal_half(d, items, 1 + test_rand(&rng) % 32);
		for (size_t i = 0; i < n; i++)
			count(items[i]);
		mine += n;
		if (!n && test_rand(&rng) % 8 == 0)
			give_way();
	}
	atm_add_sc(&stolen, mine);
	atm_add_sc(&finished, 1);
	return NULL;
}

/* Returns how many batches went through. */
static int stress(enum wend_deque_fence kind, bool lifo, bool fifo)
{
	double end = test_now() + test_stress_seconds() / 4;
	uint64_t rng = test_seed();
	int batches = 0;

	seen = malloc(BATCH);
	/* On a busy machine the thieves may get the CPU late. */
	while (test_now() < end || (atm_load_acq(&stolen) == 0 && test_now() < end + 10)) {
		pthread_t t[THIEVES];
		uintptr_t next = 0;
		void *x;

		/* A fresh deque each time, so that it grows from its smallest size under the thieves. */
		d = wend_deque_make(0, kind);
		CHECK(d);
		memset(seen, 0, BATCH);
		atm_store_rel(&stop, 0);
		for (uintptr_t i = 0; i < THIEVES; i++)
			CHECK(pthread_create(&t[i], NULL, thief, (void *)i) == 0);
		while (next < BATCH) {
			size_t burst = test_rand(&rng) % 100 ? test_rand(&rng) % 4 : 1000;
			size_t back = test_rand(&rng) % 100 ? test_rand(&rng) % 4 : 500;

			for (; burst && next < BATCH; burst--)
				CHECK_EQ(wend_deque_push(d, (void *)next++), 0);
			for (; back; back--) {
				bool newest = lifo && (!fifo || test_rand(&rng) % 2);

				if (newest ? wend_deque_pop(d, &x) : wend_deque_take(d, &x))
					count(x);
			}
		}
		while (lifo ? wend_deque_pop(d, &x) : wend_deque_take(d, &x))
			count(x);
		/* False may also mean that a thief has the last one in hand. */
		atm_store_rel(&stop, 1);
		for (int i = 0; i < THIEVES; i++)
			pthread_join(t[i], NULL);
		while (wend_deque_pop(d, &x))
			count(x);
		for (int i = 0; i < BATCH; i++)
			CHECK_MSG(seen[i] == 1, "item %d came out %d times (batch %d)", i, seen[i], batches);
		wend_deque_free(d);
		batches++;
	}
	free(seen);
	CHECK_MSG(atm_load_acq(&stolen) > 0, "the thieves got nothing: nothing was tested");
	test_note("%d batches, %llu stolen", batches, (unsigned long long)atm_load_acq(&stolen));
	return batches;
}

TEST_LIMIT(full_fence_lifo_owner, 20)
{
	stress(WEND_DEQUE_FULL, true, false);
}

TEST_LIMIT(full_fence_fifo_owner, 20)
{
	stress(WEND_DEQUE_FULL, false, true);
}

TEST_LIMIT(full_fence_both_ends, 20)
{
	stress(WEND_DEQUE_FULL, true, true);
}

TEST_LIMIT(asymmetric_fence_lifo_owner, 20)
{
	stress(WEND_DEQUE_ASYM, true, false);
}

TEST_LIMIT(asymmetric_fence_fifo_owner, 20)
{
	stress(WEND_DEQUE_ASYM, false, true);
}

TEST_LIMIT(asymmetric_fence_both_ends, 20)
{
	stress(WEND_DEQUE_ASYM, true, true);
}

/* Owner and thieves are coroutines, which change threads between any two calls. */
static wend_waitgroup wg;

static void coroutine_thief(void *arg)
{
	thief(arg);
	wend_waitgroup_done(&wg);
}

static void round_of_coroutines(enum wend_deque_fence kind, uint64_t *rng)
{
	uintptr_t next = 0;
	void *x;

	memset(seen, 0, BATCH);
	d = wend_deque_make(0, kind);
	CHECK(d);
	atm_store_rel(&stop, 0);
	wend_waitgroup_add(&wg, THIEVES);
	for (uintptr_t i = 0; i < THIEVES; i++)
		CHECK_EQ(wend_go(coroutine_thief, (void *)i), 0);
	while (next < BATCH) {
		for (uint64_t n = test_rand(rng) % 8; n && next < BATCH; n--)
			CHECK_EQ(wend_deque_push(d, (void *)next++), 0);
		wend_yield();
		for (uint64_t n = test_rand(rng) % 4; n; n--)
			if (test_rand(rng) % 2 ? wend_deque_pop(d, &x) : wend_deque_take(d, &x))
				count(x);
		wend_yield();
	}
	atm_store_rel(&stop, 1);
	wend_waitgroup_wait(&wg);
	while (wend_deque_pop(d, &x))
		count(x);
	for (int i = 0; i < BATCH; i++)
		CHECK_MSG(seen[i] == 1, "item %d came out %d times", i, seen[i]);
	wend_deque_free(d);
}

static void coroutines(enum wend_deque_fence kind)
{
	double end = test_now() + test_stress_seconds() / 4;
	uint64_t rng = test_seed();
	int rounds = 0;

	wend_maxprocs(4);
	seen = malloc(BATCH);
	CHECK(seen);
	give_way = wend_yield;
	for (; test_now() < end; rounds++)
		round_of_coroutines(kind, &rng);
	CHECK(atm_load_acq(&stolen) > 0);
	test_note("%d rounds, %llu stolen", rounds, (unsigned long long)atm_load_acq(&stolen));
	free(seen);
}

CO_TEST_LIMIT(coroutines_with_full_fences, 20)
{
	coroutines(WEND_DEQUE_FULL);
}

CO_TEST_LIMIT(coroutines_with_asymmetric_fences, 20)
{
	coroutines(WEND_DEQUE_ASYM);
}
