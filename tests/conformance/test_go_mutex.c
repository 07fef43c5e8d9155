/* SPDX-License-Identifier: MIT
 *
 * Go's rules for sync.Mutex: TestSemaphore and TestMutex (exclusion, TryLock), TestMutexMisuse,
 * TestMutexFairness. */
#include "harness/child.h"
#include "harness/test.h"

#include <wend/wend.h>

struct hammer {
	wend_mutex mu;
	wend_waitgroup wg;
	int inside, sum, tries_won;
};

static void hammer(void *arg)
{
	struct hammer *h = arg;

	for (int i = 0; i < 1000; i++) {
		if (i % 3 == 0) {
			if (wend_mutex_trylock(&h->mu)) {
				CHECK_EQ(h->inside++, 0);
				h->tries_won++;
				h->inside--;
				wend_mutex_unlock(&h->mu);
			}
			continue;
		}
		wend_mutex_lock(&h->mu);
		CHECK_EQ(h->inside++, 0);
		if (i % 64 == 1)
			wend_yield(); /* others meet a locked mutex, on one P too */
		h->sum++;
		CHECK_EQ(--h->inside, 0);
		wend_mutex_unlock(&h->mu);
	}
	wend_waitgroup_done(&h->wg);
}

static void hammer_on(int procs)
{
	struct hammer h = {.sum = 0};

	wend_maxprocs(procs);
	wend_waitgroup_add(&h.wg, 10);
	for (int i = 0; i < 10; i++)
		CHECK_EQ(wend_go(hammer, &h), 0);
	wend_waitgroup_wait(&h.wg);
	CHECK_EQ(h.sum, 10 * 666);
	CHECK(h.tries_won > 0);
}

CO_TEST(one_at_a_time_is_inside_on_one_p)
{
	hammer_on(1);
}

CO_TEST(one_at_a_time_is_inside_on_four_ps)
{
	hammer_on(4);
}

CO_TEST(trylock_fails_on_a_locked_mutex_and_takes_a_free_one)
{
	wend_mutex mu = WEND_ZERO;

	CHECK(wend_mutex_trylock(&mu));
	CHECK(!wend_mutex_trylock(&mu));
	wend_mutex_unlock(&mu);
	wend_mutex_lock(&mu);
	CHECK(!wend_mutex_trylock(&mu));
	wend_mutex_unlock(&mu);
	CHECK(wend_mutex_trylock(&mu));
	wend_mutex_unlock(&mu);
}

/* ---- Misuse ---------------------------------------------------------------------------------- */

static void unlock_unlocked(void)
{
	wend_mutex mu = WEND_ZERO;

	printf("before\n");
	wend_mutex_unlock(&mu);
	printf("after\n");
}

static void unlock_twice(void)
{
	wend_mutex mu = WEND_ZERO;

	printf("before\n");
	wend_mutex_lock(&mu);
	wend_mutex_unlock(&mu);
	wend_mutex_unlock(&mu);
	printf("after\n");
}

TEST(unlock_of_an_unlocked_mutex_is_fatal)
{
	void (*const forms[])(void) = {unlock_unlocked, unlock_twice};

	for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
		struct child c = child_run(forms[i], 0);

		CHILD_EXITED(&c, 2);
		CHECK_HAS(c.err, "fatal error: sync: unlock of unlocked mutex");
		CHECK_EQ(c.out, "before\n");
		child_free(&c);
	}
}

/* ---- Fairness -------------------------------------------------------------------------------- */

struct hog {
	wend_mutex mu;
	wend_waitgroup over;
	int stop;
};

static void busy(double us)
{
	double end = test_now() + us / 1e6;

	while (test_now() < end)
		;
}

/* Holds the mutex nearly all the time, and lets others run only while it does. */
static void hog(void *arg)
{
	struct hog *h = arg;

	while (!__atomic_load_n(&h->stop, __ATOMIC_ACQUIRE)) {
		wend_mutex_lock(&h->mu);
		busy(100);
		wend_yield();
		wend_mutex_unlock(&h->mu);
	}
	wend_waitgroup_done(&h->over);
}

static void beside_a_hog(int procs)
{
	struct hog h = {.stop = 0};
	double start;

	wend_maxprocs(procs);
	wend_waitgroup_add(&h.over, 1);
	CHECK_EQ(wend_go(hog, &h), 0);
	start = test_now();
	for (int i = 0; i < 10; i++) {
		wend_yield();
		wend_mutex_lock(&h.mu);
		wend_mutex_unlock(&h.mu);
	}
	test_note("ten acquisitions in %.1f ms", (test_now() - start) * 1e3);
	/* Each may wait for 1 ms and one more turn; Go's own test allows 10 s for the ten. */
	CHECK_LE(test_now() - start, 2.0);
	__atomic_store_n(&h.stop, 1, __ATOMIC_RELEASE);
	wend_waitgroup_wait(&h.over);
}

CO_TEST(a_hog_does_not_starve_others_on_one_p)
{
	beside_a_hog(1);
}

CO_TEST(a_hog_does_not_starve_others_on_two_ps)
{
	beside_a_hog(2);
}
