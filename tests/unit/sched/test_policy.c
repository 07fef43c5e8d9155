/* SPDX-License-Identifier: MIT
 *
 * The scheduler's decisions, as the tables that their comments promise. */
#include "harness/test.h"

#include "sched/policy.h"

static uint64_t state_for_rand_next(void) /* which must not be 0 */
{
	return test_seed() | 1;
}

static struct knobs defaults(void)
{
	struct knobs k;

	knobs_default(&k);
	return k;
}

TEST(searchers_are_a_share_of_the_busy_and_at_least_one)
{
	static const struct {
		int percent;
		uint32_t searching, nprocs, idle;
		bool may;
	} table[] = {
		/* half of the busy ones */
		{50, 0, 8, 0, true},   {50, 3, 8, 0, true},   {50, 4, 8, 0, false}, {50, 0, 8, 4, true},
		{50, 1, 8, 4, true},   {50, 2, 8, 4, false},  {50, 1, 5, 1, true},  {50, 2, 5, 1, false},
		{50, 511, 1024, 0, true}, {50, 512, 1024, 0, false},
		/* one may always */
		{50, 0, 1, 0, true},   {50, 1, 1, 0, false},  {50, 0, 8, 8, true},  {50, 1, 8, 8, false},
		{50, 0, 8, 7, true},   {50, 1, 8, 7, false},  {1, 0, 8, 0, true},   {1, 1, 8, 0, false},
		/* more idle than there are, while their number changes */
		{50, 0, 2, 5, true},   {50, 1, 2, 5, false},
		/* the ends of the knob */
		{100, 7, 8, 0, true},  {100, 8, 8, 0, false}, {0, 0, 8, 0, false},  {0, 0, 1, 0, false},
	};

	for (size_t i = 0; i < countof(table); i++) {
		struct knobs k = defaults();

		k.searchers = table[i].percent;
		CHECK_MSG(policy_may_search(&k, table[i].searching, table[i].nprocs, table[i].idle) ==
					  table[i].may,
				  "row %zu: searchers=%d: %u searching, %u P's, %u idle", i, table[i].percent,
				  table[i].searching, table[i].nprocs, table[i].idle);
	}
}

TEST(a_batch_from_the_global_queue_is_a_fair_share)
{
	static const struct {
		uint32_t queued, nprocs, max, n;
	} table[] = {
		{1, 1, 64, 1},   {10, 1, 64, 10},  {100, 1, 64, 64}, {100, 4, 64, 26}, {3, 4, 64, 1},
		{4, 4, 64, 2},   {1, 1024, 64, 1}, {7, 2, 2, 2},     {1000000, 2, 128, 128},
		{10, 2, 1, 1},
	};

	for (size_t i = 0; i < countof(table); i++)
		CHECK_MSG(policy_global_batch(table[i].queued, table[i].nprocs, table[i].max) == table[i].n,
				  "row %zu: %u queued, %u P's, at most %u: %u", i, table[i].queued, table[i].nprocs,
				  table[i].max, policy_global_batch(table[i].queued, table[i].nprocs, table[i].max));
}

/* Whoever visits a queue with something in it brings something, and never more than there is. */
TEST(a_batch_is_never_empty_nor_too_large)
{
	uint64_t rng = test_seed();

	for (int i = 0; i < 200000; i++) {
		uint32_t queued = 1 + (uint32_t)(test_rand(&rng) >> (32 + test_rand(&rng) % 32));
		uint32_t nprocs = 1 + (uint32_t)(test_rand(&rng) % 1024);
		uint32_t max = 1 + (uint32_t)(test_rand(&rng) % 4096);
		uint32_t n = policy_global_batch(queued, nprocs, max);

		CHECK_MSG(n >= 1 && n <= queued && n <= max, "%u queued, %u P's, at most %u: %u", queued, nprocs,
				  max, n);
	}
}

TEST(lone_work_is_stolen_only_when_it_has_gone_stale)
{
	CHECK(!policy_may_steal(0, false));
	CHECK(!policy_may_steal(0, true));
	CHECK(!policy_may_steal(1, false));
	CHECK(policy_may_steal(1, true));
	CHECK(policy_may_steal(2, false));
	CHECK(policy_may_steal(2, true));
	CHECK(policy_may_steal(UINT32_MAX, false));
}

TEST(lone_work_wakes_nobody_while_it_is_watched)
{
	for (int wake = WAKE_LAZY; wake <= WAKE_EAGER; wake++) {
		struct knobs k = defaults();
		bool eager = wake == WAKE_EAGER;

		k.wake = wake;
		CHECK_EQ(policy_may_wake(&k, 1, true), eager);
		CHECK_EQ(policy_may_wake(&k, 1, false), true);
		CHECK_EQ(policy_may_wake(&k, 2, true), true);
		CHECK_EQ(policy_may_wake(&k, 2, false), true);
	}
}

/* A whole round of visits, as a thief makes it: level by level. */
static void round_of_visits(const struct knobs *k, uint64_t *rng, const uint32_t *ends, int levels,
							uint32_t *out)
{
	uint32_t offset = 0, start = 0, all = ends[levels - 1];

	for (int l = 0; l < levels; start = ends[l++])
		for (uint32_t i = start; i < ends[l]; i++)
			out[i] = policy_victim(k, rng, i, start, ends[l], all, &offset);
}

static bool each_once(const uint32_t *v, uint32_t from, uint32_t to)
{
	for (uint32_t want = from; want < to; want++) {
		int hits = 0;

		for (uint32_t i = from; i < to; i++)
			hits += v[i] == want;
		if (hits != 1)
			return false;
	}
	return true;
}

TEST(a_round_visits_each_victim_once_near_ones_first)
{
	static const uint32_t ends[][4] = {{1, 2, 3, 4}, {1, 8, 15, 63}, {3, 4, 16, 17}, {7, 8, 9, 10}};
	uint64_t rng = state_for_rand_next();

	for (int rounds = 0; rounds < 3000; rounds++)
		for (size_t e = 0; e < countof(ends); e++) {
			struct knobs k = defaults();
			uint32_t v[64], start = 0;

			k.victim = VICTIM_NEAR;
			round_of_visits(&k, &rng, ends[e], 4, v);
			for (int l = 0; l < 4; start = ends[e][l++])
				CHECK_MSG(each_once(v, start, ends[e][l]), "near: level %d of row %zu", l, e);
			k.victim = VICTIM_RANDOM;
			round_of_visits(&k, &rng, ends[e], 4, v);
			CHECK_MSG(each_once(v, 0, ends[e][3]), "random: row %zu", e);
		}
}

/* Inside a level, and over all with victim=random, everybody is begun with about equally often. */
TEST(the_first_victim_is_random)
{
	static const uint32_t ends[] = {8, 16};
	uint64_t rng = state_for_rand_next();

	for (int victim = VICTIM_NEAR; victim <= VICTIM_RANDOM; victim++) {
		struct knobs k = defaults();
		uint32_t v[16], group = victim == VICTIM_NEAR ? 8 : 16;
		int first[16] = {0};

		k.victim = victim;
		for (int i = 0; i < 16000; i++) {
			round_of_visits(&k, &rng, ends, 2, v);
			first[v[0]]++;
		}
		for (uint32_t i = 0; i < 16; i++) {
			int want = i < group ? 16000 / (int)group : 0;

			/* 2000 or 1000 on average: eight standard deviations */
			CHECK_MSG(abs(first[i] - want) <= (want ? 340 : 0), "victim=%d: %u came first %d times of %d",
					  victim, i, first[i], want);
		}
	}
}

TEST(the_watch_doubles_to_two_milliseconds)
{
	struct knobs k = defaults();
	int64_t t = 0;
	static const int64_t want[] = {50000,  100000,  200000,  400000,  800000,
								   1600000, 2000000, 2000000, 2000000};

	t = policy_watch_next(&k, t, true);
	for (size_t i = 0; i < countof(want); i++) {
		CHECK_EQ(t, want[i]);
		t = policy_watch_next(&k, t, false);
	}
	CHECK_EQ(policy_watch_next(&k, 2000000, true), 50000);
	k.watch_us = 10;
	CHECK_EQ(policy_watch_next(&k, 2000000, true), 10000);
}

/* Little work: 25 us, doubling to the knob. Enough of it ends the rests. */
TEST(a_thief_rests_while_its_visits_bring_little)
{
	struct knobs k = defaults();
	int64_t rest = 0, sum = 0;

	CHECK_EQ(policy_steal_rest(&k, 0, 20000), 0);
	for (int i = 0; i < 20; i++) {
		int64_t next = policy_steal_rest(&k, rest, 19999);

		CHECK(next >= rest && next <= 200000 && next >= 25000);
		rest = next;
		sum += next;
	}
	CHECK_EQ(rest, 200000);
	CHECK_EQ(sum, 25000 + 50000 + 100000 + 17 * 200000);
	CHECK_EQ(policy_steal_rest(&k, rest, 20000), 0);
	k.rest_us = 0;
	CHECK_EQ(policy_steal_rest(&k, 0, 0), 0);
	k.rest_us = 10;
	CHECK_EQ(policy_steal_rest(&k, 0, 0), 10000);
}

/* An interval chosen by hand is not cut down to 2 ms, and never shrinks without a find. */
TEST(the_watch_never_becomes_shorter_by_finding_nothing)
{
	struct knobs k = defaults();

	for (k.watch_us = 10; k.watch_us <= 1000000; k.watch_us *= 10) {
		int64_t t = policy_watch_next(&k, 0, true);

		for (int i = 0; i < 20; i++) {
			int64_t next = policy_watch_next(&k, t, false);

			CHECK_MSG(next >= t, "watch_us=%lld: %lld ns after %lld ns", (long long)k.watch_us,
					  (long long)next, (long long)t);
			t = next;
		}
	}
}
