/* SPDX-License-Identifier: MIT
 *
 * sched/sched.h - the folder's door for what is built on it (sync, net, ...): one way to block, one
 * way to wake. A wait works alike for coroutines, which park, and foreign threads, which sleep.
 */
#ifndef SCHED_SCHED_H
#define SCHED_SCHED_H

#include <stdlib.h>

#include "base/fatal.h"
#include "sched/m.h"
#include "sched/panic.h"
#include "sched/stack.h"

/* Who waits: the current coroutine, or a G that stands for the calling foreign thread (made at its
 * first wait, kept until the thread ends). mp is what enter returned. Fatal, naming `what`, when the
 * runtime is not running. */
struct g *current_slow(struct m *mp, const char *what);

static force_inline struct g *current(struct m *mp, const char *what)
{
	return likely(mp && mp->curg) ? mp->curg : current_slow(mp, what);
}

/* Blocks gp = current(mp). After nobody runs on its stack any more, commit(gp, arg) publishes it;
 * returns once somebody has called g_ready(gp). The M may be another then: it is returned, for leave;
 * NULL for a foreign thread. reason and obj show in lists and profiles. */
struct m *g_park(struct m *mp, struct g *gp, enum wait_reason reason, const void *obj, park_commit *commit,
			   void *arg);

/* Makes a parked coroutine runnable (or wakes the foreign thread it stands for). Exactly once per park.
 * mp as from enter, NULL from foreign threads. Never blocks. */
void g_ready(struct m *mp, struct g *gp);

/* The same for a list that is linked by link, in its order. */
static inline void g_ready_all(struct m *mp, struct g *list)
{
	for (struct g *next; list; list = next) {
		next = list->link; /* read before it can run and wait elsewhere */
		g_ready(mp, list);
	}
}

/* wend_go, and on_end(on_end_arg) when the coroutine ends by return or goexit. on_end runs inside the
 * runtime on the coroutine's stack and must not block. */
int spawn_then(void (*fn)(void *), void *arg, void (*on_end)(void *), void *on_end_arg);

/* The same for who is inside already, mp as from enter, or off any coroutine; fn is what lists say it runs. */
int spawn_inside(struct m *mp, void (*fn)(void *), void *arg);

/* Memory for an object of a kind (slab.h), aligned to its size; NULL: there is none. mp as from enter. */
void *slab_get_slow(struct p *pp, enum slab_kind kind);

static inline void *slab_get(struct m *mp, enum slab_kind kind)
{
	struct p *pp = mp ? mp->p : NULL;

	if (SLAB_PLAIN) {
		void *object;

		return posix_memalign(&object, slab_object(kind), slab_object(kind)) == 0 ? object : NULL;
	}
	if (unlikely(!pp || !pp->shelves[kind].chain))
		return slab_get_slow(pp, kind);

	struct shelf *sh = &pp->shelves[kind];
	struct slab_item *it = sh->chain;

	sh->chain = it->next;
	sh->n--;
	return it;
}

void slab_put_slow(struct p *pp, enum slab_kind kind, void *object);

static inline void slab_put(struct m *mp, enum slab_kind kind, void *object)
{
	struct p *pp = mp ? mp->p : NULL;

	if (SLAB_PLAIN) {
		free(object);
		return;
	}
	if (unlikely(!pp || pp->shelves[kind].n == SHELF_CHAIN)) {
		slab_put_slow(pp, kind, object);
		return;
	}

	struct shelf *sh = &pp->shelves[kind];
	struct slab_item *it = object;

	it->next = sh->chain;
	sh->chain = it;
	sh->n++;
}

/* Can it help to wait on the CPU for another coroutine? Only when some other P runs user code. mp as from enter. */
enum spin {
	SPIN_NOT,
	SPIN_SHORT, /* others are ready on this P: for as long as a park and a switch to them take */
	SPIN_LONG,  /* none are: for as long as it takes the P to look for work, and the waiter to come back */
};
enum spin spin_may_help(const struct m *mp);

/* leave for callers that may be foreign. */
static force_inline void leave_any(struct m *mp)
{
	if (likely(mp))
		leave(mp);
	else
		leave_foreign();
}

/* A foreign thread that has entered: is the runtime running? It then is until the thread leaves, or waits
 * in park, which the runtime's end ends. */
bool foreign_may(void);

/* enter for what needs a running runtime, as setting timers does. Fatal, naming `what`, when there is none. */
static inline struct m *enter_for(const char *what)
{
	struct m *mp = enter();

	if (unlikely(!mp) && !foreign_may())
		wend__fatal("%s called while the runtime is not running: use wend_run, WEND_MAIN or wend_start", what);
	return mp;
}

/* For a foreign thread that would have to wait: the runtime has ended, or is about to, and nobody would wake it. It must
 * go on by looking. (False before any runtime: current complains then.) */
bool foreign_alone(void);

/* For a foreign thread that has waited and not left yet: the runtime is about to end, which may be why it is awake. */
bool foreign_ends(void);

static force_inline bool alone(const struct m *mp)
{
	return unlikely(!mp) && foreign_alone();
}

/* Words of which each P has one, picked by a number (cells.c). Each kind of object has a range of numbers of its
 * own, so that none can use up another's. NO_CELL: no number is left. */
#define CELL_RANGE (CELL_SEGMENTS * CELLS_PER_SEGMENT / CELL_RANGES)
#define NO_CELL UINT32_MAX
enum cell_range { CELLS_COUNTER, CELLS_RWMUTEX, CELL_RANGES };
uint32_t cell_number_take(enum cell_range range);
void cell_number_give(uint32_t number);

/* The cell on pp, which the caller holds: its alone to write, atm_add_own. Once it has been got,
 * pp->cells[number / CELLS_PER_SEGMENT] is not NULL. NULL: there is no memory for it. */
atm_u64 *cell_slow(struct p *pp, uint32_t number);

/* The cell that belongs to no P: for atm_add_sc. NULL: no memory, the first time. */
atm_u64 *cell_nobodys(uint32_t number);

/* Sum over all P's and nobody; reset: and sets them to zero. */
int64_t cells_sum(uint32_t number, bool reset);

#endif
