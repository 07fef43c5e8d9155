/* SPDX-License-Identifier: MIT */
#include "bench/catalogue.h"

#include "bench/place.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static const bench_def **defs; /* written by constructors, before main */
static size_t ndefs;
static struct catalogue all; /* made by the first call of catalogue_all, constant afterwards */

/* A program that cannot list its rows has nothing to go on with. */
static void *must(void *p)
{
	if (!p) {
		fputs("out of memory\n", stderr);
		abort();
	}
	return p;
}

void bench_register(const bench_def *def)
{
	defs = must(realloc(defs, (ndefs + 1) * sizeof *defs));
	defs[ndefs++] = def;
}

static char *numbered(const char *name, const char *before, int64_t number)
{
	size_t size = strlen(name) + strlen(before) + 24;
	char *text = must(malloc(size));

	snprintf(text, size, "%s%s%" PRId64, name, before, number);
	return text;
}

static void add(struct catalogue *c, const bench_def *d, const int64_t *args, int nargs, int threads,
				bool told_apart)
{
	struct instance *in = must(calloc(1, sizeof *in));

	in->def = d;
	in->threads = threads;
	in->nargs = nargs;
	pthread_mutex_init(&in->lock, NULL);
	in->family = must(strdup(d->name));
	for (int i = 0; i < nargs; i++) {
		char *longer = numbered(in->family, "/", args[i]);

		free(in->family);
		in->family = longer;
		in->args[i] = args[i];
	}
	in->name = told_apart ? numbered(in->family, "/threads:", threads) : must(strdup(in->family));
	c->at = must(realloc(c->at, (c->n + 1) * sizeof(struct instance *)));
	c->at[c->n++] = in;
}

/* One row for each number of threads. A single number is part of what the benchmark is; several
 * are told apart. */
static void add_threads(struct catalogue *c, const bench_def *d, const int64_t *args, int nargs)
{
	int kinds = 0;

	while (kinds < 8 && d->threads[kinds] > 0)
		kinds++;
	for (int i = 0; i < kinds; i++)
		add(c, d, args, nargs, d->threads[i], kinds > 1);
	if (kinds == 0)
		add(c, d, args, nargs, 1, false);
}

const struct catalogue *catalogue_all(void)
{
	if (all.n > 0)
		return &all;
	for (size_t k = 0; k < ndefs; k++) {
		const bench_def *d = defs[k];

		if (d->nargs > 0) {
			for (int i = 0; i < d->nargs && i < 8; i++)
				add_threads(&all, d, d->args[i], d->argc ? d->argc : 1);
		} else if (d->range_hi > 0) {
			int64_t at = d->range_lo > 0 ? d->range_lo : 1;

			for (; at < d->range_hi; at *= 8)
				add_threads(&all, d, &at, 1);
			add_threads(&all, d, &d->range_hi, 1);
		} else {
			add_threads(&all, d, NULL, 0);
		}
	}
	return &all;
}

struct instance *catalogue_find(const struct catalogue *c, const char *name)
{
	for (size_t i = 0; i < c->n; i++) {
		if (strcmp(c->at[i]->name, name) == 0)
			return c->at[i];
	}
	return NULL;
}

bool catalogue_usual(const struct instance *in)
{
	if ((in->def->flags & BENCH_FULL_ONLY) && !bench_is_full())
		return false;
	return !(in->def->flags & BENCH_MANY_PROCS) || bench_procs() > 2;
}

bool instance_by_cpu(const struct instance *in)
{
	return in->def->clock && strcmp(in->def->clock, "cpu") == 0;
}

void instance_write(const struct instance *in, struct json *j)
{
	const bench_def *d = in->def;

	json_text(j, "name", in->name);
	json_int(j, "threads", in->threads);
	json_text(j, "placement", place_name(d->placement));
	json_text(j, "clock", instance_by_cpu(in) ? "cpu" : "wall");
	json_text(j, "model", d->model ? d->model : "closed");
	if (d->baseline)
		json_text(j, "baseline", d->baseline);
	if (d->flags & BENCH_FULL_ONLY)
		json_bool(j, "full_only", true);
	if (d->flags & BENCH_ONCE)
		json_bool(j, "once", true);
	if (d->flags & BENCH_CROWD)
		json_bool(j, "crowd", true);
}

void instance_write_outcome(const struct instance *in, FILE *to, const struct outcome *out,
							int repetition)
{
	struct json j = {.to = to};

	json_open(&j, NULL, '{');
	instance_write(in, &j);
	outcome_write(out, &j, in->threads, instance_by_cpu(in));
	json_int(&j, "repetition", repetition);
	json_text(&j, "gbench_version", BENCH_GBENCH_VERSION);
	json_text(&j, "time_semantics", "per thread");
	json_close(&j, '}');
	json_end(&j);
}
