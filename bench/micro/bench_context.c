/* SPDX-License-Identifier: MIT
 *
 * bench_context.c - contexts: made and cancelled, asked, cancelled with a thousand below or waiting. Against Go's
 * (peers/go/context.go).
 */
#include "bench/rt.h"

enum { GROUPS = 10, GROUP = 1000, ROUNDS = 100 };

static void end(wend_ctx *ctx)
{
	wend_ctx_cancel(ctx);
	wend_ctx_release(ctx);
}

/* ---- Made, cancelled, released --------------------------------------------------------------------------- */

static void cancel(struct rt *rt, uint64_t n)
{
	for (uint64_t i = 0; i < n; i++)
		end(wend_ctx_with_cancel(wend_ctx_background()));
}
RT_BENCH(context_cancel, "context/cancel", 1, BENCH_SAME_CPU, cancel, .baseline = "go/context_cancel")

static wend_ctx *parent;

static void children_come_and_go(uint64_t n)
{
	for (uint64_t i = 0; i < n; i++)
		end(wend_ctx_with_cancel(parent));
}

static void cancel_child(struct rt *rt, uint64_t n)
{
	parent = wend_ctx_with_cancel(wend_ctx_background());
	children_come_and_go(n);
	end(parent);
}
RT_BENCH(context_cancel_child, "context/cancel_child", 1, BENCH_SAME_CPU, cancel_child,
		 .baseline = "go/context_cancel_child")

static void child_member(struct rt_member *m)
{
	children_come_and_go(m->n);
}

/* Of one parent, by two P's at once; the figure is one P's time for one of its own. */
static void cancel_children(struct rt *rt, uint64_t n)
{
	uint64_t procs = (uint64_t)rt->procs;

	parent = wend_ctx_with_cancel(wend_ctx_background());
	rt_crowd(rt, procs, true, n * procs, child_member);
	end(parent);
}
RT_BENCH(context_cancel_child_p2, "context/cancel_child_p2", 2, BENCH_TWO_CPUS, cancel_children,
		 .baseline = "go/context_cancel_child_p2")

static void timeout(struct rt *rt, uint64_t n)
{
	for (uint64_t i = 0; i < n; i++)
		end(wend_ctx_with_timeout(wend_ctx_background(), WEND_HOUR));
}
RT_BENCH(context_timeout, "context/timeout", 1, BENCH_SAME_CPU, timeout, .baseline = "go/context_timeout")

/* ---- Asked ----------------------------------------------------------------------------------------------- */

static void err(struct rt *rt, uint64_t n)
{
	wend_ctx *ctx = wend_ctx_with_cancel(wend_ctx_background());

	for (uint64_t i = 0; i < n; i++)
		BENCH_USE(wend_ctx_err(ctx));
	end(ctx);
}
RT_BENCH(context_err, "context/err", 1, BENCH_SAME_CPU, err, .baseline = "go/context_err")

static void value(struct rt *rt, uint64_t n)
{
	static char keys[10];
	wend_ctx *ctx = wend_ctx_retain(wend_ctx_background());

	for (int i = 0; i < 10; i++) {
		wend_ctx *below = wend_ctx_with_value(ctx, &keys[i], &keys[i]);

		wend_ctx_release(ctx);
		ctx = below;
	}
	for (uint64_t i = 0; i < n; i++)
		BENCH_USE(wend_ctx_value(ctx, &keys[0]));
	wend_ctx_release(ctx);
}
RT_BENCH(context_value, "context/value/10", 1, BENCH_SAME_CPU, value, .baseline = "go/context_value/10")

/* ---- A thousand below, or waiting: an operation is one of them ------------------------------------------- */

static void children(struct rt *rt, uint64_t n)
{
	static wend_ctx *parents[GROUPS], *child[GROUPS][GROUP];

	for (int g = 0; g < GROUPS; g++) {
		parents[g] = wend_ctx_with_cancel(wend_ctx_background());
		for (int i = 0; i < GROUP; i++)
			child[g][i] = wend_ctx_with_cancel(parents[g]);
	}
	rt_begin(rt);
	for (int g = 0; g < GROUPS; g++)
		wend_ctx_cancel(parents[g]);
	rt_end(rt);
	for (int g = 0; g < GROUPS; g++) {
		for (int i = 0; i < GROUP; i++) {
			if (!wend_ctx_err(child[g][i]))
				rt_fail(rt, "a child is not cancelled");
			wend_ctx_release(child[g][i]);
		}
		wend_ctx_release(parents[g]);
	}
}
RT_BENCH(context_children, "context/children/1000", 1, BENCH_SAME_CPU, children, .baseline = "go/context_children/1000",
		 .iterations = GROUPS * GROUP)

/* They wait again each time, for the next context, which is there already. */
static struct {
	wend_ctx *ctx[2];
	wend_waitgroup here, woken, over;
} waiters;

static void wait_for_all(void *unused)
{
	wend_waitgroup_done(&waiters.here);
	for (int i = 0; i < ROUNDS; i++) {
		wend_chan_recv(wend_ctx_done(waiters.ctx[i % 2]), NULL);
		wend_waitgroup_done(&waiters.woken);
	}
	wend_waitgroup_done(&waiters.over);
}

static void wake(struct rt *rt, uint64_t n)
{
	waiters.ctx[0] = wend_ctx_with_cancel(wend_ctx_background());
	for (int i = 0; i < GROUP; i++) {
		wend_waitgroup_add(&waiters.here, 1);
		wend_waitgroup_add(&waiters.over, 1);
		if (!rt_ok(rt, wend_go(wait_for_all, NULL), "wend_go"))
			return;
	}
	wend_waitgroup_wait(&waiters.here);
	wend_sleep(WEND_MILLISECOND); /* the last of them parks, too */
	rt_begin(rt);
	for (int i = 0; i < ROUNDS; i++) {
		waiters.ctx[(i + 1) % 2] = wend_ctx_with_cancel(wend_ctx_background());
		wend_waitgroup_add(&waiters.woken, GROUP);
		wend_ctx_cancel(waiters.ctx[i % 2]);
		wend_waitgroup_wait(&waiters.woken);
		wend_ctx_release(waiters.ctx[i % 2]);
	}
	rt_end(rt);
	wend_waitgroup_wait(&waiters.over);
	end(waiters.ctx[ROUNDS % 2]);
}
RT_BENCH(context_wake, "context/wake/1000", 1, BENCH_SAME_CPU, wake, .baseline = "go/context_wake/1000",
		 .iterations = ROUNDS * GROUP)
RT_BENCH(context_wake_p2, "context/wake_p2/1000", 2, BENCH_TWO_CPUS, wake, .baseline = "go/context_wake_p2/1000",
		 .iterations = ROUNDS * GROUP)
