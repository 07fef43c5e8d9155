/* SPDX-License-Identifier: MIT
 *
 * WEND_GO: every kind and number of arguments arrives as written. Each function checks what it was
 * given and counts; main waits for the count. */
#include "harness/test.h"

#include <stdarg.h>
#include <string.h>

#include <wend/wend.h>

static wend_waitgroup wg;
static int ran;

static void arrived(void)
{
	__atomic_add_fetch(&ran, 1, __ATOMIC_RELAXED);
	wend_waitgroup_done(&wg);
}

/* Starts it, waits for it, and makes sure that it was this one. */
#define GO(...)                                                                                   \
	do {                                                                                          \
		int before = ran;                                                                         \
		wend_waitgroup_add(&wg, 1);                                                               \
		CHECK_EQ(WEND_GO(__VA_ARGS__), 0);                                                        \
		wend_waitgroup_wait(&wg);                                                                 \
		CHECK_EQ(ran, before + 1);                                                                \
	} while (0)

/* ---- Number of arguments --------------------------------------------------------------------- */

static void f0(void)
{
	arrived();
}

#define SEEN(n) CHECK_EQ(a##n, n * 1111)
static void f1(int a1)
{
	SEEN(1);
	arrived();
}
static void f2(int a1, int a2)
{
	SEEN(1), SEEN(2);
	arrived();
}
static void f3(int a1, int a2, int a3)
{
	SEEN(1), SEEN(2), SEEN(3);
	arrived();
}
static void f4(int a1, int a2, int a3, int a4)
{
	SEEN(1), SEEN(2), SEEN(3), SEEN(4);
	arrived();
}
static void f5(int a1, int a2, int a3, int a4, int a5)
{
	SEEN(1), SEEN(2), SEEN(3), SEEN(4), SEEN(5);
	arrived();
}
static void f6(int a1, int a2, int a3, int a4, int a5, int a6)
{
	SEEN(1), SEEN(2), SEEN(3), SEEN(4), SEEN(5), SEEN(6);
	arrived();
}
static void f7(int a1, int a2, int a3, int a4, int a5, int a6, int a7)
{
	SEEN(1), SEEN(2), SEEN(3), SEEN(4), SEEN(5), SEEN(6), SEEN(7);
	arrived();
}
static void f8(int a1, int a2, int a3, int a4, int a5, int a6, int a7, int a8)
{
	SEEN(1), SEEN(2), SEEN(3), SEEN(4), SEEN(5), SEEN(6), SEEN(7), SEEN(8);
	arrived();
}

CO_TEST(none_to_eight_integers)
{
	GO(f0);
	GO(f1, 1111);
	GO(f2, 1111, 2222);
	GO(f3, 1111, 2222, 3333);
	GO(f4, 1111, 2222, 3333, 4444);
	GO(f5, 1111, 2222, 3333, 4444, 5555);
	GO(f6, 1111, 2222, 3333, 4444, 5555, 6666);
	GO(f7, 1111, 2222, 3333, 4444, 5555, 6666, 7777);
	GO(f8, 1111, 2222, 3333, 4444, 5555, 6666, 7777, 8888);
}

/* ---- Kinds of arguments ---------------------------------------------------------------------- */

static void widths(int8_t a, uint8_t b, int16_t c, uint16_t d, int32_t e, uint32_t f, int64_t g,
				   uint64_t h)
{
	CHECK_EQ(a, -100);
	CHECK_EQ(b, 200);
	CHECK_EQ(c, -30000);
	CHECK_EQ(d, 60000);
	CHECK_EQ(e, INT32_MIN);
	CHECK_EQ(f, UINT32_MAX);
	CHECK_EQ(g, INT64_MIN);
	CHECK_EQ(h, UINT64_MAX);
	arrived();
}

CO_TEST(integers_of_every_width)
{
	GO(widths, -100, 200, -30000, 60000, INT32_MIN, UINT32_MAX, INT64_MIN, UINT64_MAX);
}

static void eight_doubles(double a, double b, double c, double d, double e, double f, double g,
						  double h)
{
	CHECK_EQ(a, 0.5);
	CHECK_EQ(b, -1.5);
	CHECK_EQ(c, 2.5e300);
	CHECK_EQ(d, -3.5e-300);
	CHECK_EQ(e, 4.5);
	CHECK_EQ(f, 5.5);
	CHECK_EQ(g, 6.5);
	CHECK_EQ(h, 7.5);
	arrived();
}

static void mixed(int a, double b, float c, long d, float e, char f, double g, long h)
{
	CHECK_EQ(a, 1);
	CHECK_EQ(b, 2.25);
	CHECK_EQ(c, 3.5f);
	CHECK_EQ(d, 4);
	CHECK_EQ(e, 5.75f);
	CHECK_EQ(f, '6');
	CHECK_EQ(g, 7.125);
	CHECK_EQ(h, 8);
	arrived();
}

static void long_doubles(long double a, int b, long double c)
{
	CHECK(a == 1.25L && b == 2 && c == -3.75L);
	arrived();
}

CO_TEST(floating_point)
{
	GO(eight_doubles, 0.5, -1.5, 2.5e300, -3.5e-300, 4.5, 5.5, 6.5, 7.5);
	GO(mixed, 1, 2.25, 3.5f, 4L, 5.75f, '6', 7.125, 8L);
	GO(long_doubles, 1.25L, 2, -3.75L);
}

struct two_words {
	long a, b;
};
struct two_doubles {
	double a, b;
};
struct word_and_double {
	long a;
	double b;
};
struct odd {
	char text[5];
};
struct big {
	uint64_t w[8];
};

static void small_structs(struct two_words a, struct two_doubles b, struct word_and_double c,
						  struct odd d)
{
	CHECK_EQ(a.a, 1);
	CHECK_EQ(a.b, 2);
	CHECK_EQ(b.a, 3.5);
	CHECK_EQ(b.b, 4.5);
	CHECK_EQ(c.a, 5);
	CHECK_EQ(c.b, 6.5);
	CHECK(memcmp(d.text, "odd!", 5) == 0);
	arrived();
}

CO_TEST(structs_in_registers)
{
	GO(small_structs, ((struct two_words){1, 2}), ((struct two_doubles){3.5, 4.5}),
	   ((struct word_and_double){5, 6.5}), ((struct odd){"odd!"}));
}

#ifdef __x86_64__
static void big_structs(struct big a, int b, struct big c, double d, struct big e)
{
	for (uint64_t i = 0; i < 8; i++) {
		CHECK_EQ(a.w[i], 100 + i);
		CHECK_EQ(c.w[i], 300 + i);
		CHECK_EQ(e.w[i], 500 + i);
	}
	CHECK_EQ(b, 2);
	CHECK_EQ(d, 4.5);
	arrived();
}

static struct big make_big(uint64_t base)
{
	struct big b;

	for (uint64_t i = 0; i < 8; i++)
		b.w[i] = base + i;
	return b;
}

CO_TEST(structs_of_64_bytes)
{
	GO(big_structs, make_big(100), 2, make_big(300), 4.5, make_big(500));
}

static void eight_big(struct big a, struct big b, struct big c, struct big d, struct big e,
					  struct big f, struct big g, struct big h)
{
	struct big all[8] = {a, b, c, d, e, f, g, h};

	for (uint64_t k = 0; k < 8; k++)
		for (uint64_t i = 0; i < 8; i++)
			CHECK_EQ(all[k].w[i], k * 10 + i);
	arrived();
}

CO_TEST(eight_structs_of_64_bytes)
{
	GO(eight_big, make_big(0), make_big(10), make_big(20), make_big(30), make_big(40), make_big(50),
	   make_big(60), make_big(70));
}
#endif

static void spills(double a, double b, double c, double d, double e, double f, double g,
				   struct two_doubles h)
{
	/* The struct does not fit into one free register and goes to the stack whole. */
	CHECK_EQ(a + b + c + d + e + f + g, 28.0);
	CHECK_EQ(h.a, 8.5);
	CHECK_EQ(h.b, 9.5);
	arrived();
}

CO_TEST(structs_that_no_longer_fit_registers)
{
	GO(spills, 1, 2, 3, 4, 5, 6, 7, ((struct two_doubles){8.5, 9.5}));
}

/* ---- Conversions, evaluation ----------------------------------------------------------------- */

static void converted(double a, long b, const char *c, unsigned char d, void *e, const int *f)
{
	CHECK_EQ(a, 7.0);
	CHECK_EQ(b, -1L);
	CHECK_EQ(c, "array");
	CHECK_EQ(d, 1);
	CHECK_EQ(e, NULL);
	CHECK_EQ(f[1], 20);
	arrived();
}

CO_TEST(arguments_are_converted_as_in_a_call)
{
	char text[] = "array";
	int numbers[] = {10, 20};
	signed char minus = -1;

	GO(converted, 7, minus, text, 257 - 256, 0, numbers);
}

CO_TEST(arguments_are_evaluated_once_and_before_the_macro_is_left)
{
	int n = 1110;
	int r;

	wend_waitgroup_add(&wg, 1);
	r = WEND_GO(f1, ++n);
	CHECK_EQ(n, 1111);
	n = 0; /* too late for the child */
	CHECK_EQ(r, 0);
	wend_waitgroup_wait(&wg);
	CHECK_EQ(ran, 1);
}

struct bits {
	unsigned low : 3, high : 5;
};

CO_TEST(bit_fields_are_arguments)
{
	struct bits b = {.low = 3, .high = 17};
	void (*f)(int) = f1;

	(void)f;
	b.low = 1;
	GO(f1, b.low * 1111);
	GO(f2, b.low * 1111, 2222);
}

CO_TEST(the_function_may_be_a_pointer)
{
	void (*f)(int, int) = f2;
	void (*table[])(void) = {f0};

	GO(f, 1111, 2222);
	GO(*f, 1111, 2222);
	GO(&f2, 1111, 2222);
	GO(table[0]);
}

static int int_result(int a)
{
	CHECK_EQ(a, 5);
	arrived();
	return 99;
}
static double double_result(double a)
{
	CHECK_EQ(a, 5.5);
	arrived();
	return a;
}
static void *pointer_result(void *p)
{
	arrived();
	return p;
}

CO_TEST(scalar_results_are_dropped)
{
	GO(int_result, 5);
	GO(double_result, 5.5);
	GO(pointer_result, NULL);
}

static _Noreturn void never_returns(int a)
{
	CHECK_EQ(a, 3);
	arrived();
	wend_goexit();
}

CO_TEST(the_spawner_goes_on_after_a_noreturn_function)
{
	int after = 0;

	wend_waitgroup_add(&wg, 1);
	CHECK_EQ(WEND_GO(never_returns, 3), 0);
	after = 1;
	wend_waitgroup_wait(&wg);
	CHECK_EQ(after, 1);
	CHECK_EQ(ran, 1);
}

static char printed[200];

__attribute__((format(printf, 2, 3))) static int print_there(wend_waitgroup *w, const char *fmt, ...)
{
	va_list args;
	int n;

	va_start(args, fmt);
	n = vsnprintf(printed, sizeof printed, fmt, args);
	va_end(args);
	wend_waitgroup_done(w);
	return n;
}

CO_TEST(variable_arguments)
{
	wend_waitgroup_add(&wg, 1);
	CHECK_EQ(WEND_GO(print_there, &wg, "%d %.2f %s %ld %.1f %c", 1, 2.25, "three", 4L, 5.5, '6'), 0);
	wend_waitgroup_wait(&wg);
	CHECK_EQ(printed, "1 2.25 three 4 5.5 6");
}

/* ---- WEND_GO inside an argument of WEND_GO --------------------------------------------------- */

static void with_inner_result(int inner, int a)
{
	CHECK_EQ(inner, 0);
	CHECK_EQ(a, 42);
	arrived();
}

static int spawn_and_yield(int v)
{
	wend_waitgroup_add(&wg, 1);
	CHECK_EQ(WEND_GO(f1, 1111), 0);
	wend_yield();
	return v;
}

CO_TEST(spawns_nest_in_arguments)
{
	wend_waitgroup_add(&wg, 2);
	CHECK_EQ(WEND_GO(with_inner_result, WEND_GO(f2, 1111, 2222), 42), 0);
	wend_waitgroup_wait(&wg);
	CHECK_EQ(ran, 2);

	wend_waitgroup_add(&wg, 1);
	CHECK_EQ(WEND_GO(with_inner_result, 0, spawn_and_yield(42)), 0);
	wend_waitgroup_wait(&wg);
	CHECK_EQ(ran, 4);

	wend_waitgroup_add(&wg, 3);
	CHECK_EQ(WEND_GO(with_inner_result, WEND_GO(with_inner_result, WEND_GO(f0), 42), 42), 0);
	wend_waitgroup_wait(&wg);
	CHECK_EQ(ran, 7);
}

static int leaves_early(int on)
{
	/* The argument returns from the function while a spawn is being prepared. */
	return WEND_GO(f2, 1111, ({
					   if (on)
						   return -77;
					   2222;
				   }));
}

CO_TEST(an_argument_that_returns_leaves_nothing_behind)
{
	for (int i = 0; i < 100; i++)
		CHECK_EQ(leaves_early(1), -77);
	wend_waitgroup_add(&wg, 1);
	CHECK_EQ(leaves_early(0), 0);
	wend_waitgroup_wait(&wg);
	CHECK_EQ(ran, 1);
	GO(f1, 1111);
}

CO_TEST(in_a_condition_and_unbraced)
{
	wend_waitgroup_add(&wg, 2);
	if (WEND_GO(f0) != 0)
		CHECK(!"spawn failed");
	else
		WEND_GO(f1, 1111);
	wend_waitgroup_wait(&wg);
	CHECK_EQ(ran, 2);
}

CO_TEST_LIMIT(many_at_once_keep_their_arguments_apart, 20)
{
	enum { N = 5000 };
	static int got[N];
	extern void note_index(int *, int, double);

	wend_waitgroup_add(&wg, N);
	for (int i = 0; i < N; i++)
		CHECK_EQ(WEND_GO(note_index, got, i, (double)i), 0);
	wend_waitgroup_wait(&wg);
	for (int i = 0; i < N; i++)
		CHECK_EQ(got[i], i + 1);
}

void note_index(int *got, int i, double same)
{
	CHECK_EQ(same, (double)i);
	got[i] += i + 1;
	arrived();
}

TEST(off_the_runtime_it_is_an_error)
{
	CHECK_EQ(WEND_GO(f1, 1111), -EPERM);
	CHECK_EQ(wend_go(NULL, NULL), -EPERM);
	CHECK_EQ(ran, 0);
}
