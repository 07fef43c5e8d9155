/* SPDX-License-Identifier: MIT
 *
 * tests/model/env.h - what the environments share. */
#ifndef TESTS_MODEL_ENV_H
#define TESTS_MODEL_ENV_H

#include "model/model.h"
#include "sched/m.h"

/* The words of the border (sched/m.h) are not what is tested. */
void border_private(const struct m *mp);

#endif
