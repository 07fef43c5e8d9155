/* SPDX-License-Identifier: MIT
 *
 * What channels promise beyond Go's rules: memory, references, foreign threads and the runtime's end. */
#include <malloc.h>
#include <pthread.h>

#include "harness/fault.h"
#include "harness/parked.h"
#include "harness/test.h"
#include "sync/chan.h"

WEND_CHAN_TYPE(ints, int);

/* ---- Memory ------------------------------------------------------------------------------------- */

/* What a channel takes: the allocator may hand out a free block that is somewhat larger, but not ten times. */
static size_t size_of(size_t elem, size_t cap)
{
	wend_chan *c[10];
	size_t least = SIZE_MAX;

	for (int i = 0; i < 10; i++) {
		c[i] = wend_chan_make(elem, cap);
		CHECK_EQ(wend_chan_cap(c[i]), (int)cap);
		if (malloc_usable_size(c[i]->mem) < least)
			least = malloc_usable_size(c[i]->mem);
	}
	for (int i = 0; i < 10; i++)
		wend_chan_release(c[i]);
	return least;
}

CO_TEST(a_buffer_of_nothing_takes_no_memory)
{
	CHECK_EQ(size_of(0, 1000000), size_of(8, 0));
}

static void answer(void *arg)
{
	wend_chan **c = arg;
	int64_t v;

	while (wend_chan_recv(c[0], &v))
		wend_chan_send(c[1], &v);
}

CO_TEST(no_operation_allocates)
{
	wend_chan *c[3] = {wend_chan_make(8, 0), wend_chan_make(8, 0), wend_chan_make(8, 4)};
	wend_case k[2];
	int64_t v = 0;

	CHECK_EQ(wend_go(answer, c), 0);
	wend_yield();
	fault_all("malloc", ENOMEM);
	fault_all("calloc", ENOMEM);
	fault_all("aligned_alloc", ENOMEM);
	k[0] = (wend_case)WEND_CASE_RECV(c[1], &v);
	k[1] = (wend_case)WEND_CASE_RECV(c[2], &v);
	for (int i = 0; i < 1000; i++) {
		wend_chan_send(c[0], &v);
		CHECK_EQ(wend_select(k, 2, 0), 0);
		wend_chan_send(c[2], &v);
		CHECK_EQ(wend_select(k, 2, 0), 1);
		CHECK(!wend_chan_try_recv(c[2], &v, NULL));
	}
	CHECK(!wend_chan_make(8, 1));
	fault_clear();
	wend_chan_close(c[0]);
}

CO_TEST(the_last_release_frees)
{
	long before = 0;

	for (int i = 0; i < 20000; i++) {
		ints *c = ints_make(1000), *same = ints_retain(c);

		ints_send(c, 1);
		ints_release(c);
		CHECK_EQ(ints_get(same), 1);
		ints_release(same);
		if (i == 100)
			before = test_rss_kib();
	}
#if defined(__SANITIZE_ADDRESS__)
	before = test_rss_kib(); /* freed memory stays in quarantine; a leak is reported at the end */
#endif
	CHECK_LE(test_rss_kib() - before, 4096);
	CHECK(!ints_retain(NULL));
	ints_release(NULL);
}

/* ---- Before, after and at the end of the runtime ------------------------------------------------ */

static ints *outlives;

static int nothing(void *unused)
{
	(void)unused;
	CHECK_EQ(ints_get(outlives), 1);
	ints_send(outlives, 2);
	return 0;
}

TEST(a_buffered_channel_works_before_and_after_the_runtime)
{
	outlives = ints_make(2);
	ints_send(outlives, 1);
	CHECK_EQ(wend_run(nothing, NULL), 0);
	CHECK_EQ(ints_get(outlives), 2);
	CHECK(!ints_try_recv(outlives, &(int){0}, NULL));
	ints_release(outlives);
}

static void abandoned(void *c)
{
	ints_send(c, 1);
}

static void abandoned_in_select(void *unused)
{
	(void)unused;
	WEND_SELECT {
		WEND_RECV((ints *)NULL) {}
		WEND_SEND(outlives, 1) {}
	} WEND_SELECT_END
}

static int leave_waiters(void *unused)
{
	(void)unused;
	CHECK_EQ(wend_go(abandoned, outlives), 0);
	parked_become("chan send", 1);
	CHECK_EQ(wend_go(abandoned_in_select, NULL), 0);
	parked_become("select", 1);
	return 0;
}

TEST(coroutines_that_waited_are_gone_with_the_runtime)
{
	outlives = ints_make(0);
	CHECK_EQ(wend_run(leave_waiters, NULL), 0);
	CHECK(!ints_try_recv(outlives, &(int){0}, NULL));
	ints_close(outlives);
	CHECK_EQ(ints_get(outlives), 0);
	ints_release(outlives);
}

static struct waiter {
	ints *c, *other;
	bool select;
	int got;
	pthread_t thread;
} waiter;

static void *foreign_wait(void *arg)
{
	struct waiter *w = arg;

	if (w->select) {
		WEND_SELECT {
			WEND_RECV(w->c, &w->got) {}
			WEND_SEND(w->other, 1) {}
		} WEND_SELECT_END
	} else {
		w->got = ints_get(w->c);
	}
	return NULL;
}

static int end_around_it(void *reason)
{
	CHECK_EQ(pthread_create(&waiter.thread, NULL, foreign_wait, &waiter), 0);
	parked_become(reason, 1);
	return 0;
}

static void ends_around(bool select)
{
	waiter = (struct waiter){.c = ints_make(1), .other = ints_make(0), .select = select, .got = -1};
	CHECK_EQ(wend_run(end_around_it, select ? "select" : "chan receive"), 0);
	TEST_SLEEP_MS(20);
	CHECK_EQ(__atomic_load_n(&waiter.got, __ATOMIC_ACQUIRE), -1);
	ints_send(waiter.c, 7);
	CHECK_EQ(pthread_join(waiter.thread, NULL), 0);
	CHECK_EQ(waiter.got, 7);
	ints_release(waiter.c);
	ints_release(waiter.other);
}

TEST(a_foreign_thread_goes_on_when_the_runtime_ends)
{
	ends_around(false);
	ends_around(true);
}

/* ---- Typed and plain ---------------------------------------------------------------------------- */

CO_TEST(range_over_a_plain_channel)
{
	wend_chan *c = wend_chan_make(sizeof(int), 3);
	int sum = 0;

	for (int i = 1; i <= 3; i++)
		wend_chan_send(c, &i);
	wend_chan_close(c);
	WEND_CHAN_RANGE(c, int, v)
		sum += v;
	CHECK_EQ(sum, 6);
	wend_chan_release(c);
}
