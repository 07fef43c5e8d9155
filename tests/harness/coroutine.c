/* SPDX-License-Identifier: MIT
 *
 * Linked into the test programs that use the runtime: lets CO_TEST run under wend_run, and main coroutines in children. */
#include "harness/child.h"
#include "harness/test.h"

#include <wend/wend.h>

static int call(void *body)
{
	(*(void (**)(void))body)();
	return 0;
}

static int run(void (*body)(void))
{
	return wend_run(call, &body);
}

__attribute__((constructor)) static void enter(void)
{
	test_run_coroutine = run;
}

struct body {
	void (*fn)(void);
	int procs;
};

static int call_on(void *arg)
{
	const struct body *b = arg;

	if (b->procs)
		wend_maxprocs(b->procs);
	b->fn();
	return 0;
}

void child_main(void (*fn)(void), int procs)
{
	_exit(100 + wend_run(call_on, &(struct body){fn, procs}));
}

static void in_child(void *arg)
{
	const struct body *b = arg;

	child_main(b->fn, b->procs);
}

struct child child_run(void (*fn)(void), int procs)
{
	return child_call(in_child, &(struct body){fn, procs}, 15);
}
