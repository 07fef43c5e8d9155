/* SPDX-License-Identifier: MIT
 *
 * sched/search.c - a P without work looks at the others. The rules I1 to I3 stand in idle.c. */
#include "base/clock.h"
#include "sched/idle_priv.h"
#include "sched/policy.h"

bool work_visible(uint32_t least)
{
	uint32_t n = p_count();

	if (atm_load_rlx(&sched.global.n))
		return true;
	for (uint32_t i = 0; i < n; i++)
		if (runq_len(sched.allp[i]) >= least)
			return true;
	return false;
}

bool work_unwatched(void)
{
	return work_visible(atm_load_rlx(&sched.load) & LOAD_WATCH ? 2 : 1);
}

/* Has victim picked nothing since pp's last look? Looks are at least spin/8 or a watch apart. */
static bool is_stale(const struct p *pp, const struct p *victim)
{
	return pp->seen_tick[victim->id] == atm_load_rlx(&victim->tick);
}

enum spin spin_may_help(const struct m *mp)
{
	uint64_t load = atm_load_rlx(&sched.load); /* rlx: a guess */
	uint32_t off = load_idle(load) + load_spinning(load);
	uint32_t on = atm_load_rlx(&sched.nprocs); /* rlx: likewise */

	if (!mp || !mp->p)
		return on > off ? SPIN_LONG : SPIN_NOT;
	if (on <= off + 1)
		return SPIN_NOT;
	return runq_len(mp->p) == 0 ? SPIN_LONG : SPIN_SHORT;
}

static void look(struct p *pp)
{
	uint32_t n = p_count();

	for (uint32_t i = 0; i < n; i++)
		pp->seen_tick[i] = atm_load_rlx(&sched.allp[i]->tick);
}

/* One visit to each P, nearest first. */
struct g *steal_any(struct p *pp, bool stale_known)
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


/* ---- Rounds ------------------------------------------------------------------------------------- */

bool start_search(struct m *mp)
{
	if (mp->spinning)
		return true;

	uint64_t load = atm_load_rlx(&sched.load); /* rlx: a limit that need not be exact */

	if (!policy_may_search(&sched.knobs, load_spinning(load), p_count(),
						   load_idle(load)))
		return false;
	atm_add_sc(&sched.load, LOAD_SPIN);
	mp->spinning = true;
	return true;
}

void found_work(struct m *mp)
{
	if (!mp->spinning)
		return;
	mp->spinning = false;

	uint64_t before = atm_add_sc(&sched.load, -LOAD_SPIN); /* I1, I2 */

	if (load_spinning(before) == 1 && load_idle(before) > 0) {
		sched_heavy();
		if (work_unwatched() || runq_len(mp->p) > 0)
			wake_one();
		else
			timers_unwatched();
	}
}

/* When pp may next visit another P. */
static int64_t next_visit(struct p *pp, int64_t now)
{
	if (pp->stole_at) {
		if (sched.asym) /* else a visit interrupts nobody */
			pp->rest_ns = policy_steal_rest(&sched.knobs, pp->rest_ns, now - pp->stole_at);
		pp->visit_at = now + pp->rest_ns;
		pp->stole_at = 0;
	}
	return pp->visit_at;
}

static struct g *visit_others(struct p *pp, bool stale_known)
{
	struct g *gp = steal_any(pp, stale_known);

	if (gp)
		pp->stole_at = clock_now();
	return gp;
}

/* Rounds over the other P's until the budget is over. */
struct g *search(struct m *mp)
{
	struct p *pp = mp->p;
	int64_t now = clock_now(), from = next_visit(pp, now);
	int64_t end = (now < from ? from : now) + sched.knobs.spin_us * 1000, next_look = now + 10000;

	look(pp);
	for (;; now = clock_now(), STAT(pp, spins)) {
		bool looked = now >= next_look; /* the ticks seen are 10 us old: compare, then look anew */
		struct g *gp = now >= from ? visit_others(pp, looked) : NULL;

		if (looked) {
			look(pp);
			next_look = now + 10000;
		}
		give_back_if_asked(pp);
		if (!gp && unlikely(timers_next(&pp->timers) <= now))
			gp = pick_fair(pp);
		if (!gp && unlikely(timers_run_overdue(mp, now)))
			gp = pick_fair(pp);
		if (!gp)
			gp = global_get(pp);
		if (!gp)
			gp = bound_get(pp);
		if (gp)
			return gp;
		if (!running() || atm_load_rlx(&pp->retire))
			return NULL;
		if (now >= end)
			return NULL;
		for (int i = 0; i < 16; i++)
			atm_pause();
	}
}
