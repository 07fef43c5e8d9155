/* SPDX-License-Identifier: MIT
 *
 * tests/harness/crowd.h - coroutines that come in, stand at a gate and go. */
#ifndef TESTS_HARNESS_CROWD_H
#define TESTS_HARNESS_CROWD_H

#include "harness/test.h"

#include <wend/wend.h>

static wend_waitgroup parked, gate, gone;

static inline void stand_at_gate(void)
{
	wend_waitgroup_done(&parked);
	wend_waitgroup_wait(&gate);
}

static inline void just_stand(void *unused)
{
	(void)unused;
	stand_at_gate();
	wend_waitgroup_done(&gone);
}

/* One more, while the gate is closed; fn stands at it once and is done with `gone` at its end. */
static inline void crowd_go(const wend_attr *attr, void (*fn)(void *), void *arg)
{
	wend_waitgroup_add(&parked, 1);
	wend_waitgroup_add(&gone, 1);
	CHECK_EQ(wend_go_attr(attr, fn, arg), 0);
}

/* n of them stand at the gate, and nobody is there besides the caller. */
static inline void crowd(int n)
{
	wend_waitgroup_add(&gate, 1);
	for (int i = 0; i < n; i++)
		crowd_go(NULL, just_stand, NULL);
	wend_waitgroup_wait(&parked);
	CHECK_EQ(wend_num_coroutines(), n + 1);
}

static inline void disperse(void)
{
	wend_waitgroup_done(&gate);
	wend_waitgroup_wait(&gone);
	while (wend_num_coroutines() > 1)
		wend_yield();
}

#endif
