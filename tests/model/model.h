/* SPDX-License-Identifier: MIT
 *
 * tests/model/model.h - model tests: the library's own sources run under a scheduler that decides at every
 * atomic operation who goes next and what a load sees, over and over, until each way is tried or time is up.
 *
 *     static void thief(void *d) { ... }
 *
 *     MODEL_TEST(the_last_item_goes_to_one)
 *     {
 *             struct deque *d = ...;                 everything up to the first model_go runs alone
 *             model_go(thief, d);
 *             ... the owner's part ...
 *             model_join();                          waits for all; what they wrote is visible
 *             MODEL_CHECK(...);
 *     }
 *
 * The body is run once per execution, from the beginning, in one OS thread: it must do the same each time but
 * for what the scheduler decides (no clock, no random numbers; model_choose instead). Memory from malloc
 * inside it is the model's own; what is not freed at the end is a leak. docs/model.md has the rest.
 */
#ifndef TESTS_MODEL_MODEL_H
#define TESTS_MODEL_MODEL_H

#include "atomics/asym.h"
#include "harness/test.h"

/* ---- What to explore ----------------------------------------------------------------------------- */

/* Memory: TSO as on x86, WEAK as C11 and arm64 allow (tso.c and weak.c say exactly what). */
enum { MODEL_TSO = 1, MODEL_WEAK = 2 };

/* When a wait with a deadline may end without having been woken. */
enum model_timeouts {
	MODEL_LATE,  /* once nobody else can do anything (default) */
	MODEL_NEVER, /* then that is a deadlock */
	MODEL_EARLY, /* at any time */
};

struct model_options {
	unsigned memory; /* MODEL_TSO | MODEL_WEAK; both by default */
	int bound;       /* exhaustive search goes to so many preemptions if time allows; 8 by default */
	uint64_t steps;  /* longest execution, 20000 by default; more is taken for a livelock */
	enum model_timeouts timeouts;
	uint64_t cover;  /* bits that model_cover must have set in each memory mode, or the test is in vain */
	bool leaks;      /* memory may be left at the end */
	double weight;   /* factor on the time it may take */
};

/* A test; options are designated initialisers: MODEL_TEST(name, .memory = MODEL_TSO) */
#define MODEL_TEST(id, ...)                                                                       \
	static void model_body_##id(void);                                                            \
	TEST_LIMIT(id, 36000)                                                                         \
	{                                                                                             \
		model_check(#id, model_body_##id, &(struct model_options){__VA_ARGS__});                  \
	}                                                                                             \
	static void model_body_##id(void)

struct model_result {
	bool failed;
	char message[512];
	uint64_t executions, steps;
	double seconds;
	uint64_t covered;
	bool quiet; /* set before: prints nothing */
	int exhausted; /* greatest bound that was searched completely in every memory mode, -1: none */
};

/* Explores body; prints what it did and, on failure, the shortest trace found. False on failure. */
bool model_run(const char *name, void (*body)(void), const struct model_options *opt,
			   struct model_result *result);
/* The same; a failure ends the test case. */
void model_check(const char *name, void (*body)(void), const struct model_options *opt);

/* ---- Threads ------------------------------------------------------------------------------------- */

/* Starts a thread of the model. A daemon need not end. */
#define model_go(fn, arg) model_thread(#fn, (fn), (arg), false)
#define model_daemon(fn, arg) model_thread(#fn, (fn), (arg), true)
void model_thread(const char *name, void (*fn)(void *), void *arg, bool daemon);

/* Waits for all threads but daemons; from then on their memory effects are visible here. */
void model_join(void);

/* Number of the calling thread: 0 the body, then in the order of model_go. */
int model_self(void);

/* ---- Saying what must hold ----------------------------------------------------------------------- */

_Noreturn void model_fail(const char *file, int line, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

#define MODEL_CHECK(c)                                                                            \
	do {                                                                                          \
		if (!(c))                                                                                 \
			model_fail(__FILE__, __LINE__, "MODEL_CHECK(%s)", #c);                                \
	} while (0)
#define MODEL_CHECK_EQ(a, b)                                                                      \
	do {                                                                                          \
		long long model_a = (long long)(a), model_b = (long long)(b);                             \
		if (model_a != model_b)                                                                   \
			model_fail(__FILE__, __LINE__, "%s == %s: %lld and %lld", #a, #b, model_a, model_b);  \
	} while (0)

/* This outcome happened (bit 0 to 63), see model_options.cover. */
void model_cover(int bit);

/* ---- Choices, time, waiting ---------------------------------------------------------------------- */

/* 0 .. n-1, each is tried: which of several calls to make, whether an allocation fails. 0 is the simplest. */
unsigned model_choose(unsigned n);

/* Counts the operations of this execution: stamps for histories. */
uint64_t model_now(void);

/* Nanoseconds of the model's clock, what clock_gettime says inside; each look takes a microsecond. */
int64_t model_clock(void);

/* Waiting that the tested code knows nothing of, as a computation in user code waits for another: neither
 * side orders memory. await returns when signal was called `count` times. */
struct model_event {
	unsigned count;
};
void model_signal(struct model_event *e);
void model_await(const struct model_event *e, unsigned count);

/* The kernel's futex: both sides are full fences. wait: false when the deadline passed (INT64_MAX: none). */
bool model_futex_wait(const void *word, uint32_t expected, int64_t deadline_ns);
void model_futex_wake(const void *word, int count);

/* ---- Making it faster and easier to read --------------------------------------------------------- */

/* Atomic words in [p, p + n) belong to one thread or are statistics: no scheduling point, no old values. */
void model_private(const void *p, size_t n);
/* A name for traces. */
void model_name(const void *p, size_t n, const char *name);

/* Each thread of the model has its own value of *word, NULL at first; for a thread-local variable, two at most.
 * Call it in a constructor. */
void model_thread_local(void **word);

/* Is p on a stack that tests bring along? Plain accesses there are not compared. */
void model_stacks(bool (*fn)(const void *p));

/* From now on malloc, calloc and aligned_alloc fail (or work again). */
void model_no_memory(bool on);

/* Called for each block of memory that the execution allocates. */
void model_on_alloc(void (*fn)(void *at, size_t size));

/* What getenv(name) says inside; the text is not copied. One name. */
void model_setenv(const char *name, const char *text);

/* What the calling thread has stored arrives before it goes on. Orders nothing: no fence, and nothing at all in weak memory. For
 * an environment whose plain accesses come where atomic ones were: plain ones are never late. */
void model_settle(void);

/* The membarrier build or the one with full fences; true by default, set at the beginning of a body. */
void model_asym(bool on);

/* ---- What comes before what: lin.h checks histories with it ---------------------------------------- */

/* All that the calling thread has done so far. */
struct model_mark {
	int thread;
	uint64_t at;
};
struct model_mark model_mark(void);

/* Must the calling thread see all that? tso: its stores have arrived; weak: it happened before. */
bool model_seen(struct model_mark mark);

#endif
