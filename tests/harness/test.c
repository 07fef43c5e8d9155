/* SPDX-License-Identifier: MIT
 *
 * The runner: forks a child per case, waits for it with a time limit, prints TAP. */
#include "harness/test.h"

#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>

enum { EXIT_SKIP = 77, EXIT_FAIL = 99 };

static struct test_case *cases, **cases_end = &cases;
static uint64_t seed;
static char *skip_reason; /* of the case that this process runs */
enum { REASON_SIZE = 200 };

int (*test_run_coroutine)(void (*body)(void));

/* A report ends the case: the sanitizers' own defaults would let it go on and exit 0. Abandoned
 * coroutines hold memory by design, so leaks are looked for by tests that count, not at exit. */
const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
	return "detect_leaks=0:exitcode=66";
}

const char *__tsan_default_options(void);
const char *__tsan_default_options(void)
{
	return "halt_on_error=1:exitcode=66:report_signal_unsafe=0";
}

const char *__ubsan_default_options(void);
const char *__ubsan_default_options(void)
{
	return "print_stacktrace=1";
}

void test__register(struct test_case *t)
{
	*cases_end = t;
	cases_end = &t->next;
}

/* Straight to the descriptor: a case may fail while another thread holds stdio's lock. */
static void print_comment(const char *head, const char *fmt, va_list args)
{
	char text[4096], line[8300];
	size_t n = 0;

	vsnprintf(text, sizeof text, fmt, args);
	n += (size_t)snprintf(line, sizeof line, "# %s", head);
	for (const char *p = text; *p && n < sizeof line - 4; p++) {
		line[n++] = *p;
		if (*p == '\n') {
			line[n++] = '#';
			line[n++] = ' ';
		}
	}
	line[n++] = '\n';
	if (write(STDOUT_FILENO, line, n) < 0)
		_exit(EXIT_FAIL);
}

void test_fail(const char *file, int line, const char *fmt, ...)
{
	char head[256];
	va_list args;

	snprintf(head, sizeof head, "%s:%d: ", file, line);
	va_start(args, fmt);
	print_comment(head, fmt, args);
	va_end(args);
	_exit(EXIT_FAIL);
}

void test_skip(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	vsnprintf(skip_reason, REASON_SIZE, fmt, args);
	va_end(args);
	_exit(EXIT_SKIP);
}

void test_note(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	print_comment("", fmt, args);
	va_end(args);
}

struct test__val test__i(long long v)
{
	return (struct test__val){.kind = 'i', .i = v};
}

struct test__val test__u(unsigned long long v)
{
	return (struct test__val){.kind = 'u', .u = v};
}

struct test__val test__d(double v)
{
	return (struct test__val){.kind = 'd', .d = v};
}

struct test__val test__s(const char *v)
{
	return (struct test__val){.kind = 's', .s = v};
}

struct test__val test__p(const void *v)
{
	return (struct test__val){.kind = 'p', .p = v};
}

static const char *show(struct test__val v, char *buf, size_t size)
{
	switch (v.kind) {
	case 'i':
		snprintf(buf, size, "%lld", v.i);
		break;
	case 'u':
		snprintf(buf, size, "%llu", v.u);
		break;
	case 'd':
		snprintf(buf, size, "%.17g", v.d);
		break;
	case 's':
		snprintf(buf, size, "\"%s\"", v.s ? v.s : "(null)");
		break;
	default:
		snprintf(buf, size, "%p", v.p);
	}
	return buf;
}

/* -1, 0, 1 like strcmp; across signed and unsigned by value, not by conversion. */
static int order(struct test__val a, struct test__val b)
{
	if (a.kind == 's' && b.kind == 's')
		return a.s && b.s ? strcmp(a.s, b.s) : a.s != b.s;
	if (a.kind == 'd' || b.kind == 'd') {
		double x = a.kind == 'd' ? a.d : a.kind == 'i' ? (double)a.i : (double)a.u;
		double y = b.kind == 'd' ? b.d : b.kind == 'i' ? (double)b.i : (double)b.u;

		return x == y ? 0 : x < y ? -1 : 1;
	}
	if (a.kind == 'p' || b.kind == 'p')
		return a.kind == b.kind && a.p == b.p ? 0 : 1;
	if (a.kind == 'i' && a.i < 0)
		return b.kind == 'i' && b.i <= a.i ? b.i != a.i : -1;
	if (b.kind == 'i' && b.i < 0)
		return 1;
	unsigned long long x = a.kind == 'i' ? (unsigned long long)a.i : a.u;
	unsigned long long y = b.kind == 'i' ? (unsigned long long)b.i : b.u;
	return x == y ? 0 : x < y ? -1 : 1;
}

void test__cmp(struct test__val a, struct test__val b, const char *op, const char *as,
			   const char *bs, const char *file, int line)
{
	int o = order(a, b);
	char x[2000], y[2000];

	if (op[0] == '=' ? o == 0 : o <= 0)
		return;
	test_fail(file, line, "%s %s %s\n  left:  %s\n  right: %s", as, op, bs, show(a, x, sizeof x),
			  show(b, y, sizeof y));
}

uint64_t test_seed(void)
{
	return seed;
}

uint64_t test_rand(uint64_t *state)
{
	uint64_t z = (*state += 0x9E3779B97F4A7C15u);

	z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
	z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
	return z ^ (z >> 31);
}

double test_stress_seconds(void)
{
	const char *s = getenv("WEND_STRESS_SECONDS");
	double v = s ? atof(s) : 1;

	return v > 0 ? v : 1;
}

double test_now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

/* A line "Name:   number" of /proc/self/status, without allocation. */
static long status_field(const char *name)
{
	char text[8192];
	int fd = open("/proc/self/status", O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof text - 1);
	const char *p;

	if (fd >= 0)
		close(fd);
	if (n <= 0)
		return -1;
	text[n] = 0;
	p = strstr(text, name);
	return p ? atol(p + strlen(name)) : -1;
}

long test_rss_kib(void)
{
	return status_field("\nVmRSS:");
}

long test_threads(void)
{
	return status_field("\nThreads:");
}

void test_threads_become(long n)
{
	for (int i = 0; i < 2000 && test_threads() != n; i++)
		usleep(1000);
	CHECK_EQ(test_threads(), n);
}

static void run_body(struct test_case *t)
{
	if (!t->coroutine) {
		t->body();
	} else if (!test_run_coroutine) {
		test_fail(__FILE__, __LINE__, "this program does not link the runtime");
	} else {
		int r = test_run_coroutine(t->body);

		if (r)
			test_fail(__FILE__, __LINE__, "wend_run returned %d", r);
	}
	fflush(NULL);
}

static bool wanted(const struct test_case *t, char **names)
{
	bool any = false;

	for (; *names; names++) {
		size_t n = strlen(*names);

		if ((*names)[0] == '-')
			continue;
		any = true;
		if (n && (*names)[n - 1] == '*' ? !strncmp(t->name, *names, n - 1)
										: !strcmp(t->name, *names))
			return true;
	}
	return !any;
}

static double time_factor(void)
{
	const char *s = getenv("WEND_TEST_TIMEOUT");
	double f = s ? atof(s) : 1;

	if (TEST_SANITIZED)
		f *= 4;
	return f > 0 ? f : 1;
}

static double limit_of(const struct test_case *t)
{
	double limit = t->seconds * time_factor();

	if (t->seconds >= 10) /* stress cases last as long as they are told to */
		limit += test_stress_seconds() > 1 ? (test_stress_seconds() - 1) * 4 : 0;
	return limit;
}

/* Runs one case in a child. */
static void begin(struct test_case *t)
{
	fflush(NULL);
	t->begun = test_now();
	t->pid = fork();
	if (t->pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		skip_reason = t->skip_reason;
		alarm((unsigned)(limit_of(t) + 0.999));
		run_body(t);
		_exit(0);
	}
}

/* Waits for it and says in words how it ended; NULL when it passed. */
static const char *end(struct test_case *t, char *buf, size_t size)
{
	int status;

	if (t->pid < 0)
		return "fork failed";
	while (waitpid(t->pid, &status, 0) < 0 && errno == EINTR)
		;
	if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
		return NULL;
	if (WIFEXITED(status) && WEXITSTATUS(status) == EXIT_SKIP)
		return "SKIP";
	if (WIFEXITED(status) && WEXITSTATUS(status) == 66)
		snprintf(buf, size, "sanitizer report");
	else if (WIFEXITED(status))
		snprintf(buf, size, "exit status %d", WEXITSTATUS(status));
	else if (WTERMSIG(status) == SIGALRM)
		snprintf(buf, size, "still running after %.0f s", limit_of(t));
	else
		snprintf(buf, size, "killed by signal %d (%s)", WTERMSIG(status),
				 strsignal(WTERMSIG(status)));
	return buf;
}

/* Room for what a child has to say about being skipped. */
static bool reasons(void)
{
	size_t n = 0;
	char *at;

	for (struct test_case *t = cases; t; t = t->next)
		n++;
	at = mmap(NULL, n * REASON_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (at == MAP_FAILED)
		return false;
	for (struct test_case *t = cases; t; t = t->next, at += REASON_SIZE)
		t->skip_reason = at;
	return true;
}

int main(int argc, char **argv)
{
	const char *s = getenv("WEND_SEED");
	bool no_fork = false, list = false;
	int planned = 0, n = 0, failed = 0, skipped = 0;

	(void)argc;
	for (char **a = argv + 1; *a; a++) {
		no_fork |= !strcmp(*a, "--no-fork");
		list |= !strcmp(*a, "--list");
		if ((*a)[0] == '-' && strcmp(*a, "--no-fork") && strcmp(*a, "--list")) {
			fprintf(stderr, "usage: %s [--list] [--no-fork] [CASE...]\n", argv[0]);
			return 64;
		}
	}
	seed = s && *s ? strtoull(s, NULL, 0) : (uint64_t)time(NULL) * 1000003 + (uint64_t)getpid();
	for (struct test_case *t = cases; t; t = t->next)
		planned += wanted(t, argv + 1);
	if (list) {
		for (struct test_case *t = cases; t; t = t->next)
			puts(t->name);
		return 0;
	}
	if (!planned) {
		fprintf(stderr, "%s: no such case\n", argv[0]);
		return 64;
	}
	if (!reasons())
		return 1;
	printf("1..%d\n# WEND_SEED=%llu\n", planned, (unsigned long long)seed);
	for (struct test_case *t = cases; t; t = t->next)
		if (t->asleep && wanted(t, argv + 1) && !no_fork)
			begin(t);
	for (struct test_case *t = cases; t; t = t->next) {
		char buf[200];
		const char *how = NULL;

		if (!wanted(t, argv + 1))
			continue;
		n++;
		if (no_fork) {
			skip_reason = t->skip_reason;
			run_body(t);
		} else {
			if (!t->asleep)
				begin(t);
			how = end(t, buf, sizeof buf);
		}
		if (!how) {
			printf("ok %d - %s\n", n, t->name);
		} else if (!strcmp(how, "SKIP")) {
			printf("ok %d - %s # SKIP %s\n", n, t->name, t->skip_reason);
			skipped++;
		} else {
			printf("# %s\nnot ok %d - %s\n", how, n, t->name);
			failed++;
		}
		if (!t->asleep && !no_fork && test_now() - t->begun > 2)
			printf("# took %.1f s\n", test_now() - t->begun);
	}
	return failed ? 1 : skipped == n ? EXIT_SKIP : 0;
}
