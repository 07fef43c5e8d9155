/* SPDX-License-Identifier: MIT
 *
 * Waits that a context ends: nothing is lost, nobody is given what a waiter that gave up had come for. */
#include "conformance/channels.h"

#define MS WEND_MILLISECOND

static wend_ctx *ctx;
static ints *c;

static void begin(size_t cap)
{
	ctx = wend_ctx_with_cancel(wend_ctx_background());
	c = ints_make(cap);
}

static void end(void)
{
	wend_ctx_cancel(ctx);
	wend_ctx_release(ctx);
	ints_release(c);
}

CO_TEST(what_can_proceed_does)
{
	bool ok = false;
	int v = 0;

	begin(1);
	CHECK_EQ(ints_send_ctx(c, 7, ctx), 0);
	CHECK_EQ(ints_recv_ctx(c, &v, &ok, ctx), 0);
	CHECK_EQ(v, 7);
	CHECK(ok);
	ints_close(c);
	CHECK_EQ(ints_recv_ctx(c, &v, &ok, ctx), 0);
	CHECK(!ok);
	CHECK_EQ(ints_recv_ctx(c, &v, NULL, wend_ctx_background()), 0);
	end();
}

CO_TEST(a_cancelled_context_lets_nothing_proceed)
{
	int v = 3;

	begin(2);
	ints_send(c, 1);
	wend_ctx_cancel(ctx);
	CHECK_EQ(ints_send_ctx(c, 7, ctx), -ECANCELED);
	CHECK_EQ(ints_recv_ctx(c, &v, NULL, ctx), -ECANCELED);
	CHECK_EQ(v, 3);
	CHECK_EQ(ints_len(c), 1);
	end();
}

static void receive(void *unused)
{
	int v = 3;

	CHECK_EQ(ints_recv_ctx(c, &v, NULL, ctx), -ECANCELED);
	CHECK_EQ(v, 3);
	wend_waitgroup_done(&over);
}

static void send(void *unused)
{
	CHECK_EQ(ints_send_ctx(c, 7, ctx), -ECANCELED);
	wend_waitgroup_done(&over);
}

CO_TEST(cancel_ends_receives)
{
	begin(0);
	for (int i = 0; i < 100; i++)
		start(receive, NULL);
	parked_become("chan receive", 100);
	wend_ctx_cancel(ctx);
	all_over();
	CHECK(!ints_try_send(c, 1)); /* nobody waits */
	end();
}

CO_TEST(cancel_ends_sends)
{
	int v;
	bool ok;

	begin(0);
	for (int i = 0; i < 100; i++)
		start(send, NULL);
	parked_become("chan send", 100);
	wend_ctx_cancel(ctx);
	all_over();
	CHECK(!ints_try_recv(c, &v, &ok));
	end();
}

static void receive_plainly(void *sum)
{
	int v;

	CHECK(ints_recv(c, &v));
	__atomic_add_fetch((int *)sum, v, __ATOMIC_RELAXED);
	wend_waitgroup_done(&over);
}

CO_TEST(others_who_wait_are_served)
{
	int sum = 0;

	begin(0);
	start(receive, NULL);
	parked_become("chan receive", 1);
	start(receive_plainly, &sum);
	parked_become("chan receive", 2);
	wend_ctx_cancel(ctx);
	ints_send(c, 5);
	all_over();
	CHECK_EQ(sum, 5);
	end();
}

CO_TEST(a_deadline_of_the_context_ends_waits)
{
	int64_t begun = wend_now();
	wend_ctx *timed = wend_ctx_with_timeout(wend_ctx_background(), 10 * MS);
	int v;

	begin(0);
	CHECK_EQ(ints_recv_ctx(c, &v, NULL, timed), -ETIMEDOUT);
	CHECK(wend_now() - begun >= 10 * MS);
	CHECK_EQ(ints_send_ctx(c, 1, timed), -ETIMEDOUT);
	CHECK_EQ(wend_chan_recv_ctx(NULL, NULL, NULL, timed), -ETIMEDOUT);
	wend_ctx_release(timed);
	timed = wend_ctx_with_timeout(wend_ctx_background(), 5 * MS);
	CHECK_EQ(wend_chan_send_ctx(NULL, NULL, timed), -ETIMEDOUT);
	wend_ctx_release(timed);
	end();
}

CO_TEST(a_cancelled_context_does_not_look_at_the_channel)
{
	begin(0);
	ints_close(c);
	wend_ctx_cancel(ctx);
	CHECK_EQ(ints_send_ctx(c, 1, ctx), -ECANCELED);
	end();
}

static void cancel_later(void *unused)
{
	wend_sleep(5 * MS);
	wend_ctx_cancel(ctx);
	wend_waitgroup_done(&over);
}

CO_TEST(sleep_ends_with_its_time_or_the_context)
{
	int64_t begun = wend_now();

	begin(0);
	CHECK_EQ(wend_sleep_ctx(5 * MS, ctx), 0);
	CHECK(wend_now() - begun >= 5 * MS);
	CHECK_EQ(wend_sleep_ctx(5 * MS, wend_ctx_background()), 0);
	CHECK_EQ(wend_sleep_ctx(0, ctx), 0);
	CHECK_EQ(wend_sleep_ctx(-1, ctx), 0);
	start(cancel_later, NULL);
	CHECK_EQ(wend_sleep_ctx(WEND_HOUR, ctx), -ECANCELED);
	CHECK_EQ(wend_sleep_ctx(WEND_HOUR, ctx), -ECANCELED);
	CHECK_EQ(wend_sleep_ctx(0, ctx), -ECANCELED);
	all_over();
	end();
}

/* Values that some send with a context that is cancelled under them, and others receive likewise: each is sent once or
 * not at all, and received if it was sent. */
enum { ROUNDS = 300 };

static wend_ctx *contexts[ROUNDS];
static int sent, received;

static void send_all(void *unused)
{
	for (int i = 0; i < ROUNDS; i++)
		if (ints_send_ctx(c, i, contexts[i]) == 0)
			__atomic_add_fetch(&sent, 1, __ATOMIC_RELAXED);
	wend_waitgroup_done(&over);
}

static void receive_all(void *unused)
{
	int v;

	for (int i = 0; i < ROUNDS; i++)
		if (ints_recv_ctx(c, &v, NULL, contexts[i]) == 0)
			__atomic_add_fetch(&received, 1, __ATOMIC_RELAXED);
	wend_waitgroup_done(&over);
}

CO_TEST_LIMIT(no_value_is_lost_or_doubled, 30)
{
	uint64_t seed = test_seed();

	wend_maxprocs(4);
	c = ints_make(0);
	for (int i = 0; i < ROUNDS; i++)
		contexts[i] = i % 2 ? wend_ctx_with_cancel(wend_ctx_background())
							: wend_ctx_with_timeout(wend_ctx_background(), (int64_t)(test_rand(&seed) % 300000));
	for (int i = 0; i < 3; i++) {
		start(send_all, NULL);
		start(receive_all, NULL);
	}
	for (int i = 0; i < ROUNDS; i++) {
		if (test_rand(&seed) % 4 == 0)
			wend_yield();
		wend_ctx_cancel(contexts[i]);
	}
	all_over();
	CHECK_EQ(sent, received);
	for (int i = 0; i < ROUNDS; i++)
		wend_ctx_release(contexts[i]);
	ints_release(c);
}
