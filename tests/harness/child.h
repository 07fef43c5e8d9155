/* SPDX-License-Identifier: MIT
 *
 * tests/harness/child.h - runs a function or a program in a child process and keeps what it wrote
 * and how it ended. For everything that dies.
 */
#ifndef TESTS_HARNESS_CHILD_H
#define TESTS_HARNESS_CHILD_H

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

struct child {
	char *out, *err; /* zero-terminated; cut at 1 MiB */
	size_t out_len, err_len;
	int status; /* exit status; -1 when a signal ended it */
	int signal; /* 0 when it exited */
	bool timed_out;
};

/* fn(arg) in a forked child; when fn returns the child exits 0 with stdio flushed. */
struct child child_call(void (*fn)(void *), void *arg, double seconds);

/* argv[0] is a path. env: NULL-terminated "KEY=value" settings on top of the present environment,
 * or NULL. */
struct child child_exec(const char *const *argv, const char *const *env, double seconds);

/* In programs that use the runtime: fn as the main coroutine of a child, on so many P's (0: as many as usual). When fn returns, the
 * child exits with status 100. The same in a child that has prepared something. */
struct child child_run(void (*fn)(void), int procs);
_Noreturn void child_main(void (*fn)(void), int procs);

void child_free(struct child *c);

/* Prints both outputs as comments; for the path of a failure. */
void child_show(const struct child *c);

/* Fails the case, with the outputs, unless the child exited with this status. */
#define CHILD_EXITED(c, want)                                                                     \
	do {                                                                                          \
		if ((c)->status != (want)) {                                                              \
			child_show(c);                                                                        \
			test_fail(__FILE__, __LINE__, "exit status %d (signal %d%s), not %d", (c)->status,    \
					  (c)->signal, (c)->timed_out ? ", timed out" : "", (want));                  \
		}                                                                                         \
	} while (0)

/* The same, unless its error output begins with this text. */
#define CHILD_BEGINS(c, text)                                                                     \
	do {                                                                                          \
		if (strncmp((c)->err, (text), strlen(text)) != 0)                                         \
			test_fail(__FILE__, __LINE__, "not with\n%s, but:\n%s", (text), (c)->err);            \
	} while (0)

#endif
