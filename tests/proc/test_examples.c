/* SPDX-License-Identifier: MIT
 *
 * The reference programs: what they print and how they end. */
#include "harness/child.h"
#include "harness/test.h"

#include <fcntl.h>
#include <sys/wait.h>

#include <wend/go.h>

#define EXAMPLE(name) WEND_BUILD_DIR "/examples/" name

static struct child run(const char *path, const char *arg, const char *procs)
{
	const char *argv[] = {path, arg, NULL};
	const char *env[] = {procs, NULL};

	return child_exec(argv, procs ? env : NULL, 20);
}

/* Starting a program takes ThreadSanitizer some hundred milliseconds. */
#define ROUNDS (TEST_TSAN ? 6 : 30)

static const char *const procs[] = {NULL, "WEND_MAXPROCS=1", "WEND_MAXPROCS=4"};

static int compare(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Sorts the lines of text between the two pointers, in place. */
static void sort_words(char *text, const char *separator, char *out, size_t size)
{
	char *words[100];
	size_t n = 0, at = 0;

	for (char *w = strtok(text, separator); w && n < 100; w = strtok(NULL, separator))
		words[n++] = w;
	qsort(words, n, sizeof words[0], compare);
	out[0] = 0;
	for (size_t i = 0; i < n && at < size; i++)
		at += (size_t)snprintf(out + at, size - at, "%s;", words[i]);
}

TEST_LIMIT(spawn, 60)
{
	for (int round = 0; round < ROUNDS; round++) {
		struct child c = run(EXAMPLE("spawn"), NULL, procs[round % 3]);
		char *second, *third, sorted[500];

		CHILD_EXITED(&c, 0);
		CHECK_EQ(c.err, "");
		/* Two lines, then ten, then one. */
		second = strchr(c.out, '\n');
		second = second ? strchr(second + 1, '\n') : NULL;
		CHECK(second);
		*second++ = 0;
		third = strstr(second, "all done\n");
		CHECK(third);
		CHECK_EQ(third, "all done\n");
		*third = 0;
		sort_words(c.out, "\n", sorted, sizeof sorted);
		CHECK_EQ(sorted, "add(2,4)=6;inline(2,4)=6;");
		sort_words(second, "\n", sorted, sizeof sorted);
		CHECK_EQ(sorted, "child 0: 1;child 1: 3;child 2: 5;child 3: 7;child 4: 9;child 5: 11;"
						 "child 6: 13;child 7: 15;child 8: 17;child 9: 19;");
		child_free(&c);
	}
}

TEST_LIMIT(capture, 60)
{
	for (int round = 0; round < ROUNDS; round++) {
		struct child c = run(EXAMPLE("capture"), NULL, procs[round % 3]);
		char *second, sorted[200];

		CHILD_EXITED(&c, 0);
		CHECK_EQ(c.err, "");
		second = strchr(c.out, '\n');
		CHECK(second);
		*second++ = 0;
		CHECK_EQ(c.out, "shared: 4 4 4 4");
		CHECK(strncmp(second, "copied:", 7) == 0);
		CHECK(c.out[c.out_len - 1] == '\n' && strchr(second, '\n') == c.out + c.out_len - 1);
		sort_words(second, " \n", sorted, sizeof sorted);
		CHECK_EQ(sorted, "1;2;3;4;copied:;");
		child_free(&c);
	}
}

TEST_LIMIT(lifetime, 60)
{
	for (int round = 0; round < ROUNDS; round++) {
		double start = test_now();
		struct child c = run(EXAMPLE("lifetime"), NULL, procs[round % 3]);

		CHILD_EXITED(&c, 0);
		CHECK_EQ(c.err, "");
		CHECK_EQ(c.out, "parent over\nchild over\nmain over\n");
		CHECK_LE(test_now() - start, 5.0); /* at once, on a busy machine */
		child_free(&c);
	}
}

TEST_LIMIT(once, 60)
{
	for (int round = 0; round < ROUNDS; round++) {
		struct child c = run(EXAMPLE("once"), NULL, procs[round % 3]);

		CHILD_EXITED(&c, 0);
		CHECK_EQ(c.err, "");
		CHECK_EQ(c.out, "loads=1 singletons=1\n");
		child_free(&c);
	}
}

/* The race of program race is meant: ThreadSanitizer shall not end it. */
#define RACE_IS_MEANT "TSAN_OPTIONS=report_bugs=0:atexit_sleep_ms=50"

static struct child run_race(const char *runs, const char *procs)
{
	const char *argv[] = {EXAMPLE("race"), runs, NULL};
	const char *env[] = {RACE_IS_MEANT, procs, NULL};

	return child_exec(argv, env, 20);
}

#define LINE "===========================\n"

TEST_LIMIT(race, 60)
{
	for (int round = 0; round < ROUNDS; round++) {
		struct child c = run_race(NULL, procs[round % 3]);
		char rest[200];
		int n;

		CHILD_EXITED(&c, 0);
		CHECK_EQ(c.err, "");
		CHECK_EQ(sscanf(c.out, "finally n=%d\n%199c", &n, rest), 2);
		CHECK(n > 0 && n <= 1000);
		if (round % 3 == 1)
			CHECK_EQ(n, 1000); /* on one P nobody comes in between */
		snprintf(rest, sizeof rest, "finally n=%d\n" LINE "finally n=1000\n" LINE "finally n=1000\n" LINE, n);
		CHECK_EQ(c.out, rest);
		child_free(&c);
	}
}

/* How many of 100 runs lost updates. Each says how far it came. */
static int lost_of_100(const char *procs)
{
	struct child c = run_race("100", procs);
	const char *at = c.out;
	int lost = 0, said;

	CHILD_EXITED(&c, 0);
	CHECK_EQ(c.err, "");
	for (int i = 0; i < 100; i++) {
		int n, length = 0;

		CHECK_EQ(sscanf(at, "finally n=%d\n" LINE "%n", &n, &length), 1);
		CHECK(length > 0 && n > 0 && n <= 1000);
		lost += n < 1000;
		at += length;
	}
	CHECK_EQ(sscanf(at, "lost updates in %d of 100 runs\n", &said), 1);
	CHECK_EQ(said, lost);
	child_free(&c);
	return lost;
}

/* Whether two P's meet in 100 runs, some 10 ms in all, is up to how busy the machine is: tried until they do. */
TEST_LIMIT(race_loses_updates_on_two_ps, 60)
{
	int lost = 0;

	CHECK_EQ(lost_of_100("WEND_MAXPROCS=1"), 0);
	if (wend_num_cpu() < 2)
		return;
	for (int i = 0; i < 200 && !lost; i++)
		lost = lost_of_100("WEND_MAXPROCS=2");
	CHECK(lost > 0);
}

#define CONTAINERS                                                                                \
	"[0 1 0 1 0 1 0 1 0 1]\n=======================\nFred 20\n=======================\n"

TEST_LIMIT(containers, 60)
{
	for (int round = 0; round < ROUNDS; round++) {
		struct child c = run(EXAMPLE("containers"), NULL, procs[round % 3]);

		CHILD_EXITED(&c, 0);
		CHECK_EQ(c.err, "");
		CHECK_MSG(strcmp(c.out, CONTAINERS "v1 true\n") == 0 || strcmp(c.out, CONTAINERS "v2 true\n") == 0,
				  "%s", c.out);
		child_free(&c);
	}
}

TEST_LIMIT(containers_catches_writers_of_a_plain_map, 60)
{
	struct child c = run(EXAMPLE("containers"), "plain", "WEND_MAXPROCS=2");

	if (wend_num_cpu() < 2 && c.status == 1)
		test_skip("one CPU: the writers did not meet");
	CHILD_EXITED(&c, 2);
	CHECK_HAS(c.err, "fatal error: concurrent map writes\n");
	CHECK_HAS(c.err, "write_until");
	CHECK_EQ(c.out, "");
	child_free(&c);
}

/* On one P nothing meets: it gives up after 10 s. */
TEST_LIMIT(containers_gives_up, 60)
{
	double start = test_now();

	if (!WEND_TEST_FIRST)
		test_skip("once is enough");

	struct child c = run(EXAMPLE("containers"), "plain", "WEND_MAXPROCS=1");

	CHILD_EXITED(&c, 1);
	CHECK_HAS(c.err, "nothing was noticed in 10 s\n");
	CHECK_LE(8.9, test_now() - start);
	child_free(&c);
}

/* The failing modes print what was deferred before the fault, then die: text and place. */
TEST_LIMIT(defer, 60)
{
	static const struct {
		const char *mode, *out, *err;
	} modes[] = {
		{"divide", "second deferred\nfirst deferred\n", "panic: runtime error: integer divide by zero\n"},
		{"panic", "second deferred\nfirst deferred\n", "panic: my error\n"},
		{"index", "second deferred\nfirst deferred\n", "panic: runtime error: index out of range [5] with length 3\n"},
		{"nil", "second deferred\nfirst deferred\n",
		 "panic: runtime error: invalid memory address or nil pointer dereference\n"},
	};
	struct child c = run(EXAMPLE("defer"), "ok", NULL);

	CHILD_EXITED(&c, 0);
	CHECK_EQ(c.out, "x=6\nthird deferred\nsecond deferred\nfirst deferred\n");
	CHECK_EQ(c.err, "");
	child_free(&c);
	for (int i = 0; i < 4; i++) {
		c = run(EXAMPLE("defer"), modes[i].mode, procs[i % 3]);
		CHILD_EXITED(&c, 2);
		CHECK_EQ(c.out, modes[i].out);
		CHECK_MSG(strncmp(c.err, modes[i].err, strlen(modes[i].err)) == 0, "%s", c.err);
		CHECK_HAS(c.err, "\n\ncoroutine 1 [running]:\n");
		CHECK_HAS(c.err, "\nwork(...)\n\t");
		CHECK_HAS(c.err, "examples/defer.c:");
		child_free(&c);
	}
}

TEST_LIMIT(recover, 60)
{
	for (int round = 0; round < 6; round++) {
		struct child c = run(EXAMPLE("recover"), NULL, procs[round % 3]);

		CHILD_EXITED(&c, 0);
		CHECK_EQ(c.err, "");
		CHECK_EQ(c.out, "recovered: my error\ncaller goes on\noutside a deferred call: nothing to recover\n"
						"recovered: second error\n");
		child_free(&c);
	}
}

/* All four ways, at the program's own limit and with one that the job keeps to. */
TEST_LIMIT(timeout, 60)
{
	double start, seconds;
	struct child c;

	/* Jobs that are given up hold their channels to the end, on stacks that LeakSanitizer does not look at. */
	setenv("ASAN_OPTIONS", "detect_leaks=0", 1);
	start = test_now();
	c = run(EXAMPLE("timeout"), NULL, NULL);
	seconds = test_now() - start;
	CHILD_EXITED(&c, 0);
	CHECK_EQ(c.err, "");
	CHECK_EQ(c.out, "work timeout\nwork timeout\nwork timeout\nwork timeout\n");
	CHECK_LE(0.4, seconds);
	CHECK_LE(seconds, TEST_SANITIZED ? 5 : 1); /* 0.6 on a machine that is not busy */
	child_free(&c);

	c = run(EXAMPLE("timeout"), "20", "WEND_MAXPROCS=1");
	CHILD_EXITED(&c, 0);
	CHECK_EQ(c.out, "work timeout\nwork timeout\nwork timeout\nwork timeout\n");
	child_free(&c);

	start = test_now();
	c = run(EXAMPLE("timeout"), "1000", "WEND_MAXPROCS=4");
	seconds = test_now() - start;
	CHILD_EXITED(&c, 0);
	CHECK_EQ(c.out, "work done\nwork done\nwork done\nwork done\n");
	CHECK_LE(2, seconds);
	child_free(&c);
}

TEST_LIMIT(million_with_few, 60)
{
	struct child c = run(EXAMPLE("million"), "2000", NULL);
	double seconds, ns, kib;
	long n;

	CHILD_EXITED(&c, 0);
	CHECK_EQ(c.err, "");
	CHECK_EQ(sscanf(c.out, "coroutines: %ld created in %lf s, %lf ns and %lf KiB resident each; "
						   "stopped by: all that",
					&n, &seconds, &ns, &kib),
			 4);
	CHECK_EQ(n, 2000);
	CHECK(ns > 1 && kib > 1);
	CHECK_HAS(c.out, "\nthreads: ");
	CHECK_EQ(sscanf(strstr(c.out, "\nthreads: "),
					"\nthreads: %ld created in %lf s, %lf ns and %lf KiB resident each", &n, &seconds,
					&ns, &kib),
			 4);
	CHECK(n > 0 && n <= 2000);
	CHECK_HAS(strstr(c.out, "\nthreads: "), "stopped by: ");
	child_free(&c);
}

TEST(wrong_arguments_exit_64)
{
	static const char *const wrong[][2] = {
		{EXAMPLE("spawn"), "x"},        {EXAMPLE("capture"), "x"},
		{EXAMPLE("lifetime"), "x"},     {EXAMPLE("once"), "x"},
		{EXAMPLE("containers"), "x"},   {EXAMPLE("containers"), ""},
		{EXAMPLE("race"), "x"},         {EXAMPLE("race"), "0"},
		{EXAMPLE("race"), "1x"},        {EXAMPLE("million"), "x"},
		{EXAMPLE("million"), "0"},      {EXAMPLE("million"), "-5"},
		{EXAMPLE("million"), "10x"},    {EXAMPLE("million"), ""},
		{EXAMPLE("million"), "99999999999999999999"},
		{EXAMPLE("defer"), NULL},       {EXAMPLE("defer"), "x"},
		{EXAMPLE("recover"), "x"},      {EXAMPLE("timeout"), "x"},
		{EXAMPLE("barrier"), "x"},
		{EXAMPLE("timeout"), "0"},      {EXAMPLE("timeout"), ""},
		{EXAMPLE("timeout"), "5x"},
	};

	for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
		struct child c = run(wrong[i][0], wrong[i][1], NULL);

		CHILD_EXITED(&c, 64);
		CHECK_EQ(c.out, "");
		CHECK_HAS(c.err, "usage: ");
		child_free(&c);
	}
}

TEST_LIMIT(output_that_is_lost_is_an_error, 60)
{
	static const char *const programs[][3] = {
		{EXAMPLE("spawn")}, {EXAMPLE("capture")}, {EXAMPLE("lifetime")}, {EXAMPLE("once")},
		{EXAMPLE("race")}, {EXAMPLE("containers")}, {EXAMPLE("close")}, {EXAMPLE("barrier")},
		{EXAMPLE("million"), "100"}, {EXAMPLE("timeout"), "1"}, {EXAMPLE("limiter"), "1"},
		{EXAMPLE("countdown"), "1"}, {EXAMPLE("deadlock"), "saved", "0"}};

	for (size_t i = 0; i < sizeof programs / sizeof *programs; i++) {
		const char *env[] = {RACE_IS_MEANT, NULL};
		const char *argv[] = {"/bin/sh", "-c", "exec \"$0\" \"$@\" >/dev/full", programs[i][0],
							  programs[i][1], programs[i][2], NULL};
		struct child c = child_exec(argv, env, 20);

		CHILD_EXITED(&c, 1);
		child_free(&c);
	}
}

TEST_LIMIT(close_normal, 60)
{
	for (int round = 0; round < 9; round++) {
		struct child c = run(EXAMPLE("close"), NULL, procs[round % 3]);

		CHILD_EXITED(&c, 0);
		CHECK_EQ(c.err, "");
		CHECK_EQ(c.out, "receive 1\n\n==================\nreceive 1\nchannel has been closed, receive 0\n");
		child_free(&c);
	}
}

TEST_LIMIT(close_misuse, 60)
{
	static const struct {
		const char *mode, *out, *err;
	} forms[] = {
		{"send", "", "panic: send on closed channel\n"},
		{"twice", "", "panic: close of closed channel\n"},
		{"nil", "", "panic: close of nil channel\n"},
		{"unclosed", "receive 1\n", "fatal error: all coroutines are asleep - deadlock!\n"},
	};

	for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
		struct child c = run(EXAMPLE("close"), forms[i].mode, NULL);

		CHILD_EXITED(&c, 2);
		CHECK_EQ(c.out, forms[i].out);
		CHECK(strncmp(c.err, forms[i].err, strlen(forms[i].err)) == 0);
		if (i == 3)
			CHECK_HAS(c.err, "[chan receive");
		child_free(&c);
	}
	struct child c = run(EXAMPLE("close"), "shut", NULL);

	CHILD_EXITED(&c, 64);
	CHECK_HAS(c.err, "usage: close");
	child_free(&c);
}

TEST_LIMIT(barrier, 60)
{
#define UP "upstream done\n"
#define DOWN "downstream starts\n"
	for (int round = 0; round < 30; round++) {
		struct child c = run(EXAMPLE("barrier"), NULL, procs[round % 3]);

		CHILD_EXITED(&c, 0);
		CHECK_EQ(c.err, "");
		CHECK_EQ(c.out, UP UP UP UP DOWN DOWN DOWN DOWN DOWN);
		child_free(&c);
	}
}

/* Standard input of the children from now on: a pipe, whose other end is returned. */
static int pipe_to_children(void)
{
	int ends[2];

	CHECK_EQ(pipe2(ends, O_CLOEXEC), 0);
	CHECK_EQ(dup2(ends[0], STDIN_FILENO), STDIN_FILENO);
	return ends[1];
}

TEST_ASLEEP(countdown_finishes, 60)
{
	double start;

	pipe_to_children();
	for (int i = 0; i < 3; i++) {
		struct child c;

		start = test_now();
		c = run(EXAMPLE("countdown"), "2", procs[i]);
		CHILD_EXITED(&c, 0);
		CHECK_EQ(c.err, "");
		CHECK_EQ(c.out, "2\n1\nfinish\n");
		CHECK_LE(1.999, test_now() - start);
		CHECK_LE(test_now() - start, 15.0); /* on a busy machine */
		child_free(&c);
	}
}

/* Whatever the first byte is, and without one at the end of input. */
TEST_LIMIT(countdown_is_aborted, 60)
{
	for (int i = 0; i < 6; i++) {
		int writer = pipe_to_children();
		struct child c;

		if (i % 2)
			CHECK_EQ(write(writer, "\nx", 2), 2);
		else
			close(writer);
		c = run(EXAMPLE("countdown"), NULL, procs[i % 3]);
		CHILD_EXITED(&c, 0);
		CHECK_EQ(c.err, "");
		CHECK_MSG(!strcmp(c.out, "10\nabort\n") || !strcmp(c.out, "abort\n"), "%s", c.out);
		child_free(&c);
		close(writer);
	}
}

TEST_ASLEEP(countdown_is_aborted_on_the_way, 60)
{
	int writer = pipe_to_children();
	pid_t presser = fork();
	struct child c;

	if (presser == 0) {
		TEST_SLEEP_MS(1500);
		_exit(write(writer, "\n", 1) != 1);
	}
	c = run(EXAMPLE("countdown"), "60", "WEND_MAXPROCS=1");
	CHILD_EXITED(&c, 0);
	CHECK_EQ(c.err, "");
	CHECK(strncmp(c.out, "60\n59\n", 6) == 0);
	CHECK_EQ(c.out + c.out_len - 6, "abort\n");
	CHECK_EQ(waitpid(presser, NULL, 0), presser);
	child_free(&c);
}

TEST_ASLEEP(deadlock_saved, 60)
{
	for (int i = 0; i < 9; i++) {
		const char *argv[] = {EXAMPLE("deadlock"), "saved", "0.1", NULL};
		const char *env[] = {procs[i % 3], NULL};
		struct child c = child_exec(argv, procs[i % 3] ? env : NULL, 20);

		CHILD_EXITED(&c, 0);
		CHECK_EQ(c.err, "");
		CHECK_MSG(!strcmp(c.out, "send to channel in main coroutine\nsub coroutine 1 over\nmain coroutine exit\n") ||
					  !strcmp(c.out, "sub coroutine 1 over\nsend to channel in main coroutine\nmain coroutine exit\n"),
				  "%s", c.out);
		child_free(&c);
	}
}

TEST_ASLEEP(deadlock_dead, 60)
{
	for (int i = 0; i < 3; i++) {
		const char *argv[] = {EXAMPLE("deadlock"), "dead", "0.1", NULL};
		const char *env[] = {procs[i], NULL};
		struct child c = child_exec(argv, procs[i] ? env : NULL, 20);

		CHILD_EXITED(&c, 2);
		CHECK_EQ(c.out, "sub coroutine 1 over\n");
		CHECK(strncmp(c.err, "fatal error: all coroutines are asleep - deadlock!\n", 51) == 0);
		CHECK_HAS(c.err, "[chan send");
		CHECK_HAS(c.err, "examples/deadlock.c:");
		child_free(&c);
	}
}

/* In a second and a bit 120 jobs of 100 ms are done, ten at a time, and one line is printed on the way. */
TEST_ASLEEP(limiter, 60)
{
	for (int i = 0; i < 3; i++) {
		struct child c = run(EXAMPLE("limiter"), "120", procs[i]);
		long coroutines;
		int n = 0;

		CHILD_EXITED(&c, 0);
		CHECK_EQ(c.err, "");
		CHECK_EQ(sscanf(c.out, "coroutines: %ld\n%n", &coroutines, &n), 1);
		CHECK(coroutines >= 2 && coroutines <= 13); /* the jobs, one that has just ended, the printer, main */
		while (strncmp(c.out + n, "coroutines: ", 12) == 0) /* when the machine is slow */
			n += (int)(strchr(c.out + n, '\n') + 1 - (c.out + n));
		CHECK_EQ(c.out + n, "jobs: 120, most at once: 10\n");
		child_free(&c);
	}
}

TEST_ASLEEP(limiter_with_fewer_jobs_than_places, 60)
{
	struct child c = run(EXAMPLE("limiter"), "3", NULL);

	CHILD_EXITED(&c, 0);
	CHECK_EQ(c.out, "jobs: 3, most at once: 3\n");
	child_free(&c);
}

TEST_LIMIT(wrong_arguments_are_told, 60)
{
	static const char *const wrong[][4] = {
		{EXAMPLE("countdown"), "0"},
		{EXAMPLE("countdown"), "-1"},
		{EXAMPLE("countdown"), "x"},
		{EXAMPLE("countdown"), ""},
		{EXAMPLE("countdown"), "3x"},
		{EXAMPLE("countdown"), "3", "3"},
		{EXAMPLE("deadlock")},
		{EXAMPLE("deadlock"), "alive"},
		{EXAMPLE("deadlock"), "saved", "-1"},
		{EXAMPLE("deadlock"), "saved", "nan"},
		{EXAMPLE("deadlock"), "dead", "1 s"},
		{EXAMPLE("limiter"), "0"},
		{EXAMPLE("limiter"), "ten"},
		{EXAMPLE("limiter"), "1", "2"},
	};

	for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
		struct child c = child_exec(wrong[i], NULL, 20);

		CHILD_EXITED(&c, 64);
		CHECK_EQ(c.out, "");
		CHECK_HAS(c.err, "usage: ");
		child_free(&c);
	}
}
