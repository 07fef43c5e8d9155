# SPDX-License-Identifier: MIT
"""scripts/bench as a user runs it, on the rows of rows.c."""
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import unittest

from common import ROOT, ROWS
from benchlib import counts  # noqa: E402

BENCH = os.path.join(ROOT, "scripts", "bench")


class Driver(unittest.TestCase):
    def setUp(self):
        self.out = tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, self.out)

    def command(self, pattern, *more):
        return [sys.executable, "-B", BENCH, "--program", ROWS, "--out", self.out, "--filter",
                pattern, *more]

    def run_bench(self, pattern, *more, **kw):
        env = {k: v for k, v in os.environ.items() if k not in ("FILTER", "BENCH", "PROCS")}
        env.update(kw.pop("env", {}))
        return subprocess.run(self.command(pattern, *more), capture_output=True, text=True,
                              timeout=50, check=False, env=env, **kw)

    def data(self, name="latest"):
        with open(os.path.join(self.out, name + ".json"), encoding="utf-8") as f:
            d = json.load(f)
        return d, {r["name"]: r for r in d["rows"]}

    def test_a_good_run(self):
        p = self.run_bench("time/(empty|manual)", "--budget", "3")
        self.assertEqual(p.returncode, 0, p.stdout + p.stderr)
        d, rows = self.data()
        self.assertEqual(sorted(rows), ["time/empty", "time/empty_base", "time/manual"])
        self.assertGreaterEqual(rows["time/manual"]["summary"]["rounds_measured"], 5)
        self.assertEqual(rows["time/empty_base"]["summary"]["baseline"], "time/empty")
        self.assertEqual(len(rows["time/empty_base"]["summary"]["ratio_interval"]), 2)
        self.assertEqual(len(d["claims"]), 5)
        self.assertFalse(d["run"]["interrupted"])
        for text in ("google-benchmark 1", "Verdict on the claims", "latest.json", "latest.md"):
            self.assertIn(text, p.stdout)
        self.assertTrue(os.path.exists(os.path.join(self.out, "latest.md")))

    def test_failures_fail_and_the_others_still_run(self):
        p = self.run_bench("end/(fail|leaves|crash)|time/manual", "--budget", "2")
        self.assertEqual(p.returncode, 1)
        _, rows = self.data()
        self.assertEqual(rows["time/manual"]["status"], "ok")
        self.assertEqual(rows["end/crash"]["status"], "fail")
        self.assertIn("SIGABRT", rows["end/crash"]["reason"])
        self.assertEqual(rows["end/fail/threads:1"]["reason"], "broke at 7")
        self.assertIn("5 rows FAILED", p.stdout)

    def test_a_row_that_hangs_is_ended(self):
        p = self.run_bench("end/hang|time/manual", "--budget", "2", "--timeout", "1")
        self.assertEqual(p.returncode, 1)
        _, rows = self.data()
        self.assertIn("no end after 1 s", rows["end/hang"]["reason"])
        self.assertEqual(rows["time/manual"]["status"], "ok")

    def test_skips_are_named_and_no_failure(self):
        p = self.run_bench("end/skip", "--budget", "1")
        self.assertEqual(p.returncode, 0)
        self.assertIn("Skipped (no luck here): end/skip/threads:1, end/skip/threads:2",
                      p.stdout.replace("\n    ", " "))

    def test_one_cpu(self):
        p = self.run_bench("place/", "--budget", "2", env={"PROCS": "1"})
        self.assertEqual(p.returncode, 0, p.stdout)
        _, rows = self.data()
        self.assertEqual(rows["place/two"]["status"], "skip")
        self.assertIn("one is allowed", rows["place/two"]["reason"])
        self.assertEqual(rows["place/same"]["status"], "ok")

    def test_interrupt_keeps_what_was_measured_and_the_last_whole_run(self):
        self.run_bench("time/manual", "--budget", "1")
        whole = self.data()
        p = subprocess.Popen(self.command("time/sleep|time/manual", "--budget", "60"),
                             stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        time.sleep(2.5)
        p.send_signal(signal.SIGINT)
        out, err = p.communicate(timeout=20)
        self.assertEqual(p.returncode, 130, out + err)
        self.assertEqual(self.data(), whole)
        d, rows = self.data("interrupted")
        self.assertTrue(d["run"]["interrupted"])
        self.assertRegex(out, "INTERRUPTED: .*interrupted.json")
        self.assertNotIn("time was over", out)
        self.assertIn("Other rows", out)
        self.assertTrue(any(r["status"] == "ok" for r in rows.values()))
        with open(os.path.join(self.out, "interrupted.md"), encoding="utf-8") as f:
            self.assertIn("Interrupted", f.read())

    @unittest.skipUnless(shutil.which("valgrind"), "valgrind is not installed")
    def test_instructions_are_counted_per_operation(self):
        a, b = (counts.per_operation(ROWS, "time/empty", dict(os.environ), n) for n in (10000, 20000))
        self.assertAlmostEqual(a["instructions"], b["instructions"], delta=0.1)
        self.assertTrue(0.5 < b["instructions"] < 50, (a, b))

    def test_a_reader_who_leaves_loses_nothing(self):
        p = subprocess.Popen(self.command("end/fail|time/manual", "--budget", "1"),
                             stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        p.stdout.close()
        p.stderr.close()
        self.assertEqual(p.wait(timeout=50), 1)
        _, rows = self.data()
        self.assertEqual(rows["time/manual"]["status"], "ok")
        self.assertTrue(os.path.exists(os.path.join(self.out, "latest.md")))

    def test_a_folder_that_takes_no_results_is_told_of_before_measuring(self):
        self.out = os.path.join(self.out, "file")
        with open(self.out, "w", encoding="utf-8"):
            pass
        p = self.run_bench("end/hang", "--timeout", "40")
        self.assertEqual(p.returncode, 2)
        self.assertIn("scripts/bench: results cannot be written: ", p.stderr)
        self.assertNotIn("Traceback", p.stderr)

    def test_wrong_arguments(self):
        for procs in ("0", "-1", "abc"):
            self.assertEqual(self.run_bench("time/manual", env={"PROCS": procs}).returncode, 2, procs)
        self.assertEqual(self.run_bench("no_such_row").returncode, 2)
        self.assertEqual(self.run_bench("(").returncode, 2)
        self.assertEqual(self.run_bench("x", "--build", "/nowhere").returncode, 2)
        self.assertIn("FILTER=regex", self.run_bench("x", "--help").stdout)


if __name__ == "__main__":
    unittest.main(verbosity=2)
