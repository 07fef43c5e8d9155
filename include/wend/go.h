/* SPDX-License-Identifier: MIT
 *
 * wend/go.h - start the runtime, start coroutines, give way.
 *
 *     #include <stdio.h>
 *     #include <wend/wend.h>
 *
 *     static wend_waitgroup wg;
 *     static void add(int a, int b) { printf("%d\n", a + b); wend_waitgroup_done(&wg); }
 *
 *     WEND_MAIN(argc, argv)
 *     {
 *             wend_waitgroup_add(&wg, 1);
 *             WEND_GO(add, 2, 4);
 *             wend_waitgroup_wait(&wg);
 *             return 0;
 *     }
 *
 * Coroutines (G) run on P's, rights to run code, of which there are WEND_MAXPROCS or as many as the
 * CPUs that affinity and the cgroup quota allow; each P is carried by a thread (M). The design is
 * Go's M:P:G scheduler (Vyukov 2012); docs/scheduler.md has the differences.
 *
 * When all coroutines are blocked, and no thread exists or has ever called in that could wake one, the
 * program ends with `fatal error: all coroutines are asleep - deadlock!` (wend_run and WEND_MAIN; needs
 * a readable /proc). A coroutine must not call pthread_exit, which is fatal, too: wend_goexit ends it.
 *
 * The child of a fork has the calling thread alone, and what the other threads held stays held: it may exec or _exit, in
 * a coroutine, too, and call nothing else here. (A child made before the runtime starts, or after its end, is free.)
 *
 * Functions return 0 or a negative errno and never set errno. errno and the addresses of
 * thread-local variables do not survive a call that can block or give way: the coroutine may go on
 * on another thread.
 */
#ifndef WEND_GO_H
#define WEND_GO_H

#include <wend/types.h>

WEND__BEGIN

/* ---- Runtime life cycle ---------------------------------------------------------------------- */

struct wend_config; /* wend/config.h */

/* Starts the runtime, runs fn(arg) as the main coroutine with the calling thread as its first M, and
 * returns fn's result when it is over. The other coroutines end with it: parked and runnable ones
 * are abandoned where they stand (what they hold is not released), those on a CPU stop at their next
 * call into the library.
 * Blocks the calling thread. Errors, each with a line on stderr that says what to do:
 * -EBUSY     the runtime is running already;
 * -EINVAL    WENDDEBUG or WEND_MAXPROCS cannot be understood;
 * -ENOMEM, -EAGAIN  memory or threads are exhausted;
 * -ETIMEDOUT fn returned but some coroutine did not call the library within the limit (knob
 *            `stop_ms`); their names are printed. The runtime cannot be started again then. If it is
 *            the calling thread itself that such a coroutine holds, nobody can return from here: the
 *            process ends with a fatal error, exit status 2. */
WEND_API int wend_run(int (*fn)(void *), void *arg);

/* The same for a library inside a host program: starts the M's on threads of their own and returns.
 * cfg may be NULL (environment and defaults); see wend/config.h. Errors as for wend_run. */
WEND_API WEND_NODISCARD int wend_start(const struct wend_config *cfg);

/* Ends what wend_start began, with the same rules as wend_run's end. Called from a foreign thread.
 * 0, -ETIMEDOUT as above, -EINVAL when the runtime was not started by wend_start, another thread is
 * ending it, or the caller is a coroutine. */
WEND_API int wend_stop(void);

/* Defines the program's main function as a coroutine: WEND_MAIN(argc, argv) { ...; return 0; }
 * When it returns the process exits at once, with stdio flushed and atexit handlers run. */
#define WEND_MAIN(argc, argv)                                                                     \
	static int wend__user_main(int, char **);                                                     \
	int main(int wend__c, char **wend__v)                                                         \
	{                                                                                             \
		return wend__main(wend__c, wend__v, wend__user_main);                                     \
	}                                                                                             \
	static int wend__user_main(WEND__UNUSED int argc, WEND__UNUSED char **argv)

WEND_API int wend__main(int argc, char **argv, int (*user_main)(int, char **));

/* ---- Coroutines ------------------------------------------------------------------------------ */

/* Attributes of a new coroutine; the zero value means the defaults. */
typedef struct wend_attr {
	const char *name;  /* shown in lists and traces; not copied, must outlive the coroutine */
	size_t stack_size; /* bytes of stack, rounded up to a size class; 0: the knob `stack`, 64 KiB;
	                      at most 1 GiB. Only pages that are touched take memory. */
	int on_p;          /* 0: any P; k > 0: only the k-th P, never stolen. When maxprocs falls
	                      below k it goes on on another P. */
} wend_attr;

/* Starts a coroutine that runs fn(arg). arg belongs to fn from a return of 0 on; on error it is
 * still the caller's. May be called from coroutines and foreign threads. Never blocks. O(1).
 * -EAGAIN  no stack could be had: memory or address space is exhausted, or (guard=strict) no further
 *          stack can be guarded; the first time a line on stderr names the limit;
 * -EPERM   the runtime is not running.
 * Fatal: `go of nil func value`. */
WEND_API int wend_go(void (*fn)(void *), void *arg);

/* The same with attributes; a may be NULL. -EINVAL for a stack above 1 GiB or an on_p that does not
 * exist. The structure is read before the call returns. */
WEND_API int wend_go_attr(const wend_attr *a, void (*fn)(void *), void *arg);

/* Lets other coroutines run: the caller goes to the end of its P's queue. Returns at once when
 * nobody else is ready. Fatal off a coroutine. */
WEND_API void wend_yield(void);

/* Ends the calling coroutine after its deferred calls (wend/panic.h) have run. (Go's runtime.Goexit. When the main coroutine does so, the others go
 * on, and the program ends with a fatal error once none of them can run any more.) Fatal off a
 * coroutine. */
WEND_API WEND_NORETURN void wend_goexit(void);

/* Ties the calling coroutine to the thread it runs on: nobody else runs there until as many unlocks,
 * or the coroutine's end (which ends the thread, too). Calls nest. For libraries that keep state in
 * thread-local variables. Switching to and from a locked coroutine costs two thread wake-ups. */
WEND_API void wend_lock_thread(void);
WEND_API void wend_unlock_thread(void);

/* ---- Numbers --------------------------------------------------------------------------------- */

/* CPUs that the process may use: affinity mask and the whole cgroup chain's quota (rounded up),
 * read at the first call. At least 1. */
WEND_API int wend_num_cpu(void);

#define WEND_MAXPROCS_LIMIT 1024

/* Sets the number of P's while running and returns the former one; n < 1 only asks. Takes effect as
 * running coroutines come back to the scheduler; never blocks on them. -EINVAL above
 * WEND_MAXPROCS_LIMIT, -ENOMEM or -EAGAIN when a P or thread cannot be had (the number stays). Before
 * the runtime starts it only asks: the number it would start with. */
WEND_API int wend_maxprocs(int n);

/* Coroutines that exist, the main one included; O(number of P's). */
WEND_API int64_t wend_num_coroutines(void);

/* The caller's coroutine id: unique in the life of the process, never 0. 0 off a coroutine. */
WEND_API uint64_t wend_coroutine_id(void);

/* ---- WEND_GO: any function, any arguments ---------------------------------------------------- *
 *
 * WEND_GO(f, a, b, ...) starts f(a, b, ...) in a coroutine of its own, with up to 8 arguments by
 * value. They are evaluated, converted and checked against f's prototype as in any call, and taken
 * before the macro is left; there is no heap and no wrapper to write. Yields 0 or a negative errno
 * like wend_go. In C++ f may be a lambda or functor and the arguments of any movable type.
 *
 * How: the compiler calls, through f's own type, an assembly routine that notes the argument
 * registers and stack words (sched/go_x86_64.S); the new coroutine loads them and jumps to f.
 *
 * Limits, refused at compile time unless noted: f's result must be void or a scalar; no argument
 * may be aligned above 16 bytes; under clang a function must be spelt _Noreturn, not
 * __attribute__((noreturn)) (not detectable). A compound literal with commas needs parentheses. */
typedef void wend__fn(void);

struct wend__go {
	wend__fn *fn;       /* what to run */
	size_t stack_bytes; /* upper bound of the argument bytes passed on the stack */
	const char *name;
	struct wend__go *up; /* the request below on the caller's pending list */
	int err;
};

WEND_API wend__fn *wend__go_begin(struct wend__go *req);

/* C++: room for a callable on a new stack, then the start, or not after all. NULL: *handle holds a negative
 * errno. */
WEND_API void *wend__go_reserve(size_t size, size_t align, void (*run)(void *), const char *name,
								void **handle);
WEND_API void wend__go_launch(void *handle);
WEND_API void wend__go_cancel(void *handle);

#ifndef __cplusplus

#define WEND__TYPE(a) __typeof__(((void)0, (a)))
#define WEND__SZ(a)                                                                               \
	((sizeof(struct {                                                                             \
		 WEND__TYPE(a) wend__m;                                                                   \
	 }) + 31) / 16 * 16 +                                                                         \
	 0 * sizeof(struct { int alignment_above_16_bytes : _Alignof(WEND__TYPE(a)) > 16 ? -1 : 1; }))

/* gcc writes noreturn into the type of an expression but not of a bare designator. */
#define WEND__FTYPE(f)                                                                            \
	__typeof__(__builtin_choose_expr(                                                             \
		__builtin_types_compatible_p(__typeof__(f), __typeof__(&*(f))), (f), (__typeof__(f) *)0))

/* A call f args goes through f's own type: its result must not need memory of the caller's. */
#define WEND__CHECK_RESULT(what, f, args)                                                         \
	_Static_assert(__builtin_types_compatible_p(__typeof__((f) args), void) ||                    \
					   __builtin_classify_type(__builtin_choose_expr(                             \
						   __builtin_types_compatible_p(__typeof__((f) args), void), 0,           \
						   (f) args)) < 12,                                                       \
				   what ": the function's result must be void or a scalar")

#define WEND__GO(f, args, n)                                                                      \
	__extension__({                                                                               \
		struct wend__go wend__g = {(wend__fn *)(f), (n), #f, NULL, 0};                            \
		WEND__CHECK_RESULT("WEND_GO", f, args);                                                   \
		(void)((WEND__FTYPE(f))wend__go_begin(&wend__g)) args;                                    \
		wend__g.err;                                                                              \
	})

/* OP(f, (a, b, ...), upper bound of the bytes that the arguments take on the stack) */
#define WEND__ARGS_1(OP, f) OP(f, (), 0)
#define WEND__ARGS_2(OP, f, a) OP(f, (a), WEND__SZ(a))
#define WEND__ARGS_3(OP, f, a, b) OP(f, (a, b), WEND__SZ(a) + WEND__SZ(b))
#define WEND__ARGS_4(OP, f, a, b, c) OP(f, (a, b, c), WEND__SZ(a) + WEND__SZ(b) + WEND__SZ(c))
#define WEND__ARGS_5(OP, f, a, b, c, d)                                                           \
	OP(f, (a, b, c, d), WEND__SZ(a) + WEND__SZ(b) + WEND__SZ(c) + WEND__SZ(d))
#define WEND__ARGS_6(OP, f, a, b, c, d, e)                                                        \
	OP(f, (a, b, c, d, e), WEND__SZ(a) + WEND__SZ(b) + WEND__SZ(c) + WEND__SZ(d) + WEND__SZ(e))
#define WEND__ARGS_7(OP, f, a, b, c, d, e, g)                                                     \
	OP(f, (a, b, c, d, e, g),                                                                     \
	   WEND__SZ(a) + WEND__SZ(b) + WEND__SZ(c) + WEND__SZ(d) + WEND__SZ(e) + WEND__SZ(g))
#define WEND__ARGS_8(OP, f, a, b, c, d, e, g, h)                                                  \
	OP(f, (a, b, c, d, e, g, h),                                                                  \
	   WEND__SZ(a) + WEND__SZ(b) + WEND__SZ(c) + WEND__SZ(d) + WEND__SZ(e) + WEND__SZ(g) +        \
		   WEND__SZ(h))
#define WEND__ARGS_9(OP, f, a, b, c, d, e, g, h, i)                                               \
	OP(f, (a, b, c, d, e, g, h, i),                                                               \
	   WEND__SZ(a) + WEND__SZ(b) + WEND__SZ(c) + WEND__SZ(d) + WEND__SZ(e) + WEND__SZ(g) +        \
		   WEND__SZ(h) + WEND__SZ(i))
#define WEND__ARGS_MANY(...)                                                                      \
	__extension__({                                                                               \
		_Static_assert(0, "WEND_GO and WEND_DEFER take at most 8 arguments: pass a struct");      \
		-1;                                                                                       \
	})
#define WEND__ARGS_PICK(_1, _2, _3, _4, _5, _6, _7, _8, _9, _10, _11, _12, name, ...) name
#define WEND__WITH_ARGS(OP, ...)                                                                  \
	WEND__ARGS_PICK(__VA_ARGS__, WEND__ARGS_MANY, WEND__ARGS_MANY, WEND__ARGS_MANY, WEND__ARGS_9, \
					WEND__ARGS_8, WEND__ARGS_7, WEND__ARGS_6, WEND__ARGS_5, WEND__ARGS_4,         \
					WEND__ARGS_3, WEND__ARGS_2, WEND__ARGS_1, 0)                                  \
	(OP, __VA_ARGS__)

#define WEND_GO(...) WEND__WITH_ARGS(WEND__GO, __VA_ARGS__)

#endif /* !__cplusplus */

WEND__END

#ifdef __cplusplus
#include <wend/go_cxx.h>
#endif
#endif
