/* SPDX-License-Identifier: MIT
 *
 * Random trees of contexts under coroutines and threads that derive, cancel, wait, listen and let go; counted functions. */
#include "harness/lives.h"

#define LOAD(x) __atomic_load_n(&(x), __ATOMIC_ACQUIRE)
#define ADD(x, n) __atomic_add_fetch(&(x), (n), __ATOMIC_ACQ_REL)

enum { ROOTS = 4, WORKERS = 8, THREADS = 2, DEPTH = 6 };

static wend_mutex lock; /* guards which contexts stand in roots */
static wend_ctx *roots[ROOTS];
static int64_t due, stopped, called; /* functions */

static wend_ctx *root_of(uint32_t i)
{
	wend_ctx *c;

	wend_mutex_lock(&lock);
	c = wend_ctx_retain(roots[i]);
	wend_mutex_unlock(&lock);
	return c;
}

static void replace_root(uint32_t i)
{
	wend_ctx *old, *fresh = wend_ctx_with_cancel(wend_ctx_background());

	wend_mutex_lock(&lock);
	old = roots[i];
	roots[i] = fresh;
	wend_mutex_unlock(&lock);
	wend_ctx_cancel_cause(old, -EPIPE, &roots[i]);
	CHECK_EQ(wend_ctx_err(old), -ECANCELED);
	wend_ctx_release(old);
}

static wend_ctx *derive(wend_ctx *parent, uint64_t r, bool *can_cancel)
{
	*can_cancel = r % 4 < 3;
	switch (r % 4) {
	case 0:
		return wend_ctx_with_cancel(parent);
	case 1:
		return wend_ctx_with_timeout(parent, (int64_t)(r >> 8) % 200000);
	case 2:
		return wend_ctx_with_timeout(parent, WEND_HOUR);
	default:
		return wend_ctx_with_value(parent, roots, parent);
	}
}

static void count_call(void *unused)
{
	ADD(called, 1);
}

static void listen_to(wend_ctx *ctx, bool change_mind)
{
	wend_ctx_func *f = wend_ctx_after_func(ctx, count_call, NULL);

	ADD(due, 1);
	if (change_mind && wend_ctx_func_stop(f))
		ADD(stopped, 1);
	wend_ctx_func_release(f);
}

static void cancel_and_check(wend_ctx *ctx, wend_ctx *below)
{
	int before = wend_ctx_err(ctx);

	wend_ctx_cancel(ctx);
	CHECK(before ? wend_ctx_err(ctx) == before : wend_ctx_err(ctx) != 0);
	CHECK(wend_ctx_err(below) != 0);
	CHECK(wend_ctx_cause(below, NULL) != 0);
}

/* A chain under one of the roots; some of it is cancelled, in any order, and others cancel roots. */
static void one_life(uint64_t *seed)
{
	uint32_t which = (uint32_t)(test_rand(seed) % ROOTS);
	wend_ctx *chain[DEPTH], *root = root_of(which), *ctx = root;
	bool can_cancel[DEPTH];
	uint64_t r = test_rand(seed);

	for (int i = 0; i < DEPTH; i++)
		chain[i] = ctx = derive(ctx, test_rand(seed), &can_cancel[i]);
	if (r & 1)
		listen_to(ctx, r & 2);
	if (r % 64 == 4)
		replace_root(which);
	if (r & 8 && wend_ctx_deadline(ctx) != WEND_FOREVER && wend_ctx_deadline(ctx) < wend_now() + WEND_SECOND) {
		CHECK(!wend_chan_recv(wend_ctx_done(ctx), NULL));
		CHECK(wend_ctx_err(ctx) != 0);
	}
	for (int i = 0; i < DEPTH; i++) {
		int k = r & 16 ? i : DEPTH - 1 - i;

		if (can_cancel[k] && (r >> (10 + k)) & 1)
			cancel_and_check(chain[k], ctx);
	}
	for (int i = 0; i < DEPTH; i++)
		wend_ctx_release(chain[r & 32 ? i : DEPTH - 1 - i]);
	wend_ctx_release(root);
	if (*seed % 8 == 0 && wend_coroutine_id())
		wend_yield();
}

CO_TEST_LIMIT(each_function_is_called_once_or_stopped, 60)
{
	wend_maxprocs(4);
	for (int i = 0; i < ROOTS; i++)
		roots[i] = wend_ctx_with_cancel(wend_ctx_background());
	lives_run(WORKERS, THREADS, test_stress_seconds(), one_life);
	for (int i = 0; i < ROOTS; i++) {
		wend_ctx_cancel(roots[i]);
		wend_ctx_release(roots[i]);
	}
	while (LOAD(called) + LOAD(stopped) < LOAD(due)) /* the case's time limit ends it */
		wend_yield();
	wend_sleep(WEND_MILLISECOND);
	CHECK_EQ(LOAD(called) + LOAD(stopped), LOAD(due));
	test_note("%lld functions, %lld of them stopped", (long long)due, (long long)stopped);
}
