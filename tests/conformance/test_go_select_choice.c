/* SPDX-License-Identifier: MIT
 *
 * Which case a select chooses, under races and among many: Go's test/chan/select2, select6, select7 and chanlinear, and
 * runtime/chan_test's races, fairness and stress. */
#include <pthread.h>

#include "conformance/channels.h"

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
static int received;

static void wait_own_or_common(void *arg)
{
	int v = 0;

	WEND_SELECT {
		WEND_RECV(own[(intptr_t)arg], &v) {}
		WEND_RECV(common, &v) {}
	} WEND_SELECT_END
	__atomic_fetch_add(&received, v, __ATOMIC_RELAXED);
	wend_waitgroup_done(&over);
}

/* select6, issue 2075: one is woken by its own channel, out of the middle of the common queue. */
CO_TEST(a_waiter_leaves_from_anywhere_in_a_queue)
{
	for (int who = 0; who < 3; who++) {
		received = 0;
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
		CHECK_EQ(received, 102);
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
