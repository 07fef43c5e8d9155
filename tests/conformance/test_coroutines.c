/* SPDX-License-Identifier: MIT
 *
 * What a Go programmer expects of goroutines, one rule per case. */
#include "harness/child.h"
#include "harness/test.h"

#include <fenv.h>
#include <pthread.h>
#include <sys/syscall.h>

#include <wend/wend.h>

#define LOAD(x) __atomic_load_n(&(x), __ATOMIC_ACQUIRE)
#define STORE(x, v) __atomic_store_n(&(x), (v), __ATOMIC_RELEASE)
#define ADD(x, n) __atomic_add_fetch(&(x), (n), __ATOMIC_ACQ_REL)

static wend_waitgroup wg;
static int count;

static int tid(void)
{
	return (int)syscall(SYS_gettid);
}

/* Lets others run until the condition holds; the case's time limit ends it otherwise. */
#define YIELD_UNTIL(c)                                                                            \
	while (!(c))                                                                                  \
	wend_yield()

static void bump(void *unused)
{
	(void)unused;
	ADD(count, 1);
	wend_waitgroup_done(&wg);
}

/* ---- Life ------------------------------------------------------------------------------------ */

static int return_seven(void *arg)
{
	CHECK_EQ(arg, (void *)&count);
	return 7;
}

TEST(run_returns_what_the_function_returned)
{
	CHECK_EQ(wend_run(return_seven, &count), 7);
	CHECK_EQ(wend_run(return_seven, &count), 7); /* and can be called again */
}

CO_TEST(every_coroutine_runs_exactly_once)
{
	enum { N = 10000 };

	wend_waitgroup_add(&wg, N);
	for (int i = 0; i < N; i++)
		CHECK_EQ(wend_go(bump, NULL), 0);
	wend_waitgroup_wait(&wg);
	CHECK_EQ(LOAD(count), N);
}

static void check_arg(void *arg)
{
	CHECK_EQ(arg, (void *)0x1234567890);
	wend_waitgroup_done(&wg);
}

CO_TEST(the_argument_arrives)
{
	wend_waitgroup_add(&wg, 1);
	CHECK_EQ(wend_go(check_arg, (void *)0x1234567890), 0);
	wend_waitgroup_wait(&wg);
}

static int start_endless(void *fn)
{
	for (int i = 0; i < 4; i++)
		CHECK_EQ(wend_go((void (*)(void *))fn, NULL), 0);
	wend_yield();
	return 3;
}

static void yield_for_ever(void *unused)
{
	(void)unused;
	for (;;)
		wend_yield();
}

static void wait_for_ever(void *unused)
{
	wend_waitgroup never = WEND_ZERO;

	(void)unused;
	wend_waitgroup_add(&never, 1);
	wend_waitgroup_wait(&never);
	CHECK(!"unreachable");
}

TEST(the_others_end_when_main_returns)
{
	for (int i = 0; i < 3; i++) {
		CHECK_EQ(wend_run(start_endless, (void *)yield_for_ever), 3);
		CHECK_EQ(wend_run(start_endless, (void *)wait_for_ever), 3);
	}
}

static int hog_stop;

static void hog(void *unused)
{
	(void)unused;
	STORE(count, 1);
	while (!LOAD(hog_stop))
		;
}

static int start_hog(void *unused)
{
	wend_attr a = {.name = "the hog"};

	(void)unused;
	CHECK_EQ(wend_maxprocs(2) > 0, 1);
	CHECK_EQ(wend_go_attr(&a, hog, NULL), 0);
	YIELD_UNTIL(LOAD(count));
	return 0;
}

static void run_hog(void *unused)
{
	(void)unused;
	setenv("WENDDEBUG", "stop_ms=100", 1);
	_exit(wend_run(start_hog, NULL) == -ETIMEDOUT ? 40 : 41);
}

/* It returns, unless the hog sits on the very thread that would have to. */
TEST(run_names_who_does_not_stop)
{
	struct child c = child_call(run_hog, NULL, 8);

	if (c.status == 2)
		CHECK_HAS(c.err, "fatal error: wend_run cannot return");
	else
		CHILD_EXITED(&c, 40);
	CHECK_HAS(c.err, "the hog");
	child_free(&c);
}

static void stop_hog(void *unused)
{
	wend_attr a = {.name = "the hog"};

	(void)unused;
	setenv("WENDDEBUG", "stop_ms=100", 1);
	CHECK_EQ(wend_start(NULL), 0);
	CHECK_EQ(wend_go_attr(&a, hog, NULL), 0);
	while (!LOAD(count))
		TEST_SLEEP_MS(1);
	CHECK_EQ(wend_stop(), -ETIMEDOUT);
}

TEST(stop_names_who_does_not_stop)
{
	struct child c = child_call(stop_hog, NULL, 8);

	CHILD_EXITED(&c, 0);
	CHECK_HAS(c.err, "the hog");
	child_free(&c);
}

static int nested_run(void *unused)
{
	(void)unused;
	return wend_run(return_seven, &count);
}

TEST(a_second_runtime_is_refused)
{
	CHECK_EQ(wend_run(nested_run, NULL), -EBUSY);
}

/* ---- Yield, fairness ------------------------------------------------------------------------- */

static int turn;

static void take_turns(void *arg)
{
	int me = (int)(intptr_t)arg;

	for (int i = 0; i < 100; i++) {
		YIELD_UNTIL(LOAD(turn) % 2 == me);
		ADD(turn, 1);
	}
	wend_waitgroup_done(&wg);
}

CO_TEST(yield_lets_others_run)
{
	wend_maxprocs(1);
	wend_waitgroup_add(&wg, 2);
	CHECK_EQ(wend_go(take_turns, (void *)0), 0);
	CHECK_EQ(wend_go(take_turns, (void *)1), 0);
	wend_waitgroup_wait(&wg);
	CHECK_EQ(LOAD(turn), 200);
}

CO_TEST(yield_returns_when_nobody_else_is_ready)
{
	for (int i = 0; i < 1000; i++)
		wend_yield();
}

static wend_waitgroup ball[2];
static int playing = 1;
static long hits;

static void play(void *arg)
{
	int me = (int)(intptr_t)arg;

	for (;;) {
		wend_waitgroup_wait(&ball[me]);
		wend_waitgroup_add(&ball[me], 1);
		ADD(hits, 1);
		if (!LOAD(playing))
			break;
		wend_waitgroup_done(&ball[!me]); /* wakes the other and then waits: run-next each time */
	}
	wend_waitgroup_done(&ball[!me]);
	wend_waitgroup_done(&wg);
}

static void start_ping_pong(void)
{
	wend_waitgroup_add(&ball[0], 1);
	wend_waitgroup_add(&ball[1], 1);
	wend_waitgroup_add(&wg, 2);
	CHECK_EQ(wend_go(play, (void *)0), 0);
	CHECK_EQ(wend_go(play, (void *)1), 0);
	wend_waitgroup_done(&ball[0]);
	YIELD_UNTIL(LOAD(hits) > 10);
}

static void stop_ping_pong(void)
{
	STORE(playing, 0);
	wend_waitgroup_wait(&wg);
}

static void knock(void *times)
{
	for (int i = 0; i < 100; i++) {
		wend_yield();
		ADD(*(int *)times, 1);
	}
}

CO_TEST(nobody_starves_beside_a_ping_pong_pair)
{
	int times[8] = {0};
	long before;

	wend_maxprocs(1);
	start_ping_pong();
	before = LOAD(hits);
	for (int i = 0; i < 8; i++)
		CHECK_EQ(wend_go(knock, &times[i]), 0);
	for (int i = 0; i < 8; i++)
		YIELD_UNTIL(LOAD(times[i]) == 100);
	/* The other way round: the pair went on meanwhile. */
	CHECK(LOAD(hits) > before);
	stop_ping_pong();
}

static int chain_stop, chain_length;

static void link_of_chain(void *unused)
{
	ADD(chain_length, 1);
	if (!LOAD(chain_stop))
		CHECK_EQ(wend_go(link_of_chain, unused), 0);
	else
		wend_waitgroup_done(&wg);
}

CO_TEST(nobody_starves_beside_a_chain_of_spawns)
{
	int times = 0;

	wend_maxprocs(1);
	wend_waitgroup_add(&wg, 1);
	CHECK_EQ(wend_go(link_of_chain, NULL), 0);
	CHECK_EQ(wend_go(knock, &times), 0);
	YIELD_UNTIL(LOAD(times) == 100);
	CHECK(LOAD(chain_length) > 0);
	STORE(chain_stop, 1);
	wend_waitgroup_wait(&wg);
}

static int spinning = 1;

static void spin_yielding(void *n)
{
	while (LOAD(spinning)) {
		ADD(*(long *)n, 1);
		wend_yield();
	}
	wend_waitgroup_done(&wg);
}

CO_TEST(yielders_get_equal_shares_of_one_p)
{
	enum { N = 5 };
	static long n[N];
	long least, most;

	wend_maxprocs(1);
	wend_waitgroup_add(&wg, N);
	for (int i = 0; i < N; i++)
		CHECK_EQ(wend_go(spin_yielding, &n[i]), 0);
	YIELD_UNTIL(LOAD(n[0]) >= 2000);
	STORE(spinning, 0);
	wend_waitgroup_wait(&wg);
	least = most = n[0];
	for (int i = 1; i < N; i++) {
		least = n[i] < least ? n[i] : least;
		most = n[i] > most ? n[i] : most;
	}
	CHECK_MSG(most <= 2 * least + 10, "shares from %ld to %ld", least, most);
}

CO_TEST(a_pinned_hog_does_not_keep_others_from_other_ps)
{
	wend_attr a = {.on_p = 2};

	if (wend_maxprocs(2) < 0 || wend_maxprocs(0) < 2)
		test_skip("two P's are not to be had");
	CHECK_EQ(wend_go_attr(&a, hog, NULL), 0);
	YIELD_UNTIL(LOAD(count) == 1);
	wend_waitgroup_add(&wg, 100);
	for (int i = 0; i < 100; i++)
		CHECK_EQ(wend_go(bump, NULL), 0);
	wend_waitgroup_wait(&wg);
	CHECK_EQ(LOAD(count), 101);
	STORE(hog_stop, 1);
}

/* ---- Ends ------------------------------------------------------------------------------------ */

static void exit_deep(int depth);
static void (*volatile deeper)(int) = exit_deep;

static void exit_deep(int depth)
{
	if (depth) {
		deeper(depth - 1);
		CHECK(!"goexit came back");
	}
	ADD(count, 1);
	wend_waitgroup_done(&wg);
	wend_goexit();
}

static void exit_in_the_middle(void *unused)
{
	(void)unused;
	exit_deep(10);
	CHECK(!"goexit came back");
}

CO_TEST(goexit_ends_only_its_coroutine)
{
	wend_waitgroup_add(&wg, 100);
	for (int i = 0; i < 100; i++)
		CHECK_EQ(wend_go(exit_in_the_middle, NULL), 0);
	wend_waitgroup_wait(&wg);
	CHECK_EQ(LOAD(count), 100);
}

static void bump_and_exit_process(void *unused)
{
	(void)unused;
	for (int i = 0; i < 10; i++)
		wend_yield();
	printf("went on without main\n");
	fflush(stdout);
	exit(5);
}

static int main_goexits(void *unused)
{
	(void)unused;
	CHECK_EQ(wend_go(bump_and_exit_process, NULL), 0);
	wend_goexit();
}

static void run_main_goexits(void *unused)
{
	(void)unused;
	wend_run(main_goexits, NULL);
}

TEST(others_go_on_after_main_calls_goexit)
{
	struct child c = child_call(run_main_goexits, NULL, 8);

	CHILD_EXITED(&c, 5);
	CHECK_EQ(c.out, "went on without main\n");
	child_free(&c);
}

CO_TEST(num_coroutines_counts_and_settles)
{
	CHECK_EQ(wend_num_coroutines(), 1);
	wend_waitgroup_add(&wg, 1);
	for (int i = 0; i < 50; i++)
		CHECK_EQ(wend_go(wait_for_ever, NULL), 0);
	CHECK_EQ(wend_num_coroutines(), 51);
	wend_waitgroup_add(&wg, 999);
	for (int i = 0; i < 1000; i++)
		CHECK_EQ(wend_go(bump, NULL), 0);
	wend_waitgroup_wait(&wg);
	YIELD_UNTIL(wend_num_coroutines() == 51);
}

static uint64_t ids[1000];

static void note_id(void *at)
{
	*(uint64_t *)at = wend_coroutine_id();
	wend_waitgroup_done(&wg);
}

static int by_id(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

CO_TEST(ids_are_unique_and_never_zero)
{
	wend_waitgroup_add(&wg, 1000);
	for (int i = 0; i < 500; i++) {
		CHECK_EQ(wend_go(note_id, &ids[i]), 0);
	}
	for (int i = 0; i < 100; i++) /* so that some stacks are used again */
		wend_yield();
	for (int i = 500; i < 1000; i++)
		CHECK_EQ(wend_go(note_id, &ids[i]), 0);
	wend_waitgroup_wait(&wg);
	qsort(ids, 1000, sizeof ids[0], by_id);
	CHECK(ids[0] != 0);
	for (int i = 1; i < 1000; i++)
		CHECK(ids[i] != ids[i - 1]);
	CHECK(wend_coroutine_id() != 0);
}

TEST(a_foreign_thread_has_no_id)
{
	CHECK_EQ(wend_coroutine_id(), 0);
}

/* ---- Threads --------------------------------------------------------------------------------- */

static void stay_on_thread(void *unused)
{
	int here;

	(void)unused;
	wend_lock_thread();
	here = tid();
	for (int i = 0; i < 1000; i++) {
		wend_yield();
		CHECK_EQ(tid(), here);
	}
	wend_lock_thread(); /* nests */
	wend_unlock_thread();
	for (int i = 0; i < 50; i++) {
		wend_yield();
		CHECK_EQ(tid(), here);
	}
	wend_unlock_thread();
	ADD(count, 1);
	wend_waitgroup_done(&wg);
}

static int moved;

static void keep_busy(void *unused)
{
	(void)unused;
	for (int i = 0, last = tid(); i < 3000; i++) {
		wend_yield();
		if (tid() != last)
			ADD(moved, 1);
		last = tid();
	}
	wend_waitgroup_done(&wg);
}

CO_TEST_LIMIT(lock_thread_keeps_the_thread, 20)
{
	wend_maxprocs(4);
	/* Until the others were seen to move: or staying put would mean nothing. */
	for (int round = 1; round == 1 || LOAD(moved) < 20; round++) {
		wend_waitgroup_add(&wg, 20);
		for (int i = 0; i < 4; i++) {
			CHECK_EQ(wend_go(stay_on_thread, NULL), 0);
			for (int k = 0; k < 4; k++)
				CHECK_EQ(wend_go(keep_busy, NULL), 0);
		}
		wend_waitgroup_wait(&wg);
		CHECK_EQ(LOAD(count), 4 * round);
	}
}

static int locked_tid, intruder;
static int locked_over;

static void lock_and_wait(void *unused)
{
	(void)unused;
	wend_lock_thread();
	STORE(locked_tid, tid());
	wend_waitgroup_wait(&ball[0]);
	CHECK_EQ(tid(), locked_tid);
	STORE(locked_over, 1);
	wend_unlock_thread();
	wend_waitgroup_done(&wg);
}

static void look_for_intrusion(void *unused)
{
	(void)unused;
	for (int i = 0; i < 200; i++) {
		if (!LOAD(locked_over) && tid() == LOAD(locked_tid))
			STORE(intruder, 1);
		wend_yield();
	}
	wend_waitgroup_done(&wg);
}

CO_TEST(nobody_else_runs_on_a_locked_thread)
{
	wend_waitgroup_add(&ball[0], 1);
	wend_waitgroup_add(&wg, 1);
	CHECK_EQ(wend_go(lock_and_wait, NULL), 0);
	YIELD_UNTIL(LOAD(locked_tid));
	wend_waitgroup_add(&wg, 8);
	for (int i = 0; i < 8; i++)
		CHECK_EQ(wend_go(look_for_intrusion, NULL), 0);
	for (int i = 0; i < 200; i++)
		wend_yield();
	wend_waitgroup_done(&ball[0]);
	wend_waitgroup_wait(&wg);
	CHECK_EQ(LOAD(intruder), 0);
}

static void end_locked(void *unused)
{
	(void)unused;
	wend_lock_thread();
	if (tid() != getpid()) /* the process's first thread cannot end */
		STORE(locked_tid, tid());
	wend_waitgroup_done(&wg);
}

CO_TEST(the_thread_ends_with_a_coroutine_that_is_still_locked_to_it)
{
	char path[64];

	if (wend_maxprocs(4) < 0)
		test_skip("four P's are not to be had");
	for (int i = 0; i < 100 && !LOAD(locked_tid); i++) {
		wend_attr a = {.on_p = 1 + i % 4};

		wend_waitgroup_add(&wg, 1);
		CHECK_EQ(wend_go_attr(&a, end_locked, NULL), 0);
		wend_waitgroup_wait(&wg);
	}
	CHECK(LOAD(locked_tid) != 0);
	snprintf(path, sizeof path, "/proc/self/task/%d", locked_tid);
	YIELD_UNTIL(access(path, F_OK) != 0);
}

static __thread int tls_tid;

/* Out of line, so that the address is taken anew after each switch. */
static __attribute__((noinline)) int *tls_address(void)
{
	__asm__ volatile("" : : : "memory");
	return &tls_tid;
}

static __attribute__((noinline)) int *errno_address(void)
{
	__asm__ volatile("" : : : "memory");
	return &errno;
}

static int migrated;

static void migrate(void *unused)
{
	int last = tid();

	(void)unused;
	for (int i = 0; i < 2000; i++) {
		int here = tid();

		if (*tls_address() == 0)
			*tls_address() = here;
		CHECK_EQ(*tls_address(), here);
		*errno_address() = here;
		CHECK_EQ(*errno_address(), here);
		wend_yield();
		if (tid() != last)
			ADD(migrated, 1);
		last = tid();
	}
	wend_waitgroup_done(&wg);
}

CO_TEST_LIMIT(thread_locals_and_errno_are_those_of_the_present_thread, 20)
{
	wend_maxprocs(4);
	wend_waitgroup_add(&wg, 16);
	for (int i = 0; i < 16; i++)
		CHECK_EQ(wend_go(migrate, NULL), 0);
	wend_waitgroup_wait(&wg);
	test_note("%d migrations", LOAD(migrated));
	CHECK(LOAD(migrated) > 0);
}

static void set_errno_and_call(void *unused)
{
	(void)unused;
	*errno_address() = 1234;
	wend_waitgroup_add(&wg, 1);
	CHECK_EQ(wend_go(bump, NULL), 0);
	CHECK(wend_num_coroutines() > 0);
	CHECK(wend_num_cpu() > 0);
	CHECK(wend_maxprocs(0) > 0);
	CHECK(wend_coroutine_id() > 0);
	CHECK_EQ(*errno_address(), 1234);
	wend_waitgroup_done(&wg);
}

CO_TEST(calls_that_do_not_block_leave_errno_alone)
{
	wend_waitgroup_add(&wg, 1);
	CHECK_EQ(wend_go(set_errno_and_call, NULL), 0);
	wend_waitgroup_wait(&wg);
}

/* ---- Registers and floating point ------------------------------------------------------------ */

static void many_live_values(void *arg)
{
	long s = (long)(intptr_t)arg;
	long a = s + 1, b = s * 3, c = s ^ 77, d = s - 9, e = s << 3, f = ~s, g = s * s, h = s + 1000;
	double u = (double)s * 0.5, v = u + 1, w = u * 3, x = u - 7, y = u / 3, z = u * u;
	long double l = (long double)s / 7;

	for (int i = 0; i < 200; i++) {
		/* The values must live across the switch, where the compiler likes: it cannot compute them
		 * again, as it does not know s any more. */
		__asm__ volatile("" : "+r"(s));
		wend_yield();
		CHECK_EQ(a + b + c + d + e + f + g + h,
				 s + 1 + s * 3 + (s ^ 77) + s - 9 + (s << 3) + ~s + s * s + s + 1000);
		CHECK_EQ(u, (double)s * 0.5);
		CHECK_EQ(v, u + 1);
		CHECK_EQ(w, u * 3);
		CHECK_EQ(x, u - 7);
		CHECK_EQ(y, u / 3);
		CHECK_EQ(z, u * u);
		CHECK(l == (long double)s / 7);
	}
	wend_waitgroup_done(&wg);
}

CO_TEST_LIMIT(values_in_registers_survive_switches, 20)
{
	wend_waitgroup_add(&wg, 50);
	for (int i = 0; i < 50; i++)
		CHECK_EQ(wend_go(many_live_values, (void *)(intptr_t)(i * 12345 + 7)), 0);
	wend_waitgroup_wait(&wg);
}

#ifdef __x86_64__
/* Puts known values into the callee-saved registers around a call of the switch. */
static __attribute__((noinline)) int callee_saved_survive(void)
{
	unsigned long bad;

	__asm__ volatile("mov $0x1111, %%rbx\n\t"
					 "mov $0x2222, %%r12\n\t"
					 "mov $0x3333, %%r13\n\t"
					 "mov $0x4444, %%r14\n\t"
					 "mov $0x5555, %%r15\n\t"
					 "mov %%rsp, %%rax\n\t"
					 "sub $160, %%rsp\n\t" /* past the red zone */
					 "and $-16, %%rsp\n\t"
					 "mov %%rax, 8(%%rsp)\n\t"
					 "call wend_yield\n\t"
					 "mov 8(%%rsp), %%rsp\n\t"
					 "xor %%eax, %%eax\n\t"
					 "xor $0x1111, %%rbx\n\t"
					 "or %%rbx, %%rax\n\t"
					 "xor $0x2222, %%r12\n\t"
					 "or %%r12, %%rax\n\t"
					 "xor $0x3333, %%r13\n\t"
					 "or %%r13, %%rax\n\t"
					 "xor $0x4444, %%r14\n\t"
					 "or %%r14, %%rax\n\t"
					 "xor $0x5555, %%r15\n\t"
					 "or %%r15, %%rax\n\t"
					 : "=&a"(bad)
					 :
					 : "rbx", "r12", "r13", "r14", "r15", "rcx", "rdx", "rsi", "rdi", "r8", "r9", "r10",
					   "r11", "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8",
					   "xmm9", "xmm10", "xmm11", "xmm12", "xmm13", "xmm14", "xmm15", "st", "memory",
					   "cc");
	return bad == 0;
}

static void check_registers(void *unused)
{
	(void)unused;
	for (int i = 0; i < 500; i++)
		CHECK(callee_saved_survive());
	wend_waitgroup_done(&wg);
}

CO_TEST(callee_saved_registers_survive_yield)
{
	wend_waitgroup_add(&wg, 4);
	for (int i = 0; i < 4; i++)
		CHECK_EQ(wend_go(check_registers, NULL), 0);
	wend_waitgroup_wait(&wg);
}
#endif

static int seen_mode, seen_tid;

static void read_rounding(void *unused)
{
	(void)unused;
	seen_mode = fegetround();
	seen_tid = tid();
	wend_waitgroup_done(&wg);
}

/* The control words belong to the thread: a switch neither saves nor resets them. */
CO_TEST(rounding_mode_belongs_to_the_thread)
{
	int compared = 0;

	wend_maxprocs(1);
	for (int i = 0; i < 100 && compared < 10; i++) {
		int here = tid();

		CHECK_EQ(fesetround(FE_UPWARD), 0);
		wend_waitgroup_add(&wg, 1);
		CHECK_EQ(wend_go(read_rounding, NULL), 0);
		wend_waitgroup_wait(&wg);
		if (seen_tid == here) {
			CHECK_EQ(seen_mode, FE_UPWARD);
			compared++;
		} else {
			CHECK_EQ(seen_mode, FE_TONEAREST);
		}
		if (tid() == here) {
			CHECK_EQ(fegetround(), FE_UPWARD);
			CHECK_EQ(fesetround(FE_TONEAREST), 0);
		}
	}
	CHECK(compared > 0);
}

static void aligned_frames(void *unused)
{
	/* Frames of a coroutine are aligned as the ABI promises: aligned vector stores do not fault. */
	_Alignas(16) double v[4] = {1, 2, 3, 4};
	char text[64];

	(void)unused;
	CHECK_EQ((uintptr_t)v % 16, 0u);
	snprintf(text, sizeof text, "%.1f %.1f %.1f %.1f", v[0], v[1], v[2], v[3]);
	CHECK_EQ(text, "1.0 2.0 3.0 4.0");
	wend_waitgroup_done(&wg);
}

CO_TEST(stacks_are_aligned)
{
	wend_waitgroup_add(&wg, 1);
	CHECK_EQ(wend_go(aligned_frames, NULL), 0);
	wend_waitgroup_wait(&wg);
	wend_waitgroup_add(&wg, 1);
	aligned_frames(NULL); /* the main coroutine's, too */
}

/* ---- Attributes ------------------------------------------------------------------------------ */

static int inside, overlaps;

static void alone_on_p(void *unused)
{
	(void)unused;
	for (int i = 0; i < 300; i++) {
		if (ADD(inside, 1) != 1)
			ADD(overlaps, 1);
		for (volatile int spin = 0; spin < 200; spin++)
			;
		ADD(inside, -1);
		wend_yield();
	}
	wend_waitgroup_done(&wg);
}

/* Coroutines of one P never run at the same time. */
CO_TEST_LIMIT(pinned_coroutines_run_on_their_p_only, 20)
{
	wend_attr a = {.on_p = 2};

	if (wend_maxprocs(4) < 0)
		test_skip("four P's are not to be had");
	wend_waitgroup_add(&wg, 8);
	for (int i = 0; i < 8; i++)
		CHECK_EQ(wend_go_attr(&a, alone_on_p, NULL), 0);
	wend_waitgroup_wait(&wg);
	CHECK_EQ(LOAD(overlaps), 0);
}

/* The check above can fail: unpinned ones do overlap, given two CPUs. */
CO_TEST_LIMIT(unpinned_coroutines_run_in_parallel, 20)
{
	double end = test_now() + 10; /* others may have the second CPU for a while */

	if (sysconf(_SC_NPROCESSORS_ONLN) < 2 || wend_num_cpu() < 2)
		test_skip("one CPU");
	wend_maxprocs(4);
	while (test_now() < end && !LOAD(overlaps)) {
		wend_waitgroup_add(&wg, 8);
		for (int i = 0; i < 8; i++)
			CHECK_EQ(wend_go(alone_on_p, NULL), 0);
		wend_waitgroup_wait(&wg);
	}
	CHECK(LOAD(overlaps) > 0);
}

CO_TEST_LIMIT(pinned_coroutines_go_on_when_their_p_goes, 20)
{
	wend_attr a = {.on_p = 4};

	if (wend_maxprocs(4) < 0)
		test_skip("four P's are not to be had");
	wend_waitgroup_add(&wg, 8);
	for (int i = 0; i < 8; i++)
		CHECK_EQ(wend_go_attr(&a, alone_on_p, NULL), 0);
	wend_yield();
	CHECK(wend_maxprocs(1) > 0);
	wend_waitgroup_wait(&wg);
	CHECK_EQ(wend_go_attr(&a, alone_on_p, NULL), -EINVAL); /* there is no fourth P now */
}

static bool find_named(const wend_coroutine_info *info, void *found)
{
	if (info->name && strcmp(info->name, "a named one") == 0)
		*(wend_coroutine_info *)found = *info;
	return true;
}

CO_TEST(name_and_stack_size_are_taken)
{
	wend_attr a = {.name = "a named one", .stack_size = 300 * 1024};
	wend_coroutine_info info = {.id = 0};

	CHECK_EQ(wend_go_attr(&a, wait_for_ever, NULL), 0);
	CHECK(wend_coroutines_each(find_named, &info) >= 2);
	CHECK(info.id != 0);
	CHECK_LE(300 * 1024, info.stack_size);
	CHECK_EQ(info.parent_id, wend_coroutine_id());
	CHECK(info.entry == (const void *)(uintptr_t)wait_for_ever);
}

static void use_stack(void *bytes)
{
	size_t n = (size_t)bytes;
	volatile char *block = __builtin_alloca(n);

	for (size_t i = 0; i < n; i += 1000)
		block[n - 1 - i] = (char)i;
	ADD(count, block[n - 1] == 0);
	wend_waitgroup_done(&wg);
}

CO_TEST(the_stack_has_the_size_asked_for)
{
	static const size_t sizes[] = {64 << 10, 100 << 10, 1 << 20, 16 << 20, 200 << 20};

	for (int i = 0; i < 5; i++) {
		wend_attr a = {.stack_size = sizes[i]};

		wend_waitgroup_add(&wg, 1);
		/* All but a page for the guard, one for the control block, some for frames of the checks. */
		CHECK_EQ(wend_go_attr(&a, use_stack, (void *)(sizes[i] - (20 << 10))), 0);
		wend_waitgroup_wait(&wg);
		CHECK_EQ(LOAD(count), i + 1);
	}
}

/* ---- Foreign threads ------------------------------------------------------------------------- */

static void *spawn_from_thread(void *unused)
{
	(void)unused;
	for (int i = 0; i < 1000; i++)
		CHECK_EQ(wend_go(bump, NULL), 0);
	return NULL;
}

CO_TEST(foreign_threads_spawn)
{
	pthread_t t[4];

	wend_waitgroup_add(&wg, 4000);
	for (int i = 0; i < 4; i++)
		CHECK(pthread_create(&t[i], NULL, spawn_from_thread, NULL) == 0);
	wend_waitgroup_wait(&wg);
	for (int i = 0; i < 4; i++)
		pthread_join(t[i], NULL);
	CHECK_EQ(LOAD(count), 4000);
}

static void *wake_from_thread(void *unused)
{
	(void)unused;
	TEST_SLEEP_MS(50); /* every P is asleep by now */
	wend_waitgroup_done(&wg);
	return NULL;
}

CO_TEST(foreign_threads_wake_an_idle_runtime)
{
	for (int i = 0; i < 5; i++) {
		pthread_t t;

		wend_waitgroup_add(&wg, 1);
		CHECK(pthread_create(&t, NULL, wake_from_thread, NULL) == 0);
		wend_waitgroup_wait(&wg);
		pthread_join(t, NULL);
	}
}

TEST_LIMIT(start_and_stop_inside_a_host_program, 20)
{
	long threads = 0;

	for (int i = 0; i < 20; i++) {
		wend_config cfg = {.maxprocs = 1 + i % 4};

		CHECK_EQ(wend_start(i % 5 ? &cfg : NULL), 0);
		CHECK_EQ(wend_start(NULL), -EBUSY);
		wend_waitgroup_add(&wg, 100);
		for (int k = 0; k < 100; k++)
			CHECK_EQ(wend_go(bump, NULL), 0);
		wend_waitgroup_wait(&wg);
		CHECK_EQ(wend_go(wait_for_ever, NULL), 0);
		CHECK_EQ(wend_stop(), 0);
		CHECK_EQ(wend_stop(), -EINVAL);
		CHECK_EQ(wend_go(bump, NULL), -EPERM);
		if (i == 0) /* a sanitizer may have started one of its own */
			threads = test_threads();
	}
	CHECK_EQ(LOAD(count), 2000);
	test_threads_become(threads);
}

static void stop_inside(void *unused)
{
	(void)unused;
	CHECK_EQ(wend_stop(), -EINVAL);
	wend_waitgroup_done(&wg);
}

TEST(a_coroutine_cannot_stop_the_runtime)
{
	CHECK_EQ(wend_start(NULL), 0);
	wend_waitgroup_add(&wg, 1);
	CHECK_EQ(wend_go(stop_inside, NULL), 0);
	wend_waitgroup_wait(&wg);
	CHECK_EQ(wend_stop(), 0);
}

/* ---- Numbers --------------------------------------------------------------------------------- */

CO_TEST(maxprocs_returns_the_former_number)
{
	int n = wend_maxprocs(0);

	CHECK(n >= 1);
	CHECK_EQ(wend_maxprocs(3), n);
	CHECK_EQ(wend_maxprocs(0), 3);
	CHECK_EQ(wend_maxprocs(-1), 3);
	CHECK_EQ(wend_maxprocs(-2147483647 - 1), 3);
	CHECK_EQ(wend_maxprocs(WEND_MAXPROCS_LIMIT + 1), -EINVAL);
	CHECK_EQ(wend_maxprocs(2147483647), -EINVAL);
	CHECK_EQ(wend_maxprocs(0), 3);
	CHECK_EQ(wend_maxprocs(1), 3);
	CHECK_EQ(wend_maxprocs(0), 1);
}

TEST(num_cpu_is_what_affinity_allows)
{
	CHECK(wend_num_cpu() >= 1);
	CHECK_LE(wend_num_cpu(), sysconf(_SC_NPROCESSORS_ONLN));
	CHECK(wend_maxprocs(0) >= 1); /* what it would start with */
}

static int ask_procs(void *unused)
{
	(void)unused;
	return wend_maxprocs(0);
}

TEST(maxprocs_comes_from_the_environment)
{
	setenv("WEND_MAXPROCS", "3", 1);
	CHECK_EQ(wend_run(ask_procs, NULL), 3);
	unsetenv("WEND_MAXPROCS");
	setenv("WENDDEBUG", "maxprocs=5", 1);
	CHECK_EQ(wend_run(ask_procs, NULL), 5);
	setenv("WENDDEBUG", "", 1);
	CHECK_EQ(wend_run(ask_procs, NULL), wend_num_cpu());
}
