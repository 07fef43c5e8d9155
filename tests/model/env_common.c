/* SPDX-License-Identifier: MIT
 *
 * tests/model/env_common.c - what both environments share. In place of base/fatal.c: fatal errors and panics are
 * failures of the execution, with their text. In place of sched/panic.c: frames that nobody jumps to. */
#include "base/fatal.h"

#include <stdarg.h>

#include "model/env.h"
#include "sched/go_args.h"
#include "sched/panic_priv.h"
#include "wend/panic.h"

void (*wend__fatal_trace)(const struct fatal_site *at, bool all);

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

void wend__die(const struct fatal_site *at, bool all)
{
	model_fail(__FILE__, __LINE__, "the process dies");
}

void wend__die_soon(void)
{
}

void wend__die_begin(void)
{
}

void wend__die_wait(void)
{
}

void wend__frame_open(struct wend__frame *f, int jump)
{
	f->home = &f->up;
	f->chunks = NULL;
	f->n = 0;
}

void wend__frame_close_slow(struct wend__frame *f)
{
	model_fail(__FILE__, __LINE__, "a frame with chunks");
}

void wend__defer_more(struct wend__frame *f, void (*fn)(void *), void *arg)
{
	model_fail(__FILE__, __LINE__, "too many deferred calls");
}

void wend__defer_captured(const struct go_regs *regs, const uint64_t *stack_args)
{
	model_fail(__FILE__, __LINE__, "a deferred call with arguments");
}

const char *wend_recover(void)
{
	return NULL;
}

void panic_goexit(struct wend__unwind *u)
{
	model_fail(__FILE__, __LINE__, "goexit with open frames");
}

void panic_forget(struct wend__unwind *u)
{
}

void wend_panic(const char *text)
{
	wend__panic("%s", text);
}

void wend_panicf(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	die("panic", fmt, args);
	__builtin_unreachable();
}

void border_private(const struct m *mp)
{
	model_private(&mp->in_rt, sizeof mp->in_rt);
	model_private(&mp->attn, sizeof mp->attn);
	model_private(&wend__epoch.now, sizeof wend__epoch.now);
}
