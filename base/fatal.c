/* SPDX-License-Identifier: MIT */
#include "base/fatal.h"

#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

void (*wend__fatal_trace)(bool all);

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

void wend__die(bool all)
{
	static pthread_mutex_t dying = PTHREAD_MUTEX_INITIALIZER;

	if (pthread_mutex_trylock(&dying) != 0) /* somebody prints already, or the trace failed: */
		for (;;)                            /* the alarm ends it */
			pause();
	wend__die_soon();
	fflush(NULL);
	if (wend__fatal_trace)
		wend__fatal_trace(all);
	_exit(2);
}

static void say(const char *head, const char *fmt, va_list ap)
{
	char text[512];
	int n = snprintf(text, sizeof text, "%s: ", head);

	vsnprintf(text + n, sizeof text - (size_t)n - 1, fmt, ap);
	strcat(text, "\n");
	fflush(stdout); /* what the program printed comes before what it died of */
	if (write(2, text, strlen(text)) < 0)
		_exit(2);
}

void wend__fatal(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	say("fatal error", fmt, ap);
	va_end(ap);
	wend__die(false);
}

void wend__panic(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	say("panic", fmt, ap);
	va_end(ap);
	wend__die(false);
}
