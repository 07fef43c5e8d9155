/* SPDX-License-Identifier: MIT
 *
 * tests/model/env_common.c - what both environments share. In place of base/fatal.c: fatal errors and panics are
 * failures of the execution, with their text. */
#include "base/fatal.h"

#include <stdarg.h>

#include "model/env.h"

void (*wend__fatal_trace)(bool all);

static void die(const char *kind, const char *fmt, va_list args)
{
	char text[300];

	vsnprintf(text, sizeof text, fmt, args);
	model_fail(__FILE__, __LINE__, "%s: %s", kind, text);
}

void wend__fatal(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	die("fatal error", fmt, args);
	__builtin_unreachable();
}

void wend__panic(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	die("panic", fmt, args);
	__builtin_unreachable();
}

void wend__die(bool all)
{
	model_fail(__FILE__, __LINE__, "the process dies");
}

void wend__die_soon(void)
{
}

void border_private(const struct m *mp)
{
	model_private(&mp->in_rt, sizeof mp->in_rt);
	model_private(&mp->attn, sizeof mp->attn);
	model_private(&wend__epoch.now, sizeof wend__epoch.now);
}
