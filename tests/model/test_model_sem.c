/* SPDX-License-Identifier: MIT
 *
 * Semaphore and cond under the model checker: never too many units out, nobody forgotten, first come first served;
 * no signal lost on the way to sleep. */
#include "model/threads.h"

#include <stdlib.h>

#include "wend/cond.h"
#include "wend/sem.h"

enum { TRY_FAILS, TRY_GETS }; /* for model_cover */

/* ---- Semaphore --------------------------------------------------------------------------------------- */

static wend_sem sem;
static int64_t out;
static atm_u32 sum; /* relaxed: taking all units orders it */

static void begin(int nprocs, unsigned flags)
{
	threads_begin(nprocs, flags);
	wend_sem_init(&sem, 2);
	out = 0;
	model_name(&sem.wend__state, sizeof sem.wend__state, "sem");
}

static void end(void)
{
	threads_join();
	MODEL_CHECK_EQ(atm_load_rlx(&sem.wend__state), 0);
	MODEL_CHECK(!sem.wend__waiters);
}

static void hold(int64_t n)
{
	out += n;
	MODEL_CHECK(out <= 2);
	if (n == 2)
		atm_store_rlx(&sum, atm_load_rlx(&sum) + 1);
	out -= n;
	wend_sem_release(&sem, n);
}

static void take(void *n)
{
	wend_sem_acquire(&sem, (int64_t)(intptr_t)n);
	hold((int64_t)(intptr_t)n);
}

static void try_to_take(void *n)
{
	bool got = wend_sem_try_acquire(&sem, (int64_t)(intptr_t)n);

	model_cover(got ? TRY_GETS : TRY_FAILS);
	if (got)
		hold((int64_t)(intptr_t)n);
}

MODEL_TEST(not_more_units_than_there_are)
{
	begin(3, 0);
	co_go(take, (void *)1);
	co_go(take, (void *)2);
	take((void *)1);
	take((void *)2);
	end();
	MODEL_CHECK_EQ(atm_load_rlx(&sum), 2);
}

MODEL_TEST(all_units_order_what_was_done_with_them)
{
	begin(3, 0);
	co_go(take, (void *)2);
	co_go(take, (void *)2);
	take((void *)2);
	end();
	MODEL_CHECK_EQ(atm_load_rlx(&sum), 3);
}

MODEL_TEST(some_try_and_some_are_threads, .cover = 1 << TRY_FAILS | 1 << TRY_GETS)
{
	begin(2, THREADS_MIGRATE);
	co_go(take, (void *)2);
	foreign_go(take, (void *)1);
	co_go(try_to_take, (void *)1);
	take((void *)2);
	end();
}

/* While somebody waits for both, nobody gets one. */
static void take_both(void *unused)
{
	wend_sem_acquire(&sem, 2);
	hold(2);
}

MODEL_TEST(nobody_overtakes)
{
	begin(2, 0);
	wend_sem_acquire(&sem, 1);
	co_go(take_both, NULL);
	while (!(atm_load_rlx(&sem.wend__state) & 4)) /* a waiter is listed */
		atm_pause();
	MODEL_CHECK(!wend_sem_try_acquire(&sem, 1));
	wend_sem_release(&sem, 1);
	take((void *)1);
	end();
}

static struct counted {
	wend_sem sem;
	int users;
} *object;

static void drop(void *unused)
{
	struct counted *o = object;
	bool last;

	wend_sem_acquire(&o->sem, 1);
	last = --o->users == 0;
	wend_sem_release(&o->sem, 1);
	if (last)
		free(o);
}

MODEL_TEST(the_last_user_frees_it)
{
	threads_begin(3, 0);
	object = calloc(1, sizeof *object);
	wend_sem_init(&object->sem, 1);
	object->users = 3;
	co_go(drop, NULL);
	co_go(drop, NULL);
	drop(NULL);
	threads_join();
}

/* ---- Cond -------------------------------------------------------------------------------------------- */

static wend_mutex mu;
static wend_cond cond;
static atm_u32 full, taken; /* relaxed: under mu */

static void begin_cond(int nprocs)
{
	threads_begin(nprocs, 0);
	mu = (wend_mutex)WEND_ZERO;
	cond = (wend_cond)WEND_ZERO;
	model_name(&mu.wend__state, sizeof mu.wend__state, "mutex");
	model_name(&cond.wend__state, sizeof cond.wend__state, "cond");
}

static void end_cond(void)
{
	threads_join();
	MODEL_CHECK_EQ(atm_load_rlx(&full), 0);
	MODEL_CHECK_EQ(atm_load_rlx(&cond.wend__state), 0);
	MODEL_CHECK(!cond.wend__waiters);
	MODEL_CHECK_EQ(atm_load_rlx(&mu.wend__state), 0);
}

static void take_one(void *unused)
{
	wend_mutex_lock(&mu);
	while (atm_load_rlx(&full) == 0)
		wend_cond_wait(&cond, &mu);
	atm_store_rlx(&full, atm_load_rlx(&full) - 1);
	atm_store_rlx(&taken, atm_load_rlx(&taken) + 1);
	wend_mutex_unlock(&mu);
}

/* Signals under the mutex, or after it. */
static void put_one(bool under)
{
	wend_mutex_lock(&mu);
	atm_store_rlx(&full, atm_load_rlx(&full) + 1);
	if (under)
		wend_cond_signal(&cond);
	wend_mutex_unlock(&mu);
	if (!under)
		wend_cond_signal(&cond);
}

MODEL_TEST(no_signal_is_lost)
{
	begin_cond(3);
	co_go(take_one, NULL);
	co_go(take_one, NULL);
	put_one(true);
	put_one(false);
	end_cond();
	MODEL_CHECK_EQ(atm_load_rlx(&taken), 2);
}

MODEL_TEST(a_broadcast_reaches_all)
{
	begin_cond(3);
	co_go(take_one, NULL);
	co_go(take_one, NULL);
	wend_mutex_lock(&mu);
	atm_store_rlx(&full, 2);
	wend_mutex_unlock(&mu);
	wend_cond_broadcast(&cond);
	end_cond();
	MODEL_CHECK_EQ(atm_load_rlx(&taken), 2);
}

static void wait_once(void *unused)
{
	wend_mutex_lock(&mu);
	wend_cond_wait(&cond, &mu);
	atm_store_rlx(&taken, 1);
	wend_mutex_unlock(&mu);
}

/* Nothing but the list itself orders who enters it and who takes from it. */
MODEL_TEST(a_signal_without_the_mutex)
{
	begin_cond(2);
	co_go(wait_once, NULL);
	while (atm_load_rlx(&taken) == 0) {
		wend_cond_signal(&cond);
		atm_pause();
	}
	end_cond();
}
