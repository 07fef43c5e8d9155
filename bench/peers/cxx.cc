/* SPDX-License-Identifier: MIT
 *
 * cxx.cc - what C++ has in the place of panics and deferred calls: exceptions and destructors; the operations of
 * bench_panic.c. */
#include "bench/bench.h"

#include <stdexcept>

namespace {

struct at_end {
	~at_end()
	{
		BENCH_CLOBBER();
	}
};

__attribute__((noinline)) void destructor()
{
	at_end e;
}

__attribute__((noinline)) void throws()
{
	try {
		throw std::runtime_error("panic");
	} catch (const std::exception &e) {
		BENCH_USE(e.what());
	}
}

__attribute__((noinline)) void deep(int n)
{
	at_end e;

	if (n == 0)
		throw std::runtime_error("panic");
	deep(n - 1);
}

__attribute__((noinline)) void through_20()
{
	try {
		deep(19);
	} catch (const std::exception &e) {
		BENCH_USE(e.what());
	}
}

template <void (*fn)()> void calls(bench *b)
{
	while (std::uint64_t n = bench_next(b)) {
		for (std::uint64_t i = 0; i < n; i++)
			fn();
	}
}

bench_def at(const char *name, void (*run)(bench *))
{
	bench_def d = {};

	d.name = name;
	d.run = run;
	d.placement = BENCH_SAME_CPU;
	return d;
}

const bench_def rows[] = {
	at("cxx/destructor", calls<destructor>),
	at("cxx/throw_catch", calls<throws>),
	at("cxx/throw_through_20_frames", calls<through_20>),
};

__attribute__((constructor)) void enter()
{
	for (const bench_def &row : rows)
		bench_register(&row);
}

} // namespace
