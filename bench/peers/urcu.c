/* SPDX-License-Identifier: MIT
 *
 * urcu.c - liburcu (memb flavour): its lock-free hash table, and its read section. Removed nodes go by call_rcu. */
#include "base/compiler.h"
#include "bench/bench.h"

#define URCU_INLINE_SMALL_FUNCTIONS
#include <urcu/urcu-memb.h>
#include <urcu/rculfhash.h>

#include <stdlib.h>

#include "bench/map_rows.h"

struct map {
	struct cds_lfht *ht;
};

struct entry {
	struct cds_lfht_node node;
	struct rcu_head head;
	uint64_t key, value;
};

/* The table takes the low bits; the same mix that a careful user would write. */
static inline unsigned long hash(uint64_t key)
{
	key ^= key >> 32;
	key *= 0xd6e8feb86659fd93ull;
	return key ^ key >> 32;
}

static int same(struct cds_lfht_node *node, const void *key)
{
	return caa_container_of(node, struct entry, node)->key == *(const uint64_t *)key;
}

static void free_entry(struct rcu_head *head)
{
	free(caa_container_of(head, struct entry, head));
}

static struct cds_lfht_node *find(struct map *m, uint64_t key)
{
	struct cds_lfht_iter iter;

	cds_lfht_lookup(m->ht, hash(key), same, &key, &iter);
	return cds_lfht_iter_get_node(&iter);
}

static bool get(struct map *m, uint64_t i)
{
	bool there;

	urcu_memb_read_lock();
	struct cds_lfht_node *node = find(m, map_word(i));

	there = node && caa_container_of(node, struct entry, node)->key == map_word(i);
	urcu_memb_read_unlock();
	return there;
}

static void put(struct map *m, uint64_t i)
{
	struct entry *e = malloc(sizeof *e);
	struct cds_lfht_node *old;

	if (!e)
		abort();
	e->key = map_word(i);
	e->value = i;
	cds_lfht_node_init(&e->node);
	urcu_memb_read_lock();
	old = cds_lfht_add_replace(m->ht, hash(e->key), same, &e->key, &e->node);
	urcu_memb_read_unlock();
	if (old)
		urcu_memb_call_rcu(&caa_container_of(old, struct entry, node)->head, free_entry);
}

static bool del(struct map *m, uint64_t i)
{
	urcu_memb_read_lock();
	struct cds_lfht_node *node = find(m, map_word(i));
	bool mine = node && cds_lfht_del(m->ht, node) == 0;

	urcu_memb_read_unlock();
	if (mine)
		urcu_memb_call_rcu(&caa_container_of(node, struct entry, node)->head, free_entry);
	return mine;
}

static uint64_t each(struct map *m)
{
	struct cds_lfht_iter iter;
	uint64_t n = 0;

	urcu_memb_read_lock();
	cds_lfht_first(m->ht, &iter);
	while (cds_lfht_iter_get_node(&iter)) {
		n++;
		cds_lfht_next(m->ht, &iter);
	}
	urcu_memb_read_unlock();
	return n;
}

static struct map *map_make(void)
{
	struct map *m = malloc(sizeof *m);

	if (!m)
		return NULL;
	m->ht = cds_lfht_new_flavor(64, 64, 0, CDS_LFHT_AUTO_RESIZE | CDS_LFHT_ACCOUNTING, &urcu_memb_flavor, NULL);
	if (!m->ht) {
		free(m);
		return NULL;
	}
	return m;
}

static void map_drop(struct map *m)
{
	struct cds_lfht_iter iter;
	struct cds_lfht_node *node;

	urcu_memb_read_lock();
	cds_lfht_first(m->ht, &iter);
	while ((node = cds_lfht_iter_get_node(&iter))) {
		cds_lfht_next(m->ht, &iter);
		if (cds_lfht_del(m->ht, node) == 0)
			urcu_memb_call_rcu(&caa_container_of(node, struct entry, node)->head, free_entry);
	}
	urcu_memb_read_unlock();
	cds_lfht_destroy(m->ht, NULL);
	free(m);
}

static void thread_in(void)
{
	urcu_memb_register_thread();
}

static void thread_out(void)
{
	urcu_memb_unregister_thread();
}

#define MAP_NAME "urcu_lfht"
#define MAP_HAS(op) true
#define MAP_SHARED(op) ((op) == MAP_HIT || (op) == MAP_CHURN || (op) == MAP_MIX90 || (op) == MAP_MIX50)
#include "bench/map_peer.h"

static void section(bench *b)
{
	uint64_t n;

	urcu_memb_register_thread();
	while ((n = bench_next(b)) != 0) {
		for (uint64_t i = 0; i < n; i++) {
			urcu_memb_read_lock();
			urcu_memb_read_unlock();
		}
	}
	urcu_memb_unregister_thread();
}
BENCH_NAMED(urcu_section, "urcu/section", .run = section, .placement = BENCH_SAME_CPU)

static void retire(bench *b)
{
	uint64_t n;

	urcu_memb_register_thread();
	while ((n = bench_next(b)) != 0) {
		for (uint64_t i = 0; i < n; i++) {
			struct entry *e = malloc(sizeof *e);

			if (!e)
				abort();
			urcu_memb_call_rcu(&e->head, free_entry);
		}
	}
	urcu_memb_unregister_thread();
	urcu_memb_barrier();
}
BENCH_NAMED(urcu_retire, "urcu/retire", .run = retire, .placement = BENCH_SAME_CPU)
