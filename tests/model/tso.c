/* SPDX-License-Identifier: MIT
 *
 * tests/model/tso.c - total store order, as x86 has it: each thread's stores go into a buffer and reach
 * memory later, in their order; the thread itself sees them at once. Read-modify-writes, fences and
 * system calls empty the own buffer first.
 *
 * When a store reaches memory matters only once another thread touches that word. So the choice is made there
 * and nowhere else: at a load or read-modify-write of a word that lies in another's buffer either
 * everything up to that store arrives first (the simplest case: as if there were no buffer), or it does not
 * yet. That covers every moment at which the store could have arrived. Which of two buffered stores to the
 * same word comes first is chosen when the first of them is to arrive.
 */
#include "model/engine.h"

static void drain_one(struct thread *t);

static int find(const struct thread *t, const struct location *l)
{
	for (int i = 0; i < t->nstores; i++)
		if (t->store[i].loc == l)
			return i;
	return -1;
}

/* Everything up to t's oldest store to l. */
static void drain_to(struct thread *t, const struct location *l)
{
	int n = find(t, l) + 1;

	while (n--)
		drain_one(t);
}

/* Stack that its thread has left since: whatever lies there now is something else. (It may be running on a
 * coroutine's stack; then nothing of its own is left.) */
static bool stale_stack(const struct thread *t, const struct location *l)
{
	uintptr_t stack = (uintptr_t)t->stack, at = (uintptr_t)l->addr - stack;
	uintptr_t sp = (uintptr_t)(t != model.cur ? t->ctx.sp : __builtin_frame_address(0)) - stack;

	return at < STACK_BYTES && sp < STACK_BYTES && at < sp;
}

static void drain_one(struct thread *t)
{
	struct store s = t->store[0];

	t->draining = true;
	for (int i = 0; i < model.nthreads && s.loc->pending > 1; i++) {
		struct thread *u = &model.thread[i];

		/* another's store to that word could come before this one */
		if (!u->draining && find(u, s.loc) >= 0 && model_pick(2, CHOOSE_VALUE, COST_DEPARTURE))
			drain_to(u, s.loc);
	}
	t->draining = false;
	t->nstores--;
	memmove(t->store, t->store + 1, t->nstores * sizeof t->store[0]);
	s.loc->pending--;
	if (s.loc->freed)
		model_stop("use after free: a store to %p arrives", s.loc->addr);
	if (stale_stack(t, s.loc))
		return;
	word_write(s.loc->addr, s.loc->size, s.value);
	TRACE_OP(t, OP_DRAIN, s.loc, s.loc->addr, s.value, 0, 0, s.pc);
}

void tso_drain_all(struct thread *t)
{
	while (t->nstores)
		drain_one(t);
}

/* The current thread is about to look at l in memory. */
static noinline void touch(struct location *l)
{
	for (int i = 0; i < model.nthreads && l->pending; i++) {
		struct thread *t = &model.thread[i];

		if (t == model.cur)
			continue;
		while (find(t, l) >= 0 && !model_pick(2, CHOOSE_VALUE, COST_DEPARTURE))
			drain_to(t, l);
	}
}

uint64_t tso_load(struct location *l)
{
	if (l->pending) {
		const struct thread *t = model.cur;

		for (int i = t->nstores - 1; i >= 0; i--)
			if (t->store[i].loc == l)
				return t->store[i].value;
		touch(l);
	}
	return word_read(l->addr, l->size);
}

void tso_store(struct location *l, uint64_t v, const void *pc)
{
	struct thread *t = model.cur;

	if (model.alive == 1 && !t->nstores) {
		word_write(l->addr, l->size, v);
		return;
	}
	if (t->nstores == STORES)
		drain_one(t);
	t->store[t->nstores++] = (struct store){l, v, pc};
	t->issued++;
	l->pending++;
}

void tso_before_rmw(struct location *l)
{
	tso_drain_all(model.cur);
	if (l->pending)
		touch(l);
}

void tso_forget(const char *lo, const char *hi)
{
	struct thread *t = model.cur;
	int n = 0;

	for (int i = 0; i < t->nstores; i++) {
		const char *at = t->store[i].loc->addr;

		if (at >= lo && at < hi)
			t->store[i].loc->pending--;
		else
			t->store[n++] = t->store[i];
	}
	t->nstores = (uint16_t)n;
}
