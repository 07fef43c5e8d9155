/* SPDX-License-Identifier: MIT
 *
 * tally.h - counts words: a hash table of fixed size with open addressing. */
#ifndef TALLY_H
#define TALLY_H

#include <stddef.h>

struct tally;

/* Room for so many different words; NULL without memory. */
struct tally *tally_make(size_t words);
void tally_free(struct tally *t);
/* How often the word was added, this time included; 0 when there is no room for it. */
size_t tally_add(struct tally *t, const char *word);

#endif
