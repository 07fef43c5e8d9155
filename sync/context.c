/* SPDX-License-Identifier: MIT
 *
 * sync/context.c - trees of contexts, and how they are cancelled. docs/context.md.
 *
 * Each context knows its home, the nearest one at or above it that can be cancelled: whether it is cancelled is the
 * home's word alone. A home has a lock for the lists of what hangs on it. Lock order: a home's, that of a home
 * below it, then a timer heap's or a channel's.
 *
 * Ordering.
 *   X1  mark: err.store rel    -> err, cause: err.load acq      the cause; what was done before the cancellation
 *   X2  make_done: done.store rel -> wend_ctx_done: done.load acq   the channel is set up
 */
#include "sync/context.h"

#include <errno.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/list.h"
#include "sched/timer.h"
#include "sync/chan.h"

enum kind { ROOT, CANCEL, VALUE, DETACHED };

struct wend_ctx {
	enum kind kind;
	atm_u32 refs;                 /* not a ROOT's */
	struct wend_ctx *parent;      /* held; NULL: a ROOT */
	struct home *home;            /* constant, as the rest */
	const struct value *values;   /* the nearest value at or above it, or NULL */
};

struct cause {
	int err;
	const void *detail;
};

/* A context that can be cancelled; and one that never is, which all roots share. */
struct home {
	struct wend_ctx ctx;
	atm_u32 err;                  /* 0, ECANCELED or ETIMEDOUT, which is final; written under the lock */
	struct lock lock;
	struct cause cause;           /* written with err */
	struct ctx_watch *watches;    /* oldest first, circular, as the next; under the lock */
	struct ctx_watch *funcs, *children;
	struct ctx_watch in_parent;   /* among its parent's children; under the parent's home's lock */
	atm_ptr done;                 /* the channel in room, once somebody has asked for it */
	int64_t deadline;             /* its own or an ancestor's; constant, as the next */
	struct cause too_late;        /* the cause when the deadline passes */
	struct timer timer;
	alignas(16) char room[];      /* for a channel; as malloc aligns, which chan_room relies on */
};

struct value {
	struct wend_ctx ctx;
	const void *key;
	void *value;
	const struct value *up; /* the next above */
};

struct wend_ctx_func {
	struct ctx_watch node; /* among its home's funcs */
	struct wend_ctx *ctx;  /* held */
	void (*fn)(void *);
	void *arg;
	atm_u32 refs; /* the maker's; one more until it is started or stopped */
	struct timer again;
};

/* What a cancellation leads to when all locks have been let go of. */
struct outcome {
	struct g *ready, **tail; /* who waited for done */
	struct ctx_watch *watches, *funcs, **last_watch, **last_func; /* linked by prev: next says that they are in no list */
};

static struct home never = {.ctx = {.kind = ROOT, .home = &never}, .deadline = WEND_FOREVER};
static struct wend_ctx todo = {.kind = ROOT, .home = &never};

/* ---- Lists: under the home's lock --------------------------------------------------------------- */

/* False: it was in no list. */
static bool take_off(struct ctx_watch **head, struct ctx_watch *w)
{
	if (!w->next)
		return false;
	ring_remove(head, w);
	w->next = NULL;
	return true;
}

static struct home *home_of_parent(const struct home *c)
{
	return c->ctx.parent->home;
}

static void leave_parent(struct home *c)
{
	struct home *up = home_of_parent(c);

	if (up == &never)
		return;
	lock(&up->lock);
	take_off(&up->children, &c->in_parent);
	unlock(&up->lock);
}

/* ---- References --------------------------------------------------------------------------------- */

static struct wend_ctx *ref(struct wend_ctx *ctx)
{
	if (ctx->kind != ROOT)
		atm_add_sc(&ctx->refs, 1);
	return ctx;
}

static void stop_timer(struct m *mp, struct home *c)
{
	if (unlikely(!mp) && !foreign_may())
		timer_await_end(&c->timer);
	timer_cancel(&c->timer);
}

/* Inside the runtime. Trees may be deep and stacks small: no recursion. */
static void unref(struct m *mp, struct wend_ctx *ctx)
{
	for (struct wend_ctx *parent; ctx->kind != ROOT; ctx = parent) {
		race_release(&ctx->refs);
		if (atm_add_sc(&ctx->refs, (uint32_t)-1) != 1) /* the full barrier orders others' uses before free */
			return;
		race_acquire(&ctx->refs);
		parent = ctx->parent;
		if (ctx->kind == CANCEL) {
			leave_parent(ctx->home); /* whoever is at cancelling it from above has finished */
			stop_timer(mp, ctx->home);
		}
		free(ctx);
	}
}

/* For a timer that has fired: the last reference may be gone, and who had it waits for the heap's lock. */
static bool ref_if_alive(struct wend_ctx *ctx)
{
	uint32_t n;

	do {
		n = atm_load_rlx(&ctx->refs); /* rlx: the CAS decides */
		if (n == 0)
			return false;
	} while (!atm_cas_sc(&ctx->refs, n, n + 1));
	return true;
}

wend_ctx *wend_ctx_retain(wend_ctx *ctx)
{
	return ref(ctx);
}

void wend_ctx_release(wend_ctx *ctx)
{
	struct m *mp;

	if (!ctx)
		return;
	mp = enter();
	unref(mp, ctx);
	leave_any(mp);
}

/* ---- Functions to be called --------------------------------------------------------------------- */

static void unref_func(struct m *mp, struct wend_ctx_func *f)
{
	race_release(&f->refs);
	if (atm_add_sc(&f->refs, (uint32_t)-1) != 1) /* the full barrier orders others' uses before free */
		return;
	race_acquire(&f->refs);
	unref(mp, f->ctx);
	free(f);
}

static void start(struct m *mp, struct wend_ctx_func *f)
{
	race_acquire(f);
	if (unlikely(!mp) && !foreign_may())
		unref_func(mp, f);
	else if (likely(spawn_inside(mp, f->fn, f->arg) == 0))
		unref_func(mp, f);
	else
		timer_set(mp, &f->again, clock_now() + WEND_MILLISECOND, 0); /* its reference goes with it */
}

static void start_again(struct m *mp, struct timer *t)
{
	start(mp, container_of(t, struct wend_ctx_func, again));
}

static void try_again(struct timer *t, int64_t now, struct due *due)
{
	(void)now;
	due_later(due, t);
}

static const struct timer_kind trying_again = {.fire = try_again, .later = start_again};

wend_ctx_func *wend_ctx_after_func(wend_ctx *ctx, void (*fn)(void *), void *arg)
{
	struct wend_ctx_func *f;
	struct home *c = ctx->home;
	bool at_once;

	if (!fn)
		wend__fatal("go of nil func value");
	f = malloc(sizeof *f);
	if (!f)
		return NULL;
	*f = (struct wend_ctx_func){.ctx = ref(ctx), .fn = fn, .arg = arg, .again = {.kind = &trying_again}};
	if (c == &never) { /* nobody will call it: in a list of its own, and gone when its maker lets go of it */
		f->node.next = f->node.prev = &f->node;
		atm_store_rlx(&f->refs, 1); /* rlx: published with the pointer */
		return f;
	}
	atm_store_rlx(&f->refs, 2); /* rlx: published under the lock */
	race_release(f);
	lock(&c->lock);
	at_once = atm_load_rlx(&c->err) != 0; /* rlx: under the lock */
	if (!at_once)
		ring_append(&c->funcs, &f->node);
	unlock(&c->lock);
	if (at_once) {
		struct m *mp = enter();

		start(mp, f);
		leave_any(mp);
	}
	return f;
}

bool wend_ctx_func_stop(wend_ctx_func *f)
{
	struct home *c = f->ctx->home; /* before the border: a nil pointer is a panic there */
	struct m *mp = enter();
	bool stopped;

	lock(&c->lock);
	stopped = take_off(&c->funcs, &f->node);
	unlock(&c->lock);
	if (stopped && c != &never)
		unref_func(mp, f);
	leave_any(mp);
	return stopped;
}

void wend_ctx_func_release(wend_ctx_func *f)
{
	struct m *mp;

	if (!f)
		return;
	mp = enter();
	unref_func(mp, f);
	leave_any(mp);
}

/* ---- Waiting ------------------------------------------------------------------------------------ */

bool ctx_watch_add(wend_ctx *ctx, struct ctx_watch *w)
{
	struct home *c = ctx->home;
	bool alive;

	w->next = NULL;
	if (c == &never)
		return true;
	lock(&c->lock);
	alive = !atm_load_rlx(&c->err); /* rlx: under the lock */
	if (alive)
		ring_append(&c->watches, w);
	unlock(&c->lock);
	return alive;
}

void ctx_watch_remove(wend_ctx *ctx, struct ctx_watch *w)
{
	struct home *c = ctx->home;

	if (c == &never)
		return;
	lock(&c->lock);
	take_off(&c->watches, w);
	unlock(&c->lock);
}

/* Under the lock. */
static wend_chan *make_done(struct home *c)
{
	wend_chan *done = chan_init(c->room, 0, 0);

	if (atm_load_rlx(&c->err)) /* rlx: under the lock */
		atm_store_rlx(&done->word, chan_word(done, CLOSED)); /* rlx: X2 */
	atm_store_rel(&c->done, done);                           /* rel X2 */
	return done;
}

wend_chan *wend_ctx_done(wend_ctx *ctx)
{
	struct home *c = ctx->home;
	wend_chan *done = atm_load_acq(&c->done); /* acq X2 */

	if (done || c == &never)
		return done;
	lock(&c->lock);
	done = atm_load_rlx(&c->done); /* rlx: under the lock */
	if (!done)
		done = make_done(c);
	unlock(&c->lock);
	return done;
}

/* Done and a deadline: what the channel needs for it is there already. */
int wend_sleep_ctx(int64_t d, wend_ctx *ctx)
{
	int err = wend_ctx_err(ctx);

	if (err || d <= 0)
		return err;
	return wend_chan_recv_dl(wend_ctx_done(ctx), NULL, NULL, wend_deadline(d)) ? 0 : wend_ctx_err(ctx);
}

/* ---- Cancelling --------------------------------------------------------------------------------- */

static void chain(struct ctx_watch ***last, struct ctx_watch *w)
{
	w->prev = NULL;
	**last = w;
	*last = &w->prev;
}

/* What hangs on c itself. Its lock is held, and it was not cancelled. */
static void mark(struct m *mp, struct home *c, uint32_t err, struct cause cause, struct outcome *out)
{
	bool running = mp || foreign_may(); /* else who watched is gone, and its stack with it */
	wend_chan *done = atm_load_rlx(&c->done); /* rlx: under the lock */

	c->cause = cause;
	race_release(c);
	atm_store_rel(&c->err, err); /* rel X1 */
	if (done)
		chan_close(mp, done, &out->tail);
	for (struct ctx_watch *w; running && (w = c->watches);) {
		take_off(&c->watches, w);
		w->gp = w->cancelled(w);
		if (w->gp)
			chain(&out->last_watch, w);
	}
	for (struct ctx_watch *w; (w = c->funcs);) {
		take_off(&c->funcs, w);
		chain(&out->last_func, w);
	}
	stop_timer(mp, c);
}

/* Depth first. The locks on the way down stay held, so that nobody below can be freed, and whoever else cancels one of
 * them returns only when all below it are cancelled. False: it was cancelled. */
static bool cancel_tree(struct m *mp, struct home *root, uint32_t err, struct cause cause, struct outcome *out)
{
	struct home *c = root;

	lock(&c->lock);
	if (atm_load_rlx(&c->err)) { /* rlx: under the lock */
		unlock(&c->lock);
		return false;
	}
	mark(mp, c, err, cause, out);
	for (;;) {
		struct ctx_watch *w = c->children;

		if (w) {
			struct home *child = container_of(w, struct home, in_parent);

			take_off(&c->children, w);
			lock(&child->lock);
			if (atm_load_rlx(&child->err)) { /* rlx: under the lock */
				unlock(&child->lock);
				continue;
			}
			mark(mp, child, err, cause, out);
			c = child;
		} else {
			struct home *up = home_of_parent(c);

			unlock(&c->lock);
			if (c == root)
				return true;
			c = up;
		}
	}
}

/* Inside the runtime; the caller holds c. */
static void cancel(struct m *mp, struct home *c, uint32_t err, struct cause cause)
{
	struct outcome out = {.tail = &out.ready, .last_watch = &out.watches, .last_func = &out.funcs};

	if (!cause.err)
		cause.err = -(int)err;
	if (!cancel_tree(mp, c, err, cause, &out))
		return;
	leave_parent(c);
	*out.tail = NULL;
	g_ready_all(mp, out.ready);
	for (struct ctx_watch *w = out.watches, *next; w; w = next) {
		next = w->prev; /* read before its waiter can go on */
		g_ready(mp, w->gp);
	}
	for (struct ctx_watch *w = out.funcs, *next; w; w = next) {
		next = w->prev; /* read before it can go */
		start(mp, container_of(w, struct wend_ctx_func, node));
	}
}

void wend_ctx_cancel_cause(wend_ctx *ctx, int err, const void *detail)
{
	struct m *mp;

	if (unlikely(ctx->kind != CANCEL))
		wend__panic("context: cancel of a context without cancel function");
	mp = enter();
	cancel(mp, ctx->home, ECANCELED, (struct cause){err, detail});
	leave_any(mp);
}

void wend_ctx_cancel(wend_ctx *ctx)
{
	wend_ctx_cancel_cause(ctx, 0, NULL);
}

static void deadline_has_passed(struct m *mp, struct timer *t)
{
	struct home *c = container_of(t, struct home, timer);

	cancel(mp, c, ETIMEDOUT, c->too_late);
	unref(mp, &c->ctx);
}

static void fire(struct timer *t, int64_t now, struct due *due)
{
	struct home *c = container_of(t, struct home, timer);

	(void)now;
	if (ref_if_alive(&c->ctx))
		due_later(due, t);
}

static const struct timer_kind deadline = {.fire = fire, .later = deadline_has_passed};

/* ---- Making ------------------------------------------------------------------------------------- */

static void check_parent(const struct wend_ctx *parent)
{
	if (unlikely(!parent))
		wend__panic("cannot create context from nil parent");
}

static void init(struct wend_ctx *ctx, enum kind kind, struct wend_ctx *parent, struct home *home)
{
	*ctx = (struct wend_ctx){.kind = kind, .parent = ref(parent), .home = home, .values = parent->values};
	atm_store_rlx(&ctx->refs, 1); /* rlx: published with the pointer, as all else */
}

static struct home *make(struct wend_ctx *parent)
{
	struct home *c = malloc(sizeof *c + chan_room(0));

	if (!c)
		return NULL;
	*c = (struct home){.deadline = parent->home->deadline, .timer = {.kind = &deadline}};
	init(&c->ctx, CANCEL, parent, c);
	return c;
}

/* From here on its parent cancels it; if that has happened, it is cancelled, too. */
static void join_parent(struct home *c)
{
	struct home *up = home_of_parent(c);
	uint32_t err;

	if (up == &never)
		return;
	lock(&up->lock);
	err = atm_load_rlx(&up->err); /* rlx: under the lock */
	if (err) {
		c->cause = up->cause;
		atm_store_rlx(&c->err, err); /* rlx: nobody knows of c */
	} else {
		ring_append(&up->children, &c->in_parent);
	}
	unlock(&up->lock);
}

wend_ctx *wend_ctx_with_cancel(wend_ctx *parent)
{
	struct home *c;

	check_parent(parent);
	c = make(parent);
	if (!c)
		return NULL;
	join_parent(c);
	return &c->ctx;
}

static void set_deadline(struct m *mp, struct home *c, bool passed)
{
	if (passed) {
		cancel(mp, c, ETIMEDOUT, c->too_late);
		return;
	}
	lock(&c->lock);
	if (!atm_load_rlx(&c->err)) /* rlx: under the lock */
		timer_set(mp, &c->timer, c->deadline, 0);
	unlock(&c->lock);
}

static struct wend_ctx *make_with_deadline(struct wend_ctx *parent, int64_t when, bool passed, struct cause too_late)
{
	struct home *c;
	struct m *mp;

	if (when >= parent->home->deadline)
		return wend_ctx_with_cancel(parent);
	c = make(parent);
	if (!c)
		return NULL;
	c->deadline = when;
	c->too_late = too_late;
	mp = enter_for("a context with a deadline");
	join_parent(c);
	set_deadline(mp, c, passed);
	leave_any(mp);
	return &c->ctx;
}

wend_ctx *wend_ctx_with_deadline_cause(wend_ctx *parent, int64_t when, int cause, const void *detail)
{
	check_parent(parent);
	return make_with_deadline(parent, when, when <= clock_now(), (struct cause){cause, detail});
}

wend_ctx *wend_ctx_with_timeout_cause(wend_ctx *parent, int64_t d, int cause, const void *detail)
{
	check_parent(parent);
	return make_with_deadline(parent, wend_deadline(d), d <= 0, (struct cause){cause, detail});
}

wend_ctx *wend_ctx_with_deadline(wend_ctx *parent, int64_t when)
{
	return wend_ctx_with_deadline_cause(parent, when, 0, NULL);
}

wend_ctx *wend_ctx_with_timeout(wend_ctx *parent, int64_t d)
{
	return wend_ctx_with_timeout_cause(parent, d, 0, NULL);
}

wend_ctx *wend_ctx_with_value(wend_ctx *parent, const void *key, void *value)
{
	struct value *v;

	check_parent(parent);
	if (!key)
		wend__panic("nil key");
	v = malloc(sizeof *v);
	if (!v)
		return NULL;
	init(&v->ctx, VALUE, parent, parent->home);
	v->key = key;
	v->value = value;
	v->up = parent->values;
	v->ctx.values = v;
	return &v->ctx;
}

wend_ctx *wend_ctx_without_cancel(wend_ctx *parent)
{
	struct wend_ctx *ctx;

	check_parent(parent);
	ctx = malloc(sizeof *ctx);
	if (ctx)
		init(ctx, DETACHED, parent, &never);
	return ctx;
}

wend_ctx *wend_ctx_background(void)
{
	return &never.ctx;
}

wend_ctx *wend_ctx_todo(void)
{
	return &todo;
}

/* ---- Asking ------------------------------------------------------------------------------------- */

int wend_ctx_err(const wend_ctx *ctx)
{
	const struct home *c = ctx->home;
	uint32_t err = atm_load_acq(&c->err); /* acq X1 */

	if (err)
		race_acquire(c);
	return -(int)err;
}

int wend_ctx_cause(const wend_ctx *ctx, const void **detail)
{
	struct cause cause = {0, NULL};

	if (wend_ctx_err(ctx))
		cause = ctx->home->cause;
	if (detail)
		*detail = cause.detail;
	return cause.err;
}

int64_t wend_ctx_deadline(const wend_ctx *ctx)
{
	return ctx->home->deadline;
}

void *wend_ctx_value(const wend_ctx *ctx, const void *key)
{
	for (const struct value *v = ctx->values; v; v = v->up)
		if (v->key == key)
			return v->value;
	return NULL;
}
