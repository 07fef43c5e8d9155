/* SPDX-License-Identifier: MIT
 *
 * tests/model/engine.h - what the checker's own files share. One execution at a time, all of it in the
 * structure `model`; nothing is allocated while one runs.
 */
#ifndef TESTS_MODEL_ENGINE_H
#define TESTS_MODEL_ENGINE_H

#include "model/model.h"
#include "sched/ctx.h"

enum {
	THREADS = 16,         /* of one execution */
	LOCALS = 2,           /* thread-local words */
	STACK_BYTES = 256 << 10,
	STORES = 32,          /* a store buffer's places */
	LOCATIONS = 8192,     /* hash table of atomic words; a power of two */
	IDS = 1024,           /* words that are not private */
	CHOICES = 1 << 16,
	NAMES = 64,
	PRIVATES = 64,
};

/* Each thread's clock is a word of every view, too, so that a join of views is one of happens-before. */
typedef uint16_t stamp;

enum state { READY, PAUSED, BLOCKED, DONE };
enum wait { WAIT_FUTEX = 1, WAIT_EVENT, WAIT_JOIN };

enum op_kind { OP_NONE, OP_LOAD, OP_STORE, OP_RMW, OP_FENCE, OP_HEAVY, OP_PAUSE, OP_WAIT, OP_WAKE, OP_EVENT,
			   OP_AWAIT, OP_JOIN, OP_START, OP_END, OP_DRAIN, OP_ALLOC, OP_FREE, OP_CLOCK, OP_NOTE, OP_TIMEOUT, OP_PLAIN };

struct location;

struct store {
	struct location *loc;
	uint64_t value;
	const void *pc;
};

struct thread {
	struct ctx ctx;
	enum state state;
	uint8_t number;
	bool daemon, timed, timed_out;
	bool arrived; /* was chosen to go on and has done nothing yet */
	bool draining; /* TSO: its oldest store is about to arrive */
	uint16_t nstores; /* TSO: the store buffer, oldest first */
	uint32_t changes_seen;
	uint64_t issued; /* TSO: stores put into the buffer so far */
	struct store store[STORES];

	/* weak: what it has seen; what relaxed loads brought for a later fence; what a relaxed store carries */
	stamp view[IDS], loaded[IDS], fenced[IDS];

	/* blocked */
	enum wait wait;
	const void *word;
	unsigned count;
	int64_t deadline;

	/* for people */
	enum op_kind op;
	const void *addr, *pc;
	const char *name;

	void (*fn)(void *);
	void *arg;
	void *local[LOCALS];
	char *stack;
	int priority;
};

/* Weak memory: one store to a word. */
struct message {
	uint64_t value;
	struct message *older;
	stamp *view; /* what whoever acquires it learns; vlen words, the others 0 */
	uint16_t vlen;
	stamp at;
	uint8_t thread;
	bool rmw; /* it belongs right behind the older one */
	const void *pc;
};

struct location {
	const void *addr;
	uint32_t generation; /* of the execution that the rest belongs to */
	uint16_t id;         /* in views; 0: private, no choices */
	uint8_t size;
	bool freed, global;
	uint16_t pending; /* TSO: entries in store buffers */
	uint64_t initial; /* to be put back when the execution is over */
	struct message *newest, *acted_on;
};

struct choice {
	uint8_t n, pick;
	uint8_t limit; /* exhaustive search: how many of the n are within the bounds */
};

enum strategy { REPLAY, EXHAUST, RANDOM };

struct model {
	struct thread *cur;
	unsigned memory; /* MODEL_TSO or MODEL_WEAK */
	int nthreads, alive;
	uint32_t changes; /* grows with each store: what paused threads wait for */
	uint32_t idle_changes, idle_rounds;
	uint64_t step, step_limit;
	uint64_t event;
	int64_t clock;
	struct thread thread[THREADS];
	struct thread *enabled[THREADS];
	struct ctx home;
	bool running, failed, over;
	char message[512];
	const struct model_options *opt;
	void (*body)(void);
	uint64_t covered;
	void **local[LOCALS]; /* words that each thread has for itself */
	int nlocals;

	/* locations */
	uint32_t generation;
	uint16_t nids;
	int nused;
	struct location *used[LOCATIONS];
	struct location table[LOCATIONS];
	stamp sc_view[IDS];

	/* choices */
	enum strategy strategy;
	int at, nprefix;
	int preemptions, departures; /* left to exhaustive search */
	bool bounded;                /* some branch was left out because of that */
	struct choice choice[CHOICES];
	uint8_t prefix[CHOICES];

	/* names and private words */
	int nnames, nprivates;
	struct { const char *lo, *hi, *name; } names[NAMES];
	struct { const char *lo, *hi; } privates[PRIVATES];

	bool tracing;
};

extern struct model model;

/* ---- engine.c ---- */
void model_execute(void); /* one execution, from the choices of prefix on by strategy */
void model_point(enum op_kind kind, const void *addr, const void *pc); /* maybe somebody else goes first */
void model_join_thread(int number);
void model_switch_away(void); /* the current thread cannot go on now */
_Noreturn void model_stop(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* ---- tso.c, weak.c ---- */
uint64_t tso_load(struct location *l);
void tso_store(struct location *l, uint64_t v, const void *pc);
void tso_before_rmw(struct location *l);
void tso_drain_all(struct thread *t);
void tso_forget(const char *lo, const char *hi); /* freed memory: the own stores to it go nowhere */

void weak_begin(void);
void weak_location(struct location *l);
uint64_t weak_load(struct location *l, int order);
/* Private words: always the newest, but what they carry is carried. */
uint64_t weak_load_private(struct location *l, int order);
void weak_store(struct location *l, uint64_t v, int order, const void *pc);
uint64_t weak_rmw_read(struct location *l); /* what it acts on; then one of these: */
void weak_rmw(struct location *l, uint64_t v, const void *pc);
void weak_rmw_failed(struct location *l); /* a compare-and-swap that fails */
void weak_fence(struct thread *t);
void weak_catch_up(struct thread *t); /* sees the newest of everything */
void weak_inherit(struct thread *child, const struct thread *parent);
uint64_t weak_mark(struct thread *t);
bool weak_seen(const struct thread *t, const struct thread *of, uint64_t mark);
void weak_join(struct thread *t, const struct thread *ended);

static inline uint64_t word_read(const void *p, unsigned size)
{
	return size == 4 ? *(const uint32_t *)p : *(const uint64_t *)p;
}

static inline void word_write(const void *p, unsigned size, uint64_t v)
{
	if (size == 4)
		*(uint32_t *)p = (uint32_t)v;
	else
		*(uint64_t *)p = v;
}

/* ---- choose.c ---- */
enum choice_kind { CHOOSE_THREAD, CHOOSE_VALUE, CHOOSE_TEST };
/* 0 .. n-1; what is not 0 costs: a preemption or a departure from sequential consistency, or nothing. */
enum cost { COST_NOTHING, COST_PREEMPTION, COST_DEPARTURE };
unsigned model_pick(unsigned n, enum choice_kind kind, enum cost cost);
void choose_begin(uint64_t seed, uint64_t execution); /* random: the character of an execution */
void choose_priority(struct thread *t);
bool choose_next_exhaustive(void); /* sets prefix to the next branch; false when there is none */

/* ---- heap.c ---- */
void heap_begin(void);
void heap_end(void); /* fails on leaks unless they are allowed */
bool heap_freed(const void *p);
bool heap_owns(const void *p);
bool heap_freed_fast(const void *p); /* heap_owns(p) */
void heap_describe(const void *p, char *out, size_t size);

/* ---- races.c ---- */
void races_atomic(const void *p, size_t size, bool write, const void *pc);
void races_free(const void *p, size_t size, const void *pc);

/* ---- kernel.c ---- */
void kernel_thread_begins(const struct thread *t);
void kernel_thread_ends(const struct thread *t);

/* ---- trace.c ---- */
void trace_begin(void);
void trace_op(const struct thread *t, enum op_kind kind, const struct location *l, const void *addr,
			  uint64_t a, uint64_t b, int detail, const void *pc);
void trace_print(void);
void trace_positions(void);

#define TRACE_OP(...)                                                                             \
	do {                                                                                          \
		if (unlikely(model.tracing))                                                              \
			trace_op(__VA_ARGS__);                                                                \
	} while (0)

#endif
