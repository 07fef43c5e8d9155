/* SPDX-License-Identifier: MIT
 *
 * ck_map.c - libck's ck_ht: one writer at a time, so writers share a lock; readers are in an epoch. libck 0.7.1's table inserts a
 * key twice after a removal, so it is never asked to remove here: no churn. */
#include <ck_epoch.h> /* CK first: our short force_inline would change its attributes */
#include <ck_ht.h>
#include <ck_malloc.h>
#include <ck_spinlock.h>

#include <stdlib.h>

#include "base/compiler.h"
#include "bench/map_rows.h"

struct map {
	ck_ht_t ht;
	ck_spinlock_fas_t lock;
};

static void *get_memory(size_t n)
{
	return malloc(n);
}

/* What readers may still see: a table that was outgrown. Tables grow only while one thread uses them. */
static void *outgrown[64];
static int noutgrown;

static void give_memory(void *p, size_t n, bool defer)
{
	(void)n;
	if (defer && noutgrown < 64)
		outgrown[noutgrown++] = p;
	else if (!defer)
		free(p);
}

static struct ck_malloc memory = {.malloc = get_memory, .free = give_memory};
static ck_epoch_t epoch;
static __thread ck_epoch_record_t *record;

static void thread_in(void)
{
	static bool ready;

	if (!ready) {
		ck_epoch_init(&epoch);
		ready = true;
	}
	if (!record) { /* a record cannot leave its epoch: it stays */
		record = aligned_alloc(CACHELINE, 2 * CACHELINE);
		ck_epoch_register(&epoch, record, NULL);
	}
}

static void thread_out(void)
{
}

static bool get(struct map *m, uint64_t i)
{
	ck_ht_hash_t h;
	ck_ht_entry_t e;
	bool there;

	ck_ht_hash_direct(&h, &m->ht, (uintptr_t)map_word(i));
	ck_ht_entry_key_set_direct(&e, (uintptr_t)map_word(i));
	ck_epoch_begin(record, NULL);
	there = ck_ht_get_spmc(&m->ht, h, &e);
	ck_epoch_end(record, NULL);
	return there;
}

static void put(struct map *m, uint64_t i)
{
	ck_ht_hash_t h;
	ck_ht_entry_t e;

	ck_ht_hash_direct(&h, &m->ht, (uintptr_t)map_word(i));
	ck_ht_entry_set_direct(&e, h, (uintptr_t)map_word(i), (uintptr_t)(i + 1));
	ck_spinlock_fas_lock(&m->lock);
	if (!ck_ht_set_spmc(&m->ht, h, &e))
		abort();
	ck_spinlock_fas_unlock(&m->lock);
}

static bool del(struct map *m, uint64_t i)
{
	(void)m, (void)i;
	abort(); /* see above */
}

static uint64_t each(struct map *m)
{
	ck_ht_iterator_t it = CK_HT_ITERATOR_INITIALIZER;
	ck_ht_entry_t *e;
	uint64_t n = 0;

	ck_spinlock_fas_lock(&m->lock); /* nobody may write meanwhile */
	while (ck_ht_next(&m->ht, &it, &e))
		n++;
	ck_spinlock_fas_unlock(&m->lock);
	return n;
}

static struct map *map_make(void)
{
	struct map *m = calloc(1, sizeof *m);

	if (m && !ck_ht_init(&m->ht, CK_HT_MODE_DIRECT, NULL, &memory, 64, 6602834)) {
		free(m);
		m = NULL;
	}
	return m;
}

static void map_drop(struct map *m)
{
	ck_ht_destroy(&m->ht);
	while (noutgrown > 0)
		free(outgrown[--noutgrown]);
	free(m);
}

#define MAP_NAME "ck_ht"
#define MAP_HAS(op) ((op) != MAP_CHURN)
#define MAP_SHARED(op) ((op) == MAP_HIT || (op) == MAP_MIX90 || (op) == MAP_MIX50)
#include "bench/map_peer.h"
