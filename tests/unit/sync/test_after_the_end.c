/* SPDX-License-Identifier: MIT
 *
 * Foreign threads that wait when the runtime ends, or begin to wait after it: they go on by looking once in a
 * millisecond, with their deadlines, as docs/go-differences.md says. */
#include <pthread.h>

#include "harness/test.h"
#include "wend/wend.h"

#define MS WEND_MILLISECOND

static wend_mutex mu;
static wend_cond cond;
static wend_rwmutex rw;
static wend_sem sem = WEND_SEM(1);
static wend_waitgroup wg;
static wend_chan *c;
static bool filled;

static pthread_t in_thread(void *(*fn)(void *), void *arg)
{
	pthread_t t;

	CHECK_EQ(pthread_create(&t, NULL, fn, arg), 0);
	return t;
}

static void end_the_runtime(void)
{
	usleep(20000); /* whoever is to wait does */
	CHECK_EQ(wend_stop(), 0);
}

/* ---- Around it ---------------------------------------------------------------------------------- */

static void *take(void *unused)
{
	wend_mutex_lock(&mu);
	while (!filled)
		wend_cond_wait(&cond, &mu);
	wend_mutex_unlock(&mu);
	return unused;
}

TEST(a_loop_over_a_condition_survives_the_end)
{
	CHECK_EQ(wend_start(NULL), 0);

	pthread_t t = in_thread(take, NULL);

	end_the_runtime();
	wend_mutex_lock(&mu);
	filled = true;
	wend_mutex_unlock(&mu);
	pthread_join(t, NULL);
}

static void *wait_once(void *unused)
{
	wend_mutex_lock(&mu);
	wend_cond_wait(&cond, &mu);
	usleep(3000); /* so that the others meet it locked */
	wend_mutex_unlock(&mu);
	return unused;
}

TEST(all_who_waited_for_a_condition_get_the_mutex_back)
{
	pthread_t t[3];

	CHECK_EQ(wend_start(NULL), 0);
	for (int i = 0; i < 3; i++)
		t[i] = in_thread(wait_once, NULL);
	end_the_runtime();
	for (int i = 0; i < 3; i++)
		pthread_join(t[i], NULL);
}

static void *write_in_time(void *ms)
{
	int64_t deadline = wend_deadline((intptr_t)ms * MS);

	CHECK_EQ(wend_rwmutex_lock_dl(&rw, deadline), -ETIMEDOUT);
	CHECK(wend_now() >= deadline);
	return NULL;
}

TEST(writers_keep_their_deadlines)
{
	pthread_t t[2];

	CHECK_EQ(wend_start(NULL), 0);
	wend_rwmutex_rlock(&rw);
	t[0] = in_thread(write_in_time, (void *)40);
	t[1] = in_thread(write_in_time, (void *)80);
	end_the_runtime();
	pthread_join(t[0], NULL);
	pthread_join(t[1], NULL);
	wend_rwmutex_runlock(&rw);
	wend_rwmutex_lock(&rw);
	wend_rwmutex_unlock(&rw);
	wend_rwmutex_free(&rw);
}

static bool over;

static void *wait_for_all(void *unused)
{
	wend_waitgroup_wait(&wg);
	CHECK(__atomic_load_n(&over, __ATOMIC_ACQUIRE));
	return unused;
}

TEST(a_wait_group_is_waited_for_beyond_the_end)
{
	pthread_t t;

	CHECK_EQ(wend_start(NULL), 0);
	wend_waitgroup_add(&wg, 1);
	t = in_thread(wait_for_all, NULL);
	end_the_runtime();
	usleep(5000);
	__atomic_store_n(&over, true, __ATOMIC_RELEASE);
	wend_waitgroup_done(&wg);
	pthread_join(t, NULL);
}

static wend_once once;
static bool begun;

static void slowly(void *unused)
{
	(void)unused;
	__atomic_store_n(&begun, true, __ATOMIC_RELEASE);
	usleep(60000);
	__atomic_store_n(&over, true, __ATOMIC_RELEASE);
}

static void *ask_once(void *unused)
{
	wend_once_do(&once, slowly, NULL);
	CHECK(__atomic_load_n(&over, __ATOMIC_ACQUIRE));
	return unused;
}

TEST(a_once_is_waited_for_beyond_the_end)
{
	pthread_t t[2];

	CHECK_EQ(wend_start(NULL), 0);
	t[0] = in_thread(ask_once, NULL);
	while (!__atomic_load_n(&begun, __ATOMIC_ACQUIRE))
		usleep(100);
	t[1] = in_thread(ask_once, NULL);
	end_the_runtime();
	ask_once(NULL);
	for (int i = 0; i < 2; i++)
		pthread_join(t[i], NULL);
}

/* ---- After it ----------------------------------------------------------------------------------- */

static void *release_all(void *unused)
{
	int64_t v = 5;

	usleep(5000);
	wend_mutex_unlock(&mu);
	usleep(2000);
	wend_rwmutex_unlock(&rw);
	usleep(2000);
	wend_sem_release(&sem, 1);
	usleep(2000);
	wend_waitgroup_done(&wg);
	usleep(2000);
	for (int i = 0; i < 2; i++) {
		while (!wend_chan_try_send(c, &v))
			usleep(1000);
	}
	return unused;
}

TEST(waits_that_begin_after_the_end_end_as_well)
{
	int64_t v = 0;
	wend_case k[1];
	pthread_t t;

	CHECK_EQ(wend_start(NULL), 0);
	c = wend_chan_make(8, 1);
	end_the_runtime();
	wend_mutex_lock(&mu);
	wend_rwmutex_lock(&rw);
	wend_sem_acquire(&sem, 1);
	wend_waitgroup_add(&wg, 1);
	t = in_thread(release_all, NULL);
	wend_mutex_lock(&mu);
	wend_rwmutex_rlock(&rw);
	wend_sem_acquire(&sem, 1);
	wend_waitgroup_wait(&wg);
	CHECK(wend_chan_recv(c, &v));
	CHECK_EQ(v, 5);
	k[0] = (wend_case)WEND_CASE_RECV(c, &v);
	CHECK_EQ(wend_select(k, 1, 0), 0);
	pthread_join(t, NULL);
	wend_chan_release(c);
}

TEST(deadlines_are_kept_after_the_end)
{
	int64_t v = 0, deadline;
	wend_case k[1];

	CHECK_EQ(wend_start(NULL), 0);
	c = wend_chan_make(8, 0);
	end_the_runtime();
	wend_mutex_lock(&mu);
	wend_rwmutex_lock(&rw);
	wend_sem_acquire(&sem, 1);
	wend_waitgroup_add(&wg, 1);
	k[0] = (wend_case)WEND_CASE_RECV(c, &v);
	deadline = wend_deadline(5 * MS);
	CHECK_EQ(wend_mutex_lock_dl(&mu, deadline), -ETIMEDOUT);
	CHECK(wend_now() >= deadline);
	deadline = wend_deadline(2 * MS);
	CHECK_EQ(wend_rwmutex_rlock_dl(&rw, deadline), -ETIMEDOUT);
	CHECK_EQ(wend_rwmutex_lock_dl(&rw, wend_deadline(2 * MS)), -ETIMEDOUT);
	CHECK_EQ(wend_sem_acquire_dl(&sem, 1, wend_deadline(2 * MS)), -ETIMEDOUT);
	CHECK_EQ(wend_sem_acquire_dl(&sem, 2, wend_deadline(2 * MS)), -ETIMEDOUT);
	CHECK_EQ(wend_waitgroup_wait_dl(&wg, wend_deadline(2 * MS)), -ETIMEDOUT);
	CHECK_EQ(wend_chan_recv_dl(c, &v, NULL, wend_deadline(2 * MS)), -ETIMEDOUT);
	CHECK_EQ(wend_chan_send_dl(c, &v, wend_deadline(2 * MS)), -ETIMEDOUT);
	CHECK_EQ(wend_select_dl(k, 1, wend_deadline(2 * MS)), -ETIMEDOUT);
	deadline = wend_deadline(3 * MS);
	while (wend_cond_wait_dl(&cond, &mu, deadline) == 0) /* may look up early, and says so */
		CHECK(wend_now() < deadline);
	CHECK(wend_now() >= deadline);
	wend_chan_release(c);
}
