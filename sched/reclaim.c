/* SPDX-License-Identifier: MIT
 *
 * sched/reclaim.c - deferred freeing: epochs, grace periods, and the records of what waits. The readers' side
 * is the border pair (m.h). docs/reclaim.md has the argument at length.
 *
 * Records gather in the open block of a bag (one per P, one for foreign threads); full blocks go to one queue,
 * oldest first, stamped with the epoch. A block is ripe when a grace period began after it was stamped and is over.
 *
 * Ordering, besides R1 to R3 in m.h:
 *   R4  sealing: the bag's lock taken (unlinking before it), epoch load
 *       <-> grace period: epoch store, heavy fence, in_rt loads
 *                                                    a block with the former epoch holds only what the scan covers
 *   R5  foreign reader: foreign_readers add, epoch load
 *       <-> grace period: epoch store, heavy fence, foreign_readers load    it is counted, or counts itself anew
 *   R6  drive: busy store rel -> cas of the next    the state of the grace period
 *   R7  seal: queue.lock given back, bag.n store -> seal_all: bag.n load, then queue.lock (run_block, reclaim_mark)
 *                                                    who sees the bag empty sees its block in the queue
 *
 * Locks: a bag's, then queue.lock; sched.lock is taken under neither. gp.busy is only ever tried.
 */
#include "sched/reclaim.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/fatal.h"
#include "sched/sched_priv.h"
#include "wend/retire.h"

#define RECLAIM_RECORDS ATM_SIZE(126, 2)  /* a block of 3 KiB */
#define RECLAIM_LIMIT ATM_SIZE(65536, 16) /* records that may wait before who retires more waits, too */
#define LOOK_PERIOD ATM_SIZE(32, 1)       /* every so many records the caller drives */
#define MANY 4096                /* records that start a grace period before its time */
#define PERIOD_NS 1000000        /* between two grace periods that nobody waits for */
#define FOREIGN_BAG WEND_P_LIMIT

struct record {
	void (*fn)(void *a, void *b);
	void *a, *b;
};

struct block {
	struct block *next;
	uint64_t seq;   /* place in the queue, from 1 */
	uint64_t epoch; /* when it was sealed */
	uint32_t n;
	bool run; /* under queue.lock: all callbacks have returned */
	struct record record[RECLAIM_RECORDS];
};

struct bag {
	alignas(CACHELINE) struct lock lock;
	atm_u32 n;          /* records in open; under lock, read by anybody */
	struct block *open; /* under lock */
};

struct waiter {
	struct waiter *next;
	struct g *gp;
	uint32_t seen;
};

struct epoch wend__epoch = {.now = {EPOCH_FIRST}};
atm_u32 wend__reclaim_hurry; /* who is in the barrier */
#define hurry wend__reclaim_hurry
static atm_u32 hurrying_coroutines; /* of them */

static struct bag bags[WEND_P_LIMIT + 1];
static atm_u32 used_bags; /* those of P's lie below it */
static atm_u32 foreign_readers[2]; /* by the parity of their epoch */

static struct {
	alignas(CACHELINE) struct lock lock;
	struct block *head, *tail; /* head: oldest that has not run */
	struct block *next;        /* oldest that nobody runs yet */
	uint64_t last_seq;
	struct waiter *waiters;
	atm_u32 waiting; /* records in the queue; written under lock */
	atm_u32 events;  /* a grace period or a block is over; written under lock */
	atm_u64 run_seq; /* all blocks up to here have run; written under lock */
} queue;

static struct {
	alignas(CACHELINE) atm_u32 busy; /* the rest belongs to whoever sets it */
	bool open;                       /* a grace period is under way, for `target` */
	uint64_t target;
	atm_u64 began; /* when the last one did */
	atm_u64 passed; /* blocks with an epoch below it are ripe */
} gp;

/* ---- Sections ----------------------------------------------------------------------------------- */

static __thread struct {
	uint32_t depth; /* enter_foreign and sections */
	uint32_t slot;
	uint32_t sections, pins; /* as in struct m */
} mine __attribute__((tls_model("initial-exec")));

void foreign_section_begin(void)
{
	uint64_t epoch;

	if (mine.depth++ > 0)
		return;
	for (;;) {
		epoch = atm_load_rlx(&wend__epoch.now); /* rlx: the second look decides */
		/* R5, R1. mutant: this barrier, behind the one by which the object was retired, does what acq does below. */
		atm_add_sc(&foreign_readers[epoch & 1], 1);
		if (atm_load_acq(&wend__epoch.now) == epoch) /* acq R3; R5 */
			break;
		atm_add_sc(&foreign_readers[epoch & 1], (uint32_t)-1);
	}
	mine.slot = epoch & 1;
}

void foreign_section_end(void)
{
	if (--mine.depth == 0)
		atm_add_sc(&foreign_readers[mine.slot], (uint32_t)-1); /* R2 */
}

/* No parking from here on until unpin. Not a section. */
static void pin(struct m *mp)
{
	if (!mp)
		mine.pins++;
	else if (mp->pins++ == 0 && mp->curg)
		mp->curg->flags |= G_PINNED;
}

static void unpin(struct m *mp)
{
	if (!mp)
		mine.pins--;
	else if (--mp->pins == 0 && mp->curg)
		mp->curg->flags &= (uint16_t)~G_PINNED;
}

bool reclaim_pinned(const struct m *mp)
{
	return mp ? mp->pins > 0 : mine.pins > 0;
}

void reclaim_check_park(struct m *mp)
{
	if (reclaim_pinned(mp))
		wend__fatal("park inside a section or a callback of wend_retire");
}

void wend_section_begin(void)
{
	struct m *mp = getm();

	pin(mp);
	if (unlikely(!mp)) {
		mine.sections++;
		foreign_section_begin();
	} else if (mp->sections++ == 0) {
		atm_store_rel(&mp->pin, atm_load_acq(&wend__epoch.now)); /* rel R2; acq R3 */
		asym_light();                                            /* R1 */
	}
}

void wend_section_end(void)
{
	struct m *mp = getm();

	if (unlikely((mp ? mp->sections : mine.sections) == 0))
		wend__fatal("wend_section_end without wend_section_begin");
	if (unlikely(!mp)) {
		mine.sections--;
		foreign_section_end();
	} else if (--mp->sections == 0) {
		atm_store_rel(&mp->pin, 0); /* rel R2 */
	}
	unpin(mp);
}

/* ---- Grace periods ------------------------------------------------------------------------------ */

static bool all_past(uint64_t target)
{
	bool past = atm_load_acq(&foreign_readers[(target - 1) & 1]) == 0; /* acq R2; R5 */

	lock(&sched.lock);
	for (struct m *mp = sched.all_m; past && mp; mp = mp->all_link) {
		uint64_t in = atm_load_acq(&mp->in_rt), held = atm_load_acq(&mp->pin); /* acq R2 */

		past = (in <= EPOCH_NONE || in >= target) && (held == 0 || held >= target);
	}
	unlock(&sched.lock);
	return past;
}

/* Is there a block that no grace period so far covers? */
static bool wanted(void)
{
	bool yes;

	lock(&queue.lock);
	yes = queue.tail && queue.tail->epoch >= atm_load_rlx(&gp.passed);
	unlock(&queue.lock);
	return yes;
}

/* Something happened that a barrier may wait for. mp: inside; NULL for a foreign thread, outside. */
static void announce(struct m *mp)
{
	if (!mp)
		enter_foreign();
	lock(&queue.lock);
	atm_add_own(&queue.events, 1); /* rlx: written under the lock */

	struct waiter *w = queue.waiters;

	queue.waiters = NULL;
	unlock(&queue.lock);
	if (w && !mp && !foreign_may())
		w = NULL; /* the runtime has ended, and with it who waited */
	for (struct waiter *next; w; w = next) {
		next = w->next; /* it lies on the stack of who is woken */
		g_ready(mp, w->gp);
	}
	if (!mp)
		leave_foreign();
}

/* gp.busy is the caller's. */
static void period_begin(void)
{
	gp.target = atm_load_rlx(&wend__epoch.now) + 1; /* rlx: own word */
	atm_store_rel(&wend__epoch.now, gp.target);     /* rel R3 */
	asym_heavy();                                   /* R1, R4, R5 */
	gp.open = true;
}

/* Is the one under way over? gp.busy is the caller's. */
static bool period_over(void)
{
	if (!all_past(gp.target))
		return false;
	gp.open = false;
	atm_store_rel(&gp.passed, gp.target); /* rel: pairs with take_ripe */
	return true;
}

/* Moves the grace period on: is the one under way over, should another begin? Outside all sections; mp: as for
 * announce, or asleep. */
static void drive(struct m *mp, bool now)
{
	bool over = false;

	if (atm_load_rlx(&gp.busy) || !atm_cas_sc(&gp.busy, 0, 1)) /* R6; rlx: a hint */
		return;
	for (;;) {
		if (gp.open) {
			if (!period_over())
				break;
			over = true;
		}
		if (!wanted())
			break;

		uint64_t time = (uint64_t)clock_now();

		/* rlx: own word; a hint */
		if (!now && time - atm_load_rlx(&gp.began) < PERIOD_NS && atm_load_rlx(&queue.waiting) < MANY)
			break;
		atm_store_rlx(&gp.began, time);
		period_begin();
		if (mp && atm_load_rlx(&mp->in_rt)) /* rlx: own word */
			border_refresh(mp); /* or the caller's own would hold it up */
	}
	atm_store_rel(&gp.busy, 0); /* rel R6 */
	if (over)
		announce(mp);
}

/* ---- Blocks ------------------------------------------------------------------------------------- */

/* The bag's lock is held. */
static void seal(struct bag *bag)
{
	struct block *k = bag->open;

	if (!k || k->n == 0)
		return;
	bag->open = NULL;
	lock(&queue.lock);
	k->epoch = atm_load_rlx(&wend__epoch.now); /* rlx: behind the lock's full barrier, R4 */
	k->seq = ++queue.last_seq;
	k->next = NULL;
	if (queue.tail)
		queue.tail->next = k;
	else
		queue.head = k;
	queue.tail = k;
	if (!queue.next)
		queue.next = k;
	atm_add_own(&queue.waiting, k->n); /* rlx: written under the lock */
	unlock(&queue.lock);
	atm_store_rlx(&bag->n, 0); /* rlx: R7 by queue.lock, which was a full barrier */
}

static void seal_all(void)
{
	uint32_t n = atm_load_rlx(&used_bags); /* rlx: by coherence no older than the record that the caller waits for */

	for (uint32_t i = 0; i <= n; i++) {
		struct bag *bag = &bags[i < n ? i : FOREIGN_BAG];

		if (atm_load_rlx(&bag->n) == 0) /* rlx: R7 by queue.lock, which is a full barrier */
			continue;
		lock(&bag->lock);
		seal(bag);
		unlock(&bag->lock);
	}
}

static struct block *take_ripe(void)
{
	struct block *k;

	lock(&queue.lock);
	k = queue.next;
	if (k && k->epoch < atm_load_acq(&gp.passed)) /* acq: all readers' accesses, by way of all_past */
		queue.next = k->next;
	else
		k = NULL;
	unlock(&queue.lock);
	return k;
}

static void finish(struct block *k)
{
	lock(&queue.lock);
	k->run = true;
	atm_add_own(&queue.waiting, -k->n);
	while (queue.head && queue.head->run) {
		struct block *done = queue.head;

		queue.head = done->next;
		if (!queue.head)
			queue.tail = NULL;
		atm_store_rel(&queue.run_seq, done->seq); /* rel: what the callbacks did; pairs with reclaim_passed */
		free(done);
	}
	unlock(&queue.lock);
}

/* Runs one block if one is ripe. Not between enter and leave: callbacks call the library. */
static bool run_block(struct m *mp)
{
	struct block *k = take_ripe();

	if (!k)
		return false;
	pin(mp);
	for (uint32_t i = 0; i < k->n; i++)
		k->record[i].fn(k->record[i].a, k->record[i].b);
	unpin(mp);
	finish(k);
	if (mp)
		mp = enter();
	announce(mp);
	if (mp)
		leave(mp);
	return true;
}

/* ---- Retiring ----------------------------------------------------------------------------------- */

static noinline struct block *open_block(struct bag *bag)
{
	struct block *k = bag->open = malloc(sizeof *k);
	uint32_t number = (uint32_t)(bag - bags);

	if (k) {
		k->n = 0;
		k->run = false;
	}
	while (number != FOREIGN_BAG) {
		uint32_t used = atm_load_rlx(&used_bags); /* rlx: the CAS decides */

		if (number < used || atm_cas_sc(&used_bags, used, number + 1))
			break;
	}
	return k;
}

/* A short sleep of the thread. Nobody can need this one's coroutine to let a grace period pass. */
static void nap(void)
{
	const struct timespec ts = {0, 50000};

	nanosleep(&ts, NULL);
}

static void drive_from_outside(bool now)
{
	struct m *mp = getm();

	if (mp)
		mp = enter();
	drive(mp, now);
	if (mp)
		leave(mp);
}

/* No memory for a block: the caller waits until nobody can hold a. */
static cold void reclaim_here(void (*fn)(void *, void *), void *a, void *b)
{
	if (reclaim_pinned(getm()))
		wend__fatal("wend_retire inside a section or a callback: out of memory");

	uint64_t epoch = atm_load_rlx(&wend__epoch.now); /* rlx: behind the bag's lock, a full barrier, as R4 */

	while (atm_load_acq(&gp.passed) <= epoch) { /* acq: as in take_ripe */
		if (!atm_cas_sc(&gp.busy, 0, 1)) { /* R6 */
			nap();
			continue;
		}
		if (!gp.open)
			period_begin();
		bool over = period_over();

		atm_store_rel(&gp.busy, 0); /* rel R6 */
		if (!over)
			nap();
	}
	pin(getm());
	fn(a, b);
	unpin(getm());
}

/* The place in its block, from 1; 0: no memory for one. */
static uint32_t put_record(void (*fn)(void *a, void *b), void *a, void *b)
{
	struct m *mp = enter();
	struct bag *bag = &bags[mp && mp->p ? mp->p->id : FOREIGN_BAG];
	uint32_t n = 0;

	lock(&bag->lock); /* R4: a full barrier */
	if (likely(bag->open) || open_block(bag)) {
		bag->open->record[bag->open->n++] = (struct record){fn, a, b};
		n = bag->open->n;
		atm_store_rlx(&bag->n, n); /* rlx: who finds it comes by the lock */
		if (n == RECLAIM_RECORDS)
			seal(bag);
	}
	unlock(&bag->lock);
	leave_any(mp);
	return n;
}

bool reclaim_if_memory(void (*fn)(void *a, void *b), void *a, void *b)
{
	return put_record(fn, a, b) > 0;
}

void reclaim_later(void (*fn)(void *a, void *b), void *a, void *b)
{
	uint32_t n = put_record(fn, a, b);

	if (unlikely(n == 0)) {
		reclaim_here(fn, a, b);
		return;
	}
	if (likely(n % LOOK_PERIOD && n != RECLAIM_RECORDS) || reclaim_pinned(getm()))
		return;
	drive_from_outside(false);
	run_block(getm());
	while (unlikely(atm_load_rlx(&queue.waiting) >= RECLAIM_LIMIT)) { /* rlx: an estimate */
		drive_from_outside(true);
		if (!run_block(getm()))
			nap();
	}
}

void reclaim_hasten(void)
{
	if (reclaim_pinned(getm()))
		return;
	seal_all();
	for (int i = 0; i < 16 && reclaim_waiting(); i++) {
		drive_from_outside(true);
		if (run_block(getm()))
			continue;
		for (int j = 0; j < 32; j++)
			atm_pause();
	}
}

static void call_one(void *ptr, void *fn)
{
	((void (*)(void *))fn)(ptr);
}

void wend_retire(void *ptr, void (*fn)(void *ptr))
{
	if (!fn)
		wend__fatal("wend_retire with a nil function");
	reclaim_later(call_one, ptr, (void *)fn);
}

/* ---- The barrier -------------------------------------------------------------------------------- */

uint64_t reclaim_mark(void)
{
	seal_all();
	lock(&queue.lock);
	uint64_t seq = queue.last_seq;

	unlock(&queue.lock);
	return seq;
}

bool reclaim_passed(uint64_t mark)
{
	return atm_load_acq(&queue.run_seq) >= mark; /* acq: pairs with finish */
}

static bool commit_wait(struct g *g, void *arg)
{
	struct waiter *w = arg;
	bool wait;

	w->gp = g;
	lock(&queue.lock);
	wait = w->seen == atm_load_rlx(&queue.events); /* rlx: under the lock */
	if (wait) {
		w->next = queue.waiters;
		queue.waiters = w;
	}
	unlock(&queue.lock);
	return wait;
}

void wend_retire_barrier(void)
{
	struct m *mp = getm();

	if (reclaim_pinned(mp))
		wend__fatal("wend_retire_barrier inside a section or a callback");

	uint64_t mark = reclaim_mark();
	bool coroutine = mp != NULL;

	atm_add_sc(&hurry, 1);
	if (coroutine)
		atm_add_sc(&hurrying_coroutines, 1);
	for (;;) {
		/* rlx: whoever has raised it had queue.lock, and run_block takes that before the looks that matter. */
		struct waiter w = {.seen = atm_load_rlx(&queue.events)};

		drive_from_outside(true);
		if (run_block(getm()))
			continue;
		if (reclaim_passed(mark))
			break;
		if (!getm()) {
			nap();
			continue;
		}
		mp = enter();
		mp = g_park(mp, current(mp, "wend_retire_barrier"), WAIT_RETIRE, &queue, commit_wait, &w);
		leave_any(mp);
	}
	if (coroutine)
		atm_add_sc(&hurrying_coroutines, (uint32_t)-1);
	atm_add_sc(&hurry, (uint32_t)-1);
}

/* ---- The scheduler's hooks ---------------------------------------------------------------------- */

bool reclaim_waiting(void)
{
	return atm_load_rlx(&queue.waiting) != 0; /* rlx: asked again after each nap */
}

bool reclaim_work(struct m *mp)
{
	seal_all(); /* what busy P's, or nobody any more, may not come back for */
	if (!reclaim_waiting())
		return false;
	drive(mp, atm_load_rlx(&hurry) != 0);

	bool ran = run_block(mp);

	border_refresh(mp); /* callbacks may have left */
	return ran;
}

bool reclaim_tick(struct m *mp)
{
	bool ripe;

	drive(mp, atm_load_rlx(&hurry) != 0);
	lock(&queue.lock);
	ripe = queue.next && queue.next->epoch < atm_load_rlx(&gp.passed); /* rlx: take_ripe acquires */
	unlock(&queue.lock);
	return ripe;
}

#ifdef WEND_ATOMICS_MODEL
/* The checker begins anew, and executions that fail leave things behind. Atomic words are put back by itself. */
void reclaim_forget(void)
{
	for (uint32_t i = 0; i < countof(bags); i++)
		bags[i].open = NULL;
	queue.head = queue.tail = queue.next = NULL;
	queue.waiters = NULL;
	queue.last_seq = 0;
	gp.open = false;
	memset(&mine, 0, sizeof mine);
}
#endif

/* Coroutines that were in the barrier are gone with the runtime. */
static void forget_coroutines(void)
{
	lock(&queue.lock);
	queue.waiters = NULL;
	unlock(&queue.lock);
	atm_add_sc(&hurry, -atm_xchg_sc(&hurrying_coroutines, 0));
}

void reclaim_end(void)
{
	forget_coroutines();
	for (int idle = 0; idle < 1000;) { /* foreign threads may stay in a section: 50 ms */
		seal_all();
		if (!reclaim_waiting())
			return;
		drive_from_outside(true);
		if (run_block(NULL))
			continue;
		nap();
		idle++;
	}
}
