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

static bool print_one(struct g *gp, uint64_t id, size_t size, void *arg)
{
	const void *pcs[64];

	if (gp == arg)
		return true;
	if (atm_load_acq(&gp->state) == G_WAITING)
		traceback_print(gp, wait_reason_name(gp->wait_reason), pcs,
						traceback_parked(gp, pcs, 64));
	else if (atm_load_acq(&gp->state) == G_RUNNABLE)
		traceback_print(gp, "runnable", pcs, traceback_parked(gp, pcs, 64));
	else
		traceback_print(gp, "running", pcs, 0); /* on another thread: no frames without stopping it */
	return true;
}

struct trace_call {
	bool all;
	const void *fp;
	struct ctx caller, own;
};

static void trace_here(bool all, const void *fp)
{
	struct m *mp = getm();
	struct g *gp = mp ? mp->curg : NULL;
	struct stack_cursor at = {0};

	if (gp) {
		static const void *pcs[64];
		int n = traceback_walk(NULL, fp, gp->lo, g_stack_top(gp), pcs, 64);

		traceback_print(gp, "running", pcs, n);
	}
	if (all)
		stack_each(&at, print_one, gp);
}

static void trace_entry(void *carry)
{
	struct trace_call *call = carry;

	trace_here(call->all, call->fp);
	ctx_switch_full(&call->own, &call->caller, NULL);
}

/* Called with the message printed; `all`: nobody runs any more. On a stack of its own, as a coroutine's
 * is too small for reading symbols. */
static void trace(bool all)
{
	char *mem = mmap(NULL, ALT_STACK, PROT_READ | PROT_WRITE,
					 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_STACK, -1, 0);
	struct trace_call call = {.all = all, .fp = __builtin_frame_address(0)};

	if (mem == MAP_FAILED)
		return;
	ctx_ground(mem + ALT_STACK);
	ctx_init(&call.own, mem + ALT_STACK, trace_entry);
	ctx_switch_full(&call.caller, &call.own, &call);
}

void stack_overflow(struct g *gp, void *pc, void *fp)
{
	static const void *pcs[DEEP];
	size_t size = stack_class_size(gp->size_class);
	const char *lo = gp->lo - PAGE_SIZE;
	/* Found late, by its canary, the stack goes on below its end. */
	int n = traceback_walk(pc, fp, (char *)fp < lo ? fp : lo, g_stack_top(gp), pcs, DEEP);

	fflush(stdout);
	fprintf(stderr,
			"wend: coroutine %llu%s%s%s exceeds its stack of %zu bytes (attribute stack_size, or knob "
			"stack for all)\nfatal error: stack overflow\n",
			(unsigned long long)gp->id, gp->name ? " (" : "", gp->name ? gp->name : "",
			gp->name ? ")" : "", size);
	traceback_print(gp, "running", pcs, n);
	wend__fatal_trace = NULL; /* printed */
	wend__die(false);
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
