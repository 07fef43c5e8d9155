/* SPDX-License-Identifier: MIT
 *
 * Stacks are made, taken from the free lists, and given back by several P's at once, while somebody asks for
 * the memory back and somebody looks at the list: each coroutine has a stack of its own, with a guard. */
#include "harness/test.h"

#include <wend/wend.h>

enum { PROCS = 4, MOST = 300 };

static int stop;
static wend_waitgroup makers, helpers;
static long made;

struct flock {
	wend_waitgroup parked, gate, gone;
};

static void stand(struct flock *flock, uint64_t mark)
{
	volatile uint64_t mine[16];

	for (int i = 0; i < 16; i++)
		mine[i] = mark + (uint64_t)i;
	wend_waitgroup_done(&flock->parked);
	wend_waitgroup_wait(&flock->gate);
	for (int i = 0; i < 16; i++)
		CHECK_EQ(mine[i], mark + (uint64_t)i);
	wend_waitgroup_done(&flock->gone);
}

static void make(uint64_t rng)
{
	while (!__atomic_load_n(&stop, __ATOMIC_ACQUIRE)) {
		struct flock flock = WEND_ZERO;
		int n = 1 + (int)(test_rand(&rng) % MOST);

		wend_waitgroup_add(&flock.gate, 1);
		wend_waitgroup_add(&flock.parked, n);
		wend_waitgroup_add(&flock.gone, n);
		for (int i = 0; i < n; i++)
			CHECK_EQ(WEND_GO(stand, &flock, test_rand(&rng)), 0);
		wend_waitgroup_wait(&flock.parked);
		wend_waitgroup_done(&flock.gate);
		wend_waitgroup_wait(&flock.gone);
		__atomic_add_fetch(&made, n, __ATOMIC_RELAXED);
	}
	wend_waitgroup_done(&makers);
}

static void release(void)
{
	while (!__atomic_load_n(&stop, __ATOMIC_ACQUIRE)) {
		wend_release_memory();
		wend_yield();
	}
	wend_waitgroup_done(&helpers);
}

static bool guarded(const wend_coroutine_info *info, void *unused)
{
	(void)unused;
	CHECK_MSG(info->guarded, "coroutine %llu has no guard", (unsigned long long)info->id);
	return true;
}

static void look(void)
{
	while (!__atomic_load_n(&stop, __ATOMIC_ACQUIRE)) {
		wend_coroutines_each(guarded, NULL);
		wend_yield();
	}
	wend_waitgroup_done(&helpers);
}

CO_TEST_LIMIT(several_ps_make_and_give_back_stacks, 40)
{
	double end = test_now() + test_stress_seconds();
	uint64_t rng = test_seed();

	CHECK(wend_maxprocs(PROCS) > 0);
	wend_waitgroup_add(&makers, PROCS);
	wend_waitgroup_add(&helpers, 2);
	for (int i = 0; i < PROCS; i++)
		CHECK_EQ(WEND_GO(make, test_rand(&rng)), 0);
	CHECK_EQ(WEND_GO(release), 0);
	if (strcmp(wend_guard_kind(), "madvise") == 0)
		CHECK_EQ(WEND_GO(look), 0);
	else
		wend_waitgroup_done(&helpers);
	while (test_now() < end)
		wend_yield();
	__atomic_store_n(&stop, 1, __ATOMIC_RELEASE);
	wend_waitgroup_wait(&makers);
	wend_waitgroup_wait(&helpers);
	test_note("%ld coroutines", made);
	CHECK(made > PROCS);
}
