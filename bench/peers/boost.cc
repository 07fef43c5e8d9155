/* SPDX-License-Identifier: MIT
 *
 * boost.cc - Boost.Context's bare switch and Boost.Fiber's yield, spawn, join and channels, one thread,
 * with the same operations and batches as bench_switch.c, bench_yield.c, bench_spawn.c and bench_chan.c. */
#include "bench/bench.h"

#include <boost/context/detail/fcontext.hpp>
#include <boost/fiber/all.hpp>

#include <algorithm>
#include <memory>
#include <vector>

namespace ctx = boost::context::detail;
namespace fibers = boost::fibers;

namespace {

constexpr std::size_t stack_size = 64 << 10; /* as the library's own default */
constexpr std::uint64_t batch = 1000;

bench_def at(const char *name, void (*run)(bench *), unsigned flags = 0)
{
	bench_def d = {};

	d.name = name;
	d.run = run;
	d.placement = BENCH_SAME_CPU;
	d.flags = flags;
	return d;
}

void bounce(ctx::transfer_t t)
{
	for (;;)
		t = ctx::jump_fcontext(t.fctx, nullptr);
}

void fcontext(bench *b)
{
	std::unique_ptr<char[]> stack(new char[stack_size]);
	ctx::fcontext_t there = ctx::make_fcontext(stack.get() + stack_size, stack_size, bounce);

	bench_items(b, 2); /* a round trip is two switches */
	while (std::uint64_t n = bench_next(b)) {
		for (std::uint64_t i = 0; i < n; i++)
			there = ctx::jump_fcontext(there, nullptr).fctx;
	}
}

/* Stacks from a pool: the plain allocator goes to the kernel for each, 20 times as dear. */
fibers::fiber start(void (*fn)(std::uint64_t), std::uint64_t n)
{
	static fibers::pooled_fixedsize_stack stacks(stack_size);

	return fibers::fiber(fibers::launch::post, std::allocator_arg, stacks, fn, n);
}

void nothing(std::uint64_t)
{
}

void yields(std::uint64_t n)
{
	while (n-- > 0)
		boost::this_fiber::yield();
}

/* Fibers begin to run when the first is joined, so the time until then is not counted. */
void yield(bench *b)
{
	std::uint64_t count = (std::uint64_t)bench_arg(b, 0);

	while (std::uint64_t n = bench_next(b)) {
		std::vector<fibers::fiber> crowd;

		for (std::uint64_t i = 0; i < count; i++)
			crowd.push_back(start(yields, n / count + (i < n % count)));
		std::uint64_t from = bench_now();
		for (auto &f : crowd)
			f.join();
		bench_time(b, bench_now() - from);
	}
}

void join_one(bench *b)
{
	while (std::uint64_t n = bench_next(b)) {
		for (std::uint64_t i = 0; i < n; i++)
			start(nothing, 0).join();
	}
}

void join_batch(bench *b)
{
	std::vector<fibers::fiber> crowd;

	crowd.reserve(batch);
	while (std::uint64_t n = bench_next(b)) {
		while (n > 0) {
			std::uint64_t k = std::min(n, batch);

			for (std::uint64_t i = 0; i < k; i++)
				crowd.push_back(start(nothing, 0));
			for (auto &f : crowd)
				f.join();
			crowd.clear();
			n -= k;
		}
	}
}

void hop(bench *b)
{
	while (std::uint64_t n = bench_next(b)) {
		fibers::unbuffered_channel<std::uint64_t> there, back;
		fibers::fiber echo(fibers::launch::post, [&] {
			for (std::uint64_t v : there)
				back.push(v);
		});
		std::uint64_t from = bench_now(), v;

		for (std::uint64_t i = 0; i < n; i += 2) {
			there.push(i);
			back.pop(v);
		}
		bench_time(b, bench_now() - from);
		there.close();
		echo.join();
	}
}

/* Its capacity is a power of two, of which one place stays empty. */
void stream(bench *b)
{
	while (std::uint64_t n = bench_next(b)) {
		fibers::buffered_channel<std::uint64_t> c((std::size_t)bench_arg(b, 0));
		fibers::fiber sender(fibers::launch::post, [&] {
			for (std::uint64_t i = 0; i < n; i++)
				c.push(i);
		});
		std::uint64_t from = bench_now(), v;

		for (std::uint64_t i = 0; i < n; i++)
			c.pop(v);
		bench_time(b, bench_now() - from);
		sender.join();
	}
}

/* Registered by hand: the macros of bench.h are C. */
const struct rows {
	bench_def def[6] = {
		at("boost/context_switch", fcontext),
		at("boost/fiber_yield", yield, BENCH_MANUAL_TIME),
		at("boost/fiber_spawn_join_one", join_one),
		at("boost/fiber_spawn_join_batch", join_batch),
		at("boost/chan_hop", hop, BENCH_MANUAL_TIME),
		at("boost/chan_stream", stream, BENCH_MANUAL_TIME),
	};
	rows()
	{
		def[1].nargs = 2;
		def[1].args[0][0] = 2;
		def[1].args[1][0] = 1000;
		def[5].nargs = 1;
		def[5].args[0][0] = 128;
		for (const bench_def &d : def)
			bench_register(&d);
	}
} rows;

} // namespace
