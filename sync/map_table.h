/* SPDX-License-Identifier: MIT
 *
 * sync/map_table.h - the concurrent map's structure, and the reader's way through it. docs/map.md has the argument.
 *
 * A table is an array of buckets, indexed by the highest bits of the hash, so that bucket i of 2^k holds the i-th of
 * 2^k intervals of all hashes. A bucket is a cache line: three entries, a link to further lines, and a
 * word that says which entries are there.
 *
 *   bits of meta       set by                     cleared by            a reader who misses the change
 *   LOCK     0         writer, CAS                the same, store       does not look at it
 *   MOVING   1         mover, with the lock       mover (MOVED)         looked before an entry left: it is still here
 *   MOVED    2         mover, with the lock       never                 likewise
 *   PRESENT  3-5       writer, with the lock      writer or mover       linearizes before the change
 *   VERSION  6-63      counts changes of keys, before the key changes
 *
 * LOCK, MOVING, MOVED and VERSION are used in the bucket itself only, for its whole chain.
 *
 * Ordering.
 *   M1  writer: meta.store rel (PRESENT)       -> reader: meta.load acq      key and value of a new entry
 *   M2  writer: meta.store (VERSION), key and value.store rel
 *       -> reader: key or value.load acq, meta.load    who sees the new content sees the new version, and looks again
 *   M3  mover: entry in the new table, meta.store rel -> reader: meta.load acq    who misses it here finds it there
 *   M4  line.store rel (link), table.store rel (next, map) -> load acq     contents of what is pointed to
 *   M5  unlock: meta.store rel -> lock: meta.cas                           everything under the lock
 */
#ifndef SYNC_MAP_TABLE_H
#define SYNC_MAP_TABLE_H

#include "base/siphash.h"
#include "sched/lock.h"
#include "sync/counter_priv.h"
#include "wend/map.h"

#define MAP_LINE 64
#define MAP_SLOTS 3 /* map_match knows */

enum {
	MAP_LOCK = 1,
	MAP_MOVING = 2,
	MAP_MOVED = 4,
	MAP_PRESENT_SHIFT = 3,
	MAP_PRESENT = 7 << MAP_PRESENT_SHIFT,
	MAP_VERSION_SHIFT = 6,
	MAP_VERSION = 1 << MAP_VERSION_SHIFT,
};

/* For keys of words: key and value. For others: hash and node. */
struct bucket {
	alignas(MAP_LINE) atm_u64 meta;
	atm_u64 key[MAP_SLOTS];
	atm_u64 val[MAP_SLOTS];
	atm_ptr link; /* further lines; pushed in front, never taken out */
};

struct node {
	atm_u64 value; /* written under the bucket's lock */
	size_t len;    /* constant, as the bytes; a zero follows them */
	char bytes[];
};

/* What wend_map_init was given. Readers of the map hold it through the map; what is retired, through `mark`. */
struct map_core {
	wend_map_config cfg; /* constant */
	struct lock lock;
	atm_u32 nrangers;       /* written under lock */
	struct ranger *rangers; /* under lock; oldest first */
	struct held *held, **held_end; /* under lock: destroyed when no ranger is older; oldest first */
	uint64_t seq;           /* under lock: order of rangers and held things */
	bool freed;             /* under lock: by wend_map_free */
	atm_u32 refs;           /* the map, and cleared tables on their way */
	uint64_t mark;          /* of wend_map_free: all that refers to the core was retired before */
};

/* Tables that follow one another by growing and shrinking share it; clear ends it. */
struct map_root {
	wend_counter count;
};

struct table {
	/* constant */
	alignas(MAP_LINE) uint32_t shift; /* 64 - log2 of the number of buckets */
	enum wend_map_keys keys;
	uint64_t mix[3]; /* of the hash */
	struct map_core *core;
	struct map_root *root;
	atm_ptr next; /* the table that entries move to; set once */
	/* constant, seldom read */
	alignas(MAP_LINE) uint64_t n;
	uint64_t nlines; /* lines behind the buckets, for chains */
	size_t bytes;
	void *block; /* what free wants */
	atm_u64 used;  /* lines given out, those that were refused included */
	atm_ptr extra; /* struct extra: further ones */
	/* while entries move */
	alignas(MAP_LINE) atm_u64 cursor; /* where to look for some; wraps */
	atm_u64 left;                     /* buckets that are not MOVED */
	struct bucket bucket[];
};

/* Full product of two words, folded: each bit of the result depends on all of a and b. */
static force_inline uint64_t map_fold(uint64_t a, uint64_t b)
{
	__uint128_t p = (__uint128_t)a * b;

	return (uint64_t)p ^ (uint64_t)(p >> 64);
}

static force_inline uint64_t map_hash_word(const struct table *t, uint64_t key)
{
	return map_fold(map_fold(key ^ t->mix[0], t->mix[1]), t->mix[2]);
}

static force_inline struct bucket *map_bucket(struct table *t, uint64_t hash)
{
	return &t->bucket[hash >> t->shift];
}

/* Which of the line's present entries has this key (or hash)? As bits, lowest first. */
static force_inline unsigned map_match(const struct bucket *line, uint64_t meta, uint64_t key)
{
	/* Without a branch: which one it is cannot be predicted. acq M2 */
	unsigned bits = (unsigned)(atm_load_acq(&line->key[0]) == key) | (unsigned)(atm_load_acq(&line->key[1]) == key) << 1 |
					(unsigned)(atm_load_acq(&line->key[2]) == key) << 2;

	return bits & (unsigned)meta >> MAP_PRESENT_SHIFT;
}

/* A key as the caller gave it. */
struct map_key {
	uint64_t word; /* words: the key; others: the hash */
	uint64_t hash;
	const char *data;
	size_t len;
};

/* Has no key of the chain changed since its meta was read? */
static force_inline bool map_version_is(const struct bucket *b, uint64_t meta)
{
	return (atm_load_rlx(&b->meta) ^ meta) >> MAP_VERSION_SHIFT == 0; /* rlx: after the acquire of M2 */
}

/* Should the size be looked at? One write in eight of those that make a bucket full or empty; each, while it is small. */
static force_inline bool map_look_at_size(const struct table *t, uint64_t hash, uint64_t meta)
{
	return ((hash ^ meta >> MAP_VERSION_SHIFT) & 7) == 0 || t->n < 128; /* a coin to toss */
}

/* ---- map.c: any kind of key, in any state of the table ------------------------------------------- */

bool map_load_any(const wend_map *m, uint64_t key, uint64_t *value);
int map_store_any(wend_map *m, uint64_t key, uint64_t value);
int map_insert_any(wend_map *m, uint64_t key, uint64_t value, uint64_t *actual);
bool map_delete_any(wend_map *m, uint64_t key, uint64_t *value);

/* ---- map_table.c -------------------------------------------------------------------------------- */

/* One call's business, done when it is outside again. */
struct map_call {
	wend_map *map;
	struct m *mp;
	unsigned moved;      /* entries; at most WEND_MAP_MOVE_MOST */
	struct table *empty; /* all its entries have moved */
};

void map_key_make(struct map_key *k, const struct table *t, uint64_t key);
struct table *map_table_first(wend_map *m); /* NULL: no memory */
void map_table_free(struct table *t);
void map_table_gone(void *table, void *unused); /* for reclaim_later */
void map_table_retire(struct table *t);
bool map_insert(struct table *t, struct bucket *b, struct bucket *line, int i, uint64_t key, uint64_t val);
uint64_t map_lock(struct bucket *b); /* the former meta; with MOVED it is not locked */
bool map_move_bucket(struct map_call *c, struct table *t, struct bucket *b);
void map_help(struct map_call *c, struct table *t);
void map_grow(struct map_call *c, struct table *t);
void map_shrink(struct map_call *c, struct table *t);

/* The most entries that one call has moved in this process, for the tests. */
extern atm_u32 wend__map_moved_most;

/* ---- map_range.c -------------------------------------------------------------------------------- */

/* For reclaim_later, with the core: one value; one entry, without or with its value. */
void map_drop_value(void *value, void *core);
void map_drop_node(void *node, void *core);
void map_drop_entry(void *node, void *core);

#endif
