/* SPDX-License-Identifier: MIT
 *
 * bench/map_rows.h - the operations that all maps are measured with, in C and C++. MAP_LOOPS makes the timed loops out of a map's
 * own get(map, i), put(map, i) and del(map, i) for key number i, and each(map), which visits all entries and returns
 * how many. Values are words. Key i is i times an odd number, or a string made of that; which one is next is drawn at
 * random in the timed loop (2 to 3 ns, the same for all maps).
 */
#ifndef BENCH_MAP_ROWS_H
#define BENCH_MAP_ROWS_H

#include "bench/bench.h"


enum map_op {
	MAP_HIT,    /* load a key that is there */
	MAP_MISS,   /* load one that is not */
	MAP_STORE,  /* new value for a key that is there */
	MAP_CHURN,  /* delete a key, or insert it if it was not there; half of the keys are */
	MAP_MIX90,  /* nine loads, one store */
	MAP_MIX50,  /* as many stores as loads */
	MAP_INSERT, /* into an empty map, until it has so many; per insertion */
	MAP_RANGE,  /* visit all; per entry */
};

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

/* Defines bool LOOP(map, op, size, n, seed): n operations, not INSERT. */
#define MAP_LOOPS(LOOP, MAP, get, put, del, each)                                                 \
	static bool LOOP(MAP *m, enum map_op op, uint64_t size, uint64_t n, uint64_t seed)            \
	{                                                                                             \
		uint64_t rng = seed * 2 + 0x9E3779B97F4A7C15ull, seen = 0;                                \
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
		case MAP_MIX90:                                                                           \
		case MAP_MIX50:                                                                           \
			for (uint64_t i = 0; i < n; i++) {                                                    \
				uint64_t key = map_below(&rng, size);                                             \
				if (op == MAP_MIX50 ? i % 2 : i % 10 == 0)                                        \
					put(m, key);                                                                  \
				else                                                                              \
					ok &= get(m, key);                                                            \
			}                                                                                     \
			break;                                                                                \
		case MAP_RANGE:                                                                           \
			while (seen < n) {                                                                    \
				uint64_t all = each(m);                                                           \
				ok &= all == size;                                                                \
				seen += all ? all : n;                                                            \
			}                                                                                     \
			break;                                                                                \
		case MAP_INSERT:                                                                          \
			ok = false;                                                                           \
			break;                                                                                \
		}                                                                                         \
		return ok;                                                                                \
	}

/* Entries that RANGE visits beyond the n it is asked for: its time is scaled. */
static inline double map_scale(enum map_op op, uint64_t size, uint64_t n)
{
	return op == MAP_RANGE && n % size ? (double)n / (double)(n - n % size + size) : 1;
}

#endif
