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

/* The scheduler has spun already, so no busy loop here. ck_ec re-checks after initial_wait_ns, then ever
 * less often, for the sake of its single-producer mode, which we do not use. */
static const struct ck_ec_ops ops = {
	.gettime = ops_gettime,
	.wait32 = ops_wait,
	.wake32 = ops_wake,
	.busy_loop_iter = 1,
	.initial_wait_ns = 1000000000u,
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

/* Each round of ck_ec's back-off sleeps to the end of the round, past the caller's deadline (0.7.1: a wait
 * of 50 us took 1 s with the initial_wait_ns above). This brings the round's end forward. */
static int cut_round_short(const struct ck_ec_wait_state *state, struct timespec *round_end)
{
	const struct timespec *deadline = state->data;

	if (deadline && (round_end->tv_sec > deadline->tv_sec ||
					 (round_end->tv_sec == deadline->tv_sec && round_end->tv_nsec > deadline->tv_nsec)))
		*round_end = *deadline;
	return 0;
}

bool ec_wait(struct ec *ec, uint32_t value, int64_t deadline_ns)
{
	int64_t ns = deadline_ns > 0 ? deadline_ns : 0; /* the kernel takes no time before 0 */
	struct timespec ts = {ns / 1000000000, ns % 1000000000};
	struct timespec *deadline = deadline_ns < EC_NEVER ? &ts : NULL;
	int rc = ck_ec32_wait_pred((struct ck_ec32 *)ec, &mode, value, cut_round_short, deadline, deadline);

	race_acquire(ec);
	return rc == 0;
}
