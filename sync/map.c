/* SPDX-License-Identifier: MIT
 *
 * sync/map.c - the concurrent map's calls on single keys, of all kinds and in all states of the table; map_word.c has the
 * short ways. Structure and orders stand in map_table.h.
 *
 * A read linearizes at its load of the bucket's meta, or, when it finds the key, at its load of the value if that is
 * later; a write at the store of value or meta under the bucket's lock. What a call takes out is retired when the
 * call is outside again (struct map_call): it may wait for a grace period there.
 */
#include "wend/map.h"

#include <errno.h>
#include <stdlib.h>

#include "sched/reclaim.h"
#include "sync/map_table.h"

/* ---- Reading ------------------------------------------------------------------------------------ */

static bool same_key(const struct map_core *core, const struct node *node, const struct map_key *k)
{
	if (core->cfg.equal)
		return core->cfg.equal(node->bytes, node->len, k->data, k->len, core->cfg.arg);
	return node->len == k->len && memcmp(node->bytes, k->data, k->len) == 0;
}

/* Looks along the chain of b, whose meta was read. RETRY: keys have changed meanwhile. */
enum look { ABSENT, FOUND, RETRY };

static noinline enum look look_along(const struct table *t, const struct bucket *b, uint64_t meta,
									 const struct map_key *k, uint64_t *value)
{
	const struct bucket *line = b;

	for (uint64_t here = meta; line; here = line ? atm_load_acq(&line->meta) : 0) { /* acq M1 */
		for (unsigned bits = map_match(line, here, k->word); bits; bits &= bits - 1) {
			int i = __builtin_ctz(bits);
			uint64_t v = atm_load_acq(&line->val[i]); /* acq M2 */

			/* Or what is about to be published would be found now, and missed by the next who looks. */
			if (!map_version_is(b, meta))
				return RETRY;
			if (t->keys != WEND_MAP_WORDS) {
				const struct node *node = (const struct node *)(uintptr_t)v;

				if (!same_key(t->core, node, k))
					continue;
				v = atm_load_acq(&node->value); /* acq: what its writer did before */
			}
			*value = v;
			return FOUND;
		}
		line = atm_load_acq(&line->link); /* acq M4 */
	}
	/* Entries may have moved while we went along. rlx: after the acquires of M1; M3 on the way to the next table */
	return ((atm_load_rlx(&b->meta) ^ meta) & (MAP_MOVING | MAP_MOVED)) ? RETRY : ABSENT;
}

/* All kinds of keys, chains, tables that are being moved. */
static noinline bool load_slow(struct table *t, const struct map_key *k, uint64_t *value)
{
	for (;;) {
		const struct bucket *b = map_bucket(t, k->hash);
		uint64_t meta = atm_load_acq(&b->meta); /* acq M1, M3 */
		enum look look = look_along(t, b, meta, k, value);

		if (look == FOUND)
			return true;
		if (look == RETRY)
			continue;
		if (!(meta & (MAP_MOVING | MAP_MOVED)))
			return false;
		t = atm_load_acq(&t->next); /* acq M4. mutant: it came with MOVING or MOVED, M3 */
	}
}

noinline bool map_load_any(const wend_map *m, uint64_t key, uint64_t *value)
{
	struct m *mp = enter();
	struct table *t = atm_load_acq(&m->wend__table); /* acq M4 */
	struct map_key k;
	bool found = false;

	if (t) {
		map_key_make(&k, t, key);
		found = load_slow(t, &k, value);
	}
	leave_any(mp);
	return found;
}

/* ---- Writing ------------------------------------------------------------------------------------ */

enum op { STORE, LOAD_OR_STORE, DELETE, CAS, CAD };

/* Where a key is or could be; the bucket is locked. */
struct spot {
	struct table *t;
	struct bucket *b;
	struct bucket *outer; /* locked, too: the bucket of the table before, MOVING, without the key; or NULL */
	struct bucket *line;  /* NULL: no room in the chain */
	int i;
	atm_u64 *value; /* the key's value; NULL: absent */
};

static force_inline void unlock_bucket(struct bucket *b)
{
	atm_store_rel(&b->meta, atm_load_rlx(&b->meta) & ~(uint64_t)MAP_LOCK); /* rel M5 */
}

/* In the chain of s->b, which is locked (so rlx, below). */
static force_inline void search(struct spot *s, const struct map_key *k)
{
	s->line = NULL;
	s->i = 0;
	s->value = NULL;
	for (struct bucket *line = s->b; line; line = atm_load_rlx(&line->link)) {
		uint64_t here = atm_load_rlx(&line->meta);

		for (unsigned bits = map_match(line, here, k->word); bits; bits &= bits - 1) {
			int i = __builtin_ctz(bits);
			atm_u64 *value = &line->val[i];

			if (s->t->keys != WEND_MAP_WORDS) {
				struct node *node = (struct node *)(uintptr_t)atm_load_rlx(value);

				if (!same_key(s->t->core, node, k))
					continue;
				value = &node->value;
			}
			s->line = line;
			s->i = i;
			s->value = value;
			return;
		}
		if (!s->line && (here & MAP_PRESENT) != MAP_PRESENT) {
			s->line = line;
			s->i = __builtin_ctz(~(unsigned)(here >> MAP_PRESENT_SHIFT));
		}
	}
}

/* The key's bucket in t or a later table, found and locked. */
static force_inline void find(struct map_call *c, struct spot *s, struct table *t, const struct map_key *k)
{
	s->outer = NULL;
	for (;; t = atm_load_acq(&t->next)) { /* acq M4. mutant: seen below, or it came with MOVED, M3 */
		s->t = t;
		s->b = map_bucket(t, k->hash);
		if (unlikely(map_lock(s->b) & MAP_MOVED))
			continue;
		if (likely(!atm_load_acq(&t->next))) { /* acq M4 */
			search(s, k);
			return;
		}
		if (map_move_bucket(c, t, s->b))
			continue;
		search(s, k);
		if (s->value)
			return;
		s->outer = s->b;
	}
}

/* Takes the entry out and unlocks. */
static force_inline void take_out(struct spot *s)
{
	uint64_t gone = 1u << (MAP_PRESENT_SHIFT + s->i);
	uint64_t meta = atm_load_rlx(&s->b->meta) + MAP_VERSION; /* rlx: under the lock */

	if (s->line == s->b)
		meta &= ~gone;
	else
		atm_store_rel(&s->line->meta, atm_load_rlx(&s->line->meta) & ~gone); /* rel M1 */
	atm_store_rel(&s->b->meta, meta & ~(uint64_t)MAP_LOCK); /* rel M5 */
}

/* The lock is held while memory is asked for: nobody may be made to wait twice for one store. */
static noinline struct node *node_make(const struct map_key *k, uint64_t value)
{
	struct node *node = malloc(sizeof *node + k->len + 1);

	if (!node)
		return NULL;
	atm_store_rlx(&node->value, value); /* rlx: published with the entry */
	node->len = k->len;
	memcpy(node->bytes, k->data, k->len);
	node->bytes[k->len] = 0;
	return node;
}

/* s is where the key is not. Unlocks. */
static force_inline bool put_new(struct spot *s, const struct map_key *k, uint64_t value)
{
	struct node *node = NULL;

	if (s->t->keys != WEND_MAP_WORDS) {
		node = node_make(k, value);
		value = (uint64_t)(uintptr_t)node;
	}
	if (s->t->keys != WEND_MAP_WORDS && !node) {
		unlock_bucket(s->b);
		return false;
	}
	if (unlikely(!map_insert(s->t, s->b, s->line, s->i, k->word, value))) {
		unlock_bucket(s->b);
		free(node);
		return false;
	}
	return true;
}

/* What a call has taken out, for its epilogue. */
struct taken {
	void (*drop)(void *what, void *core);
	void *what;
	struct map_core *core;
};

/* The op on a key that is there. Unlocks; false when a comparison fails. */
static force_inline bool on_present(struct map_call *c, struct spot *s, enum op op, uint64_t value, uint64_t expect,
									uint64_t *old, bool hand_over, struct taken *taken)
{
	uint64_t before = atm_load_rlx(s->value); /* rlx: under the lock */
	struct map_core *core = s->t->core;
	bool owned = core && core->cfg.destroy && !hand_over;

	*old = before;
	taken->core = core;
	if (op == LOAD_OR_STORE || ((op == CAS || op == CAD) && before != expect)) {
		unlock_bucket(s->b);
		return op == LOAD_OR_STORE;
	}
	if (op == STORE || op == CAS) {
		atm_store_rel(s->value, value); /* rel: what the writer did before; here the write happens */
		unlock_bucket(s->b);
		if (owned && before != value) {
			taken->drop = map_drop_value;
			taken->what = (void *)(uintptr_t)before;
		}
		return true;
	}
	if (s->t->keys != WEND_MAP_WORDS) {
		taken->drop = owned ? map_drop_entry : map_drop_node;
		taken->what = (void *)(uintptr_t)atm_load_rlx(&s->line->val[s->i]); /* rlx: under the lock */
	} else if (owned) {
		taken->drop = map_drop_value;
		taken->what = (void *)(uintptr_t)before;
	}
	take_out(s);
	counter_add(c->mp, &s->t->root->count, -1);
	return true;
}

/* All writes. 1: the key was there (and the comparison, if any, succeeded), its value is in *old; 0: it was not;
 * -ENOMEM. hand_over: the caller gets the old value, the map does not destroy it. */
static force_inline int write_key(wend_map *m, uint64_t key, enum op op, uint64_t value, uint64_t expect, uint64_t *old,
								  bool hand_over)
{
	struct map_call c = {.map = m, .mp = enter()};
	struct table *t = atm_load_acq(&m->wend__table); /* acq M4 */
	struct taken taken = {0};
	struct map_key k;
	struct spot s;
	int rc = 0;

	if (unlikely(!t)) {
		if (op == STORE || op == LOAD_OR_STORE)
			t = map_table_first(m);
		if (!t) {
			leave_any(c.mp);
			return op == STORE || op == LOAD_OR_STORE ? -ENOMEM : 0;
		}
	}
	if (likely(t->keys == WEND_MAP_WORDS))
		k.word = key, k.hash = map_hash_word(t, key);
	else
		map_key_make(&k, t, key);
	find(&c, &s, t, &k);
	if (s.value) {
		rc = on_present(&c, &s, op, value, expect, old, hand_over, &taken);
		if ((op == DELETE || op == CAD) && rc && !(atm_load_rlx(&s.b->meta) & MAP_PRESENT) && /* rlx: a hint */
			map_look_at_size(s.t, k.hash, atm_load_rlx(&s.b->meta)))
			map_shrink(&c, s.t);
	} else if (op == STORE || op == LOAD_OR_STORE) {
		bool full = s.line != s.b;

		if (unlikely(!put_new(&s, &k, value))) {
			rc = -ENOMEM;
		} else {
			counter_add(c.mp, &s.t->root->count, 1);
			if (unlikely(full) && map_look_at_size(s.t, k.hash, atm_load_rlx(&s.b->meta)))
				map_grow(&c, s.t);
		}
	} else {
		unlock_bucket(s.b);
	}
	if (unlikely(s.outer))
		unlock_bucket(s.outer);
	if (unlikely(atm_load_acq(&t->next))) /* acq M4 */
		map_help(&c, t);
	leave_any(c.mp);
	if (unlikely(taken.drop))
		reclaim_later(taken.drop, taken.what, taken.core);
	if (unlikely(c.empty))
		map_table_retire(c.empty);
	return rc;
}

noinline int map_store_any(wend_map *m, uint64_t key, uint64_t value)
{
	uint64_t old;
	int rc = write_key(m, key, STORE, value, 0, &old, false);

	return rc < 0 ? rc : 0;
}

noinline int map_insert_any(wend_map *m, uint64_t key, uint64_t value, uint64_t *actual)
{
	uint64_t is = value;
	int rc = write_key(m, key, LOAD_OR_STORE, value, 0, &is, false);

	if (actual && rc >= 0)
		*actual = is;
	return rc;
}

noinline bool map_delete_any(wend_map *m, uint64_t key, uint64_t *value)
{
	uint64_t old;
	bool there = write_key(m, key, DELETE, 0, 0, &old, value != NULL) > 0;

	if (value && there)
		*value = old;
	return there;
}

int wend_map_swap(wend_map *m, uint64_t key, uint64_t value, uint64_t *previous)
{
	uint64_t old;
	int rc = write_key(m, key, STORE, value, 0, &old, previous != NULL);

	if (previous && rc > 0)
		*previous = old;
	return rc;
}

bool wend_map_compare_and_swap(wend_map *m, uint64_t key, uint64_t old, uint64_t value)
{
	uint64_t before;

	return write_key(m, key, CAS, value, old, &before, false) > 0;
}

bool wend_map_compare_and_delete(wend_map *m, uint64_t key, uint64_t old)
{
	uint64_t before;

	return write_key(m, key, CAD, 0, old, &before, false) > 0;
}

size_t wend_map_len(const wend_map *m)
{
	struct m *mp = enter();
	struct table *t = atm_load_acq(&m->wend__table); /* acq M4 */
	int64_t count = t ? counter_sum(&t->root->count) : 0;

	leave_any(mp);
	return count > 0 ? (size_t)count : 0;
}
