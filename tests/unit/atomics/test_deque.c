/* SPDX-License-Identifier: MIT
 *
 * The Chase-Lev deque alone: every operation against a plain array as the model, and the places where
 * such deques break (growth, 32-bit index widths, one item left, capacity limits). Each case runs for both
 * kinds of fence. tests/stress/test_deque_stress.c has the thieves. */
#include "harness/fault.h"
#include "harness/test.h"

#include "atomics/deque.h"
#include "wend/deque.h"

static const enum wend_deque_fence kinds[] = {WEND_DEQUE_FULL, WEND_DEQUE_ASYM, WEND_DEQUE_AUTO};

#define ITEM(n) ((void *)(uintptr_t)(n))

TEST(owner_pops_newest_and_takes_oldest)
{
	for (size_t k = 0; k < countof(kinds); k++) {
		wend_deque *d = wend_deque_make(0, kinds[k]);
		void *x;

		CHECK(d);
		for (int i = 1; i <= 6; i++)
			CHECK_EQ(wend_deque_push(d, ITEM(i)), 0);
		CHECK_EQ(wend_deque_len(d), 6);
		CHECK(wend_deque_pop(d, &x));
		CHECK_EQ(x, ITEM(6));
		CHECK(wend_deque_take(d, &x));
		CHECK_EQ(x, ITEM(1));
		CHECK(wend_deque_steal(d, &x));
		CHECK_EQ(x, ITEM(2));
		CHECK(wend_deque_pop(d, &x));
		CHECK_EQ(x, ITEM(5));
		CHECK(wend_deque_take(d, &x));
		CHECK_EQ(x, ITEM(3));
		CHECK(wend_deque_pop(d, &x));
		CHECK_EQ(x, ITEM(4));
		CHECK(!wend_deque_pop(d, &x));
		CHECK(!wend_deque_take(d, &x));
		CHECK(!wend_deque_steal(d, &x));
		CHECK_EQ(wend_deque_len(d), 0);
		wend_deque_free(d);
	}
}

TEST(null_is_an_item)
{
	for (size_t k = 0; k < countof(kinds); k++) {
		wend_deque *d = wend_deque_make(0, kinds[k]);
		void *x = d;

		CHECK_EQ(wend_deque_push(d, NULL), 0);
		CHECK(wend_deque_pop(d, &x));
		CHECK_EQ(x, NULL);
		wend_deque_free(d);
	}
}

TEST(free_of_null_is_nothing)
{
	wend_deque_free(NULL);
}

TEST(steal_half_rounds_up_and_keeps_order)
{
	for (size_t k = 0; k < countof(kinds); k++) {
		wend_deque *d = wend_deque_make(0, kinds[k]);
		void *got[100];

		CHECK_EQ(wend_deque_steal_half(d, got, 100), 0);
		for (int i = 1; i <= 7; i++)
			CHECK_EQ(wend_deque_push(d, ITEM(i)), 0);
		CHECK_EQ(wend_deque_steal_half(d, got, 100), 4);
		for (int i = 0; i < 4; i++)
			CHECK_EQ(got[i], ITEM(i + 1));
		CHECK_EQ(wend_deque_steal_half(d, got, 1), 1);
		CHECK_EQ(got[0], ITEM(5));
		CHECK_EQ(wend_deque_steal_half(d, got, 0), 0);
		CHECK_EQ(wend_deque_steal_half(d, got, 100), 1);
		CHECK_EQ(got[0], ITEM(6));
		CHECK_EQ(wend_deque_steal_half(d, got, 100), 1);
		CHECK_EQ(got[0], ITEM(7));
		CHECK_EQ(wend_deque_len(d), 0);
		wend_deque_free(d);
	}
}

/* The model: items lie in order in an array, oldest at lo. */
static void run_model(wend_deque *d, uint64_t *seed, int steps)
{
	enum { ROOM = 1 << 17 };
	static uintptr_t model[2 * ROOM];
	size_t lo = 0, hi = 0, n;
	uintptr_t next = 1;
	int push_bias = 50;

	for (int s = 0; s < steps; s++) {
		unsigned op = (unsigned)(test_rand(seed) % 100);
		void *x = NULL, *some[64];

		if (s % 1000 == 0) /* grow for a while, then drain for a while */
			push_bias = (int)(test_rand(seed) % 70) + 15;
		if (hi == 2 * ROOM)
			break;
		if ((int)op < push_bias) {
			CHECK_EQ(wend_deque_push(d, ITEM(next)), 0);
			model[hi++] = next++;
		} else if (op % 4 == 0) {
			CHECK_EQ(wend_deque_pop(d, &x), lo < hi);
			if (lo < hi)
				CHECK_EQ(x, ITEM(model[--hi]));
		} else if (op % 4 == 1) {
			CHECK_EQ(wend_deque_take(d, &x), lo < hi);
			if (lo < hi)
				CHECK_EQ(x, ITEM(model[lo++]));
		} else if (op % 4 == 2) {
			CHECK_EQ(wend_deque_steal(d, &x), lo < hi);
			if (lo < hi)
				CHECK_EQ(x, ITEM(model[lo++]));
		} else {
			size_t max = test_rand(seed) % 64, half = (hi - lo + 1) / 2;

			n = wend_deque_steal_half(d, some, max);
			CHECK_EQ(n, half < max ? half : max);
			for (size_t i = 0; i < n; i++)
				CHECK_EQ(some[i], ITEM(model[lo++]));
		}
		CHECK_EQ(wend_deque_len(d), hi - lo);
	}
	for (void *x; lo < hi;) {
		CHECK(wend_deque_pop(d, &x));
		CHECK_EQ(x, ITEM(model[--hi]));
	}
}

TEST(agrees_with_a_plain_list)
{
	for (size_t k = 0; k < countof(kinds); k++) {
		for (int run = 0; run < 20; run++) {
			uint64_t seed = test_seed() + (uint64_t)run;
			wend_deque *d = wend_deque_make(run % 5, kinds[k]);

			CHECK(d);
			run_model(d, &seed, 20000);
			wend_deque_free(d);
		}
	}
}

/* Indices are 64 bits wide; implementations that mix widths lose items around 2^31 and 2^32. */
TEST(nothing_happens_where_32_bit_indices_would_wrap)
{
	static const uint64_t places[] = {(1ull << 31) - 40, (1ull << 32) - 40, (1ull << 33) - 40,
									  (1ull << 62)};

	wend__asym_probe();
	for (int asym = 0; asym < 2; asym++) {
		for (size_t p = 0; p < countof(places); p++) {
			struct deque d;
			void *x, *some[8];

			CHECK_EQ(deque_init(&d, 0, asym), 0);
			atm_store_rlx(&d.top, places[p]);
			atm_store_rlx(&d.bottom, places[p]);
			d.room = places[p]; /* the next push looks for itself */
			for (int i = 1; i <= 200; i++)
				CHECK_EQ(deque_push(&d, ITEM(i)), 0);
			CHECK_EQ(deque_len(&d), 200);
			CHECK_EQ(deque_steal(&d, some, 8, true), 8);
			CHECK_EQ(some[7], ITEM(8));
			for (int i = 9; i <= 100; i++) {
				CHECK(deque_take(&d, &x));
				CHECK_EQ(x, ITEM(i));
			}
			for (int i = 200; i > 100; i--) {
				CHECK(deque_pop(&d, &x));
				CHECK_EQ(x, ITEM(i));
			}
			CHECK(!deque_pop(&d, &x));
			deque_destroy(&d);
		}
	}
}

/* A thief on the way keeps the large buffers only until a trim finds it gone. */
TEST(a_thief_keeps_replaced_buffers_for_a_while)
{
	struct deque d;
	void *x;

	wend__asym_probe();
	CHECK_EQ(deque_init(&d, 0, true), 0);
	if (!d.asym)
		test_skip("no membarrier");
	for (uintptr_t i = 0; i < 2 * DEQUE_LARGE; i++)
		CHECK_EQ(deque_push(&d, ITEM(i)), 0);
	while (deque_pop(&d, &x))
		;
	atm_add_sc(&d.thieves, 1);
	deque_trim(&d);
	CHECK_EQ(d.mask + 1, DEQUE_MIN_CAPACITY);
	struct deque_buf *buf = atm_load_acq(&d.buf);
	CHECK(buf->older && buf->older->mask + 1 >= 2 * DEQUE_LARGE);
	deque_trim(&d);
	CHECK(buf->older);
	atm_add_sc(&d.thieves, (uint32_t)-1);
	deque_trim(&d);
	CHECK(atm_load_acq(&d.buf) == buf && !buf->older);
	deque_destroy(&d);
}

TEST(starts_with_the_capacity_asked_for)
{
	wend_deque *d = wend_deque_make(1000, WEND_DEQUE_AUTO);

	CHECK(d);
	fault_all("malloc", ENOMEM); /* up to the capacity nothing needs to grow */
	for (int i = 0; i < 1000; i++)
		CHECK_EQ(wend_deque_push(d, ITEM(i)), 0);
	fault_clear();
	wend_deque_free(d);
	CHECK(!wend_deque_make(((size_t)1 << 31) + 1, WEND_DEQUE_AUTO));
	CHECK(!wend_deque_make(SIZE_MAX, WEND_DEQUE_AUTO));
}

TEST(push_without_memory_fails_and_changes_nothing)
{
	for (size_t k = 0; k < countof(kinds); k++) {
		wend_deque *d = wend_deque_make(0, kinds[k]);
		int n = 0;
		void *x;

		fault_all("malloc", ENOMEM);
		while (wend_deque_push(d, ITEM(n + 1)) == 0)
			CHECK(n++ < 1 << 20);
		CHECK_EQ(wend_deque_push(d, ITEM(n + 1)), -ENOMEM);
		CHECK_EQ(wend_deque_len(d), n);
		CHECK(wend_deque_take(d, &x));
		CHECK_EQ(x, ITEM(1));
		CHECK_EQ(wend_deque_push(d, ITEM(n + 1)), 0); /* there is room again */
		fault_clear();
		CHECK_EQ(wend_deque_push(d, ITEM(n + 2)), 0); /* and memory */
		for (int i = n + 2; i > 1; i--) {
			CHECK(wend_deque_pop(d, &x));
			CHECK_EQ(x, ITEM(i));
		}
		wend_deque_free(d);
	}
}

TEST(make_without_memory_returns_null)
{
	fault_set("aligned_alloc", 1, ENOMEM);
	CHECK(!wend_deque_make(0, WEND_DEQUE_FULL));
	CHECK_EQ(fault_hits("aligned_alloc"), 1);
	fault_set("malloc", 1, ENOMEM);
	CHECK(!wend_deque_make(0, WEND_DEQUE_FULL));
	CHECK_EQ(fault_hits("malloc"), 1);
}

TEST(asymmetric_falls_back_where_membarrier_is_refused)
{
	wend_deque *d;
	void *x;

	fault_all("membarrier", ENOSYS);
	d = wend_deque_make(0, WEND_DEQUE_ASYM);
	CHECK(d);
	CHECK(fault_hits("membarrier") > 0);
	CHECK(!wend__asym_on);
	CHECK_EQ(wend_deque_push(d, ITEM(7)), 0);
	CHECK_EQ(wend_deque_push(d, ITEM(8)), 0);
	CHECK(wend_deque_steal(d, &x));
	CHECK_EQ(x, ITEM(7));
	CHECK(wend_deque_pop(d, &x));
	CHECK_EQ(x, ITEM(8));
	wend_deque_free(d);
}
