/* SPDX-License-Identifier: MIT
 *
 * Trimming and waking alone: whoever is made ready keeps what it writes to its stack from then on. */
#include "model/threads.h"
#include "model/trim.h"

static void trim(void *unused)
{
	trim_round();
}

static void wake_and_use(bool asym)
{
	char *stack;

	model_asym(asym);
	threads_begin(2, 0);
	stack = trim_sleeper();
	co_go(trim, NULL);
	trim_wake();
	*stack = 2;
	threads_join();
	MODEL_CHECK_EQ(*stack, 2);
}

#define BOTH .cover = 3 /* pages went back, or did not */

MODEL_TEST(who_is_made_ready_keeps_its_stack, BOTH)
{
	wake_and_use(true);
}

MODEL_TEST(who_is_made_ready_keeps_its_stack_with_full_fences, BOTH)
{
	wake_and_use(false);
}
