/* SPDX-License-Identifier: MIT
 *
 * sync/plainmap.c - the map that catches concurrent use: a wend_map, and a word that says somebody writes. The checks are Go's: a
 * writer finds the word set, or finds at its end that another writer has cleared it. The word's accesses are relaxed: it
 * orders nothing and need not catch all. */
#include "wend/plainmap.h"

#include "base/fatal.h"
#include "sync/map_table.h"

static force_inline bool writing(const wend_plainmap *m)
{
	return unlikely(atm_load_rlx(&m->wend__writing)); /* rlx: a best effort, here and below */
}

static force_inline void write_begin(wend_plainmap *m)
{
	if (writing(m))
		wend__fatal("concurrent map writes");
	atm_store_rlx(&m->wend__writing, 1);
}

static force_inline void write_end(wend_plainmap *m)
{
	if (unlikely(!writing(m)))
		wend__fatal("concurrent map writes");
	atm_store_rlx(&m->wend__writing, 0);
}

static force_inline void check_read(const wend_plainmap *m)
{
	if (writing(m))
		wend__fatal("concurrent map read and map write");
}

int wend_plainmap_init(wend_plainmap *m, const wend_map_config *cfg)
{
	atm_store_rlx(&m->wend__writing, 0);
	return wend_map_init(&m->wend__map, cfg);
}

bool wend_plainmap_load(const wend_plainmap *m, uint64_t key, uint64_t *value)
{
	check_read(m);
	return wend_map_load(&m->wend__map, key, value);
}

int wend_plainmap_store(wend_plainmap *m, uint64_t key, uint64_t value)
{
	int rc;

	write_begin(m);
	rc = wend_map_store(&m->wend__map, key, value);
	write_end(m);
	return rc;
}

bool wend_plainmap_delete(wend_plainmap *m, uint64_t key)
{
	bool there;

	write_begin(m);
	there = wend_map_delete(&m->wend__map, key);
	write_end(m);
	return there;
}

struct visit {
	const wend_plainmap *m;
	bool (*fn)(uint64_t key, uint64_t value, void *arg);
	void *arg;
};

static bool visit(uint64_t key, uint64_t value, void *arg)
{
	struct visit *v = arg;

	if (writing(v->m))
		wend__fatal("concurrent map iteration and map write");
	return v->fn(key, value, v->arg);
}

int wend_plainmap_range(wend_plainmap *m, bool (*fn)(uint64_t key, uint64_t value, void *arg), void *arg)
{
	struct visit v = {m, fn, arg};

	if (writing(m))
		wend__fatal("concurrent map iteration and map write");
	return wend_map_range(&m->wend__map, visit, &v);
}

void wend_plainmap_clear(wend_plainmap *m)
{
	write_begin(m);
	wend_map_clear(&m->wend__map);
	write_end(m);
}

size_t wend_plainmap_len(const wend_plainmap *m)
{
	check_read(m);
	return wend_map_len(&m->wend__map);
}

void wend_plainmap_free(wend_plainmap *m)
{
	if (m)
		wend_map_free(&m->wend__map);
}
