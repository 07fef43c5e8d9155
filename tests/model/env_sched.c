/* SPDX-License-Identifier: MIT
 *
 * tests/model/env_sched.c - see sched.h. */
#include "model/sched.h"

#include <stdarg.h>
#include <sys/mman.h>

#include "model/engine.h"
#include "model/env.h"
#include "sched/blocking.h"
#include "sched/sched_priv.h"
#include "sched/topo.h"

enum { SLOTS = 24, STACK_SIZE = 16 << 10 };

static unsigned flags;

/* ---- Stacks: sched/stack.c, sched/guard.c ------------------------------------------------------------- */

static struct {
	alignas(PAGE_SIZE) char stack[STACK_SIZE - (sizeof(struct g) + 63) / 64 * 64];
	alignas(64) struct g g;
} slots[SLOTS];
static struct slot ids[SLOTS];
static int carved;
static struct g *free_slots;

static bool in_a_slot(const void *p)
{
	uintptr_t at = (uintptr_t)p - (uintptr_t)slots;

	return at < sizeof slots && at % sizeof slots[0] < sizeof slots[0].stack;
}

static void stacks_begin(void)
{
	model_stacks(in_a_slot);
	carved = 0;
	free_slots = NULL;
	model_private(ids, sizeof ids);
	for (int i = 0; i < SLOTS && !(flags & SCHED_TRIM); i++)
		model_private(&slots[i].g.state, sizeof(atm_u32));
}

static struct g *carve(void)
{
	if (carved == SLOTS)
		model_fail(__FILE__, __LINE__, "more than %d coroutines", SLOTS);

	struct g *gp = &slots[carved].g;

	*gp = (struct g){.slot = &ids[carved], .index = (uint32_t)carved + 1, .lo = slots[carved].stack,
					 .last_p = -1};
	ids[carved].id.wend__v = 0;
	carved++;
	ctx_ground(g_stack_top(gp));
	return gp;
}

/* One that was put back, or a chain of n. */
struct g *stack_get(int cls, int n, int *got, int *err)
{
	struct g *first = free_slots;

	atm_fence_sc(); /* the class's lock */
	*got = 1;
	if (first) {
		free_slots = first->link;
		first->link = NULL;
		return first;
	}
	first = carve();
	for (struct g *gp = first; *got < n; gp = gp->link, ++*got)
		gp->link = carve();
	return first;
}

void stack_put(struct g *chain, int n)
{
	atm_fence_sc();
	while (chain) {
		struct g *gp = chain;

		chain = gp->link;
		gp->link = free_slots;
		free_slots = gp;
	}
}

void stack_init(enum guard_policy policy)
{
}

void stack_fini(void)
{
}

int stack_class(size_t size)
{
	return 0;
}

size_t stack_class_size(int cls)
{
	return STACK_SIZE;
}

size_t stack_release_all(void)
{
	return 0;
}

bool stack_intact(const struct g *gp, const void *sp)
{
	return true;
}

uint32_t stack_index(const struct g *gp)
{
	return gp->index;
}

struct g *stack_by_index(uint32_t index)
{
	return &slots[index - 1].g;
}

bool stack_each(struct stack_cursor *at, bool (*fn)(struct g *gp, uint64_t id, size_t size, void *arg),
				void *arg)
{
	while ((int)at->slot < carved) {
		uint32_t i = at->slot++;
		uint64_t id = atm_load_acq(&ids[i].id);

		if (id && !fn(&slots[i].g, id, STACK_SIZE, arg))
			return true;
	}
	return false;
}

void stack_stats_read(struct stack_stats *out)
{
	*out = (struct stack_stats){0};
}

void stack_count_returned(size_t bytes)
{
}

const char *stack_guard_kind(void)
{
	return "model";
}

/* The pages that trim.c gives back: nobody may be running above them, at any moment of the call. */
static void nobody_runs_on(const char *at)
{
	for (struct m *mp = sched.all_m; mp; mp = mp->all_link)
		if (mp->curg && mp->curg->lo <= at && at < (const char *)mp->curg)
			model_fail(__FILE__, __LINE__, "the stack of a running coroutine is trimmed");
}

int __wrap_madvise(void *at, size_t size, int advice);
int __wrap_madvise(void *at, size_t size, int advice)
{
	nobody_runs_on(at);
	model_point(OP_NOTE, NULL, __builtin_return_address(0));
	nobody_runs_on(at);
	model_cover(63);
	return 0;
}

int __wrap_mincore(void *at, size_t size, unsigned char *in);
int __wrap_mincore(void *at, size_t size, unsigned char *in)
{
	memset(in, 1, size / PAGE_SIZE);
	return 0;
}

void __tsan_write_range(void *p, size_t n);

/* ---- Topology: sched/topo.c ------------------------------------------------------------------------------ */

int topo_init(void)
{
	return 0;
}

void topo_fini(void)
{
}

int topo_place(int nprocs)
{
	for (int i = 0; i < nprocs; i++) {
		struct p *pp = sched.allp[i];
		struct victims *v = malloc(sizeof *v + (size_t)(nprocs + 1) * sizeof v->order[0]);

		*v = (struct victims){.next = pp->tables, .nprocs = nprocs, .n = nprocs - 1, .nlevels = nprocs > 1};
		for (int k = 0; k < v->n; k++)
			v->order[k] = (uint16_t)((i + 1 + k) % nprocs);
		v->level_end = &v->order[nprocs];
		v->level_end[0] = (uint16_t)v->n;
		__tsan_write_range(v, sizeof *v + (size_t)(nprocs + 1) * sizeof v->order[0]); /* see races.c */
		pp->tables = v;
		atm_store_rel(&pp->victims, v); /* rel: pairs with steal_any */
	}
	return 0;
}

void topo_forget(struct p *pp)
{
	for (struct victims *v = pp->tables, *next; v; v = next) {
		next = v->next;
		free(v);
	}
}

void topo_bind(struct m *mp, struct p *pp)
{
}

void topo_unbind(struct m *mp)
{
}

/* ---- atomics/ec.c -------------------------------------------------------------------------------------------- */

static atm_u32 *word(const struct ec *ec)
{
	return (atm_u32 *)&ec->counter;
}

uint32_t ec_value(const struct ec *ec)
{
	return atm_load_acq(word(ec));
}

void ec_inc(struct ec *ec)
{
	atm_add_sc(word(ec), 1);
	model_futex_wake(&ec->counter, INT32_MAX);
}

bool ec_wait(struct ec *ec, uint32_t value, int64_t deadline_ns)
{
	while (atm_load_acq(word(ec)) == value)
		if (!model_futex_wait(&ec->counter, value, deadline_ns))
			return false;
	return true;
}

/* ---- crash.c, traceback.c, deadlock.c -------------------------------------------------------------------------- */

void crash_init(void)
{
}

void crash_thread_init(struct m *mp)
{
}

void crash_thread_fini(struct m *mp)
{
}

bool check_deadlock(void)
{
	return false;
}

void stack_overflow(struct g *gp, void *pc, void *sp, void *fp)
{
	model_fail(__FILE__, __LINE__, "stack overflow");
}

/* ---- The run ------------------------------------------------------------------------------------------------------ */

/* P's and M's as they are made. */
static void on_alloc(void *at, size_t size)
{
	if (size == sizeof(struct p)) {
		struct p *pp = at;

		model_private(&pp->tick, sizeof pp->tick);
		model_private(&pp->stats, sizeof pp->stats);
		model_private(&pp->cpu, sizeof pp->cpu);
		if (!(flags & SCHED_TIMERS))
			model_private(&pp->timers.next, sizeof pp->timers.next);
		model_name(pp, sizeof *pp, "p");
		model_name(&pp->fresh, sizeof pp->fresh, "p.fresh");
		model_name(&pp->ring, sizeof pp->ring, "p.ring");
		model_name(&pp->inbox, sizeof pp->inbox, "p.inbox");
	} else if (size == sizeof(struct m)) {
		struct m *mp = at;

		if (!(flags & SCHED_BORDER))
			border_private(mp);
		model_private(&mp->tid, sizeof mp->tid);
		model_private(&mp->watching, sizeof mp->watching);
		model_name(mp, sizeof *mp, "m");
		model_name(&mp->ec, sizeof mp->ec, "m.ec");
		model_name(&mp->woken, sizeof mp->woken, "m.woken");
	}
}

__attribute__((constructor)) static void init(void)
{
	model_thread_local((void **)&wend__m);
	model_thread_local((void **)&wend__away);
}

void sched_trim(void)
{
	trim_parked(SLOTS);
}

static int main_coroutine(void *program)
{
	((void (*)(void))program)();
	return 0;
}

void sched_run(void (*program)(void), const char *knobs, unsigned how)
{
	static char text[200];
	int rc;

	memset(&wend__sched, 0, sizeof wend__sched);
	flags = how;
	snprintf(text, sizeof text, "spin_us=0,rest_us=0,%s", knobs ? knobs : "");
	model_setenv("WENDDEBUG", text);
	model_on_alloc(on_alloc);
	stacks_begin();
	model_private(&sched.next_id, sizeof sched.next_id);
	model_private(&sched.foreign_spawns, sizeof sched.foreign_spawns + sizeof sched.foreign_readies);
	model_name(&sched.load, sizeof sched.load, "load");
	model_name(&sched.lock, sizeof sched.lock, "sched.lock");
	model_name(&sched.global.n, sizeof sched.global.n, "global.n");
	model_name(&sched.phase, sizeof sched.phase, "phase");
	model_name(&sched.nprocs, sizeof sched.nprocs, "nprocs");
	rc = wend_run(main_coroutine, (void *)(uintptr_t)program);
	model_on_alloc(NULL);
	if (rc)
		model_fail(__FILE__, __LINE__, "wend_run: %d", rc);
}
