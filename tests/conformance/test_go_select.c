/* SPDX-License-Identifier: MIT
 *
 * Go's rules for select: test/chan's doubleselect, select to select8 and chanlinear, runtime/chan_test's
 * selects, and the block's control flow. */
#include <pthread.h>

#include "conformance/channels.h"
#include "harness/child.h"

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

/* ---- Atomicity ---------------------------------------------------------------------------------- */

static struct race {
	ints *c1, *c2;
	wend_waitgroup here;
	int missed;
} race;

static void either_or_default(void *unused)
{
	int v;

	(void)unused;
	wend_waitgroup_done(&race.here);
	wend_waitgroup_wait(&race.here);
	WEND_SELECT {
		WEND_RECV(race.c2, &v) {} /* it becomes ready last */
		WEND_RECV(race.c1, &v) {}
		WEND_DEFAULT { race.missed++; }
	} WEND_SELECT_END
	wend_waitgroup_done(&over);
}

/* TestNonblockSelectRace and Race2: c2 becomes ready (a value, a close) before c1 ceases to be. */
static void one_is_always_ready(bool close)
{
	race.missed = 0;
	for (int i = 0; i < 5000; i++) {
		race.c1 = ints_make(1);
		race.c2 = ints_make(1);
		race.here = (wend_waitgroup)WEND_ZERO;
		wend_waitgroup_add(&race.here, 2);
		ints_send(race.c1, 1);
		start(either_or_default, NULL);
		wend_waitgroup_done(&race.here);
		wend_waitgroup_wait(&race.here);
		if (close)
			ints_close(race.c2);
		else
			ints_send(race.c2, 1);
		(void)!ints_try_recv(race.c1, &(int){0}, NULL);
		all_over();
		CHECK_EQ(race.missed, 0);
		ints_release(race.c1);
		ints_release(race.c2);
	}
}

CO_TEST(default_is_not_chosen_while_one_of_two_is_ready)
{
	one_is_always_ready(false);
}

CO_TEST(default_is_not_chosen_between_a_value_and_a_close)
{
	one_is_always_ready(true);
}

/* ---- Fairness ----------------------------------------------------------------------------------- */

/* Counts of k equal outcomes in n trials: each within six nines of n / k. */
static void check_even(const int *count, int k, int n)
{
	double p = 1.0 / k, sd = __builtin_sqrt(n * p * (1 - p));

	for (int i = 0; i < k; i++)
		CHECK_MSG(__builtin_fabs(count[i] - n * p) < 5.5 * sd, "case %d of %d: %d of %d times", i, k, count[i], n);
}

CO_TEST(ready_cases_are_chosen_with_equal_chance)
{
	enum { N = 60000 };

	for (int k = 2; k <= 9; k += k == 2 ? 1 : 6) {
		wend_case cases[9];
		int count[9] = {0}, v;
		ints *c[9];

		for (int i = 0; i < k; i++) {
			c[i] = ints_make(1);
			ints_send(c[i], i);
			cases[i] = (wend_case)WEND_CASE_RECV(c[i], &v);
		}
		for (int t = 0; t < N; t++) {
			int i = wend_select(cases, (size_t)k, 0);

			CHECK_EQ(v, i);
			count[i]++;
			ints_send(c[i], i);
		}
		check_even(count, k, N);
	}
}

CO_TEST(a_subset_that_is_ready_is_chosen_from_with_equal_chance)
{
	enum { N = 60000, K = 8 };
	static const int ready[] = {0, 1, 6};
	wend_case cases[K];
	int count[3] = {0}, v;
	ints *c[K];

	for (int i = 0; i < K; i++) {
		c[i] = ints_make(1);
		cases[i] = (wend_case)WEND_CASE_RECV(c[i], &v);
	}
	for (int i = 0; i < 3; i++)
		ints_send(c[ready[i]], i);
	for (int t = 0; t < N; t++) {
		ints *won = c[wend_select(cases, K, 0)];

		count[v]++;
		ints_send(won, v);
	}
	check_even(count, 3, N);
}

static void send_random_bits(void *arg)
{
	ints *c = arg;

	for (int i = 0; i < 10000; i++) {
		WEND_SELECT {
			WEND_SEND(c, 0) {}
			WEND_SEND(c, 1) {}
		} WEND_SELECT_END
	}
	wend_waitgroup_done(&over);
}

/* TestPseudoRandomSend, for each capacity; also when the select has parked with both cases in one queue. */
static void check_random_sends(size_t cap, bool parked)
{
	int ones = 0;
	ints *c = ints_make(cap);

	start(send_random_bits, c);
	for (int i = 0; i < 10000; i++) {
		if (parked && i + (int)cap < 10000)
			parked_become("select", 1);
		ones += ints_get(c);
	}
	all_over();
	CHECK_MSG(ones > 4500 && ones < 5500, "capacity %zu: %d ones of 10000", cap, ones);
	ints_release(c);
}

CO_TEST(sends_of_two_values_are_random)
{
	wend_maxprocs(1);
	for (size_t cap = 0; cap < 5; cap++) {
		check_random_sends(cap, false);
		check_random_sends(cap, true);
	}
}

/* ---- Queues ------------------------------------------------------------------------------------- */

static ints *own[3], *common;

static void wait_own_or_common(void *arg)
{
	int v = 0;

	WEND_SELECT {
		WEND_RECV(own[(intptr_t)arg], &v) {}
		WEND_RECV(common, &v) {}
	} WEND_SELECT_END
	__atomic_fetch_add(&sum_out, v, __ATOMIC_RELAXED);
	wend_waitgroup_done(&over);
}

/* select6, issue 2075: one is woken by its own channel, out of the middle of the common queue. */
CO_TEST(a_waiter_leaves_from_anywhere_in_a_queue)
{
	for (int who = 0; who < 3; who++) {
		sum_out = 0;
		common = ints_make(0);
		for (intptr_t i = 0; i < 3; i++) {
			own[i] = ints_make(0);
			start(wait_own_or_common, (void *)i);
			parked_become("select", (int)i + 1);
		}
		ints_send(own[who], 100);
		parked_become("select", 2);
		ints_send(common, 1);
		ints_send(common, 1);
		all_over();
		CHECK_EQ(sum_out, 102);
		CHECK(!ints_try_send(common, 1));
	}
}

/* chanlinear: leaving a long queue takes no longer than a short one. */
static double leave_queue_of(int n)
{
	enum { TIMES = 500 };
	wend_case two[2];
	ints *mine = ints_make(1);
	double best = 1e9;
	int v;

	common = ints_make(0);
	for (int i = 0; i < n; i++)
		start(wait_own_or_common, (void *)0); /* own[0] is nil */
	parked_become("select", n);
	two[0] = (wend_case)WEND_CASE_RECV(mine, &v);
	two[1] = (wend_case)WEND_CASE_RECV(common, &v);
	for (int round = 0; round < 10; round++) {
		double begin = test_now(), took;

		for (int i = 0; i < TIMES; i++) {
			CHECK_EQ(WEND_GO(ints_send, mine, 1), 0);
			wend_select(two, 2, 0); /* parks, behind the others in the common queue */
		}
		took = (test_now() - begin) / TIMES;
		best = took < best ? took : best;
	}
	ints_close(common);
	all_over();
	ints_release(common);
	ints_release(mine);
	return best;
}

CO_TEST_LIMIT(leaving_a_long_queue_is_not_linear, 60)
{
	double few, many;

	wend_maxprocs(1);
	own[0] = NULL;
	few = leave_queue_of(10);
	many = leave_queue_of(MANY);
	test_note("behind few waiters %.0f ns, behind many %.0f ns", few * 1e9, many * 1e9);
	CHECK_LE(many, 10 * few);
}

/* select2. */
static void answer(void *arg)
{
	(void)arg;
	for (int i = 0; i < 100000; i++)
		ints_send(i % 2 ? own[0] : own[1], i);
	wend_waitgroup_done(&over);
}

CO_TEST_LIMIT(a_hundred_thousand_selects_take_no_memory, 30)
{
	WEND__UNUSED long before = 0;

	own[0] = ints_make(0);
	own[1] = ints_make(0);
	start(answer, NULL);
	for (int i = 0; i < 100000; i++) {
		int v;

		if (i == 1000)
			before = test_rss_kib();
		WEND_SELECT {
			WEND_RECV(own[0], &v) {}
			WEND_RECV(own[1], &v) {}
		} WEND_SELECT_END
	}
	all_over();
#ifndef WEND_TSAN /* its own tables grow */
	CHECK_LE(test_rss_kib() - before, 500);
#endif
}

CO_TEST_LIMIT(a_thousand_cases, 30)
{
	enum { N = 1000 };
	static wend_case cases[N];
	static ints *c[N];
	int v = -1;

	for (int i = 0; i < N; i++)
		c[i] = ints_make(0);
	for (int i = 0; i < N; i++) /* in no order of addresses */
		cases[i] = (wend_case)WEND_CASE_RECV(c[i * 619 % N], &v);
	CHECK_EQ(wend_select(cases, N, WEND_SELECT_DEFAULT), -1);
	for (int t = 0; t < 300; t++) {
		int i = t * 37 % N, won;

		WEND_GO(ints_send, c[i * 619 % N], i);
		won = wend_select(cases, N, 0);
		CHECK_EQ(won, i);
		CHECK_EQ(v, i);
	}
}

/* ---- select7: peers early and late -------------------------------------------------------------- */

static void send_one(void *c)
{
	ints_send(c, 1);
	wend_waitgroup_done(&over);
}

static void recv_one(void *c)
{
	ints_get(c);
	wend_waitgroup_done(&over);
}

CO_TEST(the_value_may_be_dropped_with_early_and_late_peers)
{
	for (int late = 0; late < 2; late++)
		for (size_t cap = 0; cap < 2; cap++) {
			ints *c = ints_make(cap);

			start(send_one, c);
			if (!late && !cap)
				parked_become("chan send", 1);
			WEND_SELECT {
				WEND_RECV(c) {}
			} WEND_SELECT_END
			all_over();
			start(recv_one, c);
			if (!late)
				parked_become("chan receive", 1);
			WEND_SELECT {
				WEND_SEND(c, 1) {}
			} WEND_SELECT_END
			all_over();
			ints_release(c);
		}
}

/* ---- The block ---------------------------------------------------------------------------------- */

static char trace[64];

static ints *noted_chan(ints *c, char mark)
{
	trace[strlen(trace)] = mark;
	return c;
}

static int noted(int v, char mark)
{
	trace[strlen(trace)] = mark;
	return v;
}

/* select4, select5. */
CO_TEST(channels_and_values_are_evaluated_once_in_source_order)
{
	ints *none = ints_make(0), *nil = NULL, *one = ints_make(1);
	int v = -1, w = -1;

	ints_send(one, 3);
	memset(trace, 0, sizeof trace);
	WEND_SELECT {
		WEND_SEND(noted_chan(none, 'a'), noted(1, 'b')) { CHECK(false); }
		WEND_RECV(noted_chan(nil, 'c'), &v) { CHECK(false); }
		WEND_RECV(noted_chan(one, 'd'), &w) { noted(0, 'e'); }
		WEND_SEND(noted_chan(nil, 'f'), noted(1, 'g')) { CHECK(false); }
	} WEND_SELECT_END
	CHECK_EQ(trace, "abcdfge");
	CHECK_EQ(v, -1);
	CHECK_EQ(w, 3);
}

/* select8. */
CO_TEST(break_leaves_the_select_and_no_more)
{
	ints *c = ints_make(8);
	int after = 0;

	for (int i = 0; i < 3; i++) {
		WEND_SELECT {
			WEND_SEND(c, i) {
				if (i >= 0)
					break;
				after = 100;
			}
		} WEND_SELECT_END
		after++;
		WEND_SELECT {
			WEND_RECV((ints *)NULL) {}
			WEND_DEFAULT {
				break;
			}
		} WEND_SELECT_END
		after++;
		WEND_SELECT {
			WEND_RECV((ints *)NULL) {}
			WEND_RECV((longs *)NULL) {}
			WEND_SEND(c, i) { break; }
		} WEND_SELECT_END
		after++;
	}
	CHECK_EQ(after, 9);
	CHECK_EQ(ints_len(c), 6);
	ints_release(c);
}

static int first_above(ints *c, int limit)
{
	int v;
	bool ok;

	for (;;) {
		WEND_SELECT {
			WEND_RECV(c, &v, &ok) {
				if (!ok)
					return -1;
				if (v <= limit)
					continue;
				return v;
			}
		} WEND_SELECT_END
		CHECK(false);
	}
}

CO_TEST(continue_and_return_mean_those_of_the_loop_and_the_function)
{
	ints *c = ints_make(5);

	for (int i = 0; i < 5; i++)
		ints_send(c, i * 2);
	CHECK_EQ(first_above(c, 3), 4);
	CHECK_EQ(first_above(c, 0), 6);
	ints_close(c);
	CHECK_EQ(first_above(c, 100), -1);
	ints_release(c);
}

CO_TEST(selects_nest_in_bodies_and_in_arguments)
{
	ints *a = ints_make(2), *b = ints_make(2);
	int v = 0, w = 0;

	ints_send(a, 1);
	WEND_SELECT {
		WEND_RECV(a, &v) {
			WEND_SELECT {
				WEND_SEND(b, __extension__({
					int x = 0;

					WEND_SELECT {
						WEND_DEFAULT { x = 7; }
					} WEND_SELECT_END
					x;
				})) {}
				WEND_RECV(a, &v) { v = 100; }
			} WEND_SELECT_END
			w = ints_get(b);
		}
		WEND_RECV(b, &v) { v = 200; }
	} WEND_SELECT_END
	CHECK_EQ(v, 1);
	CHECK_EQ(w, 7);
	if (v == 1)
		WEND_SELECT {
			WEND_DEFAULT { w = 8; }
		} WEND_SELECT_END
	else
		w = 9;
	CHECK_EQ(w, 8);
}

CO_TEST(values_are_converted_to_the_elements_type)
{
	longs *c = longs_make(1);
	wend_chan *plain = wend_chan_make(sizeof(double), 1);
	int64_t v = 0;
	double d = 0;

	WEND_SELECT {
		WEND_SEND(c, -1) {}
	} WEND_SELECT_END
	CHECK(longs_recv(c, &v));
	CHECK_EQ(v, -1);
	WEND_SELECT {
		WEND_SEND(plain, 2.5) {}
	} WEND_SELECT_END
	WEND_SELECT {
		WEND_RECV(plain, &d) {}
	} WEND_SELECT_END
	CHECK_EQ(d, 2.5);
}

CO_TEST(more_than_eight_cases_by_SELECT_N)
{
	ints *c = ints_make(1);
	int v = 0, chosen = 0;

	ints_send(c, 1);
	WEND_SELECT_N(10) {
		WEND_RECV((ints *)NULL) {}
		WEND_RECV((ints *)NULL) {}
		WEND_RECV((ints *)NULL) {}
		WEND_RECV((ints *)NULL) {}
		WEND_RECV((ints *)NULL) {}
		WEND_RECV((ints *)NULL) {}
		WEND_RECV((ints *)NULL) {}
		WEND_RECV((ints *)NULL) {}
		WEND_RECV((ints *)NULL) {}
		WEND_RECV(c, &v) { chosen = 10; }
	} WEND_SELECT_END
	CHECK_EQ(chosen, 10);
}

/* ---- What dies ---------------------------------------------------------------------------------- */

static int send_closed(void *arg)
{
	ints *c = arg;

	ints_close(c);
	WEND_SELECT {
		WEND_SEND(c, 1) {}
		WEND_RECV((ints *)NULL) {}
	} WEND_SELECT_END
	return 0;
}

static void close_it(void *c)
{
	parked_become("select", 1);
	ints_close(c);
}

static int wait_send_closed(void *arg)
{
	ints *c = arg;

	if (wend_go(close_it, c) == 0) {
		WEND_SELECT {
			WEND_SEND(c, 1) {}
			WEND_RECV((ints *)NULL) {}
		} WEND_SELECT_END
	}
	return 0;
}

static int too_many(void *arg)
{
	ints *c = arg;

	WEND_SELECT_N(2) {
		WEND_RECV(c) {}
		WEND_RECV(c) {}
		WEND_RECV(c) {}
		WEND_DEFAULT {}
	} WEND_SELECT_END
	return 0;
}

static int wrong_size(void *arg)
{
	wend_chan *c = arg;

	WEND_SELECT {
		WEND_SEND(c, (char)1) {}
		WEND_DEFAULT {}
	} WEND_SELECT_END
	return 0;
}

static int wait_for_ever(void *arg)
{
	ints *c = arg;

	WEND_SELECT {
		WEND_RECV(c) {}
	} WEND_SELECT_END
	return 0;
}

static int (*misuse)(void *);

static void misuse_in_child(void *unused)
{
	(void)unused;
	_exit(100 + wend_run(misuse, ints_make(0)));
}

TEST_LIMIT(what_dies_says_why, 30)
{
	static const struct {
		int (*fn)(void *);
		const char *text, *also;
	} forms[] = {
		{send_closed, "panic: send on closed channel\n", ""},
		{wait_send_closed, "panic: send on closed channel\n", ""},
		{too_many, "fatal error: WEND_SELECT has room for 2 cases", ""},
		{wrong_size, "fatal error: WEND_SELECT: value of 1 bytes, channel of elements of 4", ""},
		{wait_for_ever, "fatal error: all coroutines are asleep - deadlock!", "[select"},
	};

	for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
		misuse = forms[i].fn;
		struct child c = child_call(misuse_in_child, NULL, 8);

		CHILD_EXITED(&c, 2);
		CHECK(strncmp(c.err, forms[i].text, strlen(forms[i].text)) == 0);
		CHECK_HAS(c.err, forms[i].also);
		child_free(&c);
	}
}

/* ---- Stress ------------------------------------------------------------------------------------- */

enum { SENDS = 10000, FORMS = 10 };

static ints *four[4];

static void plain_send(void *arg)
{
	for (int i = 0; i < SENDS; i++)
		ints_send(arg, i);
	wend_waitgroup_done(&over);
}

static void plain_recv(void *arg)
{
	for (int i = 0; i < SENDS; i++)
		ints_get(arg);
	wend_waitgroup_done(&over);
}

static void select_send(void *unused)
{
	int left[4] = {SENDS, SENDS, SENDS, SENDS}, total = 4 * SENDS;
	ints *c[4];

	(void)unused;
	memcpy(c, four, sizeof c);
	for (; total; total--) {
		int i = -1;

		WEND_SELECT {
			WEND_SEND(c[0], 1) { i = 0; }
			WEND_SEND(c[1], 1) { i = 1; }
			WEND_SEND(c[2], 1) { i = 2; }
			WEND_SEND(c[3], 1) { i = 3; }
		} WEND_SELECT_END
		if (--left[i] == 0)
			c[i] = NULL;
	}
	wend_waitgroup_done(&over);
}

static void select_recv(void *unused)
{
	int left[4] = {SENDS, SENDS, SENDS, SENDS}, total = 4 * SENDS;
	ints *c[4];

	(void)unused;
	memcpy(c, four, sizeof c);
	for (; total; total--) {
		int i = -1, v;

		WEND_SELECT {
			WEND_RECV(c[0], &v) { i = 0; }
			WEND_RECV(c[1], &v) { i = 1; }
			WEND_RECV(c[2], &v) { i = 2; }
			WEND_RECV(c[3], &v) { i = 3; }
		} WEND_SELECT_END
		if (--left[i] == 0)
			c[i] = NULL;
	}
	wend_waitgroup_done(&over);
}

/* TestSelectStress: ten coroutines, four channels of four capacities, every form of operation. */
CO_TEST_LIMIT(every_form_mixed_loses_nothing, 30)
{
	static const size_t caps[4] = {0, 0, 2, 100};

	for (int i = 0; i < 4; i++)
		four[i] = ints_make(caps[i]);
	for (int i = 0; i < 4; i++) {
		start(plain_send, four[i]);
		start(plain_recv, four[i]);
	}
	start(select_send, NULL);
	start(select_recv, NULL);
	all_over();
	for (int i = 0; i < 4; i++) {
		CHECK_EQ(ints_len(four[i]), 0);
		ints_release(four[i]);
	}
}

/* ---- Foreign threads ---------------------------------------------------------------------------- */

static void *foreign_select(void *unused)
{
	(void)unused;
	select_recv(NULL);
	return NULL;
}

CO_TEST_LIMIT(a_foreign_thread_selects, 30)
{
	pthread_t thread;

	for (int i = 0; i < 4; i++)
		four[i] = ints_make((size_t)i);
	wend_waitgroup_add(&over, 1);
	CHECK_EQ(pthread_create(&thread, NULL, foreign_select, NULL), 0);
	for (int k = 0; k < SENDS; k++)
		for (int i = 0; i < 4; i++)
			ints_send(four[i], k);
	all_over();
	CHECK_EQ(pthread_join(thread, NULL), 0);
}
