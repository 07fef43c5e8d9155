/* SPDX-License-Identifier: MIT */
#include "bench/outcome.h"

#include <stdlib.h>
#include <string.h>

const char *const outcome_quantile_name[OUTCOME_QUANTILES] = {"p50", "p90", "p99", "p99.9"};
const double outcome_quantile[OUTCOME_QUANTILES] = {0.5, 0.9, 0.99, 0.999};

/* ---- Counters ------------------------------------------------------------------------------- */

/* The counter of that name, made where it is new; NULL without memory. */
static struct count *find(struct counts *c, const char *name, bool *is_new)
{
	struct count *more;

	*is_new = false;
	for (size_t i = 0; i < c->n; i++) {
		if (strcmp(c->at[i].name, name) == 0)
			return &c->at[i];
	}
	more = realloc(c->at, (c->n + 1) * sizeof *more);
	if (!more)
		return NULL;
	c->at = more;
	more[c->n] = (struct count){.name = strdup(name)};
	if (!more[c->n].name)
		return NULL;
	*is_new = true;
	return &more[c->n++];
}

void counts_add(struct counts *c, const char *name, double value, enum bench_count_kind kind)
{
	bool is_new;
	struct count *one = find(c, name, &is_new);

	if (!one)
		return;
	if (is_new)
		one->kind = kind;
	if (is_new || kind == BENCH_VALUE || (kind == BENCH_MAX && value > one->value))
		one->value = value;
	else if (kind != BENCH_MAX)
		one->value += value;
}

void counts_merge(struct counts *to, const struct counts *from)
{
	for (size_t i = 0; i < from->n; i++) {
		const struct count *other = &from->at[i];
		bool is_new;
		struct count *one = find(to, other->name, &is_new);

		if (!one)
			continue;
		one->kind = other->kind;
		if (is_new || (one->kind == BENCH_MAX && other->value > one->value))
			one->value = other->value;
		else if (one->kind != BENCH_MAX)
			one->value += other->value;
	}
}

void counts_finish(struct counts *c, double seconds, double ops)
{
	for (size_t i = 0; i < c->n; i++) {
		double *v = &c->at[i].value;

		if (c->at[i].kind == BENCH_RATE)
			*v = seconds > 0 ? *v / seconds : 0;
		else if (c->at[i].kind == BENCH_PER_OP)
			*v = ops > 0 ? *v / ops : 0;
		else if (c->at[i].kind == BENCH_INVERT)
			*v = *v > 0 ? seconds / *v : 0;
	}
}

void counts_free(struct counts *c)
{
	for (size_t i = 0; i < c->n; i++)
		free(c->at[i].name);
	free(c->at);
	*c = (struct counts){0};
}

/* ---- Outcome -------------------------------------------------------------------------------- */

static void write_times(const struct outcome *out, struct json *j, int threads, bool by_cpu)
{
	json_real(j, "ns_per_op", by_cpu ? out->cpu_ns : out->wall_ns);
	json_real(j, "wall_ns", out->wall_ns);
	json_real(j, "cpu_ns", out->cpu_ns);
	json_real(j, "ops", out->ops);
	json_real(j, "ops_per_s", out->ops_per_s);
	json_real(j, "seconds", out->seconds);
	json_int(j, "items", out->items);
	json_text(j, "window", out->window);
	if (threads > 1) {
		json_real(j, "skew_ns", out->skew_ns);
		json_real(j, "fairness", out->fairness);
	}
	json_int(j, "nvcsw", out->nvcsw);
	json_int(j, "nivcsw", out->nivcsw);
	json_int(j, "maxrss_kb", out->maxrss_kb);
}

/* Eight groups an octave are as fine as a curve shows: the value of a group's first bucket, and how many
 * samples the group has. */
static void write_buckets(const struct hist *lat, struct json *j)
{
	enum { COARSE = HIST_SUB / 8 };

	json_open(j, "hist", '[');
	for (unsigned i = 0; i < HIST_BUCKETS; i += COARSE) {
		uint64_t n = 0;

		for (unsigned k = i; k < i + COARSE; k++)
			n += lat->bucket[k];
		if (!n)
			continue;
		json_open(j, NULL, '[');
		json_int(j, NULL, (int64_t)hist_value(i));
		json_int(j, NULL, (int64_t)n);
		json_close(j, ']');
	}
	json_close(j, ']');
}

static void write_latency(const struct hist *lat, struct json *j)
{
	json_open(j, "lat", '{');
	json_int(j, "n", (int64_t)lat->n);
	json_real(j, "mean", (double)lat->sum / (double)lat->n);
	for (int i = 0; i < OUTCOME_QUANTILES; i++) {
		double v = hist_quantile(lat, outcome_quantile[i]);

		if (v >= 0)
			json_real(j, outcome_quantile_name[i], v);
	}
	json_int(j, "max", (int64_t)lat->max);
	write_buckets(lat, j);
	json_close(j, '}');
}

void outcome_write(const struct outcome *out, struct json *j, int threads, bool by_cpu)
{
	const char *const status[] = {"ok", "skip", "fail"};

	json_text(j, "status", status[out->status]);
	if (out->status != OUTCOME_OK)
		json_text(j, "reason", out->reason ? out->reason : "out of memory");
	if (out->label)
		json_text(j, "label", out->label);
	if (out->status == OUTCOME_OK)
		write_times(out, j, threads, by_cpu);
	json_text(j, "pinned", out->pinned);
	json_open(j, "cpus", '[');
	for (int i = 0; i < out->ncpus; i++)
		json_int(j, NULL, out->cpus[i]);
	json_close(j, ']');
	json_open(j, "counters", '{');
	for (size_t i = 0; i < out->counters.n; i++)
		json_real(j, out->counters.at[i].name, out->counters.at[i].value);
	json_close(j, '}');
	if (out->lat)
		write_latency(out->lat, j);
}

void outcome_free(struct outcome *out)
{
	free(out->reason);
	free(out->label);
	free(out->cpus);
	free(out->lat);
	counts_free(&out->counters);
	*out = (struct outcome){0};
}
