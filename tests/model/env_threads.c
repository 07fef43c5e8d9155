/* SPDX-License-Identifier: MIT
 *
 * tests/model/env_threads.c - see threads.h. Parking: commit runs at once, on the parking thread, as nobody can
 * tell; then the thread waits for g_ready. That orders memory as a run queue does, release to acquire,
 * and no more. A P changes hands with full fences, as under sched.lock.
 */
#include "model/threads.h"

#include "model/env.h"
#include "sched/go_args.h"
#include "sched/sched_priv.h"
#include "wend/go.h"

enum { MOST = 8, STACK_ARGS = 256 };

struct sched_state wend__sched;
__thread struct m *wend__m __attribute__((tls_model("initial-exec")));

/* One per thread of the model. */
static struct coroutine {
	struct g g;
	struct m m;
	struct model_event readied;
	atm_u32 ready; /* how often, as seen by memory */
	unsigned parks;
	bool parked;
	void (*fn)(void *);
	void *arg;
	void (*on_end)(void *);
	void *on_end_arg;
	alignas(16) char args[sizeof(struct go_block) + STACK_ARGS]; /* of the WEND_GO that started it */
} co[MOST];

static struct p procs[MOST];
static int nco; /* numbers of threads given out, as model_self counts */
static unsigned flags;
static struct model_event freed; /* P's given back */
static bool taken[MOST];

__attribute__((constructor)) static void init(void)
{
	model_thread_local((void **)&wend__m);
}

/* ---- P's -------------------------------------------------------------------------------------------- */

static void hold_p(struct m *mp, int p)
{
	taken[p] = true;
	atm_fence_sc();
	mp->p = &procs[p];
	if (mp->curg)
		mp->curg->last_p = p;
}

static void give_p(struct m *mp)
{
	taken[mp->p->id] = false;
	mp->p = NULL;
	atm_fence_sc();
	model_signal(&freed);
}

/* Any free one. */
static void take_p(struct m *mp)
{
	int n = (int)atm_load_rlx(&sched.nprocs), nfree = 0, free_p[MOST];

	for (;;) {
		unsigned count = freed.count;

		nfree = 0;
		for (int i = 0; i < n; i++)
			if (!taken[i])
				free_p[nfree++] = i;
		if (nfree)
			break;
		model_await(&freed, count + 1);
	}
	hold_p(mp, free_p[model_choose((unsigned)nfree)]);
}

void co_move(int p)
{
	struct m *mp = getm();

	if ((int)mp->p->id == p)
		return;
	if (taken[p])
		model_fail(__FILE__, __LINE__, "P %d is not free", p);
	give_p(mp);
	hold_p(mp, p);
}

/* ---- Threads ------------------------------------------------------------------------------------------ */

static struct coroutine *self(void)
{
	return &co[model_self()];
}

static void make(struct coroutine *c, bool coroutine)
{
	int number = (int)(c - co);

	c->g = (struct g){.id = (uint64_t)number + 1, .index = (uint32_t)number + 1, .last_p = -1};
	c->g.flags = coroutine ? 0 : G_FOREIGN;
	c->m = (struct m){.curg = &c->g, .id = (uint32_t)number, .bound_cpu = -1};
	c->readied.count = 0;
	c->parks = 0;
	c->parked = false;
	c->on_end = NULL;
	c->ready = (atm_u32){0};
	if (!(flags & THREADS_BORDER))
		border_private(&c->m);
	model_private(&c->g.state, sizeof c->g.state);
	model_name(&c->m, sizeof c->m, "m");
	model_name(&c->g, sizeof c->g, "g");
	model_name(&c->ready, sizeof c->ready, "ready");
	atm_store_rlx(&c->m.attn, wend__asym_on ? 0 : ATTN_FENCE);
}

void threads_begin(int nprocs, unsigned how)
{
	memset(&wend__sched, 0, sizeof wend__sched);
	knobs_default(&sched.knobs);
	sched.asym = wend__asym_on;
	flags = how;
	nco = 1;
	freed.count = 0;
	memset(taken, 0, sizeof taken);
	if (nprocs > MOST)
		model_fail(__FILE__, __LINE__, "more than %d P's", MOST);
	model_private(&sched.phase, sizeof sched.phase);
	model_private(&sched.nprocs, sizeof sched.nprocs);
	atm_store_rlx(&sched.nprocs, (uint32_t)nprocs);
	atm_store_rlx(&sched.phase, PHASE_RUNNING);
	sched.nallp = nprocs;
	for (int i = 0; i < nprocs; i++) {
		memset(&procs[i], 0, offsetof(struct p, seen_tick));
		timers_init(&procs[i].timers);
		procs[i].id = (uint32_t)i;
		procs[i].rng = (uint64_t)i + 1;
		procs[i].state = P_TAKEN;
		procs[i].cells = cell_row((uint32_t)i);
		sched.allp[i] = &procs[i];
		model_private(&procs[i].tick, sizeof procs[i].tick);
		model_private(&procs[i].stats, sizeof procs[i].stats);
	}
	make(&co[0], true);
	sched.all_m = &co[0].m;
	taken[0] = true;
	co[0].m.p = &procs[0];
	wend__m = &co[0].m;
}

static void thread_main(void *arg)
{
	struct coroutine *c = arg;

	if (c->g.flags & G_FOREIGN) {
		c->fn(c->arg);
		return;
	}
	wend__m = &c->m;
	if (flags & THREADS_MIGRATE)
		take_p(&c->m);
	else
		c->m.p = &procs[model_self()];
	c->fn(c->arg);
	if (c->on_end) {
		struct m *mp = enter();

		c->on_end(c->on_end_arg);
		leave(mp);
	}
	if (flags & THREADS_MIGRATE)
		give_p(&c->m);
	wend__m = NULL;
}

void threads_go(const char *name, void (*fn)(void *), void *arg, bool coroutine)
{
	struct coroutine *c = &co[nco];

	if (nco == MOST)
		model_fail(__FILE__, __LINE__, "more than %d threads", MOST);
	if (coroutine && !(flags & THREADS_MIGRATE) && (uint32_t)nco >= atm_load_rlx(&sched.nprocs))
		model_fail(__FILE__, __LINE__, "threads_begin: one P for each coroutine, or THREADS_MIGRATE");
	if (coroutine && !(flags & THREADS_MIGRATE))
		taken[nco] = true;
	nco++;
	make(c, coroutine);
	c->fn = fn;
	c->arg = arg;
	if (coroutine) {
		c->m.all_link = sched.all_m;
		sched.all_m = &c->m;
	}
	model_thread(name, thread_main, c, false);
}

/* The body waits as a parked coroutine does. */
void threads_join(void)
{
	if (flags & THREADS_MIGRATE)
		give_p(&co[0].m);
	model_join();
	if (flags & THREADS_MIGRATE)
		take_p(&co[0].m);
	for (int i = 0; i < sched.nallp; i++)
		if (procs[i].timers.slots)
			timers_destroy(&procs[i].timers);
}

/* ---- sched/sched.h ------------------------------------------------------------------------------------- */

struct m *g_park(struct m *mp, struct g *gp, enum wait_reason reason, const void *obj, park_commit *commit,
				 void *arg)
{
	struct coroutine *c = self();
	unsigned turn = ++c->parks;

	if (gp != &c->g)
		model_fail(__FILE__, __LINE__, "g_park of another coroutine");
	gp->wait_reason = (uint16_t)reason;
	gp->wait_obj = (void *)obj;
	c->parked = true;
	if (!commit(gp, arg)) {
		if (!c->parked)
			model_fail(__FILE__, __LINE__, "g_ready of one whose commit said that it does not wait");
		c->parked = false;
		c->parks--;
		model_settle(); /* as below */
		return mp;
	}
	if (mp && (flags & THREADS_BORDER))
		atm_store_rel(&mp->in_rt, 0); /* rel: as m_sleep: its M has nothing else to do */
	if (mp && (flags & THREADS_MIGRATE))
		give_p(mp);
	model_await(&c->readied, turn);
	while (atm_load_acq(&c->ready) != turn) /* acq: as from a run queue */
		atm_pause();
	if (mp && (flags & THREADS_MIGRATE))
		take_p(mp);
	if (mp && (flags & THREADS_BORDER))
		border_refresh(mp);
	model_settle(); /* what commit has stored on our stack, where frames to come will lie */
	return mp;
}

void g_ready(struct m *mp, struct g *gp)
{
	struct coroutine *c = &co[gp->index - 1];

	(void)mp;
	if (!c->parked)
		model_fail(__FILE__, __LINE__, "g_ready of %s, which is not parked", c->g.name ? c->g.name : "one");
	c->parked = false;
	atm_store_rel(&c->ready, c->parks); /* rel: as into a run queue */
	model_signal(&c->readied);
}

struct g *current_slow(struct m *mp, const char *what)
{
	(void)mp;
	(void)what;
	return &self()->g;
}

uint32_t stack_index(const struct g *gp)
{
	return gp->index;
}

struct g *stack_by_index(uint32_t index)
{
	return &co[index - 1].g;
}

struct m *enter_foreign(void)
{
	return NULL;
}

void leave_foreign(void)
{
}

bool foreign_may(void)
{
	return true;
}

bool foreign_ends(void)
{
	return false;
}

bool foreign_alone(void)
{
	return flags & THREADS_ALONE;
}

void enter_slow(struct m *mp)
{
	if (atm_load_rlx(&mp->attn) & ATTN_FENCE)
		atm_fence_sc();
}

int spawn_then(void (*fn)(void *), void *arg, void (*on_end)(void *), void *on_end_arg)
{
	struct coroutine *c = &co[nco];

	threads_go("spawned", fn, arg, true);
	c->on_end = on_end;
	c->on_end_arg = on_end_arg;
	return 0;
}

int spawn_inside(struct m *mp, void (*fn)(void *), void *arg)
{
	(void)mp;
	threads_go("spawned", fn, arg, true);
	return 0;
}

int wend_go(void (*fn)(void *), void *arg)
{
	threads_go("spawned", fn, arg, true);
	return 0;
}

void wend_goexit(void)
{
	model_fail(__FILE__, __LINE__, "goexit");
}

wend__fn *wend__go_begin(struct wend__go *req)
{
	struct wend__go **list = &self()->g.go;

	req->up = *list;
	*list = req;
	return wend__go_capture;
}

void wend__go_captured(const struct go_regs *regs, const uint64_t *stack_args)
{
	struct wend__go **list = &self()->g.go;
	struct wend__go *req = *list;
	struct go_block *block = (struct go_block *)co[nco].args;

	*list = req->up;
	if (req->stack_bytes > STACK_ARGS)
		model_fail(__FILE__, __LINE__, "WEND_GO with too many arguments");
	threads_go(req->name, wend__go_run, block, true);
	block->regs = *regs;
	block->fn = req->fn;
	block->stack_bytes = req->stack_bytes;
	go_copy_words(block->stack_args, stack_args, req->stack_bytes);
}

/* Nobody sleeps here: tests call timers_run_all. */
void timers_were_set(struct m *mp, int64_t when)
{
	(void)mp;
	(void)when;
}

/* Either way, where there are others at all; for how long is no question here. */
enum spin spin_may_help(const struct m *mp)
{
	(void)mp;
	return model_choose(2) == 1 ? SPIN_LONG : SPIN_NOT;
}

void wend_yield(void)
{
	atm_pause();
}
