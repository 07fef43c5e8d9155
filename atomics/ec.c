/* SPDX-License-Identifier: MIT
 *
 * atomics/ec.c - the futex operations behind ck_ec. */
#include "atomics/ec.h"

#include <ck_ec.h>
#include <linux/futex.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "base/race.h"

static int ops_gettime(const struct ck_ec_ops *ops, struct timespec *out)
{
	(void)ops;
	return clock_gettime(CLOCK_MONOTONIC, out);
}

/* WAIT_BITSET, as it takes an absolute deadline. */
static void ops_wait(const struct ck_ec_wait_state *state, const uint32_t *word, uint32_t expected,
					 const struct timespec *deadline)
{
	(void)state;
	syscall(SYS_futex, word, FUTEX_WAIT_BITSET_PRIVATE, expected, deadline, NULL,
			FUTEX_BITSET_MATCH_ANY);
}

static void ops_wake(const struct ck_ec_ops *ops, const uint32_t *word)
{
	(void)ops;
	syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, INT32_MAX, NULL, NULL, 0);
}

/* The scheduler has spun already, so no busy loop here. ck_ec re-checks after initial_wait_ns for
 * the sake of its single-producer mode, which we do not use: once in four seconds is its least. */
static const struct ck_ec_ops ops = {
	.gettime = ops_gettime,
	.wait32 = ops_wait,
	.wake32 = ops_wake,
	.busy_loop_iter = 1,
	.initial_wait_ns = 4000000000u,
};
static const struct ck_ec_mode mode = {.ops = &ops, .single_producer = false};

uint32_t ec_value(const struct ec *ec)
{
	return ck_ec32_value((const struct ck_ec32 *)ec);
}

void ec_inc(struct ec *ec)
{
	race_release(ec);
	ck_ec32_inc((struct ck_ec32 *)ec, &mode);
}

bool ec_wait(struct ec *ec, uint32_t value, int64_t deadline_ns)
{
	struct timespec ts = {deadline_ns / 1000000000, deadline_ns % 1000000000};
	int rc = ck_ec32_wait((struct ck_ec32 *)ec, &mode, value, deadline_ns ? &ts : NULL);

	race_acquire(ec);
	return rc == 0;
}
