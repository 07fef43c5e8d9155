/* SPDX-License-Identifier: MIT
 *
 * tests/harness/test.h - what every test program is made of.
 *
 *     TEST(addition_works) { CHECK_EQ(1 + 1, 2); }
 *     CO_TEST(yield_returns) { wend_yield(); }       runs as the main coroutine of wend_run
 *
 * Each case runs in a child process of its own with a time limit, so that the runtime starts afresh,
 * and a crash or hang fails that case only. Output is TAP. Arguments of a test program: names of the
 * cases to run (all by default; a trailing * matches the rest); --list; --no-fork for the debugger.
 *
 * Environment: WEND_SEED repeats a printed seed; WEND_STRESS_SECONDS = 1 (default), 3 or 30 sets how
 * long stress cases last; WEND_TEST_TIMEOUT multiplies the time limits.
 */
#ifndef TESTS_HARNESS_TEST_H
#define TESTS_HARNESS_TEST_H

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* How the program is instrumented: slower then, with larger frames and memory of the sanitizer's own. */
#if defined(__SANITIZE_ADDRESS__)
#define TEST_ASAN 1
#elif defined(__SANITIZE_THREAD__)
#define TEST_TSAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define TEST_ASAN 1
#elif __has_feature(thread_sanitizer)
#define TEST_TSAN 1
#endif
#endif
#ifndef TEST_ASAN
#define TEST_ASAN 0
#endif
#ifndef TEST_TSAN
#define TEST_TSAN 0
#endif
#define TEST_SANITIZED (TEST_ASAN || TEST_TSAN)

/* ---- Cases ----------------------------------------------------------------------------------- */

struct test_case {
	const char *name;
	void (*body)(void);
	bool coroutine, asleep;
	double seconds; /* time limit */
	struct test_case *next;
	/* The runner's: */
	int pid;
	char *skip_reason; /* shared with the child */
	double begun;
};

void test__register(struct test_case *t);

#define TEST__CASE(id, limit, ...)                                                                \
	static void test_##id(void);                                                                  \
	__attribute__((constructor)) static void test__enter_##id(void)                               \
	{                                                                                             \
		static struct test_case t = {                                                             \
			.name = #id, .body = test_##id, .seconds = limit, __VA_ARGS__};                       \
		test__register(&t);                                                                       \
	}                                                                                             \
	static void test_##id(void)

#define TEST(id) TEST__CASE(id, 10)
#define TEST_LIMIT(id, limit) TEST__CASE(id, limit)
#define CO_TEST(id) TEST__CASE(id, 10, .coroutine = true)
#define CO_TEST_LIMIT(id, limit) TEST__CASE(id, limit, .coroutine = true)
/* Waits for seconds and needs the CPU for none: runs beside the others, from the program's start on. */
#define TEST_ASLEEP(id, limit) TEST__CASE(id, limit, .asleep = true)

/* Runs body as the main coroutine; in programs that link the runtime. */
extern int (*test_run_coroutine)(void (*body)(void));

/* ---- Checks: the first that fails ends the case ---------------------------------------------- */

_Noreturn void test_fail(const char *file, int line, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
_Noreturn void test_skip(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void test_note(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

struct test__val {
	char kind;
	long long i;
	unsigned long long u;
	double d;
	const char *s;
	const void *p;
};

struct test__val test__i(long long v);
struct test__val test__u(unsigned long long v);
struct test__val test__d(double v);
struct test__val test__s(const char *v);
struct test__val test__p(const void *v);
void test__cmp(struct test__val a, struct test__val b, const char *op, const char *as,
			   const char *bs, const char *file, int line);

#define TEST__VAL(x)                                                                              \
	_Generic((x),                                                                                 \
		char *: test__s, const char *: test__s,                                                   \
		void *: test__p, const void *: test__p,                                                   \
		float: test__d, double: test__d,                                                          \
		unsigned long: test__u, unsigned long long: test__u,                                      \
		default: test__i)(x)

#define CHECK(c)                                                                                  \
	do {                                                                                          \
		if (!(c))                                                                                 \
			test_fail(__FILE__, __LINE__, "CHECK(%s)", #c);                                       \
	} while (0)
#define CHECK_MSG(c, ...)                                                                         \
	do {                                                                                          \
		if (!(c))                                                                                 \
			test_fail(__FILE__, __LINE__, __VA_ARGS__);                                           \
	} while (0)
/* Integers, doubles, pointers to void, and strings (by content). */
#define CHECK_EQ(a, b) test__cmp(TEST__VAL(a), TEST__VAL(b), "==", #a, #b, __FILE__, __LINE__)
#define CHECK_LE(a, b) test__cmp(TEST__VAL(a), TEST__VAL(b), "<=", #a, #b, __FILE__, __LINE__)
#define CHECK_HAS(text, part)                                                                     \
	do {                                                                                          \
		const char *check_t = (text), *check_p = (part);                                          \
		if (!strstr(check_t, check_p))                                                            \
			test_fail(__FILE__, __LINE__, "\"%s\" is not in:\n%s", check_p, check_t);             \
	} while (0)

/* ---- Seeds and durations --------------------------------------------------------------------- */

uint64_t test_seed(void);      /* WEND_SEED or the time; printed when the case starts */
uint64_t test_rand(uint64_t *state); /* splitmix64; any state is fine */
double test_stress_seconds(void);
double test_now(void); /* seconds, monotonic */
long test_rss_kib(void);
long test_threads(void);
/* The kernel may list a thread for a moment after it was joined. */
void test_threads_become(long n);

#define TEST_SLEEP_MS(ms) usleep((ms) * 1000)

#endif
