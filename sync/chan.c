/* SPDX-License-Identifier: MIT
 *
 * sync/chan.c - channels. The word, the lock and the orders: chan.h; why so: docs/channels.md.
 *
 * Who must wait looks first and parks; its commit, which runs when nobody is on its stack any more, takes the
 * lock, tries once more and else enters the queue. So each call takes the lock once, and the lock is never held
 * over a switch.
 */
#include "sync/chan.h"

#include <errno.h>
#include <limits.h>
#include <sched.h>
#include <stdlib.h>
#include <time.h>

#include "wend/time.h"

#define PAUSES_MOST ATM_SIZE(16, 1)
#define TURNS_BEFORE_YIELD ATM_SIZE(64, 2)

/* ---- The lock ----------------------------------------------------------------------------------- */

/* Longer and longer looks away, so that whoever has the line gets many operations done before it goes to another
 * core; after a while the holder's thread has probably lost its CPU. */
static inline void look_away(unsigned *turn)
{
	unsigned pauses = 1U << (*turn < 16 ? *turn : 16);

	for (unsigned i = 0; i < pauses && i < PAUSES_MOST; i++)
		atm_pause();
	if (++*turn > TURNS_BEFORE_YIELD)
		sched_yield();
}

noinline uint64_t chan_lock_slow(struct wend_chan *c)
{
	for (unsigned turn = 0;;) {
		uint64_t w = atm_load_rlx(&c->word); /* rlx: the CAS decides */

		if (!(w & LOCK) && atm_cas_sc(&c->word, w, w | LOCK)) /* C1, C2 */
			return w;
		look_away(&turn);
	}
}

noinline uint64_t chan_look_slow(const struct wend_chan *c)
{
	for (unsigned turn = 0;;) {
		uint64_t w = atm_load_acq(&c->word); /* acq C1 */

		if (!(w & LOCK))
			return w;
		look_away(&turn);
	}
}

/* ---- Life --------------------------------------------------------------------------------------- */

/* malloc and a shift: aligned_alloc takes thrice as long. */
struct wend_chan *chan_init(void *mem, size_t elem_size, size_t cap)
{
	uintptr_t at = ((uintptr_t)mem + CACHELINE - 1) & ~(uintptr_t)(CACHELINE - 1);
	wend_chan *c = (wend_chan *)at;

	/* One by one: gcc would clear the whole by a string instruction, which takes twice as long. */
	c->cap = cap;
	c->size = elem_size;
	c->in = c->out = c->buf;
	c->senders = c->receivers = NULL;
	c->end = c->buf + elem_size * cap;
	c->mem = mem;
	c->timer = NULL;
	atm_store_rlx(&c->count, 0); /* rlx: published with the pointer, as all else */
	atm_store_rlx(&c->refs, 1);
	atm_store_rlx(&c->word, chan_word(c, 0));
	return c;
}

wend_chan *wend_chan_make(size_t elem_size, size_t cap)
{
	size_t bytes;
	void *mem;

	if (__builtin_mul_overflow(elem_size, cap, &bytes) || bytes > PTRDIFF_MAX - 2 * chan_room(0) ||
		cap > PTRDIFF_MAX)
		wend__panic("makechan: size out of range");
	mem = malloc(chan_room(bytes));
	return mem ? chan_init(mem, elem_size, cap) : NULL;
}

wend_chan *wend_chan_retain(wend_chan *c)
{
	if (c)
		atm_add_sc(&c->refs, 1);
	return c;
}

void wend_chan_release(wend_chan *c)
{
	if (!c)
		return;
	race_release(&c->refs);
	if (atm_add_sc(&c->refs, (uint32_t)-1) != 1) /* the full barrier orders others' uses before free */
		return;
	race_acquire(&c->refs);
	if (unlikely(c->timer))
		timer_chan_gone(c);
	else
		free(c->mem);
}

size_t wend_chan_len(const wend_chan *c)
{
	return c && !c->timer ? (size_t)atm_load_rlx(&c->count) : 0; /* rlx: a moment's value */
}

size_t wend_chan_cap(const wend_chan *c)
{
	return c && !c->timer ? c->cap : 0;
}

/* ---- Waiting ------------------------------------------------------------------------------------ */

static bool commit_for_ever(struct g *gp, void *unused)
{
	(void)gp;
	(void)unused;
	return true;
}

static cold void nap(void)
{
	const struct timespec ms = {0, 1000000};

	nanosleep(&ms, NULL);
}

cold void chan_block_for_ever(enum wait_reason reason, const char *what)
{
	struct m *mp = enter();

	if (!alone(mp))
		g_park(mp, current(mp, what), reason, NULL, commit_for_ever, NULL);
	leave_foreign(); /* the runtime has ended around a foreign thread */
	for (;;)
		nap();
}

static bool commit(struct g *gp, void *arg)
{
	struct wend_case *k = arg;
	struct wend_chan *c = k->chan;
	struct g *peer = NULL;
	uint64_t w = chan_lock(c);

	(void)gp;
	if (likely(!chan_try_locked(c, w, k, &peer))) {
		bool in_time = likely(!k->wend__q.wait->until) || until_open(&k->wend__q.wait->claim);

		if (likely(in_time))
			chan_enqueue(c, k);
		chan_unlock(c, w);
		return in_time;
	}
	atm_store_rlx(&k->wend__q.wait->won, k); /* rlx: the waiter comes after us */
	chan_unlock(c, w);
	if (peer)
		g_ready(getm(), peer);
	return false;
}

void chan_withdraw(wend_case *cases, size_t n, const wend_case *but)
{
	for (wend_case *k = cases; k < cases + n; k++) {
		if (!k->chan || k == but)
			continue;
		uint64_t w = chan_lock(k->chan);

		if (k->wend__q.next)
			chan_remove(k->chan, k);
		chan_unlock(k->chan, w);
	}
}

wend_case *chan_wait_over(struct m *mp, struct wend__wait *wait)
{
	bool expired = unlikely(wait->until != NULL) && until_disarm(wait->until);
	wend_case *won = atm_load_acq(&wait->won); /* acq C4; mutant: the model's runtime does not end */

	if (unlikely(!won && !expired)) {
		won = chan_go_on_alone(wait);
	} else {
		if (wait->contested && (!won || atm_load_rlx(&wait->claim) == CLAIM_DONE)) /* rlx: else commit did it all */
			chan_withdraw(wait->cases, wait->n, won);
		leave_any(mp);
	}
	race_acquire(wait);
	return won;
}

/* False: it has expired. The caller has left the runtime. */
static force_inline bool wait_for(struct m *mp, struct wend_case *k, struct until *until, enum wait_reason reason,
								  const char *what)
{
	struct wend__wait wait = {
		.cases = k, .n = 1, .contested = until != NULL, .until = until};

	if (alone(mp))
		return chan_go_on_alone(&wait) != NULL;
	wait.gp = current(mp, what);
	k->wend__q.wait = &wait;
	race_release(&wait);
	if (until)
		until_arm(mp, until, wait.gp, &wait.claim);
	mp = g_park(mp, wait.gp, reason, k->chan, commit, k);
	return chan_wait_over(mp, &wait) != NULL;
}

static noinline bool send_slow(struct m *mp, wend_chan *c, const void *elem)
{
	struct wend_case k = {.chan = c, .elem = (void *)elem, .op = WEND_OP_SEND};

	wait_for(mp, &k, NULL, WAIT_CHAN_SEND, "wend_chan_send");
	return k.ok;
}

static noinline bool recv_slow(struct m *mp, wend_chan *c, void *elem)
{
	struct wend_case k = {.chan = c, .elem = elem, .op = WEND_OP_RECV};

	wait_for(mp, &k, NULL, WAIT_CHAN_RECEIVE, "wend_chan_recv");
	return k.ok;
}

static cold void closed_to_senders(void)
{
	wend__panic("send on closed channel");
}

/* ---- Send, receive ------------------------------------------------------------------------------ */

/* One attempt, if it looks as if it could succeed; the caller is inside the runtime. */
static force_inline bool send_now(struct m *mp, wend_chan *c, const void *elem, bool *ok)
{
	struct g *peer = NULL;
	bool done;

	if (!(atm_load_rlx(&c->word) & (LOCK | CAN_SEND))) /* rlx: the commit looks again */
		return false;
	chan_enter_foreign(mp, c);
	uint64_t w = chan_lock(c);

	done = chan_send_locked(c, w, elem, ok, &peer);
	chan_unlock(c, w);
	if (peer)
		g_ready(mp, peer);
	return done;
}

static force_inline bool recv_now(struct m *mp, wend_chan *c, void *elem, bool *ok)
{
	struct g *peer = NULL;
	bool done;

	if (!(atm_load_rlx(&c->word) & (LOCK | CAN_RECV))) /* rlx: the commit looks again */
		return false;
	chan_enter_foreign(mp, c);
	uint64_t w = chan_lock(c);

	done = chan_recv_locked(c, w, elem, ok, &peer);
	chan_unlock(c, w);
	if (peer)
		g_ready(mp, peer);
	return done;
}

void wend_chan_send(wend_chan *c, const void *elem)
{
	bool ok;

	if (unlikely(!c))
		chan_block_for_ever(WAIT_CHAN_SEND_NIL, "wend_chan_send");

	struct m *mp = enter();

	if (likely(send_now(mp, c, elem, &ok)))
		leave_any(mp);
	else
		ok = send_slow(mp, c, elem);
	if (unlikely(!ok))
		closed_to_senders();
}

bool wend_chan_recv(wend_chan *c, void *elem)
{
	bool ok;

	if (unlikely(!c))
		chan_block_for_ever(WAIT_CHAN_RECEIVE_NIL, "wend_chan_recv");
	if (unlikely(atm_load_acq(&c->word) & DRAINED)) { /* acq C1 */
		chan_recv_drained(c, elem);
		return false;
	}

	struct m *mp = enter();

	if (unlikely(!recv_now(mp, c, elem, &ok)))
		return recv_slow(mp, c, elem);
	leave_any(mp);
	return ok;
}

bool wend_chan_try_send(wend_chan *c, const void *elem)
{
	bool ok, done;

	if (unlikely(!c) || !(chan_look(c) & CAN_SEND))
		return false;

	struct m *mp = enter();

	done = send_now(mp, c, elem, &ok);
	leave_any(mp);
	if (done && unlikely(!ok))
		closed_to_senders();
	return done;
}

bool wend_chan_try_recv(wend_chan *c, void *elem, bool *ok)
{
	uint64_t w = likely(c) ? chan_look(c) : 0;
	bool got, done;

	if (!(w & CAN_RECV))
		return false;
	if (w & DRAINED) {
		chan_recv_drained(c, elem);
		got = false;
		done = true;
	} else {
		struct m *mp = enter();

		done = recv_now(mp, c, elem, &got);
		leave_any(mp);
	}
	if (ok && done)
		*ok = got;
	return done;
}

/* ---- With a deadline or a context ----------------------------------------------------------------- */

/* The operation would block now: waits. False: the deadline has passed, or the context is cancelled. The caller has left the runtime. */
static noinline bool wait_until(struct m *mp, struct wend_case *k, struct until *until, enum wait_reason reason,
								const char *what)
{
	if (until_passed(until)) {
		leave_any(mp);
		return false;
	}
	return wait_for(mp, k, until, reason, what);
}

static int send_until(wend_chan *c, const void *elem, struct until *until)
{
	struct wend_case k = {.chan = c, .elem = (void *)elem, .op = WEND_OP_SEND};
	struct m *mp = enter();

	if (likely(send_now(mp, c, elem, &k.ok)))
		leave_any(mp);
	else if (!wait_until(mp, &k, until, WAIT_CHAN_SEND, "wend_chan_send_dl"))
		return until_error(until);
	if (unlikely(!k.ok))
		closed_to_senders();
	return 0;
}

static int recv_until(wend_chan *c, void *elem, bool *ok, struct until *until)
{
	struct wend_case k = {.chan = c, .elem = elem, .op = WEND_OP_RECV};
	struct m *mp = enter();

	if (likely(recv_now(mp, c, elem, &k.ok)))
		leave_any(mp);
	else if (!wait_until(mp, &k, until, WAIT_CHAN_RECEIVE, "wend_chan_recv_dl"))
		return until_error(until);
	if (ok)
		*ok = k.ok;
	return 0;
}

/* The nil channel: nothing comes before the deadline. */
static cold int nil_until(int64_t deadline, enum wait_reason reason)
{
	int64_t left;

	if (deadline == NEVER)
		chan_block_for_ever(reason, "a nil channel");
	if (!__builtin_sub_overflow(deadline, clock_now(), &left))
		wend_sleep(left);
	return -ETIMEDOUT;
}

int wend_chan_send_dl(wend_chan *c, const void *elem, int64_t deadline)
{
	return likely(c) ? send_until(c, elem, &(struct until){.deadline = deadline})
					 : nil_until(deadline, WAIT_CHAN_SEND_NIL);
}

int wend_chan_recv_dl(wend_chan *c, void *elem, bool *ok, int64_t deadline)
{
	return likely(c) ? recv_until(c, elem, ok, &(struct until){.deadline = deadline})
					 : nil_until(deadline, WAIT_CHAN_RECEIVE_NIL);
}

/* The same: nothing comes before the context is cancelled. */
static cold int nil_until_cancelled(wend_ctx *ctx)
{
	wend_chan_recv(wend_ctx_done(ctx), NULL);
	return wend_ctx_err(ctx);
}

int wend_chan_send_ctx(wend_chan *c, const void *elem, wend_ctx *ctx)
{
	int err = wend_ctx_err(ctx);

	if (unlikely(err))
		return err;
	return likely(c) ? send_until(c, elem, &(struct until){.deadline = NEVER, .ctx = ctx}) : nil_until_cancelled(ctx);
}

int wend_chan_recv_ctx(wend_chan *c, void *elem, bool *ok, wend_ctx *ctx)
{
	int err = wend_ctx_err(ctx);

	if (unlikely(err))
		return err;
	return likely(c) ? recv_until(c, elem, ok, &(struct until){.deadline = NEVER, .ctx = ctx}) : nil_until_cancelled(ctx);
}

bool wend__chan_next(wend_chan *c, void *elem, size_t size)
{
	if (unlikely(c && c->size != size))
		wend__fatal("WEND_CHAN_RANGE: variable of %zu bytes, elements of %zu", size, c->size);
	return wend_chan_recv(c, elem);
}

/* ---- Close -------------------------------------------------------------------------------------- */

/* Completes all who wait in a queue and appends them to a list, linked by their control blocks. */
static struct g **close_queue(struct wend_chan *c, struct wend_case *const *head, struct g **tail)
{
	for (struct wend_case *k; (k = chan_dequeue(c, head));) {
		if (k->op == WEND_OP_RECV && k->elem && c->size)
			memset(k->elem, 0, c->size);
		*tail = chan_complete(k, false);
		tail = &(*tail)->link;
	}
	*tail = NULL;
	return tail;
}

bool chan_close(struct m *mp, struct wend_chan *c, struct g ***tail)
{
	uint64_t w;

	chan_enter_foreign(mp, c);
	w = chan_lock(c);
	if (!(w & CLOSED)) {
		race_release(c);
		*tail = close_queue(c, &c->receivers, *tail);
		*tail = close_queue(c, &c->senders, *tail);
	}
	chan_unlock(c, w | CLOSED);
	return !(w & CLOSED);
}

void wend_chan_close(wend_chan *c)
{
	struct g *list = NULL, **tail = &list;
	struct m *mp;
	bool done;

	if (unlikely(!c))
		wend__panic("close of nil channel");
	mp = enter();
	done = chan_close(mp, c, &tail);
	g_ready_all(mp, list);
	leave_any(mp);
	if (unlikely(!done))
		wend__panic("close of closed channel");
}

/* ---- Foreign threads and the runtime's end ------------------------------------------------------- */

cold void chan_forget(struct wend_chan *c)
{
	uint64_t w = chan_lock(c);

	c->senders = c->receivers = NULL;
	chan_unlock(c, w);
}

cold struct wend_case *chan_go_on_alone(struct wend__wait *wait)
{
	chan_withdraw(wait->cases, wait->n, NULL);
	leave_foreign();
	/* Whoever was at completing one of them has done it by now, under its channel's lock. */
	struct wend_case *won = atm_load_acq(&wait->won); /* acq C4; mutant: as above */

	while (!won && !(wait->until && until_passed(wait->until))) {
		nap();
		for (size_t i = 0; i < wait->n && !won; i++) {
			struct wend_case *k = &wait->cases[i];

			if (k->op == WEND_OP_SEND ? (k->ok = wend_chan_try_send(k->chan, k->elem))
									  : wend_chan_try_recv(k->chan, k->elem, &k->ok))
				won = k;
		}
	}
	return won;
}
