/* SPDX-License-Identifier: MIT
 *
 * A pool without memory for itself: what it cannot keep is dropped, nothing is lost and nothing fails. */
#include "harness/fault.h"
#include "harness/test.h"

#include <wend/wend.h>

enum { N = 1000 };

static int dropped[N], taken[N], numbers[N];

static void drop(void *item, void *unused)
{
	(void)unused;
	dropped[(int *)item - numbers]++;
}

static wend_pool pool = WEND_POOL(NULL, drop, NULL);

static int put_and_take(int n)
{
	int drops = 0;
	void *item;

	for (int i = 0; i < n; i++)
		wend_pool_put(&pool, &numbers[i]);
	while ((item = wend_pool_get(&pool)))
		taken[(int *)item - numbers]++;
	for (int i = 0; i < n; i++) {
		CHECK_EQ(dropped[i] + taken[i], 1);
		drops += dropped[i];
	}
	return drops;
}

CO_TEST(without_memory_for_the_pool_all_are_dropped)
{
	fault_all("aligned_alloc", ENOMEM);
	CHECK_EQ(put_and_take(N), N);
}

CO_TEST(without_memory_for_a_stock_the_magazine_is_left)
{
	wend_maxprocs(1);
	fault_all("realloc", ENOMEM);

	int drops = put_and_take(N);

	CHECK(drops >= N - 8 && drops < N);
}

CO_TEST(without_memory_for_a_greater_stock_the_rest_is_dropped)
{
	wend_maxprocs(1);
	fault_set("realloc", 3, ENOMEM);

	int drops = put_and_take(N);

	CHECK(drops > 0 && drops < N / 2);
}

CO_TEST(without_memory_what_grows_old_is_dropped)
{
	for (int i = 0; i < 8; i++)
		wend_pool_put(&pool, &numbers[i]);
	fault_all("realloc", ENOMEM);
	wend_pool_flush(&pool);
	for (int i = 0; i < 8; i++)
		CHECK_EQ(dropped[i], 1);
}
