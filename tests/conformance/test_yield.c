/* SPDX-License-Identifier: MIT
 *
 * Giving way, and that nobody starves. */
#include "conformance/coroutines.h"

static int turn;

static void take_turns(void *arg)
{
	int me = (int)(intptr_t)arg;

	for (int i = 0; i < 100; i++) {
		YIELD_UNTIL(LOAD(turn) % 2 == me);
		ADD(turn, 1);
	}
	wend_waitgroup_done(&wg);
}

CO_TEST(yield_lets_others_run)
{
	wend_maxprocs(1);
	wend_waitgroup_add(&wg, 2);
	CHECK_EQ(wend_go(take_turns, (void *)0), 0);
	CHECK_EQ(wend_go(take_turns, (void *)1), 0);
	wend_waitgroup_wait(&wg);
	CHECK_EQ(LOAD(turn), 200);
}

CO_TEST(yield_returns_when_nobody_else_is_ready)
{
	for (int i = 0; i < 1000; i++)
		wend_yield();
}

static wend_waitgroup ball[2];
static int playing = 1;
static long hits;

static void play(void *arg)
{
	int me = (int)(intptr_t)arg;

	for (;;) {
		wend_waitgroup_wait(&ball[me]);
		wend_waitgroup_add(&ball[me], 1);
		ADD(hits, 1);
		if (!LOAD(playing))
			break;
		wend_waitgroup_done(&ball[!me]); /* wakes the other and then waits: run-next each time */
	}
	wend_waitgroup_done(&ball[!me]);
	wend_waitgroup_done(&wg);
}

static void start_ping_pong(void)
{
	wend_waitgroup_add(&ball[0], 1);
	wend_waitgroup_add(&ball[1], 1);
	wend_waitgroup_add(&wg, 2);
	CHECK_EQ(wend_go(play, (void *)0), 0);
	CHECK_EQ(wend_go(play, (void *)1), 0);
	wend_waitgroup_done(&ball[0]);
	YIELD_UNTIL(LOAD(hits) > 10);
}

static void stop_ping_pong(void)
{
	STORE(playing, 0);
	wend_waitgroup_wait(&wg);
}

static void knock(void *times)
{
	for (int i = 0; i < 100; i++) {
		wend_yield();
		ADD(*(int *)times, 1);
	}
}

CO_TEST(nobody_starves_beside_a_ping_pong_pair)
{
	int times[8] = {0};
	long before;

	wend_maxprocs(1);
	start_ping_pong();
	before = LOAD(hits);
	for (int i = 0; i < 8; i++)
		CHECK_EQ(wend_go(knock, &times[i]), 0);
	for (int i = 0; i < 8; i++)
		YIELD_UNTIL(LOAD(times[i]) == 100);
	/* The other way round: the pair went on meanwhile. */
	CHECK(LOAD(hits) > before);
	stop_ping_pong();
}

static int chain_stop, chain_length;

static void link_of_chain(void *unused)
{
	ADD(chain_length, 1);
	if (!LOAD(chain_stop))
		CHECK_EQ(wend_go(link_of_chain, unused), 0);
	else
		wend_waitgroup_done(&wg);
}

CO_TEST(nobody_starves_beside_a_chain_of_spawns)
{
	int times = 0;

	wend_maxprocs(1);
	wend_waitgroup_add(&wg, 1);
	CHECK_EQ(wend_go(link_of_chain, NULL), 0);
	CHECK_EQ(wend_go(knock, &times), 0);
	YIELD_UNTIL(LOAD(times) == 100);
	CHECK(LOAD(chain_length) > 0);
	STORE(chain_stop, 1);
	wend_waitgroup_wait(&wg);
}

static int spinning = 1;

static void spin_yielding(void *n)
{
	while (LOAD(spinning)) {
		ADD(*(long *)n, 1);
		wend_yield();
	}
	wend_waitgroup_done(&wg);
}

CO_TEST(yielders_get_equal_shares_of_one_p)
{
	enum { N = 5 };
	static long n[N];
	long least, most;

	wend_maxprocs(1);
	wend_waitgroup_add(&wg, N);
	for (int i = 0; i < N; i++)
		CHECK_EQ(wend_go(spin_yielding, &n[i]), 0);
	YIELD_UNTIL(LOAD(n[0]) >= 2000);
	STORE(spinning, 0);
	wend_waitgroup_wait(&wg);
	least = most = n[0];
	for (int i = 1; i < N; i++) {
		least = n[i] < least ? n[i] : least;
		most = n[i] > most ? n[i] : most;
	}
	CHECK_MSG(most <= 2 * least + 10, "shares from %ld to %ld", least, most);
}
