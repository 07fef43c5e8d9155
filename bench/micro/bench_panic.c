/* SPDX-License-Identifier: MIT
 *
 * bench_panic.c - deferred calls and panics, beside an empty call, setjmp and longjmp, C++ exceptions (peers/cxx.cc) and
 * Go (peers/go). Each row includes one call of a function that is not inlined.
 */
#include "bench/rt.h"

#include <setjmp.h>

#define OUT_OF_LINE noinline

static void touch(void *p)
{
	BENCH_USE(p);
}

static void recover(void *unused)
{
	BENCH_USE(wend_recover());
}

/* One function, called n times. */
#define CALLS(ident, str, fn, base)                                                               \
	static void call_##ident(struct rt *rt, uint64_t n)                                           \
	{                                                                                             \
		while (n--)                                                                               \
			fn();                                                                                 \
	}                                                                                             \
	RT_BENCH(ident, str, 1, BENCH_SAME_CPU, call_##ident, .baseline = base)

static OUT_OF_LINE void plain(void)
{
	touch(NULL);
	BENCH_CLOBBER();
}
CALLS(defer_plain, "defer/plain_call", plain, "go/plain_call")

static OUT_OF_LINE void frame(void)
{
	WEND_DEFERS;
	touch(NULL);
}
CALLS(defer_frame, "defer/frame", frame, "defer/plain_call")

static OUT_OF_LINE void one(void)
{
	WEND_DEFERS;
	wend_defer(touch, NULL);
}
CALLS(defer_one, "defer/one", one, "go/defer_one")

static OUT_OF_LINE void ten(void)
{
	WEND_DEFERS;
	for (int i = 0; i < 10; i++)
		wend_defer(touch, NULL);
}
CALLS(defer_ten, "defer/ten_in_a_loop", ten, "go/defer_ten")

static OUT_OF_LINE void typed(void)
{
	WEND_DEFERS;
	WEND_DEFER(touch, NULL);
}
CALLS(defer_typed, "defer/typed", typed, "go/defer_one")

static OUT_OF_LINE void panics(void)
{
	WEND_DEFERS;
	wend_defer(recover, NULL);
	wend_panic("panic");
}
CALLS(panic_recover, "panic/recover", panics, "go/panic_recover")

static OUT_OF_LINE void panics_formatted(void)
{
	WEND_DEFERS;
	wend_defer(recover, NULL);
	wend_panicf("number %d", 7);
}
CALLS(panic_formatted, "panic/formatted", panics_formatted, "panic/recover")

static OUT_OF_LINE void deep(int n)
{
	WEND_DEFERS;
	wend_defer(touch, NULL);
	if (n == 0)
		wend_panic("panic");
	deep(n - 1);
}

static OUT_OF_LINE void through_20(void)
{
	WEND_DEFERS;
	wend_defer(recover, NULL);
	deep(19);
}
CALLS(panic_deep, "panic/through_20_frames", through_20, "go/panic_deep")

static jmp_buf back;

static OUT_OF_LINE void jumps(void)
{
	if (_setjmp(back) == 0)
		longjmp(back, 1);
}
CALLS(panic_setjmp, "panic/setjmp_longjmp", jumps, "panic/recover")
