/* SPDX-License-Identifier: MIT
 *
 * tests/model/kernel.c - system calls of the tested code inside an execution: futex, clock, sleep. Linked with
 * --wrap; outside they are the real ones. */
#include "model/engine.h"

#include <linux/futex.h>
#include <stdarg.h>
#include <sys/syscall.h>
#include <time.h>

long __real_syscall(long number, ...);
long __wrap_syscall(long number, ...);
int __real_clock_gettime(clockid_t id, struct timespec *out);
int __wrap_clock_gettime(clockid_t id, struct timespec *out);
int __real_nanosleep(const struct timespec *nap, struct timespec *left);
int __wrap_nanosleep(const struct timespec *nap, struct timespec *left);

long __wrap_syscall(long number, ...)
{
	va_list args;
	long a[6];

	va_start(args, number);
	for (int i = 0; i < 6; i++)
		a[i] = va_arg(args, long);
	va_end(args);
	if (!model.running)
		return __real_syscall(number, a[0], a[1], a[2], a[3], a[4], a[5]);
	if (number != SYS_futex)
		model_stop("system call %ld is not modelled", number);

	const struct timespec *ts = (const struct timespec *)a[3];

	switch (a[1] & ~FUTEX_PRIVATE_FLAG) {
	case FUTEX_WAIT:
	case FUTEX_WAIT_BITSET:
		if (ts && (a[1] & ~FUTEX_PRIVATE_FLAG) == FUTEX_WAIT)
			model_stop("a relative futex timeout is not modelled");
		return model_futex_wait((const void *)a[0], (uint32_t)a[2],
								ts ? ts->tv_sec * 1000000000 + ts->tv_nsec : 0) ? 0 : -1;
	case FUTEX_WAKE:
		model_futex_wake((const void *)a[0], (int)a[2]);
		return 0;
	default:
		model_stop("futex operation %ld is not modelled", a[1]);
	}
}

int __wrap_clock_gettime(clockid_t id, struct timespec *out)
{
	if (!model.running)
		return __real_clock_gettime(id, out);

	int64_t now = model_clock();

	*out = (struct timespec){now / 1000000000, now % 1000000000};
	return 0;
}

/* Others go first. */
int __wrap_nanosleep(const struct timespec *nap, struct timespec *left)
{
	if (!model.running)
		return __real_nanosleep(nap, left);
	model.clock += (int64_t)nap->tv_sec * 1000000000 + nap->tv_nsec;
	wend__model_pause();
	return 0;
}
