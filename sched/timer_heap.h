/* SPDX-License-Identifier: MIT
 *
 * sched/timer_heap.h - a heap of timers (timer_heap.c) for who fires them (timer.c). All under its lock. */
#ifndef SCHED_TIMER_HEAP_H
#define SCHED_TIMER_HEAP_H

#include "sched/timer.h"

/* t, whose time stands in it, goes in. Never fails. */
void heap_insert(struct timers *h, struct timer *t);

void heap_take_out(struct timers *h, struct timer *t);

/* The one due first, and when. NULL: there is none (NEVER), or who is must be found out first, by heap_storm. */
struct timer *heap_first(const struct timers *h, int64_t *when);

/* More are due by now than fire at a time: if they are many and there is memory for it, does a step of what makes it cheap
 * to take them out one after the other. Until the last step heap_first knows when, and not who. */
void heap_storm(struct timers *h, int64_t now);

/* Does all the steps that are left. */
void heap_settle(struct timers *h);

/* Gives memory back that is no longer needed. */
void heap_trim(struct timers *h);

void heap_free(struct timers *h);

#endif
