/* SPDX-License-Identifier: MIT
 *
 * sync/map_table.c - the map's tables: hashing, memory, and how entries move from one to the next.
 *
 * A table is followed by another one (next) when it has become too small or too large. From then on each writer moves the
 * bucket that it came for, and a few more from where the cursor stands. A bucket that is being moved is locked; its
 * entries are put into the new table first and disappear here afterwards. One that could not be emptied at once (it has
 * more entries than a call may move, or memory is short) stays MOVING: writers of its keys hold its lock and that of
 * the new bucket. The one who empties the last bucket puts the new table in the old one's place.
 */
#include <stdlib.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <time.h>

#include "base/clock.h"
#include "sched/reclaim.h"
#include "sync/map_table.h"

#define MAP_FIRST ATM_SIZE(4, 2) /* buckets of the smallest table; at least 2 */
#define MAPPED ((size_t)128 << 10) /* bytes from which on memory comes straight from the kernel */
#define HUGE_PAGE ((size_t)2 << 20)
#define MOVE_MOST ATM_SIZE(WEND_MAP_MOVE_MOST / 2, 1) /* for the caller's own bucket, and as much for others */
#define HELP_ENOUGH ATM_SIZE(8, 1) /* entries after which a helper stops claiming buckets */
#define HELP_CLAIM ATM_SIZE(4, 1)  /* buckets claimed together */
#define HELP_CLAIMS ATM_SIZE(4, 2)
#define FREE_AT_ONCE 64
#define SMALL 512 /* buckets */

struct extra {
	struct bucket line;
	struct extra *next;
};

atm_u32 wend__map_moved_most;

/* ---- Hashing ------------------------------------------------------------------------------------ */

static uint64_t secret[2];

static void make_secret(void)
{
#ifdef WEND_ATOMICS_MODEL
	return; /* the same in each execution */
#endif
	const void *random = (const void *)getauxval(AT_RANDOM); /* 16 bytes from the kernel */

	if (getrandom(secret, sizeof secret, GRND_NONBLOCK) != sizeof secret && random)
		memcpy(secret, random, sizeof secret);
}

/* Whoever asks sees the secret, be it another's. */
static uint64_t keyed_hash(const void *in, size_t size)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;

	pthread_once(&once, make_secret);
	return siphash(secret[0], secret[1], in, size, 2, 4);
}

/* Different for each map, so that moving one map into another meets no order. Never 0. */
static uint64_t fresh_seed(void)
{
	static atm_u64 maps;
	uint64_t number = atm_add_sc(&maps, 1);

	return keyed_hash(&number, sizeof number) | 1;
}

static void make_mix(struct table *t, uint64_t seed)
{
	for (uint64_t i = 0; i < 3; i++) {
		uint64_t in[2] = {seed, i};

		t->mix[i] = keyed_hash(in, sizeof in) | (i != 0); /* multipliers are odd */
	}
}

void map_key_make(struct map_key *k, const struct table *t, uint64_t key)
{
	const struct map_core *core = t->core;

	if (t->keys == WEND_MAP_WORDS) {
		k->word = key;
		k->hash = map_hash_word(t, key);
		return;
	}
	if (t->keys == WEND_MAP_STRINGS) {
		k->data = (const char *)(uintptr_t)key;
		k->len = strlen(k->data);
	} else {
		const wend_bytes *bytes = (const wend_bytes *)(uintptr_t)key;

		k->data = bytes->len ? bytes->data : ""; /* no bytes may be nowhere */
		k->len = bytes->len;
	}
	if (core->cfg.hash)
		k->hash = map_hash_word(t, core->cfg.hash(k->data, k->len, core->cfg.arg));
	else
		k->hash = siphash(t->mix[0], t->mix[1], k->data, k->len, 1, 3);
	k->word = k->hash;
}

static force_inline uint64_t hash_of(const struct table *t, uint64_t word)
{
	return t->keys == WEND_MAP_WORDS ? map_hash_word(t, word) : word;
}

/* ---- Memory ------------------------------------------------------------------------------------- */

/* Zeros. calloc, as it knows which pages are fresh from the kernel and clear. */
static struct table *map_memory(size_t bytes)
{
	struct table *t;

	if (bytes < MAPPED) {
		char *block = calloc(1, bytes + MAP_LINE);

		if (!block)
			return NULL;
		t = (struct table *)(((uintptr_t)block + MAP_LINE) & ~(uintptr_t)(MAP_LINE - 1));
		t->block = block;
		return t;
	}
	t = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (t == MAP_FAILED)
		return NULL;
	if (bytes >= 2 * HUGE_PAGE)
		madvise(t, bytes, MADV_HUGEPAGE); /* random access: fewer misses of address translation */
	return t;
}

static struct table *table_make(wend_map *m, const struct table *like, uint64_t n)
{
	uint64_t nlines = n / 4 + 4;
	size_t bytes = sizeof(struct table) + (n + nlines) * sizeof(struct bucket);
	struct table *t = map_memory(bytes);

	if (!t)
		return NULL;
	t->shift = (uint32_t)(64 - __builtin_ctzll(n));
	t->n = n;
	t->nlines = nlines;
	t->bytes = bytes;
	t->core = atm_load_rlx(&m->wend__core); /* rlx: constant after init */
	if (like) {
		t->root = like->root;
		memcpy(t->mix, like->mix, sizeof t->mix);
	}
	t->keys = t->core ? t->core->cfg.keys : WEND_MAP_WORDS;
	atm_store_rlx(&t->left, n); /* rlx: nobody else has t yet */
	return t;
}

void map_table_free(struct table *t)
{
	if (t->bytes < MAPPED)
		free(t->block);
	else
		munmap(t, t->bytes);
}

void map_table_gone(void *table, void *unused)
{
	struct table *t = table;
	struct extra *e = atm_load_rlx(&t->extra); /* rlx: nobody else has t any more */

	do {
		for (int i = 0; e && i < FREE_AT_ONCE; i++) {
			struct extra *next = e->next;

			free(e);
			e = next;
		}
		atm_store_rlx(&t->extra, e);
	} while (e && !reclaim_if_memory(map_table_gone, t, NULL));
	if (!e)
		map_table_free(t);
}

/* Large ones at once if possible, rather than when the next block is full. */
void map_table_retire(struct table *t)
{
	bool large = t->bytes >= MAPPED;

	reclaim_later(map_table_gone, t, NULL);
	if (large)
		reclaim_hasten();
}

noinline struct table *map_table_first(wend_map *m)
{
	struct table *t, *other;
	struct map_root *root;

	if (atm_load_rlx(&m->wend__seed) == 0) /* rlx: the CAS decides */
		atm_cas_sc(&m->wend__seed, 0, fresh_seed());
	t = table_make(m, NULL, MAP_FIRST);
	root = t ? calloc(1, sizeof *root) : NULL;
	if (!root) {
		if (t)
			map_table_free(t);
		return atm_load_acq(&m->wend__table); /* acq M4: another's */
	}
	t->root = root;
	make_mix(t, atm_load_rlx(&m->wend__seed)); /* rlx: a number, and no longer 0 */
	while (!atm_cas_sc(&m->wend__table, NULL, t)) { /* M4 */
		other = atm_load_acq(&m->wend__table); /* acq M4 */
		if (other) {
			free(root);
			map_table_free(t);
			return other;
		} /* else another's was there, and has been cleared since */
	}
	return t;
}

static struct bucket *line_make(struct table *t)
{
	if (atm_load_rlx(&t->used) < t->nlines) { /* rlx: a hint */
		uint64_t i = atm_add_sc(&t->used, 1);

		if (i < t->nlines)
			return &t->bucket[t->n + i];
	}
	struct extra *e = aligned_alloc(MAP_LINE, sizeof *e);

	if (!e)
		return NULL;
	memset(e, 0, sizeof *e);
	do
		e->next = atm_load_rlx(&t->extra); /* rlx: the CAS decides; nobody follows it while t is used */
	while (!atm_cas_sc(&t->extra, e->next, e));
	return &e->line;
}

/* ---- Buckets ------------------------------------------------------------------------------------ */

/* Whoever has the lock works for some nanoseconds, unless the kernel has taken its CPU. */
static noinline void lock_wait(const struct bucket *b)
{
	const struct timespec ts = {0, 20000};

	for (int i = 0; atm_load_rlx(&b->meta) & MAP_LOCK; i++) { /* rlx: the CAS follows */
		if (i < 200)
			atm_pause();
		else
			nanosleep(&ts, NULL);
	}
}

uint64_t map_lock(struct bucket *b)
{
	for (;;) {
		uint64_t meta = atm_load_acq(&b->meta); /* acq M3: next, when MOVED */

		if (unlikely(meta & MAP_MOVED))
			return meta;
		if (unlikely(meta & MAP_LOCK))
			lock_wait(b);
		else if (likely(atm_cas_sc(&b->meta, meta, meta | MAP_LOCK))) /* M5 */
			return meta;
	}
}

/* A new entry of bucket b, which is locked: into slot i of line, or, with NULL, into a line of its own. Unlocks, unless
 * it returns false: no memory, nothing has changed. */
bool map_insert(struct table *t, struct bucket *b, struct bucket *line, int i, uint64_t key, uint64_t val)
{
	uint64_t meta = atm_load_rlx(&b->meta) + MAP_VERSION; /* rlx: under the lock */

	if (unlikely(!line)) {
		line = line_make(t);
		if (!line)
			return false;
		atm_store_rlx(&line->key[0], key); /* rlx: published by the link */
		atm_store_rlx(&line->val[0], val);
		atm_store_rlx(&line->meta, 1 << MAP_PRESENT_SHIFT);
		atm_store_rlx(&line->link, atm_load_rlx(&b->link));
		atm_store_rel(&b->link, line); /* rel M4 */
	} else {
		atm_store_rlx(&b->meta, meta); /* rlx: before the next two, M2 */
		atm_store_rel(&line->key[i], key); /* rel M2 */
		atm_store_rel(&line->val[i], val); /* rel M2 */
		if (line == b)
			meta |= 1u << (MAP_PRESENT_SHIFT + i);
		else /* rel M1; rlx: under the lock */
			atm_store_rel(&line->meta, atm_load_rlx(&line->meta) | 1u << (MAP_PRESENT_SHIFT + i));
	}
	atm_store_rel(&b->meta, meta & ~(uint64_t)MAP_LOCK); /* rel M1, M5 */
	return true;
}

/* ---- Moving ------------------------------------------------------------------------------------- */

static inline int free_slot(const struct bucket *line)
{
	uint64_t present = atm_load_rlx(&line->meta) & MAP_PRESENT; /* rlx: under the lock */

	return present == MAP_PRESENT ? -1 : __builtin_ctz(~(unsigned)(present >> MAP_PRESENT_SHIFT));
}

/* An entry of t, whose bucket is locked, and which is not in `to` yet, comes there. Looks for room in two lines only.
 * Nobody moves anything out of `to` before we are through. In a larger table all writers of its bucket
 * come by way of this one of t and hold its lock: so we need no other. */
static bool put_moved(const struct table *t, struct table *to, uint64_t key, uint64_t val)
{
	struct bucket *b = map_bucket(to, hash_of(to, key)), *line = b;

	if (to->n < t->n)
		map_lock(b);

	int i = free_slot(line);

	if (i < 0) {
		line = atm_load_rlx(&b->link); /* rlx: under the lock */
		i = line ? free_slot(line) : -1;
	}
	if (map_insert(to, b, i < 0 ? NULL : line, i, key, val))
		return true;
	atm_store_rel(&b->meta, atm_load_rlx(&b->meta) & ~(uint64_t)MAP_LOCK); /* rel M5. mutant: nothing was changed under it */
	return false;
}

/* Moves entries of b, which is locked, as long as the call may. True when it is empty now: then it is MOVED, and no longer
 * locked. */
static bool move_some(struct map_call *c, struct table *t, struct bucket *b, unsigned most)
{
	struct table *to = atm_load_rlx(&t->next); /* rlx: set once, and the caller has seen it with acquire */
	uint64_t meta = atm_load_rlx(&b->meta) | MAP_MOVING; /* rlx: under the lock */

	atm_store_rel(&b->meta, meta); /* before an entry disappears from a line; rel M3 */
	for (struct bucket *line = b; line; line = atm_load_rlx(&line->link)) { /* rlx: under the lock */
		uint64_t here = atm_load_rlx(&line->meta);

		for (int i = 0; i < MAP_SLOTS; i++) {
			uint64_t present = 1u << (MAP_PRESENT_SHIFT + i);

			if (!(here & present))
				continue;
			if (c->moved >= most ||
				!put_moved(t, to, atm_load_rlx(&line->key[i]), atm_load_rlx(&line->val[i])))
				return false;
			c->moved++;
			here &= ~present;
			atm_store_rel(&line->meta, here); /* rel M3 */
		}
	}
	atm_store_rel(&b->meta, (atm_load_rlx(&b->meta) | MAP_MOVED) & ~(uint64_t)(MAP_LOCK | MAP_MOVING)); /* rel M3 */
	if (atm_add_sc(&t->left, (uint64_t)-1) == 1 && atm_cas_sc(&c->map->wend__table, t, to)) /* M4 */
		c->empty = t; /* else the map was cleared meanwhile, and t belongs to who did */
	return true;
}

static void note_moved(const struct map_call *c)
{
	uint32_t most;

	do
		most = atm_load_rlx(&wend__map_moved_most); /* rlx: the CAS decides */
	while (c->moved > most && !atm_cas_sc(&wend__map_moved_most, most, c->moved));
}

bool map_move_bucket(struct map_call *c, struct table *t, struct bucket *b)
{
	bool all = move_some(c, t, b, MOVE_MOST);

	note_moved(c);
	return all;
}

noinline void map_help(struct map_call *c, struct table *t)
{
	unsigned most = c->moved + MOVE_MOST, enough = c->moved + HELP_ENOUGH;

	for (int claim = 0; claim < HELP_CLAIMS && c->moved < enough; claim++) {
		uint64_t at = atm_add_sc(&t->cursor, HELP_CLAIM);

		if (atm_load_rlx(&t->left) == 0) /* rlx: a hint */
			break;
		for (uint64_t i = 0; i < HELP_CLAIM; i++) {
			struct bucket *b = &t->bucket[(at + i) & (t->n - 1)];
			uint64_t meta = atm_load_rlx(&b->meta); /* rlx: the CAS decides */

			if ((meta & (MAP_MOVED | MAP_LOCK)) || !atm_cas_sc(&b->meta, meta, meta | MAP_LOCK)) /* M5 */
				continue;
			if (!move_some(c, t, b, most))
				atm_store_rel(&b->meta, atm_load_rlx(&b->meta) & ~(uint64_t)MAP_LOCK); /* rel M5 */
		}
	}
	note_moved(c);
}

/* ---- When --------------------------------------------------------------------------------------- */

static uint64_t table_size_for(uint64_t count)
{
	uint64_t n = MAP_FIRST;

	while (n < count)
		n *= 2;
	return n;
}

static noinline void resize(struct map_call *c, struct table *t, uint64_t n)
{
	struct table *to;

	/* rlx: nothing is read by them. mutant: in tables of the checker's size nothing is left to be moved to t by then */
	if (atm_load_rlx(&c->map->wend__table) != t || atm_load_rlx(&t->next))
		return;
	to = table_make(c->map, t, n);
	if (to && !atm_cas_sc(&t->next, NULL, to)) /* M4 */
		map_table_free(to);
}

/* Between a quarter of an entry and two per bucket nothing happens; a new table begins with one, or, while it is small and
 * moving is what inserting costs, with a half. */
void map_grow(struct map_call *c, struct table *t)
{
	int64_t count = counter_sum(&t->root->count);

	if (count > (int64_t)(2 * t->n))
		resize(c, t, table_size_for((uint64_t)count / (t->n < SMALL ? 1 : 2) + 1));
}

void map_shrink(struct map_call *c, struct table *t)
{
	int64_t count = counter_sum(&t->root->count);

	if (t->n > MAP_FIRST && count < (int64_t)(t->n / 4))
		resize(c, t, table_size_for(count > 0 ? (uint64_t)count : 0));
}
