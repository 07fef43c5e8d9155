/* SPDX-License-Identifier: MIT
 *
 * Blocking calls: who goes on meanwhile, where the coroutine goes on afterwards, what fn may do. What dies is in
 * tests/proc/test_blocking_ends.c. */
#include "conformance/coroutines.h"
#include "harness/parked.h"

#include <fcntl.h>

/* A pipe: reading it blocks the thread until somebody writes. */
static int ends[2];

static void make_pipe(void)
{
	CHECK_EQ(pipe(ends), 0);
}

static void let_go(int n)
{
	for (int i = 0; i < n; i++)
		CHECK_EQ(write(ends[1], "x", 1), 1);
}

static int64_t read_pipe(void *unused)
{
	char byte;
	ssize_t n = read(ends[0], &byte, 1);

	(void)unused;
	return n < 0 ? -errno : n;
}

static void blocks(void *unused)
{
	(void)unused;
	CHECK_EQ(wend_blocking(read_pipe, NULL), 1);
	ADD(count, 1);
	wend_waitgroup_done(&wg);
}

static void start(void (*fn)(void *), int n)
{
	wend_waitgroup_add(&wg, n);
	for (int i = 0; i < n; i++)
		CHECK_EQ(wend_go(fn, NULL), 0);
}

static int64_t plus_one(void *n)
{
	return *(int *)n + 1;
}

/* ---- Who goes on ----------------------------------------------------------------------------------- */

CO_TEST(others_go_on_while_one_blocks)
{
	make_pipe();
	wend_maxprocs(1);
	start(blocks, 1);
	parked_become("syscall", 1); /* this coroutine runs: on the same P */
	start(bump, 100);
	YIELD_UNTIL(LOAD(count) == 100);
	let_go(1);
	wend_waitgroup_wait(&wg);
	CHECK_EQ(count, 101);
}

CO_TEST_LIMIT(a_hundred_may_block_at_a_time, 30)
{
	make_pipe();
	wend_maxprocs(2);
	start(blocks, 100);
	parked_become("syscall", 100);
	start(bump, 100);
	YIELD_UNTIL(LOAD(count) == 100);
	let_go(100);
	wend_waitgroup_wait(&wg);
	CHECK_EQ(count, 200);
	CHECK_EQ(parked_count("syscall"), 0);
}

static void wakes_from_pipe(void *unused)
{
	(void)unused;
	let_go(1);
}

/* The one that could wake it waits in the same P's queue. */
CO_TEST(what_is_queued_behind_it_runs)
{
	make_pipe();
	wend_maxprocs(1);
	for (int i = 0; i < 100; i++) {
		CHECK_EQ(wend_go(wakes_from_pipe, NULL), 0);
		CHECK_EQ(wend_blocking(read_pipe, NULL), 1);
	}
}

static void *writes_later(void *unused)
{
	(void)unused;
	TEST_SLEEP_MS(30);
	let_go(1);
	return NULL;
}

/* Nobody can run, and yet it is no deadlock. */
CO_TEST(all_others_may_be_parked)
{
	pthread_t t;

	make_pipe();
	CHECK_EQ(pthread_create(&t, NULL, writes_later, NULL), 0);
	start(wait_for_ever, 1);
	start(blocks, 1);
	wend_waitgroup_done(&wg); /* for the one that waits for ever */
	wend_waitgroup_wait(&wg);
	CHECK_EQ(count, 1);
	pthread_join(t, NULL);
}

/* ---- What it returns ------------------------------------------------------------------------------- */

static int64_t bad_read(void *unused)
{
	char byte;

	(void)unused;
	return read(-1, &byte, 1) < 0 ? -errno : 0;
}

static int64_t largest(void *unused)
{
	(void)unused;
	return INT64_MAX;
}

CO_TEST(it_returns_what_fn_returned)
{
	int n = 41;

	CHECK_EQ(wend_blocking(plus_one, &n), 42);
	CHECK_EQ(wend_blocking(bad_read, NULL), -EBADF);
	CHECK_EQ(wend_blocking(largest, NULL), INT64_MAX);
}

/* ---- Where it runs --------------------------------------------------------------------------------- */

struct place {
	int tid;
	const char *stack;
};

static __attribute__((noinline)) int64_t note_place(void *arg)
{
	struct place *p = arg;

	p->tid = tid();
	p->stack = (const char *)__builtin_frame_address(0);
	return 0;
}

CO_TEST(fn_runs_on_the_coroutines_thread_and_stack)
{
	const char *here = (const char *)__builtin_frame_address(0);
	struct place p;
	int before = tid();

	wend_blocking(note_place, &p);
	CHECK_EQ(p.tid, before);
	CHECK_MSG(p.stack < here && here - p.stack < 4096, "%td bytes away", here - p.stack);
}

/* Alone it loses neither thread nor time in a queue. */
CO_TEST(it_goes_on_at_once_when_its_p_is_idle)
{
	int before = tid(), n = 0;
	wend_stats a, b;

	wend_maxprocs(1);
	wend_stats_read(&a);
	for (int i = 0; i < 1000; i++)
		n = (int)wend_blocking(plus_one, &n);
	wend_stats_read(&b);
	CHECK_EQ(n, 1000);
	CHECK_EQ(tid(), before);
	CHECK_EQ(b.blockings - a.blockings, 1000u);
	CHECK_EQ(b.parks - a.parks, 0u);
	CHECK_EQ(b.readies - a.readies, 0u);
}

static int may_go_on, back;

static int64_t wait_for_word(void *unused)
{
	(void)unused;
	while (!LOAD(may_go_on))
		sched_yield();
	return 0;
}

static void comes_back(void *unused)
{
	(void)unused;
	wend_blocking(wait_for_word, NULL);
	STORE(back, 1);
	wend_waitgroup_done(&wg);
}

static int queued; /* how often */

static int64_t see_it_come_back(void *unused)
{
	wend_stats before, after;

	(void)unused;
	while (!LOAD(count)) /* until the hog has its P */
		sched_yield();
	TEST_SLEEP_MS(3); /* and until who looked for work sleeps */
	wend_stats_read(&before);
	STORE(may_go_on, 1);
	while (!LOAD(back))
		sched_yield();
	wend_stats_read(&after);
	queued += after.readies != before.readies;
	return 0;
}

/* Both P's are idle; then a hog has the first, or the second. At times it is the one it had. */
static void comes_back_beside_a_hog_on(int k)
{
	wend_attr a = {.on_p = k};

	STORE(count, 0);
	STORE(hog_stop, 0);
	STORE(back, 0);
	STORE(may_go_on, 0);
	start(comes_back, 1);
	parked_become("syscall", 1);
	CHECK_EQ(wend_go_attr(&a, hog, NULL), 0);
	wend_blocking(see_it_come_back, NULL);
	STORE(hog_stop, 1);
	wend_waitgroup_wait(&wg);
	while (wend_num_coroutines() > 1)
		wend_yield();
}

/* Who looks for work on a busy machine has a P, too, for a while; so not always. It would be each second time if it came
 * back to its former P only. */
CO_TEST_LIMIT(it_goes_on_at_once_when_any_p_is_idle, 30)
{
	if (wend_maxprocs(2) < 0)
		test_skip("two P's are not to be had");
	for (int i = 0; i < 40; i++)
		comes_back_beside_a_hog_on(1 + i % 2);
	CHECK_LE(queued, 8);
}

/* One P, and somebody on it: it must wait for its turn, and gets it. */
CO_TEST(it_queues_when_no_p_is_idle)
{
	double end;

	wend_maxprocs(1);
	wend_waitgroup_add(&wg, 1);
	CHECK_EQ(wend_go(comes_back, NULL), 0);
	parked_become("syscall", 1);
	STORE(may_go_on, 1); /* fn returns; this coroutine keeps the P */
	for (end = test_now() + 0.05; test_now() < end;)
		CHECK_EQ(LOAD(back), 0);
	wend_waitgroup_wait(&wg);
	CHECK_EQ(back, 1);
}

static void locked_blocker(void *unused)
{
	int here;

	(void)unused;
	wend_lock_thread();
	here = tid();
	for (int i = 0; i < 20; i++) {
		CHECK_EQ(wend_blocking(read_pipe, NULL), 1);
		CHECK_EQ(tid(), here);
		wend_yield();
		CHECK_EQ(tid(), here);
	}
	wend_unlock_thread();
	wend_waitgroup_done(&wg);
}

CO_TEST_LIMIT(a_locked_coroutine_comes_back_on_its_thread, 20)
{
	make_pipe();
	for (int procs = 1; procs <= 3; procs++) {
		wend_maxprocs(procs);
		start(locked_blocker, 3);
		for (int i = 0; i < 60; i++) {
			wend_yield();
			let_go(1);
		}
		wend_waitgroup_wait(&wg);
	}
}

static int inside, overlaps;

static void bound_blocker(void *unused)
{
	int n = 0;

	(void)unused;
	for (int i = 0; i < 100; i++) {
		n = (int)wend_blocking(plus_one, &n);
		if (ADD(inside, 1) != 1)
			ADD(overlaps, 1);
		for (volatile int spin = 0; spin < 200; spin++)
			;
		ADD(inside, -1);
	}
	CHECK_EQ(n, 100);
	wend_waitgroup_done(&wg);
}

/* They never run at the same time. */
CO_TEST_LIMIT(a_bound_coroutine_comes_back_to_its_p, 20)
{
	wend_attr a = {.on_p = 2};

	if (wend_maxprocs(3) < 0)
		test_skip("three P's are not to be had");
	wend_waitgroup_add(&wg, 6);
	for (int i = 0; i < 6; i++)
		CHECK_EQ(wend_go_attr(&a, bound_blocker, NULL), 0);
	wend_waitgroup_wait(&wg);
	CHECK_EQ(overlaps, 0);
}

CO_TEST_LIMIT(its_p_may_go_meanwhile, 20)
{
	wend_attr a = {.on_p = 4};

	make_pipe();
	for (int i = 0; i < 20; i++) {
		if (wend_maxprocs(4) < 0)
			test_skip("four P's are not to be had");
		wend_waitgroup_add(&wg, 4);
		for (int k = 0; k < 4; k++)
			CHECK_EQ(wend_go_attr(k % 2 ? &a : NULL, blocks, NULL), 0);
		parked_become("syscall", 4);
		CHECK_EQ(wend_maxprocs(1), 4);
		let_go(2);
		YIELD_UNTIL(LOAD(count) == 4 * i + 2);
		CHECK_EQ(wend_maxprocs(2), 1);
		let_go(2);
		wend_waitgroup_wait(&wg);
	}
}

/* ---- What shows ------------------------------------------------------------------------------------ */

static bool shows_blocked(const wend_coroutine_info *i, void *id)
{
	if (i->id != *(uint64_t *)id)
		return true;
	CHECK_EQ(i->state, "syscall");
	CHECK(i->parked_ns > 0 && i->parked_ns < (int64_t)(test_now() * 1e9) + 1000000000);
	CHECK_EQ(i->wait_object, NULL);
	*(uint64_t *)id = 0;
	return false;
}

static uint64_t blocker_id;

static void says_who_and_blocks(void *arg)
{
	STORE(blocker_id, wend_coroutine_id());
	blocks(arg);
}

CO_TEST(it_is_listed_as_syscall)
{
	wend_stats a, b;
	uint64_t id;

	make_pipe();
	wend_stats_read(&a);
	start(says_who_and_blocks, 1);
	parked_become("syscall", 1);
	wend_stats_read(&b);
	CHECK_EQ(b.blockings - a.blockings, 1u);
	CHECK_EQ(b.blocked, 1u);
	id = LOAD(blocker_id);
	wend_coroutines_each(shows_blocked, &id);
	CHECK_EQ(id, 0u);
	let_go(1);
	wend_waitgroup_wait(&wg);
	wend_stats_read(&b);
	CHECK_EQ(b.blocked, 0u);
}

/* ---- What fn may do: what foreign threads may ------------------------------------------------------- */

static wend_chan *numbers;
static wend_mutex mutex;

static int64_t is_foreign(void *unused)
{
	int here = tid(), got = 0;

	(void)unused;
	CHECK_EQ(wend_coroutine_id(), 0u);
	wend_chan_recv(numbers, &got); /* the thread sleeps */
	CHECK_EQ(tid(), here);
	wend_mutex_lock(&mutex);
	wend_mutex_unlock(&mutex);
	wend_waitgroup_add(&wg, 1);
	CHECK_EQ(wend_go(bump, NULL), 0);
	return got;
}

static void asks_as_a_foreign_thread(void *unused)
{
	(void)unused;
	for (int i = 1; i <= 3; i++)
		CHECK_EQ(wend_blocking(is_foreign, NULL), 10 * i);
	CHECK(wend_coroutine_id() != 0);
	wend_waitgroup_done(&wg);
}

CO_TEST(fn_may_block_as_a_foreign_thread)
{
	numbers = wend_chan_make(sizeof(int), 0);
	wend_maxprocs(1);
	start(asks_as_a_foreign_thread, 1);
	for (int i = 1; i <= 3; i++)
		wend_chan_send(numbers, &(int){10 * i});
	wend_waitgroup_wait(&wg);
	YIELD_UNTIL(LOAD(count) == 3);
	wend_chan_release(numbers);
}

static int64_t blocks_again(void *n)
{
	uint64_t before;
	wend_stats s;

	wend_stats_read(&s);
	before = s.blockings;
	*(int *)n = (int)wend_blocking(plus_one, n);
	wend_stats_read(&s);
	CHECK_EQ(s.blockings, before);
	return *(int *)n;
}

CO_TEST(within_fn_it_just_runs_fn)
{
	int n = 6;

	CHECK_EQ(wend_blocking(blocks_again, &n), 7);
}

static void *calls_from_outside(void *n)
{
	*(int *)n = (int)wend_blocking(plus_one, n);
	return NULL;
}

TEST(on_a_foreign_thread_it_just_runs_fn)
{
	int n = 0;

	CHECK_EQ(wend_blocking(plus_one, &n), 1); /* the runtime does not even run */
}

CO_TEST(on_a_foreign_thread_beside_the_runtime_too)
{
	pthread_t t;
	int n = 0;

	CHECK_EQ(pthread_create(&t, NULL, calls_from_outside, &n), 0);
	pthread_join(t, NULL);
	CHECK_EQ(n, 1);
}

/* ---- Panics ---------------------------------------------------------------------------------------- */

static int deferred;
static const char *recovered;

static void count_deferred(void *unused)
{
	(void)unused;
	ADD(deferred, 1);
}

static void recovers(void *unused)
{
	(void)unused;
	recovered = wend_recover();
}

static int64_t panics(void *arg)
{
	int64_t result = 0;

	WEND_DEFERS_RETURN(result);
	wend_defer(count_deferred, NULL);
	if (arg)
		wend_panicf("%s", (const char *)arg);
	return result;
}

static void guards(int64_t (*fn)(void *), void *arg)
{
	WEND_DEFERS;
	wend_defer(recovers, NULL);
	wend_blocking(fn, arg);
	CHECK(!arg);
}

static void panics_many_times(void *unused)
{
	(void)unused;
	for (int i = 1; i <= 100; i++) {
		recovered = NULL;
		guards(panics, i % 3 ? "in a call" : NULL);
		CHECK_EQ(recovered ? recovered : "none", i % 3 ? "in a call" : "none");
		CHECK_EQ(deferred, i);
		CHECK(wend_coroutine_id() != 0);
		wend_yield();
	}
	wend_waitgroup_done(&wg);
}

/* With others on the only P, so that it has to queue for it. */
CO_TEST(a_panic_in_fn_is_the_callers_to_recover)
{
	wend_maxprocs(1);
	start(panics_many_times, 1);
	while (LOAD(deferred) < 100)
		wend_yield();
	wend_waitgroup_wait(&wg);
}

static void panics_here(const char *text)
{
	WEND_DEFERS;
	wend_defer(recovers, NULL);
	wend_panic(text);
}

static int64_t recovers_its_own(void *unused)
{
	(void)unused;
	panics_here("own");
	CHECK_EQ(recovered, "own");
	CHECK(wend_coroutine_id() != 0);
	wend_yield();
	return 5;
}

CO_TEST(an_fn_that_recovers_itself_has_a_p_again)
{
	wend_stats s;

	CHECK_EQ(wend_blocking(recovers_its_own, NULL), 5);
	wend_yield();
	wend_stats_read(&s);
	CHECK_EQ(s.blocked, 0u);
}

static int64_t send_on_closed(void *c)
{
	wend_chan_send(c, NULL);
	return 0;
}

/* The library's own panics, of a foreign thread's call. */
CO_TEST(a_misuse_in_fn_is_a_panic)
{
	wend_chan *c = wend_chan_make(0, 1);

	wend_chan_close(c);
	guards(send_on_closed, c);
	CHECK_EQ(recovered, "send on closed channel");
	wend_chan_release(c);
}

static __attribute__((noinline, no_sanitize("undefined", "address"))) int64_t load_nil(void *p)
{
	return ((volatile int64_t *)((uintptr_t)p - 1))[1];
}

CO_TEST(a_fault_in_fn_is_a_panic)
{
	guards(load_nil, (void *)1);
	CHECK_EQ(recovered, "runtime error: invalid memory address or nil pointer dereference");
	wend_yield();
}

/* ---- Threads ---------------------------------------------------------------------------------------- */

static uint64_t threads(void)
{
	wend_stats s;

	wend_stats_read(&s);
	return s.threads;
}

static void blocks_often(void *unused)
{
	(void)unused;
	for (int i = 0; i < 50; i++) {
		CHECK_EQ(wend_go(wakes_from_pipe, NULL), 0);
		CHECK_EQ(wend_blocking(read_pipe, NULL), 1);
	}
	wend_waitgroup_done(&wg);
}

CO_TEST_LIMIT(threads_serve_again, 20)
{
	make_pipe();
	wend_maxprocs(2);
	start(blocks_often, 4);
	wend_waitgroup_wait(&wg);
	CHECK_LE(threads(), 10u); /* two P's, four calls at a time, and those on their way */
}

static int co_surplus(void *unused)
{
	(void)unused;
	make_pipe();
	start(blocks, 60);
	parked_become("syscall", 60);
	CHECK_LE(60u, threads());
	let_go(60);
	wend_waitgroup_wait(&wg);
	while (threads() > 2 + 8 + 1) /* asleep, and this one */
		TEST_SLEEP_MS(5);
	start(blocks, 60); /* and they come back */
	parked_become("syscall", 60);
	let_go(60);
	wend_waitgroup_wait(&wg);
	return 0;
}

TEST_LIMIT(threads_that_are_too_many_end, 30)
{
	setenv("WENDDEBUG", "thread_ms=50", 1);
	setenv("WEND_MAXPROCS", "2", 1);
	CHECK_EQ(wend_run(co_surplus, NULL), 0);
}
