/* SPDX-License-Identifier: MIT
 *
 * The scheduler under load with random shapes: nobody is lost, nobody runs twice, nothing hangs, on 1, 2,
 * 4 and 8 P's, while their number changes and foreign threads join in. */
#include "harness/test.h"

#include <pthread.h>

#include <wend/wend.h>

/* ThreadSanitizer takes as long for the thousands: more trees then, of fewer. */
enum { SLOTS = 1 << (TEST_TSAN ? 12 : 16) };

static wend_waitgroup wg;
static uint8_t seen[SLOTS];
static int next_slot;

/* Each node takes a number, marks it, and starts some children. */
static void node(void *arg)
{
	uint64_t rng = (uint64_t)(uintptr_t)arg;
	int me = __atomic_fetch_add(&next_slot, 1, __ATOMIC_RELAXED);
	int children = (int)(test_rand(&rng) % 4);

	if (me < SLOTS) {
		__atomic_add_fetch(&seen[me], 1, __ATOMIC_RELAXED);
		for (int i = 0; i < children; i++) {
			wend_waitgroup_add(&wg, 1);
			CHECK_EQ(wend_go(node, (void *)(uintptr_t)test_rand(&rng)), 0);
			if (test_rand(&rng) % 8 == 0)
				wend_yield();
		}
	}
	if (test_rand(&rng) % 3 == 0)
		wend_yield();
	wend_waitgroup_done(&wg);
}

static int grow_tree(uint64_t *rng)
{
	int n;

	memset(seen, 0, sizeof seen);
	__atomic_store_n(&next_slot, 0, __ATOMIC_RELAXED);
	for (int i = 0; i < 16; i++) {
		wend_waitgroup_add(&wg, 1);
		CHECK_EQ(wend_go(node, (void *)(uintptr_t)test_rand(rng)), 0);
	}
	wend_waitgroup_wait(&wg);
	n = __atomic_load_n(&next_slot, __ATOMIC_RELAXED);
	for (int i = 0; i < SLOTS; i++)
		CHECK_MSG(seen[i] == (i < n), "number %d was run %d times", i, seen[i]);
	return n;
}

static uint64_t rng;
static long trees, nodes;

static int grow_trees(void *seconds)
{
	double end = test_now() + *(double *)seconds;

	while (test_now() < end) {
		nodes += grow_tree(&rng);
		trees++;
	}
	while (wend_num_coroutines() != 1)
		wend_yield();
	return 0;
}

static void trees_on(int procs)
{
	double seconds = test_stress_seconds() / 4;
	char n[12];

	rng = test_seed();
	snprintf(n, sizeof n, "%d", procs);
	setenv("WEND_MAXPROCS", n, 1);
	CHECK_EQ(wend_run(grow_trees, &seconds), 0);
	test_note("%ld trees, %ld coroutines", trees, nodes);
	CHECK(nodes > 0);
}

TEST_LIMIT(spawn_trees_on_1_p, 30)
{
	trees_on(1);
}
TEST_LIMIT(spawn_trees_on_2_ps, 30)
{
	trees_on(2);
}
TEST_LIMIT(spawn_trees_on_4_ps, 30)
{
	trees_on(4);
}
TEST_LIMIT(spawn_trees_on_8_ps, 30)
{
	trees_on(8);
}

/* ---- The number of P's changes meanwhile ------------------------------------------------------- */

static int stop;

static void change_procs(void *unused)
{
	uint64_t r = test_seed() ^ 99;

	(void)unused;
	while (!__atomic_load_n(&stop, __ATOMIC_ACQUIRE)) {
		int n = 1 + (int)(test_rand(&r) % 8), is;

		is = wend_maxprocs(n);
		CHECK_MSG(is > 0, "wend_maxprocs(%d) = %d", n, is);
		for (int i = (int)(test_rand(&r) % 50); i > 0; i--)
			wend_yield();
	}
	wend_waitgroup_done(&wg);
}

CO_TEST_LIMIT(maxprocs_up_and_down_under_load, 30)
{
	double end = test_now() + test_stress_seconds() / 2;

	rng = test_seed();
	CHECK_EQ(wend_go(change_procs, NULL), 0);
	while (test_now() < end) {
		nodes += grow_tree(&rng);
		trees++;
	}
	wend_waitgroup_add(&wg, 1);
	__atomic_store_n(&stop, 1, __ATOMIC_RELEASE);
	wend_waitgroup_wait(&wg);
	test_note("%ld trees, %ld coroutines", trees, nodes);
	wend_maxprocs(2);
	grow_tree(&rng);
}

/* ---- Waking: pairs that hand a word over, where a lost wake-up is a hang ----------------------- */

enum { PAIRS = 8 };

struct pair {
	wend_waitgroup ball[2];
	long turns, want;
};

static struct pair pairs[PAIRS];

static void player(struct pair *p, int me)
{
	for (long i = 0; i < p->want; i++) {
		wend_waitgroup_wait(&p->ball[me]);
		wend_waitgroup_add(&p->ball[me], 1);
		p->turns++; /* not atomic: the hand-over orders it */
		wend_waitgroup_done(&p->ball[!me]);
	}
	wend_waitgroup_done(&wg);
}

static void *foreign_player(void *p)
{
	struct pair *pair = p;

	for (long i = 0; i < pair->want; i++) {
		wend_waitgroup_wait(&pair->ball[1]);
		wend_waitgroup_add(&pair->ball[1], 1);
		pair->turns++;
		wend_waitgroup_done(&pair->ball[0]);
	}
	wend_waitgroup_done(&wg);
	return NULL;
}

static void play(int n, bool foreign, long want)
{
	pthread_t t[PAIRS];

	wend_waitgroup_add(&wg, 2 * n);
	for (int i = 0; i < n; i++) {
		pairs[i] = (struct pair){.want = want};
		wend_waitgroup_add(&pairs[i].ball[0], 1);
		wend_waitgroup_add(&pairs[i].ball[1], 1);
		CHECK_EQ(WEND_GO(player, &pairs[i], 0), 0);
		if (foreign)
			CHECK(pthread_create(&t[i], NULL, foreign_player, &pairs[i]) == 0);
		else
			CHECK_EQ(WEND_GO(player, &pairs[i], 1), 0);
		wend_waitgroup_done(&pairs[i].ball[0]);
	}
	wend_waitgroup_wait(&wg);
	for (int i = 0; i < n; i++) {
		CHECK_EQ(pairs[i].turns, 2 * want);
		if (foreign)
			pthread_join(t[i], NULL);
	}
}

CO_TEST_LIMIT(no_wake_up_is_lost_between_coroutines, 30)
{
	static const int procs[] = {1, 2, 4, 8};
	double end = test_now() + test_stress_seconds();
	uint64_t r = test_seed();
	long games = 0;

	for (int i = 0; test_now() < end; i++) {
		CHECK(wend_maxprocs(procs[i % 4]) > 0);
		play(1 + (int)(test_rand(&r) % PAIRS), false, 200);
		games++;
	}
	test_note("%ld games", games);
}

CO_TEST_LIMIT(no_wake_up_is_lost_from_foreign_threads, 30)
{
	static const int procs[] = {1, 2, 4};
	double end = test_now() + test_stress_seconds();
	uint64_t r = test_seed();
	long games = 0;

	for (int i = 0; test_now() < end; i++) {
		CHECK(wend_maxprocs(procs[i % 3]) > 0);
		play(1 + (int)(test_rand(&r) % 3), true, 50);
		games++;
	}
	test_note("%ld games", games);
}

/* P's fall asleep between the rounds, so that each round starts with a wake-up. */
CO_TEST_LIMIT(no_wake_up_is_lost_after_sleep, 30)
{
	double end = test_now() + test_stress_seconds();
	uint64_t r = test_seed();
	long rounds = 0;

	CHECK(wend_maxprocs(4) > 0);
	while (test_now() < end) {
		usleep((useconds_t)(test_rand(&r) % 300));
		play(1 + (int)(test_rand(&r) % 4), false, 1 + (long)(test_rand(&r) % 4));
		rounds++;
	}
	test_note("%ld rounds", rounds);
	CHECK(rounds > 0);
}

/* ---- Everything at once ------------------------------------------------------------------------ */

static void locked_work(void *unused)
{
	(void)unused;
	wend_lock_thread();
	for (int i = 0; i < 3; i++)
		wend_yield();
	wend_unlock_thread();
	wend_waitgroup_done(&wg);
}

static void plain_work(void *unused)
{
	(void)unused;
	wend_yield();
	wend_waitgroup_done(&wg);
}

static void leaving_work(void *unused)
{
	(void)unused;
	wend_waitgroup_done(&wg);
	wend_goexit();
}

static void *spawn_from_outside(void *unused)
{
	for (int i = 0; i < 50; i++)
		CHECK_EQ(wend_go(plain_work, NULL), 0);
	return unused;
}

CO_TEST_LIMIT(a_bit_of_everything, 30)
{
	double end = test_now() + test_stress_seconds();
	uint64_t r = test_seed();
	long rounds = 0;

	while (test_now() < end) {
		pthread_t t;

		CHECK(wend_maxprocs(1 + (int)(test_rand(&r) % 4)) > 0);
		wend_waitgroup_add(&wg, 50);
		CHECK(pthread_create(&t, NULL, spawn_from_outside, NULL) == 0);
		for (int i = 0; i < 60; i++) {
			wend_attr a = {.stack_size = test_rand(&r) % 10 ? 0 : test_rand(&r) % (1 << 20)};
			int procs = wend_maxprocs(0), rc;
			uint64_t kind = test_rand(&r) % 20;

			a.on_p = test_rand(&r) % 6 ? 0 : 1 + (int)(test_rand(&r) % (uint64_t)procs);
			wend_waitgroup_add(&wg, 1);
			rc = wend_go_attr(&a, kind == 0 ? locked_work : kind < 4 ? leaving_work : plain_work,
							  NULL);
			CHECK_EQ(rc, 0);
		}
		wend_waitgroup_wait(&wg);
		pthread_join(t, NULL);
		rounds++;
	}
	while (wend_num_coroutines() != 1)
		wend_yield();
	test_note("%ld rounds", rounds);
	CHECK_LE(test_threads(), 64);
}
