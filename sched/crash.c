/* SPDX-License-Identifier: MIT
 *
 * sched/crash.c - faults: a touch of a guard page is a stack overflow and is reported as such, from an
 * alternate signal stack; any other SIGSEGV or SIGBUS goes to whoever handled it before.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <ucontext.h>

#include "base/fatal.h"
#include "sched/sched_priv.h"
#include "sched/traceback.h"

/* Symbols take some 130 KiB of stack; pages that are not used cost nothing. */
#define ALT_STACK ((size_t)512 << 10)
#define DEEP 100000

static struct sigaction before_segv, before_bus;

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
	} else if (state == G_WAITING || state == G_RUNNABLE) {
		int n = traceback_walk(walk_parked(gp), pcs, 64);

		traceback_print(gp, state == G_WAITING ? wait_reason_name(gp->wait_reason) : "runnable", pcs, n,
						all_frames);
	} else {
		traceback_print(gp, "running", pcs, 0, all_frames);
		fputs("\tcoroutine running on another thread; stack unavailable\n", stderr);
	}
	return true;
}

struct trace_call {
	bool all;
	const void *fp;
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

static void trace_here(bool all, const void *fp)
{
	static const void *pcs[64];
	struct m *mp = getm();
	struct g *gp = mp ? mp->curg : NULL;
	struct stack_cursor at = {0};
	const char *lo = gp ? gp->lo : NULL, *hi = gp ? g_stack_top(gp) : NULL;

	if (fp) {
		if (!gp)
			thread_stack(&lo, &hi);

		int n = traceback_walk(walk_from_frame(fp, lo, hi), pcs, 64);

		traceback_print(gp, "running", pcs, n, level >= TRACEBACK_SYSTEM);
	}
	if (all)
		stack_each(&at, print_one, fp ? gp : NULL);
}

static void trace_entry(void *carry)
{
	struct trace_call *call = carry;

	trace_here(call->all, call->fp);
	ctx_switch_full(&call->own, &call->caller, NULL);
}

/* Called with the message printed; `all`: nobody runs any more. On a stack of its own, as a coroutine's
 * is too small for reading symbols. */
static void trace(const void *fp, bool all)
{
	char *mem = mmap(NULL, ALT_STACK, PROT_READ | PROT_WRITE,
					 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_STACK, -1, 0);
	struct trace_call call = {.all = all, .fp = fp};

	if (mem == MAP_FAILED)
		return;
	level = traceback_level();
	if (level >= TRACEBACK_ALL)
		call.all = true;
	ctx_ground(mem + ALT_STACK);
	ctx_init(&call.own, mem + ALT_STACK, trace_entry);
	ctx_switch_full(&call.caller, &call.own, &call);
}

void stack_overflow(struct g *gp, void *pc, void *sp, void *fp)
{
	static const void *pcs[DEEP];
	size_t size = stack_class_size(gp->size_class);
	const char *lo = gp->lo - PAGE_SIZE;
	/* Found late, by its canary, the stack goes on below its end. */
	struct walk at = sp ? (struct walk){pc, sp, fp, lo, g_stack_top(gp)}
						: walk_from_frame(fp, (char *)fp < lo ? fp : lo, g_stack_top(gp));
	int n = traceback_level() == TRACEBACK_NONE ? 0 : traceback_walk(at, pcs, DEEP);

	wend__die_begin();
	fprintf(stderr,
			"wend: coroutine %llu%s%s%s exceeds its stack of %zu bytes (attribute stack_size, or knob "
			"stack for all)\nfatal error: stack overflow\n",
			(unsigned long long)gp->id, gp->name ? " (" : "", gp->name ? gp->name : "",
			gp->name ? ")" : "", size);
	traceback_print(gp, "running", pcs, n, traceback_level() >= TRACEBACK_SYSTEM);
	wend__fatal_trace = NULL; /* printed */
	wend__die(NULL, false);
}

/* ---- Signals ------------------------------------------------------------------------------------ */

static void pass_on(int sig, siginfo_t *info, void *context)
{
	struct sigaction *before = sig == SIGBUS ? &before_bus : &before_segv;

	if (before->sa_flags & SA_SIGINFO) {
		before->sa_sigaction(sig, info, context);
	} else if (before->sa_handler != SIG_DFL && before->sa_handler != SIG_IGN) {
		before->sa_handler(sig);
	} else {
		if (info->si_code <= 0 && before->sa_handler == SIG_IGN)
			return;
		signal(sig, SIG_DFL); /* a fault happens again on return, and kills as it would have */
		if (info->si_code <= 0) /* sent by somebody: once more, delivered on return */
			raise(sig);
	}
}

static void on_fault(int sig, siginfo_t *info, void *context)
{
	struct g *gp = NULL;
	const ucontext_t *uc = context;

	if (info->si_code > 0 && stack_guard_hit(info->si_addr, &gp)) {
#ifdef __x86_64__
		wend__die_soon();
		stack_overflow(gp, (void *)uc->uc_mcontext.gregs[REG_RIP],
					   (void *)uc->uc_mcontext.gregs[REG_RSP],
					   (void *)uc->uc_mcontext.gregs[REG_RBP]);
#endif
	}
	pass_on(sig, info, context);
}

void crash_init(void)
{
	static bool installed;
	struct sigaction sa = {.sa_sigaction = on_fault, .sa_flags = SA_SIGINFO | SA_ONSTACK};

	wend__fatal_trace = trace;
	if (installed)
		return;
	installed = true;
	sigemptyset(&sa.sa_mask);
	sigaction(SIGSEGV, &sa, &before_segv);
	sigaction(SIGBUS, &sa, &before_bus);
}

/* Without an alternate stack an overflow kills without a word, so the word is said now. */
static void no_alternate_stack(const char *call)
{
	static atm_u32 said;

	if (atm_xchg_sc(&said, 1) != 0)
		return;
	fprintf(stderr,
			"wend: no stack for fault handlers (%s: %s): a coroutine that overflows its stack will end the "
			"program by SIGSEGV, without a report. This is said once.\n",
			call, strerror(errno));
}

void crash_thread_init(struct m *mp)
{
	void *mem = mmap(NULL, ALT_STACK, PROT_READ | PROT_WRITE,
					 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_STACK, -1, 0);
	stack_t ss = {.ss_sp = mem, .ss_size = ALT_STACK};

	if (mem == MAP_FAILED) {
		no_alternate_stack("mmap");
	} else if (sigaltstack(&ss, &mp->alt_before) != 0) {
		no_alternate_stack("sigaltstack");
		munmap(mem, ALT_STACK);
	} else {
		mp->alt_stack = mem;
	}
}

void crash_thread_fini(struct m *mp)
{
	if (!mp->alt_stack)
		return;
	sigaltstack(&mp->alt_before, NULL);
	munmap(mp->alt_stack, ALT_STACK);
	mp->alt_stack = NULL;
}
