/* SPDX-License-Identifier: MIT
 *
 * Deaths by signal: what becomes a panic, what is fatal, who handles what; SIGQUIT; WENDTRACEBACK. */
#include "harness/child.h"
#include "harness/test.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/socket.h>

#include <wend/wend.h>

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define CHECKED_MEMORY 1 /* the checker had a handler before: it gets what we pass on, and reports it itself */
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define CHECKED_MEMORY 1
#endif
#endif
#if defined(__clang__)
#define FAULTS __attribute__((noinline, no_sanitize("undefined", "address")))
#else
#define FAULTS __attribute__((noinline, noclone, no_sanitize("undefined", "address")))
#endif

/* ---- Panics ---------------------------------------------------------------------------------- */

static long sink;
static volatile int zero;

/* Not static: traces find them by name. */
void loads(const int *p);
void measures(const char *p);
void divides(int by);

FAULTS void loads(const int *p)
{
	sink += p[3];
}

FAULTS void measures(const char *p)
{
	sink += (long)strlen(p);
	sink++;
}

FAULTS void divides(int by)
{
	sink += 10 / by;
}

static void nil(void)
{
	printf("printed before");
	loads(NULL);
	sink++; /* no tail call */
}

static void nil_length(void)
{
	measures(NULL);
	sink++;
}

static void division(void)
{
	divides(zero);
	sink++;
}

#define NIL "panic: runtime error: invalid memory address or nil pointer dereference\n"

TEST(a_nil_pointer_ends_the_program_as_a_panic)
{
	struct child c = child_run(nil, 0);

	CHILD_EXITED(&c, 2);
	CHECK_EQ(c.out, "printed before");
	CHILD_BEGINS(&c, NIL "[signal SIGSEGV: segmentation violation code=0x1 addr=0xc pc=0x");
	CHECK_HAS(c.err, "\n\ncoroutine 1 [running]:\nloads(...)\n\t");
	CHECK_HAS(c.err, "test_signals.c:");
	CHECK_HAS(c.err, "\nnil(...)\n");
	child_free(&c);
}

/* A string function keeps no frame pointer: its caller must not be missing. */
TEST(also_in_a_string_function)
{
	struct child c = child_run(nil_length, 0);

	CHILD_EXITED(&c, 2);
	CHILD_BEGINS(&c, NIL);
	CHECK_HAS(c.err, "\nmeasures(...)\n\t");
	CHECK_HAS(c.err, "\nnil_length(...)\n\t");
	child_free(&c);
}

TEST(a_division_by_zero_ends_the_program_as_a_panic)
{
	struct child c = child_run(division, 0);

	CHILD_EXITED(&c, 2);
	CHILD_BEGINS(&c, "panic: runtime error: integer divide by zero\n[signal SIGFPE: floating-point exception code=0x1 addr=0x");
	CHECK_HAS(c.err, "\n\ncoroutine 1 [running]:\ndivides(...)\n\t");
	child_free(&c);
}

/* ---- What is no panic ------------------------------------------------------------------------ */

static void quiet(void *unused)
{
	(void)unused;
	wend_recover();
}

#ifndef CHECKED_MEMORY
static void wild(void)
{
	int *nowhere = mmap(NULL, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	WEND_DEFERS;
	wend_defer(quiet, NULL);
	printf("printed before");
	loads(nowhere);
	sink++;
}

TEST(a_wild_address_is_fatal)
{
	struct child c = child_run(wild, 0);

	CHILD_EXITED(&c, 2);
	CHECK_EQ(c.out, "printed before");
	CHILD_BEGINS(&c, "unexpected fault address 0x");
	CHECK_HAS(c.err, "\nfatal error: fault\n[signal SIGSEGV: segmentation violation code=0x2 addr=0x");
	CHECK_HAS(c.err, "\n\ncoroutine 1 [running]:\nloads(...)\n\t");
	CHECK_HAS(c.err, "\nwild(...)\n\t");
	child_free(&c);
}

/* Of an address that no page table can hold the kernel says only that there was a fault. */
static void no_address(void)
{
	loads((int *)0x8000000000001000);
	sink++;
}

TEST(an_address_that_cannot_be_is_fatal)
{
	struct child c = child_run(no_address, 0);

	CHILD_EXITED(&c, 2);
	CHILD_BEGINS(&c, "unexpected fault address 0x0\nfatal error: fault\n[signal SIGSEGV: segmentation violation code=0x80 addr=0x0");
	child_free(&c);
}

/* printf holds the stream's lock while it measures the string. */
static void inside_printf(void)
{
	const char *volatile bad = (const char *)16;

	WEND_DEFERS;
	wend_defer(quiet, NULL);
	fprintf(stderr, "%s", bad);
}

TEST(a_fault_inside_the_c_library_is_fatal)
{
	struct child c = child_run(inside_printf, 0);

	CHILD_EXITED(&c, 2);
	CHILD_BEGINS(&c, "fatal error: unexpected signal in the C library\n[signal SIGSEGV: segmentation violation code=0x1 addr=0x10");
	CHECK_HAS(c.err, "libc.so");
	child_free(&c);
}

static void *load_nil(void *unused)
{
	loads(NULL);
	return unused;
}

static void on_a_thread(void)
{
	pthread_t t;

	signal(SIGSEGV, SIG_DFL); /* not a checker's */
	CHECK(pthread_create(&t, NULL, load_nil, NULL) == 0);
	pthread_join(t, NULL);
}

static void sent(void)
{
	kill(getpid(), SIGSEGV);
	for (;;)
		wend_yield();
}

TEST(foreign_threads_die_as_they_would_have)
{
	struct child c = child_run(on_a_thread, 0);

	CHECK_EQ(c.signal, SIGSEGV);
	child_free(&c);
}

TEST(a_signal_that_was_sent_kills_as_it_would_have)
{
	struct child c = child_run(sent, 0);

	CHECK_EQ(c.signal, SIGSEGV);
	child_free(&c);
}
#endif

static void handler(int sig)
{
	static const char text[] = "handled\n";

	if (write(1, text, sizeof text - 1) < 0 || sig != SIGFPE)
		_exit(1);
}

static void recovers(void (*fn)(void))
{
	WEND_DEFERS;
	wend_defer(quiet, NULL);
	fn();
}

/* The program's handler from before gets what is not ours. */
static void both(void)
{
	recovers(division);
	printf("recovered\n");
	fflush(stdout);
	raise(SIGFPE);
}

static void run_both(void *unused)
{
	(void)unused;
	signal(SIGFPE, handler);
	child_main(both, 0);
}

TEST(a_handler_from_before_gets_signals_that_are_sent)
{
	struct child c = child_call(run_both, NULL, 15);

	CHILD_EXITED(&c, 100);
	CHECK_EQ(c.out, "recovered\nhandled\n");
	child_free(&c);
}

/* ---- SIGQUIT --------------------------------------------------------------------------------- */

static wend_waitgroup never, parked;

static void wait_for_ever(void *unused)
{
	(void)unused;
	wend_waitgroup_done(&parked);
	wend_waitgroup_wait(&never);
	sink++;
}

void spinning_function(void);

__attribute__((noinline)) void spinning_function(void)
{
	kill(getpid(), SIGQUIT);
	for (;;)
		sink++;
}

static void quit(void)
{
	wend_attr named = {.name = "the waiter"};

	wend_maxprocs(1);
	wend_waitgroup_add(&never, 1);
	wend_waitgroup_add(&parked, 3);
	for (int i = 0; i < 3; i++)
		CHECK_EQ(wend_go_attr(&named, wait_for_ever, NULL), 0);
	wend_waitgroup_wait(&parked);
	printf("printed before");
	spinning_function();
}

TEST(sigquit_shows_all_coroutines)
{
	struct child c = child_run(quit, 0);
	const char *at = c.err;

	CHILD_EXITED(&c, 2);
	CHECK_EQ(c.out, "printed before");
	CHILD_BEGINS(&c, "SIGQUIT: quit\nPC=0x");
	CHECK_HAS(c.err, "\n\ncoroutine 1 [running]:\n");
	CHECK_HAS(c.err, "\nspinning_function(...)\n\t");
	for (int i = 0; i < 3; i++) {
		at = strstr(at, " [sync.WaitGroup.Wait]: the waiter");
		CHECK_MSG(at, "waiter %d is missing in\n%s", i, c.err);
		at++;
	}
	CHECK_HAS(at, "\nwend_waitgroup_wait(...)\n");
	CHECK_HAS(at, "\nwait_for_ever(...)\n\t");
	CHECK_HAS(at, "\ncreated by quit in coroutine 1\n\t");
	child_free(&c);
}

static void spin(void *spins)
{
	for (__atomic_store_n((bool *)spins, true, __ATOMIC_RELEASE);;)
		sink++;
}

static void quit_beside_one_that_runs(void)
{
	static bool spins;

	CHECK_EQ(wend_go(spin, &spins), 0);
	while (!__atomic_load_n(&spins, __ATOMIC_ACQUIRE))
		wend_sleep(WEND_MILLISECOND);
	raise(SIGQUIT);
}

/* Go's words, in Go's order. */
TEST(sigquit_says_that_the_stack_of_one_that_runs_is_not_there)
{
	struct child c = child_run(quit_beside_one_that_runs, 2);

	CHILD_EXITED(&c, 2);
	CHECK_HAS(c.err, " [running]:\n\tcoroutine running on other thread; stack unavailable\n"
					 "created by quit_beside_one_that_runs in coroutine 1\n\t");
	child_free(&c);
}

static void own_quit(int sig)
{
	(void)sig;
	_exit(77);
}

static void run_own_quit(void *unused)
{
	(void)unused;
	signal(SIGQUIT, own_quit);
	child_main(quit, 0);
}

TEST(a_handler_of_the_programs_own_keeps_sigquit)
{
	struct child c = child_call(run_own_quit, NULL, 15);

	CHILD_EXITED(&c, 77);
	child_free(&c);
}

/* ---- WENDTRACEBACK --------------------------------------------------------------------------- */

static void panic_beside_others(void)
{
	wend_waitgroup_add(&never, 1);
	wend_waitgroup_add(&parked, 1);
	CHECK_EQ(wend_go(wait_for_ever, NULL), 0);
	wend_waitgroup_wait(&parked);
	wend_yield();
	wend_panic("with a trace");
}

static struct child with_level(const char *level)
{
	setenv("WENDTRACEBACK", level, 1);
	return child_run(panic_beside_others, 0);
}

TEST_LIMIT(wendtraceback_chooses_how_much, 60)
{
	static const struct {
		const char *level;
		bool own, others, inner;
	} want[] = {
		{"none", false, false, false}, {"0", false, false, false}, {"single", true, false, false},
		{"1", true, false, false},     {"", true, false, false},   {"all", true, true, false},
		{"2", true, true, false},      {"system", true, true, true},
	};

	for (size_t i = 0; i < sizeof want / sizeof *want; i++) {
		struct child c = with_level(want[i].level);

		CHILD_EXITED(&c, 2);
		CHILD_BEGINS(&c, "panic: with a trace\n");
		CHECK_MSG(!strstr(c.err, "\npanic_beside_others(...)") == !want[i].own, "%s:\n%s", want[i].level, c.err);
		CHECK_MSG(!strstr(c.err, "\nwait_for_ever(...)") == !want[i].others, "%s:\n%s", want[i].level, c.err);
		CHECK_MSG(!strstr(c.err, "\nwend__g_main(...)") == !want[i].inner, "%s:\n%s", want[i].level, c.err);
		child_free(&c);
	}
}

TEST_LIMIT(wendtraceback_crash_ends_by_sigabrt, 20)
{
	struct child c = with_level("crash");

	CHECK_EQ(c.signal, SIGABRT);
	CHECK_HAS(c.err, "\nwend__g_main(...)");
	child_free(&c);
}

/* Debugging information is never asked for over a network. */
TEST(no_server_is_asked_for_symbols)
{
	struct sockaddr_in addr = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t size = sizeof addr;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
	char url[60];

	CHECK(fd >= 0 && bind(fd, (struct sockaddr *)&addr, size) == 0 && listen(fd, 5) == 0);
	CHECK(getsockname(fd, (struct sockaddr *)&addr, &size) == 0);
	snprintf(url, sizeof url, "http://127.0.0.1:%d", ntohs(addr.sin_port));
	setenv("DEBUGINFOD_URLS", url, 1);

	struct child c = with_level("system"); /* through the C library, which has no debugging information */

	CHILD_EXITED(&c, 2);
	CHECK_HAS(c.err, "\npanic_beside_others(...)");
	CHECK(accept(fd, NULL, NULL) < 0 && errno == EAGAIN);
	close(fd);
	child_free(&c);
}
