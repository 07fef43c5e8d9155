/* SPDX-License-Identifier: MIT
 *
 * tbb.cc - oneTBB's task_group: fork-join fib(25) without cut-off and spawning, as in
 * macro/bench_fib.c and bench_spawn.c. TBB's tasks have no stack of their own and cannot block:
 * they are the cheaper kind, and the bar for fork-join. */
#include "bench/bench.h"

#include <tbb/global_control.h>
#include <tbb/task_arena.h>
#include <tbb/task_group.h>

#include <algorithm>

namespace {

constexpr int fib_arg = 25, fib_value = 75025;
constexpr std::uint64_t fib_calls = 242785; /* calls that fib(25) makes, itself included */
constexpr std::uint64_t batch = 1000;

int fib(int n)
{
	int a, b;

	if (n < 2)
		return n;
	tbb::task_group group;
	group.run([&a, n] { a = fib(n - 1); });
	b = fib(n - 2);
	group.wait();
	return a + b;
}

struct setting {
	int procs;
};

/* Runs body in an arena of as many threads as the row names. */
template <class Body> void within(bench *b, Body body)
{
	const setting *s = static_cast<const setting *>(bench_user(b));

	if (s->procs > bench_procs()) {
		bench_skip(b, "needs %d threads, %d may be used", s->procs, bench_procs());
		return;
	}
	tbb::global_control limit(tbb::global_control::max_allowed_parallelism, (std::size_t)s->procs);
	tbb::task_arena arena(s->procs);

	while (std::uint64_t n = bench_next(b))
		arena.execute([&] { body(n); });
}

/* One operation is a whole fib(25); reported per call, as the library's row is. */
void fork_join(bench *b)
{
	bench_items(b, fib_calls);
	within(b, [b](std::uint64_t n) {
		for (std::uint64_t i = 0; i < n; i++) {
			if (fib(fib_arg) != fib_value)
				bench_fail(b, "fib(%d) is wrong", fib_arg);
		}
	});
}

void spawn(bench *b)
{
	within(b, [](std::uint64_t n) {
		tbb::task_group group;

		while (n > 0) {
			std::uint64_t k = std::min(n, batch);

			for (std::uint64_t i = 0; i < k; i++)
				group.run([] {});
			group.wait();
			n -= k;
		}
	});
}

setting one{1}, two{2};

bench_def at(const char *name, void (*run)(bench *), setting *s)
{
	bench_def d = {};

	d.name = name;
	d.run = run;
	d.user = s;
	d.placement = s->procs == 1 ? BENCH_SAME_CPU : BENCH_FREE;
	return d;
}

const struct rows {
	bench_def def[4] = {
		at("tbb/fib", fork_join, &one),
		at("tbb/fib_p2", fork_join, &two),
		at("tbb/spawn_join_batch", spawn, &one),
		at("tbb/spawn_join_batch_p2", spawn, &two),
	};
	rows()
	{
		for (const bench_def &d : def)
			bench_register(&d);
	}
} rows;

} // namespace
