/* SPDX-License-Identifier: MIT
 *
 * sched/sched_priv.h - the scheduler's global state and the inner interfaces of this folder.
 *
 * Lock order: sched.lock, then a stack class's. Nothing blocks while it holds either.
 */
#ifndef SCHED_SCHED_PRIV_H
#define SCHED_SCHED_PRIV_H

#include <sched.h>

#include "base/race.h"
#include "sched/knobs.h"
#include "sched/lock.h"
#include "sched/sched.h"
#include "sched/trace.h"

enum phase { PHASE_OFF, PHASE_STARTING, PHASE_RUNNING, PHASE_STOPPING, PHASE_WEDGED };

/* sched.load: idle P's, searching M's, whether a sleeping M watches for stale work and timers. One word, so
 * that who makes work looks at one line. */
#define LOAD_IDLE 1ULL
#define LOAD_SPIN (1ULL << 16)
#define LOAD_WATCH (1ULL << 32)
#define load_idle(x) ((uint32_t)((x) & 0xffff))
#define load_spinning(x) ((uint32_t)((x) >> 16 & 0xffff))

struct global_queue {
	struct g *head, *tail; /* linked by link; under sched.lock */
	atm_u32 n;             /* written under sched.lock, read by anybody */
};

struct sched_state {
	/* read by everybody, seldom written */
	alignas(CACHELINE) struct knobs knobs; /* constant while running */
	bool asym;                             /* owners pay no fence; constant while running */
	atm_u32 run_mode;                      /* wend_run: the main coroutine decides the end */
	bool exit_process;                     /* WEND_MAIN */
	atm_u32 default_class;
	uint32_t generation; /* how often the runtime has been started */
	atm_u32 trimming;    /* trim.c is at parked stacks: nobody may be made ready */
	cpu_set_t home_cpus; /* affinity of who started the runtime */
	atm_u32 phase;
	atm_u32 nprocs; /* read with acquire by who then looks at allp; pairs with procs_resize */
	struct p *allp[WEND_P_LIMIT]; /* made once, reused when maxprocs rises again; under sched.lock */
	int nallp;

	alignas(CACHELINE) atm_u64 load;
	atm_u64 watch_until; /* int64: who watches sleeps no longer than that; written by who watches */

	alignas(CACHELINE) struct lock lock;
	struct global_queue global;
	struct p *idle_p;
	struct m *idle_m; /* sleeping without a P */
	struct m *all_m;
	uint32_t nm;

	alignas(CACHELINE) atm_u64 next_id;
	atm_u64 foreign_spawns, foreign_readies;
	atm_u32 foreign_in; /* foreign threads inside the library: the end waits for them */
	atm_u32 blocked; /* coroutines in blocking calls: added by themselves, taken off under sched.lock */
	atm_u32 ended; /* some runtime has ended in this process */
	atm_u32 foreign_seen; /* some foreign thread has called in: no deadlock can be proven */
	int main_result; /* of WEND_MAIN: the process's */
};

extern struct sched_state wend__sched;
#define sched wend__sched

static inline bool running(void)
{
	/* acq: what the beginning has set up. mutant: whoever asks was made after that */
	return atm_load_acq(&sched.phase) == PHASE_RUNNING;
}

/* Asked at each spawn before it is known whether it will be refused.
 * rlx: who is as early as that may get the stack of the runtime before */
static inline int default_class(void)
{
	return (int)atm_load_rlx(&sched.default_class);
}

static inline uint32_t p_count(void)
{
	return atm_load_acq(&sched.nprocs); /* acq: allp[0..n); pairs with procs_resize */
}

/* Owners' side of the scheduler's own store-load orders; thieves and sleepers use sched_heavy. */
static force_inline void sched_light(void)
{
	if (likely(sched.asym))
		compiler_barrier();
	else
		atm_fence_sc();
}

static inline void sched_heavy(void)
{
	if (sched.asym)
		asym_heavy();
	else
		atm_fence_sc();
}

/* ---- runq.c: queues ----------------------------------------------------------------------------- */

void ring_put(struct p *pp, struct g *gp);
void fresh_put(struct p *pp, struct g *gp);
void make_next(struct p *pp, struct g *gp);
void global_put(struct g *gp);
void global_put_locked(struct g *first, struct g *last, uint32_t n);
struct g *global_get(struct p *pp); /* takes a fair batch; one to run, the rest to pp's ring */
void inbox_put(struct p *pp, struct g *gp);
struct g *bound_get(struct p *pp);
struct g *pick_fair(struct p *pp);
struct g *pick_rare(struct p *pp);
struct g *steal_from(struct p *pp, struct p *victim);
void requeue(struct m *mp, struct g *gp); /* wherever its attributes want it */
uint32_t runq_len(const struct p *pp);

/* ---- idle.c, wake.c: sleep, wake ---------------------------------------------------------------- */

struct g *find_work(struct m *mp); /* NULL: the runtime stops */
void wake_one(void);
void wake_slow(struct p *pp);
void hand_off_p(struct p *pp); /* gives a P to another M, or makes it idle */
void wake_p(struct p *pp);     /* if it is idle: it has something in its inbox */
void m_sleep(struct m *mp);    /* until woken with a P */
void put_idle_p(struct p *pp); /* sched.lock held */
struct p *first_p(void);       /* an idle P for who starts the runtime */
void timers_were_set(struct m *mp, int64_t when); /* may somebody sleep past it? mp: whose P has it */
void timers_were_moved(void);  /* from one P to another */

/* Call after making work visible. */
static force_inline void maybe_wake(struct p *pp)
{
	sched_light(); /* work stored before load read; pairs with sched_heavy in idle.c */

	uint64_t load = atm_load_rlx(&sched.load); /* rlx: ordered by the fence */

	if (unlikely(load_idle(load) && !load_spinning(load)))
		wake_slow(pp);
}

/* ---- thread.c: M's ------------------------------------------------------------------------------ */

struct m *m_make(void);
int m_start(struct m *mp, struct p *pp, bool spinning);
void m_attach(struct m *mp); /* the calling thread becomes mp's */
void m_detach(struct m *mp);
void m_loop(struct m *mp);
void acquire_p(struct m *mp, struct p *pp);

/* ---- loop.c ------------------------------------------------------------------------------------- */

void g_main(void *carry); /* the first function of each coroutine; carry is the M */
cold void canary_check(struct g *gp); /* of the running coroutine, with G_CANARY */

/* ---- spawn.c ------------------------------------------------------------------------------------ */

void g_free(struct p *pp, struct g *gp);
void gcache_flush(struct p *pp);

/* Owner: what pp keeps for later and does not need now. */
static inline void give_back(struct p *pp)
{
	gcache_flush(pp);
	slab_flush(pp);
	deque_trim(&pp->fresh);
	deque_trim(&pp->ring);
}

static inline void give_back_if_asked(struct p *pp)
{
	if (unlikely(atm_load_rlx(&pp->flush))) { /* rlx: a request, no data behind it */
		give_back(pp);
		atm_store_rlx(&pp->flush, 0); /* rlx: the class's lock, through which all of it went, is a full barrier */
	}
}

int spawn_main(struct p *pp, void (*fn)(void *), void *arg);

/* ---- foreign.c: threads that are no M ------------------------------------------------------------ */

struct m *park_foreign(struct g *gp, park_commit *commit, void *arg);
void ready_elsewhere(struct m *mp, struct g *gp); /* bound, locked, foreign, or from a foreign thread */
void wake_after_foreign(void);
void leave_foreign_if_inside(void);
bool foreign_inside(void); /* the calling thread is inside a call as a foreign one */
void foreign_release_all(void); /* the runtime ends: nobody else would wake them */
struct wend__go **foreign_pending(void); /* WEND_GO requests of the calling thread */

/* ---- trim.c ------------------------------------------------------------------------------------- */

/* Gives back what up to `most` parked coroutines, taking turns, no longer use of their stacks. Bytes. */
size_t trim_parked(size_t most);
void flush_idle_caches(void); /* free stacks kept by idle P's go to their class */
void wait_for_trim(void);

/* First act of making gp ready: from here on its stack is in use. */
static force_inline void mark_ready(struct g *gp)
{
	atm_store_rlx(&gp->state, G_RUNNABLE); /* rlx: ordered by T1 */
	sched_light();                         /* T1 */
	/* acq: after 0, the trimmer's looks are over. mutant: at what assembly stores, unwatched */
	if (unlikely(atm_load_acq(&sched.trimming)))
		wait_for_trim();
}

/* ---- start.c, procs.c, cells.c, deadlock.c ------------------------------------------------------- */

atm_ptr *cell_row(uint32_t p); /* the cells of P number p */
struct p *p_make(uint32_t id);
void p_free(struct p *pp);
int procs_resize(int n);      /* sched.lock held */
void retire_p(struct m *mp);
void main_is_over(struct m *mp);
bool check_deadlock(void);

/* ---- topo.c -------------------------------------------------------------------------------------- */

int topo_init(void);
void topo_fini(void);
int topo_place(int nprocs); /* cpu and steal order of the first nprocs P's; sched.lock held */
void topo_forget(struct p *pp);
void topo_bind(struct m *mp, struct p *pp);
void topo_unbind(struct m *mp);

/* ---- crash.c, signals.c --------------------------------------------------------------------------- */

/* Symbols take some 130 KiB of stack; pages that are not used cost nothing. */
#define CRASH_STACK ((size_t)512 << 10)
void crash_trace_on(void);

void crash_init(void);
void crash_thread_init(struct m *mp);
void crash_thread_fini(struct m *mp);
/* pc and sp: where it faulted, or NULL: in a call from the function with frame pointer fp. */
cold __attribute__((noreturn)) void stack_overflow(struct g *gp, void *pc, void *sp, void *fp);

#endif
