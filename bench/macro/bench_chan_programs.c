/* SPDX-License-Identifier: MIT
 *
 * bench_chan_programs.c - programs made of channels: the prime sieve, per prime, plain and with each operation in a
 * select beside a signal to stop; a ring of a thousand coroutines with one token and a hundred, per hop. Against the
 * same programs in Go.
 */
#include "bench/rt.h"

#include <stdlib.h>

WEND_CHAN_TYPE(ints, int);

/* ---- Sieve -------------------------------------------------------------------------------------- */

enum { PRIMES = 1000, LAST = 7919 };

struct filter {
	ints *in, *out;
	int prime;
};

static wend_waitgroup ended;
static ints *stop;
static bool selecting;

/* False: the sieve stops. */
static bool send(ints *to, int v)
{
	bool go_on = true;

	if (!selecting) {
		ints_send(to, v);
		return v >= 0;
	}
	WEND_SELECT {
		WEND_SEND(to, v) {}
		WEND_RECV(stop) { go_on = false; }
	} WEND_SELECT_END
	return go_on;
}

static bool recv(ints *from, int *v)
{
	bool go_on = true;

	if (!selecting)
		return ints_recv(from, v);
	WEND_SELECT {
		WEND_RECV(from, v) {}
		WEND_RECV(stop) { go_on = false; }
	} WEND_SELECT_END
	return go_on;
}

static void numbers(void *arg)
{
	struct filter *f = arg;
	int last = selecting ? 1 << 30 : LAST; /* without a signal it stops by itself */

	for (int i = 2; i <= last && send(f->out, i); i++)
		;
	if (!selecting)
		ints_close(f->out);
	wend_waitgroup_done(&ended);
}

static void sift(void *arg)
{
	struct filter *f = arg;
	int v;

	while (recv(f->in, &v))
		if (v % f->prime && !send(f->out, v))
			break;
	if (!selecting)
		ints_close(f->out);
	wend_waitgroup_done(&ended);
}

static void one_sieve(struct rt *rt, struct filter *filters)
{
	ints *c = ints_make(0);
	int prime = 0;

	filters[0] = (struct filter){.out = c};
	ended = (wend_waitgroup)WEND_ZERO;
	stop = ints_make(0);
	wend_waitgroup_add(&ended, 1);
	if (!rt_ok(rt, wend_go(numbers, &filters[0]), "wend_go"))
		return;
	for (int i = 1; i <= PRIMES; i++) {
		prime = ints_get(c);
		filters[i] = (struct filter){c, ints_make(0), prime};
		c = filters[i].out;
		wend_waitgroup_add(&ended, 1);
		if (!rt_ok(rt, wend_go(sift, &filters[i]), "wend_go"))
			return;
	}
	if (prime != LAST)
		rt_fail(rt, "prime number %d is %d, not %d", PRIMES, prime, LAST);
	ints_close(stop);
	wend_waitgroup_wait(&ended);
	for (int i = 0; i <= PRIMES; i++)
		ints_release(filters[i].out);
	ints_release(stop);
}

static void sieve(struct rt *rt, uint64_t n)
{
	struct filter *filters = calloc(PRIMES + 1, sizeof *filters);

	selecting = bench_arg(rt->b, 0);
	bench_items(rt->b, PRIMES);
	if (!filters) {
		rt_fail(rt, "out of memory");
		return;
	}
	rt_begin(rt);
	for (uint64_t i = 0; i < n && !rt_failed(rt); i++)
		one_sieve(rt, filters);
	rt_end(rt);
	bench_count(rt->b, "seconds", (double)rt->ns * 1e-9 / (double)n, BENCH_VALUE);
	free(filters);
}
/* 1: each operation in a select */
RT_BENCH_FLAGS(sieve_row, "sieve", 1, BENCH_SAME_CPU, sieve, BENCH_ONCE, .args = {{0}}, .nargs = 1)
RT_BENCH_FLAGS(sieve_select, "sieve", 1, BENCH_SAME_CPU, sieve, BENCH_ONCE | BENCH_FULL_ONLY, .args = {{1}}, .nargs = 1)
RT_BENCH_FLAGS(sieve_row_p2, "sieve_p2", 2, BENCH_TWO_CPUS, sieve, BENCH_ONCE | BENCH_FULL_ONLY, .args = {{0}, {1}},
			   .nargs = 2)

/* ---- Ring --------------------------------------------------------------------------------------- */

enum { RING = 1000 };

static struct {
	ints *c[RING];
	wend_waitgroup tokens; /* that still go round */
	wend_waitgroup seats;
} ring;

static void pass_on(void *arg)
{
	size_t i = (size_t)arg, next = (i + 1) % RING;

	WEND_CHAN_RANGE(ring.c[i], int, left) {
		if (left == 0)
			wend_waitgroup_done(&ring.tokens);
		else
			ints_send(ring.c[next], left - 1);
	}
	wend_waitgroup_done(&ring.seats);
}

static void chan_ring(struct rt *rt, uint64_t n)
{
	size_t tokens = (size_t)bench_arg(rt->b, 0);
	uint64_t each = n / tokens + 1;

	for (size_t i = 0; i < RING; i++) {
		ring.c[i] = ints_make(0);
		wend_waitgroup_add(&ring.seats, 1);
		if (!ring.c[i] || !rt_ok(rt, wend_go(pass_on, (void *)i), "wend_go"))
			return;
	}
	wend_waitgroup_add(&ring.tokens, (int)tokens);
	rt_begin(rt);
	for (size_t t = 0; t < tokens; t++)
		ints_send(ring.c[t * (RING / tokens)], (int)each);
	wend_waitgroup_wait(&ring.tokens);
	rt_end(rt);
	rt->ns = (uint64_t)((double)rt->ns * (double)n / (double)(tokens * each));
	for (size_t i = 0; i < RING; i++)
		ints_close(ring.c[i]);
	wend_waitgroup_wait(&ring.seats);
	for (size_t i = 0; i < RING; i++)
		ints_release(ring.c[i]);
}
#define TOKENS .args = {{1}, {100}}, .nargs = 2
RT_BENCH_FLAGS(chan_ring_row, "chan_ring", 1, BENCH_SAME_CPU, chan_ring, BENCH_FULL_ONLY, TOKENS)
RT_BENCH_FLAGS(chan_ring_row_p2, "chan_ring_p2", 2, BENCH_TWO_CPUS, chan_ring, BENCH_FULL_ONLY, TOKENS)
