/* SPDX-License-Identifier: MIT
 *
 * Order and close of channels: Go's test/chan/fifo, goroutines and zerosize, test/closedchan, one by one. */
#include <pthread.h>

#include "conformance/channels.h"

/* ---- Order -------------------------------------------------------------------------------------- */

struct link {
	ints *from, *to;
};

static void pass_one_more(void *arg)
{
	struct link *l = arg;

	ints_send(l->to, ints_get(l->from) + 1);
	wend_waitgroup_done(&over);
}

CO_TEST(a_chain_of_ten_thousand_passes_a_value)
{
	enum { N = MANY };
	static struct link link[N];
	ints *first = ints_make(0), *at = first;

	for (int i = 0; i < N; i++) {
		link[i] = (struct link){at, ints_make(0)};
		at = link[i].to;
		start(pass_one_more, &link[i]);
	}
	ints_send(first, 0);
	CHECK_EQ(ints_get(at), N);
	all_over();
	for (int i = 0; i < N; i++)
		ints_release(link[i].to);
	ints_release(first);
}

static ints *fifo;
static int order[100], norder;

static void send_my_number(void *arg)
{
	ints_send(fifo, (int)(intptr_t)arg);
	wend_waitgroup_done(&over);
}

static void parked_senders_go_in_order(size_t cap)
{
	fifo = ints_make(cap);
	for (int i = 0; i < 50; i++) {
		start(send_my_number, (void *)(intptr_t)i);
		if ((size_t)i >= cap)
			parked_become("chan send", i + 1 - (int)cap);
		else
			while (ints_len(fifo) != (size_t)i + 1)
				wend_yield();
	}
	for (int i = 0; i < 50; i++)
		CHECK_EQ(ints_get(fifo), i);
	all_over();
	ints_release(fifo);
}

CO_TEST(parked_senders_are_served_in_order_of_arrival)
{
	parked_senders_go_in_order(0);
	parked_senders_go_in_order(1);
	parked_senders_go_in_order(7);
}

struct number {
	int me, got;
};

static void recv_mine(void *arg)
{
	struct number *n = arg;

	n->got = ints_get(fifo);
	wend_waitgroup_done(&over);
}

CO_TEST(parked_receivers_are_served_in_order_of_arrival)
{
	struct number n[50];

	for (size_t cap = 0; cap < 2; cap++) {
		fifo = ints_make(cap);
		for (int i = 0; i < 50; i++) {
			n[i] = (struct number){i, -1};
			start(recv_mine, &n[i]);
			parked_become("chan receive", i + 1);
		}
		for (int i = 0; i < 50; i++)
			ints_send(fifo, i);
		all_over();
		for (int i = 0; i < 50; i++)
			CHECK_EQ(n[i].got, i);
		ints_release(fifo);
	}
}

static void note_then_send(void *arg)
{
	(void)arg;
	order[norder++] = 1;
	ints_send(fifo, 0);
	order[norder++] = 3;
	wend_waitgroup_done(&over);
}

/* Others get the CPU often enough that whatever can go on does. */
static void let_run(void)
{
	for (int i = 0; i < 200; i++)
		wend_yield();
}

CO_TEST(a_send_on_an_unbuffered_channel_is_over_when_received)
{
	wend_maxprocs(1);
	fifo = ints_make(0);
	norder = 0;
	start(note_then_send, NULL);
	parked_become("chan send", 1);
	let_run();
	order[norder++] = 2;
	ints_get(fifo);
	all_over();
	for (int i = 0; i < 3; i++)
		CHECK_EQ(order[i], i + 1);
	ints_release(fifo);
}

/* ---- Close -------------------------------------------------------------------------------------- */

CO_TEST(a_closed_channel_is_drained_then_gives_zeros)
{
	ints *c = ints_make(3);
	int v = -1;
	bool ok;

	ints_send(c, 1);
	ints_send(c, 2);
	ints_close(c);
	CHECK(ints_recv(c, &v));
	CHECK_EQ(v, 1);
	CHECK(ints_try_recv(c, &v, &ok));
	CHECK(ok && v == 2);
	for (int i = 0; i < 3; i++) {
		v = -1;
		CHECK(!ints_recv(c, &v));
		CHECK_EQ(v, 0);
		v = -1;
		CHECK(ints_try_recv(c, &v, &ok));
		CHECK(!ok && v == 0);
		CHECK_EQ(ints_get(c), 0);
	}
	ints_release(c);
}

static void learn_of_close(void *c)
{
	int v = -1;

	CHECK(!ints_recv(c, &v));
	CHECK_EQ(v, 0);
	wend_waitgroup_done(&over);
}

CO_TEST(close_wakes_all_receivers)
{
	ints *c = ints_make(2);

	for (int i = 0; i < 100; i++)
		start(learn_of_close, c);
	parked_become("chan receive", 100);
	ints_close(c);
	all_over();
	ints_release(c);
}

CO_TEST(range_ends_with_close)
{
	ints *c = ints_make(100);
	int n = 0;

	for (int i = 0; i < 100; i++)
		ints_send(c, i);
	ints_close(c);
	WEND_CHAN_RANGE(c, int, v) {
		CHECK_EQ(v, n);
		n++;
	}
	CHECK_EQ(n, 100);
	ints_release(c);
}

CO_TEST(break_and_continue_in_range_are_those_of_a_loop)
{
	ints *c = ints_make(10);
	int n = 0;

	for (int i = 0; i < 10; i++)
		ints_send(c, i);
	WEND_CHAN_RANGE(c, int, v) {
		if (v < 3)
			continue;
		if (v == 5)
			break;
		n += v;
	}
	CHECK_EQ(n, 7);
	CHECK_EQ(ints_len(c), 4);
	ints_release(c);
}

/* ---- Signals ------------------------------------------------------------------------------------ */

static void signal_ten(void *c)
{
	for (int i = 0; i < 10; i++)
		wend_chan_send(c, NULL);
	wend_waitgroup_done(&over);
}

CO_TEST(elements_of_no_size_are_signals)
{
	for (size_t cap = 0; cap < 5; cap += 2) {
		wend_chan *c = wend_chan_make(0, cap);

		for (size_t i = 0; i < cap; i++) {
			CHECK(wend_chan_try_send(c, NULL));
			CHECK_EQ(wend_chan_len(c), i + 1);
		}
		CHECK(!wend_chan_try_send(c, NULL));
		for (size_t i = 0; i < cap; i++)
			CHECK(wend_chan_recv(c, NULL));
		start(signal_ten, c);
		for (int i = 0; i < 10; i++)
			CHECK(wend_chan_recv(c, NULL));
		all_over();
		wend_chan_close(c);
		CHECK(!wend_chan_recv(c, NULL));
		wend_chan_release(c);
	}
}

/* ---- Foreign threads ---------------------------------------------------------------------------- */

struct foreign {
	ints *to, *back;
	pthread_t thread;
};

static void *foreign_echo(void *arg)
{
	struct foreign *f = arg;
	int v;

	while (ints_recv(f->to, &v))
		ints_send(f->back, v + 1);
	ints_close(f->back);
	return NULL;
}

CO_TEST(foreign_threads_send_and_receive)
{
	for (size_t cap = 0; cap < 3; cap++) {
		struct foreign f = {ints_make(cap), ints_make(cap), 0};

		CHECK_EQ(pthread_create(&f.thread, NULL, foreign_echo, &f), 0);
		for (int i = 0; i < 200; i++) {
			ints_send(f.to, i);
			CHECK_EQ(ints_get(f.back), i + 1);
		}
		ints_close(f.to);
		CHECK_EQ(ints_get(f.back), 0);
		CHECK_EQ(pthread_join(f.thread, NULL), 0);
		ints_release(f.to);
		ints_release(f.back);
	}
}
