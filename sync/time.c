/* SPDX-License-Identifier: MIT
 *
 * sync/time.c - what users make of timers: sleeping, timers and tickers with a channel, functions called later.
 *
 * A timer and its channel are one piece of memory with one count, the channel's. A function's timer counts itself, and
 * holds a reference while it is set.
 */
#include "wend/time.h"

#include <errno.h>
#include <time.h>

#include "base/clock.h"
#include "sched/timer.h"
#include "sync/chan.h"

struct wend_timer {
	struct timer timer; /* with a function's refs */
	union {
		wend_chan *chan;
		void (*fn)(void *);
	};
	void *arg;
};

/* With its channel, which has a buffer for one time. */
struct chan_timer {
	alignas(CACHELINE) char chan[sizeof(wend_chan) + sizeof(int64_t)];
	struct wend_timer timer;
};

/* ---- Clock -------------------------------------------------------------------------------------- */

int64_t wend_now(void)
{
	return clock_now();
}

int64_t wend_deadline(int64_t d)
{
	int64_t when;

	return __builtin_add_overflow(clock_now(), d, &when) ? WEND_FOREVER : when;
}

/* ---- Sleeping ----------------------------------------------------------------------------------- */

struct sleeper {
	struct timer timer;
	struct g *gp;
	int64_t when;
};

static void wake_sleeper(struct timer *t, int64_t now, struct due *due)
{
	due_ready(due, container_of(t, struct sleeper, timer)->gp);
}

static const struct timer_kind sleeping = {.fire = wake_sleeper};

static bool commit_sleep(struct g *gp, void *arg)
{
	struct sleeper *s = arg;

	timer_set_first(getm(), &s->timer, s->when, 0);
	return true;
}

static void sleep_thread(int64_t until)
{
	const struct timespec ts = {until / 1000000000, until % 1000000000};

	while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &ts, NULL) == EINTR)
		;
}

void wend_sleep(int64_t d)
{
	struct m *mp;

	if (d <= 0)
		return;

	struct sleeper s = {.timer = {.kind = &sleeping}, .when = wend_deadline(d)};

	mp = enter();
	if (mp || foreign_may()) {
		s.gp = current(mp, "wend_sleep");
		mp = g_park(mp, s.gp, WAIT_SLEEP, NULL, commit_sleep, &s);
		if (unlikely(!mp))
			timer_cancel(&s.timer); /* if the runtime has ended around a foreign thread */
	}
	leave_any(mp);
	if (unlikely(!mp)) /* the rest of it, or no runtime at all */
		sleep_thread(s.when);
}

/* ---- Firing ------------------------------------------------------------------------------------- */

static void send_time(struct timer *t, int64_t now, struct due *due)
{
	wend_chan *c = container_of(t, struct wend_timer, timer)->chan;
	struct g *peer = NULL;
	uint64_t w = chan_lock(c);
	bool ok;

	chan_send_locked(c, w, &now, &ok, &peer);
	chan_unlock(c, w);
	if (peer)
		due_ready(due, peer);
}

/* A value that nobody has received. */
static bool drain(struct timer *t)
{
	wend_chan *c = container_of(t, struct wend_timer, timer)->chan;
	struct g *peer = NULL;
	int64_t stale;
	uint64_t w;
	bool ok, got;

	if (!(chan_look(c) & CAN_RECV))
		return false;
	w = chan_lock(c);
	got = chan_recv_locked(c, w, &stale, &ok, &peer) && ok;
	chan_unlock(c, w);
	return got;
}

static const struct timer_kind with_channel = {.fire = send_time, .stale = drain};

/* A function's. mp as from enter, or NULL. */
static void unref(struct m *mp, struct wend_timer *t)
{
	race_release(&t->timer.refs);
	if (atm_add_sc(&t->timer.refs, (uint32_t)-1) != 1) /* the full barrier orders others' uses before its end */
		return;
	race_acquire(&t->timer.refs);
	slab_put(mp, SLAB_FUNC_TIMER, t);
}

static void call_function(struct timer *t, int64_t now, struct due *due)
{
	due_later(due, t);
}

static void start_function(struct m *mp, struct timer *timer)
{
	struct wend_timer *t = container_of(timer, struct wend_timer, timer);

	race_acquire(t);
	if (likely(spawn_inside(mp, t->fn, t->arg) == 0))
		unref(mp, t);
	else if (timer_set(mp, timer, clock_now() + WEND_MILLISECOND, 0)) /* its reference goes with it */
		unref(mp, t); /* somebody has reset it meanwhile, so that it had one */
}

static void lose_function(struct timer *t)
{
	unref(NULL, container_of(t, struct wend_timer, timer));
}

static const struct timer_kind with_function = {
	.fire = call_function, .later = start_function, .lost = lose_function};

_Static_assert(sizeof(struct wend_timer) <= 64 && sizeof(struct chan_timer) <= 256, "what slab.h has for them");

/* ---- Timers ------------------------------------------------------------------------------------- */

static bool has_channel(const struct wend_timer *t)
{
	return t->timer.kind == &with_channel;
}

/* Anew. True: it was set, or had left a value that is gone now. */
static bool reset(struct wend_timer *t, int64_t d, int64_t period, const char *what)
{
	bool function = !has_channel(t), was_set; /* before the border: a nil pointer is a panic there */
	struct m *mp = enter_for(what);

	race_release(t);
	if (function)
		atm_add_sc(&t->timer.refs, 1);
	was_set = timer_set(mp, &t->timer, wend_deadline(d), period);
	if (function && was_set) /* one reference is enough */
		unref(mp, t);
	leave_any(mp);
	return was_set;
}

static struct wend_timer *make(int64_t d, int64_t period, const char *what)
{
	struct m *mp = enter_for(what);
	struct chan_timer *both = slab_get(mp, SLAB_CHAN_TIMER);
	struct wend_timer *t = NULL;

	if (likely(both)) {
		t = &both->timer;
		t->timer = (struct timer){.kind = &with_channel};
		t->chan = chan_init(both->chan, sizeof(int64_t), 1);
		t->chan->timer = t;
		race_release(t);
		timer_set_first(mp, &t->timer, wend_deadline(d), period);
	}
	leave_any(mp);
	return t;
}

/* Off the heap. False: it was not on one, and had left no value. */
static bool cancel(struct m *mp, struct wend_timer *t)
{
	if (unlikely(!mp) && !foreign_may())
		timer_await_end(&t->timer);
	return timer_cancel(&t->timer);
}

void timer_chan_gone(struct wend_chan *c)
{
	struct m *mp = enter();

	cancel(mp, c->timer);
	slab_put(mp, SLAB_CHAN_TIMER, container_of(c->timer, struct chan_timer, timer));
	leave_any(mp);
}

wend_timer *wend_timer_make(int64_t d)
{
	return make(d, 0, "wend_timer_make");
}

wend_chan *wend_after(int64_t d)
{
	struct wend_timer *t = make(d, 0, "wend_after");

	return t ? t->chan : NULL;
}

wend_timer *wend_after_func(int64_t d, void (*fn)(void *), void *arg)
{
	struct wend_timer *t;
	struct m *mp;

	if (!fn)
		wend__fatal("go of nil func value");
	mp = enter_for("wend_after_func");
	t = slab_get(mp, SLAB_FUNC_TIMER);
	if (likely(t)) {
		*t = (struct wend_timer){.timer = {.kind = &with_function}, .fn = fn, .arg = arg};
		/* The caller's, and one while it is set; rlx: published with the pointer, as all else. */
		atm_store_rlx(&t->timer.refs, 2);
		race_release(t);
		timer_set_first(mp, &t->timer, wend_deadline(d), 0);
	}
	leave_any(mp);
	return t;
}

wend_chan *wend_timer_chan(const wend_timer *t)
{
	return has_channel(t) ? t->chan : NULL;
}

bool wend_timer_stop(wend_timer *t)
{
	bool function = !has_channel(t); /* as in reset */
	struct m *mp = enter();
	bool was_set = cancel(mp, t);

	if (was_set && function)
		unref(mp, t);
	leave_any(mp);
	return was_set;
}

bool wend_timer_reset(wend_timer *t, int64_t d)
{
	return reset(t, d, 0, "wend_timer_reset");
}

wend_timer *wend_timer_retain(wend_timer *t)
{
	if (has_channel(t))
		wend_chan_retain(t->chan);
	else
		atm_add_sc(&t->timer.refs, 1);
	return t;
}

void wend_timer_release(wend_timer *t)
{
	struct m *mp;

	if (!t)
		return;
	if (has_channel(t)) {
		wend_chan_release(t->chan);
		return;
	}
	mp = enter();
	unref(mp, t);
	leave_any(mp);
}

/* ---- Tickers: timers with a period -------------------------------------------------------------- */

struct wend_ticker {
	struct wend_timer timer;
};

wend_ticker *wend_ticker_make(int64_t d)
{
	if (d <= 0)
		wend__panic("non-positive interval for NewTicker");
	return (wend_ticker *)make(d, d, "wend_ticker_make");
}

wend_chan *wend_ticker_chan(const wend_ticker *t)
{
	return t->timer.chan;
}

void wend_ticker_stop(wend_ticker *t)
{
	wend_timer_stop(&t->timer);
}

void wend_ticker_reset(wend_ticker *t, int64_t d)
{
	if (d <= 0)
		wend__panic("non-positive interval for Ticker.Reset");
	reset(&t->timer, d, d, "wend_ticker_reset");
}

wend_ticker *wend_ticker_retain(wend_ticker *t)
{
	wend_timer_retain(&t->timer);
	return t;
}

void wend_ticker_release(wend_ticker *t)
{
	if (t)
		wend_timer_release(&t->timer);
}

wend_chan *wend_tick(int64_t d)
{
	struct wend_timer *t = d > 0 ? make(d, d, "wend_tick") : NULL;

	return t ? t->chan : NULL;
}
