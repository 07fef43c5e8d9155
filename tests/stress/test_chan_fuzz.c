/* SPDX-License-Identifier: MIT
 *
 * Random programs of channel, select, deadline, context and timer operations against a sequential model. Workers (coroutines, one
 * of them a foreign thread in some runs) are told one operation at a time; the model says who must be over afterwards, with
 * what result, and who must still wait. Where Go leaves the choice, which ready case a select takes, the model follows
 * what was chosen, if it was among the ready. Channel 0 is a timer's in some programs: it fires when it is told to. Contexts form
 * trees that are cancelled, and made anew, by main; workers wait with contexts that they derive, or in selects. A failure
 * prints the program; WEND_SEED repeats it. */
#include "stress/fuzz_model.h"

/* ---- Operations --------------------------------------------------------------------------------- */

static bool lawful(const struct op *op)
{
	for (int i = 0; i < op->n; i++) {
		const struct a_case *c = &op->c[i];

		if (c->chan < 0) {
			if (op->kind == CLOSE || op->kind == SEND || op->kind == RECV)
				return false;
			continue;
		}
		if (is_done(c)) {
			if (c->send || op->kind == CLOSE)
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

static bool sends(const struct op *op)
{
	return op->kind == SEND || op->kind == TRY_SEND || op->kind == SEND_DL || op->kind == SEND_CTX;
}

static bool make_op(struct op *op)
{
	op->kind = any(20) ? (enum kind)any(CLOSE) : CLOSE;
	op->n = selects(op) ? 1 + any(CASES) : 1;
	op->deadline = (enum deadline)any(3);
	op->ctx = any(CTXS);
	for (int i = 0; i < op->n; i++) {
		op->c[i].chan = any(12) == 0 ? -1 : any(8) == 0 ? CHANS + any(CTXS) : any(CHANS);
		op->c[i].send = sends(op) || (selects(op) && !is_done(&op->c[i]) && any(2));
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
	return with_context(op) || !may_wait(op);
}

/* ---- A timer ------------------------------------------------------------------------------------ */

static bool timer_has_fired(void)
{
	return atm_load_acq(&chan[0]->count) > 0;
}

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

/* ---- Contexts ----------------------------------------------------------------------------------- */

static void cancel(int i)
{
	int cause = -1000 - step;

	say("# %3d: main cancels context %d\n", step, i);
	wend_ctx_cancel_cause(ctx[i], cause, NULL);
	model_cancel(i, cause);
}

/* One that can be cancelled, under parent, directly or with a value in between that nobody else holds. */
static wend_ctx *derive(wend_ctx *parent)
{
	wend_ctx *between = any(3) ? wend_ctx_retain(parent) : wend_ctx_with_value(parent, &rng, NULL);
	wend_ctx *made = any(2) ? wend_ctx_with_cancel(between) : wend_ctx_with_timeout(between, WEND_HOUR);

	CHECK(made);
	wend_ctx_release(between);
	return made;
}

/* Those below the old one go on without it, under whoever was above. */
static void make_context(int i)
{
	int above = any(CTXS + 1) - 1;

	for (int k = 0; k < CTXS; k++)
		if (k != i && tree[k].parent == i)
			tree[k].parent = tree[i].parent;
	wend_ctx_release(ctx[i]);
	if (above == i || (above >= 0 && !ctx[above]))
		above = -1;
	say("# %3d: main makes context %d under %d\n", step, i, above);
	ctx[i] = derive(above < 0 ? wend_ctx_background() : ctx[above]);
	tree[i] = (struct tree){above, above < 0 ? 0 : tree[above].cause};
}

static void change_context(void)
{
	int i = any(CTXS);

	if (!tree[i].cause && any(3))
		cancel(i);
	else if (!somebody_waits_for(i))
		make_context(i);
}

/* ---- Random programs ---------------------------------------------------------------------------- */

static struct worker *idle(void)
{
	int first = any(WORKERS);

	for (int i = 0; i < WORKERS; i++)
		if (!w[(first + i) % WORKERS].waits)
			return &w[(first + i) % WORKERS];
	return NULL;
}

static bool cancel_for_somebody(void)
{
	for (int i = 0; i < CTXS; i++)
		if (somebody_waits_for(i)) {
			cancel(i);
			return true;
		}
	return false;
}

/* Somebody waits for each of them? Then let main itself bring one on: the model has no worker left. */
static void rescue(void)
{
	if (any(3) == 0 && cancel_for_somebody())
		return;
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
	cancel_for_somebody();
}

static void one_step(void)
{
	struct worker *me = idle();

	if (!me) {
		rescue();
	} else if (timer && any(6) == 0) {
		if (any(2))
			fire();
		else
			stop(any(2));
	} else if (any(8) == 0) {
		change_context();
	} else if (make_op(&me->op) && can_end(&me->op)) {
		do_step(me);
		for (int i = timer ? 1 : 0; i < CHANS; i++)
			REQUIRE(wend_chan_len(chan[i]) == (size_t)m[i].n, "step %d: len of channel %d is %zu, not %d", step, i,
					wend_chan_len(chan[i]), m[i].n);
	}
	check_contexts();
	settle();
}

static void begin_program(void)
{
	program[0] = 0;
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
	step = 0;
	for (int i = 0; i < CTXS; i++)
		ctx[i] = NULL;
	for (int i = 0; i < CTXS; i++)
		make_context(i);
}

static void run_program(bool foreign)
{
	begin_program();
	start_workers(foreign);
	for (; step < STEPS; step++)
		one_step();
	for (bool waits = true; waits;) {
		waits = false;
		for (int i = 0; i < WORKERS; i++)
			waits |= w[i].waits;
		if (waits)
			rescue();
		settle();
	}
	end_workers();
	for (int i = 0; i < CHANS; i++)
		wend_chan_release(chan[i]);
	for (int i = 0; i < CTXS; i++)
		wend_ctx_release(ctx[i]);
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
