/* SPDX-License-Identifier: MIT
 *
 * bench/json.h - writes one JSON object on one line. Non-finite numbers become null. */
#ifndef BENCH_JSON_H
#define BENCH_JSON_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

struct json {
	FILE *to;
	bool inside; /* something precedes within the bracket that is open */
};

/* Key NULL: an element of a list, or the outermost object. */
void json_open(struct json *j, const char *key, char bracket);
void json_close(struct json *j, char bracket);
void json_text(struct json *j, const char *key, const char *value);
void json_bool(struct json *j, const char *key, bool value);
void json_real(struct json *j, const char *key, double value);
void json_int(struct json *j, const char *key, int64_t value);
/* Ends the line and lets a reader see it. */
void json_end(struct json *j);

#endif
