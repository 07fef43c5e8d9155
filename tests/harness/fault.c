/* SPDX-License-Identifier: MIT
 *
 * Compiled without sanitizers: their own run-time parts are linked against these wrappers, too, and
 * call them before they can take an instrumented caller. */
#include "harness/fault.h"
#include "harness/test.h"

#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <sys/mman.h>
#include <sys/syscall.h>

enum {
	F_MMAP,
	F_MUNMAP,
	F_MPROTECT,
	F_MADVISE,
	F_GUARD,
	F_PTHREAD_CREATE,
	F_MALLOC,
	F_CALLOC,
	F_REALLOC,
	F_ALIGNED_ALLOC,
	F_POSIX_MEMALIGN,
	F_OPEN,
	F_MEMBARRIER,
	F_PROCESS_MADVISE,
	F_FUTEX,
	F_SIGALTSTACK,
	F_SETAFFINITY,
	F_COUNT
};

static const char *const names[F_COUNT] = {
	"mmap",    "munmap",        "mprotect",       "madvise", "guard",      "pthread_create",
	"malloc",  "calloc",        "realloc",        "aligned_alloc", "posix_memalign", "open",
	"membarrier", "process_madvise", "futex",     "sigaltstack", "sched_setaffinity",
};

/* Faults are armed for this process and its children; the counts are seen by the parent, too. */
static struct {
	int armed, nth, error;
} plan[F_COUNT];

struct counts {
	int calls, hits;
};

static struct counts *table;

/* Before main, single-threaded. */
__attribute__((constructor)) static void make_table(void)
{
	table = (struct counts *)syscall(SYS_mmap, NULL, F_COUNT * sizeof *table,
									PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (table == MAP_FAILED)
		abort();
}

static int find(const char *call)
{
	for (int i = 0; i < F_COUNT; i++)
		if (!strcmp(names[i], call))
			return i;
	test_fail(__FILE__, __LINE__, "fault injection does not know '%s'", call);
}

static void arm(const char *call, int nth, int error)
{
	int i = find(call);

	table[i] = (struct counts){0};
	plan[i].nth = nth;
	plan[i].error = error;
	__atomic_store_n(&plan[i].armed, 1, __ATOMIC_RELEASE);
}

void fault_set(const char *call, int nth, int error)
{
	arm(call, nth, error);
}

void fault_all(const char *call, int error)
{
	arm(call, 0, error);
}

void fault_clear(void)
{
	for (int i = 0; i < F_COUNT; i++)
		__atomic_store_n(&plan[i].armed, 0, __ATOMIC_RELEASE);
}

int fault_calls(const char *call)
{
	return __atomic_load_n(&table[find(call)].calls, __ATOMIC_RELAXED);
}

int fault_hits(const char *call)
{
	return __atomic_load_n(&table[find(call)].hits, __ATOMIC_RELAXED);
}

/* The errno to fail with, or 0. */
static int due(int which)
{
	int n;

	if (!__atomic_load_n(&plan[which].armed, __ATOMIC_ACQUIRE))
		return 0;
	n = __atomic_add_fetch(&table[which].calls, 1, __ATOMIC_RELAXED);
	if (plan[which].nth && n != plan[which].nth)
		return 0;
	__atomic_add_fetch(&table[which].hits, 1, __ATOMIC_RELAXED);
	return plan[which].error;
}

#define FAIL_IF_DUE(which, result)                                                                \
	do {                                                                                          \
		int fail_errno = due(which);                                                              \
		if (fail_errno) {                                                                         \
			errno = fail_errno;                                                                   \
			return (result);                                                                      \
		}                                                                                         \
	} while (0)

#define WRAP(type, name, params)                                                                  \
	type __real_##name params;                                                                    \
	type __wrap_##name params;                                                                    \
	type __wrap_##name params

WRAP(void *, mmap, (void *p, size_t n, int prot, int flags, int fd, off_t off))
{
	FAIL_IF_DUE(F_MMAP, MAP_FAILED);
	return __real_mmap(p, n, prot, flags, fd, off);
}

WRAP(int, munmap, (void *p, size_t n))
{
	FAIL_IF_DUE(F_MUNMAP, -1);
	return __real_munmap(p, n);
}

WRAP(int, mprotect, (void *p, size_t n, int prot))
{
	FAIL_IF_DUE(F_MPROTECT, -1);
	return __real_mprotect(p, n, prot);
}

WRAP(int, madvise, (void *p, size_t n, int advice))
{
	bool guard = advice == 102 || advice == 103; /* MADV_GUARD_INSTALL, MADV_GUARD_REMOVE */

	FAIL_IF_DUE(guard ? F_GUARD : F_MADVISE, -1);
	return __real_madvise(p, n, advice);
}

WRAP(int, pthread_create,
	 (pthread_t * t, const pthread_attr_t *a, void *(*fn)(void *), void *arg))
{
	int error = due(F_PTHREAD_CREATE);

	return error ? error : __real_pthread_create(t, a, fn, arg);
}

WRAP(void *, malloc, (size_t n))
{
	FAIL_IF_DUE(F_MALLOC, NULL);
	return __real_malloc(n);
}

WRAP(void *, calloc, (size_t n, size_t m))
{
	FAIL_IF_DUE(F_CALLOC, NULL);
	return __real_calloc(n, m);
}

WRAP(void *, realloc, (void *p, size_t n))
{
	FAIL_IF_DUE(F_REALLOC, NULL);
	return __real_realloc(p, n);
}

WRAP(void *, aligned_alloc, (size_t a, size_t n))
{
	FAIL_IF_DUE(F_ALIGNED_ALLOC, NULL);
	return __real_aligned_alloc(a, n);
}

WRAP(int, posix_memalign, (void **p, size_t a, size_t n))
{
	int error = due(F_POSIX_MEMALIGN);

	return error ? error : __real_posix_memalign(p, a, n);
}

int __real_open(const char *path, int flags, ...);
int __wrap_open(const char *path, int flags, ...);
int __wrap_open(const char *path, int flags, ...)
{
	va_list args;
	mode_t mode;

	FAIL_IF_DUE(F_OPEN, -1);
	va_start(args, flags);
	mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(args, mode_t) : 0;
	va_end(args);
	return __real_open(path, flags, mode);
}

WRAP(int, sigaltstack, (const stack_t *new, stack_t *old))
{
	FAIL_IF_DUE(F_SIGALTSTACK, -1);
	return __real_sigaltstack(new, old);
}

WRAP(int, sched_setaffinity, (pid_t pid, size_t n, const cpu_set_t *set))
{
	FAIL_IF_DUE(F_SETAFFINITY, -1);
	return __real_sched_setaffinity(pid, n, set);
}

/* Fixed parameters where the C library has a variable list: a call passes its words in the same places,
 * and reading too many of them is what the C library does, too. */
long __real_syscall(long nr, long a, long b, long c, long d, long e, long f);
long __wrap_syscall(long nr, long a, long b, long c, long d, long e, long f);
long __wrap_syscall(long nr, long a, long b, long c, long d, long e, long f)
{
	if (nr == SYS_membarrier)
		FAIL_IF_DUE(F_MEMBARRIER, -1);
	else if (nr == SYS_futex)
		FAIL_IF_DUE(F_FUTEX, -1);
#ifdef SYS_process_madvise
	else if (nr == SYS_process_madvise)
		FAIL_IF_DUE(F_PROCESS_MADVISE, -1);
#endif
	return __real_syscall(nr, a, b, c, d, e, f);
}
