/* SPDX-License-Identifier: MIT
 *
 * bench_runtime.c - what every call of the library pays to come in and go out (the seam through
 * which a monitor can take the P of a coroutine that is stuck), measured as the pair itself, not
 * as a difference; and the smallest public call around it.
 */
#include "bench/rt.h"
#include "sched/m.h"

static void enter_leave(struct rt *rt, uint64_t n)
{
	for (uint64_t i = 0; i < n; i++) {
		struct m *mp = enter();

		BENCH_USE(mp);
		leave(mp);
	}
}
RT_BENCH(enter_leave_row, "runtime/enter_leave", 1, BENCH_SAME_CPU, enter_leave)

static void coroutine_id(struct rt *rt, uint64_t n)
{
	for (uint64_t i = 0; i < n; i++)
		BENCH_USE(wend_coroutine_id());
}
RT_BENCH(coroutine_id_row, "runtime/coroutine_id", 1, BENCH_SAME_CPU, coroutine_id)

/* What no function of a library can be below. */
static noinline void nothing(void)
{
	compiler_barrier();
}

static void empty_call(bench *b)
{
	uint64_t n;

	while ((n = bench_next(b)) != 0)
		for (uint64_t i = 0; i < n; i++)
			nothing();
}
BENCH_NAMED(empty_call_row, "runtime/empty_call", .run = empty_call, .placement = BENCH_SAME_CPU)
