/* SPDX-License-Identifier: MIT
 *
 * Linked into the test programs that use the runtime: lets CO_TEST run under wend_run. */
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
