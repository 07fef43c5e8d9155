/* SPDX-License-Identifier: MIT
 *
 * Semaphore: order of waiters, who may release and free, foreign threads, weights at the edges. */
#include "harness/child.h"
#include "harness/parked.h"
#include "harness/test.h"

#include <pthread.h>

static wend_sem sem = WEND_SEM(3);
static wend_waitgroup wg;
static int order[16], n_order;

static void check_all_back(wend_sem *s, int64_t size)
{
	CHECK_EQ(s->wend__state.wend__v, 0);
	CHECK(s->wend__waiters == NULL);
	CHECK_EQ(s->wend__size, size);
}

struct wish {
	int number;
	int64_t n;
};

static void acquire_and_note(void *arg)
{
	const struct wish *w = arg;

	wend_sem_acquire(&sem, w->n);
	order[n_order++] = w->number;
	wend_waitgroup_done(&wg);
}

CO_TEST(waiters_are_served_in_the_order_of_their_coming_and_several_at_once)
{
	static const struct wish wishes[] = {{0, 2}, {1, 1}, {2, 3}, {3, 1}, {4, 1}};

	wend_maxprocs(1);
	wend_sem_acquire(&sem, 3);
	for (int i = 0; i < 5; i++) {
		wend_waitgroup_add(&wg, 1);
		CHECK_EQ(wend_go(acquire_and_note, (void *)&wishes[i]), 0);
		parked_become("semaphore.Acquire", i + 1);
	}
	wend_sem_release(&sem, 1); /* not enough for the first, and the second must not pass it */
	for (int i = 0; i < 10; i++)
		wend_yield();
	CHECK_EQ(n_order, 0);
	CHECK(!wend_sem_try_acquire(&sem, 1)); /* there is one, but others were first */
	wend_sem_release(&sem, 2);
	while (n_order != 2)
		wend_yield();
	CHECK_EQ(parked_count("semaphore.Acquire"), 3);
	wend_sem_release(&sem, 3);
	while (n_order != 3)
		wend_yield();
	CHECK_EQ(parked_count("semaphore.Acquire"), 2);
	wend_sem_release(&sem, 3);
	wend_waitgroup_wait(&wg);
	CHECK_EQ(order[0] + order[1], 0 + 1); /* made ready together, they may run in either order */
	CHECK_EQ(order[2], 2);
	CHECK_EQ(order[3] + order[4], 3 + 4);
	wend_sem_release(&sem, 2);
	check_all_back(&sem, 3);
}

CO_TEST(weights_at_the_edges)
{
	wend_sem s = WEND_ZERO;

	wend_sem_acquire(&s, 0);
	CHECK(!wend_sem_try_acquire(&s, 1));
	wend_sem_release(&s, 0);
	wend_sem_init(&s, WEND_SEM_MAX);
	wend_sem_acquire(&s, WEND_SEM_MAX);
	CHECK(!wend_sem_try_acquire(&s, 1));
	CHECK(!wend_sem_try_acquire(&s, INT64_MAX));
	wend_sem_release(&s, WEND_SEM_MAX - 1);
	CHECK(wend_sem_try_acquire(&s, 1));
	wend_sem_release(&s, 2);
	check_all_back(&s, WEND_SEM_MAX);
}

static void negative_acquire(void *unused)
{
	(void)unused;
	wend_sem_acquire(&sem, -1);
}

static void negative_release(void *unused)
{
	(void)unused;
	wend_sem_release(&sem, -1);
}

static void too_large(void *unused)
{
	wend_sem s;

	(void)unused;
	wend_sem_init(&s, WEND_SEM_MAX + 1);
}

TEST(impossible_weights_panic)
{
	static const struct {
		void (*fn)(void *);
		const char *text;
	} cases[] = {
		{negative_acquire, "panic: semaphore: negative weight"},
		{negative_release, "panic: semaphore: negative weight"},
		{too_large, "panic: semaphore: size above WEND_SEM_MAX"},
	};

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct child c = child_call(cases[i].fn, NULL, 8);

		CHILD_EXITED(&c, 2);
		CHECK_HAS(c.err, cases[i].text);
		child_free(&c);
	}
}

/* As Go's: an initialiser cannot refuse it. */
CO_TEST(a_size_below_zero_has_no_units)
{
	wend_sem s = WEND_SEM(-1);

	for (int64_t n = 0; n <= 1; n++) {
		CHECK(!wend_sem_try_acquire(&s, n));
		CHECK_EQ(wend_sem_acquire_dl(&s, n, wend_deadline(WEND_MILLISECOND)), -ETIMEDOUT);
	}
	wend_sem_init(&s, WEND_SEM_MAX);
	CHECK(!wend_sem_try_acquire(&s, INT64_MAX));
	CHECK(wend_sem_try_acquire(&s, WEND_SEM_MAX));
	CHECK(!wend_sem_try_acquire(&s, 1));
	wend_sem_release(&s, WEND_SEM_MAX);
}

static int wait_for_too_much(void *unused)
{
	(void)unused;
	wend_sem_acquire(&sem, 4);
	return 0;
}

static void run_wait_for_too_much(void *unused)
{
	(void)unused;
	_exit(100 + wend_run(wait_for_too_much, NULL));
}

TEST(waiting_for_more_than_there_is_shows_as_a_deadlock)
{
	struct child c = child_call(run_wait_for_too_much, NULL, 8);

	CHILD_EXITED(&c, 2);
	CHECK_HAS(c.err, "all coroutines are asleep");
	CHECK_HAS(c.err, "semaphore.Acquire");
	child_free(&c);
}

/* ---- Lifetime -------------------------------------------------------------------------------- */

struct counted {
	wend_sem sem;
	int users;
};

static void drop(void *arg)
{
	struct counted *c = arg;
	bool last;

	wend_sem_acquire(&c->sem, 1);
	last = --c->users == 0;
	wend_sem_release(&c->sem, 1);
	if (last) {
		memset(c, 0xFF, sizeof *c);
		free(c);
	}
	wend_waitgroup_done(&wg);
}

CO_TEST_LIMIT(the_last_user_may_free_it, 30)
{
	wend_maxprocs(4);
	for (int i = 0; i < 3000; i++) {
		struct counted *c = calloc(1, sizeof *c);

		CHECK(c);
		wend_sem_init(&c->sem, 1);
		c->users = 4;
		wend_waitgroup_add(&wg, 4);
		for (int k = 0; k < 4; k++)
			CHECK_EQ(wend_go(drop, c), 0);
		wend_waitgroup_wait(&wg);
	}
}

/* ---- Foreign threads ------------------------------------------------------------------------- */

static int sum;

static void use(bool coroutine)
{
	for (int i = 0; i < 2000; i++) {
		int64_t n = 1 + i % 3;

		wend_sem_acquire(&sem, n);
		CHECK_LE(__atomic_add_fetch(&sum, n, __ATOMIC_RELAXED), 3);
		if (i % 100 == 0 && coroutine)
			wend_yield();
		else if (i % 200 == 0)
			TEST_SLEEP_MS(1);
		__atomic_sub_fetch(&sum, n, __ATOMIC_RELAXED);
		wend_sem_release(&sem, n);
	}
}

static void use_in_coroutine(void *unused)
{
	(void)unused;
	use(true);
	wend_waitgroup_done(&wg);
}

static void *use_in_thread(void *unused)
{
	(void)unused;
	use(false);
	return NULL;
}

CO_TEST_LIMIT(threads_and_coroutines_share_it, 30)
{
	pthread_t t[2];

	wend_maxprocs(2);
	wend_waitgroup_add(&wg, 4);
	for (int i = 0; i < 2; i++)
		CHECK(pthread_create(&t[i], NULL, use_in_thread, NULL) == 0);
	for (int i = 0; i < 4; i++)
		CHECK_EQ(wend_go(use_in_coroutine, NULL), 0);
	wend_waitgroup_wait(&wg);
	for (int i = 0; i < 2; i++)
		pthread_join(t[i], NULL);
	check_all_back(&sem, 3);
}

static void *acquire_two(void *unused)
{
	(void)unused;
	wend_sem_acquire(&sem, 2);
	__atomic_add_fetch(&sum, 1, __ATOMIC_ACQ_REL);
	wend_sem_release(&sem, 2);
	return NULL;
}

TEST(threads_wait_on_when_the_runtime_ends)
{
	pthread_t t[2];

	CHECK_EQ(wend_start(NULL), 0);
	wend_sem_acquire(&sem, 3);
	for (int i = 0; i < 2; i++) {
		CHECK(pthread_create(&t[i], NULL, acquire_two, NULL) == 0);
		parked_become("semaphore.Acquire", i + 1);
	}
	CHECK_EQ(wend_stop(), 0);
	TEST_SLEEP_MS(20);
	CHECK_EQ(__atomic_load_n(&sum, __ATOMIC_ACQUIRE), 0);
	wend_sem_release(&sem, 3);
	for (int i = 0; i < 2; i++)
		pthread_join(t[i], NULL);
	CHECK_EQ(sum, 2);
	check_all_back(&sem, 3);
}
