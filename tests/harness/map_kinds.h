/* SPDX-License-Identifier: MIT
 *
 * tests/harness/map_kinds.h - the same test on maps of all kinds of keys: number i becomes a word, a string or
 * bytes, and the hash may be good, the same for all keys, or of few values. */
#ifndef TESTS_HARNESS_MAP_KINDS_H
#define TESTS_HARNESS_MAP_KINDS_H

#include <inttypes.h>

#include "harness/test.h"

#include <wend/wend.h>

enum kind { WORDS, STRINGS, BYTES, COLLIDE, TRUNCATED, KINDS };

static const char *const kind_name[KINDS] = {"words", "strings", "bytes", "all collide", "truncated hash"};

struct key_room {
	wend_bytes bytes;
	char text[32];
};

static inline uint64_t key_make(enum kind kind, uint64_t i, struct key_room *room)
{
	if (kind == WORDS)
		return i;
	room->bytes.data = room->text;
	if (kind == STRINGS) {
		snprintf(room->text, sizeof room->text, "key %" PRIu64, i);
		return WEND_WORD(room->text);
	}
	memcpy(room->text, &i, sizeof i);
	room->bytes.len = sizeof i;
	return WEND_WORD(&room->bytes);
}

#define KEY(kind, i) key_make((kind), (uint64_t)(i), &(struct key_room){.text = ""})

static inline uint64_t key_number(enum kind kind, uint64_t key)
{
	uint64_t i = key;

	if (kind == STRINGS)
		return strtoull((const char *)(uintptr_t)key + 4, NULL, 10);
	if (kind != WORDS) {
		const wend_bytes *bytes = (const wend_bytes *)(uintptr_t)key;

		CHECK_EQ(bytes->len, sizeof i);
		memcpy(&i, bytes->data, sizeof i);
	}
	return i;
}

static inline uint64_t same_hash(const void *data, size_t len, void *arg)
{
	(void)data, (void)len, (void)arg;
	return 42;
}

static inline uint64_t few_hashes(const void *data, size_t len, void *arg)
{
	(void)len, (void)arg;
	return ((const unsigned char *)data)[0] & 7;
}

static inline bool same_bytes(const void *a, size_t alen, const void *b, size_t blen, void *arg)
{
	(void)arg;
	return alen == blen && memcmp(a, b, alen) == 0;
}

static inline void map_make(wend_map *m, enum kind kind, void (*destroy)(uint64_t, void *), void *arg)
{
	wend_map_config cfg = {
		.keys = kind == WORDS ? WEND_MAP_WORDS : kind == STRINGS ? WEND_MAP_STRINGS : WEND_MAP_BYTES,
		.hash = kind == COLLIDE ? same_hash : kind == TRUNCATED ? few_hashes : NULL,
		.equal = kind == COLLIDE || kind == TRUNCATED ? same_bytes : NULL,
		.destroy = destroy,
		.arg = arg,
	};

	*m = (wend_map)WEND_ZERO;
	if (kind != WORDS || destroy)
		CHECK_EQ(wend_map_init(m, &cfg), 0);
}

#endif
