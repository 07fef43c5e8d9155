/* SPDX-License-Identifier: MIT
 *
 * tests/model/threads.h - environment for what stands on sched/sched.h (sync, reclamation): enter, leave, getm,
 * current, g_park and g_ready as they are there, without the scheduler. A coroutine is a thread of the model
 * with an M of its own; it holds a P while it runs.
 *
 *     MODEL_TEST(name)
 *     {
 *             threads_begin(2, 0);           two P's; the body is a coroutine and holds the first
 *             co_go(fn, arg);                another coroutine
 *             foreign_go(fn, arg);           a thread that the runtime did not make
 *             threads_join();
 *     }
 *
 * What it stands for: loop.c, spawn.c, foreign.c, start.c, stack.c, runq.c, idle.c and the rest of sched/ but
 * lock.c, cells.c, knobs.c and timer.c, which are the real ones (a test fires what is due by timers_run_all); base/fatal.c (fatal errors and panics end the execution
 * as failures, with their text).
 */
#ifndef TESTS_MODEL_THREADS_H
#define TESTS_MODEL_THREADS_H

#include "model/model.h"
#include "sched/sched.h"

enum {
	/* in_rt and attn are part of what is tested: scheduling points, and real memory. Else they are private. */
	THREADS_BORDER = 1,
	/* A coroutine gives its P back when it parks, and goes on on any free one; there may be more coroutines than
	 * P's. Else each keeps its own, and there must be one for each. */
	THREADS_MIGRATE = 2,
	/* Foreign threads find no runtime: they wait by looking. */
	THREADS_ALONE = 4,
};

void threads_begin(int nprocs, unsigned flags);
void threads_join(void);

#define co_go(fn, arg) threads_go(#fn, (fn), (arg), true)
#define foreign_go(fn, arg) threads_go(#fn, (fn), (arg), false)
void threads_go(const char *name, void (*fn)(void *), void *arg, bool coroutine);

/* The calling coroutine, outside the runtime, goes on on P number p, which must be free (its own always is). */
void co_move(int p);

#endif
