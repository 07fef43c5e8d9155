/* SPDX-License-Identifier: MIT
 *
 * tests/harness/lives.h - coroutines and foreign threads that do one thing over and over until a time has passed. */
#ifndef TESTS_HARNESS_LIVES_H
#define TESTS_HARNESS_LIVES_H

#include "harness/test.h"

#include <pthread.h>

#include <wend/wend.h>

static struct lives {
	void (*deed)(uint64_t *rng);
	double end;
	wend_waitgroup alive; /* a deed may add to it, for what it starts */
} lives;

static void live(void *seed)
{
	uint64_t rng = (uint64_t)(uintptr_t)seed;

	while (test_now() < lives.end)
		lives.deed(&rng);
	wend_waitgroup_done(&lives.alive);
}

static void *live_in_thread(void *seed)
{
	live(seed);
	return NULL;
}

/* From the main coroutine: returns when all are over. Each has random numbers of its own. */
static inline void lives_run(int coroutines, int nthreads, double seconds, void (*deed)(uint64_t *rng))
{
	uint64_t seed = test_seed();
	pthread_t threads[8];

	CHECK_LE(nthreads, (int)(sizeof threads / sizeof *threads));
	lives.deed = deed;
	lives.end = test_now() + seconds;
	wend_waitgroup_add(&lives.alive, coroutines + nthreads);
	for (int i = 0; i < coroutines; i++)
		CHECK_EQ(wend_go(live, (void *)(uintptr_t)test_rand(&seed)), 0);
	for (int i = 0; i < nthreads; i++)
		CHECK_EQ(pthread_create(&threads[i], NULL, live_in_thread, (void *)(uintptr_t)test_rand(&seed)), 0);
	wend_waitgroup_wait(&lives.alive);
	for (int i = 0; i < nthreads; i++)
		pthread_join(threads[i], NULL);
}

#endif
