/* SPDX-License-Identifier: MIT
 *
 * Event counts: waits end when they should, and no wake is lost. */
#include "harness/test.h"

#include <pthread.h>
#include <time.h>

#include "atomics/ec.h"

static int64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000ll + t.tv_nsec;
}

static struct ec ec;

TEST(an_old_value_does_not_wait)
{
	uint32_t v = ec_value(&ec);

	ec_inc(&ec);
	CHECK(ec_value(&ec) != v);
	CHECK(ec_wait(&ec, v, EC_NEVER));
	CHECK(ec_wait(&ec, v, now_ns() + 1000000000));
	CHECK(ec_wait(&ec, v, 1)); /* long over, but the value has changed */
}

TEST(every_increment_is_another_value)
{
	uint32_t v = ec_value(&ec);

	for (int i = 0; i < 1000; i++) {
		ec_inc(&ec);
		CHECK(ec_value(&ec) != v);
		v = ec_value(&ec);
	}
}

static void wait_for(int64_t ns)
{
	double least = 1e9, late;

	for (int i = 0; i < 5; i++) {
		int64_t deadline = now_ns() + ns;

		CHECK(!ec_wait(&ec, ec_value(&ec), deadline));
		late = (double)(now_ns() - deadline) * 1e-6;
		CHECK_MSG(late >= 0, "%lld ns: %.3f ms too early", (long long)ns, -late);
		least = late < least ? late : least;
	}
	/* The best of five: others may have the CPUs. */
	test_note("%lld ns: %.3f ms late", (long long)ns, least);
	CHECK_MSG(least < 60, "%lld ns: %.3f ms late", (long long)ns, least);
}

TEST(timed_waits_end_at_their_deadline)
{
	wait_for(0);
	wait_for(50000);
	wait_for(1000000);
	wait_for(20000000);
}

TEST(a_deadline_in_the_past_does_not_wait)
{
	int64_t start = now_ns();

	for (int i = 0; i < 100; i++)
		CHECK(!ec_wait(&ec, ec_value(&ec), i - 50)); /* before the clock began, too */
	CHECK(!ec_wait(&ec, ec_value(&ec), INT64_MIN));
	CHECK_LE((double)(now_ns() - start) * 1e-9, 1.0);
}

/* ---- Wakes --------------------------------------------------------------------------------------- */

static int ready;
static int64_t woken_at;

static void *wait_long(void *unused)
{
	uint32_t v = ec_value(&ec);

	__atomic_store_n(&ready, 1, __ATOMIC_RELEASE);
	CHECK(ec_wait(&ec, v, unused ? now_ns() + 30000000000 : EC_NEVER));
	__atomic_store_n(&woken_at, now_ns(), __ATOMIC_RELAXED);
	return NULL;
}

static void wake_one_who_waits(bool deadline)
{
	pthread_t t;
	double best = 1e9;

	for (int i = 0; i < 5; i++) {
		int64_t woke;

		ready = 0;
		CHECK(pthread_create(&t, NULL, wait_long, deadline ? &ready : NULL) == 0);
		while (!__atomic_load_n(&ready, __ATOMIC_ACQUIRE))
			TEST_SLEEP_MS(1);
		TEST_SLEEP_MS(30); /* asleep by now, most likely */
		woke = now_ns();
		ec_inc(&ec);
		pthread_join(t, NULL);
		best = (double)(woken_at - woke) * 1e-6 < best ? (double)(woken_at - woke) * 1e-6 : best;
	}
	test_note("woken after %.3f ms", best);
	CHECK_MSG(best < 60, "woken after %.3f ms", best);
}

TEST(a_wake_ends_a_wait_at_once)
{
	wake_one_who_waits(false);
}

TEST(a_wake_ends_a_timed_wait_at_once)
{
	wake_one_who_waits(true);
}

enum { WAITERS = 6 };

/* The best of three, as waiters that were forgotten look again by themselves after a second. */
TEST(a_wake_wakes_everybody)
{
	double best = 1e9;

	for (int round = 0; round < 3; round++) {
		pthread_t t[WAITERS];
		double woke;

		for (int i = 0; i < WAITERS; i++) {
			ready = 0;
			CHECK(pthread_create(&t[i], NULL, wait_long, NULL) == 0);
			while (!__atomic_load_n(&ready, __ATOMIC_ACQUIRE))
				TEST_SLEEP_MS(1);
		}
		TEST_SLEEP_MS(20);
		woke = test_now();
		ec_inc(&ec);
		for (int i = 0; i < WAITERS; i++)
			pthread_join(t[i], NULL);
		best = test_now() - woke < best ? test_now() - woke : best;
	}
	CHECK_MSG(best < 0.3, "the last one was woken after %.3f s", best);
}

/* ---- Ping-pong: a lost wake is a hang ------------------------------------------------------------ */

enum { TURNS = 20000 };

static struct ec side[2];
static int turn; /* whose turn it is; the event counts order it */
static bool timed;

static void *player(void *arg)
{
	int me = (int)(intptr_t)arg;

	for (int i = 0; i < TURNS; i++) {
		for (;;) {
			uint32_t v = ec_value(&side[me]);

			if (__atomic_load_n(&turn, __ATOMIC_ACQUIRE) == me)
				break;
			/* A wait that ends by its deadline has lost the wake. */
			CHECK(ec_wait(&side[me], v, timed ? now_ns() + 20000000000 : EC_NEVER));
		}
		__atomic_store_n(&turn, !me, __ATOMIC_RELEASE);
		ec_inc(&side[!me]);
	}
	return NULL;
}

static void ping_pong(void)
{
	pthread_t t[2];

	for (int i = 0; i < 2; i++)
		CHECK(pthread_create(&t[i], NULL, player, (void *)(intptr_t)i) == 0);
	for (int i = 0; i < 2; i++)
		pthread_join(t[i], NULL);
}

TEST_LIMIT(no_wake_is_lost_in_a_ping_pong, 30)
{
	ping_pong();
}

TEST_LIMIT(no_wake_is_lost_in_a_ping_pong_with_deadlines, 30)
{
	timed = true;
	ping_pong();
}

/* Deadlines that end about when the wake comes: each turn ends one way or the other. */
TEST_LIMIT(a_deadline_may_meet_the_wake, 30)
{
	pthread_t t;
	long early = 0, late = 0;
	double end = test_now() + 0.3;

	while (test_now() < end) {
		uint32_t v;

		ready = 0;
		v = ec_value(&ec);
		CHECK(pthread_create(&t, NULL, wait_long, NULL) == 0);
		while (!__atomic_load_n(&ready, __ATOMIC_ACQUIRE))
			sched_yield();
		if (ec_wait(&ec, v, now_ns() + 20000))
			early++;
		else
			late++;
		ec_inc(&ec);
		pthread_join(t, NULL);
	}
	CHECK_EQ(early, 0);
	CHECK(late > 0);
}
