/* SPDX-License-Identifier: MIT
 *
 * wend/plainmap.h - Go's built-in map: for one coroutine at a time, and it notices when that is not so.
 *
 *     wend_plainmap m = WEND_ZERO;                      // zero value: keys and values are words
 *
 *     wend_plainmap_store(&m, 42, 1);
 *     wend_plainmap_free(&m);
 *
 * Many may read at once. Whoever writes must be alone; use a mutex, or wend_map. As in Go, a call that finds another one
 * writing ends the process, with exit status 2 and one of
 *
 *     fatal error: concurrent map writes
 *     fatal error: concurrent map read and map write
 *     fatal error: concurrent map iteration and map write
 *
 * That is a best effort: calls that happen not to overlap are not noticed. Nothing is corrupted before it is noticed, since
 * the entries lie in a wend_map. Keys, values, `destroy` and errors are those of wend/map.h. A plain map may be used from
 * foreign threads, too, and must not be copied or moved after first use.
 */
#ifndef WEND_PLAINMAP_H
#define WEND_PLAINMAP_H

#include <wend/map.h>

WEND__BEGIN

typedef struct wend_plainmap {
	wend_map wend__map;
	wend__u32 wend__writing; /* 1 while somebody writes */
	uint32_t wend__pad;
} wend_plainmap;

/* As wend_map_init. 0, -ENOMEM, -EINVAL. */
WEND_API WEND_NODISCARD int wend_plainmap_init(wend_plainmap *m, const wend_map_config *cfg);

/* v, ok = m[key] */
WEND_API bool wend_plainmap_load(const wend_plainmap *m, uint64_t key, uint64_t *value);

/* m[key] = value. 0, or -ENOMEM for a new key: the map is unchanged. */
WEND_API int wend_plainmap_store(wend_plainmap *m, uint64_t key, uint64_t value);

/* delete(m, key); true when it was there. */
WEND_API bool wend_plainmap_delete(wend_plainmap *m, uint64_t key);

/* for k, v = range m, until fn returns false. fn may store and delete: what it deletes before its turn may still come
 * (Go: does not), what it stores may come or not. 0, or -ENOMEM as wend_map_range. */
WEND_API int wend_plainmap_range(wend_plainmap *m, bool (*fn)(uint64_t key, uint64_t value, void *arg), void *arg);

/* clear(m) */
WEND_API void wend_plainmap_clear(wend_plainmap *m);

/* len(m) */
WEND_API size_t wend_plainmap_len(const wend_plainmap *m);

/* As wend_map_free. */
WEND_API void wend_plainmap_free(wend_plainmap *m);

WEND__END
#endif
