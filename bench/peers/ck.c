/* SPDX-License-Identifier: MIT
 *
 * ck.c - Concurrency Kit's own structures, used as their manual pages say, beside the library's;
 * and two algorithms rebuilt on ck_pr that have no library to link: a Chase-Lev deque whose owner
 * issues CK's full fence (mfence on x86-64), and the local run queue of Go's scheduler. One
 * thread, one pair of operations, nothing contended: the cost that everybody pays.
 */
#include <ck_epoch.h> /* CK first: our short force_inline would change its attributes */
#include <ck_hp.h>
#include <ck_pr.h>
#include <ck_ring.h>
#include <ck_spinlock.h>
#include <ck_stack.h>

#include "base/compiler.h"
#include "bench/bench.h"

#define SLOTS 256 /* as many as Go's run queue has */
#define RESIDENT 64

/* The timed loop around one pair. A pair that fails says so through `ok`. */
#define PAIRS(b, ok, pair)                                                                        \
	do {                                                                                          \
		uint64_t n_;                                                                              \
                                                                                                  \
		while ((n_ = bench_next(b)) != 0) {                                                       \
			for (uint64_t i_ = 0; i_ < n_; i_++)                                                  \
				ok &= (pair);                                                                     \
		}                                                                                         \
		if (!ok)                                                                                  \
			bench_fail(b, "an item was lost");                                                    \
	} while (0)

/* ---- Chase-Lev, owner's side, as in Le et al. 2013 ----------------------------------------- */

static struct {
	alignas(CACHELINE) uint64_t top;
	alignas(CACHELINE) uint64_t bottom;
	void *slot[SLOTS];
} deque;

static noinline bool deque_push(void *item)
{
	uint64_t bottom = ck_pr_load_64(&deque.bottom);

	if (bottom - ck_pr_load_64(&deque.top) >= SLOTS)
		return false;
	ck_pr_store_ptr(&deque.slot[bottom % SLOTS], item);
	ck_pr_fence_store();
	ck_pr_store_64(&deque.bottom, bottom + 1);
	return true;
}

static noinline bool deque_pop(void **item)
{
	uint64_t bottom = ck_pr_load_64(&deque.bottom) - 1, top;
	bool won = true;

	ck_pr_store_64(&deque.bottom, bottom);
	ck_pr_fence_memory();
	top = ck_pr_load_64(&deque.top);
	if ((int64_t)(bottom - top) < 0) {
		ck_pr_store_64(&deque.bottom, bottom + 1);
		return false;
	}
	*item = ck_pr_load_ptr(&deque.slot[bottom % SLOTS]);
	if (bottom == top) {
		won = ck_pr_cas_64(&deque.top, top, top + 1);
		ck_pr_store_64(&deque.bottom, bottom + 1);
	}
	return won;
}

static void deque_row(bench *b)
{
	bool ok = true;
	void *item;

	deque.top = deque.bottom = 0;
	for (int i = 0; i < RESIDENT; i++)
		ok &= deque_push(&deque);
	PAIRS(b, ok, deque_push(&deque) && deque_pop(&item));
}
BENCH_NAMED(ck_deque_mfence, "ck/deque_mfence", .run = deque_row, .placement = BENCH_SAME_CPU)

/* ---- Go's local run queue ------------------------------------------------------------------ */

/* Only the owner writes tail and slots; head moves by compare-and-swap, because thieves move it
 * too. */
static struct {
	alignas(CACHELINE) uint32_t head;
	uint32_t tail;
	void *slot[SLOTS];
} runq;

static noinline bool runq_put(void *g)
{
	uint32_t head = ck_pr_load_32(&runq.head), tail = ck_pr_load_32(&runq.tail);

	ck_pr_fence_acquire();
	if (tail - head >= SLOTS)
		return false;
	ck_pr_store_ptr(&runq.slot[tail % SLOTS], g);
	ck_pr_fence_release();
	ck_pr_store_32(&runq.tail, tail + 1);
	return true;
}

static noinline void *runq_get(void)
{
	for (;;) {
		uint32_t head = ck_pr_load_32(&runq.head);
		void *g;

		ck_pr_fence_acquire();
		if (head == ck_pr_load_32(&runq.tail))
			return NULL;
		g = ck_pr_load_ptr(&runq.slot[head % SLOTS]);
		if (ck_pr_cas_32(&runq.head, head, head + 1))
			return g;
	}
}

static void runq_row(bench *b)
{
	bool ok = true;

	runq.head = runq.tail = 0;
	for (int i = 0; i < RESIDENT; i++)
		ok &= runq_put(&runq);
	PAIRS(b, ok, runq_put(&runq) && runq_get() == &runq);
}
BENCH_NAMED(go_runq, "runq/go_algorithm", .run = runq_row, .placement = BENCH_SAME_CPU)

/* ---- CK's structures ----------------------------------------------------------------------- */

static ck_ring_t ring;
static ck_ring_buffer_t ring_slots[SLOTS];

static void ring_spsc_row(bench *b)
{
	bool ok = true;
	void *item;

	ck_ring_init(&ring, SLOTS);
	PAIRS(b, ok,
		  ck_ring_enqueue_spsc(&ring, ring_slots, &ring) &&
			  ck_ring_dequeue_spsc(&ring, ring_slots, &item));
}
BENCH_NAMED(ck_ring_spsc, "ck/ring_spsc", .run = ring_spsc_row, .placement = BENCH_SAME_CPU)

static void ring_mpmc_row(bench *b)
{
	bool ok = true;
	void *item;

	ck_ring_init(&ring, SLOTS);
	PAIRS(b, ok,
		  ck_ring_enqueue_mpmc(&ring, ring_slots, &ring) &&
			  ck_ring_dequeue_mpmc(&ring, ring_slots, &item));
}
BENCH_NAMED(ck_ring_mpmc, "ck/ring_mpmc", .run = ring_mpmc_row, .placement = BENCH_SAME_CPU)

static bool stack_pair(ck_stack_t *stack, ck_stack_entry_t *entry)
{
	ck_stack_push_upmc(stack, entry);
	return ck_stack_pop_upmc(stack) == entry;
}

static void stack_row(bench *b)
{
	static ck_stack_t stack = CK_STACK_INITIALIZER;
	static ck_stack_entry_t entry;
	bool ok = true;

	PAIRS(b, ok, stack_pair(&stack, &entry));
}
BENCH_NAMED(ck_stack_upmc, "ck/stack_upmc", .run = stack_row, .placement = BENCH_SAME_CPU)

static bool lock_pair(ck_spinlock_fas_t *lock)
{
	ck_spinlock_fas_lock(lock);
	ck_spinlock_fas_unlock(lock);
	return true;
}

static void spinlock_row(bench *b)
{
	static ck_spinlock_fas_t lock = CK_SPINLOCK_FAS_INITIALIZER;
	bool ok = true;

	PAIRS(b, ok, lock_pair(&lock));
}
BENCH_NAMED(ck_spinlock, "ck/spinlock_fas", .run = spinlock_row, .placement = BENCH_SAME_CPU)

static bool epoch_pair(ck_epoch_record_t *record)
{
	ck_epoch_begin(record, NULL);
	ck_epoch_end(record, NULL);
	return true;
}

static void epoch_row(bench *b)
{
	static ck_epoch_t epoch;
	static ck_epoch_record_t record;
	static bool ready; /* a record cannot leave its epoch, so both live as long as the program */
	bool ok = true;

	if (!ready) {
		ck_epoch_init(&epoch);
		ck_epoch_register(&epoch, &record, NULL);
		ready = true;
	}
	PAIRS(b, ok, epoch_pair(&record));
}
BENCH_NAMED(ck_epoch, "ck/epoch", .run = epoch_row, .placement = BENCH_SAME_CPU)

static void no_destructor(void *unused)
{
	(void)unused;
}

static bool hazard_pair(ck_hp_record_t *record)
{
	ck_hp_set_fence(record, 0, record);
	ck_hp_clear(record);
	return true;
}

static void hazard_row(bench *b)
{
	static ck_hp_t hp;
	static ck_hp_record_t record;
	static void *pointers[1];
	static bool ready; /* as above */
	bool ok = true;

	if (!ready) {
		ck_hp_init(&hp, 1, 64, no_destructor);
		ck_hp_register(&hp, &record, pointers);
		ready = true;
	}
	PAIRS(b, ok, hazard_pair(&record));
}
BENCH_NAMED(ck_hazard, "ck/hazard", .run = hazard_row, .placement = BENCH_SAME_CPU)

/* ---- ck_pr with the fences that make it sequentially consistent -------------------------------- */

static uint64_t word;

static bool store_fence(uint64_t v)
{
	ck_pr_store_64(&word, v);
	ck_pr_fence_memory();
	return true;
}

static bool load_acquire(void)
{
	BENCH_USE(ck_pr_load_64(&word));
	ck_pr_fence_acquire();
	return true;
}

static bool or_word(void)
{
	ck_pr_or_64(&word, 1);
	return true;
}

static bool keep(uint64_t v)
{
	BENCH_USE(v);
	return true;
}

#define CK_PR(ident, str, op)                                                                     \
	static void ident(bench *b)                                                                   \
	{                                                                                             \
		bool ok = true;                                                                           \
                                                                                                  \
		PAIRS(b, ok, op);                                                                         \
	}                                                                                             \
	BENCH_NAMED(ident, str, .run = ident, .placement = BENCH_SAME_CPU)
CK_PR(pr_load, "ck/load", load_acquire())
CK_PR(pr_store, "ck/store_fence", store_fence(i_))
CK_PR(pr_faa, "ck/faa", keep(ck_pr_faa_64(&word, 1)))
CK_PR(pr_fas, "ck/fas", keep(ck_pr_fas_64(&word, i_)))
CK_PR(pr_cas, "ck/cas", ck_pr_cas_64(&word, ck_pr_load_64(&word), i_))
CK_PR(pr_or, "ck/or", or_word())
