/* SPDX-License-Identifier: MIT
 *
 * wend/map.h - a map for many readers and many writers (Go's sync.Map, with a length and typed keys).
 *
 *     static wend_map m = WEND_ZERO;                    // zero value: keys and values are words
 *     uint64_t v;
 *
 *     wend_map_store(&m, 42, 1);
 *     if (wend_map_load(&m, 42, &v)) ...
 *     wend_map_free(&m);
 *
 * Reads take no lock and write nothing shared. Writers lock one bucket of three entries, in one cache line (the
 * line-sized buckets of CLHT, David et al., ASPLOS 2015). It grows and shrinks in steps: no call
 * moves more than WEND_MAP_MOVE_MOST entries. Hashing is keyed with secret random numbers, per map. All
 * calls are linearizable, except that len and range are no snapshots; they may be used from coroutines and from
 * foreign threads, also without a running runtime. A map must not be copied or moved after first use. It takes about
 * 40 bytes for each pair of words; memory comes back as entries are deleted.
 *
 * Keys and values are 64-bit words. A pointer becomes one by WEND_WORD(p) and comes back by (T *)(uintptr_t)v.
 *
 * **Who owns what.** The map copies string and byte keys. Values are plain words, unless the map was given `destroy`: then a
 * value that a call has taken over (it returned 0, or true) belongs to the map, which calls destroy(value) once, after it has
 * been replaced, deleted or cleared, and every section (wend/retire.h) that was open then has ended; or in wend_map_free.
 * What load, load_or_store and range give is borrowed: valid to the end of the section around the call, or of the
 * range callback. (Without a section it may be destroyed at once; nothing is held back when all that refer to a value
 * know by other means that it stays.) swap and load_and_delete with a place for the old value hand it over: destroy is not
 * called. As others may still have it borrowed, free it by wend_map_retire. Storing the very word that is
 * there destroys nothing. destroy runs like a callback of wend_retire: it may call what does not block.
 * What was replaced, deleted or cleared shortly before wend_map_free may be destroyed after it has returned. A
 * wend_retire_barrier that is called then waits for all of it, and arg is not used any more. Without one, arg must
 * stay valid until the runtime has ended with no foreign thread in a section.
 *
 * A map of strings or bytes, or with `destroy`, in whose range a coroutine still stood when the runtime ended destroys
 * nothing any more until it is freed, and must not be ranged over again.
 */
#ifndef WEND_MAP_H
#define WEND_MAP_H

#include <wend/types.h>

WEND__BEGIN

typedef struct wend_map {
	wend__ptr wend__table; /* in use, or the one before while entries move; NULL when empty from the start */
	wend__ptr wend__core;  /* what wend_map_init was given; NULL: words */
	wend__u64 wend__seed;  /* of the hash; 0 before the first store */
	uint64_t wend__spare;
} wend_map;

#define WEND_WORD(p) ((uint64_t)(uintptr_t)(p))

/* The most entries that one call moves while the map grows or shrinks. */
#define WEND_MAP_MOVE_MOST 32

enum wend_map_keys {
	WEND_MAP_WORDS = 0,   /* the word itself */
	WEND_MAP_STRINGS = 1, /* const char *, zero-terminated */
	WEND_MAP_BYTES = 2    /* const wend_bytes * */
};

typedef struct wend_bytes {
	const void *data;
	size_t len; /* below 4 GiB */
} wend_bytes;

typedef struct wend_map_config {
	enum wend_map_keys keys;
	/* Keys of strings and bytes that are equal in the user's own sense; both or neither. Equal keys must have
	 * equal hashes, of which all 64 bits count. They are called under a bucket's lock (equal) or outside
	 * (hash): they must not block and not call the library. */
	uint64_t (*hash)(const void *data, size_t len, void *arg);
	bool (*equal)(const void *a, size_t alen, const void *b, size_t blen, void *arg);
	void (*destroy)(uint64_t value, void *arg); /* see above; may be NULL */
	void *arg;                                  /* passed to all three */
} wend_map_config;

/* Makes m an empty map. Not needed for a map of words without destroy. 0; -ENOMEM; -EINVAL for hash without equal or the
 * reverse, for either with words, and for an unknown kind of keys. End it with wend_map_free. */
WEND_API WEND_NODISCARD int wend_map_init(wend_map *m, const wend_map_config *cfg);

/* Is key there? Its value then goes to *value. Never blocks, writes nothing shared. */
WEND_API bool wend_map_load(const wend_map *m, uint64_t key, uint64_t *value);

/* Sets the value of key. 0; -ENOMEM for a new key: the map is unchanged, and value still the caller's.
 * As for all writers: waits only for another writer of the same bucket, a few instructions. */
WEND_API int wend_map_store(wend_map *m, uint64_t key, uint64_t value);

/* 1 when key is there: its value goes to *actual, and `value` stays the caller's. 0 when it was not: value is stored, and is in
 * *actual, too. actual may be NULL. -ENOMEM: unchanged. */
WEND_API WEND_NODISCARD int wend_map_load_or_store(wend_map *m, uint64_t key, uint64_t value, uint64_t *actual);

/* Sets the value of key. 1 when it had one, which goes to *previous (and is the caller's; with NULL the map destroys it);
 * 0 when not; -ENOMEM: unchanged. */
WEND_API WEND_NODISCARD int wend_map_swap(wend_map *m, uint64_t key, uint64_t value, uint64_t *previous);

/* Deletes key. True when it was there: its value goes to *value (and is the caller's; NULL: destroyed). */
WEND_API bool wend_map_load_and_delete(wend_map *m, uint64_t key, uint64_t *value);

/* Destroys a value that swap or load_and_delete has handed over, as the map would have: when nobody has it borrowed any
 * more. m must have `destroy`. */
WEND_API void wend_map_retire(wend_map *m, uint64_t value);

/* Deletes key; true when it was there. */
WEND_API bool wend_map_delete(wend_map *m, uint64_t key);

/* Sets the value of key to `value` if key is there with the value `old`; true then. */
WEND_API bool wend_map_compare_and_swap(wend_map *m, uint64_t key, uint64_t old, uint64_t value);

/* Deletes key if it is there with the value `old`; true then. */
WEND_API bool wend_map_compare_and_delete(wend_map *m, uint64_t key, uint64_t old);

/* Calls fn(key, value, arg) for the entries, in no order, until it returns false. fn may block, and may use the map in any
 * way, range included. No key comes twice; what is there throughout comes once; what is stored
 * or deleted meanwhile may come or not. Key and value stay valid until fn returns, key as in the other calls.
 * 0; -ENOMEM (more than 64 keys in one bucket, which a bad hash of the user's may bring about): it ended early. */
WEND_API int wend_map_range(wend_map *m, bool (*fn)(uint64_t key, uint64_t value, void *arg), void *arg);

/* Deletes everything, at one instant. O(1); entries are destroyed later, in portions. Never fails. */
WEND_API void wend_map_clear(wend_map *m);

/* Number of entries; exact while nobody writes, a moment's estimate otherwise. O(number of P's). */
WEND_API size_t wend_map_len(const wend_map *m);

/* Nobody may use m any more, nor anything borrowed from it. Destroys all values, but for what is on its way to being destroyed
 * already (see above), and gives back all memory; m is a zero value afterwards. O(number of entries). Never blocks.
 * A NULL m and a zero value are fine. */
WEND_API void wend_map_free(wend_map *m);

WEND__END
#endif
