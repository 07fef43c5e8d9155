/* SPDX-License-Identifier: MIT
 *
 * Every operation of the atomics layer at every width: result, new value, and that its neighbours in
 * memory stay as they were. Then the same operations from several threads, where a lost update or a
 * torn word shows in the sum. Built twice, once per backend. */
#include "harness/test.h"

#include <pthread.h>

#include "atomics/atomic.h"

enum { THREADS = 4, ROUNDS = 50000 };

#define GUARD 0xA5A5A5A5A5A5A5A5u

/* A word between guards, so that an operation of the wrong width or place is noticed. */
#define GUARDED(word)                                                                             \
	struct {                                                                                      \
		uint64_t low;                                                                             \
		word v;                                                                                   \
		uint8_t high[8];                                                                          \
	}
#define GUARD_INIT(g) memset(&(g), 0xA5, sizeof(g))
#define GUARD_CHECK(g)                                                                            \
	do {                                                                                          \
		uint64_t high_;                                                                           \
		memcpy(&high_, (g).high, 8);                                                              \
		CHECK_EQ((g).low, GUARD);                                                                 \
		CHECK_EQ(high_, GUARD);                                                                   \
	} while (0)

#define EXCHANGES(word, ctype, A, B)                                                              \
	do {                                                                                          \
		GUARDED(word) g;                                                                          \
		__typeof__(ctype) const a = (A), b = (B);                                                 \
		GUARD_INIT(g);                                                                            \
		atm_store_rlx(&g.v, a);                                                                   \
		CHECK(atm_load_rlx(&g.v) == a);                                                           \
		atm_store_rel(&g.v, b);                                                                   \
		CHECK(atm_load_acq(&g.v) == b);                                                           \
		CHECK(atm_xchg_sc(&g.v, a) == b);                                                         \
		CHECK(atm_load_rlx(&g.v) == a);                                                           \
		CHECK(!atm_cas_sc(&g.v, b, a));                                                           \
		CHECK(atm_load_rlx(&g.v) == a);                                                           \
		CHECK(atm_cas_sc(&g.v, a, b));                                                            \
		CHECK(atm_load_rlx(&g.v) == b);                                                           \
		GUARD_CHECK(g);                                                                           \
	} while (0)

#define ARITHMETIC(word, ctype)                                                                   \
	do {                                                                                          \
		GUARDED(word) g;                                                                          \
		ctype const top = (ctype)~(ctype)0;                                                       \
		GUARD_INIT(g);                                                                            \
		atm_store_rlx(&g.v, 5);                                                                   \
		CHECK_EQ(atm_add_sc(&g.v, 3), 5);                                                         \
		CHECK_EQ(atm_add_sc(&g.v, (ctype)-9), 8);                                                 \
		CHECK_EQ(atm_load_rlx(&g.v), top);                                                        \
		CHECK_EQ(atm_add_sc(&g.v, 1), top); /* wraps inside the word */                           \
		CHECK_EQ(atm_load_rlx(&g.v), 0);                                                          \
		CHECK_EQ(atm_or_sc(&g.v, top - 0xF0), 0);                                                 \
		CHECK_EQ(atm_and_sc(&g.v, (top ^ 0xF) | 1), top - 0xF0);                                  \
		CHECK_EQ(atm_load_rlx(&g.v), (top - 0xF0) & ((top ^ 0xF) | 1));                           \
		CHECK(!atm_bts_sc(&g.v, 1));                                                              \
		CHECK(atm_bts_sc(&g.v, 1));                                                               \
		CHECK_EQ(atm_load_rlx(&g.v), ((top - 0xF0) & ((top ^ 0xF) | 1)) | 2);                     \
		atm_store_rlx(&g.v, 0);                                                                   \
		CHECK(!atm_bts_sc(&g.v, 8 * sizeof(ctype) - 1)); /* inside the word */                    \
		CHECK_EQ(atm_load_rlx(&g.v), top ^ top >> 1);                                             \
		atm_store_rlx(&g.v, 40);                                                                  \
		atm_add_own(&g.v, 2);                                                                     \
		CHECK_EQ(atm_load_acq(&g.v), 42);                                                         \
		GUARD_CHECK(g);                                                                           \
	} while (0)

TEST(u32_operations)
{
	EXCHANGES(atm_u32, uint32_t, 0x01020304u, 0xFFFEFDFCu);
	ARITHMETIC(atm_u32, uint32_t);
}

TEST(u64_operations)
{
	EXCHANGES(atm_u64, uint64_t, 0x0102030405060708u, 0xFFFEFDFCFBFAF9F8u);
	EXCHANGES(atm_u64, uint64_t, 1, 0x100000001u); /* equal in the low half */
	ARITHMETIC(atm_u64, uint64_t);
}

TEST(ptr_operations)
{
	int x, y;

	EXCHANGES(atm_ptr, void *, &x, &y);
	EXCHANGES(atm_ptr, void *, NULL, (void *)~(uintptr_t)0);
}

static void on_threads(void *(*fn)(void *))
{
	pthread_t t[THREADS];

	for (uintptr_t i = 0; i < THREADS; i++)
		CHECK(pthread_create(&t[i], NULL, fn, (void *)i) == 0);
	for (int i = 0; i < THREADS; i++)
		pthread_join(t[i], NULL);
}

static atm_u32 sum32, bits32;
static atm_u64 sum64, cas64, bits64;

static void *hammer(void *arg)
{
	uintptr_t me = (uintptr_t)arg;

	for (int i = 0; i < ROUNDS; i++) {
		uint64_t old;

		atm_add_sc(&sum32, 1);
		atm_add_sc(&sum64, (uint64_t)1 << 31); /* carries into the high half */
		do
			old = atm_load_rlx(&cas64);
		while (!atm_cas_sc(&cas64, old, old + 3));
		/* Each thread owns one bit of each word: sets it, sees it, clears it, sees that. */
		CHECK(!(atm_or_sc(&bits32, 1u << me) & 1u << me));
		CHECK(atm_and_sc(&bits32, ~(1u << me)) & 1u << me);
		CHECK(!(atm_or_sc(&bits64, (uint64_t)1 << (40 + me)) >> (40 + me) & 1));
		CHECK(atm_and_sc(&bits64, ~((uint64_t)1 << (40 + me))) >> (40 + me) & 1);
		CHECK(!atm_bts_sc(&bits64, (unsigned)(20 + me)));
		CHECK(atm_and_sc(&bits64, ~((uint64_t)1 << (20 + me))) >> (20 + me) & 1);
	}
	return NULL;
}

TEST(no_update_is_lost_between_threads)
{
	on_threads(hammer);
	CHECK_EQ(atm_load_acq(&sum32), THREADS * ROUNDS);
	CHECK_EQ(atm_load_acq(&sum64), (uint64_t)THREADS * ROUNDS << 31);
	CHECK_EQ(atm_load_acq(&cas64), (uint64_t)THREADS * ROUNDS * 3);
	CHECK_EQ(atm_load_acq(&bits32), 0);
	CHECK_EQ(atm_load_acq(&bits64), 0);
}

static atm_u64 token; /* exchanged: every value that goes in comes out exactly once */
static uint8_t seen[THREADS * ROUNDS + 1];

static void *exchange(void *arg)
{
	uint64_t base = (uint64_t)(uintptr_t)arg * ROUNDS + 1;

	for (int i = 0; i < ROUNDS; i++)
		seen[atm_xchg_sc(&token, base + (uint64_t)i)]++;
	return NULL;
}

TEST(exchange_hands_each_value_on_once)
{
	on_threads(exchange);
	seen[atm_load_acq(&token)]++;
	for (int i = 0; i <= THREADS * ROUNDS; i++)
		CHECK_MSG(seen[i] == 1, "value %d was seen %d times", i, seen[i]);
}

/* Message passing: what was written before the release is there after the acquire. */
static atm_u32 flag;
static uint64_t message[4];

static void *send_messages(void *arg)
{
	(void)arg;
	for (uint32_t i = 1; i <= ROUNDS; i++) {
		while (atm_load_acq(&flag) != 0)
			atm_pause();
		for (int k = 0; k < 4; k++)
			message[k] = i;
		atm_store_rel(&flag, i);
	}
	return NULL;
}

TEST_LIMIT(release_publishes_to_acquire, 30)
{
	pthread_t t;

	CHECK(pthread_create(&t, NULL, send_messages, NULL) == 0);
	for (uint32_t i = 1; i <= ROUNDS; i++) {
		for (int spins = 0; atm_load_acq(&flag) != i; spins++)
			if (spins > 1000)
				sched_yield();
		for (int k = 0; k < 4; k++)
			CHECK_EQ(message[k], i);
		atm_store_rel(&flag, 0);
	}
	pthread_join(t, NULL);
}

/* Store-load: of two threads that each store one word and then load the other's, at least one must
 * see the other. Plain stores and loads fail this within a few thousand rounds on x86-64. */
static struct {
	alignas(CACHELINE) atm_u32 word;
} side[2];
static atm_u32 go[2];
static uint32_t saw[2];
static bool by_fence;

static void store_load(int me)
{
	if (by_fence) {
		atm_store_rlx(&side[me].word, 1);
		atm_fence_sc();
	} else {
		atm_xchg_sc(&side[me].word, 1);
	}
	saw[me] = atm_load_rlx(&side[!me].word);
}

static void *other_side(void *arg)
{
	(void)arg;
	for (uint32_t i = 1; i <= ROUNDS; i++) {
		for (int spins = 0; atm_load_acq(&go[0]) != i; spins++)
			if (spins > 2000)
				sched_yield();
		store_load(1);
		atm_store_rel(&go[1], i);
	}
	return NULL;
}

static void dekker(void)
{
	pthread_t t;

	CHECK(pthread_create(&t, NULL, other_side, NULL) == 0);
	for (uint32_t i = 1; i <= ROUNDS; i++) {
		atm_store_rlx(&side[0].word, 0);
		atm_store_rlx(&side[1].word, 0);
		atm_store_rel(&go[0], i);
		store_load(0);
		for (int spins = 0; atm_load_acq(&go[1]) != i; spins++)
			if (spins > 2000)
				sched_yield();
		CHECK_MSG(saw[0] || saw[1], "round %u: neither side saw the other", i);
	}
	pthread_join(t, NULL);
}

TEST_LIMIT(fence_orders_store_before_load, 30)
{
	by_fence = true;
	dekker();
}

TEST_LIMIT(exchange_orders_store_before_load, 30)
{
	by_fence = false;
	dekker();
}
