/* SPDX-License-Identifier: MIT
 *
 * Contexts under the model checker: who waits is woken once or not at all, and nobody uses its node afterwards; a parent that is
 * cancelled while its child ends; functions stopped while they are called; a deadline that passes as it is no longer
 * wanted. */
#include "model/threads.h"

#include <errno.h>
#include <stdlib.h>

#include "base/clock.h"
#include "sched/timer.h"
#include "sync/context.h"
#include "wend/sem.h"

static wend_ctx *ctx;
static int said; /* plain: cancelling orders it */

static void begin(void)
{
	threads_begin(3, 0);
	ctx = wend_ctx_with_cancel(wend_ctx_background());
	said = 0;
}

static void cancel(void *unused)
{
	wend_ctx_cancel(ctx);
}

static void say_and_cancel(void *unused)
{
	said = 1;
	wend_ctx_cancel_cause(ctx, -EPIPE, &said);
}

/* ---- Asking ------------------------------------------------------------------------------------------ */

MODEL_TEST(who_sees_it_cancelled_sees_what_was_before)
{
	const void *detail;

	begin();
	co_go(say_and_cancel, NULL);
	while (!wend_ctx_err(ctx))
		atm_pause();
	MODEL_CHECK_EQ(said, 1);
	MODEL_CHECK_EQ(wend_ctx_cause(ctx, &detail), -EPIPE);
	MODEL_CHECK(detail == &said);
	threads_join();
	wend_ctx_release(ctx);
}

static void await(void *unused)
{
	MODEL_CHECK(!wend_chan_recv(wend_ctx_done(ctx), NULL));
	MODEL_CHECK_EQ(wend_ctx_err(ctx), -ECANCELED);
	MODEL_CHECK_EQ(said, 1);
}

MODEL_TEST(who_waits_for_done_goes_on)
{
	begin();
	co_go(await, NULL);
	co_go(say_and_cancel, NULL);
	await(NULL);
	threads_join();
	wend_ctx_release(ctx);
}

/* ---- Watching ---------------------------------------------------------------------------------------- */

enum { ENDED = 1, CANCELLED };

/* A wait that ends by itself or by the context, whichever claims it first. Its memory goes when it is over. */
struct wait {
	struct ctx_watch watch;
	struct g *gp;
	atm_u32 fate;
};

static struct queue {
	struct lock lock;
	struct wait *wait; /* under the lock, as a channel's waiters */
} queue;

static struct g *claim(struct ctx_watch *w)
{
	struct wait *wait = container_of(w, struct wait, watch);

	return atm_cas_sc(&wait->fate, 0, CANCELLED) ? wait->gp : NULL;
}

static void enqueue(struct wait *wait)
{
	lock(&queue.lock);
	queue.wait = wait;
	unlock(&queue.lock);
}

static bool commit(struct g *gp, void *arg)
{
	struct wait *wait = arg;

	enqueue(wait);
	if (ctx_watch_add(ctx, &wait->watch))
		return true;
	return !atm_cas_sc(&wait->fate, 0, CANCELLED); /* who has claimed it makes it ready */
}

static void wait_once(void *unused)
{
	struct m *mp = enter();
	struct wait *wait = calloc(1, sizeof *wait);
	uint32_t fate;

	wait->watch.cancelled = claim;
	wait->gp = current(mp, "wait_once");
	mp = g_park(mp, wait->gp, WAIT_SLEEP, NULL, commit, wait);
	enqueue(NULL);
	ctx_watch_remove(ctx, &wait->watch);
	leave_any(mp);
	fate = atm_load_rlx(&wait->fate);
	free(wait);
	model_cover((int)fate);
	if (fate == CANCELLED)
		MODEL_CHECK_EQ(wend_ctx_err(ctx), -ECANCELED);
}

static void complete(void *unused)
{
	struct m *mp = enter();
	struct g *gp = NULL;

	lock(&queue.lock);
	if (queue.wait && atm_cas_sc(&queue.wait->fate, 0, ENDED))
		gp = queue.wait->gp;
	unlock(&queue.lock);
	if (gp)
		g_ready(mp, gp);
	leave_any(mp);
}

MODEL_TEST(a_wait_ends_or_is_cancelled, .cover = 1 << ENDED | 1 << CANCELLED)
{
	begin();
	queue = (struct queue){0};
	co_go(cancel, NULL);
	co_go(complete, NULL);
	wait_once(NULL);
	threads_join();
	wend_ctx_release(ctx);
}

MODEL_TEST(two_waits_are_cancelled_from_above)
{
	wend_ctx *above;

	threads_begin(3, 0);
	queue = (struct queue){0};
	above = wend_ctx_with_cancel(wend_ctx_background());
	ctx = wend_ctx_with_cancel(above);
	co_go(wait_once, NULL);
	co_go(wait_once, NULL);
	wend_ctx_cancel(above);
	threads_join();
	wend_ctx_release(ctx);
	wend_ctx_release(above);
}

/* The library's own waits. */
static wend_chan *chan;

static void send(void *done)
{
	uint64_t v = 5;

	*(bool *)done = wend_chan_try_send(chan, &v);
}

MODEL_TEST(a_receive_ends_by_its_context_or_a_sender, .cover = 3)
{
	static bool sent;
	uint64_t v = 7;
	int rc;

	begin();
	chan = wend_chan_make(8, 0);
	co_go(cancel, NULL);
	co_go(send, &sent);
	rc = wend_chan_recv_ctx(chan, &v, NULL, ctx);
	threads_join();
	MODEL_CHECK_EQ(rc, sent ? 0 : -ECANCELED);
	MODEL_CHECK_EQ(v, sent ? 5 : 7);
	model_cover(sent);
	wend_chan_release(chan);
	wend_ctx_release(ctx);
}

static wend_sem sem;

static void release_one(void *unused)
{
	wend_sem_release(&sem, 1);
}

MODEL_TEST(an_acquire_ends_by_its_context_or_a_release, .cover = 3)
{
	int rc;

	begin();
	wend_sem_init(&sem, 1);
	wend_sem_acquire(&sem, 1);
	co_go(cancel, NULL);
	co_go(release_one, NULL);
	rc = wend_sem_acquire_ctx(&sem, 1, ctx);
	threads_join();
	MODEL_CHECK(rc == 0 || rc == -ECANCELED);
	MODEL_CHECK_EQ(wend_sem_try_acquire(&sem, 1), rc != 0);
	model_cover(rc == 0);
	wend_ctx_release(ctx);
}

/* ---- Trees ------------------------------------------------------------------------------------------- */

/* The child comes and goes by release alone, by cancel, or holds another one. */
static void child_ends(void *unused)
{
	wend_ctx *child = wend_ctx_with_cancel(ctx), *below = NULL;

	switch (model_choose(3)) {
	case 0:
		break;
	case 1:
		wend_ctx_cancel(child);
		break;
	default:
		below = wend_ctx_with_cancel(child);
	}
	wend_ctx_release(child);
	wend_ctx_release(below);
}

MODEL_TEST(a_child_ends_while_its_parent_is_cancelled)
{
	begin();
	co_go(cancel, NULL);
	child_ends(NULL);
	threads_join();
	MODEL_CHECK_EQ(wend_ctx_err(ctx), -ECANCELED);
	wend_ctx_release(ctx);
}

static wend_ctx *child, *below;

static void cancel_child(void *unused)
{
	wend_ctx_cancel(child);
	MODEL_CHECK_EQ(wend_ctx_err(below), -ECANCELED);
}

MODEL_TEST(when_cancel_returns_all_below_are_cancelled)
{
	begin();
	child = wend_ctx_with_cancel(ctx);
	below = wend_ctx_with_cancel(child);
	co_go(cancel, NULL);
	co_go(cancel_child, NULL);
	wend_ctx_cancel(ctx);
	MODEL_CHECK_EQ(wend_ctx_err(child), -ECANCELED);
	MODEL_CHECK_EQ(wend_ctx_err(below), -ECANCELED);
	threads_join();
	wend_ctx_release(ctx);
	wend_ctx_release(child);
	wend_ctx_release(below);
}

static void cancel_and_release(void *unused)
{
	wend_ctx_cancel(ctx);
	wend_ctx_release(ctx);
}

MODEL_TEST(the_last_of_them_frees_parent_and_child)
{
	begin();
	child = wend_ctx_with_cancel(ctx);
	co_go(cancel_and_release, NULL);
	wend_ctx_release(child);
	threads_join();
}

/* ---- Functions --------------------------------------------------------------------------------------- */

enum { STOPPED, CALLED };
static int calls;

static void call(void *unused)
{
	calls++;
}

MODEL_TEST(a_function_is_called_or_stopped, .cover = 1 << STOPPED | 1 << CALLED)
{
	wend_ctx_func *f;
	bool stopped;

	begin();
	calls = 0;
	f = wend_ctx_after_func(ctx, call, NULL);
	co_go(cancel, NULL);
	stopped = wend_ctx_func_stop(f);
	wend_ctx_func_release(f);
	threads_join();
	model_cover(stopped ? STOPPED : CALLED);
	MODEL_CHECK_EQ(calls, !stopped);
	wend_ctx_release(ctx);
}

MODEL_TEST(a_function_that_comes_as_it_is_cancelled_is_called)
{
	begin();
	calls = 0;
	co_go(cancel, NULL);
	wend_ctx_func_release(wend_ctx_after_func(ctx, call, NULL));
	threads_join();
	MODEL_CHECK_EQ(calls, 1);
	wend_ctx_release(ctx);
}

/* ---- Deadlines --------------------------------------------------------------------------------------- */

enum { IN_TIME, TOO_LATE };

static void fire_all(void *unused)
{
	struct m *mp = enter();

	timers_run_all(mp); /* each look at the model's clock takes a microsecond */
	leave_any(mp);
}

MODEL_TEST(a_deadline_passes_as_it_is_cancelled, .cover = 1 << IN_TIME | 1 << TOO_LATE)
{
	int err;

	threads_begin(2, 0);
	ctx = wend_ctx_with_timeout(wend_ctx_background(), 1);
	co_go(fire_all, NULL);
	wend_ctx_cancel(ctx);
	err = wend_ctx_err(ctx);
	model_cover(err == -ECANCELED ? IN_TIME : TOO_LATE);
	MODEL_CHECK(err == -ECANCELED || err == -ETIMEDOUT);
	wend_ctx_release(ctx);
	threads_join();
}

MODEL_TEST(a_deadline_passes_as_it_is_released)
{
	threads_begin(2, 0);
	ctx = wend_ctx_with_timeout(wend_ctx_background(), 1);
	co_go(fire_all, NULL);
	wend_ctx_release(ctx);
	threads_join();
}

MODEL_TEST(a_deadline_is_set_as_the_parent_is_cancelled)
{
	wend_ctx *late;

	begin();
	co_go(cancel, NULL);
	co_go(fire_all, NULL);
	late = wend_ctx_with_timeout(ctx, WEND_HOUR);
	while (!wend_ctx_err(late) || timers_earliest(NULL) != NEVER) /* its timer is not set, or taken off */
		atm_pause();
	threads_join();
	MODEL_CHECK_EQ(wend_ctx_err(late), -ECANCELED);
	wend_ctx_release(late);
	wend_ctx_release(ctx);
}
