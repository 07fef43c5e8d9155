/* SPDX-License-Identifier: MIT
 *
 * sched/panic.h - panics for what is built on the scheduler. The order of events is told in panic.c. */
#ifndef SCHED_PANIC_H
#define SCHED_PANIC_H

#include "base/compiler.h"

/* A fault of the caller's logic, with Go's words: wend_panicf from inside the library. A caller that is inside
 * the runtime is out of it from here on; it must hold no lock. */
cold __attribute__((noreturn, format(printf, 1, 2))) void wend__panic(const char *fmt, ...);

#endif
