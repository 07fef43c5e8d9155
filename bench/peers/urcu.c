/* SPDX-License-Identifier: MIT
 *
 * urcu.c - liburcu (memb flavour): its lock-free hash table, and its read section. Removed nodes go by call_rcu. */
#include "base/compiler.h"
#include "bench/bench.h"

#define URCU_INLINE_SMALL_FUNCTIONS
#include <urcu/urcu-memb.h>
#include <urcu/rculfhash.h>

#include "base/siphash.h"
#include "bench/map_peer.h"

struct map {
	struct cds_lfht *ht;
	const map_text *text; /* NULL: words */
};

struct entry {
	struct cds_lfht_node node;
	struct rcu_head head;
	uint64_t value;
	union {
		uint64_t word;
		map_text text;
	} key;
};

/* The table takes the low bits; the same mixes that a careful user would write. */
static force_inline unsigned long hash(const struct map *m, uint64_t i)
{
	uint64_t key = map_word(i);

	if (m->text)
		return siphash(1, 2, m->text[i], MAP_TEXT_LEN, 1, 3);
	key ^= key >> 32;
	key *= 0xd6e8feb86659fd93ull;
	return key ^ key >> 32;
}

static int same_word(struct cds_lfht_node *node, const void *key)
{
	return caa_container_of(node, struct entry, node)->key.word == *(const uint64_t *)key;
}

static int same_text(struct cds_lfht_node *node, const void *key)
{
	return memcmp(caa_container_of(node, struct entry, node)->key.text, key, MAP_TEXT_LEN) == 0;
}

static void free_entry(struct rcu_head *head)
{
	free(caa_container_of(head, struct entry, head));
}

static force_inline struct cds_lfht_node *find(struct map *m, uint64_t i)
{
	struct cds_lfht_iter iter;
	uint64_t word = map_word(i);

	if (m->text)
		cds_lfht_lookup(m->ht, hash(m, i), same_text, m->text[i], &iter);
	else
		cds_lfht_lookup(m->ht, hash(m, i), same_word, &word, &iter);
	return cds_lfht_iter_get_node(&iter);
}

static force_inline bool get(struct map *m, uint64_t i)
{
	bool there;

	urcu_memb_read_lock();
	there = find(m, i) != NULL;
	urcu_memb_read_unlock();
	return there;
}

static force_inline void put(struct map *m, uint64_t i)
{
	struct entry *e = malloc(sizeof *e);
	struct cds_lfht_node *old;

	if (!e)
		abort();
	if (m->text)
		memcpy(e->key.text, m->text[i], sizeof e->key.text);
	else
		e->key.word = map_word(i);
	e->value = i;
	cds_lfht_node_init(&e->node);
	urcu_memb_read_lock();
	old = cds_lfht_add_replace(m->ht, hash(m, i), m->text ? same_text : same_word, &e->key, &e->node);
	urcu_memb_read_unlock();
	if (old)
		urcu_memb_call_rcu(&caa_container_of(old, struct entry, node)->head, free_entry);
}

static bool del(struct map *m, uint64_t i)
{
	urcu_memb_read_lock();
	struct cds_lfht_node *node = find(m, i);
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

static void *words_make(uint64_t most)
{
	struct map *m = calloc(1, sizeof *m);

	(void)most;
	if (!m)
		return NULL;
	m->ht = cds_lfht_new_flavor(64, 64, 0, CDS_LFHT_AUTO_RESIZE | CDS_LFHT_ACCOUNTING, &urcu_memb_flavor, NULL);
	if (!m->ht) {
		free(m);
		return NULL;
	}
	return m;
}

static void *texts_make(uint64_t most)
{
	struct map *m = words_make(most);

	if (m)
		m->text = map_texts(most);
	return m;
}

static void map_drop(void *map)
{
	struct map *m = map;
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

MAP_LOOPS(loop, struct map, get, put, del, each)

static bool run(void *map, enum map_op op, uint64_t size, uint64_t n, uint64_t seed)
{
	return loop(map, op, size, n, seed);
}

static const struct map_kind kinds[] = {
	{"urcu_lfht", false, words_make, map_drop, run, thread_in, thread_out, false},
	{"urcu_lfht", true, texts_make, map_drop, run, thread_in, thread_out, false},
};

__attribute__((constructor)) static void register_rows(void)
{
	for (size_t i = 0; i < countof(kinds); i++)
		map_register(&kinds[i]);
}

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
