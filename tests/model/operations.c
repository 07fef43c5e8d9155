/* SPDX-License-Identifier: MIT
 *
 * tests/model/operations.c - what threads do at their points: atomic operations and fences as the library's third backend has
 * them, the asymmetric fence, futexes and events to wait for. What memory makes of them is in tso.c and weak.c. */
#include "model/engine.h"

bool wend__asym_on = true, wend__model_tso;

/* ---- Operations: atomics/atomic_model.h ------------------------------------------------------------ */

static noinline void location_new(struct location *l, const void *addr, unsigned size)
{
	uintptr_t a = (uintptr_t)addr;

	if (a & (size - 1))
		model_stop("misaligned atomic word %p", addr);
	*l = (struct location){.addr = addr, .generation = model.generation, .size = (uint8_t)size};
	model.used[model.nused++] = l;
	if (model.nused > LOCATIONS / 2)
		model_stop("more than %d atomic words", LOCATIONS / 2);
	if (heap_owns(addr)) {
		l->freed = heap_freed(addr);
	} else {
		l->global = true;
		for (int i = 0; i < model.nthreads && l->global; i++) {
			const char *stack = model.thread[i].stack;

			l->global = a - (uintptr_t)stack >= STACK_BYTES;
		}
	}
	if (!l->freed)
		l->initial = word_read(addr, size);
	for (int i = 0; i < model.nprivates; i++)
		if ((const char *)addr >= model.privates[i].lo && (const char *)addr < model.privates[i].hi)
			return;
	if (model.nids == IDS)
		model_stop("more than %d atomic words that are not private", IDS);
	l->id = model.nids++;
	if (model.memory == MODEL_WEAK && !l->freed)
		weak_location(l);
}

static force_inline struct location *location(const void *addr, unsigned size)
{
	uint32_t h = (uint32_t)(((uintptr_t)addr >> 2) * 2654435761u) >> 7;

	for (;; h++) {
		struct location *l = &model.table[h & (LOCATIONS - 1)];

		if (unlikely(l->generation != model.generation))
			location_new(l, addr, size);
		if (likely(l->addr == addr)) {
			if (unlikely(l->freed))
				model_stop("use after free: an atomic operation on %p", addr);
			return l;
		}
	}
}

uint64_t wend__model_load(const void *p, unsigned size, int order)
{
	if (unlikely(!model.running))
		return word_read(p, size);

	struct location *l = location(p, size);

	if (!l->id)
		return model.memory == MODEL_WEAK ? weak_load_private(l, order) : word_read(p, size);
	model_point(OP_LOAD, p, __builtin_return_address(0));
	if (unlikely(l->freed))
		model_stop("use after free: a load of %p", p);

	if (model.memory == MODEL_WEAK)
		races_atomic(p, size, false, __builtin_return_address(0));

	uint64_t v = model.memory == MODEL_TSO ? tso_load(l) : weak_load(l, order);

	TRACE_OP(model.cur, OP_LOAD, l, p, v, 0, order, __builtin_return_address(0));
	return v;
}

void wend__model_store(void *p, unsigned size, int order, uint64_t v)
{
	if (unlikely(!model.running)) {
		word_write(p, size, v);
		return;
	}

	struct location *l = location(p, size);

	if (!l->id) {
		if (model.memory == MODEL_WEAK && order == MODEL_REL)
			weak_store(l, v, order, NULL);
		word_write(p, size, v);
		return;
	}
	if (model.memory == MODEL_WEAK) {
		model_point(OP_STORE, p, __builtin_return_address(0));
		if (unlikely(l->freed))
			model_stop("use after free: a store to %p", p);
		races_atomic(p, size, true, __builtin_return_address(0));
		weak_store(l, v, order, __builtin_return_address(0));
	} else {
		model.step++;
		model.cur->arrived = false;
		tso_store(l, v, __builtin_return_address(0));
	}
	model.changes++;
	TRACE_OP(model.cur, OP_STORE, l, p, v, 0, order, __builtin_return_address(0));
}

uint64_t wend__model_rmw(void *p, unsigned size, int op, uint64_t a, uint64_t b)
{
	struct location *l = model.running ? location(p, size) : NULL;
	uint64_t old, v;

	if (l && l->id) {
		model_point(OP_RMW, p, __builtin_return_address(0));
		if (unlikely(l->freed))
			model_stop("use after free: a read-modify-write of %p", p);
		if (model.memory == MODEL_TSO)
			tso_before_rmw(l);
		else
			races_atomic(p, size, true, __builtin_return_address(0));
		old = model.memory == MODEL_TSO ? word_read(p, size) : weak_rmw_read(l);
	} else {
		old = word_read(p, size);
	}
	switch (op) {
	case MODEL_XCHG:
		v = a;
		break;
	case MODEL_ADD:
		v = old + a;
		break;
	case MODEL_OR:
		v = old | a;
		break;
	case MODEL_AND:
		v = old & a;
		break;
	default:
		v = old == a ? b : old;
	}
	if (size == 4)
		v = (uint32_t)v;
	if (!l || !l->id) {
		if (l && model.memory == MODEL_WEAK) {
			weak_rmw_read(l);
			weak_rmw(l, v, NULL);
		}
		word_write(p, size, v);
	} else if (op == MODEL_CAS && old != a) {
		if (model.memory == MODEL_WEAK)
			weak_rmw_failed(l);
	} else {
		if (model.memory == MODEL_TSO)
			word_write(p, size, v);
		else
			weak_rmw(l, v, __builtin_return_address(0));
		model.changes++;
	}
	if (l && l->id)
		TRACE_OP(model.cur, OP_RMW, l, p, old, op == MODEL_CAS && old != a ? a : v,
				 op == MODEL_CAS && old != a ? -1 : op, __builtin_return_address(0));
	return old;
}

static void fence(struct thread *t)
{
	if (model.memory == MODEL_TSO)
		tso_drain_all(t);
	else
		weak_fence(t);
}

void wend__model_fence(void)
{
	if (!model.running)
		return;
	model_point(OP_FENCE, NULL, __builtin_return_address(0));
	fence(model.cur);
	TRACE_OP(model.cur, OP_FENCE, NULL, NULL, 0, 0, 0, __builtin_return_address(0));
}

void wend__model_pause(void)
{
	struct thread *t = model.cur;

	if (!model.running || model.alive == 1)
		return;
	if (++model.step > model.step_limit)
		model_stop("livelock: more than %llu operations", (unsigned long long)model.step_limit);
	t->op = OP_PAUSE;
	t->addr = NULL;
	t->pc = __builtin_return_address(0);
	t->state = PAUSED;
	t->changes_seen = model.changes;
	TRACE_OP(t, OP_PAUSE, NULL, NULL, 0, 0, 0, t->pc);
	model_switch_away();
}

/* ---- In place of atomics/asym.c --------------------------------------------------------------------- */

/* The interrupts reach the other threads one after the other. */
void asym_heavy(void)
{
	const void *pc = __builtin_return_address(0);

	if (!model.running)
		return;
	model_point(OP_HEAVY, NULL, pc);
	fence(model.cur);
	for (int i = 0; wend__asym_on && i < model.nthreads; i++) {
		struct thread *t = &model.thread[i];

		if (t == model.cur || (model.memory == MODEL_TSO && t->nstores == 0))
			continue;
		if (t->state != DONE)
			model_point(OP_HEAVY, NULL, pc);
		fence(t);
	}
	fence(model.cur);
	TRACE_OP(model.cur, OP_HEAVY, NULL, NULL, 0, 0, 0, pc);
}

void wend__asym_probe(void)
{
}

void model_asym(bool on)
{
	wend__asym_on = on;
}

/* ---- Blocking -------------------------------------------------------------------------------------- */

bool model_futex_wait(const void *word, uint32_t expected, int64_t deadline_ns)
{
	struct thread *t = model.cur;
	struct location *l = location(word, 4);

	model_point(OP_WAIT, word, __builtin_return_address(0));
	fence(t); /* a system call that takes a lock */
	if (model.memory == MODEL_TSO)
		tso_before_rmw(l);

	uint32_t now = (uint32_t)(model.memory == MODEL_TSO ? word_read(word, 4) : l->newest->value);

	TRACE_OP(t, OP_WAIT, l, word, now, expected, now == expected, t->pc);
	if (now != expected)
		return true;
	t->state = BLOCKED;
	t->wait = WAIT_FUTEX;
	t->word = word;
	t->deadline = deadline_ns;
	t->timed = deadline_ns != INT64_MAX;
	t->timed_out = false;
	model_switch_away();
	fence(t);
	return !t->timed_out;
}

void model_futex_wake(const void *word, int count)
{
	const void *pc = __builtin_return_address(0);

	model_point(OP_WAKE, word, pc);
	fence(model.cur);
	for (int i = 1; i <= model.nthreads && count > 0; i++) {
		struct thread *t = &model.thread[(model.cur->number + i) % model.nthreads];

		if (t->state == BLOCKED && t->wait == WAIT_FUTEX && t->word == word) {
			t->state = READY;
			count--;
			model.changes++;
		}
	}
	TRACE_OP(model.cur, OP_WAKE, NULL, word, 0, 0, 0, pc);
}

void model_signal(struct model_event *e)
{
	e->count++;
	model.changes++;
	model.cur->arrived = false;
	model.cur->pc = __builtin_return_address(0);
	TRACE_OP(model.cur, OP_EVENT, NULL, e, e->count, 0, 0, model.cur->pc);
	for (int i = 0; i < model.nthreads; i++) {
		struct thread *t = &model.thread[i];

		if (t->state == BLOCKED && t->wait == WAIT_EVENT && t->word == e && t->count <= e->count)
			t->state = READY;
	}
}

void model_await(const struct model_event *e, unsigned count)
{
	struct thread *t = model.cur;

	t->op = OP_AWAIT;
	t->addr = e;
	t->pc = __builtin_return_address(0);
	if (e->count < count) {
		t->state = BLOCKED;
		t->wait = WAIT_EVENT;
		t->word = e;
		t->count = count;
		t->timed = false;
		model_switch_away();
	}
	TRACE_OP(t, OP_AWAIT, NULL, e, e->count, 0, 0, t->pc);
}

void model_settle(void)
{
	if (!model.running || model.memory != MODEL_TSO)
		return;
	model_point(OP_FENCE, NULL, __builtin_return_address(0));
	tso_drain_all(model.cur);
}
