/* SPDX-License-Identifier: MIT
 *
 * sched/knobs.h - the scheduler's policy as data: one list feeds the structure, the parser, the help
 * text and the documentation. Values are read while the runtime starts and constant while it runs.
 */
#ifndef SCHED_KNOBS_H
#define SCHED_KNOBS_H

#include "base/compiler.h"

/* X(field, default, least, greatest, help); sizes take k, m, g. */
#define KNOB_NUMBERS(X)                                                                           \
	X(maxprocs, 0, 0, 1024, "number of P's; 0: the CPUs this process may use")                    \
	X(stack, 65536, 1, 1 << 30, "bytes of stack of a coroutine without attributes")               \
	X(global_period, 61, 1, 1 << 20, "every so many scheduling rounds the other queues go first") \
	X(spin_us, 50, 0, 1000000, "how long a P without work searches before it sleeps")             \
	X(searchers, 50, 0, 100, "P's that may search at once, percent of the busy ones (at least 1)") \
	X(rest_us, 200, 0, 1000000, "longest rest of a P whose visits to others bring little work")  \
	X(watch_us, 50, 10, 1000000, "first interval at which a sleeping P looks for stale work")     \
	X(cache, 64, 1, 65536, "free coroutines in a chain; a P keeps up to two chains")              \
	X(stop_ms, 1000, 0, 3600000, "how long the end of the runtime waits for coroutines on a CPU") \
	X(threads, 10000, 1, 1 << 20, "threads at most, those in blocking calls among them")          \
	X(thread_ms, 10000, 1, 3600000, "how long a thread that is one too many sleeps before it ends") \
	X(next, 1, 0, 1, "a coroutine made ready runs next on its waker's P")

/* X(field, default index, help, word, ...): the word list gives the values 0, 1, ... */
#define KNOB_WORDS(X)                                                                             \
	X(pin, 3, "binds P's to CPUs (auto: compact when they do not outnumber them)", "none",        \
	  "compact", "spread", "auto")                                                                \
	X(owner, 0, "order in which a P runs what it spawned", "lifo", "fifo")                        \
	X(steal, 1, "how much a visit to another P takes", "one", "half")                             \
	X(victim, 0, "whom to visit first", "near", "random")                                         \
	X(wake, 0, "when to wake a P for a lone ready coroutine (lazy: when it has gone stale)",      \
	  "lazy", "eager")                                                                            \
	X(fence, 0, "who pays for the order between owner and thief (auto: thief, if membarrier)",    \
	  "auto", "full")                                                                             \
	X(guard, 0, "what lies below a stack", "auto", "advise", "mprotect", "canary", "strict")

enum { PIN_NONE, PIN_COMPACT, PIN_SPREAD, PIN_AUTO };
enum { OWNER_LIFO, OWNER_FIFO };
enum { STEAL_ONE, STEAL_HALF };
enum { VICTIM_NEAR, VICTIM_RANDOM };
enum { WAKE_LAZY, WAKE_EAGER };
enum { FENCE_AUTO, FENCE_FULL };

struct knobs {
#define X(field, ...) int64_t field;
	KNOB_NUMBERS(X)
	KNOB_WORDS(X)
#undef X
};

void knobs_default(struct knobs *k);

/* Applies key=value,key=value. -EINVAL with a message for people in msg. */
int knobs_parse(struct knobs *k, const char *text, char *msg, size_t size);

/* Writes one knob's value as it would be set. -EINVAL, -ENOSPC. */
int knobs_get(const struct knobs *k, const char *key, char *buf, size_t size);

/* The text of WENDDEBUG=help. */
void knobs_print_help(void);

#endif
