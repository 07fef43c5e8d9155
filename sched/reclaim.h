/* SPDX-License-Identifier: MIT
 *
 * sched/reclaim.h - deferred freeing, for the library itself: what wend/retire.h offers, with two
 * arguments, and the hooks by which the scheduler drives it. docs/reclaim.md tells how it works.
 */
#ifndef SCHED_RECLAIM_H
#define SCHED_RECLAIM_H

#include "sched/m.h"

/* fn(a, b) after a grace period. Outside enter and leave. */
void reclaim_later(void (*fn)(void *a, void *b), void *a, void *b);

/* The same for who can do without: false, and nothing has happened, when there is no memory. */
bool reclaim_if_memory(void (*fn)(void *a, void *b), void *a, void *b);

/* Large things were retired: a grace period now, if all sections end within microseconds. One membarrier. */
void reclaim_hasten(void);

/* A mark behind all that was retired before; passed when all of that has run. */
uint64_t reclaim_mark(void);
bool reclaim_passed(uint64_t mark);

/* For M's without work. work: with a P, on the M's own stack; true when a block was run. waiting: is there
 * something to come back for? tick: moves a grace period on; true when a block is ripe. */
bool reclaim_work(struct m *mp);
bool reclaim_waiting(void);
bool reclaim_tick(struct m *mp);

/* Set while somebody waits for a grace period: pick_fair then drives it, too. */
extern atm_u32 wend__reclaim_hurry;

/* The runtime has ended: runs what is left. */
void reclaim_end(void);

#ifdef WEND_ATOMICS_MODEL
void reclaim_forget(void); /* at the beginning of each execution */
#endif

/* Sections of foreign threads: enter_foreign and leave_foreign. */
void foreign_section_begin(void);
void foreign_section_end(void);

/* Is the caller in a section or a callback, where it must not block? mp: NULL for a foreign thread. */
bool reclaim_pinned(const struct m *mp);

/* The caller is about to block; fatal when it must not. */
void reclaim_check_park(struct m *mp);

#endif
