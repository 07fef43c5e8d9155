/* SPDX-License-Identifier: MIT
 *
 * sched/trim.c - memory back to the kernel: what P's keep for later, and the pages that parked coroutines
 * have touched and no longer use, whatever lies below the saved stack pointer. Such a coroutine must
 * stay parked meanwhile:
 *
 *   T1  ready: state.store RUNNABLE, light fence, trimming load
 *       <-> trim: trimming store, heavy fence, state.load      the waker waits for the trimmer, or the
 *                                                              trimmer leaves that coroutine alone
 *   T2  after_switch: state.store rel WAITING -> trim: state.load acq      the saved stack pointer
 */
#include <sys/mman.h>

#include "base/clock.h"
#include "sched/sched_priv.h"
#include "wend/debug.h"

#define BATCH 64 /* a waker may have to wait for so many system calls: some 30 us */

static struct lock trim_lock;
static struct stack_cursor next_up; /* where the last round stopped; under trim_lock */

struct batch {
	struct g *gp[BATCH];
	uint64_t id[BATCH];
	int n;
};

/* flags may change under our eyes when the coroutine is just being made ready; trim_batch looks again, so
 * the read is not instrumented. */
no_instrument static bool collect(struct g *gp, uint64_t id, size_t size, void *arg)
{
	struct batch *batch = arg;

	if (atm_load_rlx(&gp->state) == G_WAITING && !(gp->flags & G_FOREIGN)) { /* rlx: a hint */
		batch->gp[batch->n] = gp;
		batch->id[batch->n++] = id;
	}
	return batch->n < BATCH;
}

/* Resident pages in [lo, hi); the answer is only counted. */
static size_t resident(char *lo, char *hi)
{
	unsigned char in[64];
	size_t n = 0;

	while (lo < hi) {
		size_t pages = (size_t)(hi - lo) / PAGE_SIZE;

		pages = pages < sizeof in ? pages : sizeof in;
		if (mincore(lo, pages * PAGE_SIZE, in) == 0)
			for (size_t i = 0; i < pages; i++)
				n += in[i] & 1;
		lo += pages * PAGE_SIZE;
	}
	return n;
}

/* The page with the stack pointer stays, and the one below it, for the red zone and the next call. */
static size_t trim_one(struct g *gp)
{
	char *lo = (char *)(((uintptr_t)gp->lo + PAGE_SIZE - 1) & ~(uintptr_t)(PAGE_SIZE - 1));
	char *hi = (char *)((uintptr_t)gp->ctx.sp & ~(uintptr_t)(PAGE_SIZE - 1)) - PAGE_SIZE;
	size_t pages = hi > lo ? resident(lo, hi) : 0;

	if (pages && madvise(lo, (size_t)(hi - lo), MADV_DONTNEED) != 0)
		pages = 0;
	return pages * PAGE_SIZE;
}

static size_t trim_batch(const struct batch *batch)
{
	size_t bytes = 0;

	atm_store_rlx(&sched.trimming, 1); /* T1 */
	sched_heavy();                     /* T1 */
	for (int i = 0; i < batch->n; i++) {
		struct g *gp = batch->gp[i];

		/* mutant: what T2 orders is stored in assembly, unwatched */
		if (atm_load_acq(&gp->state) == G_WAITING && /* acq T2 */
			atm_load_rlx(&gp->slot->id) == batch->id[i]) /* rlx: by T2 that of whoever waits there */
			bytes += trim_one(gp);
	}
	atm_store_rel(&sched.trimming, 0); /* rel: the madvise calls; pairs with wait_for_trim. mutant: as above */
	return bytes;
}

size_t trim_parked(size_t most)
{
	size_t bytes = 0;

	lock(&trim_lock);
	for (size_t seen = 0; seen < most; seen += BATCH) {
		struct batch batch = {.n = 0};
		bool more = stack_each(&next_up, collect, &batch);

		if (batch.n)
			bytes += trim_batch(&batch);
		if (!more) {
			next_up = (struct stack_cursor){0};
			break;
		}
	}
	unlock(&trim_lock);
	stack_count_returned(bytes);
	return bytes;
}

noinline void wait_for_trim(void)
{
	while (atm_load_acq(&sched.trimming)) /* acq: the looks are over. mutant: as in trim_batch */
		atm_pause();
}

/* ---- What P's keep ------------------------------------------------------------------------------ */

void flush_idle_caches(void)
{
	lock(&sched.lock);
	for (struct p *pp = sched.idle_p; pp; pp = pp->link) {
		give_back(pp); /* nobody holds it, and nobody can take it now */
		atm_store_rlx(&pp->flush, 0);
	}
	unlock(&sched.lock);
}

/* P's that are searching or switching answer within microseconds; one that is long in user code does when
 * it comes by, and what it kept is released the next time. */
static void ask_for_caches(const struct p *mine)
{
	int64_t end = clock_now() + 200000;
	bool waiting = true;

	for (int i = 0; i < (int)p_count(); i++)
		if (sched.allp[i] != mine)
			atm_store_rlx(&sched.allp[i]->flush, 1); /* rlx: a request, no data behind it */
	while (waiting && clock_now() < end) {
		flush_idle_caches();
		waiting = false;
		for (int i = 0; i < (int)p_count(); i++)
			waiting = waiting || atm_load_rlx(&sched.allp[i]->flush); /* rlx: what came back is under the class's lock */
		atm_pause();
	}
}

size_t wend_release_memory(void)
{
	struct m *mp = enter();

	size_t bytes = 0;

	if (mp && mp->p)
		give_back(mp->p);
	if (mp || foreign_may()) {
		ask_for_caches(mp ? mp->p : NULL);
		bytes = stack_release_all() + trim_parked(SIZE_MAX);
	}
	leave_any(mp);
	return bytes;
}
