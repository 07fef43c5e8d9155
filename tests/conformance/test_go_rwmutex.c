/* SPDX-License-Identifier: MIT
 *
 * Go's rules for sync.RWMutex: TestParallelReaders, TestRWMutex (HammerRWMutex), the misuses of
 * TestMutexMisuse, TryLock and TryRLock, and what the documentation says of a waiting writer. */
#include "harness/child.h"
#include "harness/parked.h"
#include "harness/test.h"

static wend_rwmutex rw;
static wend_waitgroup wg;

/* ---- Readers at the same time ---------------------------------------------------------------- */

static int here, wanted;

/* Holds the lock until all do. */
static void read_together(void *unused)
{
	(void)unused;
	wend_rwmutex_rlock(&rw);
	__atomic_add_fetch(&here, 1, __ATOMIC_ACQ_REL);
	while (__atomic_load_n(&here, __ATOMIC_ACQUIRE) < wanted)
		wend_yield();
	wend_rwmutex_runlock(&rw);
	wend_waitgroup_done(&wg);
}

static void parallel_readers(int procs)
{
	wend_maxprocs(procs);
	for (int n = 1; n <= 10; n++) {
		here = 0;
		wanted = n;
		wend_waitgroup_add(&wg, n);
		for (int i = 0; i < n; i++)
			CHECK_EQ(wend_go(read_together, NULL), 0);
		wend_waitgroup_wait(&wg);
	}
}

CO_TEST(readers_hold_it_at_the_same_time_on_one_p)
{
	parallel_readers(1);
}

CO_TEST(readers_hold_it_at_the_same_time_on_four_ps)
{
	parallel_readers(4);
}

/* ---- Hammer ---------------------------------------------------------------------------------- */

enum { ROUNDS = 400, A_WRITER = 10000 };

static int activity; /* readers inside, A_WRITER for a writer */

static void enter_as(int what)
{
	int n = __atomic_add_fetch(&activity, what, __ATOMIC_ACQ_REL);

	CHECK_MSG(what == A_WRITER ? n == A_WRITER : n >= 1 && n < A_WRITER, "inside: %d", n);
}

static void leave_as(int what)
{
	__atomic_sub_fetch(&activity, what, __ATOMIC_ACQ_REL);
}

static void reader(void *unused)
{
	(void)unused;
	for (int i = 0; i < ROUNDS; i++) {
		if (i % 4 != 3)
			wend_rwmutex_rlock(&rw);
		else if (!wend_rwmutex_tryrlock(&rw))
			continue;
		enter_as(1);
		if (i % 16 == 0)
			wend_yield();
		leave_as(1);
		wend_rwmutex_runlock(&rw);
	}
	wend_waitgroup_done(&wg);
}

static void writer(void *unused)
{
	(void)unused;
	for (int i = 0; i < ROUNDS; i++) {
		if (i % 4 != 3)
			wend_rwmutex_lock(&rw);
		else if (!wend_rwmutex_trylock(&rw))
			continue;
		enter_as(A_WRITER);
		if (i % 16 == 0)
			wend_yield();
		leave_as(A_WRITER);
		wend_rwmutex_unlock(&rw);
		if (i % 64 == 0)
			for (int k = 0; k < 10; k++)
				wend_yield();
	}
	wend_waitgroup_done(&wg);
}

static void hammer(int procs, int readers)
{
	wend_maxprocs(procs);
	wend_waitgroup_add(&wg, readers + 2);
	CHECK_EQ(wend_go(writer, NULL), 0);
	for (int i = 0; i < readers / 2; i++)
		CHECK_EQ(wend_go(reader, NULL), 0);
	CHECK_EQ(wend_go(writer, NULL), 0);
	for (int i = readers / 2; i < readers; i++)
		CHECK_EQ(wend_go(reader, NULL), 0);
	wend_waitgroup_wait(&wg);
}

CO_TEST_LIMIT(a_writer_is_alone_and_readers_are_among_themselves, 30)
{
	static const int procs[] = {1, 2, 4, 10}, readers[] = {1, 3, 10};

	for (size_t p = 0; p < sizeof procs / sizeof *procs; p++)
		for (size_t r = 0; r < sizeof readers / sizeof *readers; r++)
			hammer(procs[p], readers[r]);
}

/* ---- Try and wait ---------------------------------------------------------------------------- */

static void check_tries(void)
{
	CHECK(wend_rwmutex_tryrlock(&rw));
	CHECK(wend_rwmutex_tryrlock(&rw));
	CHECK(!wend_rwmutex_trylock(&rw));
	wend_rwmutex_runlock(&rw);
	CHECK(!wend_rwmutex_trylock(&rw));
	wend_rwmutex_runlock(&rw);
	CHECK(wend_rwmutex_trylock(&rw));
	CHECK(!wend_rwmutex_trylock(&rw));
	CHECK(!wend_rwmutex_tryrlock(&rw));
	wend_rwmutex_unlock(&rw);
}

CO_TEST(try_forms_tell_what_is_possible_now)
{
	check_tries();
	for (int i = 0; i < 100; i++) {
		wend_rwmutex_rlock(&rw);
		wend_rwmutex_runlock(&rw);
	}
	check_tries(); /* a lock that many have read */
	check_tries(); /* just written */
}

static void write_once(void *unused)
{
	(void)unused;
	wend_rwmutex_lock(&rw);
	activity = 1;
	wend_rwmutex_unlock(&rw);
	wend_waitgroup_done(&wg);
}

static void waiting_writer(void)
{
	activity = 0;
	wend_rwmutex_rlock(&rw);
	wend_waitgroup_add(&wg, 1);
	CHECK_EQ(wend_go(write_once, NULL), 0);
	parked_become("sync.RWMutex.Lock", 1);
	CHECK(!wend_rwmutex_tryrlock(&rw));
	CHECK_EQ(activity, 0);
	wend_rwmutex_runlock(&rw);
	wend_waitgroup_wait(&wg);
	CHECK_EQ(activity, 1);
	wend_rwmutex_rlock(&rw);
	wend_rwmutex_runlock(&rw);
}

CO_TEST(a_waiting_writer_holds_new_readers_back)
{
	waiting_writer();
	for (int i = 0; i < 100; i++) {
		wend_rwmutex_rlock(&rw);
		wend_rwmutex_runlock(&rw);
	}
	waiting_writer();
}

/* ---- RLocker --------------------------------------------------------------------------------- */

CO_TEST(an_rlocker_takes_and_releases_read_locks)
{
	wend_locker write = wend_rwmutex_locker(&rw), read = wend_rwmutex_rlocker(&rw);

	for (int i = 0; i < 50; i++) {
		read.lock(read.obj);
		read.lock(read.obj);
		CHECK(!wend_rwmutex_trylock(&rw));
		read.unlock(read.obj);
		read.unlock(read.obj);
		write.lock(write.obj);
		CHECK(!wend_rwmutex_tryrlock(&rw));
		write.unlock(write.obj);
	}
}

/* ---- Misuse ---------------------------------------------------------------------------------- */

static void runlock_unlocked(void)
{
	printf("before\n");
	wend_rwmutex_runlock(&rw);
}

static void runlock_twice(void)
{
	wend_rwmutex_rlock(&rw);
	wend_rwmutex_runlock(&rw);
	printf("before\n");
	wend_rwmutex_runlock(&rw);
}

static void runlock_twice_after_many(void)
{
	for (int i = 0; i < 100; i++) {
		wend_rwmutex_rlock(&rw);
		wend_rwmutex_runlock(&rw);
	}
	printf("before\n");
	wend_rwmutex_runlock(&rw);
}

static void runlock_of_writer(void)
{
	wend_rwmutex_lock(&rw);
	printf("before\n");
	wend_rwmutex_runlock(&rw);
}

static void unlock_unlocked(void)
{
	printf("before\n");
	wend_rwmutex_unlock(&rw);
}

static void unlock_of_reader(void)
{
	wend_rwmutex_rlock(&rw);
	printf("before\n");
	wend_rwmutex_unlock(&rw);
}

static void unlock_of_readers_after_many(void)
{
	for (int i = 0; i < 100; i++)
		wend_rwmutex_rlock(&rw);
	printf("before\n");
	wend_rwmutex_unlock(&rw);
}

static void unlock_twice(void)
{
	wend_rwmutex_lock(&rw);
	wend_rwmutex_unlock(&rw);
	printf("before\n");
	wend_rwmutex_unlock(&rw);
}

TEST(misuse_is_fatal)
{
	static const struct {
		void (*fn)(void);
		const char *text;
	} cases[] = {
		{runlock_unlocked, "fatal error: sync: RUnlock of unlocked RWMutex"},
		{runlock_twice, "fatal error: sync: RUnlock of unlocked RWMutex"},
		{runlock_twice_after_many, "fatal error: sync: RUnlock of unlocked RWMutex"},
		{runlock_of_writer, "fatal error: sync: RUnlock of unlocked RWMutex"},
		{unlock_unlocked, "fatal error: sync: Unlock of unlocked RWMutex"},
		{unlock_of_reader, "fatal error: sync: Unlock of unlocked RWMutex"},
		{unlock_of_readers_after_many, "fatal error: sync: Unlock of unlocked RWMutex"},
		{unlock_twice, "fatal error: sync: Unlock of unlocked RWMutex"},
	};

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct child c = child_run(cases[i].fn, 0);

		test_note("case %zu", i);
		CHILD_EXITED(&c, 2);
		CHECK_HAS(c.err, cases[i].text);
		CHECK_EQ(c.out, "before\n");
		child_free(&c);
	}
}
