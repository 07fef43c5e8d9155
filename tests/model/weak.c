/* SPDX-License-Identifier: MIT
 *
 * tests/model/weak.c - memory as weak as C11 allows without loads that see the future. Each word keeps its
 * stores in the order in which they were made; each thread has a view, the oldest store of each word that
 * it may still read. (The view machines of Kang et al. 2017, without promises; C11Tester works alike.)
 *
 *   load        any store from the view's on; the choice is the scheduler's, newest is simplest. Seen
 *               once, older ones are gone (coherence). acq: takes the view over that the store carries.
 *   store       becomes the newest. rel: carries the whole view of its thread; rlx: only what the thread's
 *               last fence published. So relaxed stores pass each other, and later ones pass earlier ones.
 *   exchange    and the like: is a store-load barrier as atomics/atomic.h promises (ordered with all fences),
 *               acquire and release, and carries on what the store it replaces carried; not a fence for
 *               relaxed stores that follow. It acts on the newest value, or on an older one if others' plain
 *               stores since are late: unknown to this thread, they come after it in the word's order. A
 *               compare-and-swap that fails reads likewise, relaxed.
 *   fence       all earlier loads count as acquire, all later stores as release, and its view and that of
 *               every fence before and after are ordered. asym_heavy: one on each thread.
 *
 * Not modelled: loads that are overtaken by later stores of the same thread (load buffering), plain stores that
 * are late for another plain store (2+2W), more than OLDER old values at a time, mixed sizes.
 * A view's first words are the threads' clocks: happens-before, which fences alone do not make.
 */
#include "model/engine.h"

enum { OLDER = 4, LATE = 2, MESSAGES = 1 << 16, STAMPS = 1 << 22, STEP = 16 /* room for late ones */ };

static struct message messages[MESSAGES];
static stamp stamps[STAMPS];
static int nmessages, nstamps;

void weak_begin(void)
{
	nmessages = nstamps = 0;
}

static void join(stamp *to, const stamp *from, int n)
{
	for (int i = 0; i < n; i++)
		to[i] = to[i] > from[i] ? to[i] : from[i];
}

static struct message *message(struct location *l, uint64_t v, const stamp *view, const void *pc)
{
	if (nmessages == MESSAGES || nstamps + IDS > STAMPS || (l->newest && l->newest->at > UINT16_MAX - STEP))
		model_stop("an execution too long for the model");

	struct message *m = &messages[nmessages++];
	int n = view ? model.nids : 0;

	*m = (struct message){.value = v, .older = l->newest, .view = stamps + nstamps, .vlen = (uint16_t)n,
						  .at = l->newest ? (stamp)(l->newest->at + STEP) : 0,
						  .thread = model.cur->number, .pc = pc};
	if (n)
		memcpy(m->view, view, (size_t)n * sizeof *view);
	nstamps += n;
	l->newest = m;
	return m;
}

void weak_location(struct location *l)
{
	message(l, l->initial, NULL, NULL);
}

/* The word was written by plain stores, too: made anew, say. Everybody knows. */
static void refresh(struct location *l)
{
	uint64_t v = word_read(l->addr, l->size);

	if (likely(l->newest && l->newest->value == v))
		return;
	struct message *m = message(l, v, NULL, NULL);

	m->older = NULL;
	for (int i = 0; i < model.nthreads; i++)
		model.thread[i].view[l->id] = m->at; /* id 0 of private words means nothing */
}

static void take(struct thread *t, const struct location *l, const struct message *m, bool acquire)
{
	t->view[l->id] = m->at;
	join(acquire ? t->view : t->loaded, m->view, m->vlen);
}

uint64_t weak_load(struct location *l, int order)
{
	struct thread *t = model.cur;
	unsigned n = 1;

	refresh(l);
	struct message *m = l->newest;

	if (t->view[l->id] != m->at) {
		for (struct message *o = m->older; o && o->at >= t->view[l->id] && n <= OLDER; o = o->older)
			n++;
		if (n > 1)
			for (unsigned back = model_pick(n, CHOOSE_VALUE, COST_DEPARTURE); back; back--)
				m = m->older;
	}
	take(t, l, m, order == MODEL_ACQ);
	return m->value;
}

uint64_t weak_load_private(struct location *l, int order)
{
	uint64_t v = word_read(l->addr, l->size);

	if (order == MODEL_ACQ && l->newest && l->newest->value == v)
		join(model.cur->view, l->newest->view, l->newest->vlen);
	return v;
}

/* What a read-modify-write acts on. */
uint64_t weak_rmw_read(struct location *l)
{
	struct thread *t = model.cur;
	struct message *m;
	unsigned n = 0;

	refresh(l);
	m = l->newest;
	/* Every fence before comes before it, and so does what was stored before those. */
	stamp known = t->view[l->id] > model.sc_view[l->id] ? t->view[l->id] : model.sc_view[l->id];

	for (struct message *o = m; n < LATE && l->id && !o->rmw && o->older && o->at > known && o->thread != t->number &&
								o->at - o->older->at > 1;
		 o = o->older)
		n++;
	if (n)
		for (unsigned back = model_pick(n + 1, CHOOSE_VALUE, COST_DEPARTURE); back; back--)
			m = m->older;
	l->acted_on = m;
	return m->value;
}

void weak_rmw_failed(struct location *l)
{
	take(model.cur, l, l->acted_on, false);
}

/* The thread's clock ticks after each release, so that what comes later is not covered by it. */
static void publish(struct thread *t)
{
	t->view[1 + t->number]++;
}

void weak_store(struct location *l, uint64_t v, int order, const void *pc)
{
	struct thread *t = model.cur;

	refresh(l);
	struct message *m = message(l, v, order == MODEL_REL ? t->view : t->fenced, pc);

	t->view[l->id] = m->view[l->id] = m->at;
	if (order == MODEL_REL)
		publish(t);
	word_write(l->addr, l->size, v);
}

/* Both ways with all fences before: of words only, not of clocks. */
static void order_with_fences(struct thread *t)
{
	int n = model.nids;

	for (int i = THREADS + 1; i < n; i++) {
		if (t->view[i] < model.sc_view[i])
			t->view[i] = model.sc_view[i];
		else
			model.sc_view[i] = t->view[i];
	}
}

void weak_rmw(struct location *l, uint64_t v, const void *pc)
{
	struct thread *t = model.cur;
	struct message *old = l->acted_on, *newer = l->newest, *m;

	take(t, l, old, true);
	if (old == newer) {
		m = message(l, v, t->view, pc);
		word_write(l->addr, l->size, v);
	} else {
		while (newer->older != old)
			newer = newer->older;

		struct message *newest = l->newest;

		m = message(l, v, t->view, pc);
		l->newest = newest;
		m->older = old;
		m->at = (stamp)((old->at + newer->at) / 2);
		newer->older = m;
	}
	m->rmw = true;
	t->view[l->id] = m->view[l->id] = m->at;
	order_with_fences(t);
	publish(t);
}

void weak_fence(struct thread *t)
{
	join(t->view, t->loaded, model.nids);
	order_with_fences(t);
	memcpy(t->fenced, t->view, model.nids * sizeof(stamp));
	publish(t);
}

void weak_catch_up(struct thread *t)
{
	for (int i = 0; i < model.nused; i++) {
		const struct location *l = model.used[i];

		if (l->id && l->newest)
			t->view[l->id] = l->newest->at;
	}
}

/* The clock now; whatever t releases from here on carries more. */
uint64_t weak_mark(struct thread *t)
{
	uint64_t now = t->view[1 + t->number];

	publish(t);
	return now;
}

bool weak_seen(const struct thread *t, const struct thread *of, uint64_t mark)
{
	return t->view[1 + of->number] > mark;
}

void weak_inherit(struct thread *child, const struct thread *parent)
{
	memcpy(child->view, parent->view, model.nids * sizeof(stamp));
	memcpy(child->fenced, parent->view, model.nids * sizeof(stamp));
	publish((struct thread *)parent);
	child->view[1 + child->number] = 1;
}

void weak_join(struct thread *t, const struct thread *ended)
{
	join(t->view, ended->view, model.nids);
}
