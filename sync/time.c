/* SPDX-License-Identifier: MIT
 *
 * sync/time.c - what users make of timers: sleeping, timers and tickers with a channel, functions called later.
 *
 * A timer and its channel are one allocation with one count, the channel's. A function's timer counts itself, and holds a
 * reference while it is set.
 */
#include "wend/time.h"

#include <errno.h>
#include <stdlib.h>
#include <time.h>

#include "base/clock.h"
#include "sched/timer.h"
#include "sync/chan.h"

struct wend_timer {
	struct timer timer;
	wend_chan *chan; /* NULL: a function's */
	int64_t period;  /* of a ticker; changes while it is not set */
	void (*fn)(void *);
	void *arg;
	atm_u32 refs; /* a function's */
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

static int64_t wake_sleeper(struct timer *t, int64_t now, struct due *due)
{
	due_ready(due, container_of(t, struct sleeper, timer)->gp);
	return 0;
}

static bool commit_sleep(struct g *gp, void *arg)
{
	struct sleeper *s = arg;

	timer_set(getm(), &s->timer, s->when);
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
	struct sleeper s = {.timer = {.fire = wake_sleeper}, .when = wend_deadline(d)};
	struct m *mp;

	if (d <= 0)
		return;
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

static int64_t send_time(struct timer *t, int64_t now, struct due *due)
{
	struct wend_timer *wt = container_of(t, struct wend_timer, timer);
	wend_chan *c = wt->chan;
	struct g *peer = NULL;
	uint64_t w = chan_lock(c);
	bool ok;

	chan_send_locked(c, w, &now, &ok, &peer);
	chan_unlock(c, w);
	if (peer)
		due_ready(due, peer);
	return wt->period ? t->when + wt->period * (1 + (now - t->when) / wt->period) : 0;
}

static void unref(struct wend_timer *t)
{
	race_release(&t->refs);
	if (atm_add_sc(&t->refs, (uint32_t)-1) != 1) /* the full barrier orders others' uses before free */
		return;
	race_acquire(&t->refs);
	free(t);
}

static void start_function(struct m *mp, struct due_call *c)
{
	struct wend_timer *t = c->obj;

	race_acquire(t);
	if (likely(spawn_inside(mp, c->fn, c->arg) == 0))
		unref(t);
	else if (timer_set(mp, &t->timer, clock_now() + WEND_MILLISECOND)) /* its reference goes with it */
		unref(t); /* somebody has reset it meanwhile, so that it had one */
}

static int64_t call_function(struct timer *t, int64_t now, struct due *due)
{
	struct wend_timer *wt = container_of(t, struct wend_timer, timer);

	due_call(due, &(struct due_call){start_function, wt, wt->fn, wt->arg});
	return 0;
}

/* ---- Timers ------------------------------------------------------------------------------------- */

static void set(struct m *mp, struct wend_timer *t, int64_t d)
{
	bool was_set;

	race_release(t);
	if (!t->chan)
		atm_add_sc(&t->refs, 1);
	was_set = timer_set(mp, &t->timer, wend_deadline(d));
	if (unlikely(was_set && !t->chan)) /* somebody else has set it meanwhile: one reference is enough */
		unref(t);
}

static struct wend_timer *make(int64_t d, int64_t period, const char *what)
{
	struct wend_timer *t = malloc(sizeof *t + chan_room(sizeof(int64_t)));
	struct m *mp;

	if (!t)
		return NULL;
	*t = (struct wend_timer){.timer = {.fire = send_time}, .period = period};
	t->chan = chan_init(t + 1, sizeof(int64_t), 1);
	t->chan->mem = t;
	t->chan->timer = t;
	mp = enter_for(what);
	set(mp, t, d);
	leave_any(mp);
	return t;
}

/* Off the heap. False: it was not on one. */
static bool cancel(struct wend_timer *t)
{
	struct m *mp = enter();
	bool was_set;

	if (unlikely(!mp) && !foreign_may())
		timer_await_end(&t->timer);
	was_set = timer_cancel(&t->timer);
	leave_any(mp);
	return was_set;
}

void timer_chan_gone(struct wend_chan *c)
{
	cancel(c->timer);
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
	struct wend_timer *t = malloc(sizeof *t);
	struct m *mp;

	if (!fn)
		wend__fatal("go of nil func value");
	if (!t)
		return NULL;
	*t = (struct wend_timer){.timer = {.fire = call_function}, .fn = fn, .arg = arg};
	atm_store_rlx(&t->refs, 1); /* rlx: published with the pointer, as all else */
	mp = enter_for("wend_after_func");
	set(mp, t, d);
	leave_any(mp);
	return t;
}

wend_chan *wend_timer_chan(const wend_timer *t)
{
	return t->chan;
}

/* A value that nobody has received is taken back. */
static bool drain(struct wend_timer *t)
{
	int64_t stale;
	bool ok;

	return wend_chan_try_recv(t->chan, &stale, &ok) && ok;
}

bool wend_timer_stop(wend_timer *t)
{
	bool was_set = cancel(t);

	if (t->chan)
		return drain(t) || was_set;
	if (was_set)
		unref(t);
	return was_set;
}

bool wend_timer_reset(wend_timer *t, int64_t d)
{
	bool stopped = wend_timer_stop(t);
	struct m *mp = enter_for("wend_timer_reset");

	set(mp, t, d);
	leave_any(mp);
	return stopped;
}

wend_timer *wend_timer_retain(wend_timer *t)
{
	if (t->chan)
		wend_chan_retain(t->chan);
	else
		atm_add_sc(&t->refs, 1);
	return t;
}

void wend_timer_release(wend_timer *t)
{
	if (t && t->chan)
		wend_chan_release(t->chan);
	else if (t)
		unref(t);
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
	cancel(&t->timer);
	t->timer.period = d;
	wend_timer_reset(&t->timer, d);
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
