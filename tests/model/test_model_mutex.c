/* SPDX-License-Identifier: MIT
 *
 * Mutex under the model checker: exclusion, nobody forgotten in either mode, nothing left in the word, memory that
 * the last one frees. */
#include "model/lin.h"
#include "model/threads.h"

#include <stdlib.h>

#include "wend/mutex.h"

static wend_mutex mu;
static int inside;
static atm_u32 sum; /* relaxed: the mutex orders it */
static unsigned turns;


static void begin(int nprocs, unsigned flags)
{
	threads_begin(nprocs, flags);
	mu = (wend_mutex)WEND_ZERO;
	inside = 0;
	turns = 0;
	model_name(&mu.wend__state, sizeof mu.wend__state, "mutex");
	model_name(&sum, sizeof sum, "sum");
}

static void end(void)
{
	threads_join();
	MODEL_CHECK_EQ(atm_load_rlx(&sum), turns);
	MODEL_CHECK_EQ(atm_load_rlx(&mu.wend__state), 0);
	MODEL_CHECK(!mu.wend__waiters);
}

enum { TRY_FAILS, TRY_GETS, STARVING }; /* for model_cover */

static void critical(void)
{
	if (mu.wend__state.wend__v & 16) /* handed over, or about to be: a look that is no step */
		model_cover(STARVING);
	MODEL_CHECK_EQ(inside++, 0);
	turns++;
	atm_store_rlx(&sum, atm_load_rlx(&sum) + 1);
	MODEL_CHECK_EQ(--inside, 0);
}

static void once(void *unused)
{
	wend_mutex_lock(&mu);
	critical();
	wend_mutex_unlock(&mu);
}

static void twice(void *unused)
{
	once(NULL);
	once(NULL);
}

MODEL_TEST(one_is_inside_and_all_get_there)
{
	begin(3, 0);
	co_go(once, NULL);
	co_go(once, NULL);
	once(NULL);
	end();
}

/* Time passes in the model by looking at the clock: who has parked twice starves. */
MODEL_TEST(the_same_with_barging_and_hand_over, .cover = 1 << STARVING)
{
	begin(3, 0);
	co_go(twice, NULL);
	co_go(twice, NULL);
	twice(NULL);
	end();
}

MODEL_TEST(threads_and_coroutines_with_one_p)
{
	begin(2, THREADS_MIGRATE);
	co_go(twice, NULL);
	co_go(once, NULL);
	foreign_go(once, NULL);
	end();
}

static void try_once(void *unused)
{
	bool got = wend_mutex_trylock(&mu);

	model_cover(got ? TRY_GETS : TRY_FAILS);
	if (got) {
		critical();
		wend_mutex_unlock(&mu);
	}
}

MODEL_TEST(trylock_gets_it_or_not, .cover = 1 << TRY_FAILS | 1 << TRY_GETS)
{
	begin(3, 0);
	co_go(once, NULL);
	co_go(try_once, NULL);
	once(NULL);
	end();
}

/* The main coroutine locks, another unlocks. */
static void unlock_it(void *unused)
{
	critical();
	wend_mutex_unlock(&mu);
}

MODEL_TEST(another_one_unlocks)
{
	begin(3, 0);
	wend_mutex_lock(&mu);
	co_go(unlock_it, NULL);
	co_go(once, NULL);
	once(NULL);
	end();
}

/* ---- Freed by the last ------------------------------------------------------------------------------ */

static struct counted {
	wend_mutex mu;
	int users;
} *object;

static void drop(void *unused)
{
	struct counted *o = object;
	bool last;

	wend_mutex_lock(&o->mu);
	last = --o->users == 0;
	wend_mutex_unlock(&o->mu);
	if (last)
		free(o);
}

MODEL_TEST(the_last_user_frees_it)
{
	threads_begin(3, 0);
	object = calloc(1, sizeof *object);
	object->users = 3;
	co_go(drop, NULL);
	co_go(drop, NULL);
	drop(NULL);
	threads_join();
}

/* ---- Linearizability -------------------------------------------------------------------------------- */

enum { LOCK, TRY, UNLOCK };

static void free_at_first(void *state)
{
	*(uint64_t *)state = 0;
}

/* state: 0 free, else who holds it. */
static bool apply(void *state, const struct lin_op *op)
{
	uint64_t *holder = state;

	switch (op->op) {
	case UNLOCK:
		if (*holder != op->arg[0])
			return false;
		*holder = 0;
		return true;
	case TRY:
		if (op->returned && !op->ret[0])
			return *holder != 0; /* it may not fail without reason */
		/* fall through */
	default:
		if (*holder)
			return false;
		*holder = op->arg[0];
		return true;
	}
}

static const struct lin_spec spec = {sizeof(uint64_t), free_at_first, apply, NULL};
static struct lin history;

static void use(void *arg)
{
	uint64_t me = (uint64_t)(uintptr_t)arg;

	for (int i = 0; i < 2; i++) {
		bool try = i == (int)(me & 1);
		struct lin_op *op = lin_call(&history, try ? TRY : LOCK, me, 0);
		bool got = true;

		if (try)
			got = wend_mutex_trylock(&mu);
		else
			wend_mutex_lock(&mu);
		lin_return(op, got, 0);
		if (!got)
			continue;
		op = lin_call(&history, UNLOCK, me, 0);
		wend_mutex_unlock(&mu);
		lin_return(op, 0, 0);
	}
}

MODEL_TEST(histories_are_those_of_a_mutex)
{
	begin(3, 0);
	lin_reset(&history);
	co_go(use, (void *)1);
	co_go(use, (void *)2);
	use((void *)3);
	threads_join();
	lin_require(&history, &spec);
}
