/* SPDX-License-Identifier: MIT
 *
 * sync/map_range.c - the concurrent map as a whole: its beginning and end, clear, range, and what range holds back.
 *
 * **Range** goes through all hashes in ascending order: `at` is the first that it has not seen. Each step takes the entries from `at`
 * to the end of a bucket's interval, of whatever table has them now, and calls the user's function on the copies, outside. As a
 * key's hash never changes, no key comes twice and none that stays is missed, whatever the tables do meanwhile.
 *
 * **What range holds back.** Keys of strings and bytes, and values that the map destroys, must live until the callback returns, which
 * may park: no section can do that. A ranger lists itself in the core, inside a section. What was taken out of the map
 * comes by here after a grace period (map_drop_*): so each ranger that may have seen it is listed by then, and if there is
 * any it is held until no ranger is left that began earlier.
 */
#include <errno.h>
#include <stdlib.h>

#include "base/fatal.h"
#include "sched/reclaim.h"
#include "sync/map_table.h"
#include "wend/panic.h"
#include "wend/retire.h"

#define AT_ONCE 64        /* entries copied without asking for memory */
#define STEPS_AT_ONCE 128 /* buckets looked at in one section */
#define AHEAD 6           /* buckets whose chains are prefetched */
#define CLEAR_BUCKETS ATM_SIZE(256, 1) /* a cleared table's, destroyed in one portion */

struct ranger {
	struct ranger *next;
	struct map_core *core;
	uint64_t seq;
};

struct held {
	struct held *next;
	void (*drop)(void *what, void *core);
	void *what;
	uint64_t seq;
};

/* ---- Destroying ---------------------------------------------------------------------------------- */

static void value_now(void *value, void *core)
{
	struct map_core *c = core;

	c->cfg.destroy((uint64_t)(uintptr_t)value, c->cfg.arg);
}

static void node_now(void *node, void *core)
{
	(void)core;
	free(node);
}

static void entry_now(void *node, void *core)
{
	struct map_core *c = core;

	c->cfg.destroy(atm_load_rlx(&((struct node *)node)->value), c->cfg.arg); /* rlx: after a grace period */
	free(node);
}

/* After a grace period: now, or when the rangers of today are through. */
static void drop(void (*now)(void *, void *), void (*again)(void *, void *), void *what, struct map_core *core)
{
	struct held *h;

	if (likely(atm_load_acq(&core->nrangers) == 0)) { /* acq: by way of the grace period */
		now(what, core);
		return;
	}
	h = malloc(sizeof *h);
	lock(&core->lock);
	if (core->rangers && h) {
		*h = (struct held){.drop = now, .what = what, .seq = ++core->seq};
		*core->held_end = h;
		core->held_end = &h->next;
		unlock(&core->lock);
		return;
	}
	bool wait = core->rangers != NULL;

	unlock(&core->lock);
	free(h);
	if (wait)
		reclaim_later(again, what, core); /* no memory to hold it: come by again */
	else
		now(what, core);
}

void map_drop_value(void *value, void *core)
{
	drop(value_now, map_drop_value, value, core);
}

void map_drop_node(void *node, void *core)
{
	drop(node_now, map_drop_node, node, core);
}

void map_drop_entry(void *node, void *core)
{
	drop(entry_now, map_drop_entry, node, core);
}

void wend_map_retire(wend_map *m, uint64_t value)
{
	struct map_core *core = atm_load_rlx(&m->wend__core); /* rlx: constant after init */

	if (!core || !core->cfg.destroy)
		wend__fatal("wend_map_retire on a map that destroys nothing");
	reclaim_later(map_drop_value, (void *)(uintptr_t)value, core);
}

/* ---- Rangers ------------------------------------------------------------------------------------- */

/* Inside a section, so that a grace period that begins later finds it. */
static void ranger_begin(struct ranger *r)
{
	struct map_core *core = r->core;
	struct ranger **end = &core->rangers;

	lock(&core->lock);
	r->seq = ++core->seq;
	r->next = NULL;
	while (*end)
		end = &(*end)->next;
	*end = r;
	/* rlx: under the lock; the end of the section publishes it */
	atm_store_rlx(&core->nrangers, atm_load_rlx(&core->nrangers) + 1);
	unlock(&core->lock);
}

static void ranger_unlist(struct ranger *r)
{
	struct ranger **at = &r->core->rangers;

	while (*at != r)
		at = &(*at)->next;
	*at = r->next;
	atm_store_rel(&r->core->nrangers, atm_load_rlx(&r->core->nrangers) - 1);
}

/* What was held before the oldest ranger that is left began. lock held. */
static struct held *take_free(struct map_core *core)
{
	struct held *first = core->held, **end = &core->held;

	while (*end && (!core->rangers || (*end)->seq < core->rangers->seq))
		end = &(*end)->next;
	if (end == &core->held)
		return NULL;
	core->held = *end;
	if (!core->held)
		core->held_end = &core->held;
	*end = NULL;
	return first;
}

static void ranger_end(void *ranger)
{
	struct ranger *r = ranger;
	struct map_core *core = r->core;
	struct held *h;

	lock(&core->lock);
	ranger_unlist(r);
	h = take_free(core);
	unlock(&core->lock);
	for (struct held *next; h; h = next) {
		next = h->next;
		h->drop(h->what, core);
		free(h);
	}
}

/* ---- Range --------------------------------------------------------------------------------------- */

struct entry {
	uint64_t key; /* or node */
	uint64_t val;
};

struct copies {
	struct entry *e; /* few, or on the heap */
	size_t n, room;
	struct entry few[AT_ONCE];
};

static noinline bool more_room(struct copies *c)
{
	struct entry *more = malloc(2 * c->room * sizeof *more);

	if (!more)
		return false;
	memcpy(more, c->e, c->n * sizeof *more);
	if (c->e != c->few)
		free(c->e);
	c->e = more;
	c->room *= 2;
	return true;
}

/* The entries of one line, behind number n. Returns how many there are now. Without a branch for each: which slots are
 * taken cannot be predicted. */
static force_inline size_t copy_line(struct entry *e, size_t n, const struct bucket *line, uint64_t meta)
{
	e[n] = (struct entry){atm_load_acq(&line->key[0]), atm_load_acq(&line->val[0])}; /* acq M2 */
	n += meta >> MAP_PRESENT_SHIFT & 1;
	e[n] = (struct entry){atm_load_acq(&line->key[1]), atm_load_acq(&line->val[1])}; /* acq M2 */
	n += meta >> (MAP_PRESENT_SHIFT + 1) & 1;
	e[n] = (struct entry){atm_load_acq(&line->key[2]), atm_load_acq(&line->val[2])}; /* acq M2 */
	return n + (meta >> (MAP_PRESENT_SHIFT + 2) & 1);
}

/* All entries of one chain. */
static bool copy_lines(struct copies *c, const struct bucket *b, uint64_t meta)
{
	for (const struct bucket *line = b; line; meta = line ? atm_load_acq(&line->meta) : 0) { /* acq M1 */
		if (unlikely(c->room - c->n < MAP_SLOTS) && !more_room(c))
			return false;
		c->n = copy_line(c->e, c->n, line, meta);
		line = atm_load_acq(&line->link); /* acq M4 */
	}
	return true;
}

/* Of those from number n on: the ones with hashes from lo to hi, and of strings and bytes the nodes and their values. */
static noinline void sift(struct copies *c, size_t n, const struct table *t, uint64_t lo, uint64_t hi)
{
	size_t kept = n;

	for (; n < c->n; n++) {
		struct entry e = c->e[n];
		uint64_t hash = t->keys == WEND_MAP_WORDS ? map_hash_word(t, e.key) : e.key;

		if (hash < lo || hash > hi)
			continue;
		if (t->keys != WEND_MAP_WORDS) {
			e.key = e.val;
			e.val = atm_load_acq(&((const struct node *)(uintptr_t)e.key)->value); /* acq: what its writer did before */
		}
		c->e[kept++] = e;
	}
	c->n = kept;
}

static inline uint64_t interval_end(const struct table *t, uint64_t hash)
{
	return hash | (UINT64_MAX >> (64 - t->shift));
}

/* The entries of one chain with hashes from lo to hi. Of words in a whole interval that is all. */
static bool copy_bucket(struct copies *c, struct table *t, struct bucket *b, uint64_t meta, uint64_t lo, uint64_t hi)
{
	size_t n = c->n;
	bool ok = copy_lines(c, b, meta);

	if (t->keys != WEND_MAP_WORDS || lo << (64 - t->shift) != 0 || hi < interval_end(t, lo))
		sift(c, n, t, lo, hi);
	return ok;
}

/* Buckets from *at on, as long as all is as it mostly is: words, whole intervals, nobody writes and nothing has moved, chains
 * of two lines, few entries so far. False: not even one. */
static noinline bool copy_quickly(struct copies *c, struct table *t, uint64_t *at, int *steps)
{
	const struct bucket *first = map_bucket(t, *at), *b = first, *second, *end = &t->bucket[t->n];
	struct entry *e = c->e;
	size_t n = c->n, now;

	if (t->keys != WEND_MAP_WORDS || *at << (64 - t->shift) != 0)
		return false;
	if (end - b > *steps)
		end = b + *steps;
	for (; b < end && n < AT_ONCE / 2; b++, n = now) {
		uint64_t meta = atm_load_acq(&b->meta); /* acq M1, M3 */

		if (unlikely(meta & (MAP_LOCK | MAP_MOVING | MAP_MOVED)))
			break;
		if (b + AHEAD < end)
			prefetch_read(atm_load_rlx(&b[AHEAD].link)); /* rlx: a hint */
		now = copy_line(e, n, b, meta);
		second = atm_load_acq(&b->link); /* acq M4 */
		if (second) {
			now = copy_line(e, now, second, atm_load_acq(&second->meta)); /* acq M1 */
			if (unlikely(atm_load_rlx(&second->link))) /* rlx: not followed */
				break;
		}
		if (unlikely(atm_load_rlx(&b->meta) != meta)) /* rlx: after the acquires of M2 */
			break;
	}
	c->n = n;
	*at += (uint64_t)(b - first) << t->shift;
	*steps -= (int)(b - first);
	return b != first;
}

/* Copies what has hashes from lo to *hi, and lowers *hi to the end of the interval that was copied at one instant. Tries
 * without the lock first: what is read counts if nothing was added or moved meanwhile. */
static bool copy_step(struct copies *c, struct table *t, uint64_t lo, uint64_t *hi)
{
	struct bucket *b = map_bucket(t, lo);
	size_t n = c->n;
	uint64_t end = interval_end(t, lo), meta;
	bool ok;

	if (end > *hi)
		end = *hi;
	*hi = end;
	for (int try = 0; try < 4; try++) {
		meta = atm_load_acq(&b->meta); /* acq M1, M3 */
		if (meta & MAP_MOVED)
			return copy_step(c, atm_load_acq(&t->next), lo, hi); /* acq M4. mutant: it came with MOVED, M3 */
		if (meta & (MAP_LOCK | MAP_MOVING))
			break;
		ok = copy_bucket(c, t, b, meta, lo, end);
		if (!ok || atm_load_rlx(&b->meta) == meta) /* rlx: likewise */
			return ok;
		c->n = n;
	}
	meta = map_lock(b);
	if (meta & MAP_MOVED)
		return copy_step(c, atm_load_acq(&t->next), lo, hi); /* acq M4. mutant: it came with MOVED, M3 */
	ok = copy_bucket(c, t, b, meta, lo, end);
	for (uint64_t from = lo; ok && (meta & MAP_MOVING); from++) { /* the part of it that has moved */
		uint64_t to = end;

		ok = copy_step(c, atm_load_acq(&t->next), from, &to); /* acq M4. mutant: it came with MOVING, M3 */
		from = to;
		if (to == end)
			break;
	}
	/* rel M5. mutant: nothing was changed under it, and in the checker loads stay before stores */
	atm_store_rel(&b->meta, atm_load_rlx(&b->meta) & ~(uint64_t)MAP_LOCK);
	return ok;
}

/* One step from *at, which is 0 again at the end. False: no memory. */
static bool range_step(wend_map *m, uint64_t *at, struct copies *c)
{
	struct m *mp = enter();
	struct table *t = atm_load_acq(&m->wend__table); /* acq M4 */
	int steps = STEPS_AT_ONCE;
	bool ok = true;

	c->n = 0;
	if (!t)
		*at = 0;
	while (t && ok && steps > 0 && c->n < AT_ONCE / 2) {
		if (!copy_quickly(c, t, at, &steps)) {
			uint64_t hi = UINT64_MAX;

			ok = copy_step(c, t, *at, &hi);
			*at = hi + 1;
			steps--;
		}
		if (*at == 0)
			break;
	}
	leave_any(mp);
	return ok;
}

static bool call(const struct map_core *core, const struct entry *e, bool (*fn)(uint64_t, uint64_t, void *), void *arg)
{
	if (!core || core->cfg.keys == WEND_MAP_WORDS)
		return fn(e->key, e->val, arg);

	const struct node *node = (const struct node *)(uintptr_t)e->key;
	const wend_bytes bytes = {node->bytes, node->len};

	return fn(core->cfg.keys == WEND_MAP_BYTES ? WEND_WORD(&bytes) : WEND_WORD(node->bytes), e->val, arg);
}

static void copies_free(void *copies)
{
	struct copies *c = copies;

	if (c->e != c->few)
		free(c->e);
}

static int range(wend_map *m, const struct map_core *core, bool (*fn)(uint64_t, uint64_t, void *), void *arg)
{
	struct copies c = {.e = c.few, .room = AT_ONCE};
	uint64_t at = 0;
	bool go_on = true;
	int rc = 0;

	WEND_DEFERS_RETURN(rc);
	wend_defer(copies_free, &c); /* fn may panic or goexit */
	do {
		rc = range_step(m, &at, &c) ? 0 : -ENOMEM;
		for (size_t i = 0; i < c.n && go_on && rc == 0; i++)
			go_on = call(core, &c.e[i], fn, arg);
	} while (at != 0 && go_on && rc == 0);
	return rc;
}

int wend_map_range(wend_map *m, bool (*fn)(uint64_t key, uint64_t value, void *arg), void *arg)
{
	struct map_core *core = atm_load_rlx(&m->wend__core); /* rlx: constant after init */
	struct ranger r = {.core = core};
	int rc = 0;

	if (!core || (core->cfg.keys == WEND_MAP_WORDS && !core->cfg.destroy))
		return range(m, core, fn, arg);

	struct m *mp = enter();

	ranger_begin(&r);
	leave_any(mp);
	WEND_DEFERS_RETURN(rc);
	wend_defer(ranger_end, &r);
	return range(m, core, fn, arg);
}

/* ---- Clear and free ------------------------------------------------------------------------------ */

static void core_put(struct map_core *core)
{
	if (core && atm_add_sc(&core->refs, (uint32_t)-1) == 1)
		free(core);
}

/* All entries of these buckets; nobody else has the table any more. */
static void destroy_buckets(struct table *t, uint64_t from, uint64_t to)
{
	struct map_core *core = t->core;

	for (uint64_t i = from; i < to; i++) {
		for (struct bucket *line = &t->bucket[i]; line; line = atm_load_rlx(&line->link)) {
			for (int k = 0; k < MAP_SLOTS; k++) {
				void *what = (void *)(uintptr_t)atm_load_rlx(&line->val[k]);

				if (!(atm_load_rlx(&line->meta) & 1u << (MAP_PRESENT_SHIFT + k)))
					continue;
				if (t->keys == WEND_MAP_WORDS)
					value_now(what, core);
				else if (core->cfg.destroy)
					entry_now(what, core);
				else
					node_now(what, core);
			}
		}
	}
}

static bool owns_entries(const struct table *t)
{
	return t->keys != WEND_MAP_WORDS || (t->core && t->core->cfg.destroy);
}

static void root_free(struct map_root *root)
{
	wend_counter_free(&root->count);
	free(root);
}

/* A portion of a cleared table and of those that follow it; cursor says how far we are. The table to go on with, or NULL. */
static struct table *clear_portion(struct table *t)
{
	struct table *next = atm_load_rlx(&t->next); /* rlx: after a grace period */
	uint64_t at = atm_load_rlx(&t->cursor);

	if (owns_entries(t) && at < t->n) {
		uint64_t end = at + CLEAR_BUCKETS < t->n ? at + CLEAR_BUCKETS : t->n;

		destroy_buckets(t, at, end);
		atm_store_rlx(&t->cursor, end);
		return t;
	}
	if (next)
		atm_store_rlx(&next->cursor, 0);
	else
		root_free(t->root);
	map_table_gone(t, NULL);
	return next;
}

/* Is the rest to be done at once, or is there no memory to do it later? Else it is retired, before wend_map_free can say
 * so: who waits in the barrier afterwards waits for one or the other. */
static bool at_once(struct map_core *core, struct table *rest);

static void cleared_now(void *table, void *core)
{
	struct table *t = table;

	do
		t = clear_portion(t);
	while (t && at_once(core, t));
	if (!t)
		core_put(core);
}

static bool at_once(struct map_core *core, struct table *rest)
{
	bool yes;

	if (!core)
		return true; /* nothing to destroy */
	wend_section_begin(); /* so that nothing ripe is run here, which might want the lock */
	lock(&core->lock);
	yes = core->freed || !reclaim_if_memory(cleared_now, rest, core);
	unlock(&core->lock);
	wend_section_end();
	return yes;
}

static void cleared_gone(void *table, void *core)
{
	struct table *t = table;

	atm_store_rlx(&t->cursor, 0);
	if (core)
		drop(cleared_now, cleared_gone, t, core);
	else
		cleared_now(t, core);
}

void wend_map_clear(wend_map *m)
{
	struct table *t = atm_xchg_sc(&m->wend__table, NULL); /* here it happens */

	if (!t)
		return;
	if (t->core)
		atm_add_sc(&t->core->refs, 1);
	bool large = t->n >= CLEAR_BUCKETS;

	reclaim_later(cleared_gone, t, t->core);
	if (large)
		reclaim_hasten();
}

int wend_map_init(wend_map *m, const wend_map_config *cfg)
{
	struct map_core *core;

	if ((unsigned)cfg->keys > WEND_MAP_BYTES || !cfg->hash != !cfg->equal ||
		(cfg->hash && cfg->keys == WEND_MAP_WORDS))
		return -EINVAL;
	core = calloc(1, sizeof *core);
	if (!core)
		return -ENOMEM;
	core->cfg = *cfg;
	core->held_end = &core->held;
	atm_store_rlx(&core->refs, 1); /* rlx: nobody else has it yet */
	*m = (wend_map){.wend__spare = 0};
	atm_store_rlx(&m->wend__core, core); /* rlx: likewise */
	return 0;
}

/* Retired things refer to the core: it goes when all of them are gone. */
static void core_gone(void *core, void *unused)
{
	struct map_core *c = core;

	if (!reclaim_passed(c->mark))
		reclaim_later(core_gone, core, NULL);
	else
		core_put(core);
}

void wend_map_free(wend_map *m)
{
	struct map_core *core = m ? atm_load_rlx(&m->wend__core) : NULL; /* rlx: nobody else uses m */
	struct table *t = m ? atm_load_rlx(&m->wend__table) : NULL, *next;

	if (t)
		root_free(t->root);
	for (; t; t = next) {
		next = atm_load_rlx(&t->next);
		if (owns_entries(t))
			destroy_buckets(t, 0, t->n);
		map_table_gone(t, NULL);
	}
	if (core) {
		struct held *h;

		lock(&core->lock);
		core->freed = true;
		core->rangers = NULL; /* coroutines that were gone with their runtime, and their stacks with them */
		h = take_free(core);
		unlock(&core->lock);
		for (struct held *following; h; h = following) {
			following = h->next;
			h->drop(h->what, core);
			free(h);
		}
		core->mark = reclaim_mark();
		reclaim_later(core_gone, core, NULL);
	}
	if (m)
		*m = (wend_map){.wend__spare = 0};
}
