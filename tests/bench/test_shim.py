# SPDX-License-Identifier: MIT
"""The shim against rows whose outcome is known (rows.c)."""
import json
import os
import unittest

from common import RELEASE, run


class Time(unittest.TestCase):
    def test_sleep_is_the_same_at_any_number_of_threads(self):
        names = ["time/sleep/threads:%d" % n for n in (1, 2, 4)]
        least = {}
        for _ in range(5):  # a busy machine oversleeps, but not each time
            status, rows, _, _ = run(*names)
            self.assertEqual(status, 0)
            for name in names:
                self.assertEqual(rows[name]["ops"], 16 * rows[name]["threads"])
                least[name] = min(rows[name]["ns_per_op"], least.get(name, 1e12))
            if max(least.values()) < 15e6:
                break
        for f in least.values():
            self.assertGreaterEqual(f, 10e6)
            self.assertLess(f, 15e6)

    def test_google_benchmark_divides_by_threads_and_this_does_not(self):
        """T6: what 1.7.1 makes of the same sleeps, beside ours. From 1.9 on it divides no more."""
        for _ in range(5):  # a busy machine oversleeps
            status, _, out, _ = run(flags=["--benchmark_filter=time/sleep/", "--benchmark_format=json"])
            self.assertEqual(status, 0)
            data = json.loads(out)
            ours, theirs = ([b[key] for b in data["benchmarks"]] for key in ("wall_ns/op", "real_time"))
            self.assertEqual(len(ours), 3)
            if max(ours) / min(ours) < 1.5:
                break
        self.assertLess(max(ours) / min(ours), 1.5)
        if data["context"]["gbench_version"].startswith("1.7."):
            self.assertLess(theirs[2], theirs[0] / 2)

    def test_a_thread_that_comes_late_is_waited_for_outside_the_window(self):
        """T7: nothing before the last start counts."""
        least = 1e12
        for _ in range(5):
            _, rows, _, _ = run("time/late")
            self.assertEqual(rows["time/late"]["window"], "steady")
            least = min(least, rows["time/late"]["ns_per_op"])
            if least < 12.5e6:
                break
        self.assertGreaterEqual(least, 10e6)
        self.assertLess(least, 12.5e6)  # with the wait for the other it would be 13 and more

    def test_cpu_clock(self):
        _, rows, _, _ = run("time/sleep_cpu")
        r = rows["time/sleep_cpu"]
        self.assertEqual(r["ns_per_op"], r["cpu_ns"])
        self.assertLess(r["cpu_ns"], r["wall_ns"] / 10)

    def test_pauses_are_not_counted(self):
        _, rows, _, _ = run("time/paused")
        self.assertGreaterEqual(rows["time/paused"]["wall_ns"], 2e6)
        self.assertLess(rows["time/paused"]["wall_ns"], 10e6)

    def test_manual_time_and_items(self):
        _, rows, _, _ = run("time/manual", "time/items")
        self.assertAlmostEqual(rows["time/manual"]["ns_per_op"], 1234)
        self.assertEqual(rows["time/manual"]["window"], "manual")
        self.assertEqual(rows["time/items"]["ops"], 80)
        self.assertGreaterEqual(rows["time/items"]["ns_per_op"], 1e6)
        self.assertLess(rows["time/items"]["ns_per_op"], 2e6)

    @unittest.skipUnless(RELEASE, "only the release build is fast")
    def test_shim_costs_nothing(self):
        best = {}
        for _ in range(3):
            _, rows, _, _ = run("time/overhead/threads:1")
            r = rows["time/overhead/threads:1"]
            cost = r["wall_ns"] - r["counters"]["direct"]
            best["cost"] = min(cost, best.get("cost", 1e9))
        self.assertLess(best["cost"], 0.05)

    @unittest.skipUnless(RELEASE, "only the release build is optimised")
    def test_bench_use_keeps_values(self):
        # Both loops would vanish without the macros, and a nanosecond would do for a million turns.
        _, rows, _, _ = run("time/keeps", "time/empty")
        self.assertGreater(rows["time/keeps"]["wall_ns"], 0.05)
        self.assertGreater(rows["time/empty"]["wall_ns"], 0.05)

    @unittest.skipUnless(RELEASE, "only the release build is fast")
    def test_recording_a_latency_is_cheap(self):
        # CPU time: beside other programs the wall clock tells of them.
        cost = min(run("lat/record")[1]["lat/record"]["cpu_ns"] for _ in range(5))
        self.assertLess(cost, 5)


class Rows(unittest.TestCase):
    def test_names_and_arguments(self):
        names = ["args/pair/1/2", "args/pair/30/40", "args/range/1", "args/range/8",
                 "args/range/64", "args/range/100"]
        _, rows, _, _ = run(*names)
        self.assertEqual(sorted(rows), sorted(names))
        self.assertEqual(rows["args/pair/30/40"]["counters"], {"a": 30, "b": 40})
        self.assertEqual(rows["args/range/64"]["counters"]["a"], 64)
        self.assertEqual(rows["args/pair/1/2"]["label"], 'said "so"')

    def test_counters(self):
        _, rows, _, _ = run("args/counters")
        c = rows["args/counters"]["counters"]
        self.assertEqual((c["per_op"], c["greatest"], c["sum"]), (3, 2, 3))
        self.assertGreater(c["rate"], 64 / 0.32 / 2)
        self.assertLess(c["rate"], 201)

    def test_setup_and_teardown_once_per_run(self):
        status, rows, _, _ = run("args/stateful/threads:1", "args/stateful/threads:3",
                                 flags=["--benchmark_min_time=0.01"])
        self.assertEqual(status, 0, rows)

    def test_placement(self):
        cpus = sorted(os.sched_getaffinity(0))
        status, rows, _, _ = run("place/free", "place/same", "place/two",
                                 flags=["--benchmark_min_time=0.02"])
        self.assertEqual(status, 0)
        self.assertEqual((rows["place/free"]["pinned"], rows["place/free"]["cpus"]), ("no", []))
        self.assertEqual(rows["place/same"]["pinned"], "yes")
        self.assertEqual(len(set(rows["place/same"]["cpus"])), 1)
        if len(cpus) > 1:
            self.assertEqual(len(set(rows["place/two"]["cpus"])), 2)
        else:
            self.assertEqual(rows["place/two"]["status"], "skip")

    def test_full_only(self):
        for env, there in (({"BENCH": ""}, False), ({"BENCH": "full"}, True)):
            _, _, out, _ = run(flags=["--bench_list"], env=env)
            names = [json.loads(line)["name"] for line in out.splitlines()]
            self.assertEqual("time/full_only" in names, there)

    def test_google_benchmark_itself_still_works(self):
        status, _, out, _ = run(flags=["--benchmark_filter=time/manual", "--benchmark_format=json",
                                       "--benchmark_repetitions=3"])
        self.assertEqual(status, 0)
        data = json.loads(out)
        self.assertEqual(data["context"]["gbench_version"].split(".")[0], "1")
        means = [b for b in data["benchmarks"] if b.get("aggregate_name") == "mean"]
        self.assertAlmostEqual(means[0]["wall_ns/op"], 1234)

    def test_facts(self):
        status, _, out, _ = run(flags=["--bench_facts"])
        facts = json.loads(out)
        self.assertEqual(status, 0)
        self.assertIn("gbench_version", facts)
        self.assertEqual(facts["cpus_allowed"], len(os.sched_getaffinity(0)))


class Latency(unittest.TestCase):
    def test_quantiles_against_the_sorted_samples(self):
        _, rows, _, _ = run("lat/spread")
        r = rows["lat/spread"]
        self.assertEqual(r["lat"]["n"], 50000)
        for q in ("p50", "p90", "p99", "p99.9"):
            exact = r["counters"]["exact_" + q]
            self.assertLess(abs(r["lat"][q] - exact) / exact, 0.016, q)

    def test_no_quantile_without_samples_beyond_it(self):
        _, rows, _, _ = run("lat/few")
        lat = rows["lat/few"]["lat"]
        self.assertEqual(sorted(lat), ["hist", "max", "mean", "n", "p50", "p90"])
        self.assertEqual(lat["max"], 100)

    def test_histogram_has_every_sample_once(self):
        _, rows, _, _ = run("lat/spread")
        lat = rows["lat/spread"]["lat"]
        self.assertEqual(sum(n for _, n in lat["hist"]), lat["n"])
        values = [v for v, _ in lat["hist"]]
        self.assertEqual(values, sorted(set(values)))
        seen = 0
        for i, (value, n) in enumerate(lat["hist"]):
            seen += n
            if seen > lat["n"] / 2:
                # The group that holds the middle sample.
                self.assertLessEqual(value, lat["p50"] * 1.016)
                self.assertGreater(lat["hist"][i + 1][0] * 1.016, lat["p50"])
                break


class Ends(unittest.TestCase):
    def test_skip_is_no_failure(self):
        status, rows, _, _ = run("end/skip/threads:1", "end/skip/threads:2")
        self.assertEqual(status, 0)
        for r in rows.values():
            self.assertEqual((r["status"], r["reason"]), ("skip", "no luck here"))
        self.assertEqual(len(rows), 2)

    def test_failure_has_an_exit_status(self):
        for name, reason in (("end/fail/threads:1", "broke at 7"),
                             ("end/fail/threads:3", "broke at 7"),
                             ("end/leaves/threads:2",
                              "the body returned before bench_next gave 0")):
            status, rows, _, _ = run(name)
            self.assertEqual(status, 1, name)
            self.assertEqual((rows[name]["status"], rows[name]["reason"]), ("fail", reason))

    def test_rows_after_a_failure_still_run(self):
        status, rows, _, _ = run("end/fail/threads:1", "time/manual")
        self.assertEqual(status, 1)
        self.assertEqual(rows["time/manual"]["status"], "ok")

    def test_wrong_arguments(self):
        status, _, _, err = run("no/such")
        self.assertEqual(status, 2)
        self.assertIn("there is no row 'no/such'", err)
        status, _, _, _ = run("time/manual", flags=["--bench_nonsense"])
        self.assertEqual(status, 2)


if __name__ == "__main__":
    unittest.main(verbosity=2)
