/* SPDX-License-Identifier: MIT
 *
 * tests/model/sched.h - environment for the scheduler: wend_run as users call it, with the real beginning and
 * end, M's, P's, run queues, idle protocol, park and ready. A thread of the model is a kernel thread here;
 * coroutines run on them on their own stacks, switched by the real code.
 *
 *     static void program(void) { wend_go(fn, arg); ... }        the main coroutine
 *
 *     MODEL_TEST(name) { sched_run(program, "maxprocs=2", 0); }
 *
 * What it stands for: stack.c and guard.c (a few static stacks), topo.c (all P's are equally near), crash.c,
 * traceback.c, deadlock.c (the checker sees deadlocks itself), ec.c, asym.c, base/fatal.c. At most one foreign
 * thread, as what it keeps in thread-local variables is not told apart.
 */
#ifndef TESTS_MODEL_SCHED_H
#define TESTS_MODEL_SCHED_H

#include "model/model.h"
#include "sched/sched.h"
#include "wend/go.h"

enum {
	SCHED_BORDER = 1, /* in_rt and attn are part of what is tested (else private, see model_private) */
	SCHED_TRIM = 2,   /* the states of coroutines are */
	SCHED_TIMERS = 4, /* when the first timers are due is */
};

/* knobs as in WENDDEBUG; spin_us=0, rest_us=0 and the others' defaults hold. */
void sched_run(void (*program)(void), const char *knobs, unsigned flags);

/* One round of sched/trim.c, as an idle thread makes it. */
void sched_trim(void);

#endif
