/* SPDX-License-Identifier: MIT
 *
 * ck_map.c - libck's ck_ht (words, and bytes) and ck_rhs: one writer at a time, so writers share a lock; readers are in
 * an epoch. ck_ht of libck 0.7.1 inserts a key twice after a removal, so it is never asked to remove: no churn. ck_rhs
 * loses count when memory runs out while it grows; it does not, here. Its entries live as long as the map, so a
 * reader may still hold one that was removed.
 */
#include <ck_epoch.h> /* CK first: our short force_inline would change its attributes */
#include <ck_ht.h>
#include <ck_malloc.h>
#include <ck_rhs.h>
#include <ck_spinlock.h>

#include "base/compiler.h"
#include "bench/map_peer.h"

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
		if (!record)
			abort();
		ck_epoch_register(&epoch, record, NULL);
	}
}

static void forget_outgrown(void)
{
	while (noutgrown > 0)
		free(outgrown[--noutgrown]);
}

/* ---- ck_ht --------------------------------------------------------------------------------------- */

struct table {
	ck_ht_t ht;
	ck_spinlock_fas_t lock;
	const map_text *text; /* NULL: words */
};

static force_inline ck_ht_hash_t key_of(struct table *t, uint64_t i, ck_ht_entry_t *e)
{
	ck_ht_hash_t h;

	if (t->text) {
		ck_ht_hash(&h, &t->ht, t->text[i], MAP_TEXT_LEN);
		ck_ht_entry_key_set(e, t->text[i], MAP_TEXT_LEN);
	} else {
		ck_ht_hash_direct(&h, &t->ht, (uintptr_t)map_word(i));
		ck_ht_entry_key_set_direct(e, (uintptr_t)map_word(i));
	}
	return h;
}

static force_inline bool get(struct table *t, uint64_t i)
{
	ck_ht_entry_t e;
	ck_ht_hash_t h = key_of(t, i, &e);
	bool there;

	ck_epoch_begin(record, NULL);
	there = ck_ht_get_spmc(&t->ht, h, &e);
	ck_epoch_end(record, NULL);
	return there;
}

static force_inline void put(struct table *t, uint64_t i)
{
	ck_ht_entry_t e;
	ck_ht_hash_t h = key_of(t, i, &e);

	if (t->text)
		ck_ht_entry_set(&e, h, t->text[i], MAP_TEXT_LEN, (void *)(uintptr_t)(i + 1));
	else
		ck_ht_entry_set_direct(&e, h, (uintptr_t)map_word(i), (uintptr_t)(i + 1));
	ck_spinlock_fas_lock(&t->lock);
	if (!ck_ht_set_spmc(&t->ht, h, &e))
		abort();
	ck_spinlock_fas_unlock(&t->lock);
}

static bool del(struct table *t, uint64_t i)
{
	(void)t, (void)i;
	abort(); /* see above */
}

static uint64_t each(struct table *t)
{
	ck_ht_iterator_t it = CK_HT_ITERATOR_INITIALIZER;
	ck_ht_entry_t *e;
	uint64_t n = 0;

	ck_spinlock_fas_lock(&t->lock); /* nobody may write meanwhile */
	while (ck_ht_next(&t->ht, &it, &e))
		n++;
	ck_spinlock_fas_unlock(&t->lock);
	return n;
}

static struct table *table_make(unsigned mode)
{
	struct table *t = calloc(1, sizeof *t);

	if (t && !ck_ht_init(&t->ht, mode, NULL, &memory, 64, 6602834)) {
		free(t);
		t = NULL;
	}
	return t;
}

static void *words_make(uint64_t most)
{
	(void)most;
	return table_make(CK_HT_MODE_DIRECT);
}

static void *texts_make(uint64_t most)
{
	struct table *t = table_make(CK_HT_MODE_BYTESTRING);

	if (t)
		t->text = map_texts(most);
	return t;
}

static void table_drop(void *map)
{
	struct table *t = map;

	ck_ht_destroy(&t->ht);
	forget_outgrown();
	free(t);
}

MAP_LOOPS(loop, struct table, get, put, del, each)

static bool run(void *map, enum map_op op, uint64_t size, uint64_t n, uint64_t seed)
{
	return loop(map, op, size, n, seed);
}

/* ---- ck_rhs -------------------------------------------------------------------------------------- */

struct entry {
	uint64_t key, value;
};

struct set {
	ck_rhs_t rhs;
	ck_spinlock_fas_t lock;
	struct entry *entry; /* of each key that there may be */
};

static unsigned long hash(const void *object, unsigned long seed)
{
	uint64_t x = ((const struct entry *)object)->key ^ seed;

	x ^= x >> 32;
	x *= 0xd6e8feb86659fd93ull;
	return x ^ x >> 32;
}

static bool same(const void *a, const void *b)
{
	return ((const struct entry *)a)->key == ((const struct entry *)b)->key;
}

static force_inline bool set_get(struct set *s, uint64_t i)
{
	struct entry e = {map_word(i), 0};
	bool there;

	ck_epoch_begin(record, NULL);
	there = ck_rhs_get(&s->rhs, CK_RHS_HASH(&s->rhs, hash, &e), &e) != NULL;
	ck_epoch_end(record, NULL);
	return there;
}

static force_inline void set_put(struct set *s, uint64_t i)
{
	struct entry *e = &s->entry[i];
	void *before;

	e->key = map_word(i);
	e->value = i;
	ck_spinlock_fas_lock(&s->lock);
	if (!ck_rhs_set(&s->rhs, CK_RHS_HASH(&s->rhs, hash, e), e, &before))
		abort();
	ck_spinlock_fas_unlock(&s->lock);
}

static force_inline bool set_del(struct set *s, uint64_t i)
{
	struct entry e = {map_word(i), 0};
	bool there;

	ck_spinlock_fas_lock(&s->lock);
	there = ck_rhs_remove(&s->rhs, CK_RHS_HASH(&s->rhs, hash, &e), &e) != NULL;
	ck_spinlock_fas_unlock(&s->lock);
	return there;
}

static uint64_t set_each(struct set *s)
{
	ck_rhs_iterator_t it = CK_RHS_ITERATOR_INITIALIZER;
	void *e;
	uint64_t n = 0;

	ck_spinlock_fas_lock(&s->lock); /* nobody may write meanwhile */
	while (ck_rhs_next(&s->rhs, &it, &e))
		n++;
	ck_spinlock_fas_unlock(&s->lock);
	return n;
}

static void *set_make(uint64_t most)
{
	struct set *s = calloc(1, sizeof *s);

	if (!s)
		return NULL;
	s->entry = calloc(most, sizeof *s->entry);
	if (s->entry && ck_rhs_init(&s->rhs, CK_RHS_MODE_SPMC | CK_RHS_MODE_OBJECT, hash, same, &memory, 64, 6602834))
		return s;
	free(s->entry);
	free(s);
	return NULL;
}

static void set_drop(void *map)
{
	struct set *s = map;

	ck_rhs_destroy(&s->rhs);
	forget_outgrown();
	free(s->entry);
	free(s);
}

MAP_LOOPS(set_loop, struct set, set_get, set_put, set_del, set_each)

static bool set_run(void *map, enum map_op op, uint64_t size, uint64_t n, uint64_t seed)
{
	return set_loop(map, op, size, n, seed);
}

static const struct map_kind kinds[] = {
	{"ck_ht", false, words_make, table_drop, run, thread_in, map_nothing, true},
	{"ck_ht", true, texts_make, table_drop, run, thread_in, map_nothing, true},
	{"ck_rhs", false, set_make, set_drop, set_run, thread_in, map_nothing, false},
};

__attribute__((constructor)) static void register_rows(void)
{
	for (size_t i = 0; i < countof(kinds); i++)
		map_register(&kinds[i]);
}
