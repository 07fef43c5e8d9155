/* SPDX-License-Identifier: MIT
 *
 * sched/stats.c - what all P's counted, and which kinds of mechanism are in force. */
#include <string.h>

#include "sched/sched_priv.h"
#include "wend/debug.h"
#include "wend/go.h"

int64_t wend_num_coroutines(void)
{
	int64_t n = (int64_t)atm_load_rlx(&sched.foreign_spawns);

	lock(&sched.lock);
	for (int i = 0; i < sched.nallp; i++) {
		/* exits first: a coroutine that ends in between must not count twice as gone */
		n -= (int64_t)atm_load_acq(&sched.allp[i]->stats.exits);
	}
	for (int i = 0; i < sched.nallp; i++)
		n += (int64_t)atm_load_acq(&sched.allp[i]->stats.spawns);
	unlock(&sched.lock);
	return n;
}

uint64_t wend_coroutine_id(void)
{
	struct m *mp = enter();
	uint64_t id = 0;

	if (likely(mp && mp->curg))
		id = mp->curg->id;
	leave_any(mp);
	return id;
}

void wend_stats_read(wend_stats *out)
{
	struct stack_stats st;

	memset(out, 0, sizeof *out);
	lock(&sched.lock);
	for (int i = 0; i < sched.nallp; i++) {
#define X(name) out->name += atm_load_rlx(&sched.allp[i]->stats.name);
		P_STATS(X)
#undef X
	}
	for (struct m *mp = sched.all_m; mp; mp = mp->all_link)
		out->threads += !atm_load_rlx(&mp->gone);
	unlock(&sched.lock);
	out->spawns += atm_load_rlx(&sched.foreign_spawns);
	out->readies += atm_load_rlx(&sched.foreign_readies);
	out->blocked = atm_load_rlx(&sched.blocked);
	stack_stats_read(&st);
	out->stacks = st.carved;
	out->guarded = st.guarded;
	out->stack_bytes_returned = st.returned_bytes;
}

const char *wend_atomics_backend(void)
{
	return ATM_BACKEND;
}

const char *wend_fence_kind(void)
{
	wend__asym_probe();
	return wend__asym_on ? "membarrier" : "full fences";
}

const char *wend_guard_kind(void)
{
	return stack_guard_kind();
}

int wend_p_cpu(int p)
{
	int cpu = -1;

	lock(&sched.lock); /* the runtime may be ending */
	if (p >= 0 && p < (int)p_count())
		cpu = (int)atm_load_rlx(&sched.allp[p]->cpu);
	unlock(&sched.lock);
	return cpu;
}
