/* SPDX-License-Identifier: MIT
 *
 * bench_deque.c - the Chase-Lev deque: the owner's pairs in both fence forms, and thieves. The
 * `last` rows push and pop the only item, which the owner must guard against thieves; the others
 * have more below. Against a Chase-Lev with CK's fence, CK's rings and stack, and Go's run queue
 * (peers/ck.c).
 */
#include "atomics/deque.h"
#include "bench/bench.h"
#include "wend/deque.h"

#define RESIDENT 64 /* items below the pair under test in the ordinary rows */
#define BATCH 1024  /* items per refill where a batch is stolen */

struct setting {
	enum wend_deque_fence fence;
	bool fifo;
	unsigned resident;
};

static wend_deque *fill(bench *b, enum wend_deque_fence fence, unsigned items)
{
	wend_deque *d = wend_deque_make(2 * BATCH, fence);

	for (unsigned i = 0; d && i < items; i++) {
		if (wend_deque_push(d, d) != 0) {
			wend_deque_free(d);
			d = NULL;
		}
	}
	if (!d)
		bench_fail(b, "no memory for a deque");
	return d;
}

/* The loops are made once for each end, so that no test of which it is stands in them. */
static force_inline bool owner_pairs(wend_deque *d, bool fifo, uint64_t n)
{
	bool ok = true;
	void *item;

	for (uint64_t i = 0; i < n; i++) {
		ok &= wend_deque_push(d, d) == 0;
		ok &= fifo ? wend_deque_take(d, &item) : wend_deque_pop(d, &item);
	}
	return ok;
}

static void owner(bench *b)
{
	const struct setting *s = bench_user(b);
	wend_deque *d = fill(b, s->fence, s->resident);
	bool ok = true;
	uint64_t n;

	if (!d)
		return;
	while ((n = bench_next(b)) != 0)
		ok &= s->fifo ? owner_pairs(d, true, n) : owner_pairs(d, false, n);
	if (!ok)
		bench_fail(b, "an item was lost");
	wend_deque_free(d);
}

#define OWNER(ident, str, ...)                                                                    \
	static struct setting ident = {__VA_ARGS__};                                                  \
	BENCH_NAMED(ident, str, .run = owner, .user = &ident, .placement = BENCH_SAME_CPU)
OWNER(push_pop_asym, "deque/push_pop_asym", WEND_DEQUE_ASYM, false, RESIDENT)
OWNER(push_pop_full, "deque/push_pop_full", WEND_DEQUE_FULL, false, RESIDENT)
OWNER(push_take_asym, "deque/push_take_asym", WEND_DEQUE_ASYM, true, RESIDENT)
OWNER(push_take_full, "deque/push_take_full", WEND_DEQUE_FULL, true, RESIDENT)
OWNER(last_asym, "deque/push_pop_last_asym", WEND_DEQUE_ASYM, false, 0)
OWNER(last_full, "deque/push_pop_last_full", WEND_DEQUE_FULL, false, 0)

/* The same structure as the scheduler uses it: inlined, and by value within the P. What is spawned
 * goes in and out at the bottom, what gave way goes round. */
static force_inline bool queue_pairs(struct deque *d, bool fifo, uint64_t n)
{
	bool ok = true;
	void *item;

	for (uint64_t i = 0; i < n; i++) {
		ok &= deque_push(d, d) == 0;
		ok &= fifo ? deque_take(d, &item) : deque_pop(d, &item);
	}
	return ok;
}

static void run_queue(bench *b)
{
	const struct setting *s = bench_user(b);
	static struct deque d; /* like a P's: aligned, and constant in address */
	bool ok = true;
	uint64_t n;

	wend__asym_probe();
	if (deque_init(&d, 0, wend__asym_on) != 0) {
		bench_fail(b, "no memory for a run queue");
		return;
	}
	for (int i = 0; i < RESIDENT / 2; i++)
		ok &= deque_push(&d, &d) == 0;
	while ((n = bench_next(b)) != 0)
		ok &= s->fifo ? queue_pairs(&d, true, n) : queue_pairs(&d, false, n);
	if (!ok)
		bench_fail(b, "an item was lost");
	deque_destroy(&d);
}

#define RUNQ(ident, str, ...)                                                                     \
	static struct setting ident = {__VA_ARGS__};                                                  \
	BENCH_NAMED(ident, str, .run = run_queue, .user = &ident, .placement = BENCH_SAME_CPU,        \
				.baseline = "runq/go_algorithm")
RUNQ(runq_fifo, "runq/put_get", WEND_DEQUE_AUTO, true, 0)
RUNQ(runq_lifo, "runq/put_get_newest", WEND_DEQUE_AUTO, false, 0)

/* What a pair cannot be below: the stores that others must see, and the look for thieves, with the indices in
 * registers. */
static force_inline void bare_pairs(struct deque *d, bool fifo, uint64_t n)
{
	uint64_t b = RESIDENT, t = 0;

	for (uint64_t i = 0; i < n; i++) {
		atm_store_rlx(&d->slots[b & (DEQUE_MIN_CAPACITY - 1)], d); /* rlx: nobody looks */
		atm_store_rel(&d->bottom, b + 1);
		if (fifo)
			b++;
		else
			atm_store_rel(&d->bottom, b);
		BENCH_USE(atm_load_acq(&d->thieves));
		if (fifo)
			atm_store_rlx(&d->top, ++t); /* rlx: as above */
	}
}

static void bare_stores(bench *b)
{
	const struct setting *s = bench_user(b);
	static struct deque d;
	uint64_t n;

	if (deque_init(&d, 0, false) != 0) {
		bench_fail(b, "no memory for a deque");
		return;
	}
	while ((n = bench_next(b)) != 0) {
		if (s->fifo)
			bare_pairs(&d, true, n);
		else
			bare_pairs(&d, false, n);
	}
	deque_destroy(&d);
}

#define BARE(ident, str, base, ...)                                                               \
	static struct setting ident = {__VA_ARGS__};                                                  \
	BENCH_NAMED(ident, str, .run = bare_stores, .user = &ident, .placement = BENCH_SAME_CPU,      \
				.baseline = base)
BARE(bare_oldest, "runq/bare_stores", "runq/put_get", WEND_DEQUE_AUTO, true, 0)
BARE(bare_newest, "deque/bare_stores", "deque/push_pop_asym", WEND_DEQUE_AUTO, false, 0)

/* One item per visit. The deque is refilled outside the timing. */
static void steal(bench *b)
{
	const struct setting *s = bench_user(b);
	wend_deque *d = fill(b, s->fence, 0);
	bool ok = true;
	uint64_t n;

	if (!d)
		return;
	while (ok && (n = bench_next(b)) != 0) {
		uint64_t ns = 0;

		for (uint64_t left = n; ok && left > 0;) {
			uint64_t k = left < BATCH ? left : BATCH, start;
			void *item;

			for (uint64_t i = 0; i < k; i++)
				ok &= wend_deque_push(d, d) == 0;
			start = bench_now();
			for (uint64_t i = 0; i < k; i++)
				ok &= wend_deque_steal(d, &item);
			ns += bench_now() - start;
			left -= k;
		}
		bench_time(b, ns);
	}
	if (!ok)
		bench_fail(b, "an item was lost");
	wend_deque_free(d);
}

/* One visit takes half of 128 items, as a thief of a run queue does; per item. */
static void steal_half(bench *b)
{
	enum { ITEMS = 128, HALF = ITEMS / 2, ROUNDS = BATCH / HALF };
	const struct setting *s = bench_user(b);
	wend_deque *queue[ROUNDS] = {0};
	void *items[HALF], *item;
	bool ok = true;
	uint64_t n;

	for (int i = 0; i < ROUNDS; i++) {
		queue[i] = fill(b, s->fence, ITEMS);
		if (!queue[i])
			goto out;
	}
	while (ok && (n = bench_next(b)) != 0) {
		uint64_t ns = 0, got = 0;

		/* A clock reading costs as much as ten items, so several queues are robbed in a row; what
		 * is taken beyond n is in the time and is taken out of it again. */
		while (ok && got < n) {
			uint64_t start = bench_now();

			for (int i = 0; i < ROUNDS; i++)
				got += wend_deque_steal_half(queue[i], items, HALF);
			ns += bench_now() - start;
			for (int i = 0; i < ROUNDS; i++) {
				while (wend_deque_len(queue[i]) < ITEMS)
					ok &= wend_deque_push(queue[i], queue[i]) == 0;
			}
		}
		ok &= got % BATCH == 0;
		bench_time(b, (uint64_t)((double)ns * (double)n / (double)got));
	}
	if (!ok)
		bench_fail(b, "a visit brought less than half");
out:
	for (int i = 0; i < ROUNDS && queue[i]; i++) {
		while (wend_deque_pop(queue[i], &item))
			;
		wend_deque_free(queue[i]);
	}
}

#define THIEF(ident, str, fn, ...)                                                                \
	static struct setting ident = {__VA_ARGS__};                                                  \
	BENCH_NAMED(ident, str, .run = fn, .user = &ident, .placement = BENCH_SAME_CPU,               \
				.flags = BENCH_MANUAL_TIME)
THIEF(steal_asym, "deque/steal", steal, WEND_DEQUE_ASYM, false, 0)
THIEF(steal_full, "deque/steal_full", steal, WEND_DEQUE_FULL, false, 0)
THIEF(half_asym, "deque/steal_half_per_item", steal_half, WEND_DEQUE_ASYM, false, 0)
THIEF(half_full, "deque/steal_half_per_item_full", steal_half, WEND_DEQUE_FULL, false, 0)
