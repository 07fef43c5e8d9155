/* SPDX-License-Identifier: MIT
 *
 * Waits with a deadline under the model checker: a timer and others who want to end the same wait, of which one
 * does (until_priv.h). Others who wait are served as if those who gave up had never come. */
#include "base/clock.h"
#include "model/threads.h"
#include "wend/select.h"

static wend_chan *c[2];

static void begin(int nprocs)
{
	threads_begin(nprocs, 0);
	c[0] = wend_chan_make(8, 0);
	c[1] = wend_chan_make(8, 0);
}

static void end(void)
{
	threads_join();
	wend_chan_release(c[0]);
	wend_chan_release(c[1]);
}

static atm_u32 over;
static bool tried[2];

/* Time passes by looking at the clock. */
static void the_clock(void *arg)
{
	while (!atm_load_acq(&over)) {
		struct m *mp = enter();

		timers_run_all(mp);
		leave(mp);
		atm_pause();
	}
}

static int64_t soon(void)
{
	return clock_now() + 2500;
}

static void try_to_send(void *arg)
{
	uint64_t v = (uintptr_t)arg;

	tried[v] = wend_chan_try_send(c[v], &v);
}

MODEL_TEST(a_receive_ends_by_its_deadline_or_a_sender, .cover = 3)
{
	uint64_t v = 7;
	int rc;

	begin(3);
	co_go(the_clock, NULL);
	co_go(try_to_send, (void *)0);
	rc = wend_chan_recv_dl(c[0], &v, NULL, soon());
	atm_store_rel(&over, 1);
	end();
	MODEL_CHECK_EQ(rc == 0, tried[0]);
	MODEL_CHECK_EQ(v, rc ? 7 : 0);
	model_cover(rc == 0);
}

static void try_to_receive(void *arg)
{
	uint64_t v = 9;

	tried[0] = wend_chan_try_recv(c[0], &v, NULL);
	MODEL_CHECK_EQ(v, tried[0] ? 3 : 9);
}

MODEL_TEST(a_send_ends_by_its_deadline_or_a_receiver, .cover = 3)
{
	uint64_t v = 3;
	int rc;

	begin(3);
	co_go(the_clock, NULL);
	co_go(try_to_receive, NULL);
	rc = wend_chan_send_dl(c[0], &v, soon());
	atm_store_rel(&over, 1);
	end();
	MODEL_CHECK_EQ(rc == 0, tried[0]);
	model_cover(rc == 0);
}

static void receive_one(void *arg)
{
	uint64_t v = 0;

	MODEL_CHECK(wend_chan_recv(c[0], &v));
	MODEL_CHECK_EQ(v, 5);
}

static void send_five(void *arg)
{
	uint64_t v = 5;

	wend_chan_send(c[0], &v);
}

/* Who has given up is passed over, wherever in the queue it stands. */
MODEL_TEST(an_expired_receiver_takes_nobodys_value, .cover = 3, .weight = 2)
{
	uint64_t v = 7;
	int rc;

	begin(4);
	co_go(the_clock, NULL);
	co_go(receive_one, NULL);
	co_go(send_five, NULL);
	rc = wend_chan_recv_dl(c[0], &v, NULL, soon());
	atm_store_rel(&over, 1);
	if (rc == 0)
		send_five(NULL); /* for the other one */
	end();
	model_cover(rc == 0);
}

MODEL_TEST(a_select_ends_by_its_deadline_or_one_sender, .cover = 7, .weight = 2)
{
	uint64_t v[2] = {7, 7};
	wend_case k[2] = {WEND_CASE_RECV(NULL, &v[0]), WEND_CASE_RECV(NULL, &v[1])};
	int i;

	begin(4);
	k[0].chan = c[0];
	k[1].chan = c[1];
	co_go(the_clock, NULL);
	co_go(try_to_send, (void *)0);
	co_go(try_to_send, (void *)1);
	i = wend_select_dl(k, 2, soon());
	atm_store_rel(&over, 1);
	end();
	MODEL_CHECK_EQ(tried[0], i == 0);
	MODEL_CHECK_EQ(tried[1], i == 1);
	model_cover(i < 0 ? 2 : i);
}
