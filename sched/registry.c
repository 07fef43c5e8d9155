/* SPDX-License-Identifier: MIT
 *
 * sched/registry.c - the list of coroutines, read while they run. It is the arenas' side tables: a slot
 * with an id has a coroutine. Its fields are read one by one; if the slot still has the same id
 * afterwards, they belong together.
 */
#include "sched/sched_priv.h"
#include "wend/debug.h"

static const char *const reasons[] = {
#define X(id, text) [id] = text,
	WAIT_REASONS(X)
#undef X
};

const char *wait_reason_name(unsigned reason)
{
	return reason < WAIT_REASON_COUNT ? reasons[reason] : "?";
}

#define BATCH 32 /* shown outside the arena's lock, so that fn may call the library */

struct batch {
	wend_coroutine_info info[BATCH];
	int n;
};

no_instrument static const char *state_name(const struct g *gp)
{
	switch (atm_load_acq(&gp->state)) {
	case G_RUNNING:
		return "running";
	case G_RUNNABLE:
		return "runnable";
	case G_WAITING:
	case G_BLOCKED:
		return wait_reason_name(gp->wait_reason);
	default:
		return "idle";
	}
}

/* The reads race with whoever ends this coroutine and starts the next one here: what they find then is
 * thrown away. Hence not instrumented. */
no_instrument static bool collect(struct g *gp, uint64_t id, size_t size, void *arg)
{
	struct batch *batch = arg;
	wend_coroutine_info info = {
		.id = id,
		.parent_id = gp->parent_id,
		.name = gp->name,
		.state = state_name(gp),
		.wait_object = gp->wait_obj,
		.entry = gp->entry,
		.created_at = gp->created_at,
		.parked_ns = gp->parked_at,
		.stack_size = size,
		.guarded = (gp->flags & G_GUARDED) != 0,
		.locked = gp->locked_m != NULL,
	};

	if (!g_waits(atm_load_acq(&gp->state))) {
		info.wait_object = NULL;
		info.parked_ns = 0;
	}
	if (atm_load_acq(&gp->slot->id) != id) /* acq: it ended, or another lives here, meanwhile */
		return true;
	batch->info[batch->n++] = info;
	return batch->n < BATCH;
}

size_t wend_coroutines_each(bool (*fn)(const wend_coroutine_info *, void *), void *arg)
{
	struct stack_cursor at = {0};
	size_t shown = 0;

	for (bool more = true; more;) {
		struct batch batch = {.n = 0};
		struct m *mp = enter();

		more = (mp || foreign_may()) && stack_each(&at, collect, &batch);
		leave_any(mp);
		for (int i = 0; i < batch.n; i++) {
			shown++;
			if (!fn(&batch.info[i], arg))
				return shown;
		}
	}
	return shown;
}
