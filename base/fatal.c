/* SPDX-License-Identifier: MIT */
#include "base/fatal.h"

#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

void (*wend__fatal_trace)(const struct fatal_site *at, bool all);

/* Flushing and symbols need locks that the dying code may hold: bounded by an alarm. */
static void too_long(int sig)
{
	static const char text[] = "(trace cut short: a lock it needs is held)\n";

	(void)sig;
	if (write(2, text, sizeof text - 1) < 0)
		_exit(2);
	_exit(2);
}

void wend__die_soon(void)
{
	struct sigaction sa = {.sa_handler = too_long};
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGALRM);
	pthread_sigmask(SIG_UNBLOCK, &set, NULL);
	sigaction(SIGALRM, &sa, NULL);
	alarm(5);
}

static pthread_mutex_t dying = PTHREAD_MUTEX_INITIALIZER;

/* The first to come here prints; others stay, and so does the first when its own report goes wrong: the alarm
 * ends it. */
void wend__die_begin(void)
{
	if (pthread_mutex_trylock(&dying) != 0)
		for (;;)
			pause();
	wend__die_soon();
	fflush(stdout);
}

void wend__die_wait(void)
{
	if (pthread_mutex_trylock(&dying) != 0)
		for (;;)
			pause();
	pthread_mutex_unlock(&dying);
}

void wend__die(const struct fatal_site *at, bool all)
{
	fflush(NULL);
	if (wend__fatal_trace)
		wend__fatal_trace(at, all);
	_exit(2);
}

void wend__fatal(const char *fmt, ...)
{
	char text[512];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	wend__die_begin();
	fprintf(stderr, "fatal error: %s\n", text);
	wend__die(&(struct fatal_site){.fp = __builtin_frame_address(0)}, false);
}
