/* SPDX-License-Identifier: MIT
 *
 * bench_fib.c - fork-join without cut-off: each call of fib starts a coroutine for n-1, computes
 * n-2 itself and waits for the other. Nothing but the cost of spawn and join, on a deep and
 * uneven tree. Reported per call; just under half of the calls start a coroutine. Against the
 * same function run serially, TBB (peers/tbb.cc) and Go.
 */
#include "base/compiler.h"
#include "bench/rt.h"

struct child {
	struct rt *rt;
	wend_waitgroup over;
	int n;
	int64_t value;
};

static void run_child(void *arg);

static int64_t fib(struct rt *rt, int n)
{
	struct child child = {.rt = rt, .n = n - 1};
	int64_t own;

	if (n < 2)
		return n;
	wend_waitgroup_add(&child.over, 1);
	if (!rt_ok(rt, wend_go(run_child, &child), "wend_go"))
		return 0;
	own = fib(rt, n - 2);
	wend_waitgroup_wait(&child.over);
	return child.value + own;
}

static void run_child(void *arg)
{
	struct child *child = arg;

	child->value = fib(child->rt, child->n);
	wend_waitgroup_done(&child->over);
}

static noinline int64_t fib_serial(int n)
{
	return n < 2 ? n : fib_serial(n - 1) + fib_serial(n - 2);
}

/* Calls that fib(n) makes, itself included. */
static uint64_t calls(int n)
{
	uint64_t below = 1, here = 1;

	for (; n > 1; n--) {
		uint64_t next = below + here + 1;

		below = here;
		here = next;
	}
	return here;
}

static void fork_join(struct rt *rt, uint64_t n)
{
	int arg = (int)bench_arg(rt->b, 0);
	int64_t want = fib_serial(arg);

	bench_items(rt->b, calls(arg));
	rt_begin(rt);
	for (uint64_t i = 0; i < n && !rt_failed(rt); i++) {
		int64_t got = fib(rt, arg);

		if (got != want)
			rt_fail(rt, "fib(%d) gave %lld, not %lld", arg, (long long)got, (long long)want);
	}
}
RT_BENCH(fib_row, "fib", 1, BENCH_SAME_CPU, fork_join, .args = {{25}}, .nargs = 1)
RT_BENCH(fib_row_p2, "fib_p2", 2, BENCH_TWO_CPUS, fork_join, .args = {{25}}, .nargs = 1)
RT_BENCH_PN(fib_row_pn, "fib_pn", fork_join, 0, .args = {{25}}, .nargs = 1,
			.baseline = "fib/25")

static void serial(bench *b)
{
	uint64_t n;
	int arg = 25;

	bench_items(b, calls(arg));
	while ((n = bench_next(b)) != 0) {
		for (uint64_t i = 0; i < n; i++) {
			BENCH_USE_RW(arg);
			BENCH_USE(fib_serial(arg));
		}
	}
}
BENCH_NAMED(fib_serial_row, "fib/25_serial", .run = serial, .placement = BENCH_SAME_CPU)
