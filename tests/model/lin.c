/* SPDX-License-Identifier: MIT
 *
 * tests/model/lin.c - see lin.h. Depth first: the next operation in the order is any one whose predecessors
 * are all placed and whose answer the object could have given. Which operations are placed and the state
 * that they left decide all that follows, so each such pair is tried once. */
#include "model/lin.h"

enum { MEMORY = 1 << 14, PROBES = 8 };

struct seen {
	uint32_t run; /* of the check that the rest belongs to */
	uint32_t placed;
	char state[LIN_STATE];
};

static struct seen memory[MEMORY];
static uint32_t run;

void lin_reset(struct lin *h)
{
	h->n = 0;
}

struct lin_op *lin_call(struct lin *h, int op, uint64_t a, uint64_t b)
{
	if (h->n == LIN_OPS)
		model_fail(__FILE__, __LINE__, "a history of more than %d operations", LIN_OPS);

	struct lin_op *o = &h->op[h->n];

	*o = (struct lin_op){.op = op, .arg = {a, b}, .thread = model_self(), .called = model_now()};
	for (int i = 0; i < h->n; i++)
		if (h->op[i].returned && model_seen(h->op[i].done))
			o->before |= 1u << i;
	h->n++;
	return o;
}

void lin_return(struct lin_op *op, uint64_t r, uint64_t s)
{
	op->ret[0] = r;
	op->ret[1] = s;
	op->came_back = model_now();
	op->done = model_mark();
	op->returned = true;
}

/* True when it is new. What finds no place is tried again, which costs time only. */
static bool remember(uint32_t placed, const char *state, size_t size)
{
	uint64_t h = placed * 0x9E3779B97F4A7C15u;

	for (size_t i = 0; i < size; i++)
		h = (h ^ (unsigned char)state[i]) * 0x100000001B3u;
	h ^= h >> 29;
	for (unsigned i = 0; i < PROBES; i++) {
		struct seen *s = &memory[(h + i) % MEMORY];

		if (s->run != run) {
			s->run = run;
			s->placed = placed;
			memcpy(s->state, state, size);
			return true;
		}
		if (s->placed == placed && memcmp(s->state, state, size) == 0)
			return false;
	}
	return true;
}

static bool search(const struct lin *h, const struct lin_spec *spec, uint32_t placed, const char *state)
{
	bool missing = false;

	for (int i = 0; i < h->n; i++)
		missing = missing || (h->op[i].returned && !(placed & 1u << i));
	if (!missing)
		return true;
	if (!remember(placed, state, spec->size))
		return false;
	for (int i = 0; i < h->n; i++) {
		char next[LIN_STATE] __attribute__((aligned(16)));

		if ((placed & 1u << i) || (h->op[i].before & ~placed))
			continue;
		memcpy(next, state, spec->size);
		if (spec->apply(next, &h->op[i]) && search(h, spec, placed | 1u << i, next))
			return true;
	}
	return false;
}

bool lin_check(const struct lin *h, const struct lin_spec *spec)
{
	char state[LIN_STATE] __attribute__((aligned(16))) = {0};

	run++;
	spec->init(state);
	return search(h, spec, 0, state);
}

void lin_require_at(const char *file, int line, const struct lin *h, const struct lin_spec *spec)
{
	char text[400];
	size_t n = 0;

	if (lin_check(h, spec))
		return;
	for (int i = 0; i < h->n && n < sizeof text - 1; i++) {
		const struct lin_op *op = &h->op[i];
		char one[60];

		if (spec->print)
			spec->print(one, sizeof one, op);
		else
			snprintf(one, sizeof one, "%d(%llu, %llu) = %llu", op->op, (unsigned long long)op->arg[0],
					 (unsigned long long)op->arg[1], (unsigned long long)op->ret[0]);
		int more = op->returned ? snprintf(text + n, sizeof text - n, "; thread %d [%llu-%llu] %s", op->thread,
										   (unsigned long long)op->called,
										   (unsigned long long)op->came_back, one)
								: snprintf(text + n, sizeof text - n, "; thread %d [%llu-] %s", op->thread,
										   (unsigned long long)op->called, one);

		n += more > 0 ? (size_t)more : 0;
	}
	model_fail(file, line, "not linearizable%s", text);
}
