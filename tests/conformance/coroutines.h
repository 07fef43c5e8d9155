/* SPDX-License-Identifier: MIT
 *
 * tests/conformance/coroutines.h - what the cases on coroutines share: counting what ran, waiting by yielding,
 * coroutines that wait or compute for ever. */
#ifndef TESTS_CONFORMANCE_COROUTINES_H
#define TESTS_CONFORMANCE_COROUTINES_H

#include "harness/child.h"
#include "harness/test.h"

#include <pthread.h>
#include <sys/syscall.h>

#include <wend/wend.h>

#define LOAD(x) __atomic_load_n(&(x), __ATOMIC_ACQUIRE)
#define STORE(x, v) __atomic_store_n(&(x), (v), __ATOMIC_RELEASE)
#define ADD(x, n) __atomic_add_fetch(&(x), (n), __ATOMIC_ACQ_REL)

static wend_waitgroup wg;
static WEND__UNUSED int count, hog_stop;

static inline int tid(void)
{
	return (int)syscall(SYS_gettid);
}

/* Lets others run until the condition holds; the case's time limit ends it otherwise. */
#define YIELD_UNTIL(c)                                                                            \
	while (!(c))                                                                                  \
	wend_yield()

static inline void bump(void *unused)
{
	(void)unused;
	ADD(count, 1);
	wend_waitgroup_done(&wg);
}

static inline void wait_for_ever(void *unused)
{
	wend_waitgroup never = WEND_ZERO;

	(void)unused;
	wend_waitgroup_add(&never, 1);
	wend_waitgroup_wait(&never);
	CHECK(!"unreachable");
}

static inline void hog(void *unused)
{
	(void)unused;
	STORE(count, 1);
	while (!LOAD(hog_stop))
		;
}

#endif
