/* SPDX-License-Identifier: MIT
 *
 * tests/harness/parked.h - wait until coroutines or foreign threads wait. */
#ifndef TESTS_HARNESS_PARKED_H
#define TESTS_HARNESS_PARKED_H

#include <sched.h>
#include <string.h>

#include <wend/wend.h>

struct parked {
	const char *state;
	int n;
};

static bool parked_look(const wend_coroutine_info *i, void *arg)
{
	struct parked *p = arg;

	p->n += strcmp(i->state, p->state) == 0;
	return true;
}

/* How many wait with this reason. */
static inline int parked_count(const char *state)
{
	struct parked p = {.state = state};

	wend_coroutines_each(parked_look, &p);
	return p.n;
}

/* Returns when n of them do; the case's time limit ends it otherwise. From a coroutine or a foreign thread. */
static inline void parked_become(const char *state, int n)
{
	while (parked_count(state) != n) {
		if (wend_coroutine_id())
			wend_yield();
		else
			sched_yield();
	}
}

#endif
