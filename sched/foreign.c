/* SPDX-License-Identifier: MIT
 *
 * sched/foreign.c - threads that the runtime did not make. They spawn and make ready by way of the
 * global queue, and block by way of a G that stands for them: making it ready wakes the thread.
 *
 *   F1  enter_foreign: foreign_in add, phase load
 *       <-> end of the runtime: phase store, foreign_in load       it is refused, or the end waits for it
 */
#include <stdlib.h>
#include <string.h>

#include "base/fatal.h"
#include "sched/blocking.h"
#include "sched/reclaim.h"
#include "sched/sched_priv.h"

/* What a thread keeps: a slot of the smallest stack class, for its control block alone. */
struct foreign {
	struct g *gp;
	uint32_t generation; /* of the runtime that the slot belongs to */
};

static pthread_key_t key;
static pthread_once_t once = PTHREAD_ONCE_INIT;
static __thread struct wend__go *pending __attribute__((tls_model("initial-exec")));

/* This thread is counted in foreign_in. */
static __thread bool counted __attribute__((tls_model("initial-exec")));
/* Calls into the library that it is in. */
static __thread int inside __attribute__((tls_model("initial-exec")));

static void thread_over(void *arg)
{
	struct foreign *f = arg;
	struct m *mp = enter();

	if (!mp && counted && f->generation == sched.generation) {
		atm_store_rel(&f->gp->slot->id, 0); /* rel: pairs with stack_each. mutant: the checker reads no lists */
		f->gp->flags &= (uint16_t)~G_FOREIGN;
		f->gp->link = NULL;
		stack_put(f->gp, 1);
	}
	leave_any(mp);
	free(f);
}

struct m *enter_foreign(void)
{
	foreign_section_begin();
	inside++;
	counted = false;
	/* Or who is refused all the time holds up the end. rlx: a hint */
	if (atm_load_rlx(&sched.phase) == PHASE_RUNNING) {
		atm_add_sc(&sched.foreign_in, 1);              /* F1 */
		counted = atm_load_acq(&sched.phase) == PHASE_RUNNING; /* F1; mutant: the add is the barrier */
		if (!counted)
			atm_add_sc(&sched.foreign_in, (uint32_t)-1);
	}
	return NULL;
}

void leave_foreign(void)
{
	if (counted)
		atm_add_sc(&sched.foreign_in, (uint32_t)-1);
	counted = false;
	inside--;
	foreign_section_end();
}

bool foreign_inside(void)
{
	return inside > 0;
}

void leave_foreign_if_inside(void)
{
	while (inside > 0)
		leave_foreign();
}

bool foreign_may(void)
{
	if (!thread_m()) /* what is in a blocking call is known to be there */
		atm_store_rlx(&sched.foreign_seen, 1); /* rlx: sticky; a report of deadlock needs certainty */
	return counted;
}

bool foreign_alone(void)
{
	return !foreign_may() && atm_load_rlx(&sched.ended); /* rlx: set by an end that this thread knows of, or why not wait */
}

bool foreign_ends(void)
{
	return !running();
}

static void make_key(void)
{
	if (pthread_key_create(&key, thread_over) != 0)
		wend__fatal("no thread-specific key left: pthread_key_create failed");
}

/* One per thread that ever waited, until the thread or the runtime ends. */
static struct g *foreign_g(void)
{
	pthread_once(&once, make_key);

	struct foreign *f = pthread_getspecific(key);
	int got, err;

	if (f && f->generation == sched.generation)
		return f->gp;
	if (!f) {
		f = malloc(sizeof *f);
		if (!f || pthread_setspecific(key, f) != 0)
			wend__fatal("out of memory for a foreign thread's first wait");
	}
	f->gp = stack_get(0, 1, &got, &err);
	if (!f->gp)
		wend__fatal("no control block for a foreign thread's first wait");
	if (got > 1)
		stack_put(f->gp->link, got - 1);
	f->generation = sched.generation;
	f->gp->flags |= G_FOREIGN;
	f->gp->name = "foreign thread";
	f->gp->id = atm_add_sc(&sched.next_id, 1);
	f->gp->parent_id = 0;
	f->gp->entry = f->gp->created_at = NULL;
	atm_store_rlx(&f->gp->state, G_RUNNING);
	atm_store_rel(&f->gp->slot->id, f->gp->id); /* rel: pairs with stack_each; mutant: as above */
	return f->gp;
}

struct wend__go **foreign_pending(void)
{
	return &pending;
}

struct g *current_slow(struct m *mp, const char *what)
{
	if (mp)
		wend__fatal("%s called from a callback of wend_retire, which may not block", what);
	if (!foreign_may())
		wend__fatal("%s called while the runtime is not running: use wend_run, WEND_MAIN or wend_start",
					what);
	return foreign_g();
}

struct m *park_foreign(struct g *gp, park_commit *commit, void *arg)
{
	atm_store_rlx(&gp->state, G_WAITING); /* rlx: for lists */
	atm_store_rlx(&gp->awake, 0);         /* rlx: commit publishes */
	if (!commit(gp, arg))
		return NULL;
	foreign_section_end(); /* asleep it holds nothing */
	for (;;) {
		uint32_t value = ec_value(&gp->ec);

		/* acq: pairs with ready_elsewhere; with stop_begin */
		if (atm_load_acq(&gp->awake) || !running())
			break;
		ec_wait(&gp->ec, value, EC_NEVER);
	}
	foreign_section_begin();
	return NULL;
}

/* flags of a coroutine may change under our eyes, those of a waiting foreign thread do not: not
 * instrumented. An increment too many does no harm. */
no_instrument static bool wake_if_foreign(struct g *gp, uint64_t id, size_t size, void *arg)
{
	if (gp->flags & G_FOREIGN)
		ec_inc(&gp->ec);
	return true;
}

void foreign_release_all(void)
{
	struct stack_cursor at = {0};

	stack_each(&at, wake_if_foreign, NULL);
}

/* Work came into the global queue from outside: whoever sleeps must look. */
void wake_after_foreign(void)
{
	wake_one(); /* I1: the queue's lock was released by an exchange, a full fence */
}

noinline void ready_elsewhere(struct m *mp, struct g *gp)
{
	mark_ready(gp);
	if (gp->flags & G_FOREIGN) {
		/* rel: what the waker did; pairs with park_foreign */
		atm_store_rel(&gp->awake, 1);
		ec_inc(&gp->ec);
		return;
	}
	if (mp && mp->p) {
		STAT(mp->p, readies);
		TRACE(ready, mp->p, gp);
	} else {
		atm_add_sc(&sched.foreign_readies, 1);
	}
	bool bound = gp->on_p != 0;

	requeue(mp, gp); /* from here on gp may have run and ended */
	if (bound)
		return;
	if (mp && mp->p)
		maybe_wake(mp->p);
	else
		wake_after_foreign();
}
