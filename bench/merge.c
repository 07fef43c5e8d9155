/* SPDX-License-Identifier: MIT
 *
 * bench/merge.c - makes one outcome of what the threads of a run measured. */
#include "bench/host.h"
#include "bench/place.h"
#include "bench/run_priv.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static uint64_t least(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static uint64_t most(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

static bool is_manual(const struct bench *b)
{
	return b->in->def->flags & BENCH_MANUAL_TIME;
}

/* Operations that a thread had completed at time t, between two marks by the straight line. */
static double done_at(const struct bench *b, uint64_t t)
{
	struct mark last = {b->start, 0};

	for (int i = 0; i < b->nmarks; i++) {
		const struct mark *m = &b->marks[i];

		if (t <= m->when)
			return (double)last.done + (double)(m->done - last.done) * (double)(t - last.when) /
										   (double)most(m->when - last.when, 1);
		last = *m;
	}
	return (double)last.done;
}

/* The window in which all threads ran. False when there is none that is worth the name. */
static bool steady(const struct run *r, struct outcome *out)
{
	uint64_t from = 0, to = UINT64_MAX, first = UINT64_MAX, last = 0;
	double ops = 0, slowest = 1e300, fastest = 0;

	for (int i = 0; i < r->threads; i++) {
		const struct bench *b = r->here[i];

		if (b->was_paused || is_manual(b))
			return false;
		from = most(from, b->start);
		to = least(to, b->end);
		first = least(first, b->start);
		last = most(last, b->end);
	}
	out->skew_ns = (double)(from - first);
	if (to <= from || (to - from) * 2 < last - first)
		return false;
	for (int i = 0; i < r->threads; i++) {
		double part = done_at(r->here[i], to) - done_at(r->here[i], from);

		ops += part;
		slowest = part < slowest ? part : slowest;
		fastest = part > fastest ? part : fastest;
	}
	if (ops < (double)r->threads)
		return false;
	out->fairness = fastest > 0 ? slowest / fastest : 1;
	out->wall_ns = (double)(to - from) * (double)r->threads / ops;
	out->ops_per_s = ops / ((double)(to - from) * 1e-9);
	return true;
}

static void merge_latency(struct outcome *out, const struct hist *lat)
{
	if (lat->n == 0)
		return;
	if (!out->lat)
		out->lat = calloc(1, sizeof *out->lat);
	if (out->lat)
		hist_merge(out->lat, lat);
}

/* Where the threads were, and whether they could be put there. */
static void merge_places(const struct run *r, struct outcome *out)
{
	const struct bench *b = r->here[0];

	snprintf(out->pinned, sizeof out->pinned, "no");
	out->cpus = calloc((size_t)r->threads, sizeof *out->cpus);
	for (int i = 0; out->cpus && i < r->threads; i++) {
		int cpu = place_cpu(host_map(), b->in->def->placement, i);

		if (cpu < 0)
			continue;
		out->cpus[out->ncpus++] = cpu;
		if (strcmp(out->pinned, "no") == 0)
			snprintf(out->pinned, sizeof out->pinned, "yes");
		if (r->here[i]->pin_error)
			snprintf(out->pinned, sizeof out->pinned, "failed: %s",
					 strerror(-r->here[i]->pin_error));
	}
}

void run_merge(struct run *r)
{
	struct outcome *out = &r->out;
	double elapsed = 0, cpu, cpu_in_pauses = 0;
	uint64_t cpu_from = UINT64_MAX, cpu_to = 0;
	struct rusage now;

	out->items = 1;
	for (int i = 0; i < r->threads; i++) {
		const struct bench *b = r->here[i];

		elapsed += (double)(is_manual(b) ? b->manual_ns : b->end - b->start - b->paused_ns);
		cpu_in_pauses += (double)b->paused_cpu_ns;
		out->ops += (double)b->completed;
		cpu_from = least(cpu_from, b->cpu_start);
		cpu_to = most(cpu_to, b->cpu_end);
		out->items = b->items > out->items ? b->items : out->items;
		counts_merge(&out->counters, &b->counts);
		merge_latency(out, &b->lat);
	}
	out->seconds = elapsed / r->threads * 1e-9;
	cpu = (double)(cpu_to - cpu_from) - cpu_in_pauses;
	if (out->ops > 0) {
		out->wall_ns = elapsed / out->ops;
		out->ops_per_s = out->seconds > 0 ? out->ops / out->seconds : 0;
		out->cpu_ns = cpu > 0 ? cpu / out->ops : 0;
	}
	out->window = "whole";
	out->fairness = 1;
	if (is_manual(r->here[0]))
		out->window = "manual";
	else if (r->threads > 1 && steady(r, out))
		out->window = "steady";
	counts_finish(&out->counters, out->seconds, out->ops);
	out->wall_ns /= (double)out->items;
	out->cpu_ns /= (double)out->items;
	out->ops *= (double)out->items;
	out->ops_per_s *= (double)out->items;
	merge_places(r, out);
	getrusage(RUSAGE_SELF, &now);
	out->nvcsw = now.ru_nvcsw - r->before.ru_nvcsw;
	out->nivcsw = now.ru_nivcsw - r->before.ru_nivcsw;
	out->maxrss_kb = now.ru_maxrss;
}
