/* SPDX-License-Identifier: MIT */
#include "bench/json.h"

#include <inttypes.h>
#include <math.h>

static void quote(struct json *j, const char *s)
{
	fputc('"', j->to);
	for (; *s; s++) {
		if (*s == '"' || *s == '\\')
			fputc('\\', j->to);
		if ((unsigned char)*s < 0x20)
			fprintf(j->to, "\\u%04x", (unsigned)(unsigned char)*s);
		else
			fputc(*s, j->to);
	}
	fputc('"', j->to);
}

static void name(struct json *j, const char *key)
{
	if (j->inside)
		fputs(", ", j->to);
	j->inside = true;
	if (key) {
		quote(j, key);
		fputs(": ", j->to);
	}
}

void json_open(struct json *j, const char *key, char bracket)
{
	name(j, key);
	fputc(bracket, j->to);
	j->inside = false;
}

void json_close(struct json *j, char bracket)
{
	fputc(bracket, j->to);
	j->inside = true;
}

void json_text(struct json *j, const char *key, const char *value)
{
	name(j, key);
	quote(j, value);
}

void json_bool(struct json *j, const char *key, bool value)
{
	name(j, key);
	fputs(value ? "true" : "false", j->to);
}

void json_real(struct json *j, const char *key, double value)
{
	name(j, key);
	if (isfinite(value))
		fprintf(j->to, "%.10g", value);
	else
		fputs("null", j->to);
}

void json_int(struct json *j, const char *key, int64_t value)
{
	name(j, key);
	fprintf(j->to, "%" PRId64, value);
}

void json_end(struct json *j)
{
	fputc('\n', j->to);
	fflush(j->to);
	j->inside = false;
}
