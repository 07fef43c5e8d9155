/* SPDX-License-Identifier: MIT
 *
 * sched/m.h - M, a kernel thread that runs coroutines while it holds a P, and the pair of calls at
 * the border of the runtime.
 */
#ifndef SCHED_M_H
#define SCHED_M_H

#include <pthread.h>
#include <signal.h>

#include "atomics/asym.h"
#include "atomics/ec.h"
#include "sched/p.h"

/* What the next context does on behalf of the one that was left. */
enum post { POST_NONE, POST_YIELD, POST_PARK, POST_EXIT };

/* Publishes a parked coroutine (unlocks the object it waits on, say). False: it must not wait after
 * all and is made ready again. Runs on another stack, inside the runtime; must not block. */
typedef bool park_commit(struct g *gp, void *arg);

struct m {
	/* border: a monitor writes attn, fences heavily and reads in_rt (enter below) */
	alignas(CACHELINE) atm_u64 in_rt; /* 0 outside the runtime, else an epoch; written by this thread */
	atm_u32 attn;                     /* a reason to take the slow way in; written by others */
	uint32_t sections;                /* open sections of users */
	atm_u64 pin;                      /* epoch while there are any, else 0; written by this thread */
	uint32_t pins;                    /* sections, and callbacks that run: no parking */

	/* this thread */
	struct g *curg; /* NULL on the thread's own stack */
	struct p *p;
	struct g *prev;
	enum post post;
	park_commit *commit;
	void *commit_arg;
	struct ctx g0;       /* the thread's own stack */
	struct g *picked;    /* taken from a queue, to be run by the loop */
	struct g *locked_g;  /* coroutine locked to this thread */
	struct p *blocked_p; /* what its coroutine gave away for a blocking call */
	bool spinning;       /* counted in sched.load */
	bool main_over;      /* the main coroutine has ended here */
	bool locked_over;    /* locked_g has ended */
	bool surplus;        /* too many sleep: this one ends */
	bool undecided;      /* to look for a deadlock again: threads that are no M's were alive */
	void *race_fiber;
	void *asan_fake;
	char *stack_lo;
	size_t stack_size;
	void *alt_stack;     /* where fault handlers run */
	stack_t alt_before;
	uint32_t id;
	int slack_before;    /* timer slack the thread came with */
	int bound_cpu;       /* where the thread is bound, -1 nowhere */

	/* hand-over to a sleeping M: written under sched.lock by who wakes it */
	alignas(CACHELINE) struct ec ec;
	atm_u32 woken;
	atm_u32 watching; /* sleeps with an eye open: better wake another */
	struct p *next_p;
	struct g *next_g;
	struct m *link;     /* idle list */
	struct m *all_link; /* all M's; they are freed only when the runtime has ended */
	pthread_t thread;
	atm_u32 tid;    /* the kernel's number of the thread, 0 before it has run */
	bool is_caller; /* the thread that called wend_run */
	bool joinable;  /* thread is one that was created */
	atm_u32 gone;   /* left its loop; cleared by who uses the structure again, under sched.lock */
};

enum attn {
	ATTN_STOP = 1,  /* the runtime ends */
	ATTN_FENCE = 2, /* always set where there is no membarrier: the border needs a real fence */
};

/* The calling thread's M, NULL for foreign threads. Read through volatile asm each time: a coroutine
 * may be on another thread after any switch, and compilers keep thread-local addresses over calls. */
extern __thread struct m *wend__m __attribute__((tls_model("initial-exec")));

static force_inline struct m *getm(void)
{
	struct m *mp;

	__asm__ volatile("movq wend__m@gottpoff(%%rip), %0\n\tmovq %%fs:(%0), %0" : "=r"(mp));
	return mp;
}

/* The epoch of reclamation (docs/reclaim.md): in in_rt it says "inside" and marks a read section.
 *
 *   R1  reader: in_rt (or pin) store, light fence, pointer load
 *       <-> grace period: object unlinked, heavy fence, in_rt load    it is seen, or sees the object gone
 *   R2  reader: in_rt.store rel -> grace period: in_rt.load acq       its accesses end before the object does
 *   R3  grace period: epoch.store rel -> reader: epoch.load acq       who has the new epoch sees the object gone
 */
#define EPOCH_NONE 1 /* in in_rt: inside, but not a section */
#define EPOCH_FIRST 2

struct epoch {
	alignas(CACHELINE) atm_u64 now; /* written by who holds gp.busy (reclaim.c) */
	char pad[CACHELINE - sizeof(atm_u64)];
};
extern struct epoch wend__epoch;

void enter_slow(struct m *mp);

/* Every public call that touches a P comes in by enter and goes out by leave. In between the P cannot
 * be taken from the thread. The pair costs two plain stores and two loads: a monitor that wants the P
 * of a thread in user code writes attn, runs asym_heavy() and then reads in_rt; if that is 0, the
 * thread is outside and will see attn before it touches the P again. */
/* True: inside, and nothing stands against it. False: call enter, which sees to it. */
static force_inline bool enter_as(struct m *mp, uint64_t in_rt)
{
	atm_store_rel(&mp->in_rt, in_rt); /* rel R2: the section before this one is over */
	compiler_barrier(); /* the light fence, the monitor has the heavy one; see ATTN_FENCE */
	return likely(atm_load_rlx(&mp->attn) == 0); /* rlx: as above */
}

static force_inline bool enter_fast(struct m *mp)
{
	return enter_as(mp, atm_load_acq(&wend__epoch.now)); /* acq R3; R1 */
}

/* For calls that follow no pointer that is reclaimed: no section, and no load. */
static force_inline bool enter_bare(struct m *mp)
{
	return enter_as(mp, EPOCH_NONE);
}

/* NULL for a foreign thread, which is counted in: the runtime is not torn down while it is inside. */
struct m *enter_foreign(void);
void leave_foreign(void);

static force_inline struct m *enter(void)
{
	struct m *mp = getm();

	if (unlikely(!mp))
		return enter_foreign();
	if (unlikely(!enter_fast(mp)))
		enter_slow(mp);
	return mp;
}

/* mp: the M that the caller is on now, which after a park may be another than at enter. */
static force_inline void leave(struct m *mp)
{
	atm_store_rel(&mp->in_rt, 0); /* rel R2, and the P's data before the monitor's acquire of in_rt */
}

/* Inside, holding no reference: the present epoch, so that no grace period waits for this thread. */
static inline void border_refresh(struct m *mp)
{
	atm_store_rel(&mp->in_rt, atm_load_acq(&wend__epoch.now)); /* rel R2, acq R3 */
	asym_light();                                              /* R1 */
}

#endif
