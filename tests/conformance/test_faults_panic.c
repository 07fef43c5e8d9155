/* SPDX-License-Identifier: MIT
 *
 * Nil pointers and divisions by zero in a coroutine are panics that can be recovered. */
#include "harness/test.h"

#include <limits.h>

#include <wend/wend.h>

/* The faults are meant: no sanitizer shall find them first. */
#define FAULTS __attribute__((noinline, noclone, no_sanitize("undefined", "address")))
#ifdef __clang__
#undef FAULTS
#define FAULTS __attribute__((noinline, no_sanitize("undefined", "address")))
#endif

struct node {
	struct node *next;
	long values[100];
};

static long sink;

FAULTS static void load(struct node *n)
{
	sink += n->values[5];
}

FAULTS static void store(struct node *n)
{
	n->next = n;
}

FAULTS static void length(struct node *n)
{
	sink += (long)strlen((const char *)n);
}

FAULTS static void copy(struct node *n)
{
	char text[100];

	memcpy(text, n, sizeof text - (size_t)sink % 2);
	sink += text[3];
}

FAULTS static void call_nil(struct node *n)
{
	void (*fn)(void);

	memcpy(&fn, &n, sizeof fn);
	fn();
	sink++;
}

static volatile int zero, minus_one = -1, memory = INT_MIN;

FAULTS static void divide(struct node *unused)
{
	(void)unused;
	sink += 10 / zero;
}

FAULTS static void modulo_long(struct node *unused)
{
	long z = zero;

	(void)unused;
	__asm__("" : "+r"(z));
	sink += 10 % z;
}

FAULTS static void divide_byte(struct node *unused)
{
	unsigned char z = (unsigned char)zero, q;

	(void)unused;
	__asm__("divb %2" : "=a"(q) : "a"((short)10), "q"(z) : "cc");
	sink += q;
}

FAULTS static void divide_element(struct node *unused)
{
	int z[20] = {0};
	long i = 3 + zero;

	(void)unused;
	__asm__("movl $10, %%eax\n\tcltd\n\tidivl 8(%0,%1,4)" : : "r"(z), "r"(i) : "eax", "edx", "cc", "memory");
}

FAULTS static void overflow(struct node *unused)
{
	(void)unused;
	sink += memory / minus_one;
}

static char story[200];

static void tell(void *unused)
{
	const char *text = wend_recover();

	(void)unused;
	snprintf(story, sizeof story, "%s", text ? text : "nothing");
}

static void faults(void (*fn)(struct node *))
{
	WEND_DEFERS;
	wend_defer(tell, NULL);
	fn(NULL);
	CHECK(!"no fault");
}

#define NIL "runtime error: invalid memory address or nil pointer dereference"
#define ZERO "runtime error: integer divide by zero"

CO_TEST(nil_pointers_panic)
{
	void (*const all[])(struct node *) = {load, store, length, copy, call_nil};

	for (int round = 0; round < 3; round++)
		for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
			story[0] = 0;
			faults(all[i]);
			CHECK_MSG(strcmp(story, NIL) == 0, "number %zu: %s", i, story);
		}
}

#ifndef WEND_UBSAN
/* The library looks at what it is given before it is inside itself, where a fault would be fatal. */
static void stop_timer(struct node *n)
{
	wend_timer_stop((wend_timer *)n);
}

static void reset_timer(struct node *n)
{
	wend_timer_reset((wend_timer *)n, 1);
}

static void stop_ticker(struct node *n)
{
	wend_ticker_stop((wend_ticker *)n);
}

static void reset_ticker(struct node *n)
{
	wend_ticker_reset((wend_ticker *)n, 1);
}

static void stop_func(struct node *n)
{
	wend_ctx_func_stop((wend_ctx_func *)n);
}

static void cancel_context(struct node *n)
{
	wend_ctx_cancel((wend_ctx *)n);
}

CO_TEST(nil_timers_and_contexts_panic)
{
	void (*const all[])(struct node *) = {stop_timer, reset_timer, stop_ticker, reset_ticker, stop_func, cancel_context};

	for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
		story[0] = 0;
		faults(all[i]);
		CHECK_MSG(strcmp(story, NIL) == 0, "number %zu: %s", i, story);
	}
}
#endif

CO_TEST(divisions_by_zero_panic)
{
	void (*const all[])(struct node *) = {divide, modulo_long, divide_byte, divide_element};

	for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
		story[0] = 0;
		faults(all[i]);
		CHECK_MSG(strcmp(story, ZERO) == 0, "number %zu: %s", i, story);
	}
}

/* The processor reports both in one way. */
CO_TEST(a_quotient_that_does_not_fit_is_no_division_by_zero)
{
	faults(overflow);
	CHECK_EQ(story, "runtime error: integer overflow");
}

#define MASK_DIV_SSE 0x200
#define MASK_DIV_X87 4

static volatile double nothing;

FAULTS static void divide_double(struct node *unused)
{
	unsigned csr, trap;
	double quotient;

	(void)unused;
	__asm__ volatile("stmxcsr %0" : "=m"(csr));
	trap = csr & ~MASK_DIV_SSE;
	__asm__ volatile("ldmxcsr %0" : : "m"(trap));
	quotient = 1.0 / nothing;
	__asm__ volatile("" : : "x"(quotient)); /* not after what follows */
	__asm__ volatile("ldmxcsr %0" : : "m"(csr));
}

FAULTS static void divide_long_double(struct node *unused)
{
	unsigned short cw, trap;

	(void)unused;
	__asm__ volatile("fnstcw %0" : "=m"(cw));
	trap = (unsigned short)(cw & ~MASK_DIV_X87);
	__asm__ volatile("fldcw %0\n\tfld1\n\tfldz\n\tfdivrp\n\tfwait" : : "m"(trap));
}

/* The rounding and masks that every thread begins with. */
static void trap_no_more(void)
{
	unsigned csr = 0x1f80;

	__asm__ volatile("fninit\n\tldmxcsr %0" : : "m"(csr));
}

/* More often than the x87's stack is deep. */
CO_TEST(floating_point_errors_panic_where_they_trap)
{
	void (*const all[])(struct node *) = {divide_double, divide_long_double};

	for (int i = 0; i < 40; i++) {
		story[0] = 0;
		faults(all[i % 2]);
		CHECK_MSG(strcmp(story, "runtime error: floating point error") == 0, "number %d: %s", i, story);
	}
	trap_no_more();
}

/* A call of nothing is noticed when its turn comes, by a return or in a panic, and what was deferred before still runs. */
static volatile int ran;

static void run(void *unused)
{
	ran++;
}

static void defers_nil(const char *panic)
{
	void (*volatile nil)(void *) = NULL;

	WEND_DEFERS;
	wend_defer(tell, NULL);
	wend_defer(run, NULL);
	wend_defer(nil, NULL);
	wend_defer(run, NULL);
	if (panic)
		wend_panic(panic);
}

CO_TEST(a_nil_deferred_function_panics_when_its_turn_comes)
{
	defers_nil(NULL);
	CHECK_EQ(story, NIL);
	CHECK_EQ(ran, 2);
	story[0] = 0;
	defers_nil("first"); /* the new one replaces it */
	CHECK_EQ(story, NIL);
	CHECK_EQ(ran, 4);
}

static wend_waitgroup wg;
static wend_atomic_u32 recovered;

static void count(void *unused)
{
	(void)unused;
	CHECK(wend_recover() != NULL);
	wend_atomic_u32_add(&recovered, 1);
}

static void one_fault(int i)
{
	WEND_DEFERS;
	wend_defer(count, NULL);
	(i % 2 ? load : divide)(NULL);
}

static void many_faults(void *unused)
{
	(void)unused;
	for (int i = 0; i < 100; i++) {
		one_fault(i);
		wend_yield();
	}
}

CO_TEST_LIMIT(faults_in_many_coroutines, 30)
{
	wend_maxprocs(4);
	for (int i = 0; i < 20; i++)
		CHECK_EQ(wend_waitgroup_go(&wg, many_faults, NULL), 0);
	wend_waitgroup_wait(&wg);
	CHECK_EQ(wend_atomic_u32_load(&recovered), 2000u);
}
