/* SPDX-License-Identifier: MIT
 *
 * atomics/asym.h - the asymmetric fence: where two sides each store one word and then load the
 * other's, the frequent side gets away with a compiler barrier and the rare side interrupts it with
 * membarrier(PRIVATE_EXPEDITED). (Dice et al. 2001 "asymmetric Dekker"; liburcu-memb.)
 *
 *     frequent:  store(a); asym_light(); load(b)
 *     rare:      store(b); asym_heavy(); load(a)      at least one of the loads sees the store
 *
 * Where the kernel refuses membarrier both are full fences. The choice is made once, before the first
 * object that relies on it exists, and does not change afterwards. Objects that shall use full fences
 * although the kernel would do better (the knob `fence`) choose so one by one.
 */
#ifndef ATOMICS_ASYM_H
#define ATOMICS_ASYM_H

#include "atomics/atomic.h"

extern bool wend__asym_on; /* written by the probe only */

/* Asks the kernel, once for the process; later calls cost a load. */
void wend__asym_probe(void);

/* Out of line: one system call, 0.4 us when the other threads are off CPU, 10 to 20 us when not. */
void asym_heavy(void);

static force_inline void asym_light(void)
{
	if (likely(wend__asym_on))
		compiler_barrier();
	else
		atm_fence_sc();
}

#endif
