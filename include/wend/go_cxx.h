/* SPDX-License-Identifier: MIT
 *
 * wend/go_cxx.h - WEND_GO in C++17: the callable and its arguments are moved into a tuple that is
 * constructed in place on the new coroutine's stack. Included by wend/go.h.
 *
 * Exceptions must not leave the callable: std::terminate. */
#ifndef WEND_GO_CXX_H
#define WEND_GO_CXX_H

#include <wend/go.h>

#include <cstdint>
#include <functional>
#include <new>
#include <tuple>
#include <type_traits>
#include <utility>

namespace wend
{
template <class F, class... Args> int go(const char *name, F &&f, Args &&...args)
{
	static_assert(sizeof...(Args) <= 8, "WEND_GO takes at most 8 arguments: pass a struct");
	static_assert(std::is_invocable_v<std::decay_t<F>, std::decay_t<Args>...>,
				  "WEND_GO: the function cannot be called with these arguments");
	using call = std::tuple<std::decay_t<F>, std::decay_t<Args>...>;
	void *handle;
	void *room = wend__go_reserve(
		sizeof(call), alignof(call),
		[](void *p) noexcept {
			call *c = static_cast<call *>(p);
			std::apply([](auto &&fn, auto &&...a) { std::invoke(std::move(fn), std::move(a)...); },
					   std::move(*c));
			c->~call();
		},
		name, &handle);

	if (!room)
		return static_cast<int>(reinterpret_cast<std::intptr_t>(handle));
	try {
		new (room) call(std::forward<F>(f), std::forward<Args>(args)...);
	} catch (...) { /* a copy or move constructor of the user's */
		wend__go_cancel(handle);
		throw;
	}
	wend__go_launch(handle);
	return 0;
}
} // namespace wend

#define WEND__GO_NAME(f, ...) #f
#define WEND_GO(...) wend::go(WEND__GO_NAME(__VA_ARGS__, 0), __VA_ARGS__)

#endif
