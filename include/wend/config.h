/* SPDX-License-Identifier: MIT
 *
 * wend/config.h - the scheduler's policy as data. Every choice is a knob that can be set for one run
 * by the environment, WENDDEBUG=key=value,key=value, or in this structure; the environment wins.
 * WEND_MAXPROCS=n is short for WENDDEBUG=maxprocs=n. `WENDDEBUG=help` prints all knobs and exits.
 *
 *     struct wend_config cfg = WEND_ZERO;
 *     cfg.knobs = "owner=fifo,steal=one";
 *     wend_start(&cfg);
 */
#ifndef WEND_CONFIG_H
#define WEND_CONFIG_H

#include <wend/types.h>

WEND__BEGIN

typedef struct wend_config {
	int maxprocs;      /* number of P's; 0: environment, else wend_num_cpu() */
	const char *knobs; /* same syntax as WENDDEBUG; NULL: none. Read before the call returns. */
} wend_config;

/* Checks a knob string. 0, or -EINVAL with a message that names the faulty key or value and what is
 * known, cut to size, in msg (may be NULL). */
WEND_API int wend_config_check(const char *knobs, char *msg, size_t size);

/* Writes the value that a knob has now (defaults when the runtime is not running) into buf; returns 0,
 * -EINVAL for an unknown key, -ENOSPC when size is too small. */
WEND_API int wend_config_get(const char *key, char *buf, size_t size);

WEND__END
#endif
