# SPDX-License-Identifier: MIT
"""results/: fingerprints, the schema, what scripts/results keeps, and google-benchmark's form."""
import copy
import json
import os
import shutil
import subprocess
import sys
import tempfile
import unittest

from common import ROOT
import sample
from benchlib import claims, debian, fingerprint, ladder, machine, record, stats, store  # noqa: E402

debian.need("jsonschema")
RESULTS = os.path.join(ROOT, "results")
SCRIPT = os.path.join(ROOT, "scripts", "results")
RAW = sample.raw()
COMPARE = "/usr/share/benchmark/compare.py"


class Folder(unittest.TestCase):
    """A results folder of its own for each case."""

    def setUp(self):
        self.results = tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, self.results)
        shutil.copytree(os.path.join(RESULTS, "schema"), os.path.join(self.results, "schema"))
        store.reindex(self.results)

    def run_script(self, *words):
        return subprocess.run([sys.executable, "-B", SCRIPT, *words, "--results", self.results],
                              capture_output=True, text=True, timeout=50, check=False)

    def latest(self, raw=RAW):
        path = os.path.join(self.results, "latest.json")
        with open(path, "w", encoding="utf-8") as f:
            json.dump(raw, f)
        return path

    def save(self, raw):
        return self.run_script("save", self.latest(raw))

    def tree(self):
        out = {}
        for folder, _, files in os.walk(self.results):
            for name in files:
                path = os.path.join(folder, name)
                with open(path, "rb") as f:
                    out[os.path.relpath(path, self.results)] = f.read()
        return out


class Fingerprints(unittest.TestCase):
    def of(self, facts=None, build=None):
        f, b = dict(sample.FACTS, **(facts or {})), dict(sample.BUILD, **(build or {}))
        return {"hard": fingerprint.hard(f, b), "soft": fingerprint.soft(f),
                "build": fingerprint.build_of(b)}

    def test_alike_are_comparable(self):
        self.assertEqual(fingerprint.compare(self.of(), self.of()), (fingerprint.COMPARABLE, []))

    def test_load_and_commit_do_not_matter(self):
        other = self.of({"load": [9, 9, 9], "git": "other", "memory_available": 1})
        self.assertEqual(fingerprint.compare(self.of(), other), (fingerprint.COMPARABLE, []))

    def test_soft_differences_are_told(self):
        verdict, keys = fingerprint.compare(self.of(), self.of({"kernel": "6.5", "turbo": "on"}))
        self.assertEqual(verdict, fingerprint.ANNOTATED)
        self.assertEqual(keys, [("kernel", "6.1.0", "6.5"), ("turbo", None, "on")])

    def test_each_hard_fact_refuses_and_is_named(self):
        changes = {"arch": "aarch64", "cpu": "other", "cpu_ids": "Example 1 2 4", "quota": 1.5, "smt": "off",
                   "virtualisation": "none"}
        for key, value in changes.items():
            verdict, keys = fingerprint.compare(self.of(), self.of({key: value}))
            self.assertEqual((verdict, [k[0] for k in keys]), (fingerprint.REFUSED, [key]))
            self.assertNotEqual(fingerprint.name(self.of()["hard"]),
                                fingerprint.name(self.of({key: value})["hard"]))
        for facts, build, key in (({"cpus_allowed": [0]}, {}, "cpus"),
                                  ({}, {"topology": "Machine(PU)"}, "topology")):
            verdict, keys = fingerprint.compare(self.of(), self.of(facts, build))
            self.assertEqual((verdict, [k[0] for k in keys]), (fingerprint.REFUSED, [key]))

    def test_unlike_builds_are_refused_on_the_same_machine(self):
        for key in fingerprint.BUILD:
            a, b = self.of(), self.of({}, {key: "other"})
            verdict, keys = fingerprint.compare(a, b)
            self.assertEqual((verdict, [k[0] for k in keys]), (fingerprint.REFUSED, [key]))
            self.assertEqual(fingerprint.name(a["hard"]), fingerprint.name(b["hard"]))

    def test_this_machine_has_one(self):
        facts = machine.facts(ROOT)
        hard = fingerprint.hard(facts, sample.BUILD)
        self.assertEqual(sorted(hard), sorted(fingerprint.HARD))
        self.assertEqual(sorted(fingerprint.soft(facts)), sorted(fingerprint.SOFT))
        self.assertRegex(fingerprint.name(hard), "^[0-9a-f]{8}$")
        self.assertTrue(hard["cpu_ids"])

    def test_topology_is_told_in_one_line(self):
        self.assertEqual(
            fingerprint.collapsed(sample.TOPOLOGY),
            "Machine(2*Package(L3:33554432(4*L2:1048576(L1d:32768(L1i:32768(Core(2*PU)))))))")
        self.assertEqual(fingerprint.collapsed("M(A(P,P),A(P),B)"), "M(A(2*P),A(P),B)")
        with self.assertRaises(ValueError):
            fingerprint.collapsed("M(,)")


class Records(unittest.TestCase):
    rec = record.of(RAW)

    def test_a_record_reads_like_the_run(self):
        """Ladder and claims see the same figures in the record as in the run itself."""
        measured, stored = sample.rows(), record.rows_of(self.rec)
        self.assertEqual(sorted(measured), sorted(stored))
        for name, row in measured.items():
            if row.status != "ok":
                self.assertEqual(stored[name].reason, row.reason)
                continue
            a, b = list(row.values().values()), list(stored[name].values().values())
            self.assertEqual(len(a), len(b))
            for x, y in zip(a, b):
                self.assertAlmostEqual(y / x, 1, delta=5e-4)
        a = ladder.ratio(measured["thread/yield"], measured["yield/2"])
        b = ladder.ratio(stored["thread/yield"], stored["yield/2"])
        self.assertAlmostEqual(a[0] / b[0], 1, delta=2e-3)
        self.assertAlmostEqual(a[1][1] / b[1][1], 1, delta=2e-3)

    def test_counters_and_quantiles_are_medians(self):
        row = record.rows_of(self.rec)["claims/stack_coroutine"]
        value = claims.evaluate("[claims/stack_coroutine].counters.rss_bytes_each",
                                record.rows_of(self.rec), {})
        self.assertAlmostEqual(value[0], 4120, delta=50)
        self.assertEqual(list(row.values("counters.none")), [])

    def test_histograms_of_all_rounds_are_added_up(self):
        lat = record.rows_of(self.rec)["machine/jitter"].data["lat"]
        self.assertEqual(sum(n for _, n in lat["hist"]), lat["n"])
        self.assertEqual(lat["n"], 5 * 2000)
        self.assertEqual([v for v, _ in lat["hist"]], sorted({v for v, _ in lat["hist"]}))

    def test_it_is_small_and_one_row_stands_on_one_line(self):
        text = store.text_of(self.rec)
        self.assertLess(len(text.encode()), store.LIMIT)
        self.assertEqual(json.loads(text), self.rec)
        on_a_line = [line for line in text.splitlines() if line.startswith('  {"name":"')]
        self.assertEqual(len(on_a_line), len(self.rec["rows"]))

    def test_rounding(self):
        self.assertEqual(record.rounded(123456.789), 123500)
        self.assertEqual(record.rounded(0.00123456), 0.001235)
        self.assertEqual(record.rounded(3), 3)
        self.assertIsNone(record.rounded(None))


class Saving(Folder):
    def test_a_saved_run_is_found_and_all_is_well(self):
        p = self.save(RAW)
        self.assertEqual(p.returncode, 0, p.stdout + p.stderr)
        fp = fingerprint.name(fingerprint.hard(sample.FACTS, sample.BUILD))
        self.assertIn("Example 9000", p.stdout)
        tree = self.tree()
        self.assertIn("machines/%s/runs/2026-01-02T0304-0123456789ab.json" % fp, tree)
        machine = json.loads(tree["machines/%s/machine.json" % fp])
        self.assertEqual(machine["fingerprint"], fp)
        floors = [f["row"] for f in machine["floor"]]
        self.assertIn("machine/jitter", floors)
        self.assertIn("thread/handover_two_cores", floors)
        p = self.run_script("check")
        self.assertEqual((p.returncode, p.stdout), (0, "results: 1 machine, all well\n"))

    def test_twice_the_same_gives_the_same_bytes(self):
        self.save(RAW)
        first = self.tree()
        self.assertEqual(self.save(RAW).returncode, 0)
        self.assertEqual(self.run_script("index").stdout, "nothing changed\n")
        self.assertEqual(self.tree(), first)

    def test_runs_of_one_machine_are_a_series_and_machines_are_apart(self):
        for raw in (sample.raw(1.1, "2026-01-03T03:04:05+00:00", "bbbbbbb"), RAW,
                    sample.raw(cpu="another")):
            store.save(self.results, record.of(raw))
        store.reindex(self.results)
        index = json.loads(self.tree()["index.json"])
        self.assertEqual(sorted(len(m["runs"]) for m in index["machines"]), [1, 2])
        two = next(m for m in index["machines"] if len(m["runs"]) == 2)
        self.assertEqual([r["commit"] for r in two["runs"]], ["0123456789ab", "bbbbbbb"])
        machine = json.loads(self.tree()["machines/%s/machine.json" % two["fingerprint"]])
        self.assertEqual(machine["measured"], "2026-01-03T03:04:05+00:00")
        self.assertEqual(store.check(self.results), [])

    def test_what_cannot_be_kept_is_refused_with_the_reason(self):
        def changed(change):
            raw = copy.deepcopy(RAW)
            change(raw)
            return raw

        cases = ((lambda r: r["run"].update(interrupted=True), "interrupted"),
                 (lambda r: r["plan"].update(filter="yield"), "FILTER=yield"),
                 (lambda r: r["rows"][3].update(status="fail", reason="broke"), "rows failed: "),
                 (lambda r: r["rows"][5].update(status="not reached", reason=None), "1 rows were not reached"),
                 (lambda r: r["machine"].update(git="abc-dirty"), "changed files"),
                 (lambda r: r["machine"].update(git=None), "no commit"),
                 (lambda r: r["build"].pop("topology"), "topology"),
                 (lambda r: r["machine"].pop("cpu_ids"), "another version measured it"))
        for change, text in cases:
            with self.assertRaisesRegex(record.Unfit, text):
                store.save(self.results, record.of(changed(change)))
        p = self.save(changed(cases[0][0]))
        self.assertEqual(p.returncode, 2)
        self.assertIn("this run cannot be kept: it was interrupted", p.stderr)
        self.assertFalse(os.path.exists(os.path.join(self.results, "machines")))

    def test_a_record_that_is_too_big_is_refused(self):
        rec = record.of(RAW)
        rec["rows"] *= 4
        with self.assertRaisesRegex(record.Unfit, "more than 131072"):
            store.save(self.results, rec)

    def test_without_a_run_the_command_is_named(self):
        p = self.run_script("save", os.path.join(self.results, "none.json"))
        self.assertEqual(p.returncode, 2)
        self.assertIn("`make bench` makes it", p.stderr)


class Checking(Folder):
    """Each fault that check looks for is found."""

    def setUp(self):
        super().setUp()
        store.save(self.results, record.of(RAW))
        store.reindex(self.results)
        self.fp = store.fingerprints(self.results)[0]
        self.folder = store.folder_of(self.results, self.fp)
        self.run_file = os.path.join(self.folder, "runs", store.runs(self.results, self.fp)[0][0])

    def found(self, text):
        self.assertIn(text, "\n".join(store.check(self.results)))

    def rewrite(self, change, path=None):
        path = path or self.run_file
        obj = store.read(path)
        change(obj)
        store.write(path, obj)

    def test_wrong_shapes(self):
        for change, text in ((lambda o: o.update(schema="wend-run-9"), "wend-run-9"),
                             (lambda o: o.pop("commit"), "'commit' is a required property"),
                             (lambda o: o["rows"][0].update(ns=["fast"]), "rows/0/ns/0: 'fast'"),
                             (lambda o: o["rows"][0].update(speed=1), "'speed' was unexpected"),
                             (lambda o: o.update(interrupted=True), "False was expected"),
                             (lambda o: o["hard"].update(topology=None), "hard/topology: None")):
            good = store.read(self.run_file)
            self.rewrite(change)
            self.found(text)
            store.write(self.run_file, good)
        self.assertEqual(store.check(self.results), [])

    def test_another_machines_facts(self):
        self.rewrite(lambda o: o["hard"].update(cpu="faked"))
        self.found("its hard facts have the fingerprint")

    def test_another_machines_folder(self):
        os.rename(self.folder, os.path.join(os.path.dirname(self.folder), "00000000"))
        self.found("belongs into machines/" + self.fp)

    def calibration(self, **changes):
        """A calibration of the same machine, put into its folder."""
        machine = store.read(os.path.join(self.folder, "machine.json"))
        block = {"when": "2026-01-02T03:04:05+00:00", "commit": "abc", "class": "one", "row": "yield/2",
                 "changes": {"cpu": 0.01}, "verdict": "PASS", "alarm": [], "confirmed": []}
        obj = {"schema": "wend-calibration-1", "kind": "aa", "fingerprint": self.fp,
               "machine": {k: machine[k] for k in ("hard", "soft", "build")}, "summary": [], "blocks": [block]}
        obj.update(changes)
        store.write(os.path.join(self.folder, "calibration", "aa.json"), obj)
        store.reindex(self.results)

    def test_calibrations(self):
        self.calibration()
        self.assertEqual(store.check(self.results), [])
        self.assertEqual(json.loads(self.tree()["index.json"])["machines"][0]["calibration"], ["aa"])
        self.calibration(kind="power")
        self.found("'trials' is a required property")
        self.calibration(fingerprint="00000000")
        self.found("is of 00000000")
        self.calibration(blocks=[{"row": "yield/2"}])
        self.found("'when' is a required property")
        self.calibration(summary=[{"class": "one", "blocks": 0}])
        self.found("'rate_at_most' is a required property")
        self.calibration(trials=[])
        self.found("False schema does not allow []")
        self.calibration(block={})
        self.found("'block' was unexpected")

    def test_a_machine_with_a_calibration_alone(self):
        self.calibration()
        shutil.rmtree(os.path.join(self.folder, "runs"))
        os.unlink(os.path.join(self.folder, "machine.json"))
        store.reindex(self.results)
        self.assertEqual(store.check(self.results), [])
        self.assertIn("Example 9000", json.loads(self.tree()["index.json"])["machines"][0]["title"])

    def test_a_wrong_name(self):
        os.rename(self.run_file, os.path.join(os.path.dirname(self.run_file), "mine.json"))
        self.found("its name should be 2026-01-02T0304-0123456789ab.json")

    def test_typed_by_hand(self):
        with open(self.run_file, encoding="utf-8") as f:
            text = f.read()
        with open(self.run_file, "w", encoding="utf-8") as f:
            f.write(text.replace('"rounds": ', '"rounds":  '))
        self.found("not as it is written by scripts/results")

    def test_not_json(self):
        with open(self.run_file, "w", encoding="utf-8") as f:
            f.write("{")
        self.found("Expecting property name")

    def test_generated_files_that_are_old(self):
        self.rewrite(lambda o: o.update(title="mine"), os.path.join(self.folder, "machine.json"))
        self.found("machine.json: not that of the newest run (scripts/results index)")
        store.reindex(self.results)
        self.assertEqual(store.check(self.results), [])
        self.rewrite(lambda o: o["machines"].clear(), os.path.join(self.results, "index.json"))
        p = self.run_script("check")
        self.assertEqual(p.returncode, 1)
        self.assertIn("index.json: not up to date", p.stdout)


class WithoutThePackage(Folder):
    def test_it_is_named(self):
        env = dict(os.environ, WEND_PYTHON=debian.SYSTEM)
        for words, status in ((["check"], 1), (["save", self.latest()], 2)):
            p = subprocess.run([sys.executable, "-S", "-B", SCRIPT, *words, "--results", self.results],
                               capture_output=True, text=True, timeout=50, check=False, env=env)
            self.assertEqual(p.returncode, status)
            self.assertIn("python3-jsonschema is not installed: scripts/setup report", p.stdout + p.stderr)


class Shipped(unittest.TestCase):
    def test_what_is_in_the_repository_is_well(self):
        p = subprocess.run([sys.executable, "-B", SCRIPT, "check"], capture_output=True, text=True,
                           timeout=50, check=False)
        self.assertEqual(p.returncode, 0, p.stdout + p.stderr)


class GoogleBenchmark(unittest.TestCase):
    def test_medians_for_github_action_benchmark(self):
        """It reads context.date, and of each entry name, real_time, time_unit, cpu_time, iterations
        and threads; an entry per row, or it would chart rounds as benchmarks."""
        g = record.gbench(RAW)
        self.assertIn("date", g["context"])
        names = [b["name"] for b in g["benchmarks"]]
        self.assertEqual(len(names), len(set(names)))
        for b in g["benchmarks"]:
            self.assertEqual(b["time_unit"], "ns")
            for key in ("real_time", "cpu_time"):
                self.assertIsInstance(b[key], float)
            for key in ("iterations", "threads"):
                self.assertIsInstance(b[key], int)
        one = next(b for b in g["benchmarks"] if b["name"] == "yield/2")
        rounds = sample.rows()["yield/2"].values()
        self.assertAlmostEqual(one["real_time"], stats.median(list(rounds.values())))

    def test_rounds_for_compare_py(self):
        """compare.py pairs entries of one name by name and unit, leaves out those without run_type
        iteration, and needs nine repetitions for its test; each needs a place in its family."""
        g = record.gbench(RAW, every_round=True)
        mine = [b for b in g["benchmarks"] if b["name"] == "yield/2"]
        self.assertEqual([b["repetition_index"] for b in mine], list(range(5)))
        for b in g["benchmarks"]:
            for key in ("name", "run_name", "run_type", "time_unit", "real_time", "cpu_time",
                        "family_index", "per_family_instance_index", "repetitions"):
                self.assertIn(key, b)
            self.assertEqual(b["run_type"], "iteration")
        self.assertNotIn("go/select_meet", [b["name"] for b in g["benchmarks"]])

    @unittest.skipUnless(os.path.exists(COMPARE), "compare.py is not installed (libbenchmark-tools)")
    def test_compare_py_itself(self):
        with tempfile.TemporaryDirectory() as tmp:
            paths = [os.path.join(tmp, name) for name in ("base.json", "head.json")]
            for path, raw in zip(paths, (RAW, sample.raw(1.5))):
                with open(path, "w", encoding="utf-8") as f:
                    json.dump(record.gbench(raw, every_round=True), f)
            p = subprocess.run(["/usr/bin/python3", COMPARE, "--no-color", "benchmarks", *paths],
                               capture_output=True, text=True, timeout=100, check=False)
        self.assertEqual(p.returncode, 0, p.stderr)
        found = [line for line in p.stdout.splitlines() if line.startswith("yield/2 ")]
        self.assertEqual(len(found), 5)
        self.assertTrue(all("+0.5000" in line for line in found), found)
        self.assertIn("yield/2_pvalue", p.stdout)

    def test_from_the_command_line(self):
        with tempfile.TemporaryDirectory() as tmp:
            path = os.path.join(tmp, "latest.json")
            with open(path, "w", encoding="utf-8") as f:
                json.dump(RAW, f)
            p = subprocess.run([sys.executable, "-B", SCRIPT, "gbench", "--rounds", path], capture_output=True,
                               text=True, timeout=50, check=True)
        self.assertEqual(json.loads(p.stdout), json.loads(json.dumps(record.gbench(RAW, every_round=True))))


if __name__ == "__main__":
    unittest.main(verbosity=2)
