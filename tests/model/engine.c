/* SPDX-License-Identifier: MIT
 *
 * tests/model/engine.c - one execution: threads as contexts on one OS thread, the points at which they take
 * turns, and what happens when nobody can go on. What they do at these points is in operations.c.
 *
 * A point stands before an operation; the thread that is resumed there performs the operation at once. So
 * operations are atomic, and everything between two of them belongs to the first. A store into a TSO
 * store buffer needs no point: nobody can tell when it happened before it is drained.
 */
#include "model/engine.h"

#include <stdarg.h>
#include <sys/mman.h>

struct model model;
static alignas(PAGE_SIZE) char stacks[THREADS][STACK_BYTES];

/* Nobody could go on so many times in a row, and no store was made in between. */
#define IDLE_ROUNDS 400

void model_stop(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	vsnprintf(model.message, sizeof model.message, fmt, args);
	va_end(args);
	if (!model.running) {
		fprintf(stderr, "model: outside an execution: %s\n", model.message);
		abort();
	}
	model.failed = true;
	if (model.tracing)
		trace_positions();
	ctx_switch(&model.cur->ctx, &model.home, NULL); /* for good */
	__builtin_unreachable();
}

void model_fail(const char *file, int line, const char *fmt, ...)
{
	char text[400];
	va_list args;
	const char *base = strrchr(file, '/');

	va_start(args, fmt);
	vsnprintf(text, sizeof text, fmt, args);
	va_end(args);
	model_stop("%s:%d: %s", base ? base + 1 : file, line, text);
}

/* ---- Who goes next ------------------------------------------------------------------------------- */

static noinline void switch_to(struct thread *next)
{
	struct thread *from = model.cur;

	for (int i = 0; i < model.nlocals; i++) {
		from->local[i] = *model.local[i];
		*model.local[i] = next->local[i];
	}
	model.cur = next;
	ctx_switch(&from->ctx, &next->ctx, next);
}

static inline bool enabled(const struct thread *t)
{
	return t->state == READY || (t->state == PAUSED && t->changes_seen != model.changes) ||
		   (t->state == BLOCKED && t->timed && model.opt->timeouts == MODEL_EARLY);
}

/* The current one first, if it can go on, then the others in turn. */
static unsigned list_enabled(void)
{
	unsigned n = 0;
	int self = (int)(model.cur->number), count = model.nthreads;

	if (enabled(model.cur))
		model.enabled[n++] = model.cur;
	for (int i = 1; i < count; i++) {
		struct thread *t = &model.thread[self + i < count ? self + i : self + i - count];

		if (enabled(t))
			model.enabled[n++] = t;
	}
	return n;
}

static void resume(struct thread *t)
{
	if (t->state == BLOCKED) {
		t->timed_out = true;
		if (model.clock < t->deadline)
			model.clock = t->deadline;
		TRACE_OP(t, OP_TIMEOUT, NULL, t->word, 0, 0, 0, t->pc);
	}
	t->state = READY;
	if (t != model.cur)
		switch_to(t);
}

void model_point(enum op_kind kind, const void *addr, const void *pc)
{
	struct thread *t = model.cur;

	t->op = kind;
	t->addr = addr;
	t->pc = pc;
	if (++model.step > model.step_limit)
		model_stop("livelock: more than %llu operations", (unsigned long long)model.step_limit);
	if (model.alive == 1)
		return;
	if (t->arrived) { /* it was just chosen to go on and has not done anything since */
		t->arrived = false;
		return;
	}

	unsigned n = list_enabled();

	if (n > 1) {
		unsigned pick = model_pick(n, CHOOSE_THREAD, COST_PREEMPTION);

		if (pick)
			resume(model.enabled[pick]);
	}
}

/* Nobody can go on by himself: time passes. Stores arrive, spinning threads look again, deadlines pass. */
static bool time_passes(void)
{
	struct thread *first = NULL;
	bool paused = false, again = model.changes != model.idle_changes;

	if (again)
		model.idle_rounds = 0;
	else if (++model.idle_rounds > IDLE_ROUNDS)
		model_stop("livelock: threads spin, nobody makes progress");
	model.idle_changes = model.changes;
	for (int i = 0; i < model.nthreads; i++) {
		struct thread *t = &model.thread[i];

		if (model.memory == MODEL_TSO)
			tso_drain_all(t);
		else
			weak_catch_up(t);
		paused = paused || t->state == PAUSED;
		if (t->state == BLOCKED && t->timed && model.opt->timeouts != MODEL_NEVER &&
			(!first || t->deadline < first->deadline))
			first = t;
	}
	if (paused && (again || !first)) {
		for (int i = 0; i < model.nthreads; i++)
			if (model.thread[i].state == PAUSED)
				model.thread[i].state = READY;
		return true;
	}
	if (first)
		resume(first);
	return first != NULL;
}

void model_switch_away(void)
{
	struct thread *t = model.cur;

	while (t->state != READY) {
		unsigned n = list_enabled();

		if (n == 0) {
			if (!time_passes())
				model_stop("deadlock: nobody can go on");
			continue;
		}
		resume(model.enabled[n > 1 ? model_pick(n, CHOOSE_THREAD, COST_NOTHING) : 0]);
	}
	t->arrived = true;
}

/* ---- Threads -------------------------------------------------------------------------------------- */

/* Has everybody ended that t joins? */
static bool joined(const struct thread *t)
{
	if (t->count)
		return model.thread[t->count].state == DONE;
	for (int i = 1; i < model.nthreads; i++)
		if (!model.thread[i].daemon && model.thread[i].state != DONE)
			return false;
	return true;
}

static void wake_joiners(void)
{
	for (int i = 0; i < model.nthreads; i++) {
		struct thread *t = &model.thread[i];

		if (t->state == BLOCKED && t->wait == WAIT_JOIN && joined(t))
			t->state = READY;
	}
}

static void thread_main(void *carry)
{
	struct thread *t = carry;

	t->arrived = true;
	t->fn(t->arg);
	kernel_thread_ends(t);
	model_point(OP_END, NULL, t->pc);
	TRACE_OP(t, OP_END, NULL, NULL, 0, 0, 0, NULL);
	if (t == &model.thread[0]) {
		model_join();
		heap_end();
		model.over = true;
		ctx_switch(&t->ctx, &model.home, NULL);
	}
	t->state = DONE;
	model.alive--;
	model.changes++;
	wake_joiners();
	model_switch_away();
	__builtin_unreachable();
}

void model_thread(const char *name, void (*fn)(void *), void *arg, bool daemon)
{
	if (model.nthreads == THREADS)
		model_stop("more than %d threads", THREADS);

	struct thread *t = &model.thread[model.nthreads], *parent = model.cur;

	if (!t->stack) {
		t->stack = stacks[model.nthreads];
		mprotect(t->stack, PAGE_SIZE, PROT_NONE); /* an overflow is a fault, not a riddle */
		ctx_ground(t->stack + STACK_BYTES);
	}
	ctx_init(&t->ctx, t->stack + STACK_BYTES, thread_main);
	t->number = (uint8_t)model.nthreads++;
	t->state = READY;
	t->daemon = daemon;
	t->arrived = t->draining = t->timed = t->timed_out = false;
	t->nstores = 0;
	t->issued = 0;
	t->op = OP_START;
	t->addr = NULL;
	t->pc = __builtin_return_address(0);
	t->name = name;
	t->fn = fn;
	t->arg = arg;
	memset(t->local, 0, sizeof t->local);
	choose_priority(t);
	kernel_thread_begins(t);
	model.alive++;
	if (!parent)
		return;
	parent->arrived = false;
	if (model.memory == MODEL_TSO)
		tso_drain_all(parent); /* making a thread is a full fence */
	else
		weak_inherit(t, parent);
	model.changes++;
	TRACE_OP(parent, OP_START, NULL, name, 0, 0, t->number, t->pc);
}

/* number 0: all. */
static void join(unsigned number, const void *pc)
{
	struct thread *t = model.cur;

	t->op = OP_JOIN;
	t->addr = NULL;
	t->pc = pc;
	t->wait = WAIT_JOIN;
	t->count = number;
	t->timed = false;
	if (!joined(t)) {
		t->state = BLOCKED;
		model_switch_away();
	}
	for (int i = 0; i < model.nthreads; i++) {
		const struct thread *u = &model.thread[i];

		if (u->state != DONE || (number && number != (unsigned)i))
			continue;
		if (model.memory == MODEL_TSO)
			tso_drain_all(&model.thread[i]);
		else
			weak_join(t, u);
	}
}

void model_join_thread(int number)
{
	join((unsigned)number, __builtin_return_address(0));
}

void model_join(void)
{
	if (model.cur != &model.thread[0])
		model_stop("model_join belongs into the body");
	join(0, __builtin_return_address(0));
	for (int i = 0; i < model.nthreads && model.memory == MODEL_TSO; i++)
		tso_drain_all(&model.thread[i]);
	if (model.memory == MODEL_WEAK)
		weak_catch_up(model.cur);
}

int model_self(void)
{
	return model.cur->number;
}

/* ---- One execution -------------------------------------------------------------------------------- */

static void run_body(void *arg)
{
	model.body();
}

void model_execute(void)
{
	int n = model.nids;

	heap_begin();
	model.generation++;
	for (int i = 0; i < THREADS && model.thread[i].stack; i++) { /* what the last execution has used */
		memset(model.thread[i].view, 0, (size_t)n * sizeof(stamp));
		memset(model.thread[i].loaded, 0, (size_t)n * sizeof(stamp));
		memset(model.thread[i].fenced, 0, (size_t)n * sizeof(stamp));
	}
	memset(model.sc_view, 0, (size_t)n * sizeof(stamp));
	model.nids = THREADS + 1;
	model.nused = model.nthreads = model.alive = 0;
	model.changes = model.idle_changes = model.idle_rounds = 0;
	model.step = model.event = 0;
	model.clock = 1000000000;
	model.at = 0;
	model.nnames = model.nprivates = 0;
	model.failed = model.over = false;
	model.cur = NULL;
	wend__asym_on = true;
	wend__model_tso = model.memory == MODEL_TSO;
	weak_begin();
	if (model.tracing)
		trace_begin();
	model_thread("body", run_body, NULL, false);
	model.cur = &model.thread[0];
	model.cur->view[1] = 1; /* its clock */
	model_stacks(NULL);
	for (int i = 0; i < model.nlocals; i++)
		*model.local[i] = NULL;
	model.running = true;

	struct thread *first = model.cur;

	ctx_switch(&model.home, &first->ctx, first);
	model.running = false;
	for (int i = 0; i < model.nused; i++) {
		struct location *l = model.used[i];

		if (l->global)
			word_write(l->addr, l->size, l->initial);
	}
}

/* ---- For tests -------------------------------------------------------------------------------------- */

unsigned model_choose(unsigned n)
{
	return model.running && n > 1 ? model_pick(n, CHOOSE_TEST, COST_NOTHING) : 0;
}

void model_cover(int bit)
{
	model.covered |= 1ULL << bit;
}

struct model_mark model_mark(void)
{
	struct thread *t = model.cur;

	return (struct model_mark){t->number, model.memory == MODEL_TSO ? t->issued : weak_mark(t)};
}

bool model_seen(struct model_mark mark)
{
	const struct thread *t = &model.thread[mark.thread];

	if (t == model.cur)
		return true;
	return model.memory == MODEL_TSO ? t->issued - t->nstores >= mark.at : weak_seen(model.cur, t, mark.at);
}

uint64_t model_now(void)
{
	return ++model.event;
}

int64_t model_clock(void)
{
	return model.clock += 1000;
}

void model_private(const void *p, size_t n)
{
	if (model.nprivates == PRIVATES)
		model_stop("more than %d private ranges", PRIVATES);
	model.privates[model.nprivates].lo = p;
	model.privates[model.nprivates++].hi = (const char *)p + n;
}

void model_name(const void *p, size_t n, const char *name)
{
	if (model.nnames == NAMES)
		model_stop("more than %d names", NAMES);
	model.names[model.nnames].lo = p;
	model.names[model.nnames].hi = (const char *)p + n;
	model.names[model.nnames++].name = name;
}

void model_thread_local(void **word)
{
	if (model.nlocals == LOCALS)
		abort();
	model.local[model.nlocals++] = word;
}
