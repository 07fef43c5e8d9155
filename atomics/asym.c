/* SPDX-License-Identifier: MIT */
#include "atomics/asym.h"

#include <linux/membarrier.h>
#include <pthread.h>
#include <sys/syscall.h>
#include <unistd.h>

bool wend__asym_on;

static bool membarrier_works(void)
{
	long have = syscall(SYS_membarrier, MEMBARRIER_CMD_QUERY, 0, 0);

	return have > 0 && (have & MEMBARRIER_CMD_PRIVATE_EXPEDITED) &&
		   syscall(SYS_membarrier, MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED, 0, 0) == 0 &&
		   syscall(SYS_membarrier, MEMBARRIER_CMD_PRIVATE_EXPEDITED, 0, 0) == 0;
}

static void probe(void)
{
	wend__asym_on = membarrier_works();
}

void wend__asym_probe(void)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;

	pthread_once(&once, probe);
}

void asym_heavy(void)
{
	/* The call cannot fail once registered; if a sandbox took it away later, owners would run
	 * without any fence, so nothing else would be sound. */
	if (likely(wend__asym_on)) {
		if (unlikely(syscall(SYS_membarrier, MEMBARRIER_CMD_PRIVATE_EXPEDITED, 0, 0) != 0))
			__builtin_trap();
	}
	atm_fence_sc();
}
