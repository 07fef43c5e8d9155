/* SPDX-License-Identifier: MIT
 *
 * Random tasks by errgroups, many at a time: members that fail, leave, wait for the context or start further members, limits,
 * contexts that are cancelled from above or have a deadline, several who wait. Members are counted, and errors are the numbers of who gave
 * them. */
#include "harness/lives.h"

#define LOAD(x) __atomic_load_n(&(x), __ATOMIC_ACQUIRE)
#define ADD(x, n) __atomic_add_fetch(&(x), (n), __ATOMIC_ACQ_REL)

enum { WORKERS = 6, THREADS = 2, MEMBERS = 20 };

enum deed { NOTHING, YIELD, FAIL, LEAVE, WAIT, SPREAD };

struct task;

struct member {
	struct task *task;
	enum deed deed;
	int number; /* from 1 */
	bool begun;
};

struct task {
	wend_errgroup group;
	wend_ctx *ctx; /* NULL: a group without one */
	int limit;     /* 0: none */
	int running, ran;
	struct member members[2 * MEMBERS]; /* the second half: those that others have started */
};

static int64_t tasks, failures;

static int work(void *arg);

static void enter(struct task *t)
{
	int n = ADD(t->running, 1);

	CHECK(!t->limit || n <= t->limit);
	ADD(t->ran, 1);
}

static void leave(void *task)
{
	ADD(((struct task *)task)->running, -1);
}

/* By way of try_go, as all who are running may want to. */
static void spread(struct member *me)
{
	struct member *more = me + MEMBERS;
	int rc;

	*more = (struct member){.task = me->task, .deed = me->number % 2 ? FAIL : YIELD, .number = me->number + MEMBERS, .begun = true};
	rc = wend_errgroup_try_go(&me->task->group, work, more);
	CHECK(rc == 0 || (rc == -EBUSY && me->task->limit));
	more->begun = rc == 0;
}

static int do_deed(struct member *me)
{
	switch (me->deed) {
	case YIELD:
		wend_yield();
		return 0;
	case FAIL:
		return me->number;
	case LEAVE:
		wend_goexit();
	case WAIT:
		if (me->task->ctx)
			CHECK(wend_sleep_ctx(50 * WEND_MICROSECOND, me->task->ctx) <= 0);
		return 0;
	case SPREAD:
		spread(me);
		return 0;
	default:
		return 0;
	}
}

static int work(void *arg)
{
	struct member *me = arg;
	int rc = 0;

	WEND_DEFERS_RETURN(rc);
	enter(me->task);
	wend_defer(leave, me->task);
	rc = do_deed(me);
	WEND_RETURN(rc, rc);
}

/* The error that wait has returned is one that was given; 0 only when none was. */
static void check_error(const struct task *t, int err)
{
	int failed = 0;

	for (int i = 0; i < 2 * MEMBERS; i++)
		failed += t->members[i].begun && t->members[i].deed == FAIL;
	CHECK_EQ(err != 0, failed != 0);
	if (err) {
		CHECK(t->members[err - 1].begun);
		CHECK_EQ(t->members[err - 1].deed, FAIL);
		ADD(failures, 1);
	}
}

static void check_over(struct task *t, int err, bool own_end)
{
	int begun = 0;

	for (int i = 0; i < 2 * MEMBERS; i++)
		begun += t->members[i].begun;
	CHECK_EQ(LOAD(t->running), 0);
	CHECK_EQ(LOAD(t->ran), begun);
	check_error(t, err);
	if (t->ctx && own_end) {
		CHECK_EQ(wend_ctx_err(t->ctx), -ECANCELED);
		CHECK_EQ(wend_ctx_cause(t->ctx, NULL), err ? err : -ECANCELED);
	} else if (t->ctx) {
		CHECK(wend_ctx_err(t->ctx) != 0);
	}
}

static void wait_too(void *task)
{
	struct task *t = task;

	wend_errgroup_wait(&t->group);
	CHECK(!t->ctx || wend_ctx_err(t->ctx) != 0);
	ADD(t->running, -1);
}

/* In a coroutine or a thread. */
static void one_task(uint64_t *seed)
{
	uint64_t r = test_rand(seed);
	struct task *t = calloc(1, sizeof *t);
	bool own_end = r & 1; /* nobody cancels it from above */
	wend_ctx *parent = r & 2 ? wend_ctx_with_timeout(wend_ctx_background(), (int64_t)(r >> 40) % 100000)
							 : wend_ctx_with_cancel(wend_ctx_background());
	int n = (int)((r >> 8) % (MEMBERS + 1));

	if (r & 4)
		t->ctx = wend_errgroup_with_context(&t->group, own_end ? wend_ctx_background() : parent);
	if (r & 8) {
		t->limit = 1 + (int)((r >> 16) % 4);
		wend_errgroup_set_limit(&t->group, t->limit);
	}
	for (int i = 0; i < n; i++) {
		t->members[i] = (struct member){t, (enum deed)(test_rand(seed) % (SPREAD + 1)), i + 1, true};
		if (i == n / 2 && r & 16)
			wend_ctx_cancel(parent);
		CHECK_EQ(wend_errgroup_go(&t->group, work, &t->members[i]), 0);
	}

	bool two = r & 32 && !t->limit;
	int err;

	if (two) {
		ADD(t->running, 1);
		CHECK_EQ(wend_go(wait_too, t), 0);
	}
	err = wend_errgroup_wait(&t->group);
	while (two && LOAD(t->running) > 0)
		wend_sleep(10 * WEND_MICROSECOND);
	check_over(t, err, own_end);
	if (t->limit)
		wend_errgroup_set_limit(&t->group, -1); /* nobody is active, or this panics */
	wend_ctx_release(t->ctx);
	wend_ctx_cancel(parent);
	wend_ctx_release(parent);
	free(t);
	ADD(tasks, 1);
}

CO_TEST_LIMIT(each_member_runs_once_and_one_error_is_the_first, 60)
{
	wend_maxprocs(4);
	lives_run(WORKERS, THREADS, test_stress_seconds() / 2, one_task);
	CHECK(failures > 0);
	test_note("%lld tasks, %lld failed", (long long)tasks, (long long)failures);
}
