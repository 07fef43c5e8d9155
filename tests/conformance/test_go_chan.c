/* SPDX-License-Identifier: MIT
 *
 * Go's rules for a channel: the matrix of what blocks, capacity and length, what panics: test/chan/nonblock and select3, test/chancap,
 * runtime/chan_test. */
#include "conformance/channels.h"
#include "harness/child.h"

/* ---- What blocks -------------------------------------------------------------------------------- */

enum form { NIL, UNBUFFERED, EMPTY, FULL, CLOSED_EMPTY, CLOSED_FULL };

static wend_chan *make(enum form form)
{
	int64_t v = 7;
	wend_chan *c;

	if (form == NIL)
		return NULL;
	c = wend_chan_make(8, form == UNBUFFERED ? 0 : 1);
	CHECK(c);
	if (form == FULL || form == CLOSED_FULL)
		wend_chan_send(c, &v);
	if (form == CLOSED_EMPTY || form == CLOSED_FULL)
		wend_chan_close(c);
	return c;
}

static int went_on;

static void send_and_note(void *c)
{
	int64_t v = 1;

	wend_chan_send(c, &v);
	went_on = 1;
}

static void recv_and_note(void *c)
{
	wend_chan_recv(c, NULL);
	went_on = 1;
}

static void blocks(enum form form, void (*fn)(void *), const char *reason)
{
	int before = reason ? parked_count(reason) : 0;

	went_on = 0;
	CHECK_EQ(wend_go(fn, make(form)), 0); /* those that block stay there */
	if (reason)
		parked_become(reason, before + 1);
	else
		while (!went_on)
			wend_yield();
	CHECK_EQ(went_on, reason == NULL);
}

CO_TEST(a_send_blocks_on_nil_unbuffered_and_full_channels_only)
{
	wend_maxprocs(1);
	blocks(NIL, send_and_note, "chan send (nil chan)");
	blocks(UNBUFFERED, send_and_note, "chan send");
	blocks(FULL, send_and_note, "chan send");
	blocks(EMPTY, send_and_note, NULL);
}

CO_TEST(a_receive_blocks_on_nil_unbuffered_and_empty_channels_only)
{
	wend_maxprocs(1);
	blocks(NIL, recv_and_note, "chan receive (nil chan)");
	blocks(UNBUFFERED, recv_and_note, "chan receive");
	blocks(EMPTY, recv_and_note, "chan receive");
	blocks(FULL, recv_and_note, NULL);
	blocks(CLOSED_EMPTY, recv_and_note, NULL);
	blocks(CLOSED_FULL, recv_and_note, NULL);
}

CO_TEST(try_forms_do_what_would_not_block)
{
	static const struct {
		enum form form;
		bool send, recv, ok;
	} want[] = {
		{NIL, false, false, false}, {UNBUFFERED, false, false, false}, {EMPTY, true, false, false},
		{FULL, false, true, true},  {CLOSED_EMPTY, false, true, false}, {CLOSED_FULL, false, true, true},
	};

	for (size_t i = 0; i < sizeof want / sizeof *want; i++) {
		int64_t v = -1;
		bool ok = false;
		wend_chan *c = make(want[i].form);

		CHECK_EQ(wend_chan_try_recv(c, &v, &ok), want[i].recv);
		if (want[i].recv) {
			CHECK_EQ(ok, want[i].ok);
			CHECK_EQ(v, want[i].ok ? 7 : 0);
		}
		wend_chan_release(c);
		if (want[i].form == CLOSED_EMPTY || want[i].form == CLOSED_FULL)
			continue; /* panics, below */
		c = make(want[i].form);
		v = 1;
		CHECK_EQ(wend_chan_try_send(c, &v), want[i].send);
		wend_chan_release(c);
	}
}

CO_TEST(try_forms_succeed_when_a_peer_waits)
{
	int64_t v = 0;
	bool ok = false;
	wend_chan *c = make(UNBUFFERED);

	went_on = 0;
	CHECK_EQ(wend_go(send_and_note, c), 0);
	parked_become("chan send", 1);
	CHECK(wend_chan_try_recv(c, &v, &ok));
	CHECK(ok && v == 1);
	while (!went_on)
		wend_yield();
	went_on = 0;
	CHECK_EQ(wend_go(recv_and_note, c), 0);
	parked_become("chan receive", 1);
	CHECK(wend_chan_try_send(c, &v));
	while (!went_on)
		wend_yield();
	wend_chan_release(c);
}

/* ---- Capacity and length ------------------------------------------------------------------------ */

CO_TEST(len_and_cap)
{
	ints *c = ints_make(10), *u = ints_make(0);

	CHECK_EQ(ints_len(c), 0);
	CHECK_EQ(ints_cap(c), 10);
	for (int i = 0; i < 10; i++) {
		ints_send(c, i);
		CHECK_EQ(ints_len(c), i + 1);
	}
	CHECK_EQ(ints_get(c), 0);
	CHECK_EQ(ints_len(c), 9);
	ints_close(c);
	CHECK_EQ(ints_len(c), 9);
	CHECK_EQ(ints_len(u), 0);
	CHECK_EQ(ints_cap(u), 0);
	CHECK_EQ(ints_len(NULL), 0);
	CHECK_EQ(ints_cap(NULL), 0);
	ints_release(c);
	ints_release(u);
}

/* For each capacity: what is empty blocks receivers, what is full blocks senders, order is kept, and each of many
 * values reaches one of many receivers. */
static void send_hundred(void *c)
{
	for (int i = 0; i < 100; i++)
		ints_send(c, i);
	wend_waitgroup_done(&over);
}

struct chan_and_sum {
	ints *c;
	int seen[400];
};

static void send_four_hundredth(void *arg)
{
	static uint32_t next;
	struct chan_and_sum *s = arg;
	uint32_t part = __atomic_fetch_add(&next, 1, __ATOMIC_RELAXED) % 4;

	for (int i = 0; i < 100; i++)
		ints_send(s->c, (int)part * 100 + i);
	wend_waitgroup_done(&over);
}

static void recv_hundred(void *arg)
{
	struct chan_and_sum *s = arg;

	for (int i = 0; i < 100; i++)
		__atomic_fetch_add(&s->seen[ints_get(s->c)], 1, __ATOMIC_RELAXED);
	wend_waitgroup_done(&over);
}

CO_TEST_LIMIT(every_capacity_behaves_alike, 20)
{
	for (int cap = 0; cap < 100; cap = cap < 10 ? cap + 1 : cap + 13) {
		struct chan_and_sum s = {.c = ints_make((size_t)cap)};
		int v;
		bool ok;

		CHECK(!ints_try_recv(s.c, &v, &ok));
		for (int i = 0; i < cap; i++)
			CHECK(ints_try_send(s.c, i));
		CHECK(!ints_try_send(s.c, cap));
		for (int i = 0; i < cap; i++)
			CHECK_EQ(ints_get(s.c), i);
		start(send_hundred, s.c);
		for (int i = 0; i < 100; i++)
			CHECK_EQ(ints_get(s.c), i);
		all_over();
		for (int i = 0; i < 4; i++) {
			start(send_four_hundredth, &s);
			start(recv_hundred, &s);
		}
		all_over();
		for (int i = 0; i < 400; i++)
			CHECK_EQ(s.seen[i], 1);
		CHECK_EQ(ints_len(s.c), 0);
		ints_release(s.c);
	}
}

CO_TEST(elements_of_every_width_arrive_whole)
{
	static const size_t widths[] = {1, 2, 3, 4, 7, 8, 9, 12, 16, 24, 100, 5000};

	for (size_t i = 0; i < sizeof widths / sizeof *widths; i++)
		for (size_t cap = 0; cap < 3; cap++) {
			unsigned char out[5000], in[5002];
			wend_chan *c = wend_chan_make(widths[i], cap);
			bool ok;

			for (size_t k = 0; k < widths[i]; k++)
				out[k] = (unsigned char)(k * 7 + i);
			CHECK_EQ(wend_chan_try_send(c, out), cap > 0);
			if (!cap)
				continue; /* below */
			in[widths[i] + 1] = 0x5a;
			memset(in, 0xa5, widths[i] + 1);
			CHECK(wend_chan_try_recv(c, in + 1, &ok) && ok);
			CHECK(memcmp(in + 1, out, widths[i]) == 0);
			CHECK_EQ(in[0], 0xa5);
			CHECK_EQ(in[widths[i] + 1], 0x5a);
			wend_chan_close(c);
			CHECK(!wend_chan_recv(c, in + 1));
			for (size_t k = 0; k < widths[i]; k++)
				CHECK_EQ(in[1 + k], 0);
			CHECK_EQ(in[widths[i] + 1], 0x5a);
			wend_chan_release(c);
		}
}

/* ---- What panics -------------------------------------------------------------------------------- */

static int send_on_closed(void *c)
{
	wend_chan_close(c);
	wend_chan_send(c, &(int64_t){1});
	return 0;
}

static int try_send_on_closed(void *c)
{
	wend_chan_close(c);
	return wend_chan_try_send(c, &(int64_t){1});
}

static void close_it(void *c)
{
	parked_become("chan send", 1);
	wend_chan_close(c);
}

static int close_under_a_sender(void *c)
{
	if (wend_go(close_it, c) == 0)
		wend_chan_send(c, &(int64_t){1});
	return 0;
}

static int close_twice(void *c)
{
	wend_chan_close(c);
	wend_chan_close(c);
	return 0;
}

static int close_nil(void *c)
{
	(void)c;
	wend_chan_close(NULL);
	return 0;
}

static int make_too_large(void *c)
{
	(void)c;
	return wend_chan_make(8, SIZE_MAX / 8) != NULL;
}

static int make_too_large_product(void *c)
{
	(void)c;
	return wend_chan_make((size_t)1 << 40, (size_t)1 << 40) != NULL;
}

static int make_negative_of_nothing(void *c)
{
	(void)c;
	return wend_chan_make(0, (size_t)-1) != NULL;
}

static int (*misuse)(void *);

static void misuse_in_child(void *unused)
{
	(void)unused;
	_exit(100 + wend_run(misuse, wend_chan_make(8, 0)));
}

TEST_LIMIT(misuse_panics_in_gos_words, 30)
{
	static const struct {
		int (*fn)(void *);
		const char *text;
	} forms[] = {
		{send_on_closed, "panic: send on closed channel\n"},
		{try_send_on_closed, "panic: send on closed channel\n"},
		{close_under_a_sender, "panic: send on closed channel\n"},
		{close_twice, "panic: close of closed channel\n"},
		{close_nil, "panic: close of nil channel\n"},
		{make_too_large, "panic: makechan: size out of range\n"},
		{make_too_large_product, "panic: makechan: size out of range\n"},
		{make_negative_of_nothing, "panic: makechan: size out of range\n"},
	};

	for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
		misuse = forms[i].fn;
		struct child c = child_call(misuse_in_child, NULL, 8);

		CHILD_EXITED(&c, 2);
		CHECK(strncmp(c.err, forms[i].text, strlen(forms[i].text)) == 0);
		child_free(&c);
	}
}

static char recovered[64];

static void note_panic(void *unused)
{
	const char *text = wend_recover();

	(void)unused;
	snprintf(recovered, sizeof recovered, "%s", text ? text : "");
}

static void send_and_recover(void *c)
{
	WEND_DEFERS;
	recovered[0] = 0;
	wend_defer(note_panic, NULL);
	wend_chan_send(c, &(int64_t){1});
}

static void send_waiting_and_recover(void *c)
{
	send_and_recover(c);
	wend_waitgroup_done(&over);
}

CO_TEST(the_panics_can_be_recovered_and_leave_the_channel_whole)
{
	wend_chan *c = wend_chan_make(8, 0);
	int64_t v = 7;

	start(send_waiting_and_recover, c);
	parked_become("chan send", 1);
	wend_chan_close(c);
	all_over();
	CHECK_EQ(recovered, "send on closed channel");
	send_and_recover(c);
	CHECK_EQ(recovered, "send on closed channel");
	CHECK(!wend_chan_recv(c, &v));
	CHECK_EQ(v, 0);
	wend_chan_release(c);
}

static int wait_on_nil(void *arg)
{
	(void)arg;
	wend_chan_recv(NULL, NULL);
	return 0;
}

static int wait_for_nobody(void *c)
{
	wend_chan_send(c, &(int64_t){1});
	return 0;
}

TEST(waiting_for_nobody_is_a_deadlock_with_the_reason)
{
	static const struct {
		int (*fn)(void *);
		const char *reason;
	} forms[] = {{wait_on_nil, "[chan receive (nil chan)"}, {wait_for_nobody, "[chan send"}};

	for (size_t i = 0; i < 2; i++) {
		misuse = forms[i].fn;
		struct child c = child_call(misuse_in_child, NULL, 8);

		CHILD_EXITED(&c, 2);
		CHECK_HAS(c.err, "fatal error: all coroutines are asleep - deadlock!");
		CHECK_HAS(c.err, forms[i].reason);
		child_free(&c);
	}
}
