/* SPDX-License-Identifier: MIT
 *
 * sched/procs.c - how many P's: making them, changing their number while running. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "sched/cpus.h"
#include "sched/sched_priv.h"
#include "wend/go.h"

#define QUEUE ATM_SIZE(256, 2) /* slots of a run queue to begin with */

struct p *p_make(uint32_t id)
{
	struct p *pp = aligned_alloc(CACHELINE, sizeof *pp);
	bool asym = sched.asym;

	if (!pp)
		return NULL;
	memset(pp, 0, sizeof *pp);
	timers_init(&pp->timers);
	if (deque_init(&pp->fresh, QUEUE, asym) != 0 || deque_init(&pp->ring, QUEUE, asym) != 0) {
		p_free(pp);
		return NULL;
	}
	pp->id = id;
	pp->cells = cell_row(id);
	pp->rng = 0x9E3779B97F4A7C15ULL * (id + 1);
	pp->refill = 4;
	atm_store_rlx(&pp->cpu, (uint32_t)-1);
	return pp;
}

void p_free(struct p *pp)
{
	deque_destroy(&pp->fresh);
	deque_destroy(&pp->ring);
	timers_destroy(&pp->timers);
	slab_flush(pp);
	topo_forget(pp);
	free(pp);
}

/* ---- Number of P's ------------------------------------------------------------------------------ */

static void drop_idle_above(int n)
{
	for (struct p **at = &sched.idle_p; *at;) {
		struct p *pp = *at;

		if ((int)pp->id < n) {
			at = &pp->link;
			continue;
		}
		*at = pp->link;
		pp->state = P_GONE;
		atm_add_sc(&sched.load, -LOAD_IDLE);
		timers_move(&pp->timers);
	}
}

/* What lies in the queues of a P that must go, and whose holder may be long in coming, goes to the
 * others now. sched.lock held. */
static void empty_from_outside(struct p *pp)
{
	void *items[64];
	size_t n;

	while ((n = deque_steal(&pp->fresh, items, 64, false)) > 0 ||
		   (n = deque_steal(&pp->ring, items, 64, false)) > 0)
		for (size_t i = 0; i < n; i++)
			global_put_locked(items[i], items[i], 1);
	timers_move(&pp->timers);
}

/* To n P's. Those that go and are held by an M retire when it comes by (retire_p). sched.lock held.
 * -ENOMEM, and nothing has changed. */
int procs_resize(int n)
{
	int old = (int)atm_load_rlx(&sched.nprocs);

	while (sched.nallp < n) {
		struct p *pp = p_make((uint32_t)sched.nallp);

		if (!pp)
			return -ENOMEM;
		sched.allp[sched.nallp++] = pp;
	}
	if (topo_place(n) != 0)
		return -ENOMEM;
	atm_store_rel(&sched.nprocs, (uint32_t)n); /* rel: allp[0..n); pairs with who walks them */
	for (int i = n - 1; i >= old; i--) { /* the first P's come to lie on top */
		struct p *pp = sched.allp[i];

		atm_store_rlx(&pp->retire, 0); /* rlx: whoever still has it keeps it */
		if (pp->state == P_GONE)
			put_idle_p(pp);
	}
	drop_idle_above(n);
	for (int i = n; i < old; i++) {
		/* rlx: a request, no data behind it; for lock_home the heap's lock that timers_move takes */
		atm_store_rlx(&sched.allp[i]->retire, 1);
		empty_from_outside(sched.allp[i]);
	}
	return 0;
}

/* mp's P is one too many: what it holds goes to the others. */
void retire_p(struct m *mp)
{
	struct p *pp = mp->p;
	void *item;

	gcache_flush(pp);
	slab_flush(pp);
	lock(&sched.lock);
	if (atm_load_rlx(&pp->retire) == 0) { /* maxprocs rose again meanwhile */
		unlock(&sched.lock);
		return;
	}
	while (deque_take(&pp->fresh, &item) || deque_take(&pp->ring, &item))
		global_put_locked(item, item, 1);
	bool spinning = mp->spinning;
	struct g *bound = NULL;

	for (struct g *gp; (gp = bound_get(pp));) { /* while the P is still ours */
		gp->link = bound;
		bound = gp;
	}
	timers_move(&pp->timers);
	pp->has_next = false;
	pp->state = P_GONE;
	mp->p = NULL;
	mp->spinning = false; /* once on the list, it is the waker's to set */
	mp->link = sched.idle_m;
	sched.idle_m = mp;
	unlock(&sched.lock);
	for (struct g *next; bound; bound = next) {
		next = bound->link;
		requeue(NULL, bound);
	}
	if (spinning)
		atm_add_sc(&sched.load, -LOAD_SPIN);
	wake_one(); /* I1: the lock was released by an exchange, a full fence */
	timers_were_moved();
	m_sleep(mp);
}

int wend_maxprocs(int n)
{
	if (n > WEND_MAXPROCS_LIMIT)
		return -EINVAL;
	if (!running())
		return wend_num_cpu();

	struct m *mp = enter();

	if (!mp && !foreign_may()) {
		leave_any(mp);
		return wend_num_cpu();
	}
	lock(&sched.lock);
	int old = (int)atm_load_rlx(&sched.nprocs);
	int rc = n >= 1 && n != old ? procs_resize(n) : 0;

	unlock(&sched.lock);
	if (n != old) {
		wake_after_foreign();
		timers_were_moved();
	}
	leave_any(mp);
	return rc ? rc : old;
}
