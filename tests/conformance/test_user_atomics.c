/* SPDX-License-Identifier: MIT
 *
 * What a Go programmer expects of sync/atomic's types: each operation of each width touches its own word only
 * and returns what Go's does, nothing is lost under load, and all operations are in one order. */
#include "harness/test.h"

#include <pthread.h>
#include <sched.h>

#include <wend/wend.h>

/* ---- Each operation, between guard words ------------------------------------------------------ */

#define MAGIC32 0xdedbeefu
#define MAGIC64 0xdeddeadbeefbeefull

#define GUARDED(T, magic)                                                                         \
	struct {                                                                                      \
		uint64_t before;                                                                          \
		wend_atomic_##T a;                                                                        \
		uint64_t after;                                                                           \
	} x = {magic, WEND_ZERO, magic}
#define INTACT(magic) CHECK(x.before == (magic) && x.after == (magic))

/* Loads, stores, swaps and CASes with the given values, which must differ. */
#define WORD_TEST(T, magic, zero, one, two)                                                       \
	TEST(T##_load_store_swap_compare_and_swap)                                                    \
	{                                                                                             \
		GUARDED(T, magic);                                                                        \
                                                                                                  \
		CHECK(wend_atomic_##T##_load(&x.a) == (zero)); /* the zero value is ready */              \
		wend_atomic_##T##_store(&x.a, one);                                                       \
		CHECK(wend_atomic_##T##_load(&x.a) == (one));                                             \
		CHECK(wend_atomic_##T##_swap(&x.a, two) == (one));                                        \
		CHECK(wend_atomic_##T##_load(&x.a) == (two));                                             \
		CHECK(!wend_atomic_##T##_compare_and_swap(&x.a, one, zero));                              \
		CHECK(wend_atomic_##T##_load(&x.a) == (two)); /* a failed one changes nothing */          \
		CHECK(wend_atomic_##T##_compare_and_swap(&x.a, two, one));                                \
		CHECK(wend_atomic_##T##_load(&x.a) == (one));                                             \
		CHECK(wend_atomic_##T##_compare_and_swap(&x.a, one, one));                                \
		INTACT(magic);                                                                            \
	}

#define INT_TEST(T, ctype, magic, max, min)                                                       \
	WORD_TEST(T, magic, 0, (ctype)0x1234567890abcdef, (ctype)~0x1234567890abcdef)                 \
	TEST(T##_add_returns_the_sum)                                                                 \
	{                                                                                             \
		GUARDED(T, magic);                                                                        \
		ctype sum = 0;                                                                            \
                                                                                                  \
		for (unsigned i = 0; i < 8 * sizeof sum - 1; i++) {                                       \
			ctype delta = (ctype)1 << i;                                                          \
                                                                                                  \
			sum = (ctype)(sum + delta);                                                           \
			CHECK(wend_atomic_##T##_add(&x.a, delta) == sum);                                     \
			CHECK(wend_atomic_##T##_load(&x.a) == sum);                                           \
		}                                                                                         \
		CHECK(wend_atomic_##T##_add(&x.a, (ctype)-1) == (ctype)(sum - 1));                        \
		wend_atomic_##T##_store(&x.a, max);                                                       \
		CHECK(wend_atomic_##T##_add(&x.a, 1) == (min)); /* wraps round */                         \
		CHECK(wend_atomic_##T##_add(&x.a, (ctype)-1) == (max));                                   \
		INTACT(magic);                                                                            \
	}                                                                                             \
	TEST(T##_and_or_return_what_was_there)                                                        \
	{                                                                                             \
		GUARDED(T, magic);                                                                        \
		ctype was = (ctype)-1;                                                                    \
                                                                                                  \
		wend_atomic_##T##_store(&x.a, was);                                                       \
		for (unsigned i = 0; i < 8 * sizeof was; i++) {                                           \
			ctype bit = (ctype)(1ull << i);                                                       \
                                                                                                  \
			CHECK(wend_atomic_##T##_and(&x.a, (ctype)~bit) == was);                               \
			CHECK(wend_atomic_##T##_load(&x.a) == (ctype)(was & ~bit));                           \
			CHECK(wend_atomic_##T##_or(&x.a, bit) == (ctype)(was & ~bit));                        \
			CHECK(wend_atomic_##T##_load(&x.a) == was);                                           \
			wend_atomic_##T##_and(&x.a, (ctype)~bit); /* where nobody wants the result */         \
			was = (ctype)(was & ~bit);                                                            \
			CHECK(wend_atomic_##T##_load(&x.a) == was);                                           \
		}                                                                                         \
		CHECK(was == 0);                                                                          \
		for (unsigned i = 0; i < 8 * sizeof was; i++)                                             \
			wend_atomic_##T##_or(&x.a, (ctype)(1ull << i));                                       \
		CHECK(wend_atomic_##T##_load(&x.a) == (ctype)-1);                                         \
		INTACT(magic);                                                                            \
	}

INT_TEST(i32, int32_t, MAGIC32, INT32_MAX, INT32_MIN)
INT_TEST(u32, uint32_t, MAGIC32, UINT32_MAX, 0)
INT_TEST(i64, int64_t, MAGIC64, INT64_MAX, INT64_MIN)
INT_TEST(u64, uint64_t, MAGIC64, UINT64_MAX, 0)

static int one, two;
WORD_TEST(ptr, MAGIC64, NULL, (void *)&one, (void *)&two)

TEST(bool_load_store_swap_compare_and_swap)
{
	GUARDED(bool, MAGIC64);

	CHECK(!wend_atomic_bool_load(&x.a));
	wend_atomic_bool_store(&x.a, true);
	CHECK(wend_atomic_bool_load(&x.a));
	CHECK(wend_atomic_bool_swap(&x.a, true));
	CHECK(wend_atomic_bool_swap(&x.a, false));
	CHECK(!wend_atomic_bool_load(&x.a));
	CHECK(!wend_atomic_bool_compare_and_swap(&x.a, true, true));
	CHECK(!wend_atomic_bool_load(&x.a));
	CHECK(wend_atomic_bool_compare_and_swap(&x.a, false, true));
	CHECK(wend_atomic_bool_load(&x.a));
	INTACT(MAGIC64);
}

/* Any true value is true. */
TEST(bool_is_one_of_two_values)
{
	wend_atomic_bool a = WEND_ZERO;
	int seven = 7;

	wend_atomic_bool_store(&a, seven);
	CHECK(wend_atomic_bool_load(&a) == true);
	CHECK(wend_atomic_bool_compare_and_swap(&a, true, false));
}

TEST(sixty_four_bit_words_are_aligned)
{
	struct {
		char c;
		wend_atomic_i64 i;
		char d;
		wend_atomic_u64 u;
		char e;
		wend_atomic_ptr p;
	} x = {0};

	CHECK_EQ((uintptr_t)&x.i % 8, 0u);
	CHECK_EQ((uintptr_t)&x.u % 8, 0u);
	CHECK_EQ((uintptr_t)&x.p % 8, 0u);
}

/* ---- Hammer: nothing is lost -------------------------------------------------------------------- */

enum { WORKERS = 8, TIMES = 2000 };

static struct {
	wend_waitgroup wg;
	wend_atomic_i32 i32;
	wend_atomic_u32 u32, by_cas;
	wend_atomic_i64 i64;
	wend_atomic_u64 u64, bits;
	wend_atomic_bool taken; /* a lock of sorts */
	int under_lock;
} h;

static void hammer(void *arg)
{
	uint64_t mine = 1ull << (uintptr_t)arg;

	for (int i = 0; i < TIMES; i++) {
		wend_atomic_i32_add(&h.i32, i % 2 ? 3 : -2);
		wend_atomic_u32_add(&h.u32, 1);
		wend_atomic_i64_add(&h.i64, (int64_t)1 << 32);
		wend_atomic_u64_add(&h.u64, (uint64_t)-1);

		uint32_t v = wend_atomic_u32_load(&h.by_cas);

		while (!wend_atomic_u32_compare_and_swap(&h.by_cas, v, v + 1))
			v = wend_atomic_u32_load(&h.by_cas);
		CHECK(!(wend_atomic_u64_or(&h.bits, mine) & mine)); /* nobody else writes this bit */
		CHECK(wend_atomic_u64_and(&h.bits, ~mine) & mine);
		while (wend_atomic_bool_swap(&h.taken, true))
			wend_yield();
		h.under_lock++;
		wend_atomic_bool_store(&h.taken, false);
		if (i % 64 == 0)
			wend_yield();
	}
	wend_waitgroup_done(&h.wg);
}

CO_TEST_LIMIT(hammered_words_lose_nothing, 30)
{
	wend_maxprocs(4);
	wend_waitgroup_add(&h.wg, WORKERS);
	for (uintptr_t i = 0; i < WORKERS; i++)
		CHECK_EQ(wend_go(hammer, (void *)i), 0);
	wend_waitgroup_wait(&h.wg);
	CHECK_EQ(wend_atomic_i32_load(&h.i32), WORKERS * TIMES / 2);
	CHECK_EQ(wend_atomic_u32_load(&h.u32), WORKERS * TIMES);
	CHECK_EQ(wend_atomic_i64_load(&h.i64), (int64_t)(WORKERS * TIMES) << 32);
	CHECK_EQ(wend_atomic_u64_load(&h.u64), (uint64_t)-(WORKERS * TIMES));
	CHECK_EQ(wend_atomic_u32_load(&h.by_cas), WORKERS * TIMES);
	CHECK_EQ(wend_atomic_u64_load(&h.bits), 0u);
	CHECK_EQ(h.under_lock, WORKERS * TIMES);
}

/* Both halves of a word change together: one writer counts both up, readers never see them differ. */
static wend_atomic_u64 halves;
static wend_atomic_bool halves_stop;

static void *read_halves(void *failed)
{
	while (!wend_atomic_bool_load(&halves_stop)) {
		uint64_t v = wend_atomic_u64_load(&halves);

		if ((uint32_t)v != (uint32_t)(v >> 32))
			*(bool *)failed = true;
	}
	return NULL;
}

TEST(loads_never_see_half_a_store)
{
	bool failed[2] = {false, false};
	pthread_t t[2];

	for (int i = 0; i < 2; i++)
		CHECK(pthread_create(&t[i], NULL, read_halves, &failed[i]) == 0);
	for (uint64_t i = 0; i < 200000; i++)
		wend_atomic_u64_store(&halves, i << 32 | i);
	wend_atomic_bool_store(&halves_stop, true);
	for (int i = 0; i < 2; i++)
		pthread_join(t[i], NULL);
	CHECK(!failed[0] && !failed[1]);
}

/* ---- Order, on two threads ---------------------------------------------------------------------- */

/* Each round both threads store their own word and then load the other's. Sequential consistency forbids that
 * both load the old value: at least one comes second. The rounds are apart by a hand-shake. */
enum { ROUNDS = 20000 };

#define DEKKER(T, ctype)                                                                          \
	static struct {                                                                               \
		_Alignas(128) wend_atomic_##T mine[2];                                                    \
		_Alignas(128) wend_atomic_##T other;                                                      \
		_Alignas(128) wend_atomic_u32 ready[2];                                                   \
		ctype seen[2][ROUNDS];                                                                    \
	} dekker_##T;                                                                                 \
	static void *dekker_thread_##T(void *arg)                                                     \
	{                                                                                             \
		uintptr_t me = (uintptr_t)arg;                                                            \
		wend_atomic_##T *own = me ? &dekker_##T.other : dekker_##T.mine;                          \
		wend_atomic_##T *his = me ? dekker_##T.mine : &dekker_##T.other;                          \
                                                                                                  \
		for (uint32_t i = 1; i <= ROUNDS; i++) {                                                  \
			wend_atomic_u32_store(&dekker_##T.ready[me], i);                                      \
			for (int spin = 0; wend_atomic_u32_load(&dekker_##T.ready[!me]) < i; spin++)          \
				if (spin > 1000)                                                                  \
					sched_yield();                                                                   \
			wend_atomic_##T##_store(own, (ctype)i);                                               \
			dekker_##T.seen[me][i - 1] = wend_atomic_##T##_load(his);                             \
		}                                                                                         \
		return NULL;                                                                              \
	}                                                                                             \
	TEST_LIMIT(T##_store_then_load_is_sequentially_consistent, 60)                                \
	{                                                                                             \
		pthread_t t[2];                                                                           \
                                                                                                  \
		for (uintptr_t i = 0; i < 2; i++)                                                         \
			CHECK(pthread_create(&t[i], NULL, dekker_thread_##T, (void *)i) == 0);                \
		for (int i = 0; i < 2; i++)                                                               \
			pthread_join(t[i], NULL);                                                             \
		for (uint32_t i = 1; i <= ROUNDS; i++)                                                    \
			CHECK_MSG((uint32_t)dekker_##T.seen[0][i - 1] >= i ||                                 \
						  (uint32_t)dekker_##T.seen[1][i - 1] >= i,                               \
					  "round %u: both came first", i);                                            \
	}

DEKKER(u32, uint32_t)
DEKKER(i64, int64_t)

/* A plain word, published by an atomic one and taken back by another. */
static struct {
	wend_atomic_u32 full;
	wend_atomic_bool wrong;
	uint32_t data; /* not atomic */
} box;

static void *consume(void *unused)
{
	for (uint32_t i = 1; i <= ROUNDS; i++) {
		while (!wend_atomic_u32_load(&box.full))
			sched_yield();
		if (box.data != i)
			wend_atomic_bool_store(&box.wrong, true);
		box.data = 0;
		wend_atomic_u32_store(&box.full, 0);
	}
	return unused;
}

TEST_LIMIT(what_was_written_before_a_store_is_seen_after_the_load, 60)
{
	pthread_t t;

	CHECK(pthread_create(&t, NULL, consume, NULL) == 0);
	for (uint32_t i = 1; i <= ROUNDS; i++) {
		box.data = i;
		wend_atomic_u32_store(&box.full, 1);
		while (wend_atomic_u32_load(&box.full))
			sched_yield();
		CHECK_EQ(box.data, 0u);
	}
	pthread_join(t, NULL);
	CHECK(!wend_atomic_bool_load(&box.wrong));
}
