/* SPDX-License-Identifier: MIT
 *
 * tests/model/env_trim.c - see trim.h. */
#include "model/trim.h"

#include "sched/sched_priv.h"

static alignas(PAGE_SIZE) char stack[4 * PAGE_SIZE];
static struct g sleeper;
static struct slot slot;

char *trim_sleeper(void)
{
	sleeper = (struct g){.slot = &slot, .lo = stack};
	sleeper.ctx.sp = stack + sizeof stack;
	atm_store_rlx(&slot.id, 1);
	atm_store_rlx(&sleeper.state, G_WAITING);
	memset(stack, 1, sizeof stack);
	return stack;
}

void trim_round(void)
{
	trim_parked(1);
}

void trim_wake(void)
{
	MODEL_CHECK_EQ(atm_load_rlx(&sleeper.state), G_WAITING); /* a point: the trimmer may be through already */
	mark_ready(&sleeper);
}

/* ---- sched/stack.c, spawn.c --------------------------------------------------------------------- */

bool stack_each(struct stack_cursor *at, bool (*fn)(struct g *gp, uint64_t id, size_t size, void *arg), void *arg)
{
	fn(&sleeper, 1, sizeof stack, arg);
	return false;
}

void stack_count_returned(size_t bytes)
{
	model_cover(bytes > 0);
}

size_t stack_release_all(void)
{
	return 0;
}

void gcache_flush(struct p *pp)
{
}
