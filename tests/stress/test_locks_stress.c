/* SPDX-License-Identifier: MIT
 *
 * Locks under random load: coroutines and foreign threads take and release them in random ways and places
 * while the number of P's changes; nobody is where he must not be, nobody is forgotten. */
#include "harness/test.h"

#include <pthread.h>

#include <wend/wend.h>

enum { LOCKS = 3, WORKERS = 24, THREADS = 2, A_WRITER = 1 << 20, UNITS = 5 };

static wend_mutex mu[LOCKS];
static wend_rwmutex rw[LOCKS];
static wend_sem sem[LOCKS] = {WEND_SEM(UNITS), WEND_SEM(UNITS), WEND_SEM(UNITS)};
static int in_mutex[LOCKS], in_rw[LOCKS], in_sem[LOCKS]; /* atomic on purpose: exclusion is what is tested */
static uint64_t written[LOCKS][2];        /* plain: the locks order it */
static wend_waitgroup wg;
static int stop;
static uint64_t operations;

static void nap(uint64_t *rng, bool coroutine)
{
	switch (test_rand(rng) % 8) {
	case 0:
		if (coroutine)
			wend_yield();
		else
			sched_yield();
		break;
	case 1:
		for (uint64_t i = test_rand(rng) % 200; i > 0; i--)
			__asm__ volatile("");
	}
}

static void use_mutex(int i, uint64_t *rng, bool coroutine)
{
	if (test_rand(rng) % 4)
		wend_mutex_lock(&mu[i]);
	else if (!wend_mutex_trylock(&mu[i]))
		return;
	CHECK_EQ(__atomic_fetch_add(&in_mutex[i], 1, __ATOMIC_RELAXED), 0);
	nap(rng, coroutine);
	CHECK_EQ(__atomic_fetch_sub(&in_mutex[i], 1, __ATOMIC_RELAXED), 1);
	wend_mutex_unlock(&mu[i]);
}

static void use_sem(int i, uint64_t *rng, bool coroutine)
{
	int n = 1 + (int)(test_rand(rng) % UNITS);

	if (test_rand(rng) % 4)
		wend_sem_acquire(&sem[i], n);
	else if (!wend_sem_try_acquire(&sem[i], n))
		return;
	CHECK_LE(__atomic_add_fetch(&in_sem[i], n, __ATOMIC_RELAXED), UNITS);
	nap(rng, coroutine);
	__atomic_sub_fetch(&in_sem[i], n, __ATOMIC_RELAXED);
	wend_sem_release(&sem[i], n);
}

static void use_as_writer(int i, uint64_t *rng, bool coroutine)
{
	if (test_rand(rng) % 4)
		wend_rwmutex_lock(&rw[i]);
	else if (!wend_rwmutex_trylock(&rw[i]))
		return;
	CHECK_EQ(__atomic_fetch_add(&in_rw[i], A_WRITER, __ATOMIC_RELAXED), 0);
	written[i][0]++;
	nap(rng, coroutine);
	written[i][1]++;
	CHECK_EQ(__atomic_fetch_sub(&in_rw[i], A_WRITER, __ATOMIC_RELAXED), A_WRITER);
	wend_rwmutex_unlock(&rw[i]);
}

static void release_for(void *lock)
{
	wend_rwmutex *l = lock;

	__atomic_fetch_sub(&in_rw[l - rw], 1, __ATOMIC_RELAXED);
	wend_rwmutex_runlock(l);
	wend_waitgroup_done(&wg);
}

static void use_as_reader(int i, uint64_t *rng, bool coroutine)
{
	if (test_rand(rng) % 4)
		wend_rwmutex_rlock(&rw[i]);
	else if (!wend_rwmutex_tryrlock(&rw[i]))
		return;
	CHECK_LE(__atomic_fetch_add(&in_rw[i], 1, __ATOMIC_RELAXED), A_WRITER - 1);
	CHECK_EQ(written[i][0], written[i][1]);
	nap(rng, coroutine);
	if (test_rand(rng) % 32 == 0) { /* somebody else releases it, somewhere else */
		wend_waitgroup_add(&wg, 1);
		CHECK_EQ(wend_go(release_for, &rw[i]), 0);
		return;
	}
	__atomic_fetch_sub(&in_rw[i], 1, __ATOMIC_RELAXED);
	wend_rwmutex_runlock(&rw[i]);
}

static void work(uint64_t rng, bool coroutine)
{
	uint64_t n = 0;

	for (; !__atomic_load_n(&stop, __ATOMIC_ACQUIRE); n++) {
		int i = (int)(test_rand(&rng) % LOCKS);
		/* The first is mostly read, the last mostly written. */
		bool writes = test_rand(&rng) % 64 < (i == 0 ? 1 : i == 1 ? 8 : 40);

		uint64_t what = test_rand(&rng) % 8;

		if (what < 2)
			use_mutex(i, &rng, coroutine);
		else if (what == 2)
			use_sem(i, &rng, coroutine);
		else if (writes)
			use_as_writer(i, &rng, coroutine);
		else
			use_as_reader(i, &rng, coroutine);
		nap(&rng, coroutine);
	}
	__atomic_add_fetch(&operations, n, __ATOMIC_RELAXED);
}

static void worker(void *seed)
{
	work((uint64_t)(uintptr_t)seed, true);
	wend_waitgroup_done(&wg);
}

static void *foreign_worker(void *seed)
{
	work((uint64_t)(uintptr_t)seed, false);
	wend_waitgroup_done(&wg);
	return NULL;
}

static int everybody(void *arg)
{
	uint64_t rng = *(uint64_t *)arg;
	double end = test_now() + test_stress_seconds();
	pthread_t t[THREADS];

	wend_waitgroup_add(&wg, WORKERS + THREADS); /* threads, too: they leave read locks to coroutines, which want a P */
	for (int i = 0; i < WORKERS; i++)
		CHECK_EQ(wend_go(worker, (void *)(uintptr_t)test_rand(&rng)), 0);
	for (int i = 0; i < THREADS; i++)
		CHECK(pthread_create(&t[i], NULL, foreign_worker, (void *)(uintptr_t)test_rand(&rng)) == 0);
	while (test_now() < end) {
		wend_maxprocs(1 + (int)(test_rand(&rng) % 6));
		for (int i = 0; i < 50; i++)
			wend_yield();
		TEST_SLEEP_MS(1);
	}
	__atomic_store_n(&stop, 1, __ATOMIC_RELEASE);
	wend_waitgroup_wait(&wg);
	for (int i = 0; i < THREADS; i++)
		pthread_join(t[i], NULL);
	for (int i = 0; i < LOCKS; i++) { /* all free, and no reader counted who is gone */
		CHECK(wend_mutex_trylock(&mu[i]));
		CHECK(wend_rwmutex_trylock(&rw[i]));
		CHECK(wend_sem_try_acquire(&sem[i], UNITS));
		CHECK_EQ(written[i][0], written[i][1]);
	}
	test_note("%llu operations", (unsigned long long)operations);
	return 0;
}

static void run(const char *knobs)
{
	uint64_t seed = test_seed();

	setenv("WENDDEBUG", knobs, 1);
	CHECK_EQ(wend_run(everybody, &seed), 0);
}

TEST_LIMIT(locks_hold_under_random_load, 120)
{
	run("");
}

TEST_LIMIT(locks_hold_when_ready_coroutines_queue, 120)
{
	run("next=0,wake=eager,steal=half");
}
