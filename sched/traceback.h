/* SPDX-License-Identifier: MIT
 *
 * sched/traceback.h - stacks for people: unwinding within a coroutine's bounds, symbols by elfutils. For a dying
 * process: one thread uses it, once, on a stack with room (symbols touch some 130 KiB). */
#ifndef SCHED_TRACEBACK_H
#define SCHED_TRACEBACK_H

#include "sched/g.h"

/* WENDTRACEBACK, as GOTRACEBACK: how much is printed. */
enum traceback_level {
	TRACEBACK_NONE,   /* the message only */
	TRACEBACK_SINGLE, /* the coroutine that dies (default) */
	TRACEBACK_ALL,    /* all coroutines */
	TRACEBACK_SYSTEM, /* with the library's own frames */
	TRACEBACK_CRASH,  /* and SIGABRT instead of exit 2, for a core file */
};
enum traceback_level traceback_level(void);

/* Where a walk stands: the address of an instruction that runs or calls, stack and frame pointer there. */
struct walk {
	const char *pc, *sp, *fp;
	const char *lo, *hi; /* bounds of the stack: nothing else is read */
};

/* The caller of the function that has frame pointer fp. */
struct walk walk_from_frame(const void *fp, const char *lo, const char *hi);
struct walk walk_parked(struct g *gp);

/* Addresses of the walk's frames, innermost first, at most max. */
int traceback_walk(struct walk at, const void **pcs, int max);

/* Prints `coroutine ID [state]: name`, or for gp NULL `thread [state]:`, and the frames, to stderr. all_frames: the
 * library's own, too. pcs NULL: it runs, and not here. */
void traceback_print(const struct g *gp, const char *state, const void **pcs, int n, bool all_frames);

/* One line per frame with nothing but object and offset: takes no lock and no memory. */
void traceback_print_plain(struct walk at);

#endif
