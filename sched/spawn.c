/* SPDX-License-Identifier: MIT
 *
 * sched/spawn.c - coroutines come and go: control blocks from the P's warm list, the first frame, and
 * the C half of WEND_GO (the other half is go_x86_64.S).
 */
#include <errno.h>
#include <string.h>

#include "base/fatal.h"
#include "sched/go_args.h"
#include "sched/sched_priv.h"
#include "wend/go.h"

#define ID_BLOCK 256

/* What the caller of any spawn wants. */
struct request {
	void (*fn)(void *);
	void *arg;
	const void *entry, *created_at;
	const char *name;
	void (*on_end)(void *);
	void *on_end_arg;
	int cls, on_p;
};

/* Coroutines in a full chain; a P keeps up to two. */
static inline int chain_size(void)
{
	return (int)sched.knobs.cache;
}

/* ---- Control blocks ----------------------------------------------------------------------------- */

static noinline struct g *g_alloc_slow(struct p *pp, int cls, int *err)
{
	struct g *gp = NULL;
	int got;

	if (!pp || cls != default_class()) {
		gp = stack_get(cls, 1, &got, err);
		if (gp && got > 1) /* a whole chain of warm ones: this thread has no place for them */
			stack_put(gp->link, got - 1);
		return gp;
	}
	if (pp->gspare) {
		gp = pp->gspare;
		pp->gspare = NULL;
		got = chain_size();
	} else {
		gp = stack_get(cls, pp->refill < chain_size() ? pp->refill : chain_size(), &got, err);
		if (!gp)
			return NULL;
		if (pp->refill < chain_size())
			pp->refill *= 2;
	}
	pp->gcache = gp->link;
	pp->ngcache = got - 1;
	return gp;
}

static force_inline struct g *g_alloc(struct p *pp, int cls, int *err)
{
	struct g *gp;

	if (unlikely(!pp || cls != default_class() || !pp->gcache))
		return g_alloc_slow(pp, cls, err);
	gp = pp->gcache;
	pp->gcache = gp->link;
	pp->ngcache--;
	return gp;
}

/* The current chain is full: it becomes the spare one, and the former spare goes to the class. */
static noinline void gcache_full(struct p *pp)
{
	if (pp->gspare)
		stack_put(pp->gspare, pp->ngcache);
	pp->gspare = pp->gcache;
	pp->gcache = NULL;
	pp->ngcache = 0;
}

void gcache_flush(struct p *pp)
{
	if (pp->gcache)
		stack_put(pp->gcache, pp->ngcache);
	if (pp->gspare)
		stack_put(pp->gspare, chain_size());
	pp->gcache = pp->gspare = NULL;
	pp->ngcache = 0;
}

static cold void g_free_special(struct g *gp)
{
	gp->flags &= G_GUARDED | G_CANARY;
	gp->locked_m = NULL;
	gp->lock_depth = 0;
}

/* gp has ended and nobody is on its stack. */
void g_free(struct p *pp, struct g *gp)
{
	atm_store_rel(&gp->slot->id, 0); /* rel: pairs with stack_each */
	if (unlikely(gp->flags & ~(G_GUARDED | G_CANARY)))
		g_free_special(gp);
	race_fiber_destroy(gp);
	asan_unpoison(gp->lo, (size_t)(g_stack_top(gp) - gp->lo));
	if (unlikely(gp->size_class != default_class())) {
		gp->link = NULL;
		stack_put(gp, 1);
		return;
	}
	gp->link = pp->gcache;
	pp->gcache = gp;
	if (unlikely(++pp->ngcache >= chain_size()))
		gcache_full(pp);
}

/* ---- Spawning ----------------------------------------------------------------------------------- */

static force_inline uint64_t next_id(struct p *pp)
{
	if (unlikely(!pp))
		return atm_add_sc(&sched.next_id, 1);
	if (unlikely(pp->next_id == pp->end_id)) {
		pp->next_id = atm_add_sc(&sched.next_id, ID_BLOCK);
		pp->end_id = pp->next_id + ID_BLOCK;
	}
	return pp->next_id++;
}

/* A coroutine that nobody sees yet, its first frame below top (its stack's top if NULL). */
static force_inline struct g *prepare(struct m *mp, const struct request *rq, int *err)
{
	struct p *pp = mp ? mp->p : NULL;
	struct g *gp = g_alloc(pp, rq->cls, err);

	if (unlikely(!gp))
		return NULL;
	ctx_init(&gp->ctx, g_stack_top(gp), g_main);
	gp->fn = rq->fn;
	gp->arg = rq->arg;
	gp->entry = rq->entry;
	gp->created_at = rq->created_at;
	gp->name = rq->name;
	gp->on_p = rq->on_p;
	gp->id = next_id(pp);
	gp->parent_id = mp && mp->curg ? mp->curg->id : 0;
	race_fiber_create(gp);
	return gp;
}

static force_inline void publish(struct m *mp, struct g *gp)
{
	atm_store_rlx(&gp->state, G_RUNNABLE);  /* rlx: for lists */
	atm_store_rel(&gp->slot->id, gp->id);   /* rel: pairs with stack_each */
	if (unlikely(!mp || !mp->p || gp->on_p)) {
		if (mp && mp->p) {
			STAT(mp->p, spawns);
			TRACE(spawn, mp->p, gp);
		} else {
			atm_add_sc(&sched.foreign_spawns, 1);
		}
		if (gp->on_p)
			gp->flags |= G_SLOW;
		ready_elsewhere(mp, gp);
		return;
	}
	struct p *pp = mp->p;

	STAT(pp, spawns);
	TRACE(spawn, pp, gp);
	if (likely(sched.knobs.owner == OWNER_LIFO))
		fresh_put(pp, gp);
	else
		make_next(pp, gp);
	maybe_wake(pp);
}

/* For a foreign thread that has come in when the runtime was not running. */
static cold int refused(void)
{
	leave_any(NULL);
	return -EPERM;
}

static cold WEND_NORETURN void nil_function(void)
{
	wend__fatal("go of nil func value");
}

static force_inline int spawn(const struct request *rq)
{
	struct m *mp = enter();
	int err = 0;

	if (unlikely(!mp && !foreign_may()))
		return refused();
	if (unlikely(!rq->fn))
		nil_function();

	struct g *gp = prepare(mp, rq, &err);

	if (likely(gp)) {
		if (unlikely(rq->on_end)) {
			gp->on_end = rq->on_end;
			gp->on_end_arg = rq->on_end_arg;
			gp->flags |= G_ON_END;
		}
		publish(mp, gp);
	}
	leave_any(mp);
	return err;
}

int wend_go(void (*fn)(void *), void *arg)
{
	return spawn(&(struct request){
		.fn = fn,
		.arg = arg,
		.entry = (const void *)fn,
		.created_at = __builtin_return_address(0),
		.cls = default_class(),
	});
}

int wend_go_attr(const wend_attr *a, void (*fn)(void *), void *arg)
{
	static const wend_attr plain = WEND_ZERO;

	if (!a)
		a = &plain;
	int cls = a->stack_size ? stack_class(a->stack_size) : default_class();

	if (cls < 0 || a->on_p < 0 || (uint32_t)a->on_p > p_count())
		return -EINVAL;
	return spawn(&(struct request){
		.fn = fn,
		.arg = arg,
		.entry = (const void *)fn,
		.created_at = __builtin_return_address(0),
		.name = a->name,
		.cls = cls,
		.on_p = a->on_p,
	});
}

int spawn_then(void (*fn)(void *), void *arg, void (*on_end)(void *), void *on_end_arg)
{
	return spawn(&(struct request){
		.fn = fn,
		.arg = arg,
		.entry = (const void *)fn,
		.created_at = __builtin_return_address(0),
		.on_end = on_end,
		.on_end_arg = on_end_arg,
		.cls = default_class(),
	});
}

int spawn_inside(struct m *mp, void (*fn)(void *), void *arg)
{
	const struct request rq = {.fn = fn, .arg = arg, .entry = (const void *)fn, .cls = default_class()};
	int err = 0;
	struct g *gp = prepare(mp, &rq, &err);

	if (gp) {
		gp->parent_id = 0; /* whoever happens to run here */
		publish(mp, gp);
	}
	return err;
}

int spawn_main(struct p *pp, void (*fn)(void *), void *arg)
{
	int err = 0;
	struct request rq = {.fn = fn, .arg = arg, .name = "main", .cls = default_class()};
	struct g *gp = prepare(NULL, &rq, &err);

	if (!gp)
		return err;
	gp->flags |= G_MAIN;
	atm_store_rlx(&gp->state, G_RUNNABLE);
	atm_store_rel(&gp->slot->id, gp->id);
	STAT(pp, spawns);
	fresh_put(pp, gp);
	return 0;
}

/* ---- WEND_GO ------------------------------------------------------------------------------------ */

static struct wend__go **pending_list(struct m *mp)
{
	return mp && mp->curg ? &mp->curg->go : foreign_pending();
}

wend__fn *wend__go_begin(struct wend__go *req)
{
	struct wend__go **list = pending_list(getm());

	req->up = *list;
	*list = req;
	return wend__go_capture;
}

/* Called by wend__go_capture with the argument registers and the caller's stack arguments. */
void wend__go_captured(const struct go_regs *regs, const uint64_t *stack_args)
{
	struct m *mp = enter();
	struct wend__go **list = pending_list(mp);
	struct wend__go *req = *list;
	struct request rq = {
		.fn = wend__go_run,
		.entry = (const void *)req->fn,
		.created_at = regs->ret,
		.name = req->name,
		.cls = default_class(),
	};

	*list = req->up;
	/* The arguments lie on the new stack twice: kept, and as passed. */
	if (unlikely(req->stack_bytes > stack_class_size(rq.cls) / 8)) {
		rq.cls = stack_class(2 * req->stack_bytes + stack_class_size(rq.cls));
		if (rq.cls < 0) {
			req->err = -EINVAL;
			leave_any(mp);
			return;
		}
	}
	if (unlikely(!mp && !foreign_may())) {
		req->err = refused();
		return;
	}
	if (unlikely(!req->fn))
		nil_function();
	struct g *gp = prepare(mp, &rq, &req->err);

	if (likely(gp)) {
		char *top = (char *)((uintptr_t)g_stack_top(gp) & ~(uintptr_t)15);
		struct go_block *block = (struct go_block *)(top - req->stack_bytes - sizeof *block);

		block->regs = *regs;
		block->fn = req->fn;
		block->stack_bytes = req->stack_bytes;
		go_copy_words(block->stack_args, stack_args, req->stack_bytes);
		gp->arg = block;
		ctx_ground(block);
		ctx_init(&gp->ctx, block, g_main);
		publish(mp, gp);
	}
	leave_any(mp);
}

/* ---- C++: a callable constructed in place on the new stack -------------------------------------- */

void *wend__go_reserve(size_t size, size_t align, void (*run)(void *), const char *name,
					   void **handle)
{
	struct m *mp = enter();
	struct request rq = {
		.fn = run,
		.entry = (const void *)run,
		.created_at = __builtin_return_address(0),
		.name = name,
		.cls = stack_class(size + (stack_class_size(default_class()))),
	};
	int err = -EPERM;
	struct g *gp = NULL;

	if (size == 0 || size < stack_class_size(default_class()) / 4)
		rq.cls = default_class();
	if (rq.cls < 0)
		err = -EINVAL;
	else if (mp || foreign_may())
		gp = prepare(mp, &rq, &err);
	leave_any(mp);
	if (!gp) {
		*handle = (void *)(intptr_t)err;
		return NULL;
	}
	align = align < 16 ? 16 : align;
	gp->arg = (void *)(((uintptr_t)g_stack_top(gp) - size) & ~(uintptr_t)(align - 1));
	ctx_ground(gp->arg);
	ctx_init(&gp->ctx, gp->arg, g_main);
	*handle = gp;
	return gp->arg;
}

void wend__go_launch(void *handle)
{
	struct m *mp = enter();

	publish(mp, handle);
	leave_any(mp);
}

void wend__go_cancel(void *handle)
{
	struct m *mp = enter();
	struct g *gp = handle;

	race_fiber_destroy(gp);
	gp->link = NULL;
	stack_put(gp, 1);
	leave_any(mp);
}
