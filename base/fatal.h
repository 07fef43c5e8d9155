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

/* Where a trace begins: at an instruction, or (pc NULL) at the caller of the function with frame pointer fp. */
struct fatal_site {
	const void *pc, *sp, *fp;
};

/* Prints the stack of whoever runs, from a site on (NULL: not that one); set by the scheduler. all: those of all
 * coroutines. */
extern void (*wend__fatal_trace)(const struct fatal_site *at, bool all);

/* For those who print their message themselves: what the program printed is flushed, and nobody else prints a
 * report any more. Then the message, then the end. */
cold void wend__die_begin(void);
cold __attribute__((noreturn)) void wend__die(const struct fatal_site *at, bool all);

/* Before the process ends in another way: waits for a report that has begun. */
void wend__die_wait(void);

/* From now on the process ends within 5 s, whatever lock its last words need; wend__die calls it. */
void wend__die_soon(void);

#endif
