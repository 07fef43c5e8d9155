/* SPDX-License-Identifier: MIT
 *
 * Go's rules for channels: the behaviours of test/chan, closedchan, chancap and runtime/chan_test, one by one. */
#include <pthread.h>

#include "conformance/channels.h"
#include "harness/child.h"

/* Others get the CPU often enough that whatever can go on does. */
static void let_run(void)
{
	for (int i = 0; i < 200; i++)
		wend_yield();
}

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

/* ---- Races -------------------------------------------------------------------------------------- */

static struct race {
	ints *c;
	wend_waitgroup here;
	int missed;
} race;

static void try_one(void *arg)
{
	int v;

	(void)arg;
	wend_waitgroup_done(&race.here);
	wend_waitgroup_wait(&race.here);
	if (!ints_try_recv(race.c, &v, NULL))
		race.missed++;
	wend_waitgroup_done(&over);
}

/* TestNonblockRecvRace: the channel is closed before its last value is taken, so at any time one or the other is
 * there, and try never fails. */
CO_TEST(a_receive_never_fails_between_a_value_and_the_close)
{
	for (int i = 0; i < 3000; i++) {
		race.c = ints_make(1);
		race.here = (wend_waitgroup)WEND_ZERO;
		wend_waitgroup_add(&race.here, 2);
		ints_send(race.c, 1);
		start(try_one, NULL);
		wend_waitgroup_done(&race.here);
		wend_waitgroup_wait(&race.here);
		ints_close(race.c);
		ints_get(race.c);
		all_over();
		CHECK_EQ(race.missed, 0);
		ints_release(race.c);
	}
}

struct pair {
	int64_t a, b;
};

static wend_chan *pairs;

static void try_send_pairs(void *arg)
{
	int64_t me = (int64_t)(intptr_t)arg;

	for (int64_t i = 0; i < 2000; i++)
		if (!wend_chan_try_send(pairs, &(struct pair){me * i, -me * i}))
			wend_yield();
	wend_waitgroup_done(&over);
}

/* TestChanSendInterface. */
CO_TEST(values_wider_than_a_word_do_not_tear)
{
	struct pair p;

	pairs = wend_chan_make(sizeof p, 2);
	for (intptr_t i = 1; i <= 4; i++)
		start(try_send_pairs, (void *)i);
	for (int i = 0; i < 20000; i++)
		if (wend_chan_try_recv(pairs, &p, NULL))
			CHECK_EQ(p.a, -p.b);
		else
			wend_yield();
	all_over();
	wend_chan_release(pairs);
}

/* TestMultiConsumer, a fifth of its items. */
enum { WORKERS = 23, ITEMS = 54321 };

static ints *tasks, *results;

static void work(void *arg)
{
	(void)arg;
	WEND_CHAN_RANGE(tasks, int, v) {
		if (v % 7 == 0)
			wend_yield();
		ints_send(results, v);
	}
	wend_waitgroup_done(&over);
}

static void feed(void *arg)
{
	(void)arg;
	for (int i = 0; i < ITEMS; i++) {
		ints_send(tasks, i);
		if (i % 11 == 0)
			wend_yield();
	}
	ints_close(tasks);
	wend_waitgroup_wait(&over);
	ints_close(results);
}

CO_TEST_LIMIT(many_consumers_get_each_item_once, 30)
{
	int64_t sum = 0, n = 0;

	tasks = ints_make(WORKERS + 1);
	results = ints_make(WORKERS + 1);
	for (int i = 0; i < WORKERS; i++)
		start(work, NULL);
	CHECK_EQ(wend_go(feed, NULL), 0);
	WEND_CHAN_RANGE(results, int, v) {
		n++;
		sum += v;
	}
	CHECK_EQ(n, ITEMS);
	CHECK_EQ(sum, (int64_t)ITEMS * (ITEMS - 1) / 2);
}

/* ---- Programs of channels ----------------------------------------------------------------------- */

static size_t sieve_cap;

static void numbers(void *c)
{
	for (int i = 2;; i++)
		ints_send(c, i);
}

struct filter {
	ints *in, *out;
	int prime;
};

static void filter(void *arg)
{
	struct filter f = *(struct filter *)arg;

	free(arg);
	for (;;) {
		int v = ints_get(f.in);

		if (v % f.prime)
			ints_send(f.out, v);
	}
}

static void sieve(size_t cap)
{
	static const int want[] = {2, 3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53, 59, 61, 67, 71, 73, 79, 83, 89, 97};
	ints *c = ints_make(sieve_cap = cap);

	CHECK_EQ(wend_go(numbers, c), 0);
	for (size_t i = 0; i < sizeof want / sizeof *want; i++) {
		struct filter *f = malloc(sizeof *f);

		*f = (struct filter){c, ints_make(cap), ints_get(c)};
		CHECK_EQ(f->prime, want[i]);
		c = f->out;
		CHECK_EQ(wend_go(filter, f), 0);
	}
}

CO_TEST(a_sieve_of_unbuffered_channels_finds_the_primes)
{
	sieve(0);
}

CO_TEST(a_sieve_of_buffered_channels_finds_the_primes)
{
	sieve(8);
}

/* powser1, in small: a power series is a coroutine that answers each request with its next coefficient. */
struct series {
	ints *ask;
	longs *tell;
};

static struct series series_make(void)
{
	return (struct series){ints_make(0), longs_make(0)};
}

static int64_t next(struct series s)
{
	ints_send(s.ask, 1);
	return longs_get(s.tell);
}

static void tell(struct series s, int64_t v)
{
	ints_get(s.ask);
	longs_send(s.tell, v);
}

static void constant(struct series s, int64_t v)
{
	for (;;)
		tell(s, v);
}

static void multiply(struct series a, struct series b, struct series to)
{
	int64_t ca[32], cb[32];

	for (int n = 0; n < 32; n++) {
		int64_t sum = 0;

		ca[n] = next(a);
		cb[n] = next(b);
		for (int i = 0; i <= n; i++)
			sum += ca[i] * cb[n - i];
		tell(to, sum);
	}
}

static struct series product(struct series a, struct series b)
{
	struct series to = series_make();

	CHECK_EQ(WEND_GO(multiply, a, b, to), 0);
	return to;
}

static struct series ones(void)
{
	struct series s = series_make();

	CHECK_EQ(WEND_GO(constant, s, 1), 0);
	return s;
}

CO_TEST(power_series_of_coroutines_multiply)
{
	/* 1/(1-x) to the fourth: the tetrahedral numbers of one more dimension, (n+1)(n+2)(n+3)/6 */
	struct series s = product(product(ones(), ones()), product(ones(), ones()));

	for (int64_t n = 0; n < 20; n++)
		CHECK_EQ(next(s), (n + 1) * (n + 2) * (n + 3) / 6);
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
