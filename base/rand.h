/* SPDX-License-Identifier: MIT
 *
 * base/rand.h - xorshift64*: fast, small, for scheduling decisions only. */
#ifndef BASE_RAND_H
#define BASE_RAND_H

#include <stdint.h>

/* state must not be 0. */
static inline uint32_t rand_next(uint64_t *state)
{
	uint64_t x = *state;

	x ^= x >> 12;
	x ^= x << 25;
	x ^= x >> 27;
	*state = x;
	return (uint32_t)((x * 0x2545F4914F6CDD1DULL) >> 32);
}

#endif
