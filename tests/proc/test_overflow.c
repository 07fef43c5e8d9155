/* SPDX-License-Identifier: MIT
 *
 * Stack overflow, under each kind of guard: what it says and how it ends. */
#include "harness/child.h"
#include "harness/fault.h"
#include "harness/test.h"

#include <signal.h>
#include <sys/mman.h>

#include <wend/wend.h>

static wend_waitgroup wg;
static uint64_t victim_id;

/* Not static: the trace finds it by name. */
int recursing_function(int n);
__attribute__((noinline)) int recursing_function(int n)
{
	volatile char frame[200];

	frame[0] = (char)n;
	return n < 0 ? 0 : recursing_function(n + 1) + frame[0];
}

static void recurse(void *unused)
{
	(void)unused;
	fprintf(stderr, "id=%llu\n", (unsigned long long)wend_coroutine_id());
	printf("printed before\n");
	recursing_function(0);
	wend_waitgroup_done(&wg);
}

static int overflow(void *unused)
{
	wend_attr a = {.name = "the deep one"};

	(void)unused;
	wend_waitgroup_add(&wg, 1);
	CHECK_EQ(wend_go_attr(&a, recurse, NULL), 0);
	wend_waitgroup_wait(&wg);
	return 0;
}

static void run_overflow(void *knobs)
{
	setenv("WENDDEBUG", knobs, 1);
	_exit(50 + wend_run(overflow, NULL));
}

static void check_report(struct child *c)
{
	const char *id = strstr(c->err, "id=");
	const char *body;
	char head[64];

	CHILD_EXITED(c, 2);
	CHECK_EQ(c->out, "printed before\n");
	CHECK(id != NULL);
	CHECK_HAS(c->err, "fatal error: stack overflow");
	body = strstr(c->err, "fatal error: stack overflow");
	CHECK_HAS(body, "the deep one");
	snprintf(head, sizeof head, "coroutine %llu", strtoull(id + 3, NULL, 10));
	CHECK_HAS(body, head);
	CHECK_HAS(body, "recursing_function");
}

static void overflow_under(const char *knobs)
{
	struct child c = child_call(run_overflow, (void *)knobs, 15);

	check_report(&c);
	child_free(&c);
}

TEST_LIMIT(default_guard, 20)
{
	overflow_under("");
}

TEST_LIMIT(mprotect_guard, 20)
{
	overflow_under("guard=mprotect");
}

TEST_LIMIT(strict_guard, 20)
{
	overflow_under("guard=strict");
}

TEST_LIMIT(small_and_large_stacks, 40)
{
	overflow_under("stack=16k");
	overflow_under("stack=8m");
}

static int overflow_main(void *unused)
{
	recurse(unused);
	return 0;
}

static void run_overflow_main(void *unused)
{
	(void)unused;
	wend_run(overflow_main, NULL);
}

TEST_LIMIT(the_main_coroutine_overflows_too, 20)
{
	struct child c = child_call(run_overflow_main, NULL, 15);

	CHILD_EXITED(&c, 2);
	CHECK_HAS(c.err, "fatal error: stack overflow");
	CHECK_HAS(c.err, "recursing_function");
	child_free(&c);
}

/* ---- No stack for the handler: said at the start, as nobody can say it when it happens ------------------ */

static void run_without_alternate_stack(void *call)
{
	fault_all(call, ENOMEM);
	setenv("WEND_MAXPROCS", "2", 1);
	_exit(50 + wend_run(overflow, NULL));
}

TEST_LIMIT(without_an_alternate_stack_a_warning, 20)
{
	struct child c = child_call(run_without_alternate_stack, "sigaltstack", 15);
	const char *first = strstr(c.err, "wend: no stack for fault handlers (sigaltstack: Cannot allocate memory)");

	CHECK_MSG(first && !strstr(first + 1, "wend: no stack"), "not said once: %s", c.err);
#if !TEST_SANITIZED /* a sanitizer may have a stack for handlers of its own */
	CHECK_EQ(c.signal, SIGSEGV);
	CHECK_MSG(!strstr(c.err, "fatal error"), "%s", c.err);
#endif
	child_free(&c);
}

/* ---- Canary: nothing faults; the next park notices ------------------------------------------------ */

static char *bottom;
static wend_waitgroup pause_here;

__attribute__((noinline)) int recursing_to(char *limit, int n);
__attribute__((noinline)) int recursing_to(char *limit, int n)
{
	volatile char frame[64];

	frame[0] = 0x5A;
	for (size_t i = 0; i < sizeof frame; i++)
		frame[i] = (char)n;
	if ((char *)__builtin_frame_address(0) > limit)
		return recursing_to(limit, n + 1) + frame[0];
	wend_waitgroup_add(&pause_here, 1);
	wend_waitgroup_wait(&pause_here);
	return frame[0];
}

static bool find_bottom(const wend_coroutine_info *i, void *unused)
{
	char *here = __builtin_frame_address(0);
	uintptr_t slot;

	(void)unused;
	if (i->id != victim_id)
		return true;
	/* Stacks are aligned to pages; the frame in hand lies in the stack's first ones. */
	slot = ((uintptr_t)here + 4095) & ~(uintptr_t)4095;
	bottom = (char *)slot - i->stack_size;
	return false;
}

static void recurse_past_the_end(void *unused)
{
	(void)unused;
	victim_id = wend_coroutine_id();
	wend_coroutines_each(find_bottom, NULL);
	CHECK(bottom != NULL);
	fprintf(stderr, "id=%llu\n", (unsigned long long)victim_id);
	printf("printed before\n");
	recursing_to(bottom - 100, 0);
	printf("went on\n");
	wend_waitgroup_done(&wg);
}

static void keep_yielding(void *unused)
{
	(void)unused;
	for (;;)
		wend_yield();
}

static int overflow_canary(void *unused)
{
	wend_attr a = {.name = "the deep one"};

	(void)unused;
	CHECK_EQ(wend_guard_kind(), "canary");
	CHECK_EQ(wend_go(keep_yielding, NULL), 0); /* or the wait would be a deadlock */
	wend_waitgroup_add(&wg, 1);
	CHECK_EQ(wend_go_attr(&a, recurse_past_the_end, NULL), 0);
	wend_waitgroup_wait(&wg);
	return 0;
}

static void run_overflow_canary(void *unused)
{
	(void)unused;
	setenv("WENDDEBUG", "guard=canary", 1);
	setenv("WEND_MAXPROCS", "1", 1);
	_exit(50 + wend_run(overflow_canary, NULL));
}

TEST_LIMIT(canary_is_checked_at_the_next_park, 20)
{
	struct child c = child_call(run_overflow_canary, NULL, 15);

	CHILD_EXITED(&c, 2);
	CHECK_EQ(c.out, "printed before\n");
	CHECK_HAS(c.err, "fatal error: stack overflow");
	CHECK_HAS(c.err, "the deep one");
	CHECK_HAS(c.err, "recursing_to");
	child_free(&c);
}

/* ---- Kernels without guard advice -------------------------------------------------------------------- */

static const char *expected_kind;

static int spawn_some(void *unused)
{
	(void)unused;
	for (int i = 0; i < 200; i++) {
		wend_waitgroup wait = WEND_ZERO;

		wend_waitgroup_wait(&wait);
		wend_yield();
	}
	CHECK_EQ(wend_guard_kind(), expected_kind);
	return overflow(NULL);
}

static void run_without_advice(void *unused)
{
	(void)unused;
	fault_all("guard", EINVAL);
	fault_all("process_madvise", ENOSYS);
	expected_kind = "mprotect";
	_exit(50 + wend_run(spawn_some, NULL));
}

TEST_LIMIT(without_guard_advice_mprotect_guards, 20)
{
	struct child c = child_call(run_without_advice, NULL, 15);

	check_report(&c);
	child_free(&c);
}

static void quiet_end(void *unused)
{
	(void)unused;
	wend_waitgroup_done(&wg);
}

static int past_the_mapping_limit(void *unused)
{
	wend_stats st;

	(void)unused;
	for (int i = 0; i < 3000; i++) {
		wend_waitgroup_add(&wg, 1);
		CHECK_EQ(wend_go(quiet_end, NULL), 0);
	}
	wend_waitgroup_wait(&wg);
	wend_stats_read(&st);
	CHECK(st.guarded < st.stacks);
	return 0;
}

static void run_past_the_mapping_limit(void *unused)
{
	(void)unused;
	setenv("WENDDEBUG", "guard=mprotect", 1);
	fault_all("mprotect", ENOMEM);
	_exit(50 + wend_run(past_the_mapping_limit, NULL));
}

/* Past vm.max_map_count stacks go without a guard page, and that is said once. */
TEST_LIMIT(past_the_mapping_limit_a_canary_and_one_warning, 20)
{
	struct child c = child_call(run_past_the_mapping_limit, NULL, 15);
	const char *first;

	CHILD_EXITED(&c, 50);
	CHECK_HAS(c.err, "vm.max_map_count");
	first = strstr(c.err, "wend: ");
	CHECK_MSG(first && !strstr(first + 1, "wend: "), "said twice: %s", c.err);
	child_free(&c);
}

static int strict_refuses(void *unused)
{
	int refused = 0;

	(void)unused;
	fault_all("guard", EINVAL);
	fault_all("process_madvise", EINVAL);
	fault_all("mprotect", ENOMEM);
	for (int i = 0; i < 3000 && !refused; i++) {
		int r;

		wend_waitgroup_add(&wg, 1);
		r = wend_go(quiet_end, NULL);
		if (r) {
			CHECK_EQ(r, -EAGAIN);
			wend_waitgroup_done(&wg);
			refused = 1;
		}
	}
	wend_waitgroup_wait(&wg);
	CHECK(refused);
	return 0;
}

static void run_strict_refuses(void *unused)
{
	(void)unused;
	setenv("WENDDEBUG", "guard=strict", 1);
	_exit(50 + wend_run(strict_refuses, NULL));
}

TEST_LIMIT(strict_refuses_what_it_cannot_guard, 20)
{
	struct child c = child_call(run_strict_refuses, NULL, 15);

	CHILD_EXITED(&c, 50);
	CHECK(c.err_len > 20);
	child_free(&c);
}

/* ---- A fault that is no overflow stays what it is -------------------------------------------------- */

static int plain_fault(void *unused)
{
	volatile int *nowhere = mmap(NULL, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	(void)unused;
	printf("about to fault\n");
	fflush(stdout);
	*nowhere = 1;
	return 0;
}

static void run_plain_fault(void *unused)
{
	(void)unused;
	wend_run(plain_fault, NULL);
}

TEST(another_fault_is_not_called_an_overflow)
{
	struct child c = child_call(run_plain_fault, NULL, 8);

	CHECK(c.status != 0);
	CHECK_EQ(c.out, "about to fault\n");
	CHECK_MSG(!strstr(c.err, "stack overflow"), "%s", c.err);
	child_free(&c);
}

static int handled;

static void own_handler(int sig)
{
	(void)sig;
	handled = 1;
	_exit(21);
}


static void run_with_own_handler(void *unused)
{
	(void)unused;
	signal(SIGSEGV, own_handler); /* the program had one before */
	wend_run(plain_fault, NULL);
}

TEST(a_handler_that_was_there_before_gets_other_faults)
{
	struct child c = child_call(run_with_own_handler, NULL, 8);

	CHILD_EXITED(&c, 21);
	child_free(&c);
}
