/* SPDX-License-Identifier: MIT
 *
 * Timers under the model checker: set, cancelled and fired at the same time, on heaps that are the real ones. A P that
 * comes by and looks at the clock is timers_run_all. */
#include "model/threads.h"

#include <stdlib.h>

#include "sched/timer.h"
#include "wend/time.h"

enum { STOPPED, FIRED, RECEIVED }; /* for model_cover */

static void come_by(void *unused)
{
	struct m *mp = enter();

	timers_run_all(mp);
	leave_any(mp);
}

/* Until nothing is due any more. */
static void last_look(void)
{
	model_join();
	for (int i = 0; i < 12 && timers_earliest(NULL) != NEVER; i++) /* two at a time, or a step of sorting */
		come_by(NULL);
}

static void end(void)
{
	last_look();
	threads_join();
}

/* ---- A record on somebody's stack ---------------------------------------------------------------- */

struct record {
	struct timer timer;
	int fired;
};

static void fire(struct timer *t, int64_t now, struct due *due)
{
	container_of(t, struct record, timer)->fired++;
}

static const struct timer_kind kind = {.fire = fire};

static void set_record(struct record *r, int64_t when)
{
	struct m *mp = enter();

	timer_set(mp, &r->timer, when, 0);
	leave_any(mp);
}

/* After cancel it is not used any more, whatever it said, and it has told the truth. */
MODEL_TEST(cancel_leaves_nobody_behind, .cover = 1 << STOPPED | 1 << FIRED)
{
	struct record *r;
	bool stopped;

	threads_begin(2, 0);
	r = malloc(sizeof *r);
	*r = (struct record){.timer = {.kind = &kind}};
	set_record(r, 0);
	co_go(come_by, NULL);
	stopped = timer_cancel(&r->timer);
	MODEL_CHECK_EQ(r->fired, !stopped);
	model_cover(stopped ? STOPPED : FIRED);
	free(r);
	end();
}

static struct record one;

static void set_soon(void *unused)
{
	set_record(&one, 0);
}

/* Two set it, on two heaps, a third comes by: it fires once or twice, and stands nowhere afterwards. */
MODEL_TEST(two_set_a_timer_at_the_same_time)
{
	threads_begin(3, 0);
	one = (struct record){.timer = {.kind = &kind}};
	co_go(set_soon, NULL);
	co_go(come_by, NULL);
	set_soon(NULL);
	last_look();
	MODEL_CHECK(one.fired == 1 || one.fired == 2);
	MODEL_CHECK(!timer_cancel(&one.timer));
	threads_join();
}

static void cancel_it(void *unused)
{
	timer_cancel(&one.timer);
}

MODEL_TEST(one_sets_and_one_cancels)
{
	threads_begin(3, 0);
	one = (struct record){.timer = {.kind = &kind}};
	co_go(set_soon, NULL);
	co_go(cancel_it, NULL);
	set_soon(NULL);
	model_join();
	timer_cancel(&one.timer);
	end();
	MODEL_CHECK_EQ(one.fired, 0);
}

/* Who is told that it has fired sees what fire did. */
static atm_u32 gift;

static void fire_gift(struct timer *t, int64_t now, struct due *due)
{
	atm_store_rlx(&gift, 1);
}

static const struct timer_kind giving = {.fire = fire_gift};

MODEL_TEST(who_cannot_cancel_sees_what_fire_did)
{
	threads_begin(2, 0);
	atm_store_rlx(&gift, 0);
	one = (struct record){.timer = {.kind = &giving}};
	set_soon(NULL);
	co_go(come_by, NULL);
	if (!timer_cancel(&one.timer))
		MODEL_CHECK_EQ(atm_load_rlx(&gift), 1);
	end();
}

/* Heaps that cannot grow. */
static struct record several[4], many[6];

MODEL_TEST(timers_fire_without_memory_too)
{
	bool stopped;

	threads_begin(2, 0);
	model_no_memory(model_choose(2));
	for (int i = 0; i < 4; i++) {
		several[i] = (struct record){.timer = {.kind = &kind}};
		set_record(&several[i], i % 2);
		if (i == 1)
			model_no_memory(true);
	}
	co_go(come_by, NULL);
	stopped = timer_cancel(&several[3].timer);
	MODEL_CHECK_EQ(several[3].fired, !stopped);
	last_look();
	for (int i = 0; i < 3; i++)
		MODEL_CHECK_EQ(several[i].fired, 1);
	model_no_memory(false);
	threads_join();
}

static void come_by_often(void *unused)
{
	for (int i = 0; i < 5; i++)
		come_by(NULL);
}

/* More are due than are fired at a time, so they are sorted, in two steps; one of those is cancelled, one set to another time. */
MODEL_TEST(one_of_many_that_are_due_is_cancelled, .cover = 1 << STOPPED | 1 << FIRED)
{
	bool stopped;

	threads_begin(2, 0);
	for (int i = 0; i < 6; i++) {
		many[i] = (struct record){.timer = {.kind = &kind}};
		set_record(&many[i], 5 - i);
	}
	co_go(come_by_often, NULL);
	stopped = timer_cancel(&many[2].timer);
	MODEL_CHECK_EQ(many[2].fired, !stopped);
	model_cover(stopped ? STOPPED : FIRED);
	set_record(&many[1], 1);
	last_look();
	for (int i = 3; i < 6; i++)
		MODEL_CHECK_EQ(many[i].fired, 1);
	MODEL_CHECK(many[1].fired == 1 || many[1].fired == 2);
	MODEL_CHECK_EQ(many[0].fired, 1);
	MODEL_CHECK_EQ(many[2].fired, !stopped);
	threads_join();
}

/* ---- Channels ------------------------------------------------------------------------------------- */

static wend_timer *timer;

static bool fetch(void)
{
	int64_t v;
	bool ok, got = wend_chan_try_recv(wend_timer_chan(timer), &v, &ok);

	MODEL_CHECK(!got || ok);
	return got;
}

/* Nobody receives: so stop has stopped it, and nothing is left. */
MODEL_TEST(a_value_does_not_outlive_stop)
{
	threads_begin(2, 0);
	timer = wend_timer_make(0);
	co_go(come_by, NULL);
	MODEL_CHECK(wend_timer_stop(timer));
	MODEL_CHECK(!fetch());
	end();
	MODEL_CHECK(!fetch());
	wend_timer_release(timer);
}

MODEL_TEST(a_value_does_not_outlive_reset)
{
	threads_begin(2, 0);
	timer = wend_timer_make(0);
	co_go(come_by, NULL);
	MODEL_CHECK(wend_timer_reset(timer, WEND_HOUR));
	MODEL_CHECK(!fetch());
	last_look();
	MODEL_CHECK(!fetch());
	MODEL_CHECK(wend_timer_stop(timer));
	threads_join();
	wend_timer_release(timer);
}

static int received;

static void receives(void *unused)
{
	received += fetch();
}

/* It is stopped or received, not both, nor neither. */
MODEL_TEST(a_value_is_received_or_stopped, .cover = 1 << STOPPED | 1 << RECEIVED)
{
	bool stopped;

	threads_begin(3, 0);
	received = 0;
	timer = wend_timer_make(0);
	co_go(come_by, NULL);
	co_go(receives, NULL);
	stopped = wend_timer_stop(timer);
	end();
	MODEL_CHECK_EQ(received, !stopped);
	model_cover(stopped ? STOPPED : RECEIVED);
	MODEL_CHECK(!fetch());
	wend_timer_release(timer);
}

static int true_resets;

static void reset_soon(void *unused)
{
	true_resets += wend_timer_reset(timer, 0);
}

/* Set three times: each time it fires, and that is received, or a reset says that it came before. */
MODEL_TEST(each_setting_is_received_or_reset)
{
	threads_begin(3, 0);
	received = true_resets = 0;
	timer = wend_timer_make(0);
	co_go(reset_soon, NULL);
	co_go(come_by, NULL);
	reset_soon(NULL);
	end();
	received += fetch();
	MODEL_CHECK_EQ(received + true_resets, 3);
	wend_timer_release(timer);
}

static void waits(void *unused)
{
	MODEL_CHECK(wend_chan_recv(wend_timer_chan(timer), NULL));
	received++;
}

MODEL_TEST(who_waits_for_a_timer_is_woken)
{
	threads_begin(2, 0);
	received = 0;
	timer = wend_timer_make(0);
	co_go(waits, NULL);
	come_by(NULL);
	end();
	MODEL_CHECK_EQ(received, 1);
	wend_timer_release(timer);
}

/* The last reference goes while it fires. */
MODEL_TEST(a_timer_is_released_while_it_fires)
{
	threads_begin(2, 0);
	timer = wend_timer_make(0);
	co_go(come_by, NULL);
	wend_timer_release(timer);
	end();
}

MODEL_TEST(a_ticker_is_reset_and_released_while_it_fires)
{
	wend_ticker *ticker;

	threads_begin(2, 0);
	ticker = wend_ticker_make(WEND_MICROSECOND);
	co_go(come_by, NULL);
	wend_ticker_reset(ticker, WEND_HOUR);
	MODEL_CHECK(!wend_chan_try_recv(wend_ticker_chan(ticker), NULL, NULL));
	wend_ticker_release(ticker);
	end();
}

/* ---- Functions ------------------------------------------------------------------------------------- */

static atm_u32 calls;

static void called(void *unused)
{
	atm_add_sc(&calls, 1);
}

static void begin_function(void)
{
	threads_begin(4, 0); /* two for calls */
	atm_store_rlx(&calls, 0);
	timer = wend_after_func(0, called, NULL);
}

MODEL_TEST(a_function_is_called_or_stopped, .cover = 1 << STOPPED | 1 << FIRED)
{
	bool stopped;

	begin_function();
	co_go(come_by, NULL);
	stopped = wend_timer_stop(timer);
	wend_timer_release(timer);
	end();
	MODEL_CHECK_EQ(atm_load_rlx(&calls), !stopped);
	model_cover(stopped ? STOPPED : FIRED);
}

MODEL_TEST(a_function_is_called_once_for_each_setting)
{
	bool again;

	begin_function();
	co_go(come_by, NULL);
	again = wend_timer_reset(timer, 0);
	wend_timer_release(timer);
	end();
	MODEL_CHECK_EQ(atm_load_rlx(&calls), again ? 1 : 2);
}

MODEL_TEST(a_function_that_is_never_called_is_not_leaked)
{
	threads_begin(2, 0);
	wend_timer_release(wend_after_func(WEND_HOUR, called, NULL));
	threads_join();
}
