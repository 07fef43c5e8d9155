/* SPDX-License-Identifier: MIT
 *
 * sched/traceback.h - stacks for people: frame pointers walked within a coroutine's bounds, symbols by
 * elfutils. */
#ifndef SCHED_TRACEBACK_H
#define SCHED_TRACEBACK_H

#include "sched/g.h"

/* Return addresses from frame pointer fp upwards, innermost first, at most max; pc comes first if not NULL. Reads
 * only inside [lo, hi). */
int traceback_walk(const void *pc, const void *fp, const char *lo, const char *hi, const void **pcs,
				   int max);

/* Prints `coroutine ID [state] (name):` and the frames to stderr. */
void traceback_print(const struct g *gp, const char *state, const void **pcs, int n);

/* The frames of a parked coroutine. */
int traceback_parked(const struct g *gp, const void **pcs, int max);

#endif
