/* SPDX-License-Identifier: MIT
 *
 * sched/crash.c - faults: a touch of a guard page is a stack overflow and is reported as such, from an
 * alternate signal stack; any other SIGSEGV or SIGBUS goes to whoever handled it before.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "base/fatal.h"
#include "sched/blocking.h"
#include "sched/sched_priv.h"
#include "sched/traceback.h"

#define DEEP 100000

/* ---- The trace of a dying process --------------------------------------------------------------- */

/* The level of this report. */
static enum traceback_level level;

static bool print_one(struct g *gp, uint64_t id, size_t size, void *arg)
{
	const void *pcs[64];
	uint32_t state = atm_load_acq(&gp->state);
	bool all_frames = level >= TRACEBACK_SYSTEM;

	if (gp == arg)
		return true;
	if (gp->flags & G_FOREIGN) {
		traceback_print(gp, state == G_WAITING ? wait_reason_name(gp->wait_reason) : "running", pcs, 0,
						all_frames);
	} else if (g_waits(state) || state == G_RUNNABLE) {
		int n = traceback_walk(walk_parked(gp), pcs, 64);

		traceback_print(gp, g_waits(state) ? wait_reason_name(gp->wait_reason) : "runnable", pcs, n,
						all_frames);
	} else {
		traceback_print(gp, "running", NULL, 0, all_frames);
	}
	return true;
}

struct trace_call {
	bool all;
	const struct fatal_site *from;
	struct ctx caller, own;
};

/* Of the calling thread, empty when it cannot be told. */
static void thread_stack(const char **lo, const char **hi)
{
	pthread_attr_t attr;
	void *base = NULL;
	size_t size = 0;

	if (pthread_getattr_np(pthread_self(), &attr) == 0) {
		pthread_attr_getstack(&attr, &base, &size);
		pthread_attr_destroy(&attr);
	}
	*lo = base;
	*hi = *lo + size;
}

/* The stack that sp is on: the coroutine's, or the thread's. */
static struct walk walk_at(const struct fatal_site *from, struct g *gp)
{
	const char *sp = from->sp ? from->sp : from->fp;
	const char *lo = gp ? gp->lo : NULL, *hi = gp ? g_stack_top(gp) : NULL;

	if (sp < lo || sp >= hi)
		thread_stack(&lo, &hi);
	if (!from->pc)
		return walk_from_frame(from->fp, lo, hi);
	return (struct walk){from->pc, from->sp, from->fp, lo, hi};
}

static void trace_here(bool all, const struct fatal_site *from)
{
	static const void *pcs[64];
	struct m *mp = thread_m();
	struct g *gp = mp ? mp->curg : NULL;
	struct stack_cursor at = {0};

	if (from)
		traceback_print(gp, "running", pcs, traceback_walk(walk_at(from, gp), pcs, 64),
						level >= TRACEBACK_SYSTEM);
	if (all)
		stack_each(&at, print_one, from ? gp : NULL);
}

static void trace_entry(void *carry)
{
	struct trace_call *call = carry;

	trace_here(call->all, call->from);
	ctx_switch_full(&call->own, &call->caller, NULL);
}

/* Called with the message printed; `all`: nobody runs any more. On a stack of its own, as a coroutine's
 * is too small for reading symbols. */
static void trace(const struct fatal_site *from, bool all)
{
	struct trace_call call = {.all = all, .from = from};
	char *mem = mmap(NULL, CRASH_STACK, PROT_READ | PROT_WRITE,
					 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_STACK, -1, 0);

	level = traceback_level();
	if (level >= TRACEBACK_ALL)
		call.all = true;
	if (level > TRACEBACK_NONE && mem != MAP_FAILED) {
		ctx_ground(mem + CRASH_STACK);
		ctx_init(&call.own, mem + CRASH_STACK, trace_entry);
		ctx_switch_full(&call.caller, &call.own, &call);
	}
	if (level == TRACEBACK_CRASH) {
		signal(SIGABRT, SIG_DFL);
		abort();
	}
}

void crash_trace_on(void)
{
	wend__fatal_trace = trace;
}

void stack_overflow(struct g *gp, void *pc, void *sp, void *fp)
{
	static const void *pcs[DEEP];
	size_t size = stack_class_size(gp->size_class);
	const char *lo = gp->lo - PAGE_SIZE;
	/* Found late, by its canary, the stack goes on below its end. */
	struct walk at = sp ? (struct walk){pc, sp, fp, lo, g_stack_top(gp)}
						: walk_from_frame(fp, (char *)fp < lo ? fp : lo, g_stack_top(gp));
	int n = traceback_walk(at, pcs, DEEP);

	wend__die_begin();
	fprintf(stderr,
			"wend: coroutine %llu%s%s%s exceeds its stack of %zu bytes (attribute stack_size, or knob "
			"stack for all)\nfatal error: stack overflow\n",
			(unsigned long long)gp->id, gp->name ? " (" : "", gp->name ? gp->name : "",
			gp->name ? ")" : "", size);
	if (traceback_level() > TRACEBACK_NONE)
		traceback_print(gp, "running", pcs, n, traceback_level() >= TRACEBACK_SYSTEM);
	wend__die(NULL, false);
}
