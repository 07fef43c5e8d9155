/* SPDX-License-Identifier: MIT
 *
 * sched/blocking.h - threads in a blocking call (wend_blocking), for the rest of this folder and what reports. */
#ifndef SCHED_BLOCKING_H
#define SCHED_BLOCKING_H

#include "sched/m.h"

/* The M of a thread whose coroutine is in a blocking call. */
extern __thread struct m *wend__away __attribute__((tls_model("initial-exec")));

/* The calling thread's M even if its coroutine is in a blocking call, where getm() gives NULL. NULL for threads that the
 * runtime does not know. */
struct m *thread_m(void);

/* A panic: if the caller is in a blocking call, that is over, and the coroutine may be on another thread. False: it cannot
 * be, the thread is in a section or a callback. */
bool blocking_over(void);

#endif
