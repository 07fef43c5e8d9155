/* SPDX-License-Identifier: MIT
 *
 * sched/idle.c - a P without work: search, sleep, and who wakes whom.
 *
 * No ready coroutine is forgotten:
 *   I1  who makes work visible, then looks at sched.load:     queue store, light fence, load read
 *       who stops searching or goes idle, then looks at       load RMW, heavy fence, queue read
 *       the queues:
 *       one of the two sees the other. The first wakes a P if one is idle and nobody searches; the
 *       second goes back to work if it sees any.
 *   I2  While somebody searches nobody is woken; a searcher that finds work wakes the next one if there
 *       is more (it may have been relied upon).
 *   I3  A lone coroutine in the queue of a P that is moving (its tick changes) is about to run there:
 *       it is no reason to wake anybody. Should the P stop moving, the watcher finds it: one sleeping
 *       M looks every 50 us to 2 ms while any P is busy. Without a watcher lone work wakes as any other.
 *
 * docs/scheduler.md has the argument at length, and what was rejected.
 */
#include "base/clock.h"
#include "sched/policy.h"
#include "sched/sched_priv.h"

/* ---- Looking ------------------------------------------------------------------------------------ */

/* Is there something to take from others? A queue counts from `least` on. */
static bool work_visible(uint32_t least)
{
	uint32_t n = atm_load_acq(&sched.nprocs);

	if (atm_load_rlx(&sched.global.n))
		return true;
	for (uint32_t i = 0; i < n; i++)
		if (runq_len(sched.allp[i]) >= least)
			return true;
	return false;
}

/* For who leaves the search or the watch: lone work counts unless somebody watches (I3). Whoever is woken
 * for it and finds it moving becomes the watcher. */
static bool work_unwatched(void)
{
	return work_visible(atm_load_rlx(&sched.load) & LOAD_WATCH ? 2 : 1);
}

/* Has victim picked nothing since pp's last look? Looks are at least spin/8 or a watch apart. */
static bool is_stale(const struct p *pp, const struct p *victim)
{
	return pp->seen_tick[victim->id] == atm_load_rlx(&victim->tick);
}

static void look(struct p *pp)
{
	uint32_t n = atm_load_acq(&sched.nprocs);

	for (uint32_t i = 0; i < n; i++)
		pp->seen_tick[i] = atm_load_rlx(&sched.allp[i]->tick);
}

/* One visit to each P, nearest first. */
static struct g *steal(struct p *pp, bool stale_known)
{
	const struct victims *v = atm_load_acq(&pp->victims); /* acq: pairs with topo_place */
	uint32_t start = 0, offset = 0;

	for (int level = 0; level < v->nlevels; level++) {
		uint32_t end = v->level_end[level];

		for (uint32_t i = start; i < end; i++) {
			uint32_t at =
				policy_victim(&sched.knobs, &pp->rng, i, start, end, (uint32_t)v->n, &offset);
			struct p *victim = sched.allp[v->order[at]];
			bool stale = stale_known && is_stale(pp, victim);

			if (!policy_may_steal(runq_len(victim), stale))
				continue;

			struct g *gp = steal_from(pp, victim);

			if (gp)
				return gp;
		}
		start = end;
	}
	return NULL;
}

/* ---- Searching ---------------------------------------------------------------------------------- */

static bool start_search(struct m *mp)
{
	if (mp->spinning)
		return true;

	uint64_t load = atm_load_rlx(&sched.load); /* rlx: a limit that need not be exact */

	if (!policy_may_search(&sched.knobs, load_spinning(load), atm_load_acq(&sched.nprocs),
						   load_idle(load)))
		return false;
	atm_add_sc(&sched.load, LOAD_SPIN);
	mp->spinning = true;
	return true;
}

static void found_work(struct m *mp)
{
	if (!mp->spinning)
		return;
	mp->spinning = false;

	uint64_t before = atm_add_sc(&sched.load, -LOAD_SPIN); /* I1, I2 */

	if (load_spinning(before) == 1 && load_idle(before) > 0) {
		sched_heavy();
		if (work_unwatched() || runq_len(mp->p) > 0)
			wake_one();
	}
}

/* Rounds over the other P's until the budget is over; the first look is free. */
static struct g *search(struct m *mp)
{
	struct p *pp = mp->p;
	int64_t end = 0, next_look = 0;

	look(pp);
	for (bool stale_known = false;; STAT(pp, spins)) {
		struct g *gp = steal(pp, stale_known);

		stale_known = false;
		give_back_if_asked(pp);
		if (!gp)
			gp = global_get(pp);
		if (!gp)
			gp = inbox_get(pp);
		if (gp)
			return gp;
		if (atm_load_acq(&sched.phase) != PHASE_RUNNING || atm_load_rlx(&pp->retire))
			return NULL;

		int64_t now = clock_now();

		if (!end) {
			end = now + sched.knobs.spin_us * 1000;
			next_look = now + 10000;
		}
		if (now >= end)
			return NULL;
		if (now >= next_look) {
			stale_known = true; /* the ticks seen are 10 us old: compare, then look anew */
			gp = steal(pp, true);
			if (gp)
				return gp;
			look(pp);
			stale_known = false;
			next_look = now + 10000;
		}
		for (int i = 0; i < 16; i++)
			atm_pause();
	}
}

/* ---- Sleeping ----------------------------------------------------------------------------------- */

/* Takes mp off the list of sleeping M's; false when a waker has done so. sched.lock held. */
static bool unlist(struct m *mp)
{
	for (struct m **at = &sched.idle_m; *at; at = &(*at)->link) {
		if (*at == mp) {
			*at = mp->link;
			return true;
		}
	}
	return false;
}

/* sched.lock held, as for the next two. */
static struct p *take_idle_p(void)
{
	struct p *pp = sched.idle_p;

	if (pp) {
		sched.idle_p = pp->link;
		pp->state = P_TAKEN;
		atm_add_sc(&sched.load, -LOAD_IDLE);
	}
	return pp;
}

/* One certain P, if it is idle. */
static bool take_this_p(struct p *pp)
{
	for (struct p **at = &sched.idle_p; *at; at = &(*at)->link) {
		if (*at == pp) {
			*at = pp->link;
			pp->state = P_TAKEN;
			atm_add_sc(&sched.load, -LOAD_IDLE);
			return true;
		}
	}
	return false;
}

void put_idle_p(struct p *pp)
{
	if (pp->id >= atm_load_acq(&sched.nprocs)) { /* maxprocs fell while we had it */
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

static bool anybody_busy(void)
{
	return load_idle(atm_load_rlx(&sched.load)) < atm_load_acq(&sched.nprocs);
}

/* Becomes the watcher if there is none and somebody may leave work lying. */
static bool start_watch(void)
{
	for (;;) {
		uint64_t load = atm_load_rlx(&sched.load); /* rlx: the CAS decides */

		if ((load & LOAD_WATCH) || !anybody_busy())
			return false;
		if (atm_cas_sc(&sched.load, load, load | LOAD_WATCH))
			return true;
	}
}

static void stop_watch(void)
{
	atm_add_sc(&sched.load, -LOAD_WATCH);
}

/* A sleeper that saw work (I1) or stale work (I3) gets up, if a P is still idle. */
static bool get_up(struct m *mp)
{
	lock(&sched.lock);
	struct p *pp = sched.idle_p && unlist(mp) ? take_idle_p() : NULL;

	if (pp)
		atm_add_sc(&sched.load, LOAD_SPIN);
	unlock(&sched.lock);
	if (!pp)
		return false;
	mp->spinning = true; /* off the list: ours again */
	acquire_p(mp, pp);
	return true;
}

/* Has some busy P left work lying since the last call? */
static bool stale_work(uint32_t *seen, uint32_t n)
{
	bool stale = false;

	for (uint32_t i = 0; i < n; i++) {
		struct p *pp = sched.allp[i];
		uint32_t tick = atm_load_rlx(&pp->tick);

		if (runq_len(pp) > 0 && seen[i] == tick)
			stale = true;
		seen[i] = tick;
	}
	return stale;
}

/* Sleeps with an eye open. True when it got up by itself. */
static bool watch(struct m *mp)
{
	uint32_t seen[WEND_P_LIMIT];
	int64_t interval = policy_watch_next(&sched.knobs, 0, true);

	stale_work(seen, atm_load_acq(&sched.nprocs));
	for (;;) {
		uint32_t value = ec_value(&mp->ec);

		if (atm_load_acq(&mp->woken) || atm_load_acq(&sched.phase) != PHASE_RUNNING)
			return false;
		ec_wait(&mp->ec, value, clock_now() + interval);
		if (atm_load_acq(&mp->woken) || atm_load_acq(&sched.phase) != PHASE_RUNNING)
			return false;
		if (!anybody_busy())
			return false;
		if (stale_work(seen, atm_load_acq(&sched.nprocs))) {
			if (get_up(mp)) {
				struct p *pp = mp->p;

				for (uint32_t i = 0; i < atm_load_acq(&sched.nprocs); i++)
					pp->seen_tick[i] = seen[i];
				mp->picked = steal(pp, true);
				return true;
			}
			return false;
		}
		interval = policy_watch_next(&sched.knobs, interval, false);
	}
}

/* Until somebody hands over a P. mp stands on the list of sleeping M's. */
void m_sleep(struct m *mp)
{
	bool trimmed = false;

	while (!atm_load_acq(&mp->woken)) { /* acq: pairs with wake_m */
		if (atm_load_acq(&sched.phase) != PHASE_RUNNING)
			return;
		if (!mp->locked_g && start_watch()) {
			atm_store_rlx(&mp->watching, 1); /* rlx: a hint for start_p */
			bool up = watch(mp);

			atm_store_rlx(&mp->watching, 0);
			stop_watch();
			sched_heavy(); /* who relied on the watch (I3) is seen now */
			if (up || atm_load_acq(&mp->woken)) {
				if (work_unwatched())
					wake_one();
				if (up)
					return;
				break;
			}
			if (anybody_busy())
				continue;
		}
		uint32_t value = ec_value(&mp->ec);

		/* What the increment announces is looked at between reading the value and waiting. */
		if (atm_load_acq(&mp->woken) || atm_load_acq(&sched.phase) != PHASE_RUNNING)
			continue;
		/* Quiet for 10 ms: time to give back memory. */
		if (!ec_wait(&mp->ec, value, trimmed ? 0 : clock_now() + 10000000) && !trimmed) {
			trimmed = true;
			if (!anybody_busy()) {
				flush_idle_caches();
				stack_release_all();
				trim_parked(1024);
			}
		}
	}
	atm_store_rlx(&mp->woken, 0);
	if (mp->next_p) {
		struct p *pp = mp->next_p;

		mp->next_p = NULL;
		acquire_p(mp, pp);
	}
}

/* ---- Waking ------------------------------------------------------------------------------------- */

static void wake_m(struct m *mp)
{
	atm_store_rel(&mp->woken, 1); /* rel: next_p, spinning; pairs with m_sleep and watch */
	ec_inc(&mp->ec);
}

/* Gives pp to a sleeping M or a new one. spinning: it comes to search and is counted already. */
static void start_p(struct p *pp, bool spinning)
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
	if (mp) {
		wake_m(mp);
		return;
	}
	mp = m_make();
	if (mp && m_start(mp, pp, spinning) == 0)
		return;
	/* No thread to be had: the P stays idle, the others do the work. */
	if (spinning)
		atm_add_sc(&sched.load, -LOAD_SPIN);
	lock(&sched.lock);
	put_idle_p(pp);
	unlock(&sched.lock);
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
	sched_heavy(); /* inbox CAS before the list is read; the idler: list, heavy fence, inbox */
	lock(&sched.lock);
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

/* The caller's M cannot use pp now. */
void hand_off_p(struct p *pp)
{
	if (runq_len(pp) || atm_load_rlx(&pp->inbox) || atm_load_rlx(&sched.global.n)) {
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
	if (!anybody_busy())
		check_deadlock();
}

/* ---- The loop's question ------------------------------------------------------------------------ */

/* Gives the P up and sleeps; on return mp has a P again, or the runtime stops. */
static void go_idle(struct m *mp)
{
	struct p *pp = mp->p;

	bool spinning = mp->spinning;

	STAT(pp, idles);
	deque_trim(&pp->fresh);
	deque_trim(&pp->ring);
	mp->p = NULL;
	mp->spinning = false; /* once on the list, it is the waker's to set */
	lock(&sched.lock);
	put_idle_p(pp);
	mp->link = sched.idle_m;
	sched.idle_m = mp;
	unlock(&sched.lock);

	uint64_t load = spinning ? atm_add_sc(&sched.load, -LOAD_SPIN) : atm_load_rlx(&sched.load);

	if (load_spinning(load) == spinning) { /* nobody else searches: the last look is ours */
		sched_heavy(); /* I1 */
		bool up = work_visible(2) && get_up(mp);

		if (up && mp->p != pp && atm_load_rlx(&pp->inbox))
			wake_p(pp);
		if (up)
			return;
		if (!anybody_busy())
			check_deadlock();
	}
	if (atm_load_rlx(&pp->inbox)) /* bound work came in while the P was not idle yet */
		wake_p(pp);
	m_sleep(mp);
}

struct g *find_work(struct m *mp)
{
	for (;;) {
		if (unlikely(atm_load_acq(&sched.phase) != PHASE_RUNNING))
			return NULL;
		if (!mp->p) {
			m_sleep(mp);
			continue;
		}
		if (mp->picked) {
			struct g *gp = mp->picked;

			mp->picked = NULL;
			found_work(mp);
			return gp;
		}
		if (unlikely(atm_load_rlx(&mp->p->retire))) {
			retire_p(mp);
			continue;
		}

		struct g *gp = pick(mp->p);

		if (!gp)
			gp = pick_fair(mp->p);
		if (!gp && atm_load_acq(&sched.nprocs) > 1 && start_search(mp))
			gp = search(mp);
		if (gp) {
			found_work(mp);
			return gp;
		}
		if (!atm_load_rlx(&mp->p->retire))
			go_idle(mp);
	}
}
