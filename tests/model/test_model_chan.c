/* SPDX-License-Identifier: MIT
 *
 * Channels and select under the model checker: hand-over, waking, close, claims of selects that meet, default's
 * moment, and histories against a queue. */
#include "model/lin.h"
#include "model/threads.h"
#include "sync/chan.h"
#include "wend/select.h"

static wend_chan *c[3];
static atm_u32 work[3]; /* what must be seen by who learns of it */

static wend_chan *make(size_t size, size_t cap)
{
	wend_chan *made = wend_chan_make(size, cap);

	model_private(&made->count, sizeof made->count); /* changed under the lock; len is not under test */
	model_name(made, sizeof *made, "chan");
	return made;
}

static void begin_as(int nprocs, unsigned flags, size_t cap0, size_t cap1)
{
	threads_begin(nprocs, flags);
	model_name(work, sizeof work, "work");
	c[0] = make(8, cap0);
	c[1] = make(8, cap1);
}

static void begin(int nprocs, size_t cap0, size_t cap1)
{
	begin_as(nprocs, 0, cap0, cap1);
}

static void end(void)
{
	threads_join();
	wend_chan_release(c[0]);
	wend_chan_release(c[1]);
}

static void send(wend_chan *to, uint64_t v)
{
	wend_chan_send(to, &v);
}

static uint64_t recv(wend_chan *from)
{
	uint64_t v = 99;

	return wend_chan_recv(from, &v) ? v : v + 1000;
}

/* ---- One channel -------------------------------------------------------------------------------- */

static void send_work(void *arg)
{
	uintptr_t me = (uintptr_t)arg;

	atm_store_rlx(&work[me], 1);
	send(c[0], me);
	if (wend_chan_cap(c[0]) == 0)
		MODEL_CHECK_EQ(atm_load_rlx(&work[2]), 1);
}

static void receive_work(void)
{
	uint64_t v = recv(c[0]);

	MODEL_CHECK(v < 2);
	MODEL_CHECK_EQ(atm_load_rlx(&work[v]), 1);
}

MODEL_TEST(an_unbuffered_channel_hands_over_both_ways)
{
	begin(2, 0, 0);
	co_go(send_work, (void *)0);
	atm_store_rlx(&work[2], 1);
	receive_work();
	end();
}

MODEL_TEST(two_senders_and_a_receiver_unbuffered)
{
	begin(3, 0, 0);
	co_go(send_work, (void *)0);
	co_go(send_work, (void *)1);
	atm_store_rlx(&work[2], 1);
	receive_work();
	receive_work();
	end();
}

static void send_two(void *arg)
{
	atm_store_rlx(&work[0], 1);
	send(c[0], 0);
	atm_store_rlx(&work[1], 1);
	send(c[0], 1);
}

/* Room of one: the second send parks, or goes through, or meets a parked receiver. */
MODEL_TEST(a_buffer_of_one_keeps_order_and_loses_nobody)
{
	begin(2, 1, 0);
	co_go(send_two, NULL);
	MODEL_CHECK_EQ(recv(c[0]), 0);
	MODEL_CHECK_EQ(atm_load_rlx(&work[0]), 1);
	MODEL_CHECK_EQ(recv(c[0]), 1);
	MODEL_CHECK_EQ(atm_load_rlx(&work[1]), 1);
	end();
}

MODEL_TEST(foreign_threads_and_coroutines_share_a_channel)
{
	begin(3, 1, 0);
	foreign_go(send_work, (void *)0);
	co_go(send_work, (void *)1);
	receive_work();
	receive_work();
	end();
}

static void receive_till_closed(void *arg)
{
	while (recv(c[0]) < 1000)
		;
	MODEL_CHECK_EQ(atm_load_rlx(&work[0]), 1);
}

MODEL_TEST(close_reaches_parked_and_coming_receivers)
{
	begin(3, 1, 0);
	co_go(receive_till_closed, NULL);
	co_go(receive_till_closed, NULL);
	send(c[0], 1);
	atm_store_rlx(&work[0], 1);
	wend_chan_close(c[0]);
	end();
}

static void send_and_release(void *arg)
{
	send(c[2], 1);
	wend_chan_release(c[2]);
}

/* Who gets the value may free the channel at once. */
MODEL_TEST(the_last_reference_frees_once, .weight = 0.5)
{
	begin(2, 0, 0);
	c[2] = make(8, model_choose(2));
	wend_chan_retain(c[2]);
	co_go(send_and_release, NULL);
	MODEL_CHECK_EQ(recv(c[2]), 1);
	wend_chan_release(c[2]);
	end();
}

/* ---- Select ------------------------------------------------------------------------------------- */

/* Sends v to `to` or receives from `from`; 0 sent, 1 received. */
static int either(wend_chan *to, uint64_t v, wend_chan *from, uint64_t *got)
{
	wend_case k[2] = {WEND_CASE_SEND(to, &v), WEND_CASE_RECV(from, got)};

	return wend_select(k, 2, 0);
}

static int chosen[2];

static void select_back(void *arg)
{
	uint64_t got = 0;

	atm_store_rlx(&work[1], 1);
	chosen[1] = either(c[1], 21, c[0], &got);
	if (chosen[1] == 1) {
		MODEL_CHECK_EQ(got, 11);
		MODEL_CHECK_EQ(atm_load_rlx(&work[0]), 1);
	}
}

/* Each offers on one channel and takes from the other: exactly one value passes. */
MODEL_TEST(two_selects_that_meet_agree, .cover = 3)
{
	uint64_t got = 0;

	begin(2, 0, 0);
	co_go(select_back, NULL);
	atm_store_rlx(&work[0], 1);
	chosen[0] = either(c[0], 11, c[1], &got);
	if (chosen[0] == 1) {
		MODEL_CHECK_EQ(got, 21);
		MODEL_CHECK_EQ(atm_load_rlx(&work[1]), 1);
	}
	end();
	MODEL_CHECK_EQ(chosen[0] + chosen[1], 1);
	model_cover(chosen[0]);
}

static void self(void *arg)
{
	uint64_t got = 0, me = (uintptr_t)arg;

	chosen[me] = either(c[0], me, c[0], &got);
	if (chosen[me] == 1)
		MODEL_CHECK_EQ(got, 1 - me);
}

MODEL_TEST(a_select_with_both_ends_meets_another_not_itself)
{
	begin(2, 0, 0);
	co_go(self, (void *)1);
	self(NULL);
	end();
	MODEL_CHECK_EQ(chosen[0] + chosen[1], 1);
}

static uint64_t receive_either(void)
{
	uint64_t v = 99;
	wend_case k[2] = {WEND_CASE_RECV(c[0], &v), WEND_CASE_RECV(c[1], &v)};
	int i = wend_select(k, 2, 0);

	return k[i].ok ? v : v + 1000 + (unsigned)i;
}

static void send_to(void *arg)
{
	uintptr_t i = (uintptr_t)arg;

	atm_store_rlx(&work[i], 1);
	send(c[i], i);
}

/* Both senders want the one select: one has it, the other waits until asked for again. */
MODEL_TEST(a_claimed_select_is_left_to_its_claimer, .cover = 3)
{
	uint64_t first, second;

	begin(3, 0, 0);
	co_go(send_to, (void *)0);
	co_go(send_to, (void *)1);
	first = receive_either();
	second = receive_either();
	MODEL_CHECK_EQ(first + second, 1);
	MODEL_CHECK_EQ(atm_load_rlx(&work[first]), 1);
	end();
	model_cover((int)first);
}

/* Whoever parks gives its P away and goes on on another. */
MODEL_TEST(selects_and_sends_go_on_on_other_p)
{
	begin_as(2, THREADS_MIGRATE, 0, 0);
	co_go(send_to, (void *)0);
	co_go(send_to, (void *)1);
	MODEL_CHECK_EQ(receive_either() + receive_either(), 1);
	end();
}

static void select_then_plain(void *arg)
{
	uint64_t first = receive_either();

	MODEL_CHECK(first < 2);
	MODEL_CHECK_EQ(recv(c[1 - first]), 1 - first);
}

/* A select waits in both queues, a plain receiver behind or before it in one: whoever loses a race for the select finds
 * the one behind. */
static void receive_first(void *arg)
{
	MODEL_CHECK_EQ(recv(c[0]), 0);
}

MODEL_TEST(behind_a_decided_select_others_are_served, .weight = 2)
{
	begin(3, 0, 1);
	co_go(select_then_plain, NULL);
	co_go(receive_first, NULL);
	send(c[1], 1);
	send(c[0], 0);
	send(c[0], 0);
	end();
}

static void close_one(void *arg)
{
	uintptr_t i = (uintptr_t)arg;

	atm_store_rlx(&work[i], 1);
	wend_chan_close(c[i]);
}

static void take_what_is_there(void *arg)
{
	(void)!wend_chan_try_recv(c[0], NULL, NULL);
}

/* Who learns of the close by a look alone sees what came before it. */
MODEL_TEST(a_try_sees_what_came_before_the_close)
{
	bool ok = true;

	begin(3, 1, 0);
	send(c[0], 7);
	co_go(close_one, (void *)0);
	co_go(take_what_is_there, NULL);
	while (!wend_chan_try_recv(c[0], NULL, &ok) || ok)
		atm_pause();
	MODEL_CHECK_EQ(atm_load_rlx(&work[0]), 1);
	end();
}

MODEL_TEST(two_closes_wake_a_select_once, .cover = 3)
{
	uint64_t v;

	begin(3, 0, 0);
	co_go(close_one, (void *)0);
	co_go(close_one, (void *)1);
	v = receive_either();
	MODEL_CHECK(v == 1000 || v == 1001);
	MODEL_CHECK_EQ(atm_load_rlx(&work[v - 1000]), 1);
	end();
	model_cover((int)v - 1000);
}

/* The same channels in both orders: no deadlock of locks, and one value passes. */
static void select_sends(void *arg)
{
	uint64_t v = 5;
	wend_case k[3] = {WEND_CASE_SEND(c[1], &v), WEND_CASE_SEND(c[0], &v), WEND_CASE_SEND(c[1], &v)};

	wend_select(k, 3, 0);
}

MODEL_TEST(selects_lock_in_one_order)
{
	begin(2, 0, 0);
	co_go(select_sends, NULL);
	MODEL_CHECK_EQ(receive_either(), 5);
	end();
}

/* ---- Default ------------------------------------------------------------------------------------ */

static int try_either(void)
{
	unsigned first = model_choose(2); /* which is looked at first */
	wend_case k[2] = {WEND_CASE_RECV(c[first], NULL), WEND_CASE_RECV(c[1 - first], NULL)};

	return wend_select(k, 2, WEND_SELECT_DEFAULT);
}

static void refill_then_take(void *arg)
{
	if (arg)
		wend_chan_close(c[1]);
	else
		send(c[1], 1);
	(void)!wend_chan_try_recv(c[0], NULL, NULL);
}

/* c1 is ready before c0 ceases to be: there is no moment for default. */
MODEL_TEST(default_needs_a_moment_when_nobody_is_ready)
{
	begin(2, 1, 1);
	send(c[0], 1);
	co_go(refill_then_take, (void *)(uintptr_t)model_choose(2));
	MODEL_CHECK(try_either() >= 0);
	end();
}

static bool missed[2];

static void send_and_look(void *arg)
{
	uintptr_t me = (uintptr_t)arg;
	wend_case k = WEND_CASE_RECV(c[1 - me], NULL);

	send(c[me], 1);
	missed[me] = model_choose(2) ? !wend_chan_try_recv(c[1 - me], NULL, NULL)
								 : wend_select(&k, 1, WEND_SELECT_DEFAULT) < 0;
}

/* Each sends, then looks at the other's channel: the later one finds a value, though the lock is let go of by a plain
 * store. */
MODEL_TEST(a_send_is_visible_when_it_returns)
{
	begin(2, 1, 1);
	co_go(send_and_look, (void *)1);
	send_and_look(NULL);
	end();
	MODEL_CHECK(!(missed[0] && missed[1]));
}

/* ---- Histories ---------------------------------------------------------------------------------- */

enum { SEND, RECV, TRY_SEND, TRY_RECV, CLOSE };

struct state {
	uint32_t n, closed, cap, item[5];
};

static uint32_t spec_cap;

static void spec_init(void *state)
{
	*(struct state *)state = (struct state){.cap = spec_cap};
}

/* ret: for receives 0 nothing (try), 1 a value, 2 closed; and the value. */
static bool spec_apply(void *state, const struct lin_op *op)
{
	struct state *s = state;
	bool room = s->n < s->cap;

	switch (op->op) {
	case SEND:
		if (!room)
			return false;
		s->item[s->n++] = (uint32_t)op->arg[0];
		return true;
	case TRY_SEND:
		if (op->ret[0] != room)
			return false;
		if (room)
			s->item[s->n++] = (uint32_t)op->arg[0];
		return true;
	case CLOSE:
		s->closed = 1;
		return true;
	default:
		if (!s->n) {
			if (s->closed)
				return op->ret[0] == 2 && op->ret[1] == 0;
			return op->op == TRY_RECV && op->ret[0] == 0;
		}
		if (op->ret[0] != 1 || op->ret[1] != s->item[0])
			return false;
		memmove(s->item, s->item + 1, sizeof s->item - sizeof s->item[0]);
		s->item[--s->n] = 0;
		return true;
	}
}

static const struct lin_spec spec = {sizeof(struct state), spec_init, spec_apply, NULL};
static struct lin h;

static void do_send(uint64_t v)
{
	struct lin_op *op = lin_call(&h, SEND, v, 0);

	send(c[0], v);
	lin_return(op, 0, 0);
}

static void do_recv(void)
{
	struct lin_op *op = lin_call(&h, RECV, 0, 0);
	uint64_t v = 99;
	bool ok = wend_chan_recv(c[0], &v);

	lin_return(op, ok ? 1 : 2, v);
}

static void do_try_send(uint64_t v)
{
	struct lin_op *op = lin_call(&h, TRY_SEND, v, 0);

	lin_return(op, wend_chan_try_send(c[0], &v), 0);
}

static void do_try_recv(void)
{
	struct lin_op *op = lin_call(&h, TRY_RECV, 0, 0);
	uint64_t v = 0;
	bool ok = false, done = wend_chan_try_recv(c[0], &v, &ok);

	lin_return(op, !done ? 0 : ok ? 1 : 2, v);
}

static void do_close(void)
{
	struct lin_op *op = lin_call(&h, CLOSE, 0, 0);

	wend_chan_close(c[0]);
	lin_return(op, 0, 0);
}

static void history_begin(int nprocs)
{
	begin(nprocs, 1, 0);
	lin_reset(&h);
	spec_cap = 1;
}

static void history_end(void)
{
	threads_join();
	lin_require(&h, &spec);
	wend_chan_release(c[0]);
	wend_chan_release(c[1]);
}

static void tries(void *arg)
{
	for (uint64_t i = 0; i < 2; i++) {
		if (model_choose(2))
			do_try_send((uintptr_t)arg * 10 + i);
		else
			do_try_recv();
	}
}

MODEL_TEST(tries_are_those_of_a_queue, .weight = 2)
{
	history_begin(3);
	co_go(tries, (void *)1);
	co_go(tries, (void *)2);
	do_try_send(1);
	do_try_recv();
	history_end();
}

static void send_two_values(void *arg)
{
	do_send((uintptr_t)arg * 10);
	do_send((uintptr_t)arg * 10 + 1);
}

static void receive_one(void *arg)
{
	do_recv();
}

MODEL_TEST(blocking_operations_are_those_of_a_queue, .weight = 2)
{
	history_begin(3);
	co_go(send_two_values, (void *)1);
	co_go(receive_one, NULL);
	do_try_send(1);
	do_recv();
	threads_join();
	do_close();
	do_recv();
	do_recv();
	history_end();
}

static void close_it(void *arg)
{
	do_close();
}

MODEL_TEST(close_takes_its_place_among_the_operations)
{
	history_begin(3);
	do_send(7);
	co_go(close_it, NULL);
	co_go(receive_one, NULL);
	do_try_recv();
	do_try_recv();
	do_recv();
	history_end();
}
