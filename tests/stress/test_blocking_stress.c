/* SPDX-License-Identifier: MIT
 *
 * Coroutines that block their threads and pass numbers through channels, while the number of P's changes: plain ones, bound
 * ones, locked ones; calls that return at once, sleep, wait for a byte that another coroutine writes, send as foreign
 * threads do, or panic. What was sent is received once, and at the end nobody is left in a call. */
#include "harness/test.h"

#include <fcntl.h>
#include <pthread.h>

#include <wend/wend.h>

WEND_CHAN_TYPE(numbers, uint64_t);

enum { WORKERS = 24 };

static numbers *passing;
static wend_waitgroup workers, readers;
static wend_counter sent, received, sums; /* sums: of what was sent less what was received */
static int over;
static bool few; /* threads: none may wait for what needs another one */

struct worker {
	uint64_t rng;
	uint64_t value;
	int ends[2];
	bool recovered;
};

static int64_t at_once(void *arg)
{
	return (int64_t)((struct worker *)arg)->value;
}

static int64_t sleeps(void *arg)
{
	struct worker *w = arg;

	usleep((useconds_t)(w->value % 300));
	return (int64_t)w->value;
}

static int64_t reads(void *arg)
{
	struct worker *w = arg;
	uint64_t value;

	return read(w->ends[0], &value, sizeof value) == sizeof value ? (int64_t)value : -1;
}

static void writes(int end, uint64_t value)
{
	CHECK_EQ(write(end, &value, sizeof value), (ssize_t)sizeof value);
}

static void send(uint64_t value)
{
	wend_counter_add(&sums, (int64_t)value);
	numbers_send(passing, value);
	wend_counter_add(&sent, 1);
}

static int64_t sends(void *arg)
{
	struct worker *w = arg;

	send(w->value);
	return (int64_t)w->value;
}

static int64_t panics(void *arg)
{
	wend_panic("in a call");
}

static void recovers(void *w)
{
	((struct worker *)w)->recovered = wend_recover() != NULL;
}

static void guarded(struct worker *w)
{
	WEND_DEFERS;
	wend_defer(recovers, w);
	wend_blocking(panics, w);
}

static void block(struct worker *w)
{
	int64_t (*const calls[])(void *) = {panics, at_once, sleeps, sends, reads};
	unsigned which = test_rand(&w->rng) % (few ? 3 : 5);

	w->value = test_rand(&w->rng) >> 2;
	if (calls[which] == panics) {
		w->recovered = false;
		guarded(w);
		CHECK(w->recovered);
		return;
	}
	if (calls[which] == reads)
		CHECK_EQ(WEND_GO(writes, w->ends[1], w->value), 0);
	CHECK_EQ(wend_blocking(calls[which], w), (int64_t)w->value);
	CHECK(wend_coroutine_id() != 0);
}

static void work(uint64_t seed, int locked)
{
	struct worker w = {.rng = seed};
	pthread_t thread;

	CHECK_EQ(pipe2(w.ends, O_CLOEXEC), 0);
	if (locked)
		wend_lock_thread();
	thread = pthread_self();
	while (!__atomic_load_n(&over, __ATOMIC_RELAXED)) {
		switch (test_rand(&w.rng) % 4) {
		case 0:
			send(test_rand(&w.rng) >> 2);
			break;
		case 1:
			wend_yield();
			break;
		default:
			block(&w);
		}
		if (locked)
			CHECK_MSG(pthread_equal(thread, pthread_self()), "a locked coroutine moved");
	}
	close(w.ends[0]);
	close(w.ends[1]);
	wend_waitgroup_done(&workers);
}

static void work_bound(void *seed)
{
	work((uint64_t)(uintptr_t)seed, false);
}

static void receive(void)
{
	WEND_CHAN_RANGE(passing, uint64_t, v) {
		wend_counter_add(&sums, -(int64_t)v);
		wend_counter_add(&received, 1);
	}
	wend_waitgroup_done(&readers);
}

static void change_procs(uint64_t *rng)
{
	double end = test_now() + test_stress_seconds();

	while (test_now() < end) {
		wend_maxprocs(1 + (int)(test_rand(rng) % 5));
		wend_sleep((int64_t)(test_rand(rng) % 2000) * WEND_MICROSECOND);
	}
}

CO_TEST_LIMIT(blocking_calls_and_channels, 120)
{
	uint64_t rng = test_seed();
	wend_stats s;

	passing = numbers_make(4);
	wend_maxprocs(3);
	wend_waitgroup_add(&workers, WORKERS);
	wend_waitgroup_add(&readers, 2);
	for (int i = 0; i < WORKERS; i++) {
		wend_attr a = {.on_p = 1 + i % 3};

		if (i % 4 == 3)
			CHECK_EQ(wend_go_attr(&a, work_bound, (void *)(uintptr_t)test_rand(&rng)), 0);
		else
			CHECK_EQ(WEND_GO(work, test_rand(&rng), i % 4 == 2 && !few), 0);
	}
	for (int i = 0; i < 2; i++)
		CHECK_EQ(WEND_GO(receive), 0);
	change_procs(&rng);
	__atomic_store_n(&over, 1, __ATOMIC_RELAXED);
	wend_waitgroup_wait(&workers);
	numbers_close(passing);
	wend_waitgroup_wait(&readers);
	CHECK_EQ(wend_counter_load(&received), wend_counter_load(&sent));
	CHECK_EQ(wend_counter_load(&sums), 0);
	CHECK(wend_counter_load(&sent) > 0);
	wend_stats_read(&s);
	CHECK_EQ(s.blocked, 0u);
	test_note("%llu blocking calls, %lld values, %llu threads", (unsigned long long)s.blockings,
			  (long long)wend_counter_load(&sent), (unsigned long long)s.threads);
}

/* Threads come and go all the time. */
static int short_lived(void *unused)
{
	test_blocking_calls_and_channels();
	return 0;
}

TEST_LIMIT(blocking_calls_and_channels_with_few_threads, 120)
{
	few = true;
	setenv("WENDDEBUG", "threads=6", 1);
	CHECK_EQ(wend_run(short_lived, NULL), 0);
}

TEST_LIMIT(blocking_calls_and_channels_with_short_lived_threads, 120)
{
	setenv("WENDDEBUG", "thread_ms=1", 1);
	CHECK_EQ(wend_run(short_lived, NULL), 0);
}
