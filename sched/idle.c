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
 *   T3  (timer.h) The watcher also sleeps no longer than to the first timer, and stays as long as there is one.
 *
 * docs/scheduler.md has the argument at length, and what was rejected.
 */
#include "base/clock.h"
#include "sched/idle_priv.h"
#include "sched/policy.h"
#include "sched/reclaim.h"
#include "sched/switch.h"

#define QUIET_NS 10000000
#define UNDECIDED_NS 1000000000 /* from one look for a deadlock to the next, while other threads live */

/* ---- Sleeping ----------------------------------------------------------------------------------- */

/* Becomes the watcher if there is none and somebody may leave work lying, or a timer is set. */
static bool watch_wanted(uint64_t load)
{
	return !(load & LOAD_WATCH) && (load_idle(load) < p_count() || timers_earliest(NULL) != NEVER);
}

static bool start_watch(void)
{
	for (;;) {
		uint64_t load = atm_load_rlx(&sched.load); /* rlx: the CAS decides */

		if (!watch_wanted(load))
			return false;
		if (atm_cas_sc(&sched.load, load, load | LOAD_WATCH))
			return true;
	}
}

static void stop_watch(void)
{
	atm_add_sc(&sched.load, -LOAD_WATCH);
}

/* A sleeper that saw work (I1), stale work (I3) or a timer that is due gets up, if a P is still idle: best that one. */
static bool get_up(struct m *mp, struct p *best)
{
	lock(&sched.lock);
	struct p *pp = NULL;

	if (sched.idle_p && unlist(mp))
		pp = best && take_this_p(best) ? best : take_idle_p();

	if (pp)
		atm_add_sc(&sched.load, LOAD_SPIN);
	unlock(&sched.lock);
	if (!pp)
		return false;
	mp->spinning = true; /* off the list: ours again */
	border_refresh(mp);
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

/* Time to get up, for whoever looks between two naps. */
static bool called(const struct m *mp)
{
	return atm_load_rlx(&mp->woken) || !running(); /* rlx: wait_for_p takes what wake_m has left after another look */
}

/* Nobody has had anything to do for QUIET_NS, nor will for as long: time to give back memory, once. */
static void give_back_when_quiet(bool *done, int64_t now)
{
	if (*done || anybody_busy() || reclaim_waiting() || timers_earliest(NULL) - QUIET_NS < now)
		return;
	*done = true;
	flush_idle_caches();
	stack_release_all();
	trim_parked(1024);
}

/* Sleeps to `until`, which timers may have decided, unless one was set meanwhile that is due before (T3). */
static void watch_nap(struct m *mp, uint32_t value, int64_t until, bool timers)
{
	atm_xchg_sc(&sched.watch_until, (uint64_t)until);
	if (!timers || timers_earliest(NULL) >= until)
		ec_wait(&mp->ec, value, until);
}

/* Sleeps with an eye open. True when it got up by itself. */
static bool watch(struct m *mp, bool *trimmed)
{
	uint32_t seen[WEND_P_LIMIT];
	int64_t interval = policy_watch_next(&sched.knobs, 0, true), now = clock_now();
	int64_t look = now + interval, quiet = now + QUIET_NS;
	bool stuck = false; /* a timer is due, and no P is free for it */

	stale_work(seen, p_count());
	for (;;) {
		uint32_t value = ec_value(&mp->ec);
		int64_t until = stuck ? NEVER : timers_earliest(NULL);

		if (called(mp) || (until == NEVER && !anybody_busy()))
			return false;
		if ((anybody_busy() || unlikely(reclaim_waiting())) && look < until)
			until = look;
		else if (!*trimmed && quiet < until)
			until = quiet;
		watch_nap(mp, value, until, !stuck);
		now = clock_now();
		if (unlikely(reclaim_waiting()) && reclaim_tick(mp) && get_up(mp, NULL))
			return true;
		if (called(mp))
			return false;
		struct p *whose = NULL;
		bool due = timers_earliest(&whose) <= now;

		stuck = due && anybody_busy();
		if (due && get_up(mp, whose)) {
			timers_run_all(mp);
			return true;
		}
		if (now >= quiet)
			give_back_when_quiet(trimmed, now);
		if (now < look)
			continue;
		if (anybody_busy() && stale_work(seen, p_count())) {
			if (get_up(mp, NULL)) {
				struct p *pp = mp->p;

				for (uint32_t i = 0; i < p_count(); i++)
					pp->seen_tick[i] = seen[i];
				mp->picked = steal_any(pp, true);
				return true;
			}
			return false;
		}
		interval = policy_watch_next(&sched.knobs, interval, false);
		look = now + interval;
	}
}

static void wait_for_p(struct m *mp)
{
	bool trimmed = false, looked = false;
	int64_t look_ns = 1000000;

	while (!atm_load_acq(&mp->woken)) { /* acq: pairs with wake_m */
		if (!running())
			return;
		if (!mp->locked_g && start_watch()) {
			atm_store_rlx(&mp->watching, 1); /* rlx: a hint for start_p */
			bool up = watch(mp, &trimmed);

			atm_store_rlx(&mp->watching, 0);
			stop_watch();
			if (up)
				return; /* to search: found_work will see who relied on the watch */
			sched_heavy(); /* who relied on it (I3) is seen from here on: by m_sleep, or by the next to watch */
			if (atm_load_rlx(&mp->woken) || anybody_busy() || timers_earliest(NULL) != NEVER) /* rlx: as in called */
				continue;
		}
		uint32_t value = ec_value(&mp->ec);

		/* What the increment announces is looked at between reading the value and waiting. */
		if (called(mp) || (!mp->locked_g && watch_wanted(atm_load_rlx(&sched.load)))) /* rlx: ec_value acquires */
			continue;
		/* Quiet for 10 ms: time to give back memory. For long: perhaps there are too many of us. */
		int64_t now = clock_now();
		int64_t rest = !trimmed ? now + QUIET_NS : looked ? EC_NEVER : now + sched.knobs.thread_ms * 1000000;

		if (unlikely(reclaim_waiting())) {
			if (reclaim_tick(mp) && !mp->locked_g && get_up(mp, NULL))
				return;
			rest = now + look_ns; /* a section may stay open for long: ever less often */
			look_ns = look_ns < 64000000 ? 2 * look_ns : look_ns;
		}
		bool again = mp->undecided && rest > now + UNDECIDED_NS;

		if (again)
			rest = now + UNDECIDED_NS;
		if (ec_wait(&mp->ec, value, rest) || reclaim_waiting())
			continue;
		if (again) {
			mp->undecided = !anybody_busy() && check_deadlock();
			continue;
		}
		if (trimmed) {
			looked = true;
			if (!mp->locked_g && end_if_surplus(mp))
				return;
		}
		give_back_when_quiet(&trimmed, rest);
		trimmed = true; /* else it is for the watcher to see when it is quiet */
	}
	atm_store_rlx(&mp->woken, 0);
	if (mp->next_p) {
		struct p *pp = mp->next_p;

		mp->next_p = NULL;
		acquire_p(mp, pp);
	}
}

/* Until somebody hands over a P. mp stands on the list of sleeping M's. */
void m_sleep(struct m *mp)
{
	/* rel R2: asleep it holds nothing, and has no P to be taken. mutant: it came onto the list under sched.lock, which a
	 * grace period takes before it looks */
	atm_store_rel(&mp->in_rt, 0);
	wait_for_p(mp);
	border_refresh(mp);
	/* Lone work and timers were left to the watcher that this M was or was about to be. Now that it has been given a P for
	 * something bound, say, somebody else must watch. */
	if (mp->p && !mp->spinning) {
		if (work_unwatched())
			wake_one();
		else
			timers_unwatched();
	}
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
		bool up = work_visible(2) && get_up(mp, NULL);

		if (up && mp->p != pp && atm_load_rlx(&pp->inbox))
			wake_p(pp);
		if (up)
			return;
		mp->undecided = !anybody_busy() && check_deadlock();
	}
	if (atm_load_rlx(&pp->inbox)) /* bound work came in while the P was not idle yet */
		wake_p(pp);
	hand_over_timers(pp);
	m_sleep(mp);
}

struct g *find_work(struct m *mp)
{
	for (;;) {
		if (unlikely(!running() || mp->surplus))
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
		if (!gp && p_count() > 1 && start_search(mp))
			gp = search(mp);
		if (gp) {
			found_work(mp);
			return gp;
		}
		if (!atm_load_rlx(&mp->p->retire) && !reclaim_work(mp))
			go_idle(mp);
	}
}
