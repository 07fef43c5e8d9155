# SPDX-License-Identifier: MIT
"""Instructions per operation, counted by valgrind: the same from run to run where the clock is not.

Two runs, of N and of 2N operations; what they differ by, over N, is an operation. Beginning and end,
the dynamic linker's work included, fall out of it."""
import re
import subprocess
import time

OPS = 20000
SECONDS = 20  # to count them all; a quiet machine needs half of that
TOTAL = re.compile(r"I\s+refs:\s+([\d,]+)")
# One thread does all the work in these: valgrind runs threads in turn, and spinning would count.
ROWS = ("switch/inline_cross", "yield/2", "handover/same_core", "spawn/join_one", "spawn/go_macro",
        "runq/put_get", "deque/push_pop_asym", "counter/add", "runtime/enter_leave")


def total(row, ops, env):
    command = ["valgrind", "--tool=cachegrind", "--cache-sim=no", "--cachegrind-out-file=/dev/null",
               row.source.program, "--bench_row=" + row.name, "--bench_ops=%d" % ops]
    out = subprocess.run(command, env=env, capture_output=True, text=True, timeout=60, check=True)
    return int(TOTAL.search(out.stderr).group(1).replace(",", ""))


def count(rows, env):
    """Sets the instructions of those rows that are there. Returns what it could not count, and why."""
    missing, end = [], time.monotonic() + SECONDS
    for row in (rows[name] for name in ROWS if name in rows):
        if time.monotonic() > end:
            missing.append("%s: no time to count its instructions" % row.name)
            continue
        try:
            once, twice = (total(row, k * OPS, env) for k in (1, 2))
            row.instructions = (twice - once) / OPS
        except (OSError, subprocess.SubprocessError, AttributeError) as e:
            missing.append("%s: valgrind did not count it (%s)" % (row.name, e))
    return missing
