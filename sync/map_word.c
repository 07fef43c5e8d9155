/* SPDX-License-Identifier: MIT
 *
 * sync/map_word.c - the concurrent map's short ways: a key that is a word, on a coroutine, in a table without a successor, of a
 * map that destroys nothing; for writers, the key's bucket has no chain or the key in its first line, and nobody else writes
 * there. Whatever is otherwise is one call at the end, which begins anew: so the short ways save few registers.
 *
 * Writers lock by a CAS from the very meta in which they have looked for the key. It changes with every key that comes or
 * goes and with every line that is linked (VERSION), so what they have seen still holds.
 */
#include "wend/map.h"

#include "sched/reclaim.h"
#include "sync/map_table.h"

bool wend_map_load(const wend_map *m, uint64_t key, uint64_t *value)
{
	struct m *mp = getm();

	if (unlikely(!mp || !enter_fast(mp)))
		return map_load_any(m, key, value);

	struct table *t = atm_load_acq(&m->wend__table); /* acq M4 */

	if (unlikely(!t || t->keys != WEND_MAP_WORDS))
		return map_load_any(m, key, value);

	uint64_t hash = map_hash_word(t, key);
	const struct bucket *b = map_bucket(t, hash), *line;
	uint64_t meta = atm_load_acq(&b->meta), here; /* acq M1, M3 */

	if (unlikely(meta & MAP_MOVED)) { /* for as long as nobody writes any more */
		t = atm_load_acq(&t->next); /* acq M4. mutant: it came with MOVED, M3 */
		b = map_bucket(t, hash);
		meta = atm_load_acq(&b->meta); /* acq M1, M3 */
	}
	for (line = b, here = meta;; here = atm_load_acq(&line->meta)) { /* acq M1 */
		unsigned bits = map_match(line, here, key);

		if (likely(bits)) {
			uint64_t v = atm_load_acq(&line->val[__builtin_ctz(bits)]); /* acq M2 */

			if (unlikely(!map_version_is(b, meta)))
				return map_load_any(m, key, value);
			leave(mp);
			*value = v;
			return true;
		}
		line = atm_load_acq(&line->link); /* acq M4 */
		if (likely(!line))
			break;
	}
	/* rlx: after the acquires of M1; M3 on the way to the next table. What has begun to move is looked for with patience */
	if (unlikely((atm_load_rlx(&b->meta) | meta) & (MAP_MOVING | MAP_MOVED)))
		return map_load_any(m, key, value);
	leave(mp);
	return false;
}

/* What a writer has found. */
struct quick {
	struct m *mp;
	struct table *t;
	struct bucket *b;
	uint64_t hash, meta;
	unsigned bits; /* the key's, in the first line */
};

/* Inside, unless it returns false. */
static force_inline bool quick_find(struct quick *q, const wend_map *m, uint64_t key)
{
	q->mp = getm();
	if (unlikely(!q->mp || !enter_fast(q->mp)))
		return false;

	struct table *t = q->t = atm_load_acq(&m->wend__table); /* acq M4 */

	if (unlikely(!t || t->keys != WEND_MAP_WORDS || t->core || atm_load_rlx(&t->next))) /* rlx: a hint */
		return false;
	q->hash = map_hash_word(t, key);
	q->b = map_bucket(t, q->hash);
	q->meta = atm_load_acq(&q->b->meta); /* acq M1, M3 */
	q->bits = map_match(q->b, q->meta, key);
	return likely(!(q->meta & (MAP_LOCK | MAP_MOVING | MAP_MOVED)));
}

/* The key is not in the chain. Inserts it into the first line, if it has room. */
static force_inline bool quick_insert(struct quick *q, uint64_t key, uint64_t value)
{
	struct bucket *b = q->b;
	uint64_t meta = q->meta + MAP_VERSION;
	unsigned full = (q->meta & MAP_PRESENT) == MAP_PRESENT;

	/* rlx: a line linked before meta was read is seen; one that was linked later has changed it */
	if (unlikely(full || atm_load_rlx(&b->link)))
		return false;

	int i = __builtin_ctz(~(unsigned)(q->meta >> MAP_PRESENT_SHIFT));

	if (unlikely(!atm_cas_sc(&b->meta, q->meta, meta | MAP_LOCK))) /* M5, and M2: the new version */
		return false;
	atm_store_rel(&b->key[i], key);   /* rel M2 */
	atm_store_rel(&b->val[i], value); /* rel M2 */
	atm_store_rel(&b->meta, meta | 1u << (MAP_PRESENT_SHIFT + i)); /* rel M1, M5 */
	counter_add(q->mp, &q->t->root->count, 1);
	return true;
}

int wend_map_store(wend_map *m, uint64_t key, uint64_t value)
{
	struct quick q;

	if (unlikely(!quick_find(&q, m, key)))
		return map_store_any(m, key, value);
	if (q.bits) {
		if (unlikely(!atm_cas_sc(&q.b->meta, q.meta, q.meta | MAP_LOCK))) /* M5 */
			return map_store_any(m, key, value);
		atm_store_rel(&q.b->val[__builtin_ctz(q.bits)], value); /* rel: what the writer did before */
		atm_store_rel(&q.b->meta, q.meta);                      /* rel M5 */
	} else if (unlikely(!quick_insert(&q, key, value))) {
		return map_store_any(m, key, value);
	}
	leave(q.mp);
	return 0;
}

int wend_map_load_or_store(wend_map *m, uint64_t key, uint64_t value, uint64_t *actual)
{
	struct quick q;
	uint64_t old;

	if (wend_map_load(m, key, &old)) { /* no lock when it is there */
		if (actual)
			*actual = old;
		return 1;
	}
	if (unlikely(!quick_find(&q, m, key) || q.bits || !quick_insert(&q, key, value)))
		return map_insert_any(m, key, value, actual);
	leave(q.mp);
	if (actual)
		*actual = value;
	return 0;
}

/* Outside. was: the table then, which may be gone. */
static noinline void look_at_size(wend_map *m, const struct table *was)
{
	struct map_call c = {.map = m, .mp = enter()};
	struct table *t = atm_load_acq(&m->wend__table); /* acq M4. mutant: mostly it is the one acquired before */

	if (t == was)
		map_shrink(&c, t);
	leave_any(c.mp);
}

bool wend_map_load_and_delete(wend_map *m, uint64_t key, uint64_t *value)
{
	struct quick q;

	if (unlikely(!quick_find(&q, m, key)))
		return map_delete_any(m, key, value);
	if (!q.bits) {
		/* rlx: as in load and in quick_insert */
		if (unlikely(atm_load_rlx(&q.b->link) || (atm_load_rlx(&q.b->meta) & (MAP_MOVING | MAP_MOVED))))
			return map_delete_any(m, key, value);
		leave(q.mp);
		return false;
	}

	int i = __builtin_ctz(q.bits);
	uint64_t meta = (q.meta + MAP_VERSION) & ~(1ull << (MAP_PRESENT_SHIFT + i));
	bool look = !(meta & MAP_PRESENT) && map_look_at_size(q.t, q.hash, meta);

	/* A store leaves no trace in meta: who wants the value reads it under the lock. */
	if (unlikely(!atm_cas_sc(&q.b->meta, q.meta, value ? meta | MAP_LOCK : meta))) /* M5; here it happens */
		return map_delete_any(m, key, value);
	if (value) {
		*value = atm_load_rlx(&q.b->val[i]); /* rlx: under the lock */
		atm_store_rel(&q.b->meta, meta);     /* rel M5, and what the deleter did before */
	}
	counter_add(q.mp, &q.t->root->count, -1);
	leave(q.mp);
	if (unlikely(look))
		look_at_size(m, q.t);
	return true;
}

bool wend_map_delete(wend_map *m, uint64_t key)
{
	return wend_map_load_and_delete(m, key, NULL);
}
