/* SPDX-License-Identifier: MIT
 *
 * sched/blocking.c - coroutines that block their thread on purpose. The P is given away before and taken back, or
 * queued for, afterwards; in between the thread is a foreign one to the rest of the library.
 *
 *     RUNNING -> BLOCKED: blocked++, state; mp->p = NULL; hand_off_p; outside; wend__m = NULL
 *     BLOCKED -> RUNNING: wend__m = mp; inside;
 *                         former P idle: with it; any P idle: with that one;
 *                         else off the stack, then into the queue, and the M to the sleeping ones
 *
 *   B1  Whoever comes back takes an idle P, or queues and then looks for one (I1); blocked-- in the same hold of
 *       sched.lock. Whoever cannot start a P makes it idle under sched.lock, then reads blocked (wake.c, start_p): that is
 *       not 0 if somebody may still come for it. check_deadlock reads it in a hold of its own.
 *   I1  for the queue, as everywhere: see idle.c.
 *
 * An M in such a call holds no P, no lock and no section, and is on no list but that of all M's: nobody waits for it but
 * the runtime's end.
 */
#include "wend/blocking.h"

#include "base/fatal.h"
#include "sched/blocking.h"
#include "sched/idle_priv.h"
#include "sched/reclaim.h"
#include "sched/switch.h"

__thread struct m *wend__away __attribute__((tls_model("initial-exec")));
#define away wend__away /* in functions that are not inlined: after a panic fn may go on on another thread */

noinline struct m *thread_m(void)
{
	struct m *mp = getm();

	return mp ? mp : away;
}

/* ---- Going ---------------------------------------------------------------------------------------- */

static noinline void go_away(struct m *mp)
{
	struct g *gp = mp->curg;
	struct p *pp = mp->p;

	gp->wait_reason = WAIT_SYSCALL;
	gp->wait_obj = NULL;
	gp->parked_at = pp->now;
	atm_store_rel(&gp->state, G_BLOCKED); /* rel: where it stands, for lists. mutant: the checker reads none */
	STAT(pp, blockings);
	TRACE(block, pp, gp);
	atm_add_sc(&sched.blocked, 1); /* before the P is idle: no deadlock */
	mp->blocked_p = pp;
	mp->p = NULL;
	hand_off_p(pp);
	topo_unbind(mp);
	leave(mp);
	away = mp;
	wend__m = NULL;
}

/* ---- Coming back ---------------------------------------------------------------------------------- */

/* An idle P that gp may run on, best the one it had. sched.lock held. */
static struct p *take_p(const struct g *gp, struct p *former)
{
	if (gp->on_p)
		former = sched.allp[(uint32_t)(gp->on_p - 1) % p_count()];
	if (take_this_p(former))
		return former;
	return gp->on_p ? NULL : take_idle_p();
}

/* Commit, on the M's own stack. What queues under the lock and is run at once finds blocked counted down when it looks
 * for a deadlock. */
static bool queue(struct g *gp, void *arg)
{
	struct m *mp = arg;
	struct p *bound = gp->on_p ? sched.allp[(uint32_t)(gp->on_p - 1) % p_count()] : NULL;

	mark_ready(gp);
	atm_add_sc(&sched.foreign_readies, 1);
	lock(&sched.lock);
	if (bound)
		inbox_put(bound, gp);
	else
		global_put_locked(gp, gp, 1);
	if (!mp->locked_g) { /* else its coroutine brings a P along */
		mp->link = sched.idle_m;
		sched.idle_m = mp;
	}
	atm_add_sc(&sched.blocked, (uint32_t)-1); /* B1 */
	unlock(&sched.lock);
	if (bound)
		wake_p(bound);
	else
		wake_one(); /* I1: the lock was released by an exchange, a full fence */
	return true;
}

static noinline void come_back(void)
{
	struct m *mp = away;
	struct g *gp = mp->curg;

	away = NULL;
	wend__m = mp;
	if (unlikely(!enter_fast(mp)))
		enter_slow(mp); /* for ever, when the runtime ends */
	if (unlikely(gp->flags & G_CANARY))
		canary_check(gp);
	lock(&sched.lock);

	struct p *pp = take_p(gp, mp->blocked_p);

	if (pp)
		atm_add_sc(&sched.blocked, (uint32_t)-1); /* B1 */
	unlock(&sched.lock);
	if (pp) {
		acquire_p(mp, pp);
		if (pp != mp->blocked_p)
			STAT(pp, migrations);
		set_running(pp, gp);
	} else {
		mp->post = POST_PARK;
		mp->commit = queue;
		mp->commit_arg = mp;
		mp = g_switch_g0(mp, gp);
	}
	leave(mp);
}

bool blocking_over(void)
{
	if (getm() || !away)
		return true;
	if (reclaim_pinned(NULL))
		return false;
	come_back();
	return true;
}

int64_t wend_blocking(int64_t (*fn)(void *), void *arg)
{
	struct m *mp = getm();

	if (unlikely(!fn))
		wend__fatal("wend_blocking with a nil function");
	reclaim_check_park(mp);
	if (!mp || !mp->curg)
		return fn(arg);
	mp = enter();
	ctx_here(&mp->curg->ctx); /* for who shows its stack; this frame stays while fn runs */
	go_away(mp);

	int64_t result = fn(arg);

	if (likely(!getm())) { /* else a panic that fn has recovered came back already */
		reclaim_check_park(NULL); /* a section that fn has left open would be nobody's */
		come_back();
	}
	return result;
}
