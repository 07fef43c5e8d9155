/* SPDX-License-Identifier: MIT
 *
 * Singleflight under the model checker: calls that overlap are one, all get its value, and the last who is interested frees it;
 * a key that is forgotten while it is under way; a group that goes as soon as the result is there. */
#include "model/threads.h"

#include <stdlib.h>

#include "wend/singleflight.h"

static wend_singleflight *g;
static atm_u32 calls, inside, what[3];

static void begin(int nprocs)
{
	threads_begin(nprocs, 0);
	g = calloc(1, sizeof *g);
}

static void end(void)
{
	threads_join();
	free(g);
}

/* The number of the call, and something written to go with it. */
static int count(void *alone, void **value)
{
	uint32_t n = atm_add_sc(&calls, 1) + 1;

	MODEL_CHECK(!alone || atm_add_sc(&inside, 1) == 0);
	atm_store_rlx(&what[n], 7); /* who gets the value sees it */
	*value = (void *)(uintptr_t)n;
	if (alone)
		atm_add_sc(&inside, (uint32_t)-1);
	return -(int)n;
}

struct result {
	uintptr_t value;
	bool shared;
};

static void check(int err, void *value, bool shared, struct result *r)
{
	*r = (struct result){(uintptr_t)value, shared};
	MODEL_CHECK(r->value == 1 || r->value == 2);
	MODEL_CHECK_EQ(err, -(int)r->value);
	MODEL_CHECK_EQ(atm_load_rlx(&what[r->value]), 7);
}

static void call(void *result)
{
	void *value;
	bool shared;
	int err = wend_singleflight_do(g, "k", count, g, &value, &shared);

	check(err, value, shared, result);
}

static void get(wend_chan *c, struct result *r)
{
	wend_singleflight_result v;

	MODEL_CHECK(wend_chan_recv(c, &v));
	check(v.err, v.value, v.shared, r);
	wend_chan_release(c);
}

/* Together they have made one call, which both know to be shared, or two. */
static void one_or_two(const struct result *a, const struct result *b)
{
	bool one = a->value == b->value;

	MODEL_CHECK_EQ(atm_load_rlx(&calls), one ? 1 : 2);
	MODEL_CHECK_EQ(a->shared, one);
	MODEL_CHECK_EQ(b->shared, one);
	model_cover(one ? 1 : 2);
}

MODEL_TEST(two_who_call_at_once_share_a_call_or_make_two, .cover = 6)
{
	static struct result a, b;

	begin(2);
	co_go(call, &b);
	call(&a);
	end();
	one_or_two(&a, &b);
}

MODEL_TEST(a_foreign_thread_shares_a_call, .cover = 6)
{
	static struct result a, b;

	begin(2);
	foreign_go(call, &b);
	call(&a);
	end();
	one_or_two(&a, &b);
}

MODEL_TEST(do_chan_and_do_share_a_call, .cover = 6)
{
	static struct result a, b;
	wend_chan *c;

	begin(3);
	c = wend_singleflight_do_chan(g, "k", count, g);
	call(&a);
	get(c, &b);
	end();
	one_or_two(&a, &b);
}

/* Other keys have nothing to do with it. */
static void call_apart(void *unused)
{
	void *value;

	MODEL_CHECK(wend_singleflight_do(g, "other", count, NULL, &value, NULL) < 0);
}

MODEL_TEST(other_keys_are_other_calls)
{
	static struct result a;

	begin(2);
	co_go(call_apart, NULL);
	call(&a);
	end();
	MODEL_CHECK_EQ(atm_load_rlx(&calls), 2);
	MODEL_CHECK(!a.shared);
}

static int count_with_others(void *unused, void **value)
{
	return count(NULL, value);
}

static void call_with_others(void *result)
{
	void *value;
	bool shared;
	int err = wend_singleflight_do(g, "k", count_with_others, NULL, &value, &shared);

	check(err, value, shared, result);
}

static void forget(void *unused)
{
	wend_singleflight_forget(g, "k");
}

/* Whatever is forgotten when, nothing is lost or freed twice, and who comes afterwards does not share what began before. */
MODEL_TEST(a_key_is_forgotten_while_it_is_under_way, .cover = 6)
{
	static struct result a, b;

	begin(3);
	co_go(call_with_others, &b);
	co_go(forget, NULL);
	call_with_others(&a);
	end();
	one_or_two(&a, &b);
}

MODEL_TEST(the_group_may_go_when_the_result_has_come)
{
	struct result r;

	begin(2);
	get(wend_singleflight_do_chan(g, "k", count, g), &r);
	free(g);
	threads_join();
	MODEL_CHECK(!r.shared);
}
