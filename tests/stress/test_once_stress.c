/* SPDX-License-Identifier: MIT
 *
 * Coroutines and foreign threads ask for the same things in random order; making one takes a moment, needs others,
 * or ends its coroutine. Each is made once, and whoever returns finds it made. */
#include "harness/test.h"

#include <pthread.h>
#include <sched.h>

#include <wend/wend.h>

enum { THINGS = 64, COROUTINES = 12, THREADS = 2 };

struct thing {
	wend_once once;
	int made; /* not atomic: the once orders it */
	unsigned yields;
	bool goexits;
	struct thing *needs; /* of a smaller number, so that nobody waits in a circle */
};

static struct thing *things;
static wend_waitgroup wg;
static wend_atomic_i64 asked;
static __thread bool foreign;

static void ask(struct thing *t);

static void make(void *arg)
{
	struct thing *t = arg;

	t->made++; /* first: if what it needs ends the coroutine, this one is over, too */
	if (t->needs)
		ask(t->needs);
	for (unsigned i = 0; i < t->yields; i++) {
		if (foreign)
			sched_yield();
		else
			wend_yield();
	}
	if (t->goexits && !foreign)
		wend_goexit();
}

static void ask(struct thing *t)
{
	wend_once_do(&t->once, make, t);
	CHECK_MSG(t->made == 1, "made %d times", t->made);
	wend_atomic_i64_add(&asked, 1);
}

static void ask_all(uint64_t rng)
{
	unsigned step = 2 * (unsigned)(test_rand(&rng) % THINGS) + 1, first = (unsigned)test_rand(&rng);

	for (unsigned i = 0; i < THINGS; i++)
		ask(&things[(first + i * step) % THINGS]);
}

static uint64_t seed_of_round;

static void on_coroutine(void *number)
{
	ask_all(seed_of_round + (uintptr_t)number);
}

static void *on_thread(void *number)
{
	foreign = true;
	ask_all(seed_of_round - (uintptr_t)number);
	return NULL;
}

static void round_of(uint64_t *rng)
{
	pthread_t t[THREADS];

	things = calloc(THINGS, sizeof *things);
	CHECK(things);
	for (int i = 0; i < THINGS; i++) {
		things[i].yields = (unsigned)(test_rand(rng) % 4);
		things[i].goexits = test_rand(rng) % 8 == 0;
		things[i].needs = i && test_rand(rng) % 4 == 0 ? &things[test_rand(rng) % (uint64_t)i] : NULL;
	}
	seed_of_round = test_rand(rng);
	for (uintptr_t i = 1; i <= THREADS; i++)
		CHECK(pthread_create(&t[i - 1], NULL, on_thread, (void *)i) == 0);
	for (uintptr_t i = 1; i <= COROUTINES; i++)
		CHECK_EQ(wend_waitgroup_go(&wg, on_coroutine, (void *)i), 0);
	wend_waitgroup_wait(&wg);
	for (int i = 0; i < THREADS; i++)
		pthread_join(t[i], NULL);
	for (int i = 0; i < THINGS; i++)
		CHECK_EQ(things[i].made, 1); /* a thread has asked for each */
	free(things);
}

CO_TEST_LIMIT(each_is_made_once_for_all, 60)
{
	double end = test_now() + test_stress_seconds();
	uint64_t rng = test_seed();
	int rounds = 0;

	wend_maxprocs(4);
	for (; test_now() < end; rounds++)
		round_of(&rng);
	test_note("%d rounds, %lld answers", rounds, (long long)wend_atomic_i64_load(&asked));
}
