# SPDX-License-Identifier: MIT
"""What the tests of shim and driver share."""
import json
import os
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(ROOT, "scripts"))

ROWS = os.environ.get("WEND_BENCH_ROWS",
                      os.path.join(ROOT, "build", "tests", "bench", "bench_test_rows"))
# Figures of single nanoseconds mean something in this build only.
RELEASE = os.environ.get("WEND_BENCH_BUILD", "Release") == "Release"


def run(*names, flags=(), env=None):
    """(exit status, {name: object}, standard output, standard error) of the rows program."""
    with tempfile.TemporaryDirectory() as tmp:
        path = os.path.join(tmp, "out.json")
        cmd = [ROWS, "--bench_out=" + path, *("--bench_row=" + n for n in names), *flags]
        p = subprocess.run(cmd, capture_output=True, text=True, timeout=50, check=False,
                           env=dict(os.environ, **(env or {})))
        rows = {}
        if os.path.exists(path):
            with open(path, encoding="utf-8") as f:
                for line in f:
                    d = json.loads(line)
                    rows[d["name"]] = d
        return p.returncode, rows, p.stdout, p.stderr
