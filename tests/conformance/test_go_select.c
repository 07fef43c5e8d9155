/* SPDX-License-Identifier: MIT
 *
 * Go's rules for select: what blocks, what wakes it, both ends of a channel in one: test/chan's select, select3 and doubleselect,
 * runtime/chan_test's self-select and duplicate channels. */
#include "conformance/channels.h"

/* ---- What is chosen, what blocks ---------------------------------------------------------------- */

CO_TEST(default_is_chosen_when_nothing_is_ready)
{
	ints *empty = ints_make(1), *full = ints_make(1), *nil = NULL;
	int v = -1, chosen = 0;

	ints_send(full, 1);
	WEND_SELECT {
		WEND_RECV(empty, &v) { chosen = 1; }
		WEND_SEND(full, 2) { chosen = 2; }
		WEND_RECV(nil, &v) { chosen = 3; }
		WEND_SEND(nil, 1) { chosen = 4; }
		WEND_DEFAULT { chosen = 5; }
	} WEND_SELECT_END
	CHECK_EQ(chosen, 5);
	CHECK_EQ(v, -1);
	ints_release(empty);
	ints_release(full);
}

CO_TEST(a_ready_case_is_chosen_before_default)
{
	ints *room = ints_make(1);
	int v = -1, chosen = 0;
	bool ok = false;

	WEND_SELECT {
		WEND_DEFAULT { chosen = 1; }
		WEND_SEND(room, 41) { chosen = 2; }
	} WEND_SELECT_END
	CHECK_EQ(chosen, 2);
	WEND_SELECT {
		WEND_RECV(room, &v, &ok) { chosen = 3; }
		WEND_DEFAULT { chosen = 4; }
	} WEND_SELECT_END
	CHECK_EQ(chosen, 3);
	CHECK_EQ(v, 41);
	CHECK(ok);
	ints_close(room);
	WEND_SELECT {
		WEND_RECV(room, &v, &ok) { chosen = 5; }
		WEND_DEFAULT { chosen = 6; }
	} WEND_SELECT_END
	CHECK_EQ(chosen, 5);
	CHECK_EQ(v, 0);
	CHECK(!ok);
	ints_release(room);
}

static void select_nothing(void *unused)
{
	(void)unused;
	wend_select(NULL, 0, 0);
	CHECK(false);
}

static void select_nil(void *unused)
{
	wend_case k[2] = {WEND_CASE_RECV(NULL, NULL), WEND_CASE_SEND(NULL, NULL)};

	(void)unused;
	wend_select(k, 2, 0);
	CHECK(false);
}

static void select_not_ready(void *c)
{
	wend_case k[2] = {WEND_CASE_RECV(NULL, NULL), WEND_CASE_RECV(c, NULL)};

	wend_select(k, 2, 0);
	CHECK(false);
}

CO_TEST(a_select_of_nothing_or_nil_blocks_for_ever)
{
	CHECK_EQ(wend_go(select_nothing, NULL), 0);
	parked_become("select (no cases)", 1);
	CHECK_EQ(wend_go(select_nil, NULL), 0);
	parked_become("select", 1);
	CHECK_EQ(wend_go(select_not_ready, wend_chan_make(0, 1)), 0);
	parked_become("select", 2);
	for (int i = 0; i < 1000; i++)
		wend_yield();
	CHECK_EQ(parked_count("select"), 2);
	CHECK_EQ(wend_select(NULL, 0, WEND_SELECT_DEFAULT), -1);
}

/* select.go */
CO_TEST(nil_channels_are_never_chosen)
{
	ints *c = ints_make(1);
	int v = 0, x = 1;

	for (int i = 0; i < 1000; i++) {
		wend_case k[5] = {WEND_CASE_SEND(NULL, &x), WEND_CASE_RECV(NULL, &v), WEND_CASE_SEND(c, &x), WEND_CASE_RECV(c, &v),
						  WEND_CASE_SEND(NULL, &x)};

		CHECK_EQ(wend_select(k, 5, i % 3 ? 0 : WEND_SELECT_DEFAULT), i % 2 ? 3 : 2);
	}
	CHECK_EQ(v, 1);
	ints_release(c);
}

/* ---- Waking a select ---------------------------------------------------------------------------- */

static struct waiting {
	ints *in, *out;
	int got, chosen;
	bool ok;
} waiting;

static void wait_both_ways(void *unused)
{
	struct waiting *w = &waiting;

	(void)unused;
	w->got = -1;
	w->chosen = 0;
	WEND_SELECT {
		WEND_RECV(w->in, &w->got, &w->ok) { w->chosen = 1; }
		WEND_SEND(w->out, 5) { w->chosen = 2; }
	} WEND_SELECT_END
	wend_waitgroup_done(&over);
}

CO_TEST(a_parked_select_is_woken_by_a_send_a_receive_or_a_close)
{
	for (int how = 0; how < 3; how++) {
		waiting = (struct waiting){.in = ints_make(0), .out = ints_make(0)};
		start(wait_both_ways, NULL);
		parked_become("select", 1);
		if (how == 0)
			ints_send(waiting.in, 9);
		else if (how == 1)
			CHECK_EQ(ints_get(waiting.out), 5);
		else
			ints_close(waiting.in);
		all_over();
		CHECK_EQ(waiting.chosen, how == 1 ? 2 : 1);
		CHECK_EQ(waiting.got, how == 0 ? 9 : how == 1 ? -1 : 0);
		if (how != 1)
			CHECK_EQ(waiting.ok, how == 0);
		/* It waits nowhere any more. */
		if (how != 2)
			CHECK(!ints_try_send(waiting.in, 1));
		CHECK(!ints_try_recv(waiting.out, &(int){0}, NULL));
		ints_release(waiting.in);
		ints_release(waiting.out);
	}
}

static wend_chan *half[2];

static void select_both(void *c)
{
	int64_t v, w;
	wend_case k[2] = {WEND_CASE_RECV(half[0], &v), WEND_CASE_RECV(half[1], &w)};

	for (;;) {
		int i = wend_select(k, 2, 0);

		if (!k[i].ok)
			break;
		longs_send(c, i ? w : v);
	}
	longs_close(c);
}

static void send_to_both(void *arg)
{
	for (int64_t i = 0; i < 10000; i++)
		wend_chan_send(half[i % 2], &i);
	wend_chan_close(half[0]);
	(void)arg;
}

/* doubleselect: two cases fire together, and no value comes twice or is lost. */
CO_TEST(no_value_is_received_twice)
{
	static char seen[10000];
	longs *c = longs_make(3);

	half[0] = wend_chan_make(8, 1);
	half[1] = wend_chan_make(8, 1);
	CHECK_EQ(wend_go(select_both, c), 0);
	CHECK_EQ(wend_go(send_to_both, NULL), 0);
	int n = 0;

	WEND_CHAN_RANGE(c, int64_t, v) {
		CHECK_EQ(seen[v]++, 0);
		n++;
	}
	/* The last of the other channel may still be in its buffer when this one is closed. */
	CHECK_EQ(n + (int)wend_chan_len(half[1]), 10000);
}

/* ---- Both ends, twice the same ------------------------------------------------------------------ */

static ints *shared;
static int sum_in, sum_out;

static void send_or_receive(void *arg)
{
	int me = (int)(intptr_t)arg;

	for (int i = 0; i < 1000; i++) {
		int v = -1;

		WEND_SELECT {
			WEND_SEND(shared, me) { __atomic_fetch_add(&sum_in, me, __ATOMIC_RELAXED); }
			WEND_RECV(shared, &v) {
				if (ints_cap(shared) == 0)
					CHECK_MSG(v != me, "received its own value");
				__atomic_fetch_add(&sum_out, v, __ATOMIC_RELAXED);
			}
		} WEND_SELECT_END
	}
	wend_waitgroup_done(&over);
}

/* TestSelfSelect: nobody waits for himself, nobody gets his own value. Both have an even number of turns, so each
 * finds a partner: on an unbuffered channel the sends of one are the receives of the other. */
CO_TEST(a_select_does_not_meet_itself)
{
	for (size_t cap = 0; cap < 2; cap++) {
		shared = ints_make(cap);
		sum_in = sum_out = 0;
		start(send_or_receive, (void *)1);
		start(send_or_receive, (void *)2);
		all_over();
		while (ints_len(shared))
			sum_out += ints_get(shared);
		CHECK_EQ(sum_in, sum_out);
		ints_release(shared);
	}
}

static void send_and_two_receives(void *arg)
{
	int a, b;
	wend_case k[3] = {WEND_CASE_RECV(shared, &a), WEND_CASE_RECV(shared, &b), WEND_CASE_RECV(shared, &a)};

	for (int i = 0; i < 1000; i++) {
		int won = wend_select(k, 3, 0);

		__atomic_fetch_add(&sum_out, won == 1 ? b : a, __ATOMIC_RELAXED);
	}
	wend_waitgroup_done(&over);
	(void)arg;
}

CO_TEST(the_same_channel_may_stand_in_several_cases)
{
	shared = ints_make(0);
	sum_out = 0;
	start(send_and_two_receives, NULL);
	start(send_and_two_receives, NULL);
	for (int i = 1; i <= 2000; i++)
		ints_send(shared, i);
	all_over();
	CHECK_EQ(sum_out, 2000 * 2001 / 2);
	CHECK(!ints_try_send(shared, 1));
	ints_release(shared);
}

/* Two selects that meet in two channels at once, in both directions. */
static longs *ab, *ba;

static void offer(void *arg)
{
	longs *to = arg == (void *)1 ? ab : ba, *from = arg == (void *)1 ? ba : ab;
	int64_t v;

	for (int i = 0; i < 5000; i++) {
		WEND_SELECT {
			WEND_SEND(to, 1) { __atomic_fetch_add(&sum_in, 1, __ATOMIC_RELAXED); }
			WEND_RECV(from, &v) { __atomic_fetch_add(&sum_out, 1, __ATOMIC_RELAXED); }
		} WEND_SELECT_END
	}
	wend_waitgroup_done(&over);
}

CO_TEST(two_selects_meet)
{
	for (int procs = 1; procs <= 2; procs++) {
		wend_maxprocs(procs);
		ab = longs_make(0);
		ba = longs_make(0);
		sum_in = sum_out = 0;
		start(offer, (void *)1);
		start(offer, (void *)2);
		all_over();
		CHECK_EQ(sum_in, 5000);
		CHECK_EQ(sum_out, 5000);
	}
}
