/* SPDX-License-Identifier: MIT
 *
 * base/siphash.h - SipHash-c-d (Aumasson and Bernstein, "SipHash: a fast short-input PRF", 2012): a keyed hash
 * for which nobody without the key can find collisions better than by chance. The map uses 1-3, as Rust, Ruby
 * and CPython do for their tables. */
#ifndef BASE_SIPHASH_H
#define BASE_SIPHASH_H

#include <string.h>

#include "base/compiler.h"

struct sip {
	uint64_t a, b, c, d;
};

static force_inline uint64_t sip__rotl(uint64_t x, int by)
{
	return x << by | x >> (64 - by);
}

static force_inline void sip__rounds(struct sip *s, int n)
{
	while (n-- > 0) {
		s->a += s->b;
		s->c += s->d;
		s->b = sip__rotl(s->b, 13) ^ s->a;
		s->d = sip__rotl(s->d, 16) ^ s->c;
		s->a = sip__rotl(s->a, 32);
		s->c += s->b;
		s->a += s->d;
		s->b = sip__rotl(s->b, 17) ^ s->c;
		s->d = sip__rotl(s->d, 21) ^ s->a;
		s->c = sip__rotl(s->c, 32);
	}
}

static force_inline void sip__word(struct sip *s, uint64_t word, int c)
{
	s->d ^= word;
	sip__rounds(s, c);
	s->a ^= word;
}

/* Little-endian, as all platforms of the library. */
static force_inline uint64_t siphash(uint64_t k0, uint64_t k1, const void *data, size_t len, int c, int d)
{
	struct sip s = {
		k0 ^ 0x736f6d6570736575ull,
		k1 ^ 0x646f72616e646f6dull,
		k0 ^ 0x6c7967656e657261ull,
		k1 ^ 0x7465646279746573ull,
	};
	const unsigned char *p = data;
	uint64_t word, last = (uint64_t)len << 56;
	size_t left = len;

	for (; left >= 8; left -= 8, p += 8) {
		memcpy(&word, p, 8);
		sip__word(&s, word, c);
	}
	switch (left) {
	case 7:
		last |= (uint64_t)p[6] << 48; /* fall through */
	case 6:
		last |= (uint64_t)p[5] << 40; /* fall through */
	case 5:
		last |= (uint64_t)p[4] << 32; /* fall through */
	case 4:
		last |= (uint64_t)p[3] << 24; /* fall through */
	case 3:
		last |= (uint64_t)p[2] << 16; /* fall through */
	case 2:
		last |= (uint64_t)p[1] << 8; /* fall through */
	case 1:
		last |= (uint64_t)p[0];
	}
	sip__word(&s, last, c);
	s.c ^= 0xff;
	sip__rounds(&s, d);
	return s.a ^ s.b ^ s.c ^ s.d;
}

#endif
