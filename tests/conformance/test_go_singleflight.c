/* SPDX-License-Identifier: MIT
 *
 * The rules of golang.org/x/sync/singleflight: TestDo, TestDoErr, TestDoDupSuppress, TestForget, TestDoChan, TestPanicDo,
 * TestGoexitDo, TestPanicDoChan, TestPanicDoSharedByDoChan. */
#include "harness/child.h"
#include "harness/parked.h"
#include "harness/test.h"

#define ADD(x, n) __atomic_add_fetch(&(x), (n), __ATOMIC_ACQ_REL)

enum { CALLERS = 10 };

static wend_singleflight group;
static wend_waitgroup wg;
static int calls, shares, panics, left;

static int get(void *arg, void **value)
{
	ADD(calls, 1);
	*value = arg;
	return 0;
}

static int fail(void *arg, void **value)
{
	return -EIO;
}

CO_TEST(do_returns_what_the_function_does)
{
	void *v = NULL;
	bool shared = true;

	CHECK_EQ(wend_singleflight_do(&group, "key", get, "bar", &v, &shared), 0);
	CHECK_EQ(v, (void *)"bar");
	CHECK(!shared);
	CHECK_EQ(wend_singleflight_do(&group, "key", fail, NULL, &v, NULL), -EIO);
	CHECK(v == NULL);
	CHECK_EQ(wend_singleflight_do(&group, "", get, "bar", NULL, NULL), 0);
	CHECK_EQ(calls, 2);
}

/* ---- Several callers ------------------------------------------------------------------------------------ */

static wend_chan *gate;

static int get_through_gate(void *arg, void **value)
{
	ADD(calls, 1);
	wend_chan_recv(gate, NULL);
	*value = arg;
	return 0;
}

static void one_caller(void *unused)
{
	char key[] = "key"; /* texts count, not addresses */
	void *v = NULL;
	bool shared = false;

	CHECK_EQ(wend_singleflight_do(&group, key, get_through_gate, "bar", &v, &shared), 0);
	CHECK_EQ(v, (void *)"bar");
	ADD(shares, shared);
	wend_waitgroup_done(&wg);
}

static void start_callers(void (*fn)(void *), int n)
{
	gate = wend_chan_make(0, 0);
	wend_waitgroup_add(&wg, n);
	for (int i = 0; i < n; i++)
		CHECK_EQ(wend_go(fn, NULL), 0);
	parked_become("chan receive", 1);
	parked_become("sync.WaitGroup.Wait", n - 1);
}

static void open_gate(void)
{
	wend_chan_close(gate);
	wend_waitgroup_wait(&wg);
	wend_chan_release(gate);
}

CO_TEST(callers_that_overlap_share_one_call)
{
	for (int round = 1; round <= 3; round++) {
		start_callers(one_caller, CALLERS);
		open_gate();
		CHECK_EQ(calls, round);
		CHECK_EQ(shares, CALLERS * round);
	}
}

CO_TEST(other_keys_are_other_calls)
{
	char key[20];
	void *v;

	start_callers(one_caller, 1);
	for (int i = 0; i < 1000; i++) {
		snprintf(key, sizeof key, "key%d", i);
		CHECK_EQ(wend_singleflight_do(&group, key, get, &key[i % 20], &v, NULL), 0);
		CHECK_EQ(v, (void *)&key[i % 20]);
	}
	CHECK_EQ(calls, 1001);
	open_gate();
}

static int second(void *arg, void **value)
{
	ADD(calls, 1);
	*value = "second";
	return 0;
}

CO_TEST(after_forget_the_next_call_works_itself)
{
	void *v;
	bool shared;

	wend_singleflight_forget(&group, "key");
	start_callers(one_caller, 1);
	wend_singleflight_forget(&group, "key");
	CHECK_EQ(wend_singleflight_do(&group, "key", second, NULL, &v, &shared), 0);
	CHECK_EQ(v, (void *)"second");
	CHECK(!shared);
	CHECK_EQ(calls, 2);
	open_gate(); /* the first caller gets its own */
	CHECK_EQ(shares, 0);
}

/* ---- By a channel --------------------------------------------------------------------------------------- */

CO_TEST(do_chan_sends_the_result)
{
	wend_singleflight_result r;
	wend_chan *c = wend_singleflight_do_chan(&group, "key", get, "bar");

	CHECK(wend_chan_recv(c, &r));
	CHECK_EQ(r.value, (void *)"bar");
	CHECK_EQ(r.err, 0);
	CHECK(!r.shared);
	wend_chan_release(c);
	c = wend_singleflight_do_chan(&group, "key", fail, NULL);
	CHECK(wend_chan_recv(c, &r));
	CHECK_EQ(r.err, -EIO);
	wend_chan_release(c);
}

CO_TEST(do_and_do_chan_share_a_call)
{
	wend_singleflight_result r;
	wend_chan *c[2], *given_up;

	start_callers(one_caller, 2);
	c[0] = wend_singleflight_do_chan(&group, "key", second, NULL);
	c[1] = wend_singleflight_do_chan(&group, "key", second, NULL);
	given_up = wend_singleflight_do_chan(&group, "key", second, NULL);
	wend_chan_release(given_up);
	open_gate();
	for (int i = 0; i < 2; i++) {
		CHECK(wend_chan_recv(c[i], &r));
		CHECK_EQ(r.value, (void *)"bar");
		CHECK(r.shared);
		wend_chan_release(c[i]);
	}
	CHECK_EQ(calls, 1);
	CHECK_EQ(shares, 2);
}

/* ---- Panics and goexit ---------------------------------------------------------------------------------- */

static int panic_through_gate(void *arg, void **value)
{
	wend_chan_recv(gate, NULL);
	wend_panic("invalid memory address or nil pointer dereference");
}

static void recover_it(void *unused)
{
	const char *text = wend_recover();

	CHECK(text);
	CHECK_EQ(text, "invalid memory address or nil pointer dereference");
	ADD(panics, 1);
	wend_waitgroup_done(&wg);
}

static void panicking_caller(void *unused)
{
	WEND_DEFERS;
	wend_defer(recover_it, NULL);
	wend_singleflight_do(&group, "key", panic_through_gate, NULL, NULL, NULL);
	CHECK(!"unreachable");
}

CO_TEST(a_panic_reaches_all_callers)
{
	for (int round = 1; round <= 2; round++) { /* the first does not stay */
		start_callers(panicking_caller, CALLERS);
		open_gate();
		CHECK_EQ(panics, CALLERS * round);
	}
}

static int leave_through_gate(void *arg, void **value)
{
	wend_chan_recv(gate, NULL);
	wend_goexit();
}

static void note_leaving(void *unused)
{
	CHECK(wend_recover() == NULL);
	ADD(left, 1);
	wend_waitgroup_done(&wg);
}

static void leaving_caller(void *unused)
{
	WEND_DEFERS;
	wend_defer(note_leaving, NULL);
	wend_singleflight_do(&group, "key", leave_through_gate, NULL, NULL, NULL);
	CHECK(!"unreachable");
}

CO_TEST(goexit_ends_all_callers)
{
	for (int round = 1; round <= 2; round++) {
		start_callers(leaving_caller, CALLERS);
		open_gate();
		CHECK_EQ(left, CALLERS * round);
	}
}

static int leave(void *arg, void **value)
{
	wend_goexit();
}

CO_TEST(nothing_comes_by_a_channel_after_goexit)
{
	wend_singleflight_result r;
	wend_chan *c = wend_singleflight_do_chan(&group, "key", leave, NULL);

	CHECK_EQ(wend_chan_recv_dl(c, &r, NULL, wend_deadline(20 * WEND_MILLISECOND)), -ETIMEDOUT);
	wend_chan_release(c);
}

static int panic_now(void *arg, void **value)
{
	wend_panic("Panicking in DoChan");
}

static void panic_for_a_channel(void)
{
	wend_singleflight_result r;

	wend_chan_recv(wend_singleflight_do_chan(&group, "key", panic_now, NULL), &r);
}

static void recover_any(void *unused)
{
	wend_recover();
}

static void recovering_caller(void *unused)
{
	WEND_DEFERS;
	wend_defer(recover_any, NULL);
	wend_singleflight_do(&group, "key", panic_through_gate, NULL, NULL, NULL);
}

static void panic_that_is_shared(void)
{
	wend_singleflight_result r;
	wend_chan *c;

	gate = wend_chan_make(0, 0);
	CHECK_EQ(wend_go(recovering_caller, NULL), 0);
	parked_become("chan receive", 1);
	c = wend_singleflight_do_chan(&group, "key", get, NULL);
	wend_chan_close(gate);
	wend_chan_recv(c, &r);
}

static void check_dies(void (*fn)(void), const char *text)
{
	struct child c = child_run(fn, 0);

	CHILD_EXITED(&c, 2);
	CHECK_HAS(c.err, text);
	child_free(&c);
}

TEST(a_panic_behind_a_channel_ends_the_process)
{
	check_dies(panic_for_a_channel, "panic: Panicking in DoChan");
	check_dies(panic_that_is_shared, "panic: invalid memory address or nil pointer dereference");
}
