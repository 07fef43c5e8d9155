/* SPDX-License-Identifier: MIT
 *
 * wend_counter: exact once quiet, whoever added: coroutines on any P, foreign threads, before the
 * runtime started and after it ended. */
#include "harness/test.h"

#include <pthread.h>

#include <wend/wend.h>

static wend_counter c = WEND_ZERO;
static wend_waitgroup wg;

TEST(zero_value_counts_without_the_runtime)
{
	CHECK_EQ(wend_counter_load(&c), 0);
	wend_counter_add(&c, 5);
	wend_counter_add(&c, -7);
	CHECK_EQ(wend_counter_load(&c), -2);
	wend_counter_free(&c);
	CHECK_EQ(wend_counter_load(&c), 0);
}

static void add_many(void *unused)
{
	(void)unused;
	for (int i = 0; i < 2000; i++) {
		wend_counter_add(&c, i % 3);
		if (i % 100 == 0)
			wend_yield();
	}
	wend_waitgroup_done(&wg);
}

static void *add_many_on_thread(void *unused)
{
	for (int i = 0; i < 2000; i++)
		wend_counter_add(&c, i % 3);
	return unused;
}

CO_TEST(exact_after_coroutines_and_threads_added)
{
	int64_t each = 0;
	pthread_t t[3];

	for (int i = 0; i < 2000; i++)
		each += i % 3;
	wend_maxprocs(4);
	wend_waitgroup_add(&wg, 50);
	for (int i = 0; i < 3; i++)
		CHECK(pthread_create(&t[i], NULL, add_many_on_thread, NULL) == 0);
	for (int i = 0; i < 50; i++)
		CHECK_EQ(wend_go(add_many, NULL), 0);
	wend_waitgroup_wait(&wg);
	for (int i = 0; i < 3; i++)
		pthread_join(t[i], NULL);
	CHECK_EQ(wend_counter_load(&c), each * 53);
}

CO_TEST(nothing_is_lost_when_ps_go)
{
	int64_t each = 0;

	for (int i = 0; i < 2000; i++)
		each += i % 3;
	for (int round = 1; round <= 10; round++) {
		wend_maxprocs(4);
		wend_waitgroup_add(&wg, 20);
		for (int i = 0; i < 20; i++)
			CHECK_EQ(wend_go(add_many, NULL), 0);
		wend_maxprocs(1 + round % 3);
		wend_waitgroup_wait(&wg);
		CHECK_EQ(wend_counter_load(&c), each * 20 * round);
	}
}

static int add_ten(void *unused)
{
	(void)unused;
	wend_counter_add(&c, 10);
	return 0;
}

TEST(survives_the_end_of_the_runtime)
{
	for (int i = 1; i <= 3; i++) {
		CHECK_EQ(wend_run(add_ten, NULL), 0);
		CHECK_EQ(wend_counter_load(&c), 10 * i);
	}
}

CO_TEST(counters_are_apart)
{
	enum { N = 1000 };
	static wend_counter many[N];

	for (int round = 0; round < 3; round++) {
		for (int i = 0; i < N; i++)
			for (int k = 0; k <= i % 7; k++)
				wend_counter_add(&many[i], i);
		for (int i = 0; i < N; i++)
			CHECK_EQ(wend_counter_load(&many[i]), (int64_t)i * (i % 7 + 1));
		for (int i = 0; i < N; i++) {
			wend_counter_free(&many[i]); /* the cells are used again and must start at 0 */
			CHECK_EQ(wend_counter_load(&many[i]), 0);
		}
	}
}

CO_TEST_LIMIT(past_the_limit_it_still_counts, 30)
{
	enum { N = 70000 };
	wend_counter *many = calloc(N, sizeof *many);

	CHECK(many);
	for (int i = 0; i < N; i++)
		wend_counter_add(&many[i], i + 1);
	for (int i = 0; i < N; i++)
		CHECK_EQ(wend_counter_load(&many[i]), i + 1);
	for (int i = 0; i < N; i++)
		wend_counter_free(&many[i]);
	free(many);
}

CO_TEST(wraps_at_64_bits)
{
	wend_counter_add(&c, INT64_MAX);
	wend_counter_add(&c, 1);
	CHECK(wend_counter_load(&c) == INT64_MIN);
}
