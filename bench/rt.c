/* SPDX-License-Identifier: MIT */
#include "bench/rt.h"

#include "bench/host.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void rt_begin(struct rt *rt)
{
	rt->start = bench_now();
}

void rt_end(struct rt *rt)
{
	rt->ns = bench_now() - rt->start;
}

void rt_fail(struct rt *rt, const char *fmt, ...)
{
	char msg[200];
	va_list ap;

	/* The winner alone touches the bench; its owner reads `failed` after the join. */
	if (!atm_cas_sc(&rt->failed, 0, 1))
		return;
	va_start(ap, fmt);
	vsnprintf(msg, sizeof msg, fmt, ap);
	va_end(ap);
	bench_fail(rt->b, "%s", msg);
}

bool rt_failed(const struct rt *rt)
{
	return atm_load_acq(&rt->failed) != 0;
}

bool rt_ok(struct rt *rt, int rc, const char *call)
{
	if (rc == 0)
		return true;
	rt_fail(rt, "%s: %s", call, strerror(-rc));
	return false;
}

static void drive(void *arg)
{
	struct rt *rt = arg;

	rt->ns = 0;
	rt_begin(rt);
	rt->row->body(rt, rt->n);
	if (rt->ns == 0)
		rt_end(rt);
}

/* The runtime must see the CPUs of the process, not the one that this thread may be pinned to: its
 * threads inherit the mask, and it may read the topology now. */
static int start(bench *b, const struct rt_row *row, int procs)
{
	wend_config cfg = {
		.maxprocs = procs,
		.knobs = row->place == BENCH_FREE ? "pin=none" : "pin=compact",
	};
	int rc;

	host_place(BENCH_FREE, 0);
	rc = wend_start(&cfg);
	host_place(row->place, 0);
	if (rc != 0) {
		bench_fail(b, "wend_start: %s", strerror(-rc));
	} else if (wend_maxprocs(0) != procs) {
		bench_skip(b, "the environment sets %d P's, this row needs %d", wend_maxprocs(0),
				   procs);
		wend_stop();
		rc = -1;
	}
	return rc;
}

/* What the scheduler counts, for the gate. */
static size_t scheduler_events(const char *const **names, uint64_t *values, size_t max)
{
	static const char *const name[] = {"spawns", "parks", "wakes", "steals", "migrations"};
	const size_t n = sizeof name / sizeof *name;
	wend_stats now;

	if (max < n)
		return 0;
	wend_stats_read(&now);
	*names = name;
	values[0] = now.spawns;
	values[1] = now.parks;
	values[2] = now.wakes;
	values[3] = now.steals;
	values[4] = now.migrations;
	return n;
}

void rt_bench(bench *b)
{
	const struct rt_row *row = bench_user(b);
	struct rt rt = {.b = b, .row = row, .procs = row->procs ? row->procs : bench_procs()};
	int rc;

	if (host_missing(row->place)) {
		bench_skip(b, "%s", host_missing(row->place));
		return;
	}
	if (rt.procs > bench_procs()) {
		bench_skip(b, "needs %d P's, %d may be used", rt.procs, bench_procs());
		return;
	}
	if (start(b, row, rt.procs) != 0)
		return;
	bench_events(scheduler_events);
	while ((rt.n = bench_next(b)) != 0) {
		if (rt_ok(&rt, wend_waitgroup_go(&rt.over, drive, &rt), "wend_waitgroup_go"))
			wend_waitgroup_wait(&rt.over);
		if (rt_failed(&rt))
			break;
		bench_time(b, rt.ns);
	}
	bench_events(NULL);
	rc = wend_stop();
	if (rc != 0)
		bench_fail(b, "wend_stop: %s", strerror(-rc));
}

struct crowd {
	wend_waitgroup here, gate, done;
	void (*fn)(struct rt_member *);
};

struct place_in_crowd {
	struct rt_member member;
	struct crowd *crowd;
};

static void stand_and_run(void *arg)
{
	struct place_in_crowd *place = arg;
	struct crowd *crowd = place->crowd;

	wend_waitgroup_done(&crowd->here);
	wend_waitgroup_wait(&crowd->gate);
	crowd->fn(&place->member);
	wend_waitgroup_done(&crowd->done);
}

void rt_crowd(struct rt *rt, size_t count, bool spread, uint64_t n, void (*fn)(struct rt_member *))
{
	struct crowd crowd = {.fn = fn};
	struct place_in_crowd *places = calloc(count, sizeof *places);

	if (!places) {
		rt_fail(rt, "out of memory");
		return;
	}
	wend_waitgroup_add(&crowd.gate, 1);
	for (size_t i = 0; i < count && !rt_failed(rt); i++) {
		wend_attr attr = {.on_p = spread ? 1 + (int)(i % (size_t)rt->procs) : 0};

		places[i] = (struct place_in_crowd){
			.member = {.rt = rt, .index = i, .n = n / count + (i < n % count)}, .crowd = &crowd};
		wend_waitgroup_add(&crowd.here, 1);
		wend_waitgroup_add(&crowd.done, 1);
		if (!rt_ok(rt, wend_go_attr(&attr, stand_and_run, &places[i]), "wend_go_attr")) {
			wend_waitgroup_done(&crowd.here);
			wend_waitgroup_done(&crowd.done);
		}
	}
	wend_waitgroup_wait(&crowd.here);
	rt_begin(rt);
	wend_waitgroup_done(&crowd.gate);
	wend_waitgroup_wait(&crowd.done);
	rt_end(rt);
	free(places);
}
