/* SPDX-License-Identifier: MIT
 *
 * tests/conformance/channels.h - what the tests of channels and of select share: how many is many, channels of
 * two types, and coroutines that are waited for. */
#ifndef TESTS_CONFORMANCE_CHANNELS_H
#define TESTS_CONFORMANCE_CHANNELS_H

#include <stdint.h>

#include "base/compiler.h"
#include "harness/parked.h"
#include "harness/test.h"

/* ThreadSanitizer's fibers are dear. */
#ifdef WEND_TSAN
#define MANY 1000
#else
#define MANY 10000
#endif

WEND_CHAN_TYPE(ints, int);
WEND_CHAN_TYPE(longs, int64_t);

static wend_waitgroup over;

static inline void start(void (*fn)(void *), void *arg)
{
	wend_waitgroup_add(&over, 1);
	CHECK_EQ(wend_go(fn, arg), 0);
}

static inline void all_over(void)
{
	wend_waitgroup_wait(&over);
}

#endif
