/* SPDX-License-Identifier: MIT
 *
 * base/fatal.h - end the process with Go's words. stdio is flushed first, so that what the program
 * printed is not lost; exit status 2.
 */
#ifndef BASE_FATAL_H
#define BASE_FATAL_H

#include "base/compiler.h"

/* Broken state or misuse that nothing can mend: `fatal error: ...`. */
cold __attribute__((noreturn, format(printf, 1, 2))) void wend__fatal(const char *fmt, ...);

/* A fault of the caller's logic: `panic: ...`. */
cold __attribute__((noreturn, format(printf, 1, 2))) void wend__panic(const char *fmt, ...);

/* Prints the stack of whoever runs; set by the scheduler. all: those of all coroutines. */
extern void (*wend__fatal_trace)(bool all);

/* The same for faults caught by a signal handler: the message is printed already. */
cold __attribute__((noreturn)) void wend__die(bool all);

/* From now on the process ends within 5 s, whatever lock its last words need; wend__die calls it. */
void wend__die_soon(void);

#endif
