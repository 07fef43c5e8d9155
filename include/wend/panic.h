/* SPDX-License-Identifier: MIT
 *
 * wend/panic.h - deferred calls, panics, recovery, with Go's order of events in all cases.
 *
 *     static void unlock(void *m) { wend_mutex_unlock(m); }
 *     static void report(void *err)
 *     {
 *             const char *text = wend_recover();
 *
 *             if (text)
 *                     *(int *)err = -EINVAL;
 *     }
 *
 *     int parse(const char *s)
 *     {
 *             int err = 0;
 *
 *             WEND_DEFERS_RETURN(err);          first statement of the function
 *             wend_defer(report, &err);
 *             wend_mutex_lock(&m);
 *             wend_defer(unlock, &m);
 *             if (!*s)
 *                     wend_panic("empty");      runs unlock, then report; parse returns -EINVAL
 *             ...
 *             WEND_RETURN(err, 7);              deferred calls may still change err
 *     }
 *
 * A panic that nobody recovers ends the process: `panic: TEXT`, the stack, exit status 2; stdio is flushed
 * first. What the library itself finds wrong with a call (`sync: negative WaitGroup counter`), an index
 * out of range in WEND_AT, a nil pointer and a division by zero in a coroutine are panics, too.
 *
 * All of it works in coroutines and in foreign threads, with or without the runtime. It does not cross to
 * another coroutine: recover where you defer, in the same one.
 *
 * Rules. A function may open one frame, at its top. Locals that are changed after it are lost on recovery, except
 * the one named in WEND_DEFERS_RETURN (after a fault, like a nil pointer, that one too may be stale unless
 * volatile). Do not longjmp out of an open frame. C++ objects between the panic and the function that recovers,
 * and those of that function, are not destroyed. C functions in between are skipped: their locks stay held.
 * Compile with the flags that pkg-config gives, or nil pointers may be optimised away.
 *
 * Cost: docs/panics.md has the measurements. A frame takes 192 bytes of stack.
 */
#ifndef WEND_PANIC_H
#define WEND_PANIC_H

#include <wend/go.h>

#if defined(__SANITIZE_THREAD__)
#define WEND__LIBC_JUMP 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define WEND__LIBC_JUMP 1
#endif
#endif
#ifdef WEND__LIBC_JUMP
#include <setjmp.h>
#endif

WEND__BEGIN

/* ---- Panics ---------------------------------------------------------------------------------- */

/* Runs the deferred calls of the caller's open frames, innermost first, until one recovers; else ends the
 * process. text is not copied: a literal, or memory that outlives the recovery. NULL: Go's words for a nil
 * panic. In a coroutine deferred calls may block as usual. Never returns. */
WEND_API WEND_NORETURN void wend_panic(const char *text);

/* The same with a text that is formatted and kept by the library. */
WEND_API WEND_NORETURN void wend_panicf(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* In a deferred call that a panic runs: stops that panic and returns its text, which stays readable until
 * the coroutine panics the next time. The function that deferred the call then returns to its caller. NULL
 * when there is no panic to stop: outside deferred calls, in those run by a return or by wend_goexit, and the second
 * time. */
WEND_API const char *wend_recover(void);

/* ---- Deferred calls -------------------------------------------------------------------------- */

#define WEND__FRAME_SLOTS 4

/* How to come back to a frame. */
enum { WEND__JUMP_BUILTIN, WEND__JUMP_OWN, WEND__JUMP_LIBC };

struct wend__deferred {
	void (*fn)(void *);
	void *arg;
};

struct wend__frame {
	struct wend__frame *up;         /* the one around it */
	struct wend__frame **home;      /* the coroutine's innermost frame stands there */
	struct wend__deferred_more *more;       /* deferred calls past the slots, newest first */
	struct wend__chunk *chunks;     /* memory that goes with the frame */
	struct wend__defer_args *asked; /* WEND_DEFER whose arguments are being evaluated */
	uint32_t n;                     /* slots in use */
	uint8_t jump, returning;
	struct wend__deferred slot[WEND__FRAME_SLOTS];
#ifdef WEND__LIBC_JUMP
	jmp_buf regs;
#else
	void *regs[8];
#endif
};

WEND_API void wend__frame_open(struct wend__frame *f, int jump);
WEND_API void wend__frame_run(struct wend__frame *f);
WEND_API void wend__frame_close_slow(struct wend__frame *f);
WEND_API void wend__defer_more(struct wend__frame *f, void (*fn)(void *), void *arg);
WEND_API int wend__jump_save(void **regs) __attribute__((returns_twice));

#ifdef WEND__LIBC_JUMP
#define WEND__JUMP WEND__JUMP_LIBC
#define WEND__JUMP_SAVE(regs) _setjmp(regs)
#elif defined(__clang__)
#define WEND__JUMP WEND__JUMP_OWN
#define WEND__JUMP_SAVE(regs) wend__jump_save(regs)
#else
#define WEND__JUMP WEND__JUMP_BUILTIN
#define WEND__JUMP_SAVE(regs) __builtin_setjmp(regs)
#endif

/* The function is left. Not instrumented: the word at home is the next coroutine's some day. */
__attribute__((no_sanitize("thread"))) static inline void wend__frame_close(struct wend__frame *f)
{
	__asm__ volatile("" : : : "memory");
	f->returning = 1;
	if (__builtin_expect(f->chunks != NULL, 0)) {
		wend__frame_close_slow(f);
		return;
	}
	while (f->n > 0) {
		struct wend__deferred call = f->slot[--f->n];

		call.fn(call.arg);
	}
	*f->home = f->up;
}

#define WEND__DEFERS                                                                              \
	struct wend__frame wend__f __attribute__((cleanup(wend__frame_close)));                       \
	wend__frame_open(&wend__f, WEND__JUMP);                                                       \
	if (WEND__JUMP_SAVE(wend__f.regs))

/* First statement of a function without a result that defers. */
#define WEND_DEFERS WEND__DEFERS return

/* Of one that returns r, a local variable: what is returned when a panic was recovered. */
#define WEND_DEFERS_RETURN(r)                                                                     \
	__asm__ volatile("" : : "r"(&(r)) : "memory");                                                \
	WEND__DEFERS return (r)

/* Returns v by way of r, the variable named at the top, so that deferred calls can still change the result
 * (Go's named results). A plain return takes its value before the deferred calls run. */
#define WEND_RETURN(r, v)                                                                         \
	do {                                                                                          \
		(r) = (v);                                                                                \
		wend__frame_run(&wend__f);                                                                \
		return (r);                                                                               \
	} while (0)

static inline void wend__defer(struct wend__frame *f, void (*fn)(void *), void *arg)
{
	uint32_t n = f->n;

	if (__builtin_expect(n < WEND__FRAME_SLOTS, 1)) {
		f->slot[n].fn = fn;
		f->slot[n].arg = arg;
		f->n = n + 1;
	} else {
		wend__defer_more(f, fn, arg);
	}
	__asm__ volatile("" : : : "memory"); /* before anything that may fault */
}

/* Calls fn(arg) when the function is left, by return, panic or wend_goexit; last in, first out. In a function
 * that has said WEND_DEFERS or WEND_DEFERS_RETURN; in a loop, too. From the fifth in a function on it takes
 * memory from the heap: fatal when there is none. A nil fn panics when its turn comes. */
#define wend_defer(fn, arg) wend__defer(&wend__f, (fn), (arg))

/* WEND_DEFER(f, a, b, ...): the same for any function with up to 8 arguments, which are evaluated,
 * checked and copied now; limits as for WEND_GO. The result is discarded. */
struct wend__defer_args {
	wend__fn *fn;
	size_t stack_bytes;
	struct wend__defer_args *up;
};

WEND_API wend__fn *wend__defer_begin(struct wend__frame *f, struct wend__defer_args *args);

/* C++: memory that goes with the frame. */
WEND_API void *wend__defer_reserve(struct wend__frame *f, size_t size, size_t align);

#ifndef __cplusplus
#define WEND__DEFER(f, args, n)                                                                   \
	__extension__({                                                                               \
		struct wend__defer_args wend__a = {(wend__fn *)(f), (n), NULL};                           \
		WEND__CHECK_RESULT("WEND_DEFER", f, args);                                                \
		(void)((WEND__FTYPE(f))wend__defer_begin(&wend__f, &wend__a)) args;                       \
	})
#define WEND_DEFER(...) WEND__WITH_ARGS(WEND__DEFER, __VA_ARGS__)
#endif

/* ---- Checked indices ------------------------------------------------------------------------- */

WEND_API WEND_NORETURN void wend__index_panic(int64_t i, size_t n);

static inline size_t wend__index(int64_t i, size_t n)
{
	if (__builtin_expect((uint64_t)i >= n, 0))
		wend__index_panic(i, n);
	return (size_t)i;
}

/* Element i of an array, of n elements at p: an lvalue; i is evaluated once.
 * Panics: `runtime error: index out of range [5] with length 3`. A pointer where WEND_AT wants an array does
 * not compile. */
#define WEND_AT(array, i) ((array)[wend__index((int64_t)(i), WEND_COUNT(array))])
#define WEND_AT_N(p, n, i) ((p)[wend__index((int64_t)(i), (size_t)(n))])

#ifndef __cplusplus
#define WEND_COUNT(array)                                                                         \
	(sizeof(array) / sizeof *(array) +                                                            \
	 0 * sizeof(struct {                                                                          \
		 int not_an_array : __builtin_types_compatible_p(__typeof__(array), __typeof__(&(array)[0])) ? -1 : 1; \
	 }))
#endif

WEND__END

#ifdef __cplusplus
#include <wend/panic_cxx.h>
#endif
#endif
