/* SPDX-License-Identifier: MIT
 *
 * tests/model/trim.h - environment for sched/trim.c, beside threads.h: one coroutine that sleeps, on pages of its own. They are
 * real ones, and so is what madvise does to them.
 *
 * What it stands for: stack.c and spawn.c, as far as trim.c needs them. */
#ifndef TESTS_MODEL_TRIM_H
#define TESTS_MODEL_TRIM_H

#include "model/threads.h"

/* It lies down, with ones in its whole stack; the lowest byte of that. */
char *trim_sleeper(void);
/* One round, as an idle thread makes it. */
void trim_round(void);
/* It is made ready: from here on its stack is in use. */
void trim_wake(void);

#endif
