/* SPDX-License-Identifier: MIT
 *
 * Deferred calls and panics when there is no memory. */
#include "harness/child.h"
#include "harness/fault.h"
#include "harness/test.h"

#include <wend/wend.h>

static char story[200];

static void tell(void *unused)
{
	const char *text = wend_recover();

	(void)unused;
	snprintf(story + strlen(story), sizeof story - strlen(story), "%s;", text ? text : "nothing");
}

/* Four deferred calls and a panic with a constant text take none. */
static void frugal(void)
{
	WEND_DEFERS;
	for (int i = 0; i < 4; i++)
		wend_defer(tell, NULL);
	fault_all("malloc", ENOMEM);
	wend_panic("p");
}

TEST(four_deferred_calls_and_a_panic_take_no_memory)
{
	frugal();
	CHECK_EQ(story, "p;nothing;nothing;nothing;");
}

static void formatted(void)
{
	WEND_DEFERS;
	wend_defer(tell, NULL);
	fault_all("malloc", ENOMEM);
	wend_panicf("number %d", 7);
}

TEST(a_text_that_cannot_be_kept_is_shown_unfinished)
{
	formatted();
	CHECK_EQ(story, "number %d;");
}

static void greedy(void *unused)
{
	(void)unused;
	WEND_DEFERS;
	for (int i = 0; i < 4; i++)
		wend_defer(tell, NULL);
	fault_all("malloc", ENOMEM);
	wend_defer(tell, NULL);
}

TEST(a_fifth_deferred_call_without_memory_is_fatal)
{
	struct child c = child_call(greedy, NULL, 15);

	CHILD_EXITED(&c, 2);
	CHECK_HAS(c.err, "fatal error: out of memory for a deferred call\n");
	child_free(&c);
}
