/* SPDX-License-Identifier: MIT
 *
 * tbb_map.cc - oneTBB's concurrent_hash_map, with accessors, which lock the element they stand on; its own hash. */
#include "bench/bench.h"

#include <string>
#include <string_view>

#include <tbb/concurrent_hash_map.h>

#include "bench/map_peer.h"

namespace {

/* Looks texts up without making a string of them. */
struct by_text {
	using is_transparent = void;
	static std::size_t hash(std::string_view s)
	{
		return std::hash<std::string_view>{}(s);
	}
	static bool equal(std::string_view a, std::string_view b)
	{
		return a == b;
	}
};

struct words {
	tbb::concurrent_hash_map<std::uint64_t, std::uint64_t> table;

	explicit words(std::uint64_t)
	{
	}
	std::uint64_t key(std::uint64_t i) const
	{
		return map_word(i);
	}
};

struct texts {
	tbb::concurrent_hash_map<std::string, std::uint64_t, by_text> table;
	const map_text *text;

	explicit texts(std::uint64_t most) : text(map_texts(most))
	{
	}
	std::string_view key(std::uint64_t i) const
	{
		return {text[i], MAP_TEXT_LEN};
	}
};

template <class M> bool get(M *m, std::uint64_t i)
{
	typename decltype(m->table)::const_accessor at;

	return m->table.find(at, m->key(i));
}

template <class M> void put(M *m, std::uint64_t i)
{
	typename decltype(m->table)::accessor at;

	m->table.insert(at, m->key(i));
	at->second = i;
}

template <class M> bool del(M *m, std::uint64_t i)
{
	return m->table.erase(m->key(i));
}

/* Its iterators must not meet a writer; there is none in this row. */
template <class M> std::uint64_t each(M *m)
{
	std::uint64_t n = 0;

	for (const auto &entry : m->table) {
		BENCH_USE(entry.second);
		n++;
	}
	return n;
}

template <class M> void *make(std::uint64_t most)
{
	return new (std::nothrow) M(most);
}

template <class M> void drop(void *map)
{
	delete static_cast<M *>(map);
}

MAP_LOOPS(loop_words, words, get, put, del, each)
MAP_LOOPS(loop_texts, texts, get, put, del, each)

bool run_words(void *m, enum map_op op, uint64_t size, uint64_t n, uint64_t seed)
{
	return loop_words(static_cast<words *>(m), op, size, n, seed);
}

bool run_texts(void *m, enum map_op op, uint64_t size, uint64_t n, uint64_t seed)
{
	return loop_texts(static_cast<texts *>(m), op, size, n, seed);
}

const struct map_kind kinds[] = {
	{"tbb_map", false, make<words>, drop<words>, run_words, map_nothing, map_nothing, false},
	{"tbb_map", true, make<texts>, drop<texts>, run_texts, map_nothing, map_nothing, false},
};

__attribute__((constructor)) void register_rows()
{
	for (const auto &kind : kinds)
		map_register(&kind);
}

} // namespace
