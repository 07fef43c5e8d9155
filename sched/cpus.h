/* SPDX-License-Identifier: MIT
 *
 * sched/cpus.h - how many CPUs this process may use. */
#ifndef SCHED_CPUS_H
#define SCHED_CPUS_H

#include "base/compiler.h"

/* CPUs' worth of time that the cgroup quota leaves, rounded up, over the whole chain of ancestors, in
 * both versions of cgroups; INT_MAX without a quota. proc and sys are "/proc" and "/sys", or a test's
 * own. */
int cpus_quota(const char *proc, const char *sys);

#endif
