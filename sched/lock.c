/* SPDX-License-Identifier: MIT */
#include "sched/lock.h"

#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>

#define SPINS ATM_SIZE(100, 1)

void lock_contended(struct lock *l)
{
	for (int i = 0; i < SPINS; i++) {
		atm_pause();
		if (atm_load_rlx(&l->word) == 0 && atm_cas_sc(&l->word, 0, 1)) /* rlx: a hint */
			return;
	}
	while (atm_xchg_sc(&l->word, 2) != 0)
		syscall(SYS_futex, &l->word, FUTEX_WAIT_PRIVATE, 2, NULL, NULL, 0);
}

void unlock_contended(struct lock *l)
{
	syscall(SYS_futex, &l->word, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
}
