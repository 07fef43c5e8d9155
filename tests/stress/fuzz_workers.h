/* SPDX-License-Identifier: MIT
 *
 * tests/stress/fuzz_workers.h - who carries out the operations of test_chan_fuzz.c, one at a time, as they are told. */
#ifndef TESTS_STRESS_FUZZ_WORKERS_H
#define TESTS_STRESS_FUZZ_WORKERS_H

#include <pthread.h>
#include <stdint.h>

#include "harness/test.h"

#include <wend/wend.h>

enum { CHANS = 4, CTXS = 3, WORKERS = 5, CASES = 5 };
enum kind {
	SEND, RECV, TRY_SEND, TRY_RECV, SELECT, SELECT_DEFAULT, SEND_DL, RECV_DL, SELECT_DL, SEND_CTX, RECV_CTX, CLOSE
};
enum deadline { PASSED, NEAR, FAR };

/* Channels by number: -1 nil, from CHANS on those that the contexts close. */
struct a_case {
	int chan;
	bool send;
	int64_t value;
};

struct op {
	enum kind kind;
	enum deadline deadline; /* of the ..._DL; of the context that a ..._CTX derives */
	int ctx;                /* from which it does */
	int n;                  /* cases; the single operations have one */
	struct a_case c[CASES];
};

struct worker {
	wend_chan *orders; /* a signal: op is to be done */
	struct op op;
	int chosen; /* result: -1 default, would block, or timed out */
	int err;    /* why, if there was a deadline or context */
	int64_t got;
	bool ok;
	int over; /* atomic; set when the result stands */
	pthread_t thread;
	bool foreign;

	/* the model's */
	bool waits;
	int since; /* order of beginning to wait */
};

static struct worker w[WORKERS];
static wend_chan *chan[CHANS];
static wend_ctx *ctx[CTXS];
static wend_waitgroup alive;

static wend_chan *numbered(int n)
{
	return n < 0 ? NULL : n < CHANS ? chan[n] : wend_ctx_done(ctx[n - CHANS]);
}

static bool with_deadline(const struct op *op)
{
	return op->kind == SEND_DL || op->kind == RECV_DL || op->kind == SELECT_DL;
}

static bool with_context(const struct op *op)
{
	return op->kind == SEND_CTX || op->kind == RECV_CTX;
}

static bool selects(const struct op *op)
{
	return op->kind == SELECT || op->kind == SELECT_DEFAULT || op->kind == SELECT_DL;
}

static int64_t deadline_of(const struct op *op)
{
	return op->deadline == PASSED ? 0 : wend_deadline(op->deadline == NEAR ? 50 * WEND_MICROSECOND : WEND_HOUR);
}

/* What is chosen, or -1 when it has given up. */
static int in_time(struct worker *me, int rc)
{
	me->err = rc < 0 ? rc : 0;
	return rc < 0 ? -1 : rc;
}

static int until_context(struct worker *me, wend_case *k)
{
	wend_ctx *derived = wend_ctx_with_deadline(ctx[me->op.ctx], deadline_of(&me->op));
	int rc;

	CHECK(derived);
	rc = me->op.kind == SEND_CTX ? wend_chan_send_ctx(k->chan, k->elem, derived)
								 : wend_chan_recv_ctx(k->chan, k->elem, &k->ok, derived);
	CHECK(rc == 0 || rc == wend_ctx_err(derived));
	wend_ctx_release(derived);
	return rc;
}

static void perform(struct worker *me)
{
	const struct op *op = &me->op;
	wend_case k[CASES];
	int64_t v[CASES];

	for (int i = 0; i < op->n; i++) {
		v[i] = op->c[i].value;
		k[i] = (wend_case){
			.chan = numbered(op->c[i].chan), .elem = &v[i], .op = op->c[i].send ? WEND_OP_SEND : WEND_OP_RECV};
	}
	me->chosen = 0;
	switch (op->kind) {
	case SEND:
		wend_chan_send(k[0].chan, &v[0]);
		break;
	case RECV:
		k[0].ok = wend_chan_recv(k[0].chan, &v[0]);
		break;
	case TRY_SEND:
		me->chosen = wend_chan_try_send(k[0].chan, &v[0]) ? 0 : -1;
		break;
	case TRY_RECV:
		me->chosen = wend_chan_try_recv(k[0].chan, &v[0], &k[0].ok) ? 0 : -1;
		break;
	case CLOSE:
		wend_chan_close(k[0].chan);
		break;
	case SEND_DL:
		me->chosen = in_time(me, wend_chan_send_dl(k[0].chan, &v[0], deadline_of(op)));
		break;
	case RECV_DL:
		me->chosen = in_time(me, wend_chan_recv_dl(k[0].chan, &v[0], &k[0].ok, deadline_of(op)));
		break;
	case SELECT_DL:
		me->chosen = in_time(me, wend_select_dl(k, (size_t)op->n, deadline_of(op)));
		break;
	case SEND_CTX:
	case RECV_CTX:
		me->chosen = in_time(me, until_context(me, &k[0]));
		break;
	default:
		me->chosen = wend_select(k, (size_t)op->n, op->kind == SELECT ? 0 : WEND_SELECT_DEFAULT);
	}
	if (me->chosen >= 0) {
		me->got = v[me->chosen];
		me->ok = k[me->chosen].ok;
	}
	__atomic_store_n(&me->over, 1, __ATOMIC_RELEASE);
}

static void work(void *arg)
{
	struct worker *me = arg;

	while (wend_chan_recv(me->orders, NULL))
		perform(me);
	wend_waitgroup_done(&alive);
}

static void *work_foreign(void *arg)
{
	work(arg);
	return NULL;
}

static void start_workers(bool foreign)
{
	memset(w, 0, sizeof w);
	wend_waitgroup_add(&alive, WORKERS);
	for (int i = 0; i < WORKERS; i++) {
		w[i].orders = wend_chan_make(0, 1);
		w[i].foreign = foreign && i == 0;
		if (w[i].foreign)
			CHECK_EQ(pthread_create(&w[i].thread, NULL, work_foreign, &w[i]), 0);
		else
			CHECK_EQ(wend_go(work, &w[i]), 0);
	}
}

static void end_workers(void)
{
	for (int i = 0; i < WORKERS; i++)
		wend_chan_close(w[i].orders);
	wend_waitgroup_wait(&alive);
	for (int i = 0; i < WORKERS; i++) {
		if (w[i].foreign)
			CHECK_EQ(pthread_join(w[i].thread, NULL), 0);
		wend_chan_release(w[i].orders);
	}
}

#endif
