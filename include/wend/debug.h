/* SPDX-License-Identifier: MIT
 *
 * wend/debug.h - look at the runtime while it runs: the list of coroutines, the scheduler's counters.
 * All functions may be called from coroutines and foreign threads and never block.
 */
#ifndef WEND_DEBUG_H
#define WEND_DEBUG_H

#include <wend/types.h>

WEND__BEGIN

/* What a coroutine is doing. `state` is a word of Go's vocabulary: "running", "runnable", or the
 * reason of a parked one ("sync.WaitGroup.Wait", ...). */
typedef struct wend_coroutine_info {
	uint64_t id;
	uint64_t parent_id; /* who started it; 0: a foreign thread or the runtime */
	const char *name;   /* as given in its attributes, else the function's name if WEND_GO, or NULL */
	const char *state;
	const void *wait_object; /* the object waited on, NULL if none */
	const void *entry;       /* the function it runs */
	const void *created_at;  /* return address of the call that started it */
	int64_t parked_ns;       /* CLOCK_MONOTONIC when it parked, 0 if not parked. Coarse: to within 64
	                            scheduling rounds of its P */
	size_t stack_size;       /* reserved bytes */
	bool guarded;            /* the stack has a guard page (else a canary) */
	bool locked;             /* tied to a thread */
} wend_coroutine_info;

/* Calls fn for each coroutine that exists, in no order; those started or ended meanwhile may be missing. Each
 * record is consistent in itself. Stops when fn returns false. Returns how many were shown. */
WEND_API size_t wend_coroutines_each(bool (*fn)(const wend_coroutine_info *, void *), void *arg);

/* Sums over all P's since the runtime started. */
typedef struct wend_stats {
	uint64_t spawns;     /* coroutines started */
	uint64_t exits;      /* coroutines ended */
	uint64_t switches;   /* coroutines put on a CPU */
	uint64_t yields;     /* wend_yield that switched */
	uint64_t parks;      /* coroutines that blocked */
	uint64_t readies;    /* coroutines made ready */
	uint64_t wakes;      /* threads woken to look for work */
	uint64_t steals;     /* visits to another P that brought something */
	uint64_t stolen;     /* coroutines they brought */
	uint64_t spins;      /* rounds of looking for work that found none */
	uint64_t migrations; /* coroutines put on another P than the last time */
	uint64_t idles;      /* times a P went idle */
	uint64_t blockings;  /* calls of wend_blocking */
	uint64_t blocked;    /* coroutines in one now */
	uint64_t threads;    /* M's that exist now */
	uint64_t stacks;     /* stacks ever carved out of the arenas */
	uint64_t guarded;    /* of these, with a guard page */
	uint64_t stack_bytes_returned; /* given back to the kernel */
} wend_stats;

WEND_API void wend_stats_read(wend_stats *out);

/* Which backend the atomics layer was built with ("ck_pr" or "builtin"), how thieves and owners are
 * ordered ("membarrier" or "full fences"), how stacks are guarded ("madvise", "mprotect", "canary"). */
WEND_API const char *wend_atomics_backend(void);
WEND_API const char *wend_fence_kind(void);
WEND_API const char *wend_guard_kind(void);

/* Where P number p (0-based) is pinned: the CPU's OS index, -1 when it floats, -2 when binding was asked for
 * but did nothing (the reason was printed once on stderr). */
WEND_API int wend_p_cpu(int p);

/* Gives pages back to the kernel now: those of free stacks, and what parked coroutines once touched and no
 * longer use of theirs; returns bytes. The runtime does so by itself, in batches, once many stacks are
 * free and when all P's have been idle for 10 ms. Takes about 0.3 us per page or parked coroutine. */
WEND_API size_t wend_release_memory(void);

WEND__END
#endif
