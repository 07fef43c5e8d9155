/* SPDX-License-Identifier: MIT
 *
 * sched/topo.h - placement as pure functions of a topology, so that machines we do not have can be tested. */
#ifndef SCHED_TOPO_H
#define SCHED_TOPO_H

#include <hwloc.h>

#include "base/compiler.h"

/* Chooses a PU (logical index) for each of n P's. kind: PIN_COMPACT, neighbours sharing caches, one per
 * core before any core gets a second, beginning at the core of PU `first`; PIN_SPREAD, as far apart as may be,
 * evenly over packages, caches and cores. More P's than PUs wrap around. Uses the objects' userdata. */
void topo_choose(hwloc_topology_t t, int kind, unsigned first, int n, unsigned *pu);

/* How near two PUs are: the depth of what they share; greater is nearer. */
int topo_nearness(hwloc_topology_t t, unsigned pu_a, unsigned pu_b);

#endif
