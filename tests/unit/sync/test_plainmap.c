/* SPDX-License-Identifier: MIT
 *
 * The plain map: what one coroutine sees, and that concurrent use is caught with Go's words. */
#include "harness/child.h"
#include "harness/map_kinds.h"

#include <pthread.h>

static wend_plainmap m;

static bool add_up(uint64_t key, uint64_t value, void *sum)
{
	(void)key;
	*(uint64_t *)sum += value;
	return true;
}

static bool delete_it(uint64_t key, uint64_t value, void *kind)
{
	enum kind k = *(enum kind *)kind;
	uint64_t i = key_number(k, key);

	(void)value;
	CHECK(wend_plainmap_delete(&m, KEY(k, i))); /* its own coroutine may write */
	CHECK_EQ(wend_plainmap_store(&m, KEY(k, i + 1000000), 0), 0);
	CHECK(wend_plainmap_delete(&m, KEY(k, i + 1000000)));
	return true;
}

CO_TEST(is_a_map)
{
	for (int kind = 0; kind < KINDS; kind++) {
		wend_map_config cfg = {.keys = kind == STRINGS ? WEND_MAP_STRINGS : WEND_MAP_BYTES};
		uint64_t v, sum = 0;

		m = (wend_plainmap)WEND_ZERO;
		if (kind != WORDS)
			CHECK_EQ(wend_plainmap_init(&m, &cfg), 0);
		CHECK(!wend_plainmap_load(&m, KEY(kind, 1), &v));
		for (uint64_t i = 0; i < 1000; i++)
			CHECK_EQ(wend_plainmap_store(&m, KEY(kind, i), i), 0);
		CHECK_EQ(wend_plainmap_len(&m), 1000);
		CHECK(wend_plainmap_load(&m, KEY(kind, 999), &v));
		CHECK_EQ(v, 999);
		CHECK_EQ(wend_plainmap_range(&m, add_up, &sum), 0);
		CHECK_EQ(sum, 999 * 1000 / 2);
		CHECK_EQ(wend_plainmap_range(&m, delete_it, &kind), 0);
		CHECK_EQ(wend_plainmap_len(&m), 0);
		CHECK_EQ(wend_plainmap_store(&m, KEY(kind, 1), 1), 0);
		wend_plainmap_clear(&m);
		CHECK_EQ(wend_plainmap_len(&m), 0);
		CHECK(!wend_plainmap_delete(&m, KEY(kind, 1)));
		wend_plainmap_free(&m);
	}
}

/* ---- Caught ----------------------------------------------------------------------------------- */

enum use { WRITE, READ, RANGE, DELETE, CLEAR };

static bool dwell(uint64_t key, uint64_t value, void *arg)
{
	(void)key, (void)value, (void)arg;
	return true;
}

static void use_for_ever(enum use use)
{
	uint64_t v;

	for (uint64_t i = 0;; i++) {
		switch (use) {
		case WRITE:
			if (wend_plainmap_store(&m, i % 16, i) != 0)
				abort();
			break;
		case READ:
			wend_plainmap_load(&m, i % 16, &v);
			break;
		case RANGE:
			if (wend_plainmap_range(&m, dwell, NULL) != 0)
				abort();
			break;
		case DELETE:
			wend_plainmap_delete(&m, i % 16);
			break;
		case CLEAR:
			wend_plainmap_clear(&m);
		}
	}
}

static void *on_thread(void *use)
{
	use_for_ever((enum use)(intptr_t)use);
	return NULL;
}

static void both(void *uses)
{
	pthread_t t;

	if (pthread_create(&t, NULL, on_thread, (void *)(intptr_t)((enum use *)uses)[0]) != 0)
		abort();
	use_for_ever(((enum use *)uses)[1]);
}

static void caught(enum use a, enum use b, const char *says)
{
	enum use uses[2] = {a, b};
	struct child c = child_call(both, uses, 20);

	CHILD_EXITED(&c, 2);
	CHECK_HAS(c.err, says);
	child_free(&c);
}

TEST_LIMIT(concurrent_writes_are_caught, 100)
{
	caught(WRITE, WRITE, "fatal error: concurrent map writes\n");
	caught(WRITE, DELETE, "fatal error: concurrent map writes\n");
	caught(CLEAR, WRITE, "fatal error: concurrent map writes\n");
}

TEST_LIMIT(reading_beside_a_writer_is_caught, 100)
{
	caught(READ, WRITE, "fatal error: concurrent map read and map write\n");
	caught(DELETE, READ, "fatal error: concurrent map read and map write\n");
}

TEST_LIMIT(iterating_beside_a_writer_is_caught, 100)
{
	caught(RANGE, WRITE, "fatal error: concurrent map iteration and map write\n");
}

static void *read_all(void *unused)
{
	uint64_t v;

	for (uint64_t i = 0; i < 100000; i++)
		CHECK_EQ(wend_plainmap_load(&m, i % 32, &v), i % 32 < 16);
	return unused;
}

TEST(many_readers_are_fine)
{
	pthread_t t;

	for (uint64_t i = 0; i < 16; i++)
		CHECK_EQ(wend_plainmap_store(&m, i, i), 0);
	CHECK_EQ(pthread_create(&t, NULL, read_all, NULL), 0);
	read_all(NULL);
	pthread_join(t, NULL);
	wend_plainmap_free(&m);
}
