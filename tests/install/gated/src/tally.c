/* SPDX-License-Identifier: MIT */
#include "tally.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

struct entry {
	const char *word; /* the caller's */
	uint64_t hash;
	size_t times;
};

struct tally {
	size_t mask;
	struct entry at[];
};

struct tally *tally_make(size_t words)
{
	size_t slots = 8;
	struct tally *t;

	while (slots < 2 * words)
		slots *= 2;
	t = calloc(1, sizeof *t + slots * sizeof t->at[0]);
	if (t)
		t->mask = slots - 1;
	return t;
}

void tally_free(struct tally *t)
{
	free(t);
}

static uint64_t hash(const char *word)
{
	uint64_t h = 0xcbf29ce484222325u;

	for (; *word; word++)
		h = (h ^ (unsigned char)*word) * 0x100000001b3u;
	return h;
}

size_t tally_add(struct tally *t, const char *word)
{
	uint64_t h = hash(word);

	for (size_t i = 0; i <= t->mask; i++) {
		struct entry *e = &t->at[(h + i) & t->mask];

		if (!e->word)
			*e = (struct entry){word, h, 0};
		if (e->hash == h && strcmp(e->word, word) == 0)
			return ++e->times;
	}
	return 0;
}
