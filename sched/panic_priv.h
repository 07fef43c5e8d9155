/* SPDX-License-Identifier: MIT
 *
 * sched/panic_priv.h - panics within this folder. */
#ifndef SCHED_PANIC_PRIV_H
#define SCHED_PANIC_PRIV_H

#include "base/fatal.h"
#include "sched/g.h"
#include "sched/panic.h"

/* wend_goexit off its last line: runs all deferred calls of the current coroutine; returns when none is left. */
void panic_goexit(struct wend__unwind *u);

/* A coroutine that has panicked ends. */
void panic_forget(struct wend__unwind *u);

/* The panic that a fault of the current coroutine's becomes. note: a line to be printed with the text should nobody
 * recover; neither is copied. */
__attribute__((noreturn)) void panic_fault(const char *text, const char *note, const struct fatal_site *from);

#endif
