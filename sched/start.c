/* SPDX-License-Identifier: MIT
 *
 * sched/start.c - the runtime's life: OFF -> STARTING -> RUNNING -> STOPPING -> OFF, or WEDGED when a
 * coroutine on a CPU never came back to the library.
 *
 * The end: the phase is set, every M's attn word too, one heavy fence. From then on no coroutine gets
 * past the border: who comes in stays in, who is in goes to the loop, and the loop ends.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/fatal.h"
#include "sched/panic_priv.h"
#include "sched/reclaim.h"
#include "sched/switch.h"
#include "wend/config.h"
#include "wend/debug.h"
#include "wend/go.h"

_Static_assert(WEND_P_LIMIT == WEND_MAXPROCS_LIMIT, "one limit");

/* ---- Configuration ------------------------------------------------------------------------------ */

static int complain(const char *where, const char *what)
{
	fprintf(stderr, "wend: %s: %s\n", where, what);
	return -EINVAL;
}

static int read_knobs(struct knobs *k, const struct wend_config *cfg)
{
	const char *debug = getenv("WENDDEBUG"), *procs = getenv("WEND_MAXPROCS");
	char msg[1024], one[64];

	knobs_default(k);
	if (debug && strcmp(debug, "help") == 0) {
		knobs_print_help();
		exit(0);
	}
	if (cfg && (cfg->maxprocs < 0 || cfg->maxprocs > WEND_MAXPROCS_LIMIT))
		return complain("wend_config.maxprocs", "must be from 0 to 1024 (0: as many as CPUs)");
	if (cfg)
		k->maxprocs = cfg->maxprocs;
	if (cfg && cfg->knobs && knobs_parse(k, cfg->knobs, msg, sizeof msg) != 0)
		return complain("wend_config.knobs", msg);
	if (procs && *procs) {
		snprintf(one, sizeof one, "maxprocs=%s", procs);
		if (strchr(procs, ',') || knobs_parse(k, one, msg, sizeof msg) != 0)
			return complain("WEND_MAXPROCS", "must be a whole number from 0 to 1024 (0: as many as CPUs)");
	}
	if (debug && knobs_parse(k, debug, msg, sizeof msg) != 0)
		return complain("WENDDEBUG", msg);
	return 0;
}

int wend_config_check(const char *knobs, char *msg, size_t size)
{
	struct knobs k;
	char own[1024];

	knobs_default(&k);
	int rc = knobs_parse(&k, knobs, own, sizeof own);

	if (msg && size)
		snprintf(msg, size, "%s", rc ? own : "");
	return rc;
}

int wend_config_get(const char *key, char *buf, size_t size)
{
	struct knobs k;

	if (atm_load_acq(&sched.phase) == PHASE_OFF)
		knobs_default(&k);
	else
		k = sched.knobs;
	return knobs_get(&k, key, buf, size);
}

/* ---- Beginning ---------------------------------------------------------------------------------- */

static void free_everything(void)
{
	lock(&sched.lock); /* foreign threads may be counting P's and M's */
	for (int i = 0; i < sched.nallp; i++) {
		p_free(sched.allp[i]);
		sched.allp[i] = NULL;
	}
	sched.nallp = 0;
	for (struct m *mp = sched.all_m, *next; mp; mp = next) {
		next = mp->all_link;
		free(mp);
	}
	sched.all_m = sched.idle_m = NULL;
	sched.idle_p = NULL;
	sched.nm = 0;
	sched.global = (struct global_queue){0};
	atm_store_rlx(&sched.load, 0);
	atm_store_rlx(&sched.nprocs, 0);
	unlock(&sched.lock);
	stack_fini();
	topo_fini();
}

static int start(const struct wend_config *cfg)
{
	struct knobs k;

	if (!atm_cas_sc(&sched.phase, PHASE_OFF, PHASE_STARTING)) {
		if (atm_load_acq(&sched.phase) == PHASE_WEDGED)
			fprintf(stderr, "wend: the runtime cannot start again: its last end timed out\n");
		else
			fprintf(stderr, "wend: the runtime is running already in this process\n");
		return -EBUSY;
	}
	int rc = read_knobs(&k, cfg);

	if (rc == 0) {
		wend__asym_probe();
		sched.knobs = k;
		sched.asym = wend__asym_on && k.fence == FENCE_AUTO;
		atm_store_rlx(&sched.default_class, (uint32_t)stack_class((size_t)k.stack)); /* rlx: see default_class */
		sched.generation++;
		atm_store_rlx(&sched.foreign_seen, 0);
		atm_store_rlx(&sched.blocked, 0);
		atm_store_rlx(&sched.foreign_spawns, 0);
		atm_store_rlx(&sched.foreign_readies, 0);
		if (atm_load_rlx(&sched.next_id) == 0)
			atm_store_rlx(&sched.next_id, 1);
		pthread_getaffinity_np(pthread_self(), sizeof sched.home_cpus, &sched.home_cpus);
		stack_init((enum guard_policy)k.guard);
		crash_init();
		/* Asked before any thread is bound: who asks first later may stand on one CPU. */
		int cpus = wend_num_cpu(), n = k.maxprocs ? (int)k.maxprocs : cpus;

		rc = topo_init();
		lock(&sched.lock);
		if (rc == 0)
			rc = procs_resize(n);
		unlock(&sched.lock);
		if (rc) {
			fprintf(stderr, "wend: cannot start with %d P's: %s\n", n, strerror(-rc));
			free_everything();
		}
	}
	if (rc)
		atm_store_rel(&sched.phase, PHASE_OFF);
	return rc;
}

/* ---- End ---------------------------------------------------------------------------------------- */

/* Whether it is the caller who ends it: of two, one is too late. */
static bool stop_begin(void)
{
	atm_store_rlx(&sched.ended, 1); /* rlx: the CAS releases it */
	if (!atm_cas_sc(&sched.phase, PHASE_RUNNING, PHASE_STOPPING))
		return false;
	lock(&sched.lock);
	for (struct m *mp = sched.all_m; mp; mp = mp->all_link)
		atm_or_sc(&mp->attn, ATTN_STOP);
	asym_heavy(); /* from here on each M is inside, or sees attn on its way in */
	for (struct m *mp = sched.all_m; mp; mp = mp->all_link)
		ec_inc(&mp->ec);
	unlock(&sched.lock);
	foreign_release_all();
	return true;
}

static bool everybody_gone(const struct m *but)
{
	bool gone = true;

	lock(&sched.lock);
	for (struct m *mp = sched.all_m; mp; mp = mp->all_link)
		gone = gone && (mp == but || atm_load_acq(&mp->gone));
	unlock(&sched.lock);
	return gone;
}

static bool caller_gone(void)
{
	bool gone = true;

	lock(&sched.lock);
	for (struct m *mp = sched.all_m; mp; mp = mp->all_link)
		gone = gone && (!mp->is_caller || atm_load_acq(&mp->gone));
	unlock(&sched.lock);
	return gone;
}

static void say_too_long(void)
{
	fprintf(stderr,
			"wend: the runtime ends, but %lld ms were not enough for all coroutines on a CPU to call the "
			"library (knob stop_ms):\n",
			(long long)sched.knobs.stop_ms);
	lock(&sched.lock);
	for (struct m *mp = sched.all_m; mp; mp = mp->all_link) {
		struct g *gp = mp->curg;

		if (!atm_load_acq(&mp->gone) && gp)
			fprintf(stderr, "wend: coroutine %llu (%s) is still %s\n", (unsigned long long)gp->id,
					gp->name ? gp->name : "no name",
					atm_load_acq(&gp->state) == G_BLOCKED ? "in a blocking call" : "on a CPU");
	}
	unlock(&sched.lock);
}

/* Nobody will join them any more. */
static void detach_all(void)
{
	lock(&sched.lock);
	for (struct m *mp = sched.all_m; mp; mp = mp->all_link)
		if (mp->joinable)
			pthread_detach(mp->thread);
	unlock(&sched.lock);
}

/* wend_run's own thread is held by a coroutine: nobody can return from there. */
static cold void caller_is_stuck(void)
{
	say_too_long();
	wend__fatal("wend_run cannot return: the coroutine on its thread does not call the library");
}

/* On the M that the main coroutine ended on. */
void main_is_over(struct m *mp)
{
	int64_t end = clock_now() + sched.knobs.stop_ms * 1000000;
	const struct timespec nap = {0, 200000};

	if (sched.exit_process) {
		wend__die_wait();
		exit(sched.main_result);
	}
	while (!mp->is_caller && !caller_gone()) {
		if (clock_now() >= end)
			caller_is_stuck();
		nanosleep(&nap, NULL);
	}
}

/* Waits for all M's but the caller's, then frees everything. */
static int stop_finish(struct m *mine)
{
	int64_t end = clock_now() + sched.knobs.stop_ms * 1000000;
	struct timespec nap = {0, 20000};

	while (!everybody_gone(mine) || atm_load_acq(&sched.foreign_in)) {
		if (clock_now() >= end) {
			say_too_long();
			atm_store_rel(&sched.phase, PHASE_WEDGED);
			detach_all();
			return -ETIMEDOUT;
		}
		nanosleep(&nap, NULL);
		if (nap.tv_nsec < 1000000)
			nap.tv_nsec *= 2;
	}
	for (struct m *mp = sched.all_m; mp; mp = mp->all_link)
		if (mp != mine && mp->joinable)
			pthread_join(mp->thread, NULL);
	reclaim_end();
	free_everything();
	atm_store_rel(&sched.phase, PHASE_OFF);
	return 0;
}

/* ---- The main coroutine ------------------------------------------------------------------------- */

struct main_call {
	int (*fn)(void *);
	void *arg;
	int result; /* here, as the next runtime may have begun elsewhere before wend_run returns */
};

static void main_coroutine(void *arg)
{
	struct main_call *call = arg;

	call->result = call->fn(call->arg);

	struct m *mp = enter();

	sched.main_result = call->result;
	if (mp->curg->flags & G_TEXTS)
		panic_forget(&mp->curg->unwind);
	STAT(mp->p, exits);
	mp->main_over = true; /* the rest on the thread's own stack: atexit handlers may want room */
	if (!sched.exit_process)
		stop_begin();
	mp->post = POST_EXIT;
	mp->picked = NULL;
	g_switch_g0(mp, mp->curg);
	__builtin_unreachable();
}

static int run(int (*fn)(void *), void *arg, bool exit_process)
{
	struct main_call call = {.fn = fn, .arg = arg};

	if (!fn)
		wend__fatal("go of nil func value");

	int rc = start(NULL);

	if (rc)
		return rc;

	struct m *mp = m_make();
	struct p *pp = first_p();

	atm_store_rlx(&sched.run_mode, 1); /* rlx: RUNNING publishes it */
	sched.exit_process = exit_process;
	rc = mp ? spawn_main(pp, main_coroutine, &call) : -ENOMEM;
	if (rc) {
		fprintf(stderr, "wend: cannot start the main coroutine: %s\n", strerror(-rc));
		free_everything();
		atm_store_rel(&sched.phase, PHASE_OFF);
		return rc;
	}
	mp->is_caller = true;
	m_attach(mp);
	atm_store_rel(&sched.phase, PHASE_RUNNING);
	acquire_p(mp, pp);
	m_loop(mp);
	m_detach(mp);
	rc = stop_finish(mp);
	return rc ? rc : call.result;
}

int wend_run(int (*fn)(void *), void *arg)
{
	return run(fn, arg, false);
}

struct main_args {
	int argc;
	char **argv;
	int (*user_main)(int, char **);
};

static int call_user_main(void *arg)
{
	struct main_args *a = arg;

	return a->user_main(a->argc, a->argv);
}

int wend__main(int argc, char **argv, int (*user_main)(int, char **))
{
	struct main_args a = {argc, argv, user_main};
	int rc = run(call_user_main, &a, true);

	/* Only failures to start come here: the message is out. */
	fflush(NULL);
	return rc < 0 ? 70 : rc;
}

/* ---- Inside a host program ---------------------------------------------------------------------- */

int wend_start(const struct wend_config *cfg)
{
	int rc = start(cfg);

	if (rc)
		return rc;
	atm_store_rlx(&sched.run_mode, 0); /* rlx: as there */
	sched.exit_process = false;
	/* No thread yet: the first spawn starts one. But better to hear now that none can be had. */
	struct m *mp = m_make();

	if (!mp)
		rc = -ENOMEM;
	if (rc) {
		free_everything();
		atm_store_rel(&sched.phase, PHASE_OFF);
		return rc;
	}

	struct p *pp = first_p(); /* before anybody else can take it */

	atm_store_rel(&sched.phase, PHASE_RUNNING);
	rc = m_start(mp, pp, false);
	/* Other threads may be in, and have started M's of their own, since it was RUNNING. */
	if (rc && stop_begin())
		stop_finish(NULL);
	return rc;
}

int wend_stop(void)
{
	/* rlx: running() acquires it */
	if (getm() || !running() || atm_load_rlx(&sched.run_mode) || !stop_begin()) {
		fprintf(stderr, "wend: wend_stop ends what wend_start began, from a foreign thread\n");
		return -EINVAL;
	}
	return stop_finish(NULL);
}
