/* SPDX-License-Identifier: MIT
 *
 * wend/select.h - wait for the first of several channel operations (Go's select).
 *
 *     for (;;) {
 *             WEND_SELECT {
 *                     WEND_RECV(jobs, &job, &ok) { if (!ok) return 0; work(job); }
 *                     WEND_SEND(out, result)     { sent++; }
 *                     WEND_RECV(quit)            { break; }          leaves the select, as in Go
 *                     WEND_DEFAULT               { wend_yield(); }   anywhere in the list
 *             } WEND_SELECT_END
 *     }
 *
 * The first pass registers the cases: channels and values to send are evaluated once, in source order. Then one
 * case that can proceed is chosen, each with equal chance, and carried out; if none can, DEFAULT runs, and
 * without one the coroutine parks (a foreign thread sleeps) until some case proceeds. Only the chosen case's
 * variables are written. break, continue, return and goto in a body mean what they mean in Go: the block is a
 * switch, not a loop. A nil channel (NULL, typed) is never chosen.
 *
 * The block's record lies on the stack: 8 cases; WEND_SELECT_N(n) for more. Values that are sent are copied into it
 * and may have 16 bytes; larger ones, and sets of cases known at run time only, go by wend_select.
 *
 * Whether a set of cases is ready is one decision: default is chosen only if there was a moment when no case
 * could proceed. WEND_TIMEOUT(deadline) { ... } in the list bounds the wait. A select that finds its case ready costs about as much as the operation and a load per case; one
 * that must wait locks each channel for a moment, twice. (The cases enter all queues at once under all locks, taken
 * in the order of their addresses, and one compare-and-swap decides who completes them: Go's runtime.)
 */
#ifndef WEND_SELECT_H
#define WEND_SELECT_H

#include <wend/chan.h>

WEND__BEGIN

struct wend__wait;

enum wend_case_op { WEND_OP_RECV, WEND_OP_SEND };

/* One operation. Everything but the first four is the library's while wend_select runs. */
typedef struct wend_case {
	wend_chan *chan;      /* NULL: never chosen */
	void *elem;           /* value to send, or where to receive (NULL: dropped); must stay valid */
	enum wend_case_op op;
	bool ok;              /* out, for the chosen receive: as wend_chan_recv's result */
	struct wend__queued {
		struct wend_case *next, *prev; /* the channel's queue, under its lock; next NULL: not in it */
		struct wend__wait *wait;       /* whose case this is; written before it is queued */
		struct wend_case *order;       /* by address of the channels; select's own */
		uint64_t seen;                 /* the channel's word; select's own */
	} wend__q;
} wend_case;

/* wend_case cases[] = {WEND_CASE_RECV(in, &v), WEND_CASE_SEND(out, &x)}; */
#define WEND_CASE_RECV(c, p) {(wend_chan *)(c), (void *)(p), WEND_OP_RECV, false, WEND_ZERO}
#define WEND_CASE_SEND(c, p) {(wend_chan *)(c), (void *)(p), WEND_OP_SEND, false, WEND_ZERO}

enum wend_select_flags {
	WEND_SELECT_DEFAULT = 1, /* do not wait: -1 when no case can proceed */
};

/* Carries out one of n cases that can proceed and returns its index; waits for one without
 * WEND_SELECT_DEFAULT. The array may be used again as it is. Blocks for ever when n is 0 or all channels are
 * nil. O(n), when it waits O(n log n), and no memory but the array.
 * Panics: `send on closed channel` when it chooses a send to a closed channel. */
WEND_API int wend_select(wend_case *cases, size_t n, unsigned flags);

/* The same, but waits no longer than to the deadline, in nanoseconds of CLOCK_MONOTONIC (wend_deadline, wend/time.h):
 * -ETIMEDOUT then, and no case was carried out. A case that can proceed goes first even if the deadline has passed. */
WEND_API int wend_select_dl(wend_case *cases, size_t n, int64_t deadline);

/* ---- The block ------------------------------------------------------------------------------- */

struct wend__sel_slot {
	unsigned id;
	bool *ok;
	union {
		char bytes[16];
		void *align_pointer;
		long double align;
	} value; /* to send */
};

struct wend__sel {
	unsigned chosen; /* id of the case that runs; 0: cases are being registered */
	unsigned n, room;
	bool has_default;
	wend_case *cases;
	struct wend__sel_slot *slots;
	int64_t deadline;
};

#define WEND__SEL_DEFAULT 0xffffffffU
#define WEND__SEL_TIMEOUT 0xfffffffeU

WEND_API struct wend__sel_slot *wend__sel_add(struct wend__sel *s, unsigned id, wend_chan *c,
											  enum wend_case_op op, void *elem, size_t size);
WEND_API unsigned wend__sel_run(struct wend__sel *s);

static inline void wend__sel_recv(struct wend__sel *s, unsigned id, wend_chan *c, void *elem, size_t size,
								  bool *ok)
{
	wend__sel_add(s, id, c, WEND_OP_RECV, elem, size)->ok = ok;
}

WEND__END

#define WEND_SELECT WEND_SELECT_N(8)

/* wend__again is local to the block, wend__sel hides that of an outer one: both on purpose. */
#define WEND_SELECT_N(max)                                                                        \
	_Pragma("GCC diagnostic push") _Pragma("GCC diagnostic ignored \"-Wpedantic\"")               \
		_Pragma("GCC diagnostic ignored \"-Wshadow\"")                                            \
	{                                                                                             \
		__label__ wend__again;                                                                    \
		wend_case wend__sel_cases[max];                                                           \
		struct wend__sel_slot wend__sel_slots[max];                                               \
		struct wend__sel wend__sel = {0, 0, (max), false, wend__sel_cases, wend__sel_slots, INT64_MAX}; \
		_Pragma("GCC diagnostic pop") wend__again : switch (wend__sel.chosen)                     \
		default:

#define WEND_SELECT_END                                                                           \
	if (!wend__sel.chosen) {                                                                      \
		wend__sel.chosen = wend__sel_run(&wend__sel);                                             \
		goto wend__again;                                                                         \
	}                                                                                             \
	}

#define WEND__SEL_CASE(id, add)                                                                   \
	if (wend__sel.chosen)                                                                         \
		break;                                                                                    \
	else if ((add), 0)                                                                            \
	case (id):

#define WEND_DEFAULT WEND__SEL_CASE(WEND__SEL_DEFAULT, wend__sel.has_default = true)

/* WEND_TIMEOUT(wend_deadline(WEND_SECOND)) { ... }: runs when no case could proceed before the deadline. */
#define WEND_TIMEOUT(when) WEND__SEL_CASE(WEND__SEL_TIMEOUT, wend__sel.deadline = (when))

/* WEND_RECV(c), WEND_RECV(c, &v), WEND_RECV(c, &v, &ok) */
#define WEND_RECV(...)                                                                            \
	WEND__RECV_PICK(__VA_ARGS__, WEND__RECV_3, WEND__RECV_2, WEND__RECV_1, 0)                     \
	(__COUNTER__ + 1, __VA_ARGS__)
#define WEND__RECV_PICK(_1, _2, _3, name, ...) name
#define WEND__RECV_1(id, c)                                                                       \
	WEND__SEL_CASE(id, wend__sel_recv(&wend__sel, id, (wend_chan *)(c), NULL, 0, NULL))
#define WEND__RECV_2(id, c, p) WEND__RECV_3(id, c, p, NULL)
#define WEND__RECV_3(id, c, p, ok)                                                                \
	WEND__SEL_CASE(id, wend__sel_recv(&wend__sel, id, (wend_chan *)(c), WEND__CHAN_FIT(c, p),     \
									  sizeof *(p), (ok)))

#define WEND_SEND(c, x) WEND__SEND(__COUNTER__ + 1, c, x)
#ifdef __cplusplus
template <class C> struct wend__sel_send {
	struct wend__sel *s;
	unsigned id;
	C *c;

	template <class X> void value(const X &x) const
	{
		typedef typename wend__elem_or<typename wend__elem_of<C>::type, X>::type T;
		static_assert(sizeof(T) <= sizeof(wend__sel_slot::value) && __is_trivially_copyable(T),
					  "WEND_SEND takes plain values of up to 16 bytes: use wend_select");
		T v = x;
		__builtin_memcpy(
			wend__sel_add(s, id, (wend_chan *)c, WEND_OP_SEND, NULL, sizeof(T))->value.bytes, &v, sizeof(T));
	}
};
template <class C> static inline wend__sel_send<C> wend__sel_sender(struct wend__sel *s, unsigned id, C *c)
{
	return wend__sel_send<C>{s, id, c};
}
#define WEND__SEND(id, c, x)                                                                      \
	WEND__SEL_CASE(id, wend__sel_sender(&wend__sel, id, (c)).value((x)))
#else
/* What the channel carries; for an untyped one what x is. */
#define WEND__SEND_TYPE(c, x)                                                                     \
	__typeof__(__builtin_choose_expr(WEND__CHAN_UNTYPED(c), ((void)0, (x)), WEND__CHAN_ELEM(c)))
#define WEND__SEND(id, c, x)                                                                      \
	WEND__SEL_CASE(id, (wend__sel_add(&wend__sel, id, (wend_chan *)(c), WEND_OP_SEND, NULL,       \
									  sizeof(WEND__SEND_TYPE(c, x)) +                             \
										  0 * sizeof(struct {                                     \
											  int value_above_16_bytes                            \
												  : sizeof(WEND__SEND_TYPE(c, x)) <= 16 ? 1 : -1; \
										  })),                                                    \
						*(WEND__SEND_TYPE(c, x) *)wend__sel_value(&wend__sel) = (x)))

/* Where the value of the case that was added last goes. */
static inline void *wend__sel_value(struct wend__sel *s)
{
	return s->slots[s->n - 1].value.bytes;
}
#endif

#endif
