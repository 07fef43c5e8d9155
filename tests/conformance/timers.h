/* SPDX-License-Identifier: MIT
 *
 * tests/conformance/timers.h - what the tests of time share. */
#ifndef TESTS_CONFORMANCE_TIMERS_H
#define TESTS_CONFORMANCE_TIMERS_H

#include "harness/parked.h"
#include "harness/test.h"

#define MS WEND_MILLISECOND

static wend_waitgroup wg;

static inline void go(void (*fn)(void *), void *arg)
{
	CHECK_EQ(wend_go(fn, arg), 0);
}

static inline int read_count(const int *n)
{
	return __atomic_load_n(n, __ATOMIC_ACQUIRE);
}

static inline void count_one(void *n)
{
	__atomic_add_fetch((int *)n, 1, __ATOMIC_ACQ_REL);
}

#endif
