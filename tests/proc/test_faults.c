/* SPDX-License-Identifier: MIT
 *
 * Every call that can fail is made to fail, one at a time: the first mmap of the whole run, the second,
 * and so on until none is left to fail. Each time the program must either do its work all the same
 * (a documented fall-back) or say in words what went wrong. It must never crash, hang or lose a
 * coroutine. */
#include "harness/child.h"
#include "harness/fault.h"
#include "harness/test.h"

#include <sys/resource.h>

#include "sched/stack.h"

#include <wend/wend.h>

enum { EXIT_DONE = 0, EXIT_REFUSED = 10, EXIT_LOST = 11 };

static wend_waitgroup wg;
static int ran;

static int64_t nap(void *unused)
{
	(void)unused;
	return usleep(500);
}

static void work(void *blocks)
{
	wend_yield();
	if (blocks)
		wend_blocking(nap, NULL);
	__atomic_add_fetch(&ran, 1, __ATOMIC_RELAXED);
	wend_waitgroup_done(&wg);
}

static wend_counter counter = WEND_ZERO;

/* Uses what allocates: stacks of two classes, queues that grow, P's, threads, also for blocking calls, counters. */
static int workload(void *unused)
{
	int started = 0;

	(void)unused;
	wend_maxprocs(3); /* may fail: the number stays */
	for (int i = 0; i < 1500; i++) {
		wend_attr a = {.stack_size = i % 50 ? 0 : 256 << 10};

		wend_waitgroup_add(&wg, 1);
		if (wend_go_attr(&a, work, i % 300 ? NULL : &wg) == 0)
			started++;
		else
			wend_waitgroup_done(&wg);
		wend_counter_add(&counter, 1);
	}
	wend_waitgroup_wait(&wg);
	if (__atomic_load_n(&ran, __ATOMIC_RELAXED) != started || wend_counter_load(&counter) != 1500)
		return EXIT_LOST;
	wend_release_memory();
	return EXIT_DONE;
}

struct plan {
	const char *call;
	int nth, error;
	const char *knobs;
};

static void run_workload(void *arg)
{
	const struct plan *p = arg;
	int r;

	setenv("WENDDEBUG", p->knobs, 1);
	setenv("WEND_MAXPROCS", "2", 1);
	if (p->nth)
		fault_set(p->call, p->nth, p->error);
	else
		fault_all(p->call, p->error);
	r = wend_run(workload, NULL);
	/* Started from a thread of the program's own, too. */
	if (r == 0 && wend_start(NULL) == 0) {
		wend_waitgroup_add(&wg, 1);
		if (wend_go(work, NULL) != 0)
			wend_waitgroup_done(&wg);
		wend_waitgroup_wait(&wg);
		if (wend_stop() != 0)
			_exit(EXIT_LOST);
	}
	_exit(r < 0 ? EXIT_REFUSED : r);
}

/* How the child may end. Returns whether the fault was met at all. */
static bool judge(const struct plan *p)
{
	struct child c;
	bool ok;

	fault_set(p->call, 1 << 30, 0); /* counts from 0, whatever an earlier child did */
	fault_clear();
	c = child_call(run_workload, (void *)p, 10);
	ok = c.status == EXIT_DONE ||
			  (c.status == EXIT_REFUSED && c.err_len > 0) ||
			  (c.status == 2 && strstr(c.err, "fatal error: "));

	if (!ok) {
		child_show(&c);
		test_fail(__FILE__, __LINE__, "%s number %d fails with %s: exit status %d, signal %d%s%s",
				  p->call, p->nth, strerror(p->error), c.status, c.signal,
				  c.timed_out ? ", timed out" : "",
				  c.status == EXIT_REFUSED ? ", nothing on stderr" : "");
	}
	child_free(&c);
	return fault_hits(p->call) > 0;
}

static void each_fails_once(const char *call, int error, const char *knobs, int at_most)
{
	int n = 0;

	while (n < at_most) {
		struct plan p = {call, n + 1, error, knobs};

		if (!judge(&p))
			break;
		n++;
	}
	test_note("%s: %d failures injected", call, n);
}

static void all_fail(const char *call, int error, const char *knobs)
{
	struct plan p = {call, 0, error, knobs};

	judge(&p);
}

TEST_LIMIT(without_a_fault_all_is_well, 20)
{
	struct plan p = {"mmap", 1 << 30, ENOMEM, ""};
	struct child c = child_call(run_workload, &p, 10);

	CHILD_EXITED(&c, 0);
	CHECK_EQ(c.err, "");
	CHECK(fault_calls("mmap") > 0); /* so that the cases below test something */
	child_free(&c);
}

TEST_LIMIT(mmap_fails, 120)
{
	each_fails_once("mmap", ENOMEM, "", 60);
	all_fail("mmap", ENOMEM, "");
}

TEST_LIMIT(pthread_create_fails, 60)
{
	each_fails_once("pthread_create", EAGAIN, "", 20);
	all_fail("pthread_create", EAGAIN, "");
}

TEST_LIMIT(malloc_fails, 120)
{
	each_fails_once("malloc", ENOMEM, "", 60);
}

TEST_LIMIT(calloc_fails, 120)
{
	each_fails_once("calloc", ENOMEM, "", 60);
}

TEST_LIMIT(aligned_allocation_fails, 120)
{
	each_fails_once("aligned_alloc", ENOMEM, "", 30);
	all_fail("aligned_alloc", ENOMEM, "");
	each_fails_once("posix_memalign", ENOMEM, "", 30);
	all_fail("posix_memalign", ENOMEM, "");
	each_fails_once("realloc", ENOMEM, "", 30);
	all_fail("realloc", ENOMEM, "");
}

TEST_LIMIT(guards_fail, 120)
{
	each_fails_once("guard", ENOMEM, "", 12);
	all_fail("guard", EINVAL, "");
	each_fails_once("process_madvise", EPERM, "", 12);
	all_fail("process_madvise", ENOSYS, "");
	each_fails_once("mprotect", ENOMEM, "guard=mprotect", 12);
	all_fail("mprotect", ENOMEM, "guard=mprotect");
}

/* How many of the next four stacks could be had; their numbers, from `base` on, go into a set. */
static int next_four(uint32_t base, unsigned *set)
{
	int got, err;

	for (struct g *gp = stack_get(2, 4, &got, &err); gp; gp = gp->link)
		*set |= 1u << (stack_index(gp) - base);
	CHECK_EQ(err, got ? 0 : -EAGAIN);
	return got;
}

/* With guard=strict a stack that no guard can be had for is refused; it is not lost. */
TEST(a_stack_without_a_guard_is_offered_again)
{
	unsigned set = 0;
	uint32_t base;
	int got, err;

	if (strcmp(wend_guard_kind(), "madvise") != 0)
		test_skip("no guards by advice");
	stack_init(GUARD_STRICT);
	base = stack_index(stack_get(2, 1, &got, &err)) + 1;
	fault_all("process_madvise", ENOSYS);
	fault_all("mprotect", ENOMEM);
	fault_set("guard", 3, ENOMEM);
	CHECK_EQ(next_four(base, &set), 2);
	CHECK_EQ(set, 0x3);
	CHECK_EQ(next_four(base, &set), 2); /* what was left of them */
	CHECK_EQ(set, 0xF);
	fault_all("guard", ENOMEM);
	for (int i = 0; i < 3; i++)
		CHECK_EQ(next_four(base, &set), 0);
	fault_clear();
	CHECK_EQ(next_four(base, &set), 4);
	CHECK_EQ(set, 0xFF);
	stack_fini();
}

TEST_LIMIT(advice_fails, 120)
{
	each_fails_once("madvise", ENOMEM, "", 12);
	all_fail("madvise", EINVAL, "");
}

TEST_LIMIT(membarrier_is_refused, 60)
{
	all_fail("membarrier", ENOSYS, "");
	all_fail("membarrier", EPERM, "");
	each_fails_once("membarrier", EPERM, "", 3);
}

static int report_fence(void *unused)
{
	int r = workload(unused);

	puts(wend_fence_kind());
	return r;
}

static void run_without_membarrier(void *unused)
{
	(void)unused;
	fault_all("membarrier", ENOSYS);
	_exit(wend_run(report_fence, NULL) + (fflush(NULL) != 0));
}

TEST_LIMIT(without_membarrier_there_are_full_fences, 20)
{
	struct child c = child_call(run_without_membarrier, NULL, 15);

	CHILD_EXITED(&c, 0);
	CHECK_EQ(c.out, "full fences\n");
	CHECK(fault_hits("membarrier") > 0);
	child_free(&c);
}

TEST_LIMIT(sigaltstack_fails, 60)
{
	each_fails_once("sigaltstack", ENOMEM, "", 6);
	all_fail("sigaltstack", ENOMEM, "");
}

TEST_LIMIT(binding_is_refused, 60)
{
	all_fail("sched_setaffinity", EINVAL, "pin=compact");
	all_fail("sched_setaffinity", EPERM, "pin=spread");
	all_fail("sched_setaffinity", ENOSYS, "");
}

TEST_LIMIT(files_cannot_be_opened, 60)
{
	all_fail("open", EMFILE, "");
	each_fails_once("open", EACCES, "", 10);
}

/* ---- Real limits ----------------------------------------------------------------------------- */


#if !TEST_SANITIZED
static void limited_address_space(void *arg)
{
	struct plan p = {"mmap", 1 << 30, ENOMEM, ""};
	struct rlimit r = {(rlim_t)(uintptr_t)arg << 20, (rlim_t)(uintptr_t)arg << 20};

	CHECK_EQ(setrlimit(RLIMIT_AS, &r), 0);
	run_workload(&p);
}

TEST_LIMIT(a_low_limit_on_address_space, 60)
{
	static const int mib[] = {512, 128, 64, 40};

	for (int i = 0; i < 4; i++) {
		struct child c = child_call(limited_address_space, (void *)(uintptr_t)mib[i], 10);

		if (c.status != EXIT_DONE && !((c.status == EXIT_REFUSED || c.status == 2) && c.err_len)) {
			child_show(&c);
			test_fail(__FILE__, __LINE__, "%d MiB: exit status %d, signal %d%s", mib[i], c.status,
					  c.signal, c.timed_out ? ", timed out" : "");
		}
		child_free(&c);
	}
}
#endif
