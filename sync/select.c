/* SPDX-License-Identifier: MIT
 *
 * sync/select.c - wait for the first of several channel operations. chan.h has the channels' side.
 *
 * A look at all words finds who is ready; the chosen case takes its channel's lock alone. When nobody is ready,
 * a second look that finds the same words proves that there was a moment when nobody was: that is what default
 * needs. To wait, the commit takes all locks in the order of the channels' addresses, looks once more, and enters all
 * queues, so that nobody sees a select that waits in some of its channels only; a select that meets
 * another one then has just that one to claim (C3).
 */
#include "wend/select.h"

#include <errno.h>
#include <limits.h>

#include "base/rand.h"
#include "sync/chan.h"

static inline uint64_t ready_bit(const wend_case *k)
{
	return k->op == WEND_OP_SEND ? CAN_SEND : CAN_RECV;
}

/* Any of n, with equal chance. A P has numbers of its own; all others draw from one sequence. */
static uint32_t any_of(struct m *mp, size_t n)
{
	static atm_u64 shared;
	uint64_t state = 0;

	if (!mp || !mp->p) {
		state = (atm_add_sc(&shared, 1) + 1) * 0x9E3779B97F4A7C15ULL;
		return (uint32_t)((uint64_t)rand_next(&state) * n >> 32);
	}
	return (uint32_t)((uint64_t)rand_next(&mp->p->rng) * n >> 32);
}

/* A case that looks ready, any of them with equal chance; NULL: there is none. locked: the caller holds all the
 * locks, and the words say what the channels are. */
static wend_case *choose(struct m *mp, wend_case *cases, size_t n, bool locked)
{
	wend_case *first = NULL;
	size_t ready = 0;

	for (wend_case *k = cases; k < cases + n; k++) {
		if (!k->chan)
			continue;
		k->wend__q.seen = locked ? atm_load_rlx(&k->chan->word) : chan_look(k->chan); /* rlx: under the lock */
		if (!(k->wend__q.seen & ready_bit(k)))
			continue;
		if (!ready++)
			first = k;
	}
	if (ready < 2)
		return first;
	for (size_t skip = any_of(mp, ready);; first++)
		if (first->chan && (first->wend__q.seen & ready_bit(first)) && skip-- == 0)
			return first;
}

/* Nothing has changed since choose: at the moment between no case was ready. */
static bool unchanged(const wend_case *cases, size_t n)
{
	for (const wend_case *k = cases; k < cases + n; k++)
		if (k->chan && atm_load_rlx(&k->chan->word) != k->wend__q.seen) /* rlx: choose acquired from the same store */
			return false;
	return true;
}

/* ---- Waiting ------------------------------------------------------------------------------------ */

static wend_case *merge(wend_case *a, wend_case *b)
{
	wend_case *head, **tail = &head;

	while (a && b) {
		wend_case **least = (uintptr_t)b->chan < (uintptr_t)a->chan ? &b : &a;

		*tail = *least;
		tail = &(*least)->wend__q.order;
		*least = *tail;
	}
	*tail = a ? a : b;
	return head;
}

/* From k on, as far as channels follow one another upwards; *next: the case behind them. */
static wend_case *upward_run(wend_case *k, wend_case *end, wend_case **next)
{
	wend_case *first = k, *last = k;

	for (k++; k < end && (uintptr_t)k->chan >= (uintptr_t)last->chan; k++)
		last = last->wend__q.order = k;
	last->wend__q.order = NULL;
	*next = k;
	return first;
}

/* The cases with channels, linked by the channels' addresses: a merge sort that takes runs as they come. */
static wend_case *in_order(wend_case *cases, size_t n)
{
	wend_case *runs[32], *all = NULL; /* runs[i]: none, or 2^i runs in one */
	int used = 0;

	for (wend_case *k = cases; k < cases + n;) {
		wend_case *run;
		int i;

		if (!k->chan) {
			k++;
			continue;
		}
		run = upward_run(k, cases + n, &k);
		for (i = 0; i < used && runs[i]; runs[i++] = NULL)
			run = merge(runs[i], run);
		runs[i] = run;
		used = i == used ? i + 1 : used;
	}
	for (int i = 0; i < used; i++)
		all = merge(runs[i], all);
	return all;
}

struct select_wait {
	struct wend__wait wait;
	wend_case *order;
};

/* True: some case looks ready. */
static bool lock_all(wend_case *order)
{
	struct wend_chan *last = NULL;
	uint64_t word = 0;
	bool ready = false;

	for (wend_case *k = order; k; k = k->wend__q.order) {
		if (k->chan != last)
			word = chan_lock(k->chan);
		last = k->chan;
		ready |= (word & ready_bit(k)) != 0;
	}
	return ready;
}

static void unlock_all(wend_case *order)
{
	for (wend_case *k = order, *next; k; k = next) {
		next = k->wend__q.order; /* read before the last unlock, after which k may be gone */
		if (!next || next->chan != k->chan)
			chan_unlock(k->chan, atm_load_rlx(&k->chan->word)); /* rlx: under the lock */
	}
}

/* Of several cases with the same channel any may be the first: it is the one that will be served. */
static void enqueue_all(struct m *mp, wend_case *order)
{
	for (wend_case *k = order, *end; k; k = end) {
		wend_case *first = k, *rest;
		size_t same = 1;

		for (end = k->wend__q.order; end && end->chan == k->chan; end = end->wend__q.order)
			same++;
		for (size_t skip = same > 1 ? any_of(mp, same) : 0; skip > 0; skip--)
			first = first->wend__q.order;
		for (rest = first; rest != end; rest = rest->wend__q.order)
			chan_enqueue(rest->chan, rest);
		for (rest = k; rest != first; rest = rest->wend__q.order)
			chan_enqueue(rest->chan, rest);
	}
}

static bool commit(struct g *gp, void *arg)
{
	struct select_wait *s = arg;
	struct wend__wait *wait = &s->wait;
	struct g *peer = NULL;
	struct m *mp = getm();
	bool ready = lock_all(s->order);
	wend_case *k;

	(void)gp;
	while (ready && (k = choose(mp, wait->cases, wait->n, true))) {
		uint64_t w = k->wend__q.seen;

		if (chan_try_locked(k->chan, w, k, &peer)) {
			atm_store_rlx(&wait->won, k); /* rlx: the waiter comes after us */
			unlock_all(s->order);
			if (peer)
				g_ready(mp, peer);
			return false;
		}
		/* Only decided selects were waiting there, and they are off the queue: the word shall say so. */
		atm_store_rlx(&k->chan->word, chan_word(k->chan, w) | LOCK); /* rlx: under the lock */
	}
	bool in_time = !wait->until || until_open(&wait->claim);

	if (in_time)
		enqueue_all(mp, s->order);
	unlock_all(s->order); /* from here on wait may be gone, unless it is too late */
	return in_time;
}

/* NULL: the deadline has passed. The caller has left the runtime. */
static noinline wend_case *wait_for_one(struct m *mp, wend_case *cases, size_t n, struct until *until)
{
	struct select_wait s = {
		.wait = {.cases = cases, .n = n, .contested = true, .until = until}};

	s.order = in_order(cases, n);
	for (wend_case *k = s.order; k; k = k->wend__q.order) {
		k->wend__q.next = NULL;
		k->wend__q.wait = &s.wait;
	}
	if (alone(mp))
		return chan_go_on_alone(&s.wait);
	s.wait.gp = current(mp, "wend_select");
	race_release(&s.wait);
	if (until)
		until_arm(mp, until, s.wait.gp, &s.wait.claim);
	mp = g_park(mp, s.wait.gp, n ? WAIT_SELECT : WAIT_SELECT_NO_CASES, cases, commit, &s);
	return chan_wait_over(mp, &s.wait);
}

/* ---- wend_select -------------------------------------------------------------------------------- */

static int select_until(wend_case *cases, size_t n, unsigned flags, struct until *until)
{
	struct m *mp = enter();
	wend_case *k;

	if (unlikely(!mp))
		for (k = cases; k < cases + n; k++)
			if (k->chan)
				chan_enter_foreign(mp, k->chan);
	for (;;) {
		struct g *peer = NULL;

		k = choose(mp, cases, n, false);
		if (k && k->op == WEND_OP_RECV && (k->wend__q.seen & DRAINED)) {
			chan_recv_drained(k->chan, k->elem);
			k->ok = false;
			leave_any(mp);
			break;
		}
		if (likely(k)) {
			uint64_t w = chan_lock(k->chan);
			bool done = chan_try_locked(k->chan, w, k, &peer);

			chan_unlock(k->chan, w);
			if (peer)
				g_ready(mp, peer);
			if (likely(done)) {
				leave_any(mp);
				break;
			}
		} else if (flags & WEND_SELECT_DEFAULT) {
			if (n == 1 || unchanged(cases, n)) {
				leave_any(mp);
				return -1;
			}
		} else if (until_passed(until)) {
			leave_any(mp);
			return -ETIMEDOUT;
		} else {
			k = wait_for_one(mp, cases, n, until->deadline == NEVER ? NULL : until);
			if (unlikely(!k))
				return -ETIMEDOUT;
			break;
		}
	}
	if (k->op == WEND_OP_SEND && unlikely(!k->ok))
		wend__panic("send on closed channel");
	return (int)(k - cases);
}

int wend_select(wend_case *cases, size_t n, unsigned flags)
{
	return select_until(cases, n, flags, &(struct until){.deadline = NEVER});
}

int wend_select_dl(wend_case *cases, size_t n, int64_t deadline)
{
	return select_until(cases, n, 0, &(struct until){.deadline = deadline});
}

/* ---- The block's record -------------------------------------------------------------------------- */

struct wend__sel_slot *wend__sel_add(struct wend__sel *s, unsigned id, wend_chan *c, enum wend_case_op op,
									 void *elem, size_t size)
{
	wend_case *k = &s->cases[s->n];
	struct wend__sel_slot *slot = &s->slots[s->n];

	if (unlikely(s->n == s->room))
		wend__fatal("WEND_SELECT has room for %u cases: use WEND_SELECT_N", s->room);
	if (c && (op == WEND_OP_SEND || elem) && unlikely(c->size != size))
		wend__fatal("WEND_SELECT: value of %zu bytes, channel of elements of %zu", size, c->size);
	s->n++;
	slot->id = id;
	slot->ok = NULL;
	k->chan = c;
	k->op = op;
	k->elem = op == WEND_OP_SEND ? slot->value.bytes : elem;
	return slot;
}

unsigned wend__sel_run(struct wend__sel *s)
{
	unsigned flags = s->has_default ? WEND_SELECT_DEFAULT : 0;
	int i = select_until(s->cases, s->n, flags, &(struct until){.deadline = s->deadline});

	if (i < 0)
		return i == -ETIMEDOUT ? WEND__SEL_TIMEOUT : WEND__SEL_DEFAULT;
	if (s->slots[i].ok)
		*s->slots[i].ok = s->cases[i].ok;
	return s->slots[i].id;
}
