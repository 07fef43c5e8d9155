/* SPDX-License-Identifier: MIT
 *
 * Once and value under the model checker, their inline fast ways included. */
#include "model/inline.h"

#include "model/threads.h"

#include <stdlib.h>

#include "wend/once.h"
#include "wend/value.h"

struct shared {
	wend_once once;
	atm_u32 work;  /* what the function does; relaxed, the once must order it */
	atm_u32 users; /* the last one frees all this */
};

static atm_u32 calls;

static void make(void *arg)
{
	struct shared *s = arg;

	atm_add_sc(&calls, 1);
	atm_store_rlx(&s->work, 1);
}

static void use(void *arg)
{
	struct shared *s = arg;

	wend_once_do(&s->once, make, s);
	MODEL_CHECK_EQ(atm_load_rlx(&s->work), 1);
	if (atm_add_sc(&s->users, (uint32_t)-1) == 1)
		free(s);
}

/* The function runs once; who returns sees what it did; nobody touches the once after the last has returned. */
static void begin(struct shared **s, unsigned users)
{
	threads_begin(3, 0);
	*s = calloc(1, sizeof **s);
	model_name(*s, sizeof **s, "s");
	atm_store_rlx(&(*s)->users, users);
	atm_store_rlx(&calls, 0);
}

static void end(void)
{
	threads_join();
	MODEL_CHECK_EQ(atm_load_rlx(&calls), 1);
}

MODEL_TEST(a_once_of_two)
{
	struct shared *s;

	begin(&s, 2);
	co_go(use, s);
	use(s);
	end();
}

MODEL_TEST(a_once_of_three)
{
	struct shared *s;

	begin(&s, 3);
	co_go(use, s);
	co_go(use, s);
	use(s);
	end();
}

MODEL_TEST(a_once_with_foreign_threads)
{
	struct shared *s;

	begin(&s, 3);
	foreign_go(use, s);
	foreign_go(use, s);
	use(s);
	end();
}

/* ---- Value ----------------------------------------------------------------------------------------- */

struct item {
	atm_u32 number;
};

static wend_value value;
static struct item items[3];

static void store(void *number)
{
	struct item *it = &items[(uintptr_t)number];

	atm_store_rlx(&it->number, (uint32_t)(uintptr_t)number); /* rlx: the value orders it */
	WEND_VALUE_STORE(&value, struct item, it);
}

static struct item *load(void)
{
	struct item *it = WEND_VALUE_LOAD(&value, struct item);

	if (it)
		MODEL_CHECK_EQ(atm_load_rlx(&it->number), it - items);
	return it;
}

static void load_twice(void *unused)
{
	struct item *first = load();

	MODEL_CHECK(!first || load());
}

MODEL_TEST(a_value_comes_with_its_type_and_contents)
{
	threads_begin(4, 0);
	co_go(store, (void *)1);
	co_go(store, (void *)2);
	co_go(load_twice, NULL);
	load_twice(NULL);
	threads_join();
	MODEL_CHECK(load());
	value = (wend_value)WEND_ZERO;
}

/* Two first stores by comparison: one wins. */
static atm_u32 winners;

static void store_if_first(void *number)
{
	struct item *it = &items[(uintptr_t)number];

	atm_store_rlx(&it->number, (uint32_t)(uintptr_t)number);
	if (WEND_VALUE_COMPARE_AND_SWAP(&value, struct item, NULL, it)) {
		atm_add_sc(&winners, 1);
		return;
	}
	MODEL_CHECK(load() != NULL);
}

MODEL_TEST(one_first_store_wins)
{
	threads_begin(2, 0);
	atm_store_rlx(&winners, 0);
	co_go(store_if_first, (void *)1);
	store_if_first((void *)2);
	threads_join();
	MODEL_CHECK_EQ(atm_load_rlx(&winners), 1);
	value = (wend_value)WEND_ZERO;
}
