/* SPDX-License-Identifier: MIT
 *
 * sched/timer_heap.h - a heap of timers (timer_heap.c) for who fires them (timer.c). All under its lock. */
#ifndef SCHED_TIMER_HEAP_H
#define SCHED_TIMER_HEAP_H

#include "sched/timer.h"

/* t, whose time stands in it, goes in. Never fails. */
void heap_insert(struct timers *h, struct timer *t);

void heap_take_out(struct timers *h, struct timer *t);

/* The one due first, and when; NULL and NEVER: there is none. */
struct timer *heap_first(const struct timers *h, int64_t *when);

/* Many are due by now: makes it cheap to take them out one after the other, if there is memory for that. */
void heap_sort_due(struct timers *h, int64_t now);

/* Gives memory back that is no longer needed. */
void heap_trim(struct timers *h);

void heap_free(struct timers *h);

#endif
