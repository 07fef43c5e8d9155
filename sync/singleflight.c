/* SPDX-License-Identifier: MIT
 *
 * sync/singleflight.c - calls under way, found by their keys. A call counts who is interested: who runs it, and who waits;
 * the last frees it. */
#include "wend/singleflight.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "atomics/atomic.h"
#include "base/fatal.h"
#include "base/race.h"
#include "base/siphash.h"
#include "wend/go.h"
#include "wend/panic.h"
#include "wend/time.h"
#include "wend/waitgroup.h"

/* Who wants a call's result by a channel. */
struct listener {
	struct listener *next;
	wend_chan *chan; /* held */
};

struct wend__flight {
	struct wend__flight *next; /* in its list; under the group's mutex, as the next three */
	wend_singleflight *group;
	bool listed;               /* forgotten or over: no */
	uint32_t others;           /* who came while it was under way */
	struct listener *listeners;
	wend_waitgroup running;
	atm_u32 refs;
	wend_singleflight_fn *fn; /* constant, as the next two */
	void *arg;
	uint64_t hash;
	void *value; /* what became of it: who runs it, before running is done */
	int err;
	bool returned;
	char *panic;
	char key[];
};

static char out_of_memory[] = "singleflight: panic without memory for its text";

/* ---- Calls ---------------------------------------------------------------------------------------------- */

/* Keys may come from outside, but what they could make long is a list of calls under way. */
static uint64_t hash(const wend_singleflight *g, const char *key)
{
	return siphash((uintptr_t)g, (uintptr_t)&out_of_memory, key, strlen(key), 1, 3);
}

static struct wend__flight **list_of(wend_singleflight *g, uint64_t h)
{
	return &g->wend__calls[h % WEND__FLIGHT_LISTS];
}

/* Under the mutex, as unlist. */
static struct wend__flight *find(wend_singleflight *g, uint64_t h, const char *key)
{
	struct wend__flight *c = *list_of(g, h);

	while (c && (c->hash != h || strcmp(c->key, key) != 0))
		c = c->next;
	return c;
}

static void unlist(struct wend__flight *c)
{
	struct wend__flight **at = list_of(c->group, c->hash);

	if (!c->listed)
		return;
	while (*at != c)
		at = &(*at)->next;
	*at = c->next;
	c->listed = false;
}

static struct wend__flight *make(wend_singleflight *g, uint64_t h, const char *key, wend_singleflight_fn *fn, void *arg)
{
	size_t len = strlen(key) + 1;
	struct wend__flight *c = malloc(sizeof *c + len);

	if (!c)
		return NULL;
	*c = (struct wend__flight){.group = g, .hash = h, .fn = fn, .arg = arg};
	memcpy(c->key, key, len);
	atm_store_rlx(&c->refs, 1); /* rlx: published under the mutex */
	wend_waitgroup_add(&c->running, 1);
	return c;
}

static void enlist(struct wend__flight *c)
{
	struct wend__flight **at = list_of(c->group, c->hash);

	c->next = *at;
	c->listed = true;
	*at = c;
}

static void unref(struct wend__flight *c)
{
	race_release(&c->refs);
	if (atm_add_sc(&c->refs, (uint32_t)-1) != 1) /* the full barrier orders others' uses before free */
		return;
	race_acquire(&c->refs);
	if (c->panic != out_of_memory)
		free(c->panic);
	free(c);
}

/* ---- Running one ---------------------------------------------------------------------------------------- */

static void panic_again(void *text)
{
	wend_panicf("%s", (const char *)text);
}

/* Nobody may recover what listeners wait for. */
static WEND_NORETURN void die_of(char *text)
{
	while (wend_go(panic_again, text) != 0)
		wend_sleep(WEND_MILLISECOND);
	for (;;)
		wend_chan_recv(NULL, NULL);
}

static void answer_all(const struct wend__flight *c, struct listener *l, bool shared)
{
	const wend_singleflight_result r = {c->value, c->err, shared};

	for (struct listener *next; l; l = next) {
		next = l->next;
		if (c->returned && !wend_chan_try_send(l->chan, &r))
			wend__fatal("singleflight: somebody has sent to do_chan's channel");
		wend_chan_release(l->chan);
		free(l);
	}
}

/* Deferred: fn has returned, panicked or left. */
static void land(void *arg)
{
	struct wend__flight *c = arg;
	const char *text = wend_recover();
	struct listener *listeners;
	bool shared;

	if (text && !(c->panic = strdup(text)))
		c->panic = out_of_memory;
	wend_mutex_lock(&c->group->wend__mu);
	unlist(c); /* nobody comes any more */
	listeners = c->listeners;
	shared = c->others > 0;
	wend_mutex_unlock(&c->group->wend__mu);
	wend_waitgroup_done(&c->running); /* the group may be gone */
	if (c->panic && listeners)
		die_of(c->panic);
	answer_all(c, listeners, shared);
	if (!c->returned && !c->panic) /* fly will not return */
		unref(c);
}

/* A panic is over when this returns, and remembered. */
static void fly(struct wend__flight *c)
{
	WEND_DEFERS;
	wend_defer(land, c);
	c->err = c->fn(c->arg, &c->value);
	c->returned = true;
}

static void fly_alone(void *arg)
{
	struct wend__flight *c = arg;

	fly(c);
	unref(c);
}

static void unref_it(void *c)
{
	unref(c);
}

static void share_panic(struct wend__flight *c)
{
	WEND_DEFERS;
	wend_defer(unref_it, c);
	panic_again(c->panic); /* makes a copy */
}

/* The call is over; takes the caller's reference. */
static int result_of(struct wend__flight *c, void **value, bool *shared)
{
	int err = c->err;

	if (unlikely(c->panic))
		share_panic(c);
	if (unlikely(!c->returned)) {
		unref(c);
		wend_goexit();
	}
	if (value)
		*value = c->value;
	if (shared)
		*shared = c->others > 0; /* nobody writes it any more */
	unref(c);
	return err;
}

/* ---- The group ------------------------------------------------------------------------------------------ */

int wend_singleflight_do(wend_singleflight *g, const char *key, wend_singleflight_fn *fn, void *arg, void **value,
						 bool *shared)
{
	uint64_t h = hash(g, key);
	struct wend__flight *c;
	bool joined;

	wend_mutex_lock(&g->wend__mu);
	c = find(g, h, key);
	joined = c != NULL;
	if (joined) {
		c->others++;
		atm_add_sc(&c->refs, 1);
	} else if ((c = make(g, h, key, fn, arg))) {
		enlist(c);
	}
	wend_mutex_unlock(&g->wend__mu);
	if (unlikely(!c)) {
		if (value)
			*value = NULL;
		if (shared)
			*shared = false;
		return -ENOMEM;
	}
	if (joined)
		wend_waitgroup_wait(&c->running);
	else
		fly(c);
	return result_of(c, value, shared);
}

/* A call of its own, if it can be started; it lands when the mutex is let go of. */
static struct wend__flight *launch(wend_singleflight *g, uint64_t h, const char *key, wend_singleflight_fn *fn, void *arg)
{
	struct wend__flight *c = make(g, h, key, fn, arg);

	if (!c)
		return NULL;
	if (wend_go(fly_alone, c) != 0) {
		unref(c);
		return NULL;
	}
	enlist(c);
	return c;
}

wend_chan *wend_singleflight_do_chan(wend_singleflight *g, const char *key, wend_singleflight_fn *fn, void *arg)
{
	uint64_t h = hash(g, key);
	wend_chan *chan = wend_chan_make(sizeof(wend_singleflight_result), 1);
	struct listener *l = malloc(sizeof *l);
	struct wend__flight *c = NULL;

	if (chan && l) {
		wend_mutex_lock(&g->wend__mu);
		c = find(g, h, key);
		if (c)
			c->others++;
		else
			c = launch(g, h, key, fn, arg);
		if (c) {
			*l = (struct listener){c->listeners, wend_chan_retain(chan)};
			c->listeners = l;
		}
		wend_mutex_unlock(&g->wend__mu);
	}
	if (c)
		return chan;
	free(l);
	wend_chan_release(chan);
	return NULL;
}

void wend_singleflight_forget(wend_singleflight *g, const char *key)
{
	uint64_t h = hash(g, key);
	struct wend__flight *c;

	wend_mutex_lock(&g->wend__mu);
	c = find(g, h, key);
	if (c)
		unlist(c);
	wend_mutex_unlock(&g->wend__mu);
}
