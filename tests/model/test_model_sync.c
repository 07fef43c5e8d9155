/* SPDX-License-Identifier: MIT
 *
 * Wait group and counter under the model checker. */
#include "model/threads.h"

#include "wend/counter.h"
#include "wend/waitgroup.h"

static wend_waitgroup wg;
static atm_u32 work[4]; /* what the waiters must see */

static void begin(int nprocs)
{
	threads_begin(nprocs, 0);
	model_name(&wg, sizeof wg, "wg");
	model_name(work, sizeof work, "work");
}

static void worker(void *arg)
{
	atm_store_rlx(&work[(uintptr_t)arg], 1);
	wend_waitgroup_done(&wg);
}

static void wait_for_two(void *arg)
{
	wend_waitgroup_wait(&wg);
	MODEL_CHECK_EQ(atm_load_rlx(&work[0]), 1);
	MODEL_CHECK_EQ(atm_load_rlx(&work[1]), 1);
}

static void end(void)
{
	threads_join();
	MODEL_CHECK_EQ(atm_load_rlx(&wg.wend__state), 0);
	atm_store_rlx(&wg.wend__state, 0);
}

MODEL_TEST(who_waits_sees_what_was_done)
{
	begin(3);
	wend_waitgroup_add(&wg, 2);
	co_go(worker, (void *)0);
	co_go(worker, (void *)1);
	wait_for_two(NULL);
	end();
}

MODEL_TEST(all_waiters_are_released)
{
	begin(4);
	wend_waitgroup_add(&wg, 2);
	co_go(worker, (void *)0);
	co_go(wait_for_two, NULL);
	foreign_go(worker, (void *)1);
	foreign_go(wait_for_two, NULL);
	end();
}

/* Used again at once: the waiters of the first round belong to the first. */
static void second_round(void *arg)
{
	wend_waitgroup_wait(&wg);
	wend_waitgroup_add(&wg, 1);
	atm_store_rlx(&work[2], 1);
	wend_waitgroup_done(&wg);
}

MODEL_TEST(a_wait_group_is_used_again)
{
	begin(3);
	wend_waitgroup_add(&wg, 1);
	co_go(worker, (void *)0);
	co_go(second_round, NULL);
	wend_waitgroup_wait(&wg);
	MODEL_CHECK_EQ(atm_load_rlx(&work[0]), 1);
	end();
	MODEL_CHECK_EQ(atm_load_rlx(&work[2]), 1);
}

static void nothing(void *arg)
{
	atm_store_rlx(&work[0], 1);
}

MODEL_TEST(go_counts_its_coroutine)
{
	begin(2);
	MODEL_CHECK_EQ(wend_waitgroup_go(&wg, nothing, NULL), 0);
	wend_waitgroup_wait(&wg);
	MODEL_CHECK_EQ(atm_load_rlx(&work[0]), 1);
	end();
}

/* ---- Counter --------------------------------------------------------------------------------------- */

static wend_counter hits;

static void add_three(void *arg)
{
	wend_counter_add(&hits, 1);
	wend_counter_add(&hits, 2);
	MODEL_CHECK(wend_counter_load(&hits) <= 9);
}

MODEL_TEST(no_addition_to_a_counter_is_lost, .leaks = true /* cells stay with their P */)
{
	threads_begin(3, 0);
	co_go(add_three, NULL);
	co_go(add_three, NULL);
	foreign_go(add_three, NULL);
	threads_join();
	MODEL_CHECK_EQ(wend_counter_load(&hits), 9);
	wend_counter_free(&hits);
}

/* A coroutine's additions on one P and, having moved, on another. */
static void add_and_move(void *arg)
{
	wend_counter_add(&hits, 1);
	co_move(3);
	wend_counter_add(&hits, 1);
}

MODEL_TEST(a_counter_follows_coroutines_to_other_p, .leaks = true)
{
	threads_begin(4, 0);
	co_go(add_and_move, NULL);
	co_go(add_three, NULL);
	threads_join();
	MODEL_CHECK_EQ(wend_counter_load(&hits), 5);
	wend_counter_free(&hits);
}
