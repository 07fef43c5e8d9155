/* SPDX-License-Identifier: MIT
 *
 * atomics/ec.h - event counts for parking threads, on Concurrency Kit's ck_ec. A waiter reads the
 * value, checks its condition, and waits for the value to change; a waker makes the condition true
 * and then increments. An increment nobody waits for costs one locked instruction, no system call.
 */
#ifndef ATOMICS_EC_H
#define ATOMICS_EC_H

#include "base/compiler.h"

struct ec {
	uint32_t counter; /* a ck_ec32 */
};

uint32_t ec_value(const struct ec *ec);

/* Changes the value and wakes everybody who waits for that. */
void ec_inc(struct ec *ec);

#define EC_NEVER INT64_MAX

/* Blocks the thread until the value is no longer `value`, or CLOCK_MONOTONIC reaches deadline_ns
 * (EC_NEVER: no deadline; it may lie before the clock's beginning): false then. */
bool ec_wait(struct ec *ec, uint32_t value, int64_t deadline_ns);

#endif
