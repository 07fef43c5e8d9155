/* SPDX-License-Identifier: MIT
 *
 * sched/wake.c - the lists of idle P's and sleeping M's, and who gives a P to whom. The rules I1 to I3 stand
 * in idle.c. */
#include <time.h>

#include "base/fatal.h"
#include "base/list.h"
#include "sched/idle_priv.h"
#include "sched/policy.h"

#define SPARE_THREADS ATM_SIZE(8, 0) /* may sleep for as long as they like, besides one for each P */

/* ---- Lists -------------------------------------------------------------------------------------- */

/* Takes mp off the list of sleeping M's; false when a waker has done so. sched.lock held, as for the next
 * two and put_idle_p. */
bool unlist(struct m *mp)
{
	return list_remove(&sched.idle_m, mp, link);
}

/* One certain P, if it is idle. */
bool take_this_p(struct p *pp)
{
	if (!list_remove(&sched.idle_p, pp, link))
		return false;
	pp->state = P_TAKEN;
	atm_add_sc(&sched.load, -LOAD_IDLE);
	return true;
}

struct p *take_idle_p(void)
{
	struct p *pp = sched.idle_p;

	return pp && take_this_p(pp) ? pp : NULL;
}

void put_idle_p(struct p *pp)
{
	if (pp->id >= p_count()) { /* maxprocs fell while we had it */
		pp->state = P_GONE;
		return;
	}
	pp->state = P_IDLE;
	pp->link = sched.idle_p;
	sched.idle_p = pp;
	atm_add_sc(&sched.load, LOAD_IDLE); /* I1 */
}

struct p *first_p(void)
{
	lock(&sched.lock);
	struct p *pp = take_idle_p();

	unlock(&sched.lock);
	return pp;
}

/* ---- Waking ------------------------------------------------------------------------------------- */

static void wake_m(struct m *mp)
{
	atm_store_rel(&mp->woken, 1); /* rel: next_p, spinning; pairs with m_sleep and watch */
	ec_inc(&mp->ec);
}

/* Does mp, which has slept for long, end? It is off the list then. Those that have been of no use for the longest lie
 * at the end of the list and are left. */
bool end_if_surplus(struct m *mp)
{
	uint32_t asleep = 0;

	lock(&sched.lock);
	for (struct m *at = sched.idle_m; at && asleep <= p_count() + SPARE_THREADS; at = at->link)
		asleep++;
	mp->surplus = asleep > p_count() + SPARE_THREADS && !mp->is_caller && unlist(mp);
	unlock(&sched.lock);
	if (mp->surplus)
		timers_unwatched(); /* it may have been roused for one */
	return mp->surplus;
}

/* A sleeping M, if there is one, gets pp. */
static bool give_to_sleeper(struct p *pp, bool spinning)
{
	lock(&sched.lock);
	struct m *mp = sched.idle_m;

	while (mp && atm_load_rlx(&mp->watching) && mp->link) /* rlx: better not the watcher, that is all */
		mp = mp->link;
	if (mp) {
		unlist(mp);
		mp->next_p = pp;
		mp->spinning = spinning;
	}
	unlock(&sched.lock);
	if (mp)
		wake_m(mp);
	return mp != NULL;
}

/* No thread for pp: it stays idle, what is bound to it runs elsewhere, and what lies in its queues is the
 * other P's to steal. */
static void do_without(struct p *pp, bool spinning)
{
	if (spinning)
		atm_add_sc(&sched.load, -LOAD_SPIN);
	lock(&sched.lock);
	for (struct g *gp; (gp = bound_get(pp));)
		global_put_locked(gp, gp, 1);
	put_idle_p(pp);
	unlock(&sched.lock);
}

/* Gives pp to a sleeping M or a new one. spinning: it comes to search and is counted already. */
static void start_p(struct p *pp, bool spinning)
{
	for (int try = 1; !give_to_sleeper(pp, spinning); try++) {
		const struct timespec nap = {0, try * 1000000};
		struct m *mp = m_make();

		if (mp && m_start(mp, pp, spinning) == 0)
			return;
		do_without(pp, spinning);
		sched_heavy(); /* I1; mutant: whoever relied on this P would meet the same shortage */
		if (anybody_busy() || (!work_visible(1) && timers_earliest(NULL) == NEVER))
			return;
		/* Nobody is left to run them: the shortage may pass (mp is NULL at our own limit), as Go hopes, too. Else they
		 * wait for who comes back from a blocking call, if there is somebody. */
		if ((!mp || try >= 3) && atm_load_rlx(&sched.blocked)) /* rlx: behind a full fence; B1, of blocking.c */
			return;
		if (try == 20)
			wend__fatal("no thread can be had, and none is left to run coroutines: raise ulimit -u, "
						"kernel.pid_max or the pids limit of the cgroup");
		nanosleep(&nap, NULL);
		lock(&sched.lock);
		bool mine = take_this_p(pp);

		unlock(&sched.lock);
		if (!mine)
			return;
		spinning = false;
	}
}

/* One idle P, if any, unless somebody searches already. */
void wake_one(void)
{
	for (;;) {
		uint64_t load = atm_load_rlx(&sched.load); /* rlx: the CAS decides */

		if (!load_idle(load) || load_spinning(load))
			return;
		if (atm_cas_sc(&sched.load, load, load + LOAD_SPIN)) /* whoever wins does the waking */
			break;
	}
	lock(&sched.lock);
	struct p *pp = atm_load_rlx(&sched.phase) == PHASE_RUNNING ? take_idle_p() : NULL;

	unlock(&sched.lock);
	if (pp)
		start_p(pp, true);
	else
		atm_add_sc(&sched.load, -LOAD_SPIN);
}

noinline void wake_slow(struct p *pp)
{
	uint64_t load = atm_load_rlx(&sched.load); /* rlx: a hint; I1 */

	if (!policy_may_wake(&sched.knobs, runq_len(pp), (load & LOAD_WATCH) != 0))
		return;
	STAT(pp, wakes);
	wake_one();
}

/* pp, which the caller does not hold, has something in its inbox. */
void wake_p(struct p *pp)
{
	lock(&sched.lock); /* with the inbox's CAS a full fence; the idler: list, heavy fence, inbox */
	bool mine = take_this_p(pp);
	struct g *left = NULL;

	if (!mine && pp->state == P_GONE) /* it retired between the look at nprocs and the put */
		left = atm_xchg_sc(&pp->inbox, NULL);
	unlock(&sched.lock);
	if (mine)
		start_p(pp, false);
	for (struct g *next; left; left = next) {
		next = left->link;
		requeue(NULL, left);
	}
}

/* ---- Timers ------------------------------------------------------------------------------------- */

/* A sleeping M looks at the timers anew, or at all; who watches already first. If none sleeps, a P gets a thread, which
 * will. */
static void rouse(void)
{
	lock(&sched.lock);
	struct m *mp = sched.idle_m;

	for (struct m *other = mp; other; other = other->link)
		if (atm_load_rlx(&other->watching)) /* rlx: another one finds out, too */
			mp = other;
	unlock(&sched.lock);
	if (mp)
		ec_inc(&mp->ec);
	else
		wake_one();
}

/* T3. Who runs coroutines looks at its own P's timers all the time, and hands them over when it goes idle; who sleeps and
 * watches comes by every 2 ms while anybody runs. Who searches will watch, or find work and look whether anybody does. */
void timers_were_set(struct m *mp, int64_t when)
{
	uint64_t load = atm_load_rlx(&sched.load); /* rlx: the heap's unlock is a full fence */

	if (!load_idle(load))
		return;
	if (load & LOAD_WATCH ? !(mp && mp->p) && when < (int64_t)atm_load_rlx(&sched.watch_until) : !load_spinning(load))
		rouse();
}

void hand_over_timers(struct p *pp)
{
	int64_t next = timers_next(&pp->timers); /* the lock taken since is a full fence, T3 */

	if (next != NEVER)
		timers_were_set(NULL, next);
}

void timers_were_moved(void)
{
	int64_t first = timers_earliest(NULL); /* T3: the heap's unlock */

	if (first != NEVER)
		timers_were_set(NULL, first);
}

void timers_unwatched(void)
{
	uint64_t load = atm_load_rlx(&sched.load); /* rlx: after a heavy fence */

	if (load_idle(load) && !(load & LOAD_WATCH) && !load_spinning(load) && timers_earliest(NULL) != NEVER)
		rouse();
}

/* ---- Handing off -------------------------------------------------------------------------------- */

/* The caller's M cannot use pp now. */
void hand_off_p(struct p *pp)
{
	bool work = runq_len(pp) || pp->bound || atm_load_rlx(&pp->inbox) || atm_load_rlx(&sched.global.n);

	if (work || (timers_earliest(NULL) != NEVER && !(atm_load_rlx(&sched.load) & LOAD_WATCH))) {
		start_p(pp, false);
		return;
	}
	lock(&sched.lock);
	put_idle_p(pp);
	unlock(&sched.lock);
	sched_heavy(); /* I1 */
	if (work_unwatched())
		wake_one();
	if (atm_load_rlx(&pp->inbox))
		wake_p(pp);
	hand_over_timers(pp);
	if (!anybody_busy())
		check_deadlock();
}
