/* SPDX-License-Identifier: MIT
 *
 * The concurrent map's memory under the model checker: keys of strings and bytes and keys that collide, whose entries are
 * freed; values that it destroys, under readers, rangers and foreign threads; allocations that fail. Keys and values
 * are the checker's memory: it notices what is used after its end, or freed twice. */
#include "model/threads.h"

#include "model/map_cells.h"

#include "wend/retire.h"

/* ---- Keys that are not words ----------------------------------------------------------------------- */

static uint64_t one_hash(const void *data, size_t len, void *arg)
{
	return 42;
}

static bool same_bytes(const void *a, size_t alen, const void *b, size_t blen, void *arg)
{
	return alen == blen && memcmp(a, b, alen) == 0;
}

static const wend_map_config strings = {.keys = WEND_MAP_STRINGS}, bytes = {.keys = WEND_MAP_BYTES};
static const wend_map_config collide = {.keys = WEND_MAP_BYTES, .hash = one_hash, .equal = same_bytes};

static void delete_and_store(void *unused)
{
	act(DELETE, 0, 0);
	act(STORE, 0, 3);
	reclaim_hasten(); /* the entry is freed as soon as no reader is left */
}

MODEL_TEST(a_string_under_its_readers, .leaks = true, .weight = 0.6)
{
	begin_with(2, THREADS_BORDER, &strings);
	act(STORE, 0, 1);
	co_go(delete_and_store, NULL);
	load_twice(NULL);
	end();
}

/* In the same slot: it must not be found before it is published, or the next load would miss it. */
static void store_again(void *unused)
{
	act(DELETE, 0, 0);
	act(STORE, 0, 3);
}

MODEL_TEST(a_string_that_is_stored_again, .leaks = true, .weight = 0.2)
{
	begin_with(2, 0, &strings);
	act(STORE, 0, 1);
	co_go(store_again, NULL);
	load_twice(NULL);
	end();
}

MODEL_TEST(bytes_in_one_bucket, .leaks = true, .weight = 0.4)
{
	begin_with(3, 0, &bytes);
	act(STORE, 0, 1);
	co_go(swap_and_delete, NULL);
	co_go(insert_and_cas, NULL);
	load_twice(NULL);
	end();
}

static void grow(void *unused)
{
	put(key_in(is_upper(watched), 3));
	put(key_in(!is_upper(watched), 0));
}

MODEL_TEST(a_string_while_the_map_grows, .leaks = true, .weight = 0.4)
{
	begin_with(2, 0, &strings);
	act(STORE, 0, 1);
	fill_bucket(3);
	co_go(grow, NULL);
	swap_and_load(NULL);
	end();
}

MODEL_TEST(a_reader_of_a_string_while_the_map_grows, .leaks = true, .weight = 0.4)
{
	begin_with(2, 0, &strings);
	fill_bucket(3);
	act(STORE, 0, 1); /* in a chain */
	co_go(grow, NULL);
	load_twice(NULL);
	end();
}

MODEL_TEST(a_reader_of_a_string_whose_chain_moves, .leaks = true, .weight = 0.2)
{
	begin_chained(0, &strings);
	co_go(move_watched, NULL);
	load_twice(NULL);
	end();
}

static int seen;

static bool see(uint64_t key, uint64_t value, void *unused)
{
	if (strcmp((const char *)(uintptr_t)key, (const char *)(uintptr_t)watched) == 0)
		seen++;
	else
		MODEL_CHECK_EQ(value, value_of(key));
	return true;
}

MODEL_TEST(range_over_strings_while_a_chain_moves, .leaks = true, .weight = 0.2)
{
	begin_chained(0, &strings);
	seen = 0;
	co_go(move_watched, NULL);
	MODEL_CHECK_EQ(wend_map_range(&m, see, NULL), 0);
	MODEL_CHECK_EQ(seen, 1);
	end();
}

static void store_and_delete(void *unused)
{
	act(STORE, 0, 1);
	act(DELETE, 0, 0);
}

MODEL_TEST(a_string_in_a_chain, .leaks = true, .weight = 0.4)
{
	begin_with(2, 0, &strings);
	fill_bucket(3 + (int)model_choose(2)); /* it will need a line, or finds room in one */
	co_go(store_and_delete, NULL);
	load_twice(NULL);
	end();
}

/* Another key comes into the slot of one that goes, in the first line or in a chain. */
static void go_and_come(void *unused)
{
	bool upper = is_upper(watched);

	wend_map_delete(&m, key_in(upper, 0));
	put(key_in(upper, 4));
}

MODEL_TEST(range_over_strings_while_others_come_and_go, .leaks = true, .weight = 0.4)
{
	begin_with(2, 0, &strings);
	act(STORE, 0, 1);
	if (model_choose(2))
		for (int i = 1; i < 3; i++)
			put(key_in(is_upper(watched), i));
	put(key_in(is_upper(watched), 0));
	seen = 0;
	co_go(go_and_come, NULL);
	MODEL_CHECK_EQ(wend_map_range(&m, see, NULL), 0);
	MODEL_CHECK_EQ(seen, 1);
	end();
}

/* One more than the first line holds: who finds the line finds what is in it. */
static void put_in_a_line(void *unused)
{
	put(key_in(is_upper(watched), 4));
}

MODEL_TEST(range_over_strings_while_a_line_comes, .leaks = true, .weight = 0.2)
{
	begin_with(2, 0, &strings);
	act(STORE, 0, 1);
	for (int i = 0; i < 2; i++)
		put(key_in(is_upper(watched), i));
	seen = 0;
	co_go(put_in_a_line, NULL);
	MODEL_CHECK_EQ(wend_map_range(&m, see, NULL), 0);
	MODEL_CHECK_EQ(seen, 1);
	end();
}

/* One bucket has them all, more than a call moves; its writers look in both tables. */
static void put_another(void *unused)
{
	put(key_in(is_upper(watched), 4));
}

MODEL_TEST(a_key_that_collides_with_all_others, .leaks = true, .weight = 0.6)
{
	begin_with(2, 0, &collide);
	fill_bucket(3);
	act(STORE, 0, 1);
	put(key_in(is_upper(watched), 3));
	co_go(put_another, NULL);
	swap_and_delete(NULL);
	end();
}

/* ---- Values that the map destroys -------------------------------------------------------------------- */

enum { THINGS = 8 };

struct thing {
	atm_u32 number;
};

static int destroyed[THINGS];

static void destroy(uint64_t value, void *arg)
{
	struct thing *t = (struct thing *)(uintptr_t)value;

	MODEL_CHECK(arg == destroyed);
	destroyed[atm_load_rlx(&t->number) - 1]++;
	free(t);
}

static const wend_map_config owner = {.destroy = destroy, .arg = destroyed};
static const wend_map_config owner_of_strings = {.keys = WEND_MAP_STRINGS, .destroy = destroy, .arg = destroyed};

static uint64_t make(uint32_t number)
{
	struct thing *t = calloc(1, sizeof *t);

	atm_store_rlx(&t->number, number + 1); /* visible to all who find it in the map */
	return WEND_WORD(t);
}

static void look_at(uint64_t value)
{
	MODEL_CHECK(atm_load_rlx(&((struct thing *)(uintptr_t)value)->number) - 1 < THINGS);
}

static void begin_owner(int threads, const wend_map_config *cfg)
{
	memset(destroyed, 0, sizeof destroyed);
	reclaim_forget();
	threads_begin(threads, THREADS_BORDER);
	m = (wend_map)WEND_ZERO;
	model_name(&m, sizeof m, "map");
	MODEL_CHECK_EQ(wend_map_init(&m, cfg), 0);
	watched = key_of(7);
	MODEL_CHECK_EQ(wend_map_store(&m, watched, make(0)), 0);
}

/* The map is freed at once, with what was retired still on its way. */
static void end_owner(int things)
{
	threads_join();
	wend_map_free(&m);
	reclaim_end();
	for (int i = 0; i < THINGS; i++)
		MODEL_CHECK_EQ(destroyed[i], i < things);
}

static void replace_and_delete(void *unused)
{
	MODEL_CHECK_EQ(wend_map_store(&m, watched, make(1)), 0);
	MODEL_CHECK(wend_map_delete(&m, watched));
	reclaim_hasten();
}

static void look_in_a_section(void *unused)
{
	uint64_t v;

	wend_section_begin();
	if (wend_map_load(&m, watched, &v)) {
		look_at(v);
		wend_map_delete(&m, key_of(2)); /* another call comes in and goes out */
		look_at(v);
	}
	wend_section_end();
}

MODEL_TEST(a_section_keeps_the_value_it_loaded, .leaks = true, .weight = 0.5)
{
	begin_owner(2, &owner);
	co_go(replace_and_delete, NULL);
	look_in_a_section(NULL);
	end_owner(2);
}

MODEL_TEST(a_foreign_section_keeps_the_value_it_loaded, .leaks = true, .weight = 0.4)
{
	begin_owner(2, &owner);
	foreign_go(look_in_a_section, NULL);
	replace_and_delete(NULL);
	end_owner(2);
}

static void swap_and_retire(void *unused)
{
	uint64_t old;

	if (wend_map_swap(&m, watched, make(1), &old) == 1)
		wend_map_retire(&m, old);
	reclaim_hasten();
}

/* The same with a string for a key: the value is in a node then. */
MODEL_TEST(a_section_keeps_the_value_of_a_string, .leaks = true, .weight = 0.4)
{
	begin_owner(2, &owner_of_strings);
	co_go(replace_and_delete, NULL);
	look_in_a_section(NULL);
	end_owner(2);
}

MODEL_TEST(a_value_handed_over_is_retired, .leaks = true, .weight = 0.2)
{
	begin_owner(2, &owner);
	co_go(swap_and_retire, NULL);
	look_in_a_section(NULL);
	end_owner(2);
}

static bool look_at_both(uint64_t key, uint64_t value, void *n)
{
	uint64_t v;

	++*(int *)n;
	look_at(value);
	wend_map_load(&m, watched, &v); /* time passes: no section protects the callback */
	look_at(value);
	if (atm_load_rlx(&m.wend__core) && key != 7)
		MODEL_CHECK_EQ(strcmp((const char *)(uintptr_t)key, "key7"), 0);
	return true;
}

static void range_over_all(void *unused)
{
	int n = 0;

	MODEL_CHECK_EQ(wend_map_range(&m, look_at_both, &n), 0);
	MODEL_CHECK(n <= 1);
}

MODEL_TEST(range_holds_the_value_it_gave, .leaks = true, .weight = 0.5)
{
	begin_owner(2, &owner);
	co_go(replace_and_delete, NULL);
	range_over_all(NULL);
	end_owner(2);
}

MODEL_TEST(range_holds_the_string_it_gave, .leaks = true, .weight = 0.5)
{
	begin_owner(2, &owner_of_strings);
	co_go(replace_and_delete, NULL);
	range_over_all(NULL);
	end_owner(2);
}

/* The later ranger holds what the earlier one does not, and the other way round. */
MODEL_TEST(two_rangers_hold_what_each_may_have, .leaks = true, .weight = 0.4)
{
	begin_owner(3, &owner);
	co_go(replace_and_delete, NULL);
	co_go(range_over_all, NULL);
	range_over_all(NULL);
	end_owner(2);
}

static void clear_and_store(void *unused)
{
	wend_map_clear(&m);
	MODEL_CHECK_EQ(wend_map_store(&m, watched, make(1)), 0);
	reclaim_hasten();
}

MODEL_TEST(a_cleared_value_under_its_readers, .leaks = true, .weight = 0.4)
{
	begin_owner(3, &owner_of_strings);
	co_go(clear_and_store, NULL);
	co_go(range_over_all, NULL);
	look_in_a_section(NULL);
	end_owner(2);
}

static void run_what_is_ripe(void *unused)
{
	reclaim_hasten();
}

static void free_and_wait(void *unused)
{
	wend_map_free(&m);
	wend_retire_barrier();
	for (int i = 0; i < THINGS; i++)
		MODEL_CHECK_EQ(destroyed[i], 1);
}

/* A cleared map is destroyed in portions, by whoever comes by; a barrier after free waits for the last. */
MODEL_TEST(a_barrier_after_free_waits_for_all, .leaks = true, .weight = 0.4)
{
	begin_owner(2, &owner);
	for (uint32_t i = 1; i < THINGS; i++)
		MODEL_CHECK_EQ(wend_map_store(&m, key_in(i % 2, (int)i / 2), make(i)), 0);
	MODEL_CHECK(wend_map_delete(&m, watched));
	if (model_choose(2))
		wend_map_clear(&m);
	co_go(run_what_is_ripe, NULL);
	foreign_go(free_and_wait, NULL);
	threads_join();
	reclaim_end();
}

/* What is on its way is destroyed by one, what free has left behind it by the other. */
MODEL_TEST(the_core_stays_for_what_refers_to_it, .leaks = true, .weight = 0.2)
{
	begin_owner(2, &owner);
	MODEL_CHECK(wend_map_delete(&m, watched));
	co_go(run_what_is_ripe, NULL);
	wend_map_free(&m);
	run_what_is_ripe(NULL);
	threads_join();
	reclaim_end();
	MODEL_CHECK_EQ(destroyed[0], 1);
}

/* ---- Memory runs out --------------------------------------------------------------------------------- */

static void store_without_memory(void *unused)
{
	model_no_memory(true);
	act(STORE, 0, 2);
	act(INSERT, 0, 3);
	model_no_memory(false);
}

static void swap_with_memory(void *unused)
{
	model_no_memory(false);
	act(SWAP, 0, 2);
	model_no_memory(true);
}

/* Neither the first table, which another may have got meanwhile, nor an entry of a string. */
MODEL_TEST(no_memory_for_the_first_entry, .leaks = true, .weight = 0.4)
{
	bool text = model_choose(2);

	begin_with(2, 0, text ? &strings : NULL);
	if (!text)
		wend_map_free(&m);
	may_fail = true;
	co_go(store_without_memory, NULL);
	swap_with_memory(NULL);
	threads_join();
	model_no_memory(false);
	end();
}

/* A bucket's lines are full, those of the table given out, and a larger table is not to be had. */
static size_t exhaust(void)
{
	size_t n = 0;

	model_no_memory(true);
	while (wend_map_store(&m, key_in(is_upper(watched), (int)n), value_of(key_in(is_upper(watched), (int)n))) == 0)
		n++;
	model_no_memory(false);
	return n;
}

static void make_room(void *unused)
{
	MODEL_CHECK(wend_map_delete(&m, key_in(is_upper(watched), 0)));
	act(LOAD, 0, 0);
}

MODEL_TEST(no_memory_for_a_line, .leaks = true, .weight = 0.4, .cover = 6)
{
	begin(2);

	size_t n = exhaust();

	may_fail = true;
	co_go(make_room, NULL);
	store_without_memory(NULL);
	threads_join();
	model_cover(history.op[0].op == NOTHING ? 1 : 2);
	MODEL_CHECK_EQ(wend_map_len(&m), n - 1 + (history.op[1].op != NOTHING || history.op[0].op != NOTHING));
	end();
}

/* Not from the table's own lines, but with memory. */
static void store_into_a_new_line(void *unused)
{
	act(STORE, 0, 2);
}

static void load_once(void *unused)
{
	act(LOAD, 0, 0);
}

static bool fits(uint64_t key, uint64_t value, void *unused)
{
	MODEL_CHECK(key == watched ? value == 2 : value == value_of(key));
	return true;
}

MODEL_TEST(a_line_of_its_own, .leaks = true, .weight = 0.2)
{
	begin(2);
	exhaust();
	co_go(store_into_a_new_line, NULL);
	if (model_choose(2)) {
		load_twice(NULL);
	} else {
		foreign_go(load_once, NULL);
		MODEL_CHECK_EQ(wend_map_range(&m, fits, NULL), 0);
	}
	end();
}

/* The move comes to a halt in the middle and goes on when there is memory again. */
static void grow_without_memory(void *unused)
{
	uint64_t key = key_in(is_upper(watched), 3);

	model_no_memory(true);
	(void)!wend_map_swap(&m, key, value_of(key), NULL);
	model_no_memory(false);
	put(key);
}

MODEL_TEST(no_memory_while_entries_move, .leaks = true, .weight = 0.4)
{
	uint64_t v;

	begin(2);
	act(STORE, 0, 1);
	fill_bucket(4);
	may_fail = true;
	co_go(grow_without_memory, NULL);
	swap_and_load(NULL);
	threads_join();
	for (int i = 0; i < 4; i++)
		MODEL_CHECK(wend_map_load(&m, key_in(is_upper(watched), i), &v) && v == value_of(key_in(is_upper(watched), i)));
	end();
}
