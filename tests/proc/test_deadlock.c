/* SPDX-License-Identifier: MIT
 *
 * Nobody can ever run again: the report names everybody who waits, why, for how long and where. On one P where another
 * thread would make ThreadSanitizer start one of its own in a forked child, which nothing is proven against. */
#include "harness/child.h"
#include "harness/test.h"

#include <pthread.h>

#include <wend/wend.h>

#define DEADLOCK "fatal error: all coroutines are asleep - deadlock!\n"

/* ---- One for each reason --------------------------------------------------------------------- */

static wend_waitgroup wg;
static wend_mutex mutex;
static wend_rwmutex rw;
static wend_cond cond;
static wend_sem sem = WEND_SEM(1);
static int sink;

static void nil_channel(void *unused)
{
	(void)unused;
	wend_chan_send(NULL, &sink);
	sink++;
}

static void nil_receive(void *unused)
{
	(void)unused;
	wend_chan_recv(NULL, &sink);
	sink++;
}

static void send_dl_nil(void *unused)
{
	(void)unused;
	sink = wend_chan_send_dl(NULL, &sink, WEND_FOREVER);
}

static void recv_dl_nil(void *unused)
{
	(void)unused;
	sink = wend_chan_recv_dl(NULL, &sink, NULL, WEND_FOREVER);
}

static void send_full(void *unused)
{
	wend_chan *c = wend_chan_make(sizeof(int), 1);

	(void)unused;
	wend_chan_send(c, &sink);
	wend_chan_send(c, &sink);
	sink++;
}

static void receive_empty(void *unused)
{
	(void)unused;
	wend_chan_recv(wend_chan_make(sizeof(int), 0), &sink);
	sink++;
}

static void select_nothing(void *unused)
{
	(void)unused;
	wend_select(NULL, 0, 0);
	sink++;
}

static void lock_twice(void *unused)
{
	(void)unused;
	wend_mutex_lock(&mutex);
	wend_mutex_lock(&mutex);
	sink++;
}

static void write_then_read(void *unused)
{
	(void)unused;
	wend_rwmutex_lock(&rw);
	wend_rwmutex_rlock(&rw);
	sink++;
}

static void wait_cond(void *unused)
{
	static wend_mutex m;

	(void)unused;
	wend_mutex_lock(&m);
	wend_cond_wait(&cond, &m);
	sink++;
}

static void acquire_twice(void *unused)
{
	(void)unused;
	wend_sem_acquire(&sem, 1);
	wend_sem_acquire(&sem, 1);
	sink++;
}

static void select_empty(void *unused)
{
	wend_case k = {.chan = wend_chan_make(sizeof(int), 0), .elem = &sink, .op = WEND_OP_RECV};

	wend_select(&k, 1, 0);
	sink++;
}

static void read_then_write(void *unused)
{
	static wend_rwmutex lock;

	wend_rwmutex_rlock(&lock);
	wend_rwmutex_lock(&lock);
	sink++;
}

static wend_once once;

static void do_itself(void *unused)
{
	wend_once_do(&once, do_itself, NULL);
	sink++;
}

static const struct {
	const char *name, *reason;
	void (*fn)(void *);
} waits[] = {
	{"nil_channel", "chan send (nil chan)", nil_channel},
	{"nil_receive", "chan receive (nil chan)", nil_receive},
	{"send_dl_nil", "chan send (nil chan)", send_dl_nil},
	{"recv_dl_nil", "chan receive (nil chan)", recv_dl_nil},
	{"send_full", "chan send", send_full},
	{"receive_empty", "chan receive", receive_empty},
	{"select_nothing", "select (no cases)", select_nothing},
	{"lock_twice", "sync.Mutex.Lock", lock_twice},
	{"write_then_read", "sync.RWMutex.RLock", write_then_read},
	{"wait_cond", "sync.Cond.Wait", wait_cond},
	{"acquire_twice", "semaphore.Acquire", acquire_twice},
	{"select_empty", "select", select_empty},
	{"read_then_write", "sync.RWMutex.Lock", read_then_write},
	{"do_itself", "sync.Once.Do", do_itself},
};
#define NWAITS (sizeof waits / sizeof *waits)

static void all_wait(void)
{
	for (size_t i = 0; i < NWAITS; i++) {
		wend_attr a = {.name = waits[i].name};

		CHECK_EQ(wend_go_attr(&a, waits[i].fn, NULL), 0);
	}
	printf("printed before");
	wend_waitgroup_add(&wg, 1);
	wend_waitgroup_wait(&wg);
	sink++;
}

/* Head, function that waits and creator of each. */
TEST(the_report_names_every_coroutine)
{
	struct child c = child_run(all_wait, 1);
	char text[200];

	CHILD_EXITED(&c, 2);
	CHILD_BEGINS(&c, DEADLOCK "\ncoroutine ");
	CHECK_EQ(c.out, "printed before");
	CHECK_HAS(c.err, "\ncoroutine 1 [sync.WaitGroup.Wait]:");
	CHECK_HAS(c.err, "\nall_wait(...)\n\t");
	for (size_t i = 0; i < NWAITS; i++) {
		const char *head, *end, *at;

		snprintf(text, sizeof text, " [%s]: %s, for 0.", waits[i].reason, waits[i].name);
		head = strstr(c.err, text);
		CHECK_MSG(head, "%s is not in\n%s", text, c.err);
		end = strstr(head, "\n\n");
		snprintf(text, sizeof text, "\n%s(...)\n\t", waits[i].name);
		at = strstr(head, text);
		CHECK_MSG(at && (!end || at < end), "%s has no function in\n%s", waits[i].name, head);
		at = strstr(head, "\ncreated by all_wait in coroutine 1\n\t");
		CHECK_MSG(at && (!end || at < end), "%s has no creator in\n%s", waits[i].name, head);
	}
	child_free(&c);
}

static void simple(void)
{
	wend_select(NULL, 0, 0);
}

static void locked(void)
{
	wend_lock_thread();
	wend_select(NULL, 0, 0);
}

static void lock_and_wait(void *started)
{
	wend_lock_thread();
	wend_chan_close(started);
	wend_select(NULL, 0, 0);
}

static void other_locked(void)
{
	wend_chan *started = wend_chan_make(0, 0);

	CHECK_EQ(wend_go(lock_and_wait, started), 0);
	wend_chan_recv(started, NULL);
	wend_select(NULL, 0, 0);
}

TEST(a_locked_coroutine_deadlocks_too)
{
	struct child c = child_run(simple, 1);

	CHILD_EXITED(&c, 2);
	CHILD_BEGINS(&c, DEADLOCK "\ncoroutine 1 [select (no cases)]:");
	child_free(&c);
	c = child_run(locked, 1);
	CHILD_EXITED(&c, 2);
	CHILD_BEGINS(&c, DEADLOCK "\ncoroutine 1 [select (no cases), locked to thread]:");
	child_free(&c);
	if (TEST_TSAN) /* main goes on on another thread; see above */
		return;
	c = child_run(other_locked, 1);
	CHILD_EXITED(&c, 2);
	CHILD_BEGINS(&c, DEADLOCK "\ncoroutine ");
	CHECK_HAS(c.err, "\ncoroutine 1 [select (no cases)]:");
	CHECK_HAS(c.err, " [select (no cases), locked to thread]: for 0.");
	child_free(&c);
}

/* A deferred call that blocks for ever while a panic is under way. */
static void wait_for_ever(void *unused)
{
	(void)unused;
	wend_select(NULL, 0, 0);
}

static void in_a_panic(void)
{
	WEND_DEFERS;
	wend_defer(wait_for_ever, NULL);
	wend_panic("held up");
}

TEST(a_panic_may_end_in_a_deadlock)
{
	struct child c = child_run(in_a_panic, 1);

	CHILD_EXITED(&c, 2);
	CHILD_BEGINS(&c, DEADLOCK "\ncoroutine 1 [select (no cases)]:");
	CHECK_HAS(c.err, "\nwend_panic(...)\n");
	child_free(&c);
}

/* ---- When somebody could still wake one ------------------------------------------------------ */

static void *wakes_later(void *c)
{
	int v = 7;

	TEST_SLEEP_MS(200);
	wend_chan_send(c, &v);
	return NULL;
}

static void woken_from_outside(void)
{
	wend_chan *c = wend_chan_make(sizeof(int), 0);
	pthread_t t;
	int v = 0;

	CHECK(pthread_create(&t, NULL, wakes_later, c) == 0);
	wend_chan_recv(c, &v);
	CHECK_EQ(v, 7);
	pthread_join(t, NULL);
	printf("woken");
	fflush(stdout);
}

TEST(a_thread_that_could_wake_somebody_is_waited_for)
{
	struct child c = child_run(woken_from_outside, 1);

	CHILD_EXITED(&c, 100);
	CHECK_EQ(c.out, "woken");
	child_free(&c);
}

static void *lives_for_a_while(void *unused)
{
	TEST_SLEEP_MS(300);
	return unused;
}

static void alone_in_the_end(void)
{
	pthread_t t;

	CHECK(pthread_create(&t, NULL, lives_for_a_while, NULL) == 0);
	wend_select(NULL, 0, 0);
}

/* Within a second or so: nobody tells when a thread ends. */
TEST(when_the_last_other_thread_has_ended_the_deadlock_is_seen)
{
	double begun = test_now();
	struct child c;

	if (TEST_TSAN)
		test_skip("ThreadSanitizer starts a thread of its own in the child: nothing is proven");
	c = child_run(alone_in_the_end, 1);
	CHILD_EXITED(&c, 2);
	CHILD_BEGINS(&c, DEADLOCK "\ncoroutine 1 [select (no cases)]:");
	CHECK_LE(0.3, test_now() - begun);
	child_free(&c);
}
