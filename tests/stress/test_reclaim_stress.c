/* SPDX-License-Identifier: MIT
 *
 * Readers and writers of shared slots: what a section has reached must stay whole until it ends. Objects are
 * poisoned before they are freed, so a reader who is too late sees it without a sanitizer, too. */
#include "harness/fault.h"
#include "harness/test.h"

#include <pthread.h>

#include <wend/wend.h>

enum { SLOTS = 16, WORDS = 6, READERS = 6, WRITERS = 3, FOREIGN = 2 };
#define POISON 0xdeadull

struct object {
	uint64_t word[WORDS]; /* all the same */
};

static struct object *slot[SLOTS];
static long made, freed;
static int over;
static wend_waitgroup wg;

static struct object *make(uint64_t value)
{
	struct object *o = malloc(sizeof *o);

	CHECK(o != NULL);
	for (int i = 0; i < WORDS; i++)
		o->word[i] = value;
	__atomic_add_fetch(&made, 1, __ATOMIC_RELAXED);
	return o;
}

static void poison(void *ptr)
{
	struct object *o = ptr;

	CHECK(o->word[0] != POISON);
	for (int i = 0; i < WORDS; i++)
		o->word[i] = POISON;
	__asm__ volatile("" : : : "memory"); /* the stores are not dropped for the free */
	__atomic_add_fetch(&freed, 1, __ATOMIC_RELAXED);
	free(o);
}

static void read_some(uint64_t *rng)
{
	wend_section_begin();
	struct object *o = __atomic_load_n(&slot[test_rand(rng) % SLOTS], __ATOMIC_ACQUIRE);
	uint64_t first = o->word[0];

	for (unsigned pass = (unsigned)(test_rand(rng) % 20); pass > 0; pass--) {
		for (int i = 0; i < WORDS; i++)
			CHECK_MSG(o->word[i] == first && first != POISON, "a reader sees what is freed");
		__asm__ volatile("" : : : "memory");
	}
	wend_section_end();
}

static void write_one(uint64_t *rng)
{
	struct object *o = make(test_rand(rng) | 1ull << 63);

	wend_retire(__atomic_exchange_n(&slot[test_rand(rng) % SLOTS], o, __ATOMIC_ACQ_REL), poison);
}

static void work(uint64_t seed, bool writes, bool yields)
{
	uint64_t rng = seed;

	while (!__atomic_load_n(&over, __ATOMIC_RELAXED)) {
		for (int i = 0; i < 16; i++) {
			if (writes)
				write_one(&rng);
			else
				read_some(&rng);
		}
		if (yields && test_rand(&rng) % 2)
			wend_yield();
	}
}

static void member(void *seed)
{
	work((uint64_t)(uintptr_t)seed, (uintptr_t)seed % 2, true);
	wend_waitgroup_done(&wg);
}

static void *foreign(void *seed)
{
	work((uint64_t)(uintptr_t)seed, (uintptr_t)seed % 2, false);
	return NULL;
}

static uint64_t rng;

static int run(void *procs)
{
	pthread_t t[FOREIGN];

	wend_maxprocs((int)(intptr_t)procs);
	for (int i = 0; i < SLOTS; i++)
		slot[i] = make(1ull << 63);
	for (int i = 0; i < READERS + WRITERS; i++)
		CHECK_EQ((wend_waitgroup_add(&wg, 1),
				  wend_go(member, (void *)(uintptr_t)(test_rand(&rng) << 1 | (i < WRITERS)))),
				 0);
	for (int i = 0; i < FOREIGN; i++)
		CHECK_EQ(pthread_create(&t[i], NULL, foreign, (void *)(uintptr_t)(test_rand(&rng) << 1 | (i & 1))), 0);
	for (double end = test_now() + test_stress_seconds() / 4; test_now() < end;) {
		wend_yield();
		if (test_rand(&rng) % 64 == 0)
			wend_retire_barrier();
	}
	__atomic_store_n(&over, 1, __ATOMIC_RELAXED);
	for (int i = 0; i < FOREIGN; i++)
		pthread_join(t[i], NULL);
	wend_waitgroup_wait(&wg);
	for (int i = 0; i < SLOTS; i++)
		wend_retire(slot[i], poison);
	wend_retire_barrier();
	CHECK_EQ(freed, made);
	over = 0;
	return 0;
}

static void all_procs(void)
{
	rng = test_seed();
	for (intptr_t procs = 1; procs <= 4; procs *= 2)
		CHECK_EQ(wend_run(run, (void *)procs), 0);
	test_note("%ld objects", made);
}

TEST_LIMIT(nobody_reads_what_is_freed, 60)
{
	all_procs();
}

TEST_LIMIT(nobody_reads_what_is_freed_without_membarrier, 60)
{
	fault_all("membarrier", ENOSYS);
	all_procs();
}
