/* SPDX-License-Identifier: MIT
 *
 * The concurrent map under the model checker: histories of single keys are linearizable, while entries move to a larger
 * or a smaller table, while the map is cleared, and in chains; range sees what stays once. What becomes of memory
 * is in test_model_map_memory.c. */
#include "model/threads.h"

#include "model/map_cells.h"

/* ---- A bucket, no moves ---------------------------------------------------------------------------- */

MODEL_TEST(one_key_one_bucket, .leaks = true /* cells stay with their P */, .weight = 0.5)
{
	begin(3);
	act(STORE, 0, 1);
	co_go(swap_and_delete, NULL);
	co_go(insert_and_cas, NULL);
	load_twice(NULL);
	end();
}

static void compare_and_delete(void *unused)
{
	act(CAD, 1, 0);
	act(STORE, 0, 1);
}

static void compare_and_swap(void *unused)
{
	act(CAS, 1, 5);
	act(CAD, 5, 0);
}

MODEL_TEST(comparisons_on_one_key, .leaks = true, .weight = 0.4)
{
	begin(2);
	act(STORE, 0, 1);
	co_go(compare_and_delete, NULL);
	compare_and_swap(NULL);
	end();
}

/* Who locks sees what the one before has written: by the short way here, by the general one there. */
static void store_two(void *unused)
{
	act(STORE, 0, 2);
}

MODEL_TEST(a_store_and_a_swap, .leaks = true, .weight = 0.2)
{
	begin(2);
	act(STORE, 0, 1);
	co_go(store_two, NULL);
	act(SWAP, 0, 3);
	threads_join();
	act(LOAD, 0, 0); /* what was last */
	end();
}

/* Another key comes into the slot that the watched one leaves: a reader must not take its value. */
static void delete_and_fill(void *unused)
{
	act(DELETE, 0, 0);
	put(key_in(is_upper(watched), 0));
}

MODEL_TEST(a_slot_gets_another_key, .leaks = true, .weight = 0.4)
{
	begin(2);
	act(STORE, 0, 1);
	co_go(delete_and_fill, NULL);
	load_twice(NULL);
	end();
}

/* The other way round: a reader must not take the value of the key that was there. */
static void delete_other_and_store(void *unused)
{
	MODEL_CHECK(wend_map_delete(&m, key_in(is_upper(watched), 0)));
	act(STORE, 0, 2);
}

MODEL_TEST(a_slot_gets_the_watched_key, .leaks = true, .weight = 0.4)
{
	begin(2);
	for (int before = (int)model_choose(3); before > 0; before--)
		put(key_in(is_upper(watched), before));
	put(key_in(is_upper(watched), 0));
	if (model_choose(2))
		foreign_go(delete_other_and_store, NULL);
	else
		co_go(delete_other_and_store, NULL);
	load_twice(NULL);
	end();
}

/* ---- What a writer did before ---------------------------------------------------------------------- */

static atm_u32 done;
static int how;

static void write_after(void *unused)
{
	atm_store_rlx(&done, 1);
	act(how, 1, 2);
}

/* Is visible to who sees its effect, absence included; in the first line and in a chain. */
MODEL_TEST(who_sees_a_write_sees_what_came_before, .leaks = true, .weight = 0.4)
{
	static const int ops[] = {STORE, SWAP, CAS, DELETE, CAD, INSERT};
	uint64_t v = 0;

	how = ops[model_choose(countof(ops))];
	begin(2);
	fill_bucket(3 * (int)model_choose(2));
	if (how != INSERT)
		act(STORE, 0, 1);
	co_go(write_after, NULL);
	bool there = wend_map_load(&m, watched, &v);

	if (there ? v == 2 : how != INSERT)
		MODEL_CHECK_EQ(atm_load_rlx(&done), 1);
	end();
}

/* ---- The first table ------------------------------------------------------------------------------- */

static void store_and_load(void *unused)
{
	MODEL_CHECK(wend_map_len(&m) <= 1);
	act(STORE, 0, 1);
	act(LOAD, 0, 0);
}

static void insert_and_clear(void *unused)
{
	act(INSERT, 0, 3);
	act(CLEAR, 0, 0);
}

/* A first table may be another's, and cleared before it is seen: neither is a lack of memory. */
MODEL_TEST(two_first_stores_and_a_clear, .leaks = true, .weight = 0.4)
{
	begin_with(2, THREADS_BORDER, NULL);
	wend_map_free(&m);
	co_go(insert_and_clear, NULL);
	store_and_load(NULL);
	end();
}

/* ---- Chains ---------------------------------------------------------------------------------------- */

static void store_and_delete(void *unused)
{
	act(STORE, 0, 1);
	act(DELETE, 0, 0);
}

MODEL_TEST(one_key_in_a_chain, .leaks = true, .weight = 0.4)
{
	begin(2);
	fill_bucket(3 + (int)model_choose(2)); /* the watched key will need a line, or finds room in one */
	if (model_choose(2)) {                 /* or is in a chain, with room in the first line */
		act(STORE, 0, 5);
		MODEL_CHECK(wend_map_delete(&m, key_in(is_upper(watched), 0)));
	}
	co_go(store_and_delete, NULL);
	load_twice(NULL);
	end();
}

/* ---- Growing --------------------------------------------------------------------------------------- */

static void grow(void *unused)
{
	bool upper = is_upper(watched);

	put(key_in(upper, 3)); /* the fifth and more: two buckets are too few */
	put(key_in(!upper, 0));
}

MODEL_TEST(one_key_while_the_map_grows, .leaks = true, .weight = 0.6)
{
	begin(2);
	act(STORE, 0, 1);
	fill_bucket(3);
	co_go(grow, NULL);
	swap_and_load(NULL);
	end();
}

MODEL_TEST(a_reader_while_the_map_grows, .leaks = true, .weight = 0.6)
{
	int before = 3 * (int)model_choose(2); /* then it is in a chain */

	begin(2);
	fill_bucket(before);
	act(STORE, 0, 1);
	fill_bucket(3);
	co_go(grow, NULL);
	load_twice(NULL);
	end();
}

MODEL_TEST(a_reader_whose_chain_moves, .leaks = true, .weight = 0.2)
{
	begin_chained(0, NULL);
	co_go(move_watched, NULL);
	load_twice(NULL);
	end();
}

static void grow_and_move(void *unused)
{
	put(key_in(false, 3));
	wend_map_delete(&m, beside);
}

MODEL_TEST(a_writer_whose_chain_moves, .leaks = true, .weight = 0.4)
{
	begin_full(0, NULL);
	co_go(grow_and_move, NULL);
	act(SWAP, 0, 2);
	end();
}

/* Its bucket has moved, the table has not been replaced yet. The slot still has the key, with another value. */
MODEL_TEST(one_key_in_the_next_table, .leaks = true, .weight = 0.4)
{
	begin_chained(0, NULL);
	act(DELETE, 0, 0);
	MODEL_CHECK(atm_load_rlx(&table()->bucket[1].meta) & MAP_MOVED);
	MODEL_CHECK(atm_load_acq(&table()->next));
	co_go(swap_and_delete, NULL);
	load_twice(NULL);
	end();
}

MODEL_TEST(deletes_while_the_map_grows, .leaks = true, .weight = 0.7)
{
	begin(3);
	act(STORE, 0, 1);
	fill_bucket(3);
	co_go(grow, NULL);
	co_go(insert_and_cas, NULL);
	swap_and_delete(NULL);
	end();
}

/* ---- Shrinking ------------------------------------------------------------------------------------- */

/* Eight buckets; the watched key and one in the other half are there. */
static void begin_large(int threads, unsigned flags)
{
	begin_with(threads, flags, NULL);

	bool upper = is_upper(watched);

	act(STORE, 0, 1);
	fill_bucket(4);
	put(key_in(!upper, 0));
	while (atm_load_acq(&table()->next)) /* each write moves some entries */
		wend_map_delete(&m, 1);
	MODEL_CHECK_EQ(table()->n, 8);
	for (int i = 0; i < 4; i++)
		MODEL_CHECK(wend_map_delete(&m, key_in(upper, i)));
}

static void delete_others(int n)
{
	while (n-- > 0)
		wend_map_delete(&m, 1);
}

/* One key is left: two buckets are enough. Five writes empty the eight. */
static void shrink(void *unused)
{
	MODEL_CHECK(wend_map_delete(&m, key_in(!is_upper(watched), 0)));
	delete_others(4);
}

MODEL_TEST(one_key_while_the_map_shrinks, .leaks = true, .weight = 0.6, .cover = 2)
{
	begin_large(2, 0);
	co_go(shrink, NULL);
	swap_and_load(NULL);
	threads_join();
	if (table()->n == 2)
		model_cover(1);
	end();
}

MODEL_TEST(a_reader_while_the_map_shrinks, .leaks = true, .weight = 0.4)
{
	begin_large(2, 0);
	co_go(shrink, NULL);
	load_twice(NULL);
	end();
}

static void help_shrinking(void *unused)
{
	delete_others(2);
}

/* Several of the larger table's buckets go to one of the smaller's: those who move them meet there. */
MODEL_TEST(two_move_entries_together, .leaks = true, .weight = 0.7)
{
	begin_large(3, 0);
	act(DELETE, 0, 0);
	put(key_in(is_upper(watched), 0));
	put(key_in(is_upper(watched), 1));
	MODEL_CHECK(wend_map_delete(&m, key_in(!is_upper(watched), 0)));
	MODEL_CHECK(wend_map_delete(&m, key_in(is_upper(watched), 1)));
	delete_others(1);
	co_go(help_shrinking, NULL);
	co_go(insert_and_cas, NULL);
	store_and_delete(NULL);
	threads_join();

	uint64_t v;

	MODEL_CHECK(wend_map_load(&m, key_in(is_upper(watched), 0), &v) && v == value_of(key_in(is_upper(watched), 0)));
	end();
}

/* ---- Clear ----------------------------------------------------------------------------------------- */

static void clear(void *unused)
{
	act(CLEAR, 0, 0);
}

MODEL_TEST(one_key_while_the_map_is_cleared, .leaks = true, .weight = 0.4)
{
	begin_with(2, THREADS_BORDER, NULL); /* the table is freed */
	act(STORE, 0, 1);
	co_go(clear, NULL);
	swap_and_load(NULL);
	end();
}

/* The table that is taken away has a successor, which may be about to take its place. */
MODEL_TEST(one_key_while_a_growing_map_is_cleared, .leaks = true, .weight = 0.6)
{
	begin_with(2, THREADS_BORDER, NULL);
	act(STORE, 0, 1);
	fill_bucket(3);
	put(key_in(is_upper(watched), 3));
	co_go(clear, NULL);
	swap_and_load(NULL);
	end();
}

/* The same at the end of the move: the last bucket's mover puts the successor in the table's place. */
MODEL_TEST(one_key_while_a_grown_map_is_cleared, .leaks = true, .weight = 0.4)
{
	begin_chained(THREADS_BORDER, NULL);
	while (atm_load_rlx(&table()->left) > 1)
		wend_map_delete(&m, 1);
	co_go(clear, NULL);
	for (int i = 0; i < 4; i++) /* the other bucket may be the last */
		move_watched(NULL);
	act(LOAD, 0, 0);
	end();
}

/* ---- Range ----------------------------------------------------------------------------------------- */

static int seen, others;

static bool see(uint64_t key, uint64_t value, void *unused)
{
	seen += key == watched;
	others += key == key_in(is_upper(watched), 0);
	MODEL_CHECK(key == watched || value == value_of(key));
	return true;
}

static void range_once(void)
{
	seen = others = 0;
	MODEL_CHECK_EQ(wend_map_range(&m, see, NULL), 0);
	MODEL_CHECK_EQ(seen, 1);
	MODEL_CHECK(others <= 1);
}

MODEL_TEST(range_sees_what_stays_once_while_the_map_grows, .leaks = true, .weight = 0.6)
{
	begin(2);
	act(STORE, 0, 1);
	fill_bucket(3);
	co_go(grow, NULL);
	range_once();
	MODEL_CHECK_EQ(others, 1);
	end();
}

MODEL_TEST(range_sees_what_stays_once_while_the_map_shrinks, .leaks = true, .weight = 0.4)
{
	begin_large(2, 0);
	co_go(shrink, NULL);
	range_once();
	end();
}

/* Another key comes, into the slot of one that goes, whichever of the three that is, or into one never used. */
static void go_and_come(void *unused)
{
	bool upper = is_upper(watched);

	if (model_choose(2))
		wend_map_delete(&m, key_in(upper, 0));
	put(key_in(upper, 1));
}

MODEL_TEST(range_sees_what_stays_once_while_others_come_and_go, .leaks = true, .weight = 0.4)
{
	begin(2);
	for (int before = (int)model_choose(3); before > 0; before--)
		put(key_in(is_upper(watched), 1 + before));
	put(key_in(is_upper(watched), 0));
	act(STORE, 0, 1);
	co_go(go_and_come, NULL);
	range_once();
	end();
}

MODEL_TEST(range_sees_what_stays_once_while_its_chain_moves, .leaks = true, .weight = 0.2)
{
	begin_chained(0, NULL);
	co_go(move_watched, NULL);
	range_once();
	end();
}
