/* SPDX-License-Identifier: MIT
 *
 * sched/timer_heap.c - a 4-ary heap of timers from which anyone can be taken, and which is sorted when many are due.
 *
 * Slots hold the time beside the pointer, so that finding a place touches the heap alone; each timer knows its slot, so
 * that it can be taken out from anywhere. That is what is dear: each slot that moves writes to its timer, which is cold.
 * A storm taken from the root one by one moves ten slots for each of a million. So when many are due the slots are
 * left where they are, as the storm, and an index of them is sorted by their times, some thousands at a step; then the
 * storm is worked off by the index. What is set meanwhile goes to a new heap; the first of all is the storm's or the
 * heap's. Who is stopped in the storm leaves a gap.
 */
#include <stdlib.h>
#include <string.h>

#include "base/list.h"
#include "sched/timer_heap.h"

#define ROOM_LEAST ATM_SIZE(61, 2)
#define STORM_LEAST ATM_SIZE(1024, 3) /* smaller heaps are in the cache */
#define STORM_STEP ATM_SIZE(16384, 4) /* under the lock: some 100 us */
#define IN_STORM (1U << 31) /* in `at`; or its absence: mark has it as it is for the heap's */
#define NO_SLOT UINT32_MAX

struct timer_slot {
	int64_t when;
	struct timer *t;
};

/* ---- Slots -------------------------------------------------------------------------------------- */

static inline void place(struct timers *h, uint32_t at, struct timer_slot s)
{
	h->slots[at] = s;
	s.t->at = at | h->mark;
}

/* s goes to `at`, or towards the root from there. */
static void sift_up(struct timers *h, uint32_t at, struct timer_slot s)
{
	while (at > 0) {
		uint32_t up = (at - 1) / 4;

		if (h->slots[up].when <= s.when)
			break;
		place(h, at, h->slots[up]);
		at = up;
	}
	place(h, at, s);
}

static void sift_down(struct timers *h, uint32_t at, struct timer_slot s)
{
	for (uint32_t kid; (kid = 4 * at + 1) < h->n; at = kid) {
		uint32_t end = kid + 4 < h->n ? kid + 4 : h->n;

		for (uint32_t k = kid + 1; k < end; k++)
			if (h->slots[k].when < h->slots[kid].when)
				kid = k;
		if (s.when <= h->slots[kid].when)
			break;
		place(h, at, h->slots[kid]);
	}
	place(h, at, s);
}

/* Slot 1, and so each group of four children, begins a cache line. */
#define SLOTS_PER_LINE (CACHELINE / sizeof(struct timer_slot))
#define BEFORE_SLOTS (SLOTS_PER_LINE - 1)

static size_t slots_bytes(uint32_t room)
{
	return (BEFORE_SLOTS + room + SLOTS_PER_LINE - 1) / SLOTS_PER_LINE * CACHELINE;
}

static void free_slots(struct timer_slot *slots)
{
	if (slots)
		free(slots - BEFORE_SLOTS);
}

static bool resize(struct timers *h, uint32_t room)
{
	struct timer_slot *mem = aligned_alloc(CACHELINE, slots_bytes(room));

	if (!mem)
		return false;
	if (h->n)
		memcpy(mem + BEFORE_SLOTS, h->slots, h->n * sizeof *mem);
	free_slots(h->slots);
	h->slots = mem + BEFORE_SLOTS;
	h->room = room;
	return true;
}

static void unslotted(struct timers *h, struct timer *t)
{
	t->link = h->rest;
	t->at = NO_SLOT;
	h->rest = t;
}

void heap_insert(struct timers *h, struct timer *t)
{
	if (h->n == h->room && unlikely(!resize(h, h->room ? 2 * h->room : ROOM_LEAST))) {
		unslotted(h, t);
		return;
	}
	h->n++;
	sift_up(h, h->n - 1, (struct timer_slot){t->when, t});
}

/* The last slot goes to `at`, which is free, or towards the leaves from there. */
static void fill(struct timers *h, uint32_t at)
{
	struct timer_slot last = h->slots[--h->n];

	if (at != h->n)
		sift_down(h, at, last);
}

/* ---- The storm ---------------------------------------------------------------------------------- */

#define DIGIT ATM_SIZE(11, 8) /* bits */
#define DIGITS ((32 + DIGIT - 1) / DIGIT)

struct entry {
	uint32_t after, at; /* how much later than the first of them it is due; its slot */
};

struct storm {
	struct timer_slot *slots; /* what was the heap; t is NULL in gaps */
	uint32_t n;
	int64_t first;   /* when its first was due */
	int pass;        /* 0 makes the index, then each sorts by one digit */
	bool sorted;
	uint32_t pos;    /* how far the pass has come; when sorted, the next to fire */
	uint32_t filled; /* entries */
	uint32_t latest; /* the greatest `after` */
	struct entry *from, *to;
	uint32_t start[DIGITS][1 << DIGIT]; /* how many have that digit; then where the next of them goes */
	struct entry room[];
};

static bool in_storm(const struct timers *h, const struct timer *t)
{
	return (t->at & IN_STORM) != h->mark;
}

static void end_storm(struct timers *h)
{
	free_slots(h->storm->slots);
	free(h->storm);
	h->storm = NULL;
}

/* Past the gaps. */
static void skip_gaps(struct timers *h)
{
	struct storm *st = h->storm;

	while (st->pos < st->filled && !st->slots[st->from[st->pos].at].t)
		st->pos++;
	if (st->pos == st->filled)
		end_storm(h);
}

static uint32_t digit(const struct entry *e, int which)
{
	return e->after >> which * DIGIT & ((1 << DIGIT) - 1);
}

/* Those that are due more than four seconds after the first go to the heap. */
static void fill_index(struct timers *h, struct storm *st, uint32_t end)
{
	for (uint32_t i = st->pos; i < end; i++) {
		struct timer_slot *s = &st->slots[i];
		struct entry *e = &st->from[st->filled];

		if (!s->t)
			continue;
		if (s->when - st->first > UINT32_MAX) {
			heap_insert(h, s->t);
			s->t = NULL;
			continue;
		}
		*e = (struct entry){(uint32_t)(s->when - st->first), i};
		st->filled++;
		st->latest = e->after > st->latest ? e->after : st->latest;
		for (int d = 0; d < DIGITS; d++)
			st->start[d][digit(e, d)]++;
	}
}

static void sort_by(struct storm *st, int which, uint32_t end)
{
	for (uint32_t i = st->pos; i < end; i++)
		st->to[st->start[which][digit(&st->from[i], which)]++] = st->from[i];
}

static void next_pass(struct timers *h, struct storm *st)
{
	int which = st->pass++;
	uint32_t sum = 0;

	st->pos = 0;
	if (which > 0) {
		struct entry *swap = st->from;

		st->from = st->to;
		st->to = swap;
	}
	if (which == DIGITS || st->latest >> which * DIGIT == 0) {
		st->sorted = true;
		skip_gaps(h);
		return;
	}
	for (uint32_t d = 0; d < 1 << DIGIT; d++) {
		uint32_t count = st->start[which][d];

		st->start[which][d] = sum;
		sum += count;
	}
}

static void step(struct timers *h)
{
	struct storm *st = h->storm;
	uint32_t all = st->pass == 0 ? st->n : st->filled, end = all - st->pos > STORM_STEP ? st->pos + STORM_STEP : all;

	if (st->pass == 0)
		fill_index(h, st, end);
	else
		sort_by(st, st->pass - 1, end);
	st->pos = end;
	if (end == all)
		next_pass(h, st);
}

/* Some of those in the heap, from all over it: is one in sixteen due? */
static bool many_due(const struct timers *h, int64_t now)
{
	enum { SAMPLE = 64 };
	uint32_t due = 0;

	for (uint32_t i = 0; i < SAMPLE; i++)
		due += h->slots[(uint64_t)i * h->n / SAMPLE].when <= now;
	return due >= SAMPLE / 16;
}

void heap_storm(struct timers *h, int64_t now)
{
	struct storm *st = h->storm;

	if (st && !st->sorted) {
		step(h);
		return;
	}
	if (st || h->n < STORM_LEAST || h->slots[0].when > now || !many_due(h, now))
		return;
	st = malloc(sizeof *st + 2 * (size_t)h->n * sizeof st->room[0]);
	if (!st)
		return;
	*st = (struct storm){.slots = h->slots, .n = h->n, .first = h->slots[0].when, .from = st->room, .to = st->room + h->n};
	h->storm = st;
	h->slots = NULL;
	h->n = h->room = 0;
	h->mark ^= IN_STORM;
}

void heap_settle(struct timers *h)
{
	while (h->storm && !h->storm->sorted)
		step(h);
}

/* ---- The first, and any ------------------------------------------------------------------------- */

void heap_take_out(struct timers *h, struct timer *t)
{
	uint32_t at = t->at & ~IN_STORM;
	struct timer_slot last;

	if (unlikely(t->at == NO_SLOT)) {
		list_remove(&h->rest, t, link);
		return;
	}
	if (unlikely(in_storm(h, t))) {
		h->storm->slots[at].t = NULL;
		if (h->storm->sorted)
			skip_gaps(h);
		return;
	}
	last = h->slots[h->n - 1];
	if (at > 0 && last.when < h->slots[(at - 1) / 4].when) {
		h->n--;
		sift_up(h, at, last);
	} else {
		fill(h, at);
	}
}

/* On their way while this batch's functions run: slots of the one after the next, timers of the next. Inline by force: gcc
 * leaves out a call of what does nothing but prefetch. */
static force_inline void prefetch_storm(const struct storm *st)
{
	if (st->filled - st->pos > 2 * DUE_MOST) {
		prefetch(&st->slots[st->from[st->pos + 2 * DUE_MOST].at]);
		prefetch(st->slots[st->from[st->pos + DUE_MOST].at].t);
	}
}

static force_inline struct timer *storm_first(const struct storm *st, int64_t *when)
{
	const struct timer_slot *s;

	if (!st->sorted) {
		*when = st->first;
		return NULL;
	}
	s = &st->slots[st->from[st->pos].at];
	*when = s->when;
	prefetch_storm(st);
	return s->t;
}

struct timer *heap_first(const struct timers *h, int64_t *when)
{
	struct timer *t = h->n ? h->slots[0].t : NULL;
	int64_t other;

	*when = t ? h->slots[0].when : NEVER;
	for (struct timer *r = h->rest; unlikely(r != NULL); r = r->link) {
		if (r->when < *when) {
			t = r;
			*when = r->when;
		}
	}
	if (unlikely(h->storm != NULL)) {
		struct timer *first = storm_first(h->storm, &other);

		if (other <= *when) {
			t = first;
			*when = other;
		}
	}
	return t;
}

/* ---- Memory ------------------------------------------------------------------------------------- */

void heap_trim(struct timers *h)
{
	if (unlikely(h->room > ROOM_LEAST && h->n < h->room / 8))
		resize(h, h->room / 4);
}

void heap_free(struct timers *h)
{
	if (h->storm)
		end_storm(h);
	free_slots(h->slots);
}
