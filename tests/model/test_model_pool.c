/* SPDX-License-Identifier: MIT
 *
 * The pool under the model checker: owner, thieves and who makes things old meet at one magazine of two and
 * its stock. Each thing is with one holder at a time, who sees what the one before did to it. */
#include "model/threads.h"

#include <stdlib.h>

#include "wend/go.h"
#include "wend/pool.h"

struct item {
	atm_u32 held;
	atm_u32 uses; /* relaxed: the pool orders it */
};

static wend_pool pool;
static struct item items[3];
static unsigned drops;

/* As many as threads_begin says: the pool has a local for each. */
static int nprocs;

int wend_maxprocs(int n)
{
	return nprocs;
}

int wend_num_cpu(void)
{
	return 1;
}

static void drop(void *item, void *unused)
{
	struct item *it = item;

	MODEL_CHECK_EQ(atm_xchg_sc(&it->held, 1), 0);
	drops++;
}

static struct item *take(void)
{
	struct item *it = wend_pool_get(&pool);

	if (it) {
		MODEL_CHECK_EQ(atm_load_rlx(&it->held), 0); /* what the holder before left, or nobody can trust it */
		atm_store_rlx(&it->held, 1);
		atm_store_rlx(&it->uses, atm_load_rlx(&it->uses) + 1);
	}
	return it;
}

static void give(struct item *it)
{
	MODEL_CHECK_EQ(atm_load_rlx(&it->held), 1);
	atm_store_rlx(&it->held, 0);
	wend_pool_put(&pool, it);
}

/* n things lie in the body's place. */
static void begin(int procs, int n)
{
	nprocs = procs;
	threads_begin(procs, 0);
	model_name(items, sizeof items, "items");
	pool = (wend_pool)WEND_POOL(NULL, drop, NULL);
	drops = 0;
	memset(items, 0, sizeof items);
	for (int i = 0; i < n; i++) {
		atm_store_rlx(&items[i].held, 1);
		give(&items[i]);
	}
}

/* All n are there, or were dropped. */
static void end(unsigned n)
{
	unsigned left = 0;

	threads_join();
	while (take())
		left++;
	MODEL_CHECK_EQ(left + drops, n);
	wend_pool_free(&pool);
}

static void use_one(void *cover)
{
	struct item *it = take();

	if (it) {
		model_cover((int)(intptr_t)cover);
		give(it);
	}
}

static void take_one(void *held)
{
	*(struct item **)held = take();
}

static void flush(void *unused)
{
	wend_pool_flush(&pool);
}

MODEL_TEST(owner_and_thief_at_one_magazine, .cover = 3)
{
	begin(2, 1);
	co_go(use_one, (void *)1);
	use_one((void *)0);
	end(1);
}

MODEL_TEST(owner_and_two_thieves, .cover = 3)
{
	begin(3, 2);
	co_go(use_one, (void *)1);
	co_go(use_one, (void *)1);
	use_one((void *)0);
	end(2);
}

/* Three are one more than a magazine holds: one lies in the stock, and the owner's puts move things there. */
MODEL_TEST(the_stock_is_shared, .cover = 3)
{
	begin(2, 3);
	co_go(use_one, (void *)1);
	use_one((void *)0);
	use_one((void *)0);
	end(3);
}

MODEL_TEST(foreign_threads_share_the_stock, .cover = 3)
{
	begin(1, 3);
	foreign_go(use_one, (void *)1);
	use_one((void *)0);
	end(3);
}

MODEL_TEST(a_flush_takes_nothing_from_its_holder)
{
	struct item *held = NULL;

	begin(2, 2);
	co_go(flush, NULL);
	take_one(&held);
	if (held)
		give(held);
	end(2);
}

MODEL_TEST(two_flushes_and_a_thief)
{
	struct item *held = NULL;

	begin(3, 3);
	co_go(flush, NULL);
	co_go(take_one, &held);
	flush(NULL);
	threads_join();
	if (held)
		give(held);
	end(3);
}

/* Nobody has used the pool before: both make its state, one wins, the other finds it. */
static void put_then_take(void *item)
{
	struct item *it = item;

	atm_store_rlx(&it->held, 1);
	give(it);
	it = take();
	if (it)
		give(it);
}

MODEL_TEST(the_first_puts_make_one_state)
{
	begin(3, 0);
	co_go(put_then_take, &items[1]);
	foreign_go(put_then_take, &items[2]);
	put_then_take(&items[0]);
	end(3);
}

MODEL_TEST(who_gets_or_flushes_finds_a_state_that_was_just_made, .cover = 1)
{
	begin(3, 0);
	co_go(use_one, (void *)0);
	co_go(flush, NULL);
	put_then_take(&items[0]);
	end(1);
}
