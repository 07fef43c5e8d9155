/* SPDX-License-Identifier: MIT */
#include "sched/knobs.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/compiler.h"

struct knob {
	const char *name, *help;
	size_t offset;
	int64_t value, least, greatest; /* value: the default */
	const char *const *words;       /* NULL for a number */
};

#define X(field, def, help, ...) static const char *const words_##field[] = {__VA_ARGS__, NULL};
KNOB_WORDS(X)
#undef X

static const struct knob all[] = {
#define X(field, def, least, greatest, help)                                                      \
	{#field, help, offsetof(struct knobs, field), def, least, greatest, NULL},
	KNOB_NUMBERS(X)
#undef X
#define X(field, def, help, ...)                                                                  \
	{#field, help, offsetof(struct knobs, field), def, 0, 0, words_##field},
		KNOB_WORDS(X)
#undef X
};

static int64_t *field_of(struct knobs *k, const struct knob *knob)
{
	return (int64_t *)((char *)k + knob->offset);
}

static const struct knob *find(const char *name, size_t len)
{
	for (size_t i = 0; i < countof(all); i++)
		if (strlen(all[i].name) == len && memcmp(all[i].name, name, len) == 0)
			return &all[i];
	return NULL;
}

void knobs_default(struct knobs *k)
{
	for (size_t i = 0; i < countof(all); i++)
		*field_of(k, &all[i]) = all[i].value;
}

/* ---- Parsing ------------------------------------------------------------------------------------ */

static void join_names(char *out, size_t size)
{
	out[0] = '\0';
	for (size_t i = 0, at = 0; i < countof(all) && at < size; i++)
		at += (size_t)snprintf(out + at, size - at, "%s%s", i ? ", " : "", all[i].name);
}

static void join_words(const struct knob *knob, char *out, size_t size)
{
	out[0] = '\0';
	for (size_t i = 0, at = 0; knob->words[i] && at < size; i++)
		at += (size_t)snprintf(out + at, size - at, "%s%s", i ? ", " : "", knob->words[i]);
}

/* A whole number with an optional k, m or g. */
static bool parse_number(const char *text, size_t len, int64_t *out)
{
	char buf[32], *end;

	if (len == 0 || len >= sizeof buf)
		return false;
	memcpy(buf, text, len);
	buf[len] = '\0';
	errno = 0;
	*out = strtoll(buf, &end, 10);
	if (errno || end == buf)
		return false;

	int shift = *end == 'k' || *end == 'K' ? 10 : *end == 'm' || *end == 'M' ? 20 : *end == 'g' || *end == 'G' ? 30 : 0;

	if (shift)
		end++;
	if (*end || *out > INT64_MAX >> shift || *out < INT64_MIN >> shift)
		return false;
	*out *= (int64_t)1 << shift;
	return true;
}

static int set(struct knobs *k, const struct knob *knob, const char *text, size_t len, char *msg,
			   size_t size)
{
	int64_t value;
	char known[256];

	if (!knob->words) {
		if (parse_number(text, len, &value) && value >= knob->least && value <= knob->greatest) {
			*field_of(k, knob) = value;
			return 0;
		}
		snprintf(msg, size, "%s=%.*s: must be a whole number from %lld to %lld (%s)", knob->name,
				 (int)len, text, (long long)knob->least, (long long)knob->greatest, knob->help);
		return -EINVAL;
	}
	for (value = 0; knob->words[value]; value++) {
		if (strlen(knob->words[value]) == len && memcmp(knob->words[value], text, len) == 0) {
			*field_of(k, knob) = value;
			return 0;
		}
	}
	join_words(knob, known, sizeof known);
	snprintf(msg, size, "%s=%.*s: must be one of %s (%s)", knob->name, (int)len, text, known,
			 knob->help);
	return -EINVAL;
}

int knobs_parse(struct knobs *k, const char *text, char *msg, size_t size)
{
	while (text && *text) {
		size_t len = strcspn(text, ",");
		const char *eq = memchr(text, '=', len);
		const struct knob *knob = eq ? find(text, (size_t)(eq - text)) : NULL;

		if (len && !knob) {
			char known[512];

			join_names(known, sizeof known);
			snprintf(msg, size, "%s '%.*s'; known knobs: %s", eq ? "unknown knob" : "not key=value:",
					 (int)(eq ? (size_t)(eq - text) : len), text, known);
			return -EINVAL;
		}
		if (len) {
			int rc = set(k, knob, eq + 1, len - (size_t)(eq + 1 - text), msg, size);

			if (rc)
				return rc;
		}
		text += len + (text[len] == ',');
	}
	return 0;
}

int knobs_get(const struct knobs *k, const char *key, char *buf, size_t size)
{
	const struct knob *knob = find(key, strlen(key));

	if (!knob)
		return -EINVAL;
	int64_t value = *field_of((struct knobs *)k, knob);
	int n = knob->words ? snprintf(buf, size, "%s", knob->words[value])
						: snprintf(buf, size, "%lld", (long long)value);

	return n < 0 || (size_t)n >= size ? -ENOSPC : 0;
}

void knobs_print_help(void)
{
	puts("WENDDEBUG=key=value,key=value sets how coroutines are scheduled:\n");
	for (size_t i = 0; i < countof(all); i++) {
		char known[256], range[300];

		if (all[i].words) {
			join_words(&all[i], known, sizeof known);
			snprintf(range, sizeof range, "%s; default %s", known, all[i].words[all[i].value]);
		} else {
			snprintf(range, sizeof range, "%lld to %lld; default %lld", (long long)all[i].least,
					 (long long)all[i].greatest, (long long)all[i].value);
		}
		printf("  %-14s %s\n  %-14s   %s\n", all[i].name, all[i].help, "", range);
	}
	puts("\nWEND_MAXPROCS=n is short for WENDDEBUG=maxprocs=n.");
}
