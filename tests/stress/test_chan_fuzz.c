/* SPDX-License-Identifier: MIT
 *
 * Random programs of channel, select, deadline and timer operations against a sequential model. Workers (coroutines, one of them
 * a foreign thread in some runs) are told one operation at a time; the model says who must be over afterwards, with
 * what result, and who must still wait. Where Go leaves the choice, which ready case a select takes, the model follows
 * what was chosen, if it was among the ready. Channel 0 is a timer's in some programs: it fires when it is told to. A failure prints the program; WEND_SEED repeats it. */
#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>

#include "harness/test.h"
#include "sync/chan.h"

#include <wend/wend.h>

enum { CHANS = 4, WORKERS = 5, CASES = 5, STEPS = 150, ROOM = 3 };
enum kind { SEND, RECV, TRY_SEND, TRY_RECV, SELECT, SELECT_DEFAULT, SEND_DL, RECV_DL, SELECT_DL, CLOSE };
enum deadline { PASSED, NEAR, FAR };

struct a_case {
	int chan; /* -1: nil */
	bool send;
	int64_t value;
};

struct op {
	enum kind kind;
	enum deadline deadline; /* of the ..._DL */
	int n; /* cases; the single operations have one */
	struct a_case c[CASES];
};

/* ---- Workers ------------------------------------------------------------------------------------ */

struct worker {
	wend_chan *orders; /* a signal: op is to be done */
	struct op op;
	int chosen; /* result: -1 default, would block, or timed out */
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
static wend_waitgroup alive;

static int64_t deadline_of(const struct op *op)
{
	return op->deadline == PASSED ? 0 : wend_deadline(op->deadline == NEAR ? 50 * WEND_MICROSECOND : WEND_HOUR);
}

/* 0, or -1 when it has timed out. */
static int in_time(int rc)
{
	CHECK(rc == 0 || rc == -ETIMEDOUT);
	return rc ? -1 : 0;
}

static void perform(struct worker *me)
{
	const struct op *op = &me->op;
	wend_case k[CASES];
	int64_t v[CASES];

	for (int i = 0; i < op->n; i++) {
		wend_chan *c = op->c[i].chan < 0 ? NULL : chan[op->c[i].chan];

		v[i] = op->c[i].value;
		k[i] = (wend_case){.chan = c, .elem = &v[i], .op = op->c[i].send ? WEND_OP_SEND : WEND_OP_RECV};
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
		me->chosen = in_time(wend_chan_send_dl(k[0].chan, &v[0], deadline_of(op)));
		break;
	case RECV_DL:
		me->chosen = in_time(wend_chan_recv_dl(k[0].chan, &v[0], &k[0].ok, deadline_of(op)));
		break;
	case SELECT_DL:
		me->chosen = wend_select_dl(k, (size_t)op->n, deadline_of(op));
		if (me->chosen < 0)
			me->chosen = in_time(me->chosen);
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

/* ---- The model ---------------------------------------------------------------------------------- */

static struct model {
	int cap, n;
	bool closed;
	int64_t buf[ROOM];
} m[CHANS];

#define ANY_TIME INT64_MAX /* what a timer has sent */

static wend_timer *timer; /* whose channel the first one is, or NULL */
static bool set;          /* it will fire in an hour */
static uint64_t rng;
static int clock_, step;
static int64_t next_value;
static char program[STEPS * 160];

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

static bool ready(const struct a_case *c)
{
	if (c->chan < 0)
		return false;
	const struct model *ch = &m[c->chan];

	if (c->send)
		return waiting(c->chan, false) || ch->n < ch->cap;
	return ch->n || ch->closed || waiting(c->chan, true);
}

static bool timer_has_fired(void)
{
	return atm_load_acq(&chan[0]->count) > 0;
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
	REQUIRE((who->got == value || (value == ANY_TIME && who->got <= wend_now())) && who->ok == ok, "step %d: worker %d got %lld, %d instead of %lld, %d", step,
			(int)(who - w), (long long)who->got, who->ok, (long long)value, ok);
}

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

static bool may_wait(const struct op *op)
{
	bool limited = op->kind >= SEND_DL && op->kind <= SELECT_DL;

	return op->kind == SEND || op->kind == RECV || op->kind == SELECT || (limited && op->deadline == FAR);
}

static bool selects(const struct op *op)
{
	return op->kind == SELECT || op->kind == SELECT_DEFAULT || op->kind == SELECT_DL;
}

/* me is told to do what stands in its op. */
static void do_step(struct worker *me)
{
	static const char *const names[] = {"send", "recv", "try_send", "try_recv", "select", "select_default",
										"send_dl", "recv_dl", "select_dl", "close"};
	static const char *const when[] = {"passed", "near", "far"};
	struct op *op = &me->op;
	bool is_ready[CASES], some = false;

	say("# %3d: worker %d: %s", step, (int)(me - w), names[op->kind]);
	if (op->kind >= SEND_DL && op->kind <= SELECT_DL)
		say(" (%s)", when[op->deadline]);
	for (int i = 0; i < op->n; i++) {
		is_ready[i] = op->kind == CLOSE || ready(&op->c[i]);
		some |= is_ready[i];
		say(" %d%s", op->c[i].chan, op->kind == CLOSE ? "" : op->c[i].send ? "<-" : "->");
		if (op->c[i].send)
			say("%lld", (long long)op->c[i].value);
	}
	me->over = 0;
	wend_chan_send(me->orders, NULL);
	if (!some && may_wait(op)) {
		say(" waits\n");
		me->waits = true;
		me->since = clock_++;
		return;
	}
	until_over(me);
	say(" = %d\n", me->chosen);
	if (!some) {
		REQUIRE(me->chosen == -1, "step %d: case %d is not ready", step, me->chosen);
		return;
	}
	REQUIRE(me->chosen >= 0 && is_ready[me->chosen], "step %d: chose %d", step, me->chosen);

	const struct a_case *c = &op->c[me->chosen];

	if (op->kind == CLOSE)
		model_close(c->chan);
	else if (c->send)
		model_send(c->chan, c->value);
	else
		model_recv(me, c->chan);
}

/* ---- Random programs ---------------------------------------------------------------------------- */

static bool lawful(const struct op *op)
{
	for (int i = 0; i < op->n; i++) {
		const struct a_case *c = &op->c[i];

		if (c->chan < 0) {
			if (op->kind == CLOSE || op->kind == SEND || op->kind == RECV)
				return false;
			continue;
		}
		if (timer && c->chan == 0 && (c->send || op->kind == CLOSE))
			return false;
		/* What panics has its own tests. */
		if (m[c->chan].closed && (c->send || op->kind == CLOSE))
			return false;
		if (op->kind == CLOSE && waiting(c->chan, true))
			return false;
	}
	return true;
}

static bool make_op(struct op *op)
{
	op->kind = any(20) ? (enum kind)any(CLOSE) : CLOSE;
	op->n = selects(op) ? 1 + any(CASES) : 1;
	op->deadline = (enum deadline)any(3);
	for (int i = 0; i < op->n; i++) {
		op->c[i].chan = any(12) ? any(CHANS) : -1;
		op->c[i].send = op->kind == SEND || op->kind == TRY_SEND || op->kind == SEND_DL || (selects(op) && any(2));
		op->c[i].value = op->c[i].send ? ++next_value : -1;
	}
	return lawful(op);
}

/* A wait that only nil channels are in would never end. */
static bool can_end(const struct op *op)
{
	for (int i = 0; i < op->n; i++)
		if (op->c[i].chan >= 0)
			return true;
	return !may_wait(op);
}

/* ---- A timer ------------------------------------------------------------------------------------ */

/* Fires: whoever waits gets the time, else it is kept. */
static void fire(void)
{
	bool stale = m[0].n > 0;
	struct worker *peer = waiting(0, false);
	int64_t before = wend_now();

	say("# %3d: main fires the timer\n", step);
	REQUIRE(wend_timer_reset(timer, 0) == (set || stale), "step %d: reset says it had%s fired", step, set ? "" : " not");
	m[0].n = 0;
	set = false;
	if (peer) {
		must_have(peer, 0, false);
		REQUIRE(peer->got >= before && peer->got <= wend_now() && peer->ok, "step %d: the time is %lld", step,
				(long long)peer->got);
	} else {
		for (double start = test_now(); !timer_has_fired();) {
			REQUIRE(test_now() - start < 20, "step %d: the timer should fire", step);
			wend_sleep(10 * WEND_MICROSECOND);
		}
		m[0].buf[m[0].n++] = ANY_TIME;
	}
}

static void stop(bool again)
{
	bool was = set || m[0].n > 0;

	say("# %3d: main %s the timer\n", step, again ? "resets" : "stops");
	REQUIRE((again ? wend_timer_reset(timer, WEND_HOUR) : wend_timer_stop(timer)) == was, "step %d: not %d", step, was);
	m[0].n = 0; /* nobody will see it */
	set = again;
}

static struct worker *idle(void)
{
	int first = any(WORKERS);

	for (int i = 0; i < WORKERS; i++)
		if (!w[(first + i) % WORKERS].waits)
			return &w[(first + i) % WORKERS];
	return NULL;
}

/* Somebody waits for each of them? Then let main itself bring one on: the model has no worker left. */
static void rescue(void)
{
	for (int i = 0; i < CHANS; i++) {
		struct worker *peer = waiting(i, true);
		int64_t v = -1;
		bool ok;

		if (peer) {
			say("# %3d: main receives from %d\n", step, i);
			REQUIRE(wend_chan_try_recv(chan[i], &v, &ok) && ok, "a sender waits, but main cannot receive");
			struct worker me = {.got = v, .ok = ok};

			model_recv(&me, i);
			return;
		}
		if (i == 0 && timer && waiting(0, false)) {
			fire();
			return;
		}
		if (waiting(i, false)) {
			say("# %3d: main sends to %d\n", step, i);
			v = ++next_value;
			REQUIRE(wend_chan_try_send(chan[i], &v), "a receiver waits, but main cannot send");
			model_send(i, v);
			return;
		}
	}
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
	int want[CHANS] = {0};

	for (int i = 0; i < WORKERS; i++)
		for (int k = 0; w[i].waits && k < w[i].op.n; k++)
			if (w[i].op.c[k].chan >= 0)
				want[w[i].op.c[k].chan]++;
	for (int i = 0; i < CHANS; i++)
		while (queued(chan[i]) != want[i]) {
			REQUIRE(test_now() - start < 20, "step %d: %d records wait in channel %d, not %d", step, queued(chan[i]), i,
					want[i]);
			wend_yield();
		}
	for (int i = 0; i < WORKERS; i++)
		REQUIRE(!w[i].waits || !__atomic_load_n(&w[i].over, __ATOMIC_ACQUIRE), "step %d: worker %d should wait", step,
				i);
}

static void run_program(bool foreign)
{
	program[0] = 0;
	memset(w, 0, sizeof w);
	for (int i = 0; i < CHANS; i++) {
		m[i] = (struct model){.cap = any(ROOM + 1)};
		chan[i] = wend_chan_make(8, (size_t)m[i].cap);
		say("# channel %d: capacity %d\n", i, m[i].cap);
	}
	timer = any(3) == 0 ? wend_timer_make(WEND_HOUR) : NULL;
	set = true;
	if (timer) {
		say("# channel 0 is a timer's\n");
		m[0] = (struct model){.cap = 1};
		wend_chan_release(chan[0]);
		chan[0] = wend_timer_chan(timer);
	}
	wend_waitgroup_add(&alive, WORKERS);
	for (int i = 0; i < WORKERS; i++) {
		w[i].orders = wend_chan_make(0, 1);
		w[i].foreign = foreign && i == 0;
		if (w[i].foreign)
			CHECK_EQ(pthread_create(&w[i].thread, NULL, work_foreign, &w[i]), 0);
		else
			CHECK_EQ(wend_go(work, &w[i]), 0);
	}
	for (step = 0; step < STEPS; step++) {
		struct worker *me = idle();

		if (!me) {
			rescue();
		} else if (timer && any(6) == 0) {
			if (any(2))
				fire();
			else
				stop(any(2));
		} else if (make_op(&me->op) && can_end(&me->op)) {
			do_step(me);
			for (int i = timer ? 1 : 0; i < CHANS; i++)
				REQUIRE(wend_chan_len(chan[i]) == (size_t)m[i].n, "step %d: len of channel %d is %zu, not %d",
						step, i, wend_chan_len(chan[i]), m[i].n);
		}
		settle();
	}
	for (bool waits = true; waits;) {
		waits = false;
		for (int i = 0; i < WORKERS; i++)
			waits |= w[i].waits;
		if (waits)
			rescue();
		settle();
	}
	for (int i = 0; i < WORKERS; i++)
		wend_chan_close(w[i].orders);
	wend_waitgroup_wait(&alive);
	for (int i = 0; i < WORKERS; i++) {
		if (w[i].foreign)
			CHECK_EQ(pthread_join(w[i].thread, NULL), 0);
		wend_chan_release(w[i].orders);
	}
	for (int i = 0; i < CHANS; i++)
		wend_chan_release(chan[i]);
}

static void fuzz(int procs, bool foreign)
{
	double end = test_now() + test_stress_seconds() / 3;
	int programs = 0;

	wend_maxprocs(procs);
	rng = test_seed();
	do {
		run_program(foreign);
		programs++;
	} while (test_now() < end);
	test_note("%d programs of %d steps", programs, STEPS);
}

CO_TEST_LIMIT(random_programs_on_one_p, 120)
{
	fuzz(1, false);
}

CO_TEST_LIMIT(random_programs_on_two_ps, 120)
{
	fuzz(2, false);
}

CO_TEST_LIMIT(random_programs_with_a_foreign_thread, 120)
{
	fuzz(2, true);
}
