/* SPDX-License-Identifier: MIT
 *
 * Waits with a deadline under the model checker: a timer and others who want to end the same wait, of which one
 * does (until_priv.h). Others who wait are served as if those who gave up had never come. */
#include "base/clock.h"
#include "model/threads.h"
#include "wend/cond.h"
#include "wend/select.h"
#include "wend/sem.h"
#include "wend/waitgroup.h"

static wend_chan *c[2];

static void begin(int nprocs)
{
	threads_begin(nprocs, 0);
	c[0] = wend_chan_make(8, 0);
	c[1] = wend_chan_make(8, 0);
}

static void end(void)
{
	threads_join();
	wend_chan_release(c[0]);
	wend_chan_release(c[1]);
}

static atm_u32 over;
static bool tried[2];

/* Time passes by looking at the clock. */
static void the_clock(void *arg)
{
	while (!atm_load_acq(&over)) {
		struct m *mp = enter();

		timers_run_all(mp);
		leave(mp);
		atm_pause();
	}
}

static int64_t soon(void)
{
	return clock_now() + 2500;
}

static void try_to_send(void *arg)
{
	uint64_t v = (uintptr_t)arg;

	tried[v] = wend_chan_try_send(c[v], &v);
}

MODEL_TEST(a_receive_ends_by_its_deadline_or_a_sender, .cover = 3)
{
	uint64_t v = 7;
	int rc;

	begin(3);
	co_go(the_clock, NULL);
	co_go(try_to_send, (void *)0);
	rc = wend_chan_recv_dl(c[0], &v, NULL, soon());
	atm_store_rel(&over, 1);
	end();
	MODEL_CHECK_EQ(rc == 0, tried[0]);
	MODEL_CHECK_EQ(v, rc ? 7 : 0);
	model_cover(rc == 0);
}

static void try_to_receive(void *arg)
{
	uint64_t v = 9;

	tried[0] = wend_chan_try_recv(c[0], &v, NULL);
	MODEL_CHECK_EQ(v, tried[0] ? 3 : 9);
}

MODEL_TEST(a_send_ends_by_its_deadline_or_a_receiver, .cover = 3)
{
	uint64_t v = 3;
	int rc;

	begin(3);
	co_go(the_clock, NULL);
	co_go(try_to_receive, NULL);
	rc = wend_chan_send_dl(c[0], &v, soon());
	atm_store_rel(&over, 1);
	end();
	MODEL_CHECK_EQ(rc == 0, tried[0]);
	model_cover(rc == 0);
}

static void receive_one(void *arg)
{
	uint64_t v = 0;

	MODEL_CHECK(wend_chan_recv(c[0], &v));
	MODEL_CHECK_EQ(v, 5);
}

static void send_five(void *arg)
{
	uint64_t v = 5;

	wend_chan_send(c[0], &v);
}

/* Who has given up is passed over, wherever in the queue it stands. */
MODEL_TEST(an_expired_receiver_takes_nobodys_value, .cover = 3, .weight = 2)
{
	uint64_t v = 7;
	int rc;

	begin(4);
	co_go(the_clock, NULL);
	co_go(receive_one, NULL);
	co_go(send_five, NULL);
	rc = wend_chan_recv_dl(c[0], &v, NULL, soon());
	atm_store_rel(&over, 1);
	if (rc == 0)
		send_five(NULL); /* for the other one */
	end();
	model_cover(rc == 0);
}

MODEL_TEST(a_select_ends_by_its_deadline_or_one_sender, .cover = 7, .weight = 2)
{
	uint64_t v[2] = {7, 7};
	wend_case k[2] = {WEND_CASE_RECV(NULL, &v[0]), WEND_CASE_RECV(NULL, &v[1])};
	int i;

	begin(4);
	k[0].chan = c[0];
	k[1].chan = c[1];
	co_go(the_clock, NULL);
	co_go(try_to_send, (void *)0);
	co_go(try_to_send, (void *)1);
	i = wend_select_dl(k, 2, soon());
	atm_store_rel(&over, 1);
	end();
	MODEL_CHECK_EQ(tried[0], i == 0);
	MODEL_CHECK_EQ(tried[1], i == 1);
	model_cover(i < 0 ? 2 : i);
}

/* ---- Semaphore ---------------------------------------------------------------------------------- */

static wend_sem sem;
static atm_u32 taken;
static int rc;

static void take_one(void *arg)
{
	wend_sem_acquire(&sem, 1);
	atm_add_sc(&taken, 1);
	wend_sem_release(&sem, 1);
}

/* One unit of two is out. Who wants two holds up who wants one until it gives up; nobody gives anything back. */
MODEL_TEST(who_gives_up_a_semaphore_no_longer_holds_up_those_behind, .weight = 2)
{
	begin(3);
	wend_sem_init(&sem, 2);
	MODEL_CHECK(wend_sem_try_acquire(&sem, 1));
	co_go(the_clock, NULL);
	co_go(take_one, NULL);
	MODEL_CHECK_EQ(wend_sem_acquire_dl(&sem, 2, soon()), -ETIMEDOUT);
	atm_store_rel(&over, 1);
	end();
	MODEL_CHECK_EQ(atm_load_rlx(&taken), 1);
	MODEL_CHECK(wend_sem_try_acquire(&sem, 1));
}

static void give_one(void *arg)
{
	wend_sem_release(&sem, 1);
}

/* Units are either the waiter's or still there. */
MODEL_TEST(an_acquire_ends_by_its_deadline_or_a_release, .cover = 3, .weight = 2)
{
	begin(3);
	wend_sem_init(&sem, 1);
	MODEL_CHECK(wend_sem_try_acquire(&sem, 1));
	co_go(the_clock, NULL);
	co_go(give_one, NULL);
	rc = wend_sem_acquire_dl(&sem, 1, soon());
	atm_store_rel(&over, 1);
	end();
	MODEL_CHECK_EQ(wend_sem_try_acquire(&sem, 1), rc != 0);
	model_cover(rc == 0);
}

/* ---- Condition ---------------------------------------------------------------------------------- */

static wend_mutex mu;
static wend_cond cond;
static atm_u32 waiting;

static void wait_in_time(void *arg)
{
	wend_mutex_lock(&mu);
	atm_add_sc(&waiting, 1);
	rc = wend_cond_wait_dl(&cond, &mu, soon());
	wend_mutex_unlock(&mu);
	atm_store_rel(&over, 1);
}

static void wait_for_ever(void *arg)
{
	wend_mutex_lock(&mu);
	atm_add_sc(&waiting, 1);
	wend_cond_wait(&cond, &mu);
	wend_mutex_unlock(&mu);
}

/* A signal for one of two: if the one with the deadline gives up, the other has it. */
MODEL_TEST(no_signal_is_lost_with_a_waiter_that_gives_up, .cover = 3, .weight = 3)
{
	begin(4);
	mu = (wend_mutex)WEND_ZERO;
	cond = (wend_cond)WEND_ZERO;
	co_go(the_clock, NULL);
	co_go(wait_in_time, NULL);
	co_go(wait_for_ever, NULL);
	while (atm_load_acq(&waiting) != 2)
		atm_pause();
	wend_mutex_lock(&mu);
	wend_cond_signal(&cond);
	wend_mutex_unlock(&mu);
	while (!atm_load_acq(&over))
		atm_pause();
	if (rc == 0) {
		wend_mutex_lock(&mu);
		wend_cond_signal(&cond); /* the first was for the one with the deadline */
		wend_mutex_unlock(&mu);
	}
	end();
	model_cover(rc == 0);
}

/* ---- Wait group --------------------------------------------------------------------------------- */

static wend_waitgroup wg;

static void wait_to_the_end(void *arg)
{
	wend_waitgroup_wait(&wg);
	MODEL_CHECK_EQ(atm_load_rlx(&taken), 1);
}

static void work_and_be_done(void *arg)
{
	atm_store_rlx(&taken, 1);
	wend_waitgroup_done(&wg);
}

MODEL_TEST(a_wait_group_is_waited_for_to_the_end_or_the_deadline, .cover = 3, .weight = 3)
{
	begin(4);
	wg = (wend_waitgroup)WEND_ZERO;
	wend_waitgroup_add(&wg, 1);
	co_go(the_clock, NULL);
	co_go(work_and_be_done, NULL);
	co_go(wait_to_the_end, NULL);
	rc = wend_waitgroup_wait_dl(&wg, soon());
	atm_store_rel(&over, 1);
	if (rc == 0)
		MODEL_CHECK_EQ(atm_load_rlx(&taken), 1);
	end();
	model_cover(rc == 0);
}

static void make_and_be_done(void *arg)
{
	c[0] = wend_chan_make(8, 1);
	wend_waitgroup_done(&wg);
}

/* Not only words, which the claims order, but plain memory, too. No clock: the time never comes. */
MODEL_TEST(who_waits_for_a_wait_group_in_time_has_what_was_made)
{
	uint64_t v = 1;

	threads_begin(2, 0);
	wg = (wend_waitgroup)WEND_ZERO;
	wend_waitgroup_add(&wg, 1);
	co_go(make_and_be_done, NULL);
	MODEL_CHECK_EQ(wend_waitgroup_wait_dl(&wg, soon()), 0);
	MODEL_CHECK(wend_chan_try_send(c[0], &v));
	threads_join();
	wend_chan_release(c[0]);
}

static void look_at_the_clock(void *arg)
{
	struct m *mp = enter();

	timers_run_all(mp);
	leave(mp);
}

/* Whoever passes it over has read what it needs of it by then. */
MODEL_TEST(who_gives_up_a_wait_group_is_left_alone, .cover = 3)
{
	threads_begin(3, 0);
	wg = (wend_waitgroup)WEND_ZERO;
	wend_waitgroup_add(&wg, 1);
	co_go(look_at_the_clock, NULL);
	co_go(work_and_be_done, NULL);
	rc = wend_waitgroup_wait_dl(&wg, clock_now());
	threads_join();
	model_cover(rc == 0);
}

static void wait_in_time_or_for_ever(void *in_time)
{
	if (in_time)
		rc = wend_waitgroup_wait_dl(&wg, clock_now());
	else
		wend_waitgroup_wait(&wg);
	if (rc == 0)
		MODEL_CHECK_EQ(atm_load_rlx(&taken), 1);
}

MODEL_TEST(a_wait_group_is_waited_for_without_a_runtime)
{
	threads_begin(1, THREADS_ALONE);
	wg = (wend_waitgroup)WEND_ZERO;
	wend_waitgroup_add(&wg, 1);
	rc = 0;
	foreign_go(wait_in_time_or_for_ever, model_choose(2) ? &rc : NULL);
	work_and_be_done(NULL);
	threads_join();
}

/* ---- Mutex, reader-writer mutex ----------------------------------------------------------------- */

static wend_rwmutex rw;
static int inside; /* plain: who is inside alone */

static void lock_for_a_while(void *arg)
{
	wend_mutex_lock(&mu);
	inside++;
	inside--;
	wend_mutex_unlock(&mu);
}

/* Three want it, one of them for a limited time: nobody is inside with another, and nobody is forgotten. */
MODEL_TEST(who_gives_up_a_mutex_takes_nobodys_wake_up_along, .cover = 3, .weight = 3)
{
	begin(4);
	mu = (wend_mutex)WEND_ZERO;
	inside = 0;
	co_go(the_clock, NULL);
	co_go(lock_for_a_while, NULL);
	co_go(lock_for_a_while, NULL);
	rc = wend_mutex_lock_dl(&mu, soon());
	if (rc == 0) {
		MODEL_CHECK_EQ(inside, 0);
		wend_mutex_unlock(&mu);
	}
	atm_store_rel(&over, 1);
	end();
	MODEL_CHECK(wend_mutex_trylock(&mu));
	model_cover(rc == 0);
}

static void read_once(void *arg)
{
	wend_rwmutex_rlock(&rw);
	MODEL_CHECK_EQ(inside, 0);
	wend_rwmutex_runlock(&rw);
}

static void write_in_time(void *arg)
{
	rc = wend_rwmutex_lock_dl(&rw, soon());
	if (rc == 0) {
		inside++;
		inside--;
		wend_rwmutex_unlock(&rw);
	}
	atm_store_rel(&over, 1);
}

/* A writer that gives up lets in the readers that it has held up. */
MODEL_TEST(readers_come_in_when_a_writer_gives_up, .cover = 3, .weight = 3, .leaks = true)
{
	begin(4);
	rw = (wend_rwmutex)WEND_ZERO;
	inside = 0;
	wend_rwmutex_rlock(&rw);
	co_go(the_clock, NULL);
	co_go(write_in_time, NULL);
	co_go(read_once, NULL);
	if (model_choose(2)) {
		wend_rwmutex_runlock(&rw);
		end();
	} else { /* for as long as it takes */
		while (!atm_load_acq(&over))
			atm_pause();
		MODEL_CHECK_EQ(rc, -ETIMEDOUT);
		end();
		wend_rwmutex_runlock(&rw);
	}
	MODEL_CHECK(wend_rwmutex_trylock(&rw));
	wend_rwmutex_unlock(&rw);
	wend_rwmutex_free(&rw);
	model_cover(rc == 0);
}

static void write_once(void *arg)
{
	wend_rwmutex_lock(&rw);
	inside++;
	inside--;
	wend_rwmutex_unlock(&rw);
}

/* A reader that gives up is not counted among those that the writer lets in. */
MODEL_TEST(a_reader_that_gives_up_holds_nothing, .cover = 3, .weight = 2, .leaks = true)
{
	begin(3);
	rw = (wend_rwmutex)WEND_ZERO;
	inside = 0;
	co_go(the_clock, NULL);
	co_go(write_once, NULL);
	rc = wend_rwmutex_rlock_dl(&rw, soon());
	if (rc == 0) {
		MODEL_CHECK_EQ(inside, 0);
		wend_rwmutex_runlock(&rw);
	}
	atm_store_rel(&over, 1);
	end();
	MODEL_CHECK(wend_rwmutex_trylock(&rw));
	wend_rwmutex_unlock(&rw);
	wend_rwmutex_free(&rw);
	model_cover(rc == 0);
}
