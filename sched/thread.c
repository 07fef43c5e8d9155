/* SPDX-License-Identifier: MIT
 *
 * sched/thread.c - M's: threads that run the loop, and coroutines that are locked to one.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "base/fatal.h"
#include "sched/switch.h"
#include "wend/go.h"

#define THREAD_STACK ((size_t)256 << 10) /* the loop's own stack; untouched pages cost nothing */

/* One whose thread has ended (a coroutine ended there locked, or no thread could be had), ready for another
 * one; NULL if there is none. full: nor may there be another. */
static struct m *reuse(bool *full)
{
	struct m *mp;

	lock(&sched.lock);
	*full = sched.nm >= sched.knobs.threads;
	for (mp = sched.all_m; mp; mp = mp->all_link)
		if (!mp->is_caller && atm_cas_sc(&mp->gone, 1, 0))
			break;
	unlock(&sched.lock);
	if (!mp)
		return NULL;
	if (mp->joinable)
		pthread_join(mp->thread, NULL); /* it is past its last line */
	return mp;
}

static cold void say_no_thread(const char *why, const char *remedy)
{
	static atm_u32 said;

	if (atm_xchg_sc(&said, 1) == 0 && ATM_SIZE(true, false))
		fprintf(stderr,
				"wend: no further thread (%s): coroutines run on fewer CPUs, and wait for those in blocking "
				"calls. Raise %s. This is said once.\n",
				why, remedy);
}

struct m *m_make(void)
{
	bool full;
	struct m *mp = reuse(&full);
	bool fresh = !mp;

	if (fresh && full) { /* by one more at times, when two look at once */
		say_no_thread("there are as many as may be", "the knob threads");
		return NULL;
	}
	if (fresh)
		mp = aligned_alloc(CACHELINE, sizeof *mp);
	if (!mp)
		return NULL;
	lock(&sched.lock);
	*mp = (struct m){
		.bound_cpu = -1,
		.id = fresh ? sched.nm++ : mp->id,
		.all_link = fresh ? sched.all_m : mp->all_link,
	};
	if (fresh)
		sched.all_m = mp;
	if (!wend__asym_on)
		atm_store_rlx(&mp->attn, ATTN_FENCE); /* rlx: under the lock */
	if (atm_load_rlx(&sched.phase) == PHASE_STOPPING)
		atm_or_sc(&mp->attn, ATTN_STOP); /* stop_begin has passed the list already */
	unlock(&sched.lock);
	return mp;
}

/* A thread must end in m_detach. */
static void left_otherwise(void *arg)
{
	wend__fatal("pthread_exit in a coroutine: use wend_goexit");
}

static pthread_key_t guard_key;
static pthread_once_t guard_once = PTHREAD_ONCE_INIT;
static bool have_guard_key;

static void make_guard_key(void)
{
	have_guard_key = pthread_key_create(&guard_key, left_otherwise) == 0;
}

/* The calling thread is mp's from now on. */
void m_attach(struct m *mp)
{
	pthread_attr_t attr;

	pthread_once(&guard_once, make_guard_key);
	if (have_guard_key)
		pthread_setspecific(guard_key, mp);

	wend__m = mp;
	atm_store_rlx(&mp->tid, (uint32_t)gettid()); /* rlx: for check_deadlock */
	mp->race_fiber = race_fiber_current();
	if (pthread_getattr_np(pthread_self(), &attr) == 0) {
		void *lo;

		if (pthread_attr_getstack(&attr, &lo, &mp->stack_size) == 0)
			mp->stack_lo = lo;
		pthread_attr_destroy(&attr);
	}
	mp->slack_before = prctl(PR_GET_TIMERSLACK);
	prctl(PR_SET_TIMERSLACK, 1UL); /* the watcher's naps end 50 us late otherwise */
	crash_thread_init(mp);
}

void m_detach(struct m *mp)
{
	if (have_guard_key)
		pthread_setspecific(guard_key, NULL);
	crash_thread_fini(mp);
	if (mp->slack_before > 0)
		prctl(PR_SET_TIMERSLACK, (unsigned long)mp->slack_before);
	if (mp->is_caller && mp->bound_cpu >= 0)
		pthread_setaffinity_np(pthread_self(), sizeof sched.home_cpus, &sched.home_cpus);
	wend__m = NULL;
	atm_store_rel(&mp->in_rt, 0); /* rel R2 */
	atm_store_rel(&mp->gone, 1); /* rel: pairs with the end of the runtime */
}

static void *thread_main(void *arg)
{
	struct m *mp = arg;
	struct p *pp = mp->next_p;
	char name[16];

	m_attach(mp);
	snprintf(name, sizeof name, "wend-m%u", mp->id);
	pthread_setname_np(pthread_self(), name);
	mp->next_p = NULL;
	acquire_p(mp, pp);
	m_loop(mp);
	m_detach(mp);
	return NULL;
}

/* -EAGAIN when no thread can be had; mp stays on the list of all M's, gone. */
int m_start(struct m *mp, struct p *pp, bool spinning)
{
	pthread_attr_t attr;

	mp->next_p = pp;
	mp->spinning = spinning;
	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, THREAD_STACK);
	/* Not that of the thread that happens to make it, which may be bound to its P's CPU. */
	pthread_attr_setaffinity_np(&attr, sizeof sched.home_cpus, &sched.home_cpus);

	mp->joinable = true;

	int err = pthread_create(&mp->thread, &attr, thread_main, mp);

	pthread_attr_destroy(&attr);
	if (err != 0 && err != EAGAIN) /* a sandbox that refuses affinities, whatever error it likes */
		err = pthread_create(&mp->thread, NULL, thread_main, mp);
	if (err == 0)
		return 0;
	mp->next_p = NULL;
	mp->joinable = false;
	atm_store_rel(&mp->gone, 1);
	say_no_thread(strerror(err), "ulimit -u, ulimit -v, kernel.pid_max or the pids limit of the cgroup");
	return -err;
}

void acquire_p(struct m *mp, struct p *pp)
{
	mp->p = pp;
	pp->fair_in = pp->fair_rest = 0; /* have a look at all queues, and at the clock, first */
	topo_bind(mp, pp);
}

/* ---- Locked coroutines -------------------------------------------------------------------------- */

/* gp is locked to another M: that one gets this one's P and gp; this one sleeps. */
static void run_on_its_thread(struct m *mp, struct g *gp)
{
	struct m *home = gp->locked_m;

	lock(&sched.lock);
	home->next_p = mp->p;
	home->next_g = gp;
	mp->p = NULL;
	mp->link = sched.idle_m;
	sched.idle_m = mp;
	unlock(&sched.lock);
	atm_store_rel(&home->woken, 1); /* rel: next_p, next_g; pairs with m_sleep */
	ec_inc(&home->ec);
	m_sleep(mp);
}

/* The coroutine locked to this thread waits: so does the thread, until somebody brings it back. */
static struct g *wait_for_locked(struct m *mp)
{
	struct p *pp = mp->p;

	if (mp->picked) { /* chosen to run after it, but not here */
		requeue(mp, mp->picked);
		mp->picked = NULL;
	}
	mp->p = NULL;
	if (pp) /* none after a blocking call */
		hand_off_p(pp);
	do {
		m_sleep(mp);
		if (!mp->p && !running())
			return NULL;
	} while (!mp->p);

	struct g *gp = mp->next_g;

	mp->next_g = NULL;
	return gp;
}

void wend_lock_thread(void)
{
	struct m *mp = enter();
	struct g *gp = current(mp, "wend_lock_thread");

	if (mp && gp->lock_depth++ == 0) {
		gp->locked_m = mp;
		gp->flags |= G_SLOW;
		mp->locked_g = gp;
	}
	leave_any(mp);
}

void wend_unlock_thread(void)
{
	struct m *mp = enter();
	struct g *gp = current(mp, "wend_unlock_thread");

	if (mp && gp->lock_depth > 0 && --gp->lock_depth == 0) {
		gp->locked_m = NULL;
		if (!gp->on_p)
			gp->flags &= (uint16_t)~G_SLOW;
		mp->locked_g = NULL;
	}
	leave_any(mp);
}

/* ---- The loop ----------------------------------------------------------------------------------- */

void m_loop(struct m *mp)
{
	for (;;) {
		border_refresh(mp); /* inside, and the loop holds no reference */

		struct g *gp = mp->locked_g ? wait_for_locked(mp) : find_work(mp);

		if (!gp)
			return;
		if (unlikely(gp->locked_m && gp->locked_m != mp)) {
			run_on_its_thread(mp, gp);
			continue;
		}
		set_running(mp->p, gp);
		g0_switch(mp, gp);
		if (unlikely(mp->main_over)) {
			main_is_over(mp);
			return;
		}
		if (unlikely(mp->locked_g && mp->locked_over)) { /* it ended locked: so does the thread */
			struct p *pp = mp->p;

			mp->locked_g = NULL;
			if (!mp->is_caller && mp->picked) { /* chosen to run after it, but not here */
				requeue(mp, mp->picked);
				mp->picked = NULL;
			}
			mp->p = NULL;
			if (mp->is_caller) { /* except the one that wend_run was called on */
				mp->locked_over = false;
				acquire_p(mp, pp);
				continue;
			}
			hand_off_p(pp);
			return;
		}
	}
}
