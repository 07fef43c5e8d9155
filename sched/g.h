/* SPDX-License-Identifier: MIT
 *
 * sched/g.h - G, a coroutine. Its control block lies in the top page of its own stack, so that a
 * fresh coroutine costs one page in all. Blocks are type-stable: memory of an ended coroutine stays
 * readable, its slot says that nobody lives there.
 *
 * States (only the side named writes):
 *
 *   FREE ----spawn----> RUNNABLE <-----ready (any P)------ WAITING
 *    ^                     |                                  ^
 *    |                  pick (owner P)                        |
 *    +---end------------ RUNNING ------park (itself)----------+
 *                          |  ^
 *                          +--+ yield: RUNNABLE, back in the queue, after it has left its stack
 *
 * RUNNING -> BLOCKED -> RUNNING, or RUNNABLE if there is no P for it: itself, in a blocking call (blocking.c).
 *
 * A coroutine becomes visible to others (in a queue, on a wait list) only after the thread has left
 * its stack: the next context runs the commit on its behalf (loop.h, after_switch).
 */
#ifndef SCHED_G_H
#define SCHED_G_H

#include "atomics/atomic.h"
#include "atomics/ec.h"
#include "sched/ctx.h"

struct m;
struct slot;
struct wend__frame;

/* Deferred calls and panics of a coroutine, or of a foreign thread (panic.c). */
struct wend__unwind {
	struct wend__frame *frame; /* innermost open frame of user code */
	struct panic *panic;       /* newest that is under way */
	struct panic_text *texts;
};

/* Wait reasons: enumerator and Go's words for it. One per blocking site. */
#define WAIT_REASONS(X)                                                                           \
	X(WAIT_NONE, "")                                                                              \
	X(WAIT_WAITGROUP, "sync.WaitGroup.Wait")                                                      \
	X(WAIT_ONCE, "sync.Once.Do")                                                                  \
	X(WAIT_MUTEX, "sync.Mutex.Lock")                                                              \
	X(WAIT_CHAN_SEND, "chan send")                                                                \
	X(WAIT_CHAN_RECEIVE, "chan receive")                                                          \
	X(WAIT_CHAN_SEND_NIL, "chan send (nil chan)")                                                 \
	X(WAIT_CHAN_RECEIVE_NIL, "chan receive (nil chan)")                                           \
	X(WAIT_SELECT, "select")                                                                      \
	X(WAIT_SELECT_NO_CASES, "select (no cases)")                                                  \
	X(WAIT_RETIRE, "retire barrier")                                                              \
	X(WAIT_RWMUTEX_RLOCK, "sync.RWMutex.RLock")                                                   \
	X(WAIT_RWMUTEX_LOCK, "sync.RWMutex.Lock")                                                     \
	X(WAIT_COND, "sync.Cond.Wait")                                                                \
	X(WAIT_SEM, "semaphore.Acquire")                                                              \
	X(WAIT_SLEEP, "sleep")                                                                        \
	X(WAIT_HANDOVER, "handover")                                                                  \
	X(WAIT_LOCKED_THREAD, "locked to thread")                                                     \
	X(WAIT_SYSCALL, "syscall")

enum wait_reason {
#define X(id, text) id,
	WAIT_REASONS(X)
#undef X
		WAIT_REASON_COUNT
};

/* BLOCKED: on its stack, but without a P (blocking.c); ctx says where it began. */
enum g_state { G_FREE, G_RUNNABLE, G_RUNNING, G_WAITING, G_BLOCKED };

enum g_flags {
	G_GUARDED = 1,  /* a guard page lies below the stack */
	G_CANARY = 2,   /* none: the words below the stack are checked at each park */
	G_FOREIGN = 4,  /* stands for a foreign thread that blocks: ready wakes the thread */
	G_MAIN = 8,     /* the main coroutine of wend_run */
	G_ON_END = 32,  /* on_end is to be called when it ends, however it ends */
	G_TEXTS = 128,  /* unwind.texts is not empty */
	G_PINNED = 64,  /* in a section or a callback of reclaim.c: must not leave its stack */
	G_CLAIMED = 256, /* waits with a deadline in a list of waiters_priv.h */
	G_SLOW = 16,    /* pinned to a P or locked to a thread: must go through the M's own loop */
};

struct g {
	/* first line: all that a switch touches */
	struct ctx ctx;
	struct g *link;    /* next in whatever list holds this G; the holder's */
	void *wait_obj;    /* written by itself before it parks */
	int64_t parked_at; /* likewise; CLOCK_MONOTONIC ns, coarse */
	atm_u32 state;     /* enum g_state */
	uint16_t wait_reason;
	uint16_t flags;
	int32_t last_p; /* P it last ran on, for the migration counter */
	int32_t on_p;   /* k > 0: only on P number k-1 */

	/* second line: all that spawn and end touch besides */
	void (*fn)(void *);
	void *arg;
	struct slot *slot; /* constant while the slot exists; slot->id is the public id */
	uint64_t id;
	uint64_t parent_id;
	const char *name;
	const void *entry; /* what the user asked to run, for lists */
	const void *created_at;

	/* the rest */
	char *lo;           /* lowest usable byte of the stack (above the guard); constant */
	struct m *locked_m; /* thread this coroutine is locked to */
	int lock_depth;
	int size_class;
	uint32_t index; /* stack_index; constant */
	void (*on_end)(void *); /* with G_ON_END */
	void *on_end_arg;
	struct wend__unwind unwind;
	struct wend__go *go; /* WEND_GO requests whose arguments are being evaluated, innermost first */
	atm_u32 *claim;      /* with G_CLAIMED */
	atm_u32 awake;       /* G_FOREIGN: ready was called; with ec, the thread's bed */
	struct ec ec;
	void *race_fiber; /* ThreadSanitizer's view of this stack */
	void *asan_fake;
};

/* Is its wait reason in force? */
static inline bool g_waits(uint32_t state)
{
	return state == G_WAITING || state == G_BLOCKED;
}

/* The stack ends where the control block begins. */
static inline char *g_stack_top(struct g *gp)
{
	return (char *)gp;
}

const char *wait_reason_name(unsigned reason);

#endif
