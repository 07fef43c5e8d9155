/* SPDX-License-Identifier: MIT
 *
 * sched/signals.c - faults of coroutines become panics, other deaths by signal get their report.
 *
 *   a touch of a stack's guard page                     fatal error: stack overflow
 *   SIGSEGV below 4096, SIGFPE                          a panic of the coroutine, where it stands; if it is in user code: not
 *                                                       inside the library (the border says so), nor in the C library or the
 *                                                       loader, which may hold locks there, except in string functions
 *   others on a thread of the runtime                   who handled the signal before, else a fatal error
 *   on foreign threads                                  as before
 *   SIGQUIT, unless somebody handles it                 all stacks, status 2
 *
 * Handlers run on a stack of their own, as a coroutine's is too small for reading symbols.
 */
#include <dlfcn.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <ucontext.h>
#include <unistd.h>

#include "base/fatal.h"
#include "sched/blocking.h"
#include "sched/panic_priv.h"
#include "sched/sched_priv.h"
#include "sched/traceback.h"

#define FIRST_PAGE 4096 /* accesses below it are of a nil pointer's fields */
#define RED_ZONE 128
#define TRAP_DIRECTION 0x500 /* flags that must not be set in the panic */

static struct sigaction before_segv, before_bus, before_fpe;

static struct sigaction *before(int sig)
{
	return sig == SIGSEGV ? &before_segv : sig == SIGBUS ? &before_bus : &before_fpe;
}

/* ---- Code that may hold locks --------------------------------------------------------------------- */

/* Where the C library and the loader are. */
static void *locking[2];

/* Functions of the C library that hold none and are handed nil pointers: first addresses. */
static const void *leaves[32];

static void *object_start(const void *pc)
{
	struct dl_find_object obj;

	return _dl_find_object((void *)pc, &obj) == 0 ? obj.dlfo_map_start : NULL;
}

static void find_code(void)
{
	static const char *const names[] = {
		"strlen", "strnlen", "strcmp", "strncmp", "strcasecmp", "strncasecmp", "strcpy", "strncpy",
		"stpcpy", "stpncpy", "strcat", "strncat", "strchr", "strrchr", "strchrnul", "strstr", "strspn",
		"strcspn", "strpbrk", "memcpy", "memmove", "memset", "memcmp", "memchr", "memrchr", "rawmemchr",
		"mempcpy", "wcslen", "bcmp",
	};

	_Static_assert(countof(names) <= countof(leaves), "room for all");
	void *libc = dlopen("libc.so.6", RTLD_LAZY | RTLD_NOLOAD); /* not what a checker puts in its place */

	if (!libc)
		return;
	locking[0] = object_start(dlsym(libc, "gnu_get_libc_version"));
	locking[1] = object_start(dlsym(libc, "_dl_find_object"));
	for (size_t i = 0; i < countof(names); i++)
		leaves[i] = dlsym(libc, names[i]); /* the variant for this CPU */
	dlclose(libc);
}

/* First address of the function at pc, by the index of the object's unwinding tables (.eh_frame_hdr); NULL when
 * there is none in the usual form. */
static const void *function_start(const struct dl_find_object *obj, const char *pc)
{
	const unsigned char *head = obj->dlfo_eh_frame;
	const struct {
		int32_t start, fde; /* relative to head */
	} *table = (const void *)(head + 12);
	uint32_t lo = 0, n;

	if (!head || head[0] != 1 || head[1] != 0x1b || head[2] != 0x03 || head[3] != 0x3b)
		return NULL;
	memcpy(&n, head + 8, sizeof n);
	if (n == 0 || pc < (const char *)head + table[0].start)
		return NULL;
	for (uint32_t hi = n; hi - lo > 1;) {
		uint32_t mid = lo + (hi - lo) / 2;

		if (pc < (const char *)head + table[mid].start)
			hi = mid;
		else
			lo = mid;
	}
	return head + table[lo].start;
}

static bool in_locking(const void *pc)
{
	const void *start = object_start(pc);

	return start && (start == locking[0] || start == locking[1]);
}

static bool is_leaf(const void *pc)
{
	struct dl_find_object obj;
	const void *start = _dl_find_object((void *)pc, &obj) == 0 ? function_start(&obj, pc) : NULL;

	for (size_t i = 0; start && i < countof(leaves); i++)
		if (leaves[i] == start)
			return true;
	return false;
}

/* May the code at pc hold a lock of the C library's? Takes none. String functions do not, unless it is the library
 * itself that called them (printf of a %s); they keep no more than a few words on the stack below the return. */
static bool may_hold_lock(const void *pc, const void *const *sp)
{
	if (!in_locking(pc))
		return false;
	if (!is_leaf(pc))
		return true;
	for (int i = 0; i < 8; i++)
		if (object_start(sp[i]))
			return in_locking(sp[i]);
	return true;
}


/* ---- The context of a signal ------------------------------------------------------------------------ */

static struct fatal_site site_of(const ucontext_t *uc)
{
	const greg_t *r = uc->uc_mcontext.gregs;

	return (struct fatal_site){(const void *)r[REG_RIP], (const void *)r[REG_RSP], (const void *)r[REG_RBP]};
}

/* The operand of the division that the context stands at; 0 also for what is none. The processor reports a
 * quotient that does not fit (INT_MIN / -1) in the same way as a zero divisor. */
static int64_t divisor(const ucontext_t *uc)
{
	static const int order[16] = {REG_RAX, REG_RCX, REG_RDX, REG_RBX, REG_RSP, REG_RBP, REG_RSI, REG_RDI,
								  REG_R8,  REG_R9,  REG_R10, REG_R11, REG_R12, REG_R13, REG_R14, REG_R15};
	const greg_t *r = uc->uc_mcontext.gregs;
	const uint8_t *code = (const uint8_t *)r[REG_RIP];
	unsigned rex = 0, size = 4, op, mod, rm;
	int64_t value = 0;
	const void *operand;

	for (; *code == 0x66 || *code == 0xf2 || *code == 0xf3; code++)
		if (*code == 0x66)
			size = 2;
	if ((*code & 0xf0) == 0x40)
		rex = *code++;
	size = rex & 8 ? 8 : size;
	op = *code++;
	if ((op != 0xf6 && op != 0xf7) || (*code >> 3 & 7) < 6)
		return 0;
	size = op == 0xf6 ? 1 : size;
	mod = *code >> 6;
	rm = *code++ & 7;
	if (mod == 3) {
		bool high = size == 1 && !rex && rm >= 4; /* ah, ch, dh, bh */

		operand = (const char *)&r[order[high ? rm - 4 : rm + (rex & 1) * 8]] + high;
	} else {
		int64_t addr;
		int32_t shift = 0;

		if (rm == 4) { /* with an index */
			unsigned sib = *code++, index = (sib >> 3 & 7) + (rex >> 1 & 1) * 8, base = sib & 7;

			addr = index == 4 ? 0 : r[order[index]] * (1 << (sib >> 6));
			if (base == 5 && mod == 0) {
				memcpy(&shift, code, 4);
				addr += shift;
			} else {
				addr += r[order[base + (rex & 1) * 8]];
			}
		} else if (rm == 5 && mod == 0) { /* relative to the next instruction */
			memcpy(&shift, code, 4);
			addr = (int64_t)(uintptr_t)(code + 4) + shift;
		} else {
			addr = r[order[rm + (rex & 1) * 8]];
		}
		if (mod == 1)
			addr += (int8_t)*code;
		if (mod == 2) {
			memcpy(&shift, code, 4);
			addr += shift;
		}
		operand = (const void *)addr;
	}
	memcpy(&value, operand, size);
	return value;
}

/* ---- Faults that become panics ---------------------------------------------------------------------- */

struct fault {
	const char *text;
	char note[120];
	struct fatal_site from;
};

static void write_note(char *note, size_t size, int sig, const siginfo_t *info, const void *pc)
{
	snprintf(note, size, "[signal %s code=0x%x addr=0x%lx pc=0x%lx]\n",
			 sig == SIGSEGV  ? "SIGSEGV: segmentation violation"
			 : sig == SIGBUS ? "SIGBUS: bus error"
							 : "SIGFPE: floating-point exception",
			 (unsigned)info->si_code, (unsigned long)(uintptr_t)info->si_addr, (unsigned long)(uintptr_t)pc);
}

/* On the coroutine's stack, as if called by the code that faulted. */
static noinline __attribute__((noreturn)) void fault_entry(struct fault *f)
{
	panic_fault(f->text, f->note, &f->from);
}

/* Go's words, NULL for faults that are no panics. */
static const char *fault_text(int sig, const siginfo_t *info, const ucontext_t *uc)
{
	if (sig == SIGSEGV && (info->si_code == SEGV_MAPERR || info->si_code == SEGV_ACCERR) &&
		(uintptr_t)info->si_addr < FIRST_PAGE)
		return "runtime error: invalid memory address or nil pointer dereference";
	if (sig == SIGFPE && info->si_code == FPE_INTDIV)
		return divisor(uc) == 0 ? "runtime error: integer divide by zero" : "runtime error: integer overflow";
	if (sig == SIGFPE) /* who asked for it by feenableexcept */
		return "runtime error: floating point error";
	return NULL;
}

/* What the unit still holds against the program would be reported once more, and functions are called with an empty stack. */
static void forget_float_error(ucontext_t *uc)
{
	fpregset_t f = uc->uc_mcontext.fpregs;

	f->swd = 0;
	f->ftw = 0;
	f->mxcsr &= ~(uint32_t)0x3f;
}

/* Arranges for the return from the signal to call fault_entry. */
static bool becomes_panic(int sig, const siginfo_t *info, ucontext_t *uc)
{
	struct m *mp = thread_m();
	struct g *gp = mp ? mp->curg : NULL;
	greg_t *r = uc->uc_mcontext.gregs;
	char *sp = (char *)r[REG_RSP];
	const char *pc = (const char *)r[REG_RIP], *text;

	if (!gp || atm_load_rlx(&mp->in_rt) || foreign_inside() || sp >= g_stack_top(gp) || sp < gp->lo + RED_ZONE + 4096)
		return false; /* rlx: our own */
	text = fault_text(sig, info, uc);
	if (!text)
		return false;
	if ((uintptr_t)pc < FIRST_PAGE) { /* a call of nil: the caller is at fault */
		memcpy(&pc, sp, sizeof pc);
		pc--;
	}
	if (may_hold_lock(pc, (const void *const *)sp))
		return false;

	struct fault *f = (struct fault *)(((uintptr_t)sp - RED_ZONE - sizeof *f) & ~(uintptr_t)15);

	f->text = text;
	write_note(f->note, sizeof f->note, sig, info, (const void *)r[REG_RIP]);
	f->from = site_of(uc);
	if (f->from.pc != pc) { /* after the return that the call of nil did not make */
		f->from.pc = pc;
		f->from.sp = sp + 8;
	}
	pc++; /* for whoever walks the stack this is a call */
	sp = (char *)f - 8;
	memcpy(sp, &pc, sizeof pc);
	r[REG_RSP] = (greg_t)sp;
	r[REG_RIP] = (greg_t)fault_entry;
	r[REG_RDI] = (greg_t)f;
	r[REG_EFL] &= ~(greg_t)TRAP_DIRECTION;
	if (sig == SIGFPE && info->si_code != FPE_INTDIV)
		forget_float_error(uc);
	return true;
}

/* ---- Other faults ----------------------------------------------------------------------------------- */

/* To who handled the signal before; false: nobody did. */
static bool pass_on(int sig, siginfo_t *info, void *context)
{
	struct sigaction *sa = before(sig);

	if (sa->sa_flags & SA_SIGINFO)
		sa->sa_sigaction(sig, info, context);
	else if (sa->sa_handler == SIG_IGN && info->si_code <= 0) /* sent by somebody */
		return true;
	else if (sa->sa_handler != SIG_DFL && sa->sa_handler != SIG_IGN)
		sa->sa_handler(sig);
	else
		return false;
	return true;
}

/* The thread as it stood, and the coroutine that it runs if that is on another stack. What stands in the C
 * library may hold the locks that a proper trace needs: a plain one comes first. */
static __attribute__((noreturn)) void die_of_fault(int sig, const siginfo_t *info, const ucontext_t *uc)
{
	struct fatal_site from = site_of(uc);
	struct m *mp = thread_m();
	char note[160];
	const char *lo = mp->curg ? mp->curg->lo : mp->stack_lo;
	const char *hi = mp->curg ? g_stack_top(mp->curg) : lo + mp->stack_size;

	write_note(note, sizeof note, sig, info, from.pc);
	wend__die_soon();
	if (may_hold_lock(from.pc, from.sp)) {
		static const char head[] = "fatal error: unexpected signal in the C library\n";

		if (write(2, head, sizeof head - 1) > 0 && write(2, note, strlen(note)) > 0)
			traceback_print_plain((struct walk){from.pc, from.sp, from.fp, lo, hi});
		wend__die_begin();
	} else {
		wend__die_begin();
		if (mp->curg && !atm_load_rlx(&mp->in_rt) && !foreign_inside()) /* rlx: our own */
			fprintf(stderr, "unexpected fault address 0x%lx\nfatal error: fault\n%s",
					(unsigned long)(uintptr_t)info->si_addr, note); /* %p would say (nil) */
		else
			fprintf(stderr, "fatal error: unexpected signal during runtime execution\n%s", note);
	}
	wend__die(&from, false);
}

static void on_fault(int sig, siginfo_t *info, void *context)
{
	struct g *gp = NULL;
	struct fatal_site from = site_of(context);

	if (info->si_code > 0 && sig != SIGFPE && stack_guard_hit(info->si_addr, &gp)) {
		wend__die_soon();
		stack_overflow(gp, (void *)from.pc, (void *)from.sp, (void *)from.fp);
	}
	if (info->si_code > 0 && becomes_panic(sig, info, context))
		return;
	if (pass_on(sig, info, context))
		return;
	if (info->si_code > 0 && thread_m())
		die_of_fault(sig, info, context);
	signal(sig, SIG_DFL); /* a fault happens again on return, and kills as it would have */
	if (info->si_code <= 0) /* sent by somebody: once more, delivered on return */
		raise(sig);
}

/* ---- SIGQUIT ---------------------------------------------------------------------------------------- */

/* The signal comes again in a millisecond. */
static bool try_later(void)
{
	static atm_u32 tries;
	struct sigevent ev = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGQUIT};
	struct itimerspec soon = {.it_value.tv_nsec = 1000000};
	int timer;

	return atm_add_sc(&tries, 1) < 100 && syscall(SYS_timer_create, CLOCK_MONOTONIC, &ev, &timer) == 0 &&
		   syscall(SYS_timer_settime, timer, 0, &soon, NULL) == 0;
}

/* A thread in the middle of the library or of the C library holds locks that the report needs; one that waits in a
 * system call does not. */
static void on_quit(int sig, siginfo_t *info, void *context)
{
	struct fatal_site from = site_of(context);
	const uint8_t *pc = from.pc;
	struct m *mp = thread_m();
	bool waits = pc[-2] == 0x0f && pc[-1] == 0x05; /* behind a syscall instruction */

	if (((may_hold_lock(from.pc, from.sp) && !waits) || (mp && (atm_load_rlx(&mp->in_rt) || foreign_inside()))) && try_later()) /* rlx: our own */
		return;
	wend__die_soon();
	wend__die_begin();
	fprintf(stderr, "SIGQUIT: quit\nPC=%p m=%d sigcode=%d\n", from.pc, mp ? (int)mp->id : -1, info->si_code);
	wend__die(mp && mp->curg ? &from : NULL, true);
}

/* ---- Begin and end ------------------------------------------------------------------------------------ */

static void install(int sig, void (*handler)(int, siginfo_t *, void *), struct sigaction *old)
{
	struct sigaction sa = {.sa_sigaction = handler, .sa_flags = SA_SIGINFO | SA_ONSTACK};

	sigemptyset(&sa.sa_mask);
	sigaction(sig, &sa, old);
}

void crash_init(void)
{
	static bool installed;
	struct sigaction quit;

	crash_trace_on();
	if (installed)
		return;
	installed = true;
	find_code();
	install(SIGSEGV, on_fault, &before_segv);
	install(SIGBUS, on_fault, &before_bus);
	install(SIGFPE, on_fault, &before_fpe);
	if (sigaction(SIGQUIT, NULL, &quit) == 0 && !(quit.sa_flags & SA_SIGINFO) && quit.sa_handler == SIG_DFL)
		install(SIGQUIT, on_quit, NULL);
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
	void *mem = mmap(NULL, CRASH_STACK, PROT_READ | PROT_WRITE,
					 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_STACK, -1, 0);
	stack_t ss = {.ss_sp = mem, .ss_size = CRASH_STACK};

	if (mem == MAP_FAILED) {
		no_alternate_stack("mmap");
	} else if (sigaltstack(&ss, &mp->alt_before) != 0) {
		no_alternate_stack("sigaltstack");
		munmap(mem, CRASH_STACK);
	} else {
		mp->alt_stack = mem;
	}
}

void crash_thread_fini(struct m *mp)
{
	if (!mp->alt_stack)
		return;
	sigaltstack(&mp->alt_before, NULL);
	munmap(mp->alt_stack, CRASH_STACK);
	mp->alt_stack = NULL;
}
