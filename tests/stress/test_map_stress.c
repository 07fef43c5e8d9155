/* SPDX-License-Identifier: MIT
 *
 * The concurrent map under a random load from coroutines and foreign threads, while it grows, shrinks and is cleared. Values are
 * objects that say their key and are poisoned when the map destroys them; a reader that is given a wrong or a
 * destroyed one stops the run. Each is destroyed once. */
#include "harness/fault.h"
#include "harness/map_kinds.h"

#include <pthread.h>

enum { MEMBERS = 8, FOREIGN = 2, KEYS = 3000 };

struct object {
	uint64_t key, check; /* check is ~key while it lives */
};

static wend_map m;
static wend_waitgroup wg;
static enum kind kind;
static long made, gone;
static int over;

static uint64_t make(uint64_t key)
{
	struct object *o = malloc(sizeof *o);

	CHECK(o != NULL);
	*o = (struct object){key, ~key};
	__atomic_add_fetch(&made, 1, __ATOMIC_RELAXED);
	return WEND_WORD(o);
}

static void destroy(uint64_t value, void *arg)
{
	struct object *o = (struct object *)(uintptr_t)value;

	(void)arg;
	CHECK_MSG(o->check == ~o->key, "destroyed twice");
	o->check = 0xdead;
	__asm__ volatile("" : : : "memory");
	__atomic_add_fetch(&gone, 1, __ATOMIC_RELAXED);
	free(o);
}

static void check(uint64_t key, uint64_t value)
{
	const struct object *o = (const struct object *)(uintptr_t)value;

	CHECK_MSG(o->key == key && o->check == ~key, "key %d has the value of another, or a destroyed one", (int)key);
}

struct visit {
	int left;
	bool yields;
};

static bool check_each(uint64_t key, uint64_t value, void *visit)
{
	struct visit *v = visit;

	check(key_number(kind, key), value);
	if (value % 256 == 0 && v->yields)
		wend_yield(); /* value must live on */
	check(key_number(kind, key), value);
	return --v->left > 0;
}

static void one(uint64_t *rng, uint64_t keys, bool yields)
{
	uint64_t i = test_rand(rng) % keys, key = KEY(kind, i), v, mine;

	switch (test_rand(rng) % 16) {
	case 0:
	case 1:
		CHECK_EQ(wend_map_store(&m, key, make(i)), 0);
		break;
	case 2:
		mine = make(i);
		if (wend_map_load_or_store(&m, key, mine, NULL) == 1)
			destroy(mine, NULL);
		break;
	case 3:
		if (wend_map_swap(&m, key, make(i), &v) == 1) {
			check(i, v);
			wend_map_retire(&m, v);
		}
		break;
	case 4:
		if (wend_map_load_and_delete(&m, key, &v)) {
			check(i, v);
			wend_map_retire(&m, v);
		}
		break;
	case 5:
	case 6:
	case 7:
		wend_map_delete(&m, key);
		break;
	case 8:
		mine = make(i);
		wend_section_begin();
		if (!wend_map_load(&m, key, &v) || !wend_map_compare_and_swap(&m, key, v, mine))
			destroy(mine, NULL);
		wend_section_end();
		break;
	case 9:
		wend_section_begin();
		if (wend_map_load(&m, key, &v))
			wend_map_compare_and_delete(&m, key, v);
		wend_section_end();
		break;
	case 10:
		if (test_rand(rng) % 64 == 0) {
			struct visit visit = {100, yields};

			CHECK_EQ(wend_map_range(&m, check_each, &visit), 0);
		} else if (test_rand(rng) % 2000 == 0) {
			wend_map_clear(&m);
		}
		break;
	default:
		wend_section_begin();
		if (wend_map_load(&m, key, &v))
			check(i, v);
		wend_section_end();
	}
}

static void work(uint64_t rng, bool yields)
{
	while (!__atomic_load_n(&over, __ATOMIC_RELAXED)) {
		uint64_t keys = test_rand(&rng) % 4 ? KEYS : 20; /* a while with few keys: it shrinks */

		for (int i = 0; i < 2000 && !__atomic_load_n(&over, __ATOMIC_RELAXED); i++) {
			one(&rng, keys, yields);
			if (yields && i % 64 == 0)
				wend_yield();
		}
	}
}

static void member(void *seed)
{
	work((uint64_t)(uintptr_t)seed, true);
	wend_waitgroup_done(&wg);
}

static void *foreign(void *seed)
{
	work((uint64_t)(uintptr_t)seed, false);
	return NULL;
}

static uint64_t rng;

static int run(void *procs)
{
	pthread_t t[FOREIGN];

	wend_maxprocs((int)(intptr_t)procs);
	over = 0;
	map_make(&m, kind, destroy, NULL);
	for (int i = 0; i < MEMBERS; i++) {
		wend_waitgroup_add(&wg, 1);
		CHECK_EQ(wend_go(member, (void *)(uintptr_t)test_rand(&rng)), 0);
	}
	for (int i = 0; i < FOREIGN; i++)
		CHECK_EQ(pthread_create(&t[i], NULL, foreign, (void *)(uintptr_t)test_rand(&rng)), 0);
	for (double end = test_now() + test_stress_seconds() / 8; test_now() < end;)
		wend_yield();
	__atomic_store_n(&over, 1, __ATOMIC_RELAXED);
	for (int i = 0; i < FOREIGN; i++)
		pthread_join(t[i], NULL);
	wend_waitgroup_wait(&wg);
	wend_map_free(&m);
	return 0;
}

static void all_kinds(void)
{
	rng = test_seed();
	for (int k = 0; k < KINDS; k++) {
		kind = (enum kind)k;
		for (intptr_t procs = 1; procs <= 4; procs *= 4)
			CHECK_EQ(wend_run(run, (void *)procs), 0);
	}
	CHECK_EQ(gone, made); /* the end of the runtime has run what was left */
	test_note("%ld objects", made);
}

TEST_LIMIT(values_belong_to_their_keys_and_die_once, 60)
{
	all_kinds();
}

TEST_LIMIT(values_belong_to_their_keys_and_die_once_without_membarrier, 60)
{
	fault_all("membarrier", ENOSYS);
	all_kinds();
}
