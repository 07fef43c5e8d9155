/* SPDX-License-Identifier: MIT
 *
 * RWMutex: counting in cells and in the word, draining, read locks that travel, fairness, foreign threads, what
 * fails. */
#include "harness/fault.h"
#include "harness/parked.h"
#include "harness/test.h"

#include <pthread.h>

#include "sched/sched.h" /* CELL_RANGE */

/* A writer waits for the other writers, then for the readers. */
static void writers_become(int n)
{
	while (parked_count("sync.RWMutex.Lock") + parked_count("sync.Mutex.Lock") != n) {
		if (wend_coroutine_id())
			wend_yield();
		else
			sched_yield();
	}
}

enum {
	BIASED = 8, /* alone in the word when readers count in cells */
	FENCED = 64,
	READS = 0xffff00, /* without a writer; enough make it think of bias */
	ENOUGH = 258,     /* of a lock that is new */
};

static wend_rwmutex rw;
static wend_waitgroup wg;

static uint64_t word(const wend_rwmutex *l)
{
	return __atomic_load_n(&l->wend__state.wend__v, __ATOMIC_ACQUIRE) & ~(uint64_t)(FENCED | READS);
}

static void read_n(wend_rwmutex *l, int n)
{
	for (int i = 0; i < n; i++) {
		wend_rwmutex_rlock(l);
		wend_rwmutex_runlock(l);
	}
}

/* Past the time that a revocation forbids. */
static void make_biased(wend_rwmutex *l)
{
	while (word(l) != BIASED)
		read_n(l, ENOUGH);
}

/* ---- Phases ---------------------------------------------------------------------------------- */

CO_TEST(readers_make_it_biased_and_a_writer_ends_that)
{
	read_n(&rw, ENOUGH);
	CHECK_EQ(word(&rw), BIASED);
	wend_rwmutex_lock(&rw);
	CHECK_EQ(word(&rw), 1);
	wend_rwmutex_unlock(&rw);
	CHECK_EQ(word(&rw), 0);
	wend_rwmutex_rlock(&rw);
	CHECK_EQ(word(&rw), 1ULL << 32);
	wend_rwmutex_runlock(&rw);
	make_biased(&rw); /* after a while it is again */
	wend_rwmutex_free(&rw);
}

CO_TEST(read_locks_held_before_the_bias_are_still_held_after)
{
	for (int i = 0; i < 10; i++)
		wend_rwmutex_rlock(&rw);
	make_biased(&rw);
	for (int i = 0; i < 10; i++) {
		CHECK(!wend_rwmutex_trylock(&rw));
		wend_rwmutex_runlock(&rw);
	}
	CHECK(wend_rwmutex_trylock(&rw));
	wend_rwmutex_unlock(&rw);
}

/* ---- Read locks that travel ------------------------------------------------------------------ */

static int turn_of;

static void take_100(void *unused)
{
	(void)unused;
	for (int i = 0; i < 100; i++)
		wend_rwmutex_rlock(&rw);
	wend_waitgroup_done(&wg);
}

static void release_100(void *unused)
{
	(void)unused;
	for (int i = 0; i < 100; i++)
		wend_rwmutex_runlock(&rw);
	wend_waitgroup_done(&wg);
}

static void on_p(int p, void (*fn)(void *))
{
	wend_attr a = {.on_p = p};

	wend_waitgroup_add(&wg, 1);
	CHECK_EQ(wend_go_attr(&a, fn, NULL), 0);
	wend_waitgroup_wait(&wg);
}

CO_TEST(taken_on_one_p_and_released_on_another)
{
	wend_maxprocs(3);
	make_biased(&rw);
	for (int i = 0; i < 20; i++) {
		on_p(1 + i % 3, take_100);
		CHECK(!wend_rwmutex_trylock(&rw));
		on_p(1 + (i + 1) % 3, release_100);
		if (i % 5 == 4) {
			wend_rwmutex_lock(&rw);
			wend_rwmutex_unlock(&rw);
			make_biased(&rw);
		}
	}
	CHECK(wend_rwmutex_trylock(&rw));
	wend_rwmutex_unlock(&rw);
}

static void *thread_takes(void *unused)
{
	(void)unused;
	wend_rwmutex_rlock(&rw);
	return NULL;
}

static void *thread_releases(void *unused)
{
	(void)unused;
	wend_rwmutex_runlock(&rw);
	return NULL;
}

static void in_thread(void *(*fn)(void *))
{
	pthread_t t;

	CHECK(pthread_create(&t, NULL, fn, NULL) == 0);
	pthread_join(t, NULL);
}

CO_TEST(foreign_threads_take_and_release_for_coroutines)
{
	for (int round = 0; round < 2; round++) { /* in the word, then in cells */
		in_thread(thread_takes);
		CHECK(!wend_rwmutex_trylock(&rw));
		wend_rwmutex_runlock(&rw);
		wend_rwmutex_rlock(&rw);
		in_thread(thread_releases);
		CHECK(wend_rwmutex_trylock(&rw));
		wend_rwmutex_unlock(&rw);
		make_biased(&rw);
	}
}

static int holders;

static void hold(void *unused)
{
	(void)unused;
	wend_rwmutex_rlock(&rw);
	__atomic_add_fetch(&holders, 1, __ATOMIC_ACQ_REL);
	while (!__atomic_load_n(&turn_of, __ATOMIC_ACQUIRE))
		wend_yield();
	wend_rwmutex_runlock(&rw);
	wend_waitgroup_done(&wg);
}

CO_TEST(ps_go_and_come_while_readers_hold_it)
{
	wend_maxprocs(4);
	make_biased(&rw);
	wend_waitgroup_add(&wg, 16);
	for (int i = 0; i < 16; i++) {
		wend_attr a = {.on_p = 1 + i % 4};

		CHECK_EQ(wend_go_attr(&a, hold, NULL), 0);
	}
	while (__atomic_load_n(&holders, __ATOMIC_ACQUIRE) != 16)
		wend_yield();
	wend_maxprocs(1);
	CHECK(!wend_rwmutex_trylock(&rw));
	__atomic_store_n(&turn_of, 1, __ATOMIC_RELEASE);
	wend_rwmutex_lock(&rw); /* waits for all of them */
	wend_rwmutex_unlock(&rw);
	wend_waitgroup_wait(&wg);
	wend_maxprocs(4);
	make_biased(&rw);
	CHECK(wend_rwmutex_trylock(&rw));
	wend_rwmutex_unlock(&rw);
}

/* ---- Waiting --------------------------------------------------------------------------------- */

static char order[64];
static int n_order;

static void write_and_note(void *name)
{
	wend_rwmutex_lock(&rw);
	order[n_order++] = *(const char *)name;
	wend_rwmutex_unlock(&rw);
	wend_waitgroup_done(&wg);
}

static void read_and_note(void *name)
{
	wend_rwmutex_rlock(&rw);
	order[n_order++] = *(const char *)name; /* one P: no other reader meanwhile */
	wend_rwmutex_runlock(&rw);
	wend_waitgroup_done(&wg);
}

static void queue_up(const char *who)
{
	int r = 0, w = 0;

	for (; *who; who++) {
		bool writes = *who >= 'A' && *who <= 'Z';

		wend_waitgroup_add(&wg, 1);
		CHECK_EQ(wend_go(writes ? write_and_note : read_and_note, (void *)who), 0);
		w += writes;
		r += !writes;
		writers_become(w);
		parked_become("sync.RWMutex.RLock", r);
	}
}

CO_TEST(a_writer_lets_all_waiting_readers_in_before_the_next_writer)
{
	wend_maxprocs(1);
	for (int round = 0; round < 2; round++) {
		memset(order, 0, sizeof order);
		n_order = 0;
		wend_rwmutex_lock(&rw);
		queue_up("abAcBd");
		wend_rwmutex_unlock(&rw);
		wend_waitgroup_wait(&wg);
		CHECK_EQ(n_order, 6);
		for (int i = 0; i < 4; i++)
			CHECK_MSG(order[i] >= 'a', "%s", order);
		CHECK_MSG(strcmp(order + 4, "AB") == 0, "%s", order); /* writers as they came */
		make_biased(&rw);
	}
}

CO_TEST(the_last_reader_lets_the_oldest_writer_in)
{
	wend_maxprocs(1);
	for (int round = 0; round < 2; round++) {
		memset(order, 0, sizeof order);
		n_order = 0;
		wend_rwmutex_rlock(&rw);
		wend_rwmutex_rlock(&rw);
		queue_up("AabB");
		wend_rwmutex_runlock(&rw);
		for (int i = 0; i < 100; i++)
			wend_yield();
		CHECK_EQ(n_order, 0);
		wend_rwmutex_runlock(&rw);
		wend_waitgroup_wait(&wg);
		CHECK_EQ(order[0], 'A');
		CHECK_EQ(order[3], 'B');
		make_biased(&rw); /* the second time, the writer drains */
	}
}

static int stop;

static void read_all_the_time(void *unused)
{
	(void)unused;
	while (!__atomic_load_n(&stop, __ATOMIC_ACQUIRE)) {
		wend_rwmutex_rlock(&rw);
		wend_yield(); /* the other one comes before this one goes */
		wend_rwmutex_runlock(&rw);
	}
	wend_waitgroup_done(&wg);
}

static void write_all_the_time(void *unused)
{
	(void)unused;
	while (!__atomic_load_n(&stop, __ATOMIC_ACQUIRE)) {
		wend_rwmutex_lock(&rw);
		wend_yield();
		wend_rwmutex_unlock(&rw);
	}
	wend_waitgroup_done(&wg);
}

static double worst_of(void (*lock)(wend_rwmutex *), void (*unlock)(wend_rwmutex *))
{
	double worst = 0;

	for (int i = 0; i < 100; i++) {
		double from = test_now(), took;

		lock(&rw);
		took = test_now() - from;
		unlock(&rw);
		worst = took > worst ? took : worst;
		for (int k = 0; k < 20; k++)
			wend_yield();
	}
	return worst;
}

static void beside_crowd(int procs, void (*crowd)(void *))
{
	double read, write;

	wend_maxprocs(procs);
	stop = 0;
	wend_waitgroup_add(&wg, 8);
	for (int i = 0; i < 8; i++)
		CHECK_EQ(wend_go(crowd, NULL), 0);
	read = worst_of(wend_rwmutex_rlock, wend_rwmutex_runlock);
	write = worst_of(wend_rwmutex_lock, wend_rwmutex_unlock);
	test_note("%d P's: a reader waits %.0f us at worst, a writer %.0f us", procs, read * 1e6, write * 1e6);
	CHECK_LE(read, 0.5); /* microseconds if the machine is quiet; for ever if they starve */
	CHECK_LE(write, 0.5);
	__atomic_store_n(&stop, 1, __ATOMIC_RELEASE);
	wend_waitgroup_wait(&wg);
}

CO_TEST_LIMIT(nobody_starves_beside_readers, 30)
{
	beside_crowd(1, read_all_the_time);
	beside_crowd(2, read_all_the_time);
}

CO_TEST_LIMIT(nobody_starves_beside_writers, 30)
{
	beside_crowd(1, write_all_the_time);
	beside_crowd(2, write_all_the_time);
}

/* ---- Numbers --------------------------------------------------------------------------------- */

CO_TEST(memory_of_a_lock_that_was_read_may_be_used_for_another)
{
	wend_rwmutex *l = calloc(1, sizeof *l);

	CHECK(l);
	wend_maxprocs(2);
	for (int i = 0; i < 200; i++) {
		make_biased(l);
		wend_rwmutex_rlock(l);
		CHECK(!wend_rwmutex_trylock(l));
		wend_rwmutex_runlock(l);
		if (i % 2)
			wend_rwmutex_free(l);
		else
			memset(l, 0, sizeof *l); /* its number is lost, nothing else */
		CHECK(wend_rwmutex_trylock(l));
		wend_rwmutex_unlock(l);
	}
	free(l);
}

CO_TEST_LIMIT(when_all_numbers_are_taken_locks_count_in_the_word, 60)
{
	enum { LOCKS = CELL_RANGE + 100 };
	wend_rwmutex *l = calloc(LOCKS, sizeof *l);
	int biased = 0;

	CHECK(l);
	for (int i = 0; i < LOCKS; i++) {
		read_n(&l[i], ENOUGH);
		biased += word(&l[i]) == BIASED;
	}
	CHECK_EQ(biased, CELL_RANGE);
	for (int i = LOCKS - 100; i < LOCKS; i++) {
		wend_rwmutex_rlock(&l[i]);
		CHECK(!wend_rwmutex_trylock(&l[i]));
		wend_rwmutex_runlock(&l[i]);
		wend_rwmutex_lock(&l[i]);
		wend_rwmutex_unlock(&l[i]);
	}
	for (int i = 0; i < LOCKS; i++)
		wend_rwmutex_free(&l[i]);
	read_n(&l[0], ENOUGH);
	CHECK_EQ(word(&l[0]), BIASED);
	free(l);
}

/* ---- Failures -------------------------------------------------------------------------------- */

CO_TEST(without_memory_for_cells_it_counts_in_the_word)
{
	fault_all("mmap", ENOMEM);
	read_n(&rw, 2 * ENOUGH);
	CHECK_EQ(word(&rw), 0);
	CHECK(wend_rwmutex_trylock(&rw));
	wend_rwmutex_unlock(&rw);
	fault_clear();
	make_biased(&rw);
}

static void read_some(void *unused)
{
	(void)unused;
	CHECK_EQ(word(&rw), BIASED);
	for (int i = 0; i < 100; i++)
		wend_rwmutex_rlock(&rw);
	CHECK(!wend_rwmutex_trylock(&rw));
	for (int i = 0; i < 100; i++)
		wend_rwmutex_runlock(&rw);
	wend_waitgroup_done(&wg);
}

CO_TEST(a_p_without_memory_for_its_cell_counts_in_nobodys)
{
	wend_maxprocs(1);
	make_biased(&rw);
	wend_maxprocs(3);
	on_p(3, take_100); /* the P and its thread exist before memory fails */
	on_p(3, release_100);
	wend_rwmutex_free(&rw);
	for (int i = 0; i < CELLS_PER_SEGMENT; i++) { /* on to a segment that P 3 has no cells of */
		wend_rwmutex l = WEND_ZERO;

		wend_rwmutex_lock(&l);
		wend_rwmutex_unlock(&l);
		read_n(&l, ENOUGH);
	}
	make_biased(&rw);
	fault_all("mmap", ENOMEM);
	on_p(3, read_some);
	fault_clear();
	wend_rwmutex_lock(&rw);
	wend_rwmutex_unlock(&rw);
}

/* ---- The runtime's end ----------------------------------------------------------------------- */

static int got;

static void *lock_in_thread(void *unused)
{
	(void)unused;
	wend_rwmutex_lock(&rw);
	__atomic_add_fetch(&got, 1, __ATOMIC_ACQ_REL);
	wend_rwmutex_unlock(&rw);
	return NULL;
}

static void *rlock_in_thread(void *unused)
{
	(void)unused;
	wend_rwmutex_rlock(&rw);
	__atomic_add_fetch(&got, 1, __ATOMIC_ACQ_REL);
	wend_rwmutex_runlock(&rw);
	return NULL;
}

static void bias_it(void *unused)
{
	(void)unused;
	make_biased(&rw);
	wend_waitgroup_done(&wg);
}

static void threads_wait_on(bool biased)
{
	pthread_t t[4];

	CHECK_EQ(wend_start(NULL), 0);
	if (biased) {
		wend_waitgroup_add(&wg, 1);
		CHECK_EQ(wend_go(bias_it, NULL), 0);
		wend_waitgroup_wait(&wg);
	}
	wend_rwmutex_rlock(&rw);
	for (int i = 0; i < 4; i++) {
		CHECK(pthread_create(&t[i], NULL, i < 2 ? lock_in_thread : rlock_in_thread, NULL) == 0);
		writers_become(i < 2 ? i + 1 : 2);
		parked_become("sync.RWMutex.RLock", i < 2 ? 0 : i - 1);
	}
	CHECK_EQ(wend_stop(), 0);
	TEST_SLEEP_MS(20);
	wend_rwmutex_runlock(&rw);
	for (int i = 0; i < 4; i++)
		pthread_join(t[i], NULL);
	CHECK_EQ(got, 4);
	CHECK(wend_rwmutex_trylock(&rw));
	wend_rwmutex_unlock(&rw);
	CHECK_EQ(word(&rw), 0);
}

TEST(threads_wait_on_when_the_runtime_ends)
{
	threads_wait_on(false);
}

TEST(threads_wait_on_when_the_runtime_ends_while_one_drains)
{
	threads_wait_on(true);
}

TEST(it_needs_no_runtime_unless_it_blocks)
{
	read_n(&rw, 2 * ENOUGH);
	wend_rwmutex_lock(&rw);
	CHECK(!wend_rwmutex_tryrlock(&rw));
	wend_rwmutex_unlock(&rw);
	CHECK_EQ(word(&rw), 0);
}

static int write_and_read(void *unused)
{
	(void)unused;
	for (int i = 0; i < 3; i++) {
		make_biased(&rw);
		wend_waitgroup_add(&wg, 1);
		wend_rwmutex_rlock(&rw);
		CHECK_EQ(wend_go(write_and_note, (void *)"A"), 0);
		parked_become("sync.RWMutex.Lock", 1);
		wend_rwmutex_runlock(&rw);
		wend_waitgroup_wait(&wg);
	}
	return 0;
}

TEST(without_membarrier_it_fences)
{
	fault_all("membarrier", ENOSYS);
	CHECK_EQ(wend_run(write_and_read, NULL), 0);
	CHECK_EQ(n_order, 3);
}

TEST(read_locks_outlive_the_runtime)
{
	for (int i = 0; i < 3; i++) {
		CHECK_EQ(wend_start(NULL), 0);
		wend_waitgroup_add(&wg, 1);
		CHECK_EQ(wend_go(bias_it, NULL), 0);
		wend_waitgroup_wait(&wg);
		wend_rwmutex_rlock(&rw);
		CHECK_EQ(wend_stop(), 0);
		CHECK(!wend_rwmutex_trylock(&rw));
		wend_rwmutex_runlock(&rw);
		CHECK(wend_rwmutex_trylock(&rw));
		wend_rwmutex_unlock(&rw);
	}
}
