# SPDX-License-Identifier: MIT
"""A stall of 10 ms in bench/latency/bench_open.c: the open loop must tell of it in p99.9, and its closed twin
documents that it would not."""
import json
import os
import subprocess
import tempfile
import unittest

from common import ROOT

PROGRAM = os.environ.get("WEND_BENCH_MAIN", os.path.join(ROOT, "build", "bench", "wend-bench"))


def waits(row):
    with tempfile.TemporaryDirectory() as tmp:
        path = os.path.join(tmp, "out.json")
        subprocess.run([PROGRAM, "--bench_row=" + row, "--bench_out=" + path], stdout=subprocess.DEVNULL,
                       stderr=subprocess.DEVNULL, timeout=50, check=True)
        with open(path, encoding="utf-8") as f:
            return json.loads(f.read().splitlines()[-1])


class Stall(unittest.TestCase):
    def test_the_open_loop_shows_it(self):
        row = waits("latency/open/10")
        self.assertEqual(row["model"], "open@40000")
        # 400 of 40000 were due while the server stood still; the last of p99.9 waited for most of it.
        self.assertGreater(row["lat"]["p99.9"], 8e6)
        self.assertGreater(row["lat"]["max"], 9.9e6)

    def test_the_closed_loop_hides_it(self):
        row = waits("latency/closed/10")
        self.assertEqual(row["model"], "closed")
        self.assertGreater(row["lat"]["max"], 9.9e6)  # it was there
        self.assertLess(row["lat"]["p99.9"], 1e6)

    def test_without_a_stall_hardly_anybody_waits(self):
        # The best of some: another program can take the CPU away for as long as the stall is.
        best = min(waits("latency/closed/0")["lat"]["max"] for _ in range(5))
        self.assertLess(best, 9e6)
        self.assertLess(min(waits("latency/open/0")["lat"]["p50"] for _ in range(2)), 8e6)


if __name__ == "__main__":
    unittest.main(verbosity=2)
