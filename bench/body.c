/* SPDX-License-Identifier: MIT
 *
 * bench/body.c - what the body of a benchmark may ask its run, and tell it beside the time. */
#include "bench/run_priv.h"

#include <stdlib.h>
#include <string.h>

int bench_thread(const bench *b)
{
	return b->index;
}

int bench_threads(const bench *b)
{
	return b->in->threads;
}

int64_t bench_arg(const bench *b, int i)
{
	return i >= 0 && i < b->in->nargs ? b->in->args[i] : 0;
}

void *bench_user(const bench *b)
{
	return b->in->def->user;
}

void bench_set_state(bench *b, void *state)
{
	b->run->state = state;
}

void *bench_state(const bench *b)
{
	return b->run->state;
}

void bench_time(bench *b, uint64_t ns)
{
	b->manual_ns += ns;
}

void bench_lat(bench *b, uint64_t ns)
{
	hist_add(&b->lat, ns);
}

void bench_count(bench *b, const char *name, double value, enum bench_count_kind kind)
{
	counts_add(&b->counts, name, value, kind);
}

void bench_items(bench *b, uint64_t items_per_op)
{
	b->items = items_per_op ? (int64_t)items_per_op : 1;
}

void bench_label(bench *b, const char *label)
{
	pthread_mutex_lock(&b->run->lock);
	free(b->run->out.label);
	b->run->out.label = strdup(label);
	pthread_mutex_unlock(&b->run->lock);
}
