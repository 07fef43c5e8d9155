/* SPDX-License-Identifier: MIT
 *
 * The mixed load under every policy that differs from the default, on 1 to 4 P's: the settings change who
 * runs what and when, never whether. Each coroutine keeps account of itself, so that one that is lost,
 * runs twice, or finds another's stack is noticed at the end of its round. */
#include "harness/test.h"

#include <pthread.h>

#include <wend/wend.h>

enum { ACCOUNTS = 1 << 14 };

static wend_waitgroup all;
static wend_counter ended;
static uint8_t runs[ACCOUNTS]; /* how often number i has come to its end */
static int numbers;            /* given out in this round */
static long coroutines;

static void work(int me, uint64_t seed, int depth);

static void start_one(uint64_t *rng, int depth)
{
	int me = __atomic_fetch_add(&numbers, 1, __ATOMIC_RELAXED);

	if (me >= ACCOUNTS) {
		__atomic_fetch_sub(&numbers, 1, __ATOMIC_RELAXED);
		return;
	}
	wend_waitgroup_add(&all, 1);
	CHECK_EQ(WEND_GO(work, me, test_rand(rng), depth), 0);
}

struct errand {
	wend_waitgroup *back;
	uint64_t rng;
	int me, sum;
};

static void run_errand(void *arg)
{
	struct errand *e = arg;

	for (int i = (int)(test_rand(&e->rng) % 3); i > 0; i--)
		wend_yield();
	e->sum += e->me; /* not atomic: the WaitGroup orders it */
	wend_waitgroup_done(e->back);
}

/* Helpers, some on a P of their own, that write into the waiting coroutine's frame. */
static void send_errands(int me, uint64_t *rng)
{
	wend_waitgroup back = WEND_ZERO;
	struct errand errands[4];
	int n = 1 + (int)(test_rand(rng) % 4), procs = wend_maxprocs(0);

	for (int i = 0; i < n; i++) {
		wend_attr a = {.on_p = test_rand(rng) % 3 ? 0 : 1 + (int)(test_rand(rng) % (uint64_t)procs)};

		a.stack_size = test_rand(rng) % 8 ? 0 : (size_t)16384 << test_rand(rng) % 5;
		errands[i] = (struct errand){.back = &back, .rng = test_rand(rng), .me = me + i};
		wend_waitgroup_add(&back, 1);
		CHECK_EQ(wend_go_attr(&a, run_errand, &errands[i]), 0);
	}
	wend_waitgroup_wait(&back);
	for (int i = 0; i < n; i++)
		CHECK_MSG(errands[i].sum == me + i, "errand %d of %d: %d", i, me, errands[i].sum);
}

static void stay_on_one_thread(uint64_t *rng)
{
	pthread_t thread;

	wend_lock_thread();
	thread = pthread_self();
	for (int i = (int)(test_rand(rng) % 3); i > 0; i--) {
		wend_yield();
		CHECK_MSG(pthread_equal(thread, pthread_self()), "a locked coroutine moved");
	}
	wend_unlock_thread();
}

static void compute(uint64_t n)
{
	for (volatile uint64_t i = 0; i < n; i++)
		;
}

static void work(int me, uint64_t rng, int depth)
{
	uint64_t own[24], id = wend_coroutine_id();

	for (int i = 0; i < 24; i++)
		own[i] = id * 24 + (uint64_t)i;
	for (int steps = (int)(test_rand(&rng) % 5); steps > 0; steps--) {
		switch (test_rand(&rng) % 10) {
		case 0:
		case 1:
			wend_yield();
			break;
		case 2:
			for (int i = (int)(test_rand(&rng) % 12); i > 0; i--)
				wend_yield();
			break;
		case 3:
		case 4:
		case 5:
			for (int i = (int)(test_rand(&rng) % 4); depth > 0 && i > 0; i--)
				start_one(&rng, depth - 1);
			break;
		case 6:
		case 7:
			send_errands(me, &rng);
			break;
		case 8:
			if (test_rand(&rng) % 8 == 0)
				stay_on_one_thread(&rng);
			break;
		default:
			compute(test_rand(&rng) % 4000);
		}
		CHECK_MSG(wend_coroutine_id() == id, "%d is another coroutine now", me);
		for (int i = 0; i < 24; i++)
			CHECK_MSG(own[i] == id * 24 + (uint64_t)i, "the stack of %d was written by another", me);
	}
	__atomic_add_fetch(&runs[me], 1, __ATOMIC_RELAXED);
	wend_counter_add(&ended, 1);
	wend_waitgroup_done(&all);
	if (test_rand(&rng) % 4 == 0)
		wend_goexit();
}

static void *start_from_outside(void *seed)
{
	uint64_t rng = *(uint64_t *)seed;

	for (int i = 0; i < 4; i++)
		start_one(&rng, 2);
	return NULL;
}

static void one_round(uint64_t *rng)
{
	int64_t before = wend_counter_load(&ended);
	uint64_t seed = test_rand(rng);
	bool outside = test_rand(rng) % 4 == 0;
	pthread_t t;
	int n;

	memset(runs, 0, sizeof runs);
	__atomic_store_n(&numbers, 0, __ATOMIC_RELAXED);
	wend_waitgroup_add(&all, 1);
	if (outside)
		CHECK(pthread_create(&t, NULL, start_from_outside, &seed) == 0);
	for (int i = 1 + (int)(test_rand(rng) % 8); i > 0; i--)
		start_one(rng, 4);
	if (outside)
		pthread_join(t, NULL); /* what it started has been added by then */
	wend_waitgroup_done(&all);
	wend_waitgroup_wait(&all);
	n = __atomic_load_n(&numbers, __ATOMIC_RELAXED);
	n = n < ACCOUNTS ? n : ACCOUNTS;
	for (int i = 0; i < n; i++)
		CHECK_MSG(runs[i] == 1, "number %d of %d ran %d times", i, n, runs[i]);
	CHECK_EQ(wend_counter_load(&ended) - before, n);
	coroutines += n;
}

static uint64_t rng;

static int rounds(void *until)
{
	while (test_now() < *(double *)until)
		one_round(&rng);
	while (wend_num_coroutines() != 1)
		wend_yield();
	return 0;
}

static void under(const char *knobs)
{
	setenv("WENDDEBUG", knobs, 1);
	rng = test_seed();
	for (int procs = 1; procs <= 4; procs++) {
		double until = test_now() + 0.3 * test_stress_seconds() / 2;
		char n[12];

		snprintf(n, sizeof n, "%d", procs);
		setenv("WEND_MAXPROCS", n, 1);
		CHECK_EQ(wend_run(rounds, &until), 0);
	}
	test_note("%s: %ld coroutines", knobs, coroutines);
	CHECK(coroutines > 0);
}

TEST_LIMIT(owner_fifo, 20)
{
	under("owner=fifo");
}
TEST_LIMIT(wake_eager, 20)
{
	under("wake=eager");
}
TEST_LIMIT(fence_full, 20)
{
	under("fence=full");
}
TEST_LIMIT(steal_one, 20)
{
	under("steal=one");
}
TEST_LIMIT(next_off, 20)
{
	under("next=0");
}
TEST_LIMIT(no_spinning, 20)
{
	under("spin_us=0");
}
TEST_LIMIT(no_rest_between_visits, 20)
{
	under("rest_us=0");
}
TEST_LIMIT(chains_of_one, 20)
{
	under("cache=1");
}
TEST_LIMIT(victim_random, 20)
{
	under("victim=random");
}
TEST_LIMIT(nobody_searches, 20)
{
	under("searchers=0");
}
TEST_LIMIT(all_at_once, 20)
{
	under("owner=fifo,wake=eager,fence=full,steal=one,next=0,spin_us=0,cache=1,victim=random");
}
TEST_LIMIT(the_default, 20)
{
	under("");
}
