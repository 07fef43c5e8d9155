/* SPDX-License-Identifier: MIT
 *
 * bench/map_rows.h - the operations that all maps are measured with, in C and C++. MAP_LOOPS makes the timed loops out of a
 * map's own get(map, i), put(map, i) and del(map, i) for key number i, and each(map), which visits all entries and
 * returns how many. Values are words. Key i is i times an odd number, or a string made of that; which one is next is
 * drawn at random in the timed loop (2 to 3 ns, the same for all maps).
 */
#ifndef BENCH_MAP_ROWS_H
#define BENCH_MAP_ROWS_H

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "bench/bench.h"

enum map_op {
	MAP_HIT,    /* load a key that is there */
	MAP_MISS,   /* load one that is not */
	MAP_STORE,  /* new value for a key that is there */
	MAP_CHURN,  /* delete a key, or insert it if it was not there; half of the keys are */
	MAP_MIX50,  /* as many stores as loads */
	MAP_MIX90,  /* one store in ten */
	MAP_MIX99,  /* in a hundred */
	MAP_MIX999, /* in a thousand */
	MAP_INSERT, /* into an empty map, until it has so many; per insertion */
	MAP_RANGE,  /* visit all; per entry */
	MAP_OPS
};

/* Names of rows: group/op. */
static const char *const map_op_name[MAP_OPS] = {
	"hit", "miss", "store", "churn", "mix50", "mix90", "mix99", "mix999", "insert", "range",
};

/* One store in so many operations. */
static inline uint64_t map_period(enum map_op op)
{
	return op == MAP_MIX50 ? 2 : op == MAP_MIX90 ? 10 : op == MAP_MIX99 ? 100 : 1000;
}

static inline uint64_t map_rand(uint64_t *state)
{
	uint64_t x = *state;

	x ^= x << 13;
	x ^= x >> 7;
	x ^= x << 17;
	return *state = x;
}

static inline uint64_t map_below(uint64_t *state, uint64_t n)
{
	return (uint64_t)(((unsigned __int128)map_rand(state) * n) >> 64);
}

static inline uint64_t map_word(uint64_t i)
{
	return (i + 1) * 0x9E3779B97F4A7C15ull;
}

/* The texts of keys 0 to n - 1, 19 characters each, made before anything is timed; kept for the next one who asks. */
enum { MAP_TEXT_LEN = 19 };
typedef char map_text[MAP_TEXT_LEN + 1];

static inline const map_text *map_texts(uint64_t n)
{
	static map_text *text;
	static uint64_t made;

	if (made < n) {
		text = (map_text *)realloc(text, n * sizeof *text);
		if (!text)
			abort();
		for (; made < n; made++)
			snprintf(text[made], sizeof text[made], "key%016" PRIx64, map_word(made));
	}
	return text;
}

/* Defines bool LOOP(map, op, size, n, seed): n operations; INSERT: keys 0 to n - 1. */
#define MAP_LOOPS(LOOP, MAP, get, put, del, each)                                                 \
	static bool LOOP(MAP *m, enum map_op op, uint64_t size, uint64_t n, uint64_t seed)            \
	{                                                                                             \
		uint64_t rng = seed * 2 + 0x9E3779B97F4A7C15ull, seen = 0, period = map_period(op);       \
		bool ok = true;                                                                           \
                                                                                                  \
		switch (op) {                                                                             \
		case MAP_HIT:                                                                             \
			for (uint64_t i = 0; i < n; i++)                                                      \
				ok &= get(m, map_below(&rng, size));                                              \
			break;                                                                                \
		case MAP_MISS:                                                                            \
			for (uint64_t i = 0; i < n; i++)                                                      \
				ok &= !get(m, size + map_below(&rng, size));                                      \
			break;                                                                                \
		case MAP_STORE:                                                                           \
			for (uint64_t i = 0; i < n; i++)                                                      \
				put(m, map_below(&rng, size));                                                    \
			break;                                                                                \
		case MAP_CHURN:                                                                           \
			for (uint64_t i = 0; i < n; i++) {                                                    \
				uint64_t key = map_below(&rng, 2 * size);                                         \
				if (!del(m, key))                                                                 \
					put(m, key);                                                                  \
			}                                                                                     \
			break;                                                                                \
		case MAP_MIX50:                                                                           \
		case MAP_MIX90:                                                                           \
		case MAP_MIX99:                                                                           \
		case MAP_MIX999:                                                                          \
			for (uint64_t i = 0, left = 1; i < n; i++) {                                          \
				uint64_t key = map_below(&rng, size);                                             \
				if (--left == 0) {                                                                \
					put(m, key);                                                                  \
					left = period;                                                                \
				} else {                                                                          \
					ok &= get(m, key);                                                            \
				}                                                                                 \
			}                                                                                     \
			break;                                                                                \
		case MAP_INSERT:                                                                          \
			for (uint64_t i = 0; i < n; i++)                                                      \
				put(m, i);                                                                        \
			break;                                                                                \
		case MAP_RANGE:                                                                           \
			while (seen < n) {                                                                    \
				uint64_t all = each(m);                                                           \
				ok &= all == size;                                                                \
				seen += all ? all : n;                                                            \
			}                                                                                     \
			break;                                                                                \
		case MAP_OPS:                                                                             \
			break;                                                                                \
		}                                                                                         \
		return ok;                                                                                \
	}

/* Entries that RANGE visits beyond the n it is asked for: its time is scaled. */
static inline double map_scale(enum map_op op, uint64_t size, uint64_t n)
{
	return op == MAP_RANGE && n % size ? (double)n / (double)(n - n % size + size) : 1;
}

/* What is measured in the short run, too: the rest is for BENCH=full. threads: 1, 2, or more than there are CPUs. A map of
 * a million takes seconds to fill, so it has only the rows with bars. */
static inline bool map_in_short_run(enum map_op op, uint64_t size, int threads, bool texts)
{
	bool bar = op == MAP_HIT || op == MAP_STORE || op == MAP_CHURN || op == MAP_RANGE;

	if (texts || size == 1000000)
		return size != 65536 && threads == 1 && (texts ? op == MAP_HIT && size == 1000 : bar);
	if (size == 65536 || threads > 2)
		return false;
	if (threads == 2)
		return op == MAP_HIT || op == MAP_MIX90;
	return bar || op == MAP_INSERT || op == MAP_MIX90;
}

/* Is there such a row at all? Several threads insert and range in churn and mixes; 64k shows the caches' edges to one, and
 * strings cost on two what they cost on one. */
static inline bool map_row_exists(enum map_op op, uint64_t size, int threads, bool texts)
{
	if (threads == 1)
		return true;
	return !texts && size != 65536 && op != MAP_MISS && op != MAP_STORE && op != MAP_INSERT && op != MAP_RANGE;
}

#endif
