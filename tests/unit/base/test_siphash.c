/* SPDX-License-Identifier: MIT
 *
 * SipHash against the authors' test vectors: 2-4, key 00 01 .. 0f, input 00 01 .. */
#include "base/siphash.h"

#include "harness/test.h"

TEST(siphash_2_4_gives_the_published_values)
{
	static const struct {
		size_t len;
		uint64_t want;
	} vector[] = {
		{0, 0x726fdb47dd0e0e31ull}, {1, 0x74f839c593dc67fdull}, {2, 0x0d6c8009d9a94f5aull},
		{3, 0x85676696d7fb7e2dull}, {8, 0x93f5f5799a932462ull}, {15, 0xa129ca6149be45e5ull},
	};
	unsigned char in[16];

	for (int i = 0; i < 16; i++)
		in[i] = (unsigned char)i;
	for (size_t i = 0; i < sizeof vector / sizeof *vector; i++)
		CHECK_EQ(siphash(0x0706050403020100ull, 0x0f0e0d0c0b0a0908ull, in, vector[i].len, 2, 4), vector[i].want);
}

TEST(each_byte_and_the_length_count)
{
	unsigned char in[40] = {0};

	for (size_t len = 0; len < sizeof in; len++) {
		uint64_t plain = siphash(1, 2, in, len, 1, 3);

		CHECK(plain != siphash(1, 2, in, len + 1, 1, 3) && plain != siphash(1, 3, in, len, 1, 3));
		for (size_t i = 0; i < len; i++) {
			in[i] = 1;
			CHECK(plain != siphash(1, 2, in, len, 1, 3));
			in[i] = 0;
		}
	}
}
