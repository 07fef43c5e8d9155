/* SPDX-License-Identifier: MIT
 *
 * Many at channels, and programs made of them: runtime/chan_test's races and consumers, test/chan's sieves and power series. */
#include "conformance/channels.h"

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
