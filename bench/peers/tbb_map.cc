/* SPDX-License-Identifier: MIT
 *
 * tbb_map.cc - oneTBB's concurrent_hash_map, with accessors, which lock the element they stand on. */
#include "bench/bench.h"

#include <tbb/concurrent_hash_map.h>

#include "bench/map_rows.h"

namespace {

struct map {
	tbb::concurrent_hash_map<std::uint64_t, std::uint64_t> table;
};

bool get(map *m, std::uint64_t i)
{
	decltype(m->table)::const_accessor at;

	return m->table.find(at, map_word(i));
}

void put(map *m, std::uint64_t i)
{
	decltype(m->table)::accessor at;

	m->table.insert(at, map_word(i));
	at->second = i;
}

bool del(map *m, std::uint64_t i)
{
	return m->table.erase(map_word(i));
}

/* Its iterators must not meet a writer; there is none in this row. */
std::uint64_t each(map *m)
{
	std::uint64_t n = 0;

	for (const auto &entry : m->table) {
		BENCH_USE(entry.second);
		n++;
	}
	return n;
}

map *map_make()
{
	return new (std::nothrow) map;
}

void map_drop(map *m)
{
	delete m;
}

void thread_in()
{
}

void thread_out()
{
}

#define MAP_NAME "tbb_map"
#define MAP_HAS(op) true
#define MAP_SHARED(op) ((op) == MAP_HIT || (op) == MAP_CHURN || (op) == MAP_MIX90 || (op) == MAP_MIX50)
#include "bench/map_peer.h"

} // namespace
