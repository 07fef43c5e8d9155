# SPDX-License-Identifier: MIT
"""Instructions, system calls and allocations per operation, counted by valgrind: the same from run to run where the
clock is not.

Two runs, of N and of 2N operations; what they differ by, over N, is an operation. Beginning and end,
the dynamic linker's work included, fall out of it."""
import os
import re
import subprocess
import tempfile
import time

OPS = 20000
SECONDS = 20  # for `make bench` to count them all; a quiet machine needs half of that
TIMEOUT = 120
# One thread does all the work in these: valgrind runs threads in turn, and spinning would count.
ROWS = ("switch/inline_cross", "yield/2", "handover/same_core", "spawn/join_one", "spawn/go_macro",
        "runq/put_get", "deque/push_pop_asym", "counter/add", "runtime/enter_leave")
COLLECTED = re.compile(r"Collected : (\d+)")
FUNCTION = re.compile(r"c?fn=\((\d+)\)(?: (.*))?")
ALLOCATES = re.compile(r"(malloc|calloc|realloc|reallocarray|aligned_alloc|posix_memalign|memalign|mmap(64)?|"
                       r"operator new.*)('\d+)?$")


def allocations(path):
    """Calls of functions that get memory, from callgrind's file: `cfn=(id) name`, then `calls=count ...`."""
    names, callee, total = {}, None, 0
    with open(path, encoding="utf-8", errors="replace") as f:
        for line in f:
            match = FUNCTION.match(line)
            if match:
                if match.group(2):
                    names[match.group(1)] = match.group(2)
                if line.startswith("cfn"):
                    callee = names.get(match.group(1), "")
            elif line.startswith("calls=") and ALLOCATES.match(callee or ""):
                total += int(line[6:].split()[0])
    return total


def totals(program, row, ops, env):
    """{metric: number} of a whole process."""
    with tempfile.TemporaryDirectory(prefix="wend-counts-") as tmp:
        out, log = os.path.join(tmp, "out"), os.path.join(tmp, "log")
        # No look for work before sleeping: how often it turns is the clock's to say.
        quiet = dict(env, WENDDEBUG=",".join(filter(None, (env.get("WENDDEBUG"), "spin_us=0"))))
        subprocess.run(["valgrind", "--tool=callgrind", "--fair-sched=yes", "--trace-syscalls=yes",
                        "--callgrind-out-file=" + out, "--log-file=" + log, program,
                        "--bench_row=" + row, "--bench_ops=%d" % ops],
                       env=quiet, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, timeout=TIMEOUT, check=True)
        with open(log, encoding="utf-8", errors="replace") as f:
            text = f.read()
        collected = COLLECTED.search(text)
        if not collected:
            raise OSError("valgrind printed no count: " + " ".join(text.split()[-12:]))
        return {"instructions": int(collected.group(1)),
                "syscalls": text.count("SYSCALL["), "allocations": allocations(out)}


def per_operation(program, row, env, ops=OPS):
    """{metric: number per operation}. Raises OSError or subprocess.SubprocessError where valgrind did not count."""
    once, twice = (totals(program, row, k * ops, env) for k in (1, 2))
    return {metric: (twice[metric] - once[metric]) / ops for metric in once}


def count(rows, env):
    """Sets the instructions of those rows that are there. Returns what it could not count, and why."""
    missing, end = [], time.monotonic() + SECONDS
    for row in (rows[name] for name in ROWS if name in rows):
        if time.monotonic() > end:
            missing.append("%s: no time to count its instructions" % row.name)
            continue
        try:
            row.instructions = per_operation(row.source.program, row.name, env)["instructions"]
        except (OSError, subprocess.SubprocessError) as e:
            missing.append("%s: valgrind did not count it (%s)" % (row.name, e))
    return missing
