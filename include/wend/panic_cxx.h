/* SPDX-License-Identifier: MIT
 *
 * wend/panic_cxx.h - WEND_DEFER and WEND_AT in C++17: the callable and its arguments are moved into memory of the
 * frame, and destroyed when the call is over (not when a panic leaves it). Included by wend/panic.h.
 *
 * Exceptions must not leave the callable: std::terminate. */
#ifndef WEND_PANIC_CXX_H
#define WEND_PANIC_CXX_H

#include <wend/panic.h>

#include <functional>
#include <new>
#include <tuple>
#include <type_traits>
#include <utility>

namespace wend
{
template <class F, class... Args> void defer(struct wend__frame *frame, F &&f, Args &&...args)
{
	static_assert(sizeof...(Args) <= 8, "WEND_DEFER takes at most 8 arguments: pass a struct");
	static_assert(std::is_invocable_v<std::decay_t<F>, std::decay_t<Args>...>,
				  "WEND_DEFER: the function cannot be called with these arguments");
	using call = std::tuple<std::decay_t<F>, std::decay_t<Args>...>;
	void *room = wend__defer_reserve(frame, sizeof(call), alignof(call));

	new (room) call(std::forward<F>(f), std::forward<Args>(args)...);
	wend__defer(
		frame,
		[](void *p) noexcept {
			call *c = static_cast<call *>(p);
			std::apply([](auto &&fn, auto &&...a) { std::invoke(std::move(fn), std::move(a)...); },
					   std::move(*c));
			c->~call();
		},
		room);
}

template <class T, std::size_t N> constexpr std::size_t count(const T (&)[N])
{
	return N;
}
} // namespace wend

#define WEND_DEFER(...) wend::defer(&wend__f, __VA_ARGS__)
#define WEND_COUNT(array) wend::count(array)

#endif
