/* SPDX-License-Identifier: MIT
 *
 * tests/stress/fuzz_model.h - what the operations of test_chan_fuzz.c must do, one after the other: who is over afterwards, with what
 * result, and who still waits. */
#ifndef TESTS_STRESS_FUZZ_MODEL_H
#define TESTS_STRESS_FUZZ_MODEL_H

#include <stdarg.h>

#include "stress/fuzz_workers.h"
#include "sync/chan.h"

enum { STEPS = 150, ROOM = 3 };

static struct model {
	int cap, n;
	bool closed;
	int64_t buf[ROOM];
} m[CHANS];

/* A context that is to be cancelled by hand; which one takes it along: of those that have a number the next above. */
static struct tree {
	int parent; /* -1: none */
	int cause;  /* 0: alive */
} tree[CTXS];

#define ANY_TIME INT64_MAX /* what a timer has sent */

static wend_timer *timer; /* whose channel the first one is, or NULL */
static bool set;          /* it will fire in an hour */
static uint64_t rng;
static int clock_, step;
static int64_t next_value;
static char program[STEPS * 200];

static void say(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
static void say(const char *fmt, ...)
{
	size_t at = strlen(program);
	va_list args;

	va_start(args, fmt);
	vsnprintf(program + at, sizeof program - at, fmt, args);
	va_end(args);
}

#define REQUIRE(c, ...)                                                                           \
	do {                                                                                          \
		if (!(c)) {                                                                               \
			fputs(program, stdout);                                                               \
			fflush(stdout);                                                                       \
			test_fail(__FILE__, __LINE__, __VA_ARGS__);                                           \
		}                                                                                         \
	} while (0)

static int any(int n)
{
	return (int)((test_rand(&rng) >> 33) % (uint64_t)n);
}

/* ---- Waiting -------------------------------------------------------------------------------------- */

/* Who waits longest with such a case, or NULL. */
static struct worker *waiting(int chan_, bool send)
{
	struct worker *first = NULL;

	for (int i = 0; i < WORKERS; i++) {
		bool has = false;

		for (int k = 0; k < w[i].op.n; k++)
			has |= w[i].op.c[k].chan == chan_ && w[i].op.c[k].send == send;
		if (w[i].waits && has && (!first || w[i].since < first->since))
			first = &w[i];
	}
	return first;
}

static bool is_done(const struct a_case *c)
{
	return c->chan >= CHANS;
}

static bool ready(const struct a_case *c)
{
	if (c->chan < 0)
		return false;
	if (is_done(c))
		return tree[c->chan - CHANS].cause != 0;
	const struct model *ch = &m[c->chan];

	if (c->send)
		return waiting(c->chan, false) || ch->n < ch->cap;
	return ch->n || ch->closed || waiting(c->chan, true);
}

static bool may_wait(const struct op *op)
{
	return op->kind == SEND || op->kind == RECV || op->kind == SELECT ||
		   ((with_deadline(op) || with_context(op)) && op->deadline == FAR);
}

static void until_over(struct worker *who)
{
	double start = test_now();

	while (!__atomic_load_n(&who->over, __ATOMIC_ACQUIRE)) {
		REQUIRE(test_now() - start < 20, "step %d: worker %d should be over", step, (int)(who - w));
		wend_yield();
	}
}

/* A waiter must be over with one of its cases of that kind; returns the case. */
static const struct a_case *must_have(struct worker *who, int chan_, bool send)
{
	until_over(who);
	const struct a_case *c = &who->op.c[who->chosen];

	REQUIRE(who->chosen >= 0 && c->chan == chan_ && c->send == send, "step %d: worker %d chose case %d", step,
			(int)(who - w), who->chosen);
	who->waits = false;
	return c;
}

static void must_get(const struct worker *who, int64_t value, bool ok)
{
	REQUIRE((who->got == value || (value == ANY_TIME && who->got <= wend_now())) && who->ok == ok,
			"step %d: worker %d got %lld, %d instead of %lld, %d", step, (int)(who - w), (long long)who->got, who->ok,
			(long long)value, ok);
}

/* ---- Channels ------------------------------------------------------------------------------------- */

static void model_send(int chan_, int64_t value)
{
	struct worker *peer = waiting(chan_, false);

	if (peer) {
		must_have(peer, chan_, false);
		must_get(peer, value, true);
	} else {
		m[chan_].buf[m[chan_].n++] = value;
	}
}

static void model_recv(struct worker *me, int chan_)
{
	struct model *ch = &m[chan_];
	struct worker *peer = waiting(chan_, true);
	int64_t sent = peer ? must_have(peer, chan_, true)->value : 0;

	if (ch->n) {
		must_get(me, ch->buf[0], true);
		memmove(ch->buf, ch->buf + 1, sizeof ch->buf - sizeof ch->buf[0]);
		if (peer)
			ch->buf[ch->n - 1] = sent;
		else
			ch->n--;
	} else {
		must_get(me, sent, peer != NULL);
	}
}

static void model_close(int chan_)
{
	m[chan_].closed = true;
	for (struct worker *peer; (peer = waiting(chan_, false));) {
		must_have(peer, chan_, false);
		must_get(peer, 0, false);
	}
}

/* ---- Contexts ------------------------------------------------------------------------------------- */

/* Who waits with it, by the call or in a select. */
static bool waits_for(const struct worker *who, int i)
{
	bool does = with_context(&who->op) && who->op.ctx == i;

	for (int k = 0; k < who->op.n; k++)
		does |= who->op.c[k].chan == CHANS + i;
	return who->waits && does;
}

static bool somebody_waits_for(int i)
{
	bool does = false;

	for (int k = 0; k < WORKERS; k++)
		does |= waits_for(&w[k], i);
	return does;
}

/* By the call's context, or as the one whose done it waits for: either may come first. */
static void must_be_cancelled(struct worker *who)
{
	const struct op *op = &who->op;
	bool by_case, by_call;

	until_over(who);
	who->waits = false;
	by_case = who->chosen >= 0 && is_done(&op->c[who->chosen]) && ready(&op->c[who->chosen]) && !who->ok;
	by_call = with_context(op) && tree[op->ctx].cause && who->chosen == -1 && who->err == -ECANCELED;
	REQUIRE(by_case || by_call, "step %d: worker %d chose case %d, error %d", step, (int)(who - w), who->chosen, who->err);
}

/* All below it are, and all who waited for one of them go on. */
static void model_cancel(int i, int cause)
{
	if (tree[i].cause)
		return;
	tree[i].cause = cause;
	for (bool more = true; more;) {
		more = false;
		for (int k = 0; k < CTXS; k++) {
			int above = tree[k].parent;

			if (!tree[k].cause && above >= 0 && tree[above].cause) {
				tree[k].cause = tree[above].cause;
				more = true;
			}
		}
	}
	for (int k = 0; k < CTXS; k++)
		for (int j = 0; tree[k].cause && j < WORKERS; j++)
			if (waits_for(&w[j], k))
				must_be_cancelled(&w[j]);
}

static void check_contexts(void)
{
	for (int i = 0; i < CTXS; i++) {
		int cause = wend_ctx_cause(ctx[i], NULL), err = wend_ctx_err(ctx[i]);

		REQUIRE(cause == tree[i].cause && err == (cause ? -ECANCELED : 0), "step %d: context %d has error %d, cause %d, not %d",
				step, i, err, cause, tree[i].cause);
	}
}

/* ---- A step --------------------------------------------------------------------------------------- */

static void say_op(const struct worker *me)
{
	static const char *const names[] = {"send",    "recv",      "try_send", "try_recv", "select", "select_default", "send_dl",
										"recv_dl", "select_dl", "send_ctx", "recv_ctx", "close"};
	static const char *const when[] = {"passed", "near", "far"};
	const struct op *op = &me->op;

	say("# %3d: worker %d: %s", step, (int)(me - w), names[op->kind]);
	if (with_context(op))
		say(" (%d)", op->ctx);
	if (with_deadline(op) || with_context(op))
		say(" (%s)", when[op->deadline]);
	for (int i = 0; i < op->n; i++) {
		say(" %d%s", op->c[i].chan, op->kind == CLOSE ? "" : op->c[i].send ? "<-" : "->");
		if (op->c[i].send)
			say("%lld", (long long)op->c[i].value);
	}
}

/* With which error it gives up before it looks at the channel, or 0. */
static int given_up(const struct op *op)
{
	if (!with_context(op))
		return 0;
	return tree[op->ctx].cause ? -ECANCELED : op->deadline == PASSED ? -ETIMEDOUT : 0;
}

/* It has chosen case c. */
static void model_choice(struct worker *me, const struct a_case *c)
{
	if (me->op.kind == CLOSE)
		model_close(c->chan);
	else if (is_done(c))
		REQUIRE(!me->ok, "step %d: a value from a context", step);
	else if (c->send)
		model_send(c->chan, c->value);
	else
		model_recv(me, c->chan);
}

/* me is told to do what stands in its op. */
static void do_step(struct worker *me)
{
	const struct op *op = &me->op;
	int why = given_up(op);
	bool is_ready[CASES], some = false;

	say_op(me);
	for (int i = 0; i < op->n; i++) {
		is_ready[i] = !why && (op->kind == CLOSE || ready(&op->c[i]));
		some |= is_ready[i];
	}
	me->over = 0;
	wend_chan_send(me->orders, NULL);
	if (!some && !why && may_wait(op)) {
		say(" waits\n");
		me->waits = true;
		me->since = clock_++;
		return;
	}
	until_over(me);
	say(" = %d\n", me->chosen);
	if (me->chosen < 0 && (with_deadline(op) || with_context(op)))
		REQUIRE(me->err == (why ? why : -ETIMEDOUT), "step %d: error %d", step, me->err);
	if (!some) {
		REQUIRE(me->chosen == -1, "step %d: case %d is not ready", step, me->chosen);
		return;
	}
	if (me->chosen < 0 && with_context(op) && op->deadline == NEAR)
		return; /* over before it looked */
	REQUIRE(me->chosen >= 0 && is_ready[me->chosen], "step %d: chose %d", step, me->chosen);
	model_choice(me, &op->c[me->chosen]);
}

/* How many records stand in the channel's queues. */
static int queued(wend_chan *c)
{
	uint64_t word = chan_lock(c);
	wend_case *const heads[] = {c->senders, c->receivers};
	int n = 0;

	for (int i = 0; i < 2; i++)
		for (wend_case *k = heads[i]; k; k = k->wend__q.next == heads[i] ? NULL : k->wend__q.next)
			n++;
	chan_unlock(c, word);
	return n;
}

/* Returns when those who are to wait stand in all their queues, and nobody else does; nobody who waits is over. */
static void settle(void)
{
	double start = test_now();
	int want[CHANS + CTXS] = {0};

	for (int i = 0; i < WORKERS; i++)
		for (int k = 0; w[i].waits && k < w[i].op.n; k++)
			if (w[i].op.c[k].chan >= 0)
				want[w[i].op.c[k].chan]++;
	for (int i = 0; i < CHANS + CTXS; i++)
		while (queued(numbered(i)) != want[i]) {
			REQUIRE(test_now() - start < 20, "step %d: %d records wait in channel %d, not %d", step, queued(numbered(i)), i,
					want[i]);
			wend_yield();
		}
	for (int i = 0; i < WORKERS; i++)
		REQUIRE(!w[i].waits || !__atomic_load_n(&w[i].over, __ATOMIC_ACQUIRE), "step %d: worker %d should wait", step,
				i);
}

#endif
