/* SPDX-License-Identifier: MIT
 *
 * sched/timer_heap.c - a 4-ary heap of timers from which anyone can be taken, and which sorts those that are due if they
 * are many.
 *
 * Slots hold the time beside the pointer, so that finding a place touches the heap alone; each timer knows its slot, so
 * that it can be taken out from anywhere. That is what is dear: each slot that moves writes to its timer, which is cold.
 * A storm taken from the root one by one moves ten slots for each of a million. So the earliest are taken out
 * together, some 10,000 at a time, and sorted by time: the run. What is set meanwhile goes to the heap; the first of all is
 * the run's or the heap's. In the run a timer's `at` has the bit RUN, and who is stopped there leaves a gap.
 */
#include <stdlib.h>
#include <string.h>

#include "base/list.h"
#include "sched/timer_heap.h"

#define ROOM_LEAST ATM_SIZE(61, 2)
#define RUN_ROOM ATM_SIZE(16384, 3)
#define RUN_LEAST ATM_SIZE(1024, 2) /* smaller heaps are in the cache */
#define RUN (1U << 31)
#define NO_SLOT UINT32_MAX

struct timer_slot {
	int64_t when;
	struct timer *t;
};

/* ---- Slots -------------------------------------------------------------------------------------- */

static inline void place(struct timers *h, uint32_t at, struct timer_slot s)
{
	h->slots[at] = s;
	s.t->at = at;
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

static void free_slots(struct timers *h)
{
	if (h->slots)
		free(h->slots - BEFORE_SLOTS);
}

static bool resize(struct timers *h, uint32_t room)
{
	struct timer_slot *mem = aligned_alloc(CACHELINE, slots_bytes(room));

	if (!mem)
		return false;
	if (h->n)
		memcpy(mem + BEFORE_SLOTS, h->slots, h->n * sizeof *mem);
	free_slots(h);
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

/* ---- The run ------------------------------------------------------------------------------------ */

/* Past the gaps. */
static void skip_gaps(struct timers *h)
{
	while (h->run_at < h->run_end && !h->run[h->run_at].t)
		h->run_at++;
}

void heap_take_out(struct timers *h, struct timer *t)
{
	uint32_t at = t->at;
	struct timer_slot last;

	if (unlikely(at == NO_SLOT)) {
		list_remove(&h->rest, t, link);
		return;
	}
	if (at & RUN) {
		h->run[at & ~RUN].t = NULL;
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

struct timer *heap_first(const struct timers *h, int64_t *when)
{
	struct timer *t = h->n ? h->slots[0].t : NULL;

	*when = t ? h->slots[0].when : NEVER;
	if (unlikely(h->run_at < h->run_end) && h->run[h->run_at].when <= *when) {
		t = h->run[h->run_at].t;
		*when = h->run[h->run_at].when;
		prefetch(h->run[h->run_at + 8 < h->run_end ? h->run_at + 8 : h->run_at].t);
	}
	for (struct timer *r = h->rest; unlikely(r != NULL); r = r->link) {
		if (r->when < *when) {
			t = r;
			*when = r->when;
		}
	}
	return t;
}

/* The places of those that are due by `until`, which are the top of the heap, in ascending order; at most `most`. */
static uint32_t top(const struct timers *h, int64_t until, uint32_t *places, uint32_t most)
{
	uint32_t n = 0;

	if (h->slots[0].when <= until)
		places[n++] = 0;
	for (uint32_t i = 0; i < n; i++) {
		uint32_t kid = 4 * places[i] + 1, end = kid + 4 < h->n ? kid + 4 : h->n;

		for (; kid < end; kid++) {
			if (h->slots[kid].when > until)
				continue;
			if (n == most)
				return n;
			places[n++] = kid;
		}
	}
	return n;
}

#define DIGIT ATM_SIZE(11, 2) /* bits */

struct run_room {
	struct timer_slot a[RUN_ROOM], b[RUN_ROOM];
	uint32_t start[1 << DIGIT];
};

/* a by time, those of one time in any order. The result is in a or b and is returned. */
static struct timer_slot *sort(struct run_room *r, uint32_t n)
{
	struct timer_slot *from = r->a, *to = r->b, *swap;
	int64_t least = INT64_MAX, greatest = 0;

	for (uint32_t i = 0; i < n; i++) {
		least = from[i].when < least ? from[i].when : least;
		greatest = from[i].when > greatest ? from[i].when : greatest;
	}
	for (int shift = 0; shift < 63 && (greatest - least) >> shift; shift += DIGIT) {
		uint32_t sum = 0;

#define DIGIT_OF(slot) (((slot).when - least) >> shift & ((1 << DIGIT) - 1))
		memset(r->start, 0, sizeof r->start);
		for (uint32_t i = 0; i < n; i++)
			r->start[DIGIT_OF(from[i])]++;
		for (uint32_t d = 0; d < 1 << DIGIT; d++) {
			uint32_t count = r->start[d];

			r->start[d] = sum;
			sum += count;
		}
		for (uint32_t i = 0; i < n; i++)
			to[r->start[DIGIT_OF(from[i])]++] = from[i];
		swap = from;
		from = to;
		to = swap;
	}
	return from;
}

/* Their n places, in ascending order, are filled again. From the last one on, so that what lies below is a heap. */
static void close_top(struct timers *h, const uint32_t *places, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++)
		h->slots[places[i]].t = NULL;
	while (n-- > 0) {
		while (h->n > 0 && !h->slots[h->n - 1].t)
			h->n--;
		if (places[n] < h->n)
			fill(h, places[n]);
	}
}

void heap_sort_due(struct timers *h, int64_t now)
{
	int64_t span;
	uint32_t n, *places;

	if (h->run_at < h->run_end || h->n < RUN_LEAST || h->slots[0].when > now)
		return;
	if (!h->run_room)
		h->run_room = malloc(sizeof *h->run_room);
	if (!h->run_room)
		return;
	/* The earliest that there is room for: those within a span of time, twice the last one or less. */
	span = now - h->slots[0].when;
	if (h->run_span && h->run_span < span)
		span = h->run_span;
	places = (uint32_t *)h->run_room->b; /* of no use before the sorting */
	while ((n = top(h, h->slots[0].when + span, places, RUN_ROOM)) == RUN_ROOM && span > 0)
		span /= 2;
	h->run_span = span < NEVER / 2 ? 2 * span + 1 : NEVER;
	for (uint32_t i = 0; i < n; i++)
		h->run_room->a[i] = h->slots[places[i]];
	close_top(h, places, n);
	h->run = sort(h->run_room, n);
	for (uint32_t i = 0; i < n; i++) {
		prefetch(h->run[i + 8 < n ? i + 8 : i].t);
		h->run[i].t->at = RUN | i;
	}
	h->run_at = 0;
	h->run_end = n;
}

/* ---- Memory ------------------------------------------------------------------------------------- */

void heap_trim(struct timers *h)
{
	if (likely(h->room <= ROOM_LEAST || h->n >= h->room / 8))
		return;
	resize(h, h->room / 4);
	if (h->run_at == h->run_end && h->n < RUN_LEAST) {
		free(h->run_room);
		h->run_room = NULL;
	}
}

void heap_free(struct timers *h)
{
	free_slots(h);
	free(h->run_room);
}
