/* SPDX-License-Identifier: MIT
 *
 * What a coroutine is: it runs once with its argument, ends by return or goexit, has an id, a name and a stack. */
#include "conformance/coroutines.h"

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
