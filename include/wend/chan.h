/* SPDX-License-Identifier: MIT
 *
 * wend/chan.h - channels: typed queues between coroutines, with or without room (Go's chan).
 *
 *     WEND_CHAN_TYPE(ints, int);                    once, at file scope: ints is a channel of int
 *
 *     static void produce(void *arg)
 *     {
 *             ints *c = arg;
 *             for (int i = 0; i < 10; i++)
 *                     ints_send(c, i);              blocks while the channel is full
 *             ints_close(c);
 *     }
 *
 *     ints *c = ints_make(4);
 *     wend_go(produce, c);
 *     WEND_CHAN_RANGE(c, int, v)                    until the channel is closed and empty
 *             printf("%d\n", v);
 *     ints_release(c);
 *
 * Elements travel by value: elem_size bytes are copied in and out. What a pointer element points to
 * passes to the receiver. A channel of capacity 0 is unbuffered: a send is over when a receiver has the
 * value. Elements of size 0 are signals; pass NULL for them. A buffered channel of them takes no more
 * memory than an unbuffered one.
 *
 * NULL is the nil channel: send and receive block for ever, try_send and try_recv fail, len and cap
 * are 0.
 *
 * Who waits longest is served first, and a value that a receiver waits for is copied straight into its
 * place. All functions may be called from coroutines, which park, and from foreign threads, which sleep
 * (try forms, close, len, cap, retain and release never block; before a runtime was ever started, a thread that
 * would have to sleep is a fatal error). What happened before a send is visible to
 * whoever receives the value; what happened before a receive is visible to whoever sends into the room it
 * made; what happened before close is visible to whoever learns of it.
 *
 * A channel belongs to all who hold a reference: make gives one, retain adds one, the last release frees the
 * channel and whatever it still buffers. Close is a message to the receivers and frees nothing.
 *
 * Coroutines that still wait when the runtime ends are gone with it; the channel may be used again and released.
 *
 * (Semantics: the Go language specification. Direct hand-over and FIFO waiters: Go's runtime; one word that is
 * lock, version and readiness at once, so that what cannot proceed costs one load: docs/channels.md.)
 */
#ifndef WEND_CHAN_H
#define WEND_CHAN_H

#include <wend/types.h>

WEND__BEGIN

typedef struct wend_chan wend_chan;

/* A new channel for elements of elem_size bytes with room for cap of them. NULL when memory is exhausted:
 * check it, or the nil channel goes on its way.
 * Panics: `makechan: size out of range` when the buffer could not be addressed. */
WEND_API WEND_NODISCARD wend_chan *wend_chan_make(size_t elem_size, size_t cap);

/* One more reference; returns c. NULL is allowed in both. */
WEND_API wend_chan *wend_chan_retain(wend_chan *c);

/* One reference less. Nobody may be using the channel when the last one goes. */
WEND_API void wend_chan_release(wend_chan *c);

/* Sends the value at elem; blocks while nobody receives and there is no room. O(1).
 * Panics: `send on closed channel`, also when it is closed while the sender waits. */
WEND_API void wend_chan_send(wend_chan *c, const void *elem);

/* Receives into elem (NULL: the value is dropped); blocks while there is nothing to receive. True: a value
 * that was sent. False: the channel is closed and empty, elem is set to zeros. O(1). */
WEND_API bool wend_chan_recv(wend_chan *c, void *elem);

/* Send without waiting: false when it would block. O(1), one load when it fails.
 * Panics: `send on closed channel`. */
WEND_API WEND_NODISCARD bool wend_chan_try_send(wend_chan *c, const void *elem);

/* Receive without waiting: false when it would block; else as wend_chan_recv, whose result goes to *ok (may
 * be NULL). O(1), one load when it fails and when the channel is closed and empty. */
WEND_API WEND_NODISCARD bool wend_chan_try_recv(wend_chan *c, void *elem, bool *ok);

/* Send and receive that wait no longer than to a deadline, in nanoseconds of CLOCK_MONOTONIC (wend_deadline,
 * wend/time.h; WEND_FOREVER: none): 0, or -ETIMEDOUT when nothing was sent or received. What can proceed at once does, even
 * if the deadline has passed. *ok (may be NULL) is what wend_chan_recv returns. */
WEND_API WEND_NODISCARD int wend_chan_send_dl(wend_chan *c, const void *elem, int64_t deadline);
WEND_API WEND_NODISCARD int wend_chan_recv_dl(wend_chan *c, void *elem, bool *ok, int64_t deadline);

/* The same until ctx is cancelled (wend/context.h): -ECANCELED or -ETIMEDOUT then, also when it is before, and the
 * value stays the caller's. */
WEND_API WEND_NODISCARD int wend_chan_send_ctx(wend_chan *c, const void *elem, wend_ctx *ctx);
WEND_API WEND_NODISCARD int wend_chan_recv_ctx(wend_chan *c, void *elem, bool *ok, wend_ctx *ctx);

/* No more values will be sent: receivers get what is buffered, then zeros and false. Whoever waits goes on.
 * O(1) plus O(1) for each of them.
 * Panics: `close of closed channel`, `close of nil channel`. */
WEND_API void wend_chan_close(wend_chan *c);

/* Elements in the buffer, a moment's value; its capacity. */
WEND_API size_t wend_chan_len(const wend_chan *c);
WEND_API size_t wend_chan_cap(const wend_chan *c);

/* As wend_chan_recv. Fatal when the channel's elements have another size. */
WEND_API bool wend__chan_next(wend_chan *c, void *elem, size_t size);

WEND__END

/* What a typed channel carries; for the plain wend_chan a type that fits nothing. */
struct wend__untyped {
	char wend__none;
};
struct wend__any {
	struct wend__untyped wend__elem;
};

#ifdef __cplusplus
template <class C> struct wend__elem_of {
	typedef decltype(C::wend__elem) type;
};
template <> struct wend__elem_of<wend_chan> {
	typedef wend__untyped type;
};
template <class E, class V> struct wend__elem_or {
	typedef E type;
};
template <class V> struct wend__elem_or<wend__untyped, V> {
	typedef V type;
};
/* p, which must point to what c carries. */
template <class C, class V> static inline void *wend__chan_fit(C *, V *p)
{
	static_assert(__is_same(typename wend__elem_or<typename wend__elem_of<C>::type, V>::type, V),
				  "wrong element type for this channel");
	return p;
}
#define WEND__CHAN_FIT(c, p) wend__chan_fit((c), (p))
#else
#define WEND__CHAN_ELEM(c) (_Generic((c), wend_chan *: (struct wend__any *)0, default: (c))->wend__elem)
#define WEND__CHAN_UNTYPED(c)                                                                     \
	__builtin_types_compatible_p(__typeof__(WEND__CHAN_ELEM(c)), struct wend__untyped)
#define WEND__CHAN_FIT(c, p)                                                                      \
	((void)sizeof(struct {                                                                        \
		 int wrong_element_type                                                                   \
			 : WEND__CHAN_UNTYPED(c) ||                                                           \
			   __builtin_types_compatible_p(__typeof__(WEND__CHAN_ELEM(c)), __typeof__(*(p)))     \
				   ? 1                                                                            \
				   : -1;                                                                          \
	 }),                                                                                          \
	 (void *)(p))
#endif

/* for (v in c): receives into v, of type T, until c is closed and empty. break, continue and return are those of
 * any loop. c, evaluated each time, is a typed channel of T or any channel of elements of that size. */
#define WEND_CHAN_RANGE(c, T, v)                                                                  \
	for (T v; wend__chan_next((wend_chan *)(c), WEND__CHAN_FIT(c, &v), sizeof v);)

/* Defines the type `name`, used as name *: a channel of T, and its functions, which are the ones above with
 * the type checked: name_make(cap), name_send(c, v), name_recv(c, &v), name_try_send(c, v),
 * name_try_recv(c, &v, &ok), name_send_dl(c, v, deadline), name_recv_dl(c, &v, &ok, deadline), name_send_ctx and name_recv_ctx with a
 * context in its place, close, len, cap, retain, release; and name_get(c), which returns the value (zeros when the channel
 * is closed and empty). */
#define WEND_CHAN_TYPE(name, T)                                                                   \
	typedef struct name {                                                                         \
		T wend__elem; /* there is no such object: its address is the wend_chan's */               \
	} name;                                                                                       \
	WEND__UNUSED static inline name *name##_make(size_t cap)                                      \
	{                                                                                             \
		return (name *)wend_chan_make(sizeof(T), cap);                                            \
	}                                                                                             \
	WEND__UNUSED static inline name *name##_retain(name *c)                                       \
	{                                                                                             \
		return (name *)wend_chan_retain((wend_chan *)c);                                          \
	}                                                                                             \
	WEND__UNUSED static inline void name##_release(name *c)                                       \
	{                                                                                             \
		wend_chan_release((wend_chan *)c);                                                        \
	}                                                                                             \
	WEND__UNUSED static inline void name##_send(name *c, T v)                                     \
	{                                                                                             \
		wend_chan_send((wend_chan *)c, &v);                                                       \
	}                                                                                             \
	WEND__UNUSED static inline bool name##_recv(name *c, T *v)                                    \
	{                                                                                             \
		return wend_chan_recv((wend_chan *)c, v);                                                 \
	}                                                                                             \
	WEND__UNUSED static inline T name##_get(name *c)                                              \
	{                                                                                             \
		T v;                                                                                      \
		wend_chan_recv((wend_chan *)c, &v);                                                       \
		return v;                                                                                 \
	}                                                                                             \
	WEND__UNUSED WEND_NODISCARD static inline bool name##_try_send(name *c, T v)                  \
	{                                                                                             \
		return wend_chan_try_send((wend_chan *)c, &v);                                            \
	}                                                                                             \
	WEND__UNUSED WEND_NODISCARD static inline bool name##_try_recv(name *c, T *v, bool *ok)       \
	{                                                                                             \
		return wend_chan_try_recv((wend_chan *)c, v, ok);                                         \
	}                                                                                             \
	WEND__UNUSED WEND_NODISCARD static inline int name##_send_dl(name *c, T v, int64_t deadline)  \
	{                                                                                             \
		return wend_chan_send_dl((wend_chan *)c, &v, deadline);                                   \
	}                                                                                             \
	WEND__UNUSED WEND_NODISCARD static inline int name##_recv_dl(name *c, T *v, bool *ok,         \
																 int64_t deadline)                \
	{                                                                                             \
		return wend_chan_recv_dl((wend_chan *)c, v, ok, deadline);                                \
	}                                                                                             \
	WEND__UNUSED WEND_NODISCARD static inline int name##_send_ctx(name *c, T v, wend_ctx *ctx)    \
	{                                                                                             \
		return wend_chan_send_ctx((wend_chan *)c, &v, ctx);                                       \
	}                                                                                             \
	WEND__UNUSED WEND_NODISCARD static inline int name##_recv_ctx(name *c, T *v, bool *ok,        \
																  wend_ctx *ctx)                  \
	{                                                                                             \
		return wend_chan_recv_ctx((wend_chan *)c, v, ok, ctx);                                    \
	}                                                                                             \
	WEND__UNUSED static inline void name##_close(name *c)                                         \
	{                                                                                             \
		wend_chan_close((wend_chan *)c);                                                          \
	}                                                                                             \
	WEND__UNUSED static inline size_t name##_len(const name *c)                                   \
	{                                                                                             \
		return wend_chan_len((const wend_chan *)c);                                               \
	}                                                                                             \
	WEND__UNUSED static inline size_t name##_cap(const name *c)                                   \
	{                                                                                             \
		return wend_chan_cap((const wend_chan *)c);                                               \
	}                                                                                             \
	typedef int name##_wend__semicolon

#endif
