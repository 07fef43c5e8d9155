# SPDX-License-Identifier: MIT
"""The gate's statistics and verdicts against known answers."""
import json
import math
import os
import random
import shutil
import unittest

from common import RELEASE, ROOT, ROWS
from benchlib import builds, calibration, compare, counts, fingerprint, gate, inject, store, verdict

RAISED = {}
MAIN = os.environ.get("WEND_BENCH_MAIN", os.path.join(ROOT, "build", "bench", "wend-bench"))


def rounds(rng, change, n=gate.ROUNDS, noise=0.013, pairs=30):
    """Logarithms of ratios as rounds give them: a round has a shift of its own, its pairs scatter around that with the
    long tail of a busy machine, and the round is their median."""
    out = []
    for _ in range(n):
        shift = math.log(1 + change) + rng.gauss(0, noise)
        out.append(gate.median([shift + rng.gauss(0, 0.03) * (5 if rng.random() < 0.1 else 1) for _ in range(pairs)]))
    return out


class Intervals(unittest.TestCase):
    def test_order_statistics_by_hand(self):
        # Ten values: from the smallest to the greatest covers 1 - 2/1024, one further in 1 - 22/1024.
        v = list(range(10))
        lo, hi = gate.interval(v, 1 - 22 / 1024)
        self.assertAlmostEqual(lo, 1, places=9)
        self.assertAlmostEqual(hi, 8, places=9)
        lo, hi = gate.interval(v, 0.99)
        self.assertTrue(0 < lo < 1 and 8 < hi < 9, (lo, hi))
        self.assertIsNone(gate.interval(list(range(7)), 0.99))  # 1 - 2/128 is all there is
        self.assertIsNotNone(gate.interval(list(range(8)), 0.99))

    def test_coverage_on_clustered_data(self):
        for n in (10, 15, 30):
            rng, hits = random.Random(n), [0, 0]
            trials = 400
            for _ in range(trials):
                v = rounds(rng, 0.0, n, pairs=9)
                for i, c in enumerate((0.95, 0.99)):
                    lo, hi = gate.interval(v, c)
                    hits[i] += lo <= 0 <= hi
            self.assertTrue(0.93 <= hits[0] / trials <= 0.975, (n, hits))
            self.assertGreaterEqual(hits[1] / trials, 0.97, n)

    def test_pairs_within_a_round_are_not_replicates(self):
        # An interval over all pairs pooled would exclude the truth far too often; that is why rounds count.
        rng, outside = random.Random(5), 0
        for _ in range(100):
            pooled = []
            for _ in range(10):
                shift = rng.gauss(0, 0.013)
                pooled += [shift + rng.gauss(0, 0.005) for _ in range(30)]
            lo, hi = gate.interval(pooled, 0.95)
            outside += not lo <= 0 <= hi
        self.assertGreater(outside, 20)

    def test_clopper_pearson(self):
        # 0 of 30: 1 - 0.05^(1/30); 0 of 300 is below 1 %; the two bounds mirror each other.
        self.assertAlmostEqual(gate.at_most(0, 30), 1 - 0.05 ** (1 / 30), places=6)
        self.assertLess(gate.at_most(0, 300), 0.01)
        self.assertAlmostEqual(gate.at_most(1, 20), 0.2161, places=3)
        self.assertAlmostEqual(gate.at_least(20, 20), 0.05 ** (1 / 20), places=6)
        self.assertAlmostEqual(gate.at_least(19, 20), 1 - gate.at_most(1, 20), places=6)
        self.assertEqual(gate.at_most(5, 5), 1.0)


class Series(unittest.TestCase):
    def test_each_verdict_is_reached(self):
        self.assertEqual(gate.judge_series([0.05 + i / 1000 for i in range(10)], 0.03)[0], gate.FAIL)
        self.assertEqual(gate.judge_series([i / 1000 - 0.005 for i in range(10)], 0.03)[0], gate.PASS)
        self.assertEqual(gate.judge_series([(i - 5) / 50 for i in range(10)], 0.03)[0], gate.INCONCLUSIVE)
        self.assertEqual(gate.judge_series([0.2] * 5, 0.03)[0], gate.INCONCLUSIVE)  # too few

    def test_a_failure_must_be_seen_twice(self):
        self.assertEqual(gate.confirmed(gate.FAIL, gate.FAIL), gate.FAIL)
        self.assertEqual(gate.confirmed(gate.FAIL, gate.PASS), gate.INCONCLUSIVE)
        self.assertEqual(gate.confirmed(gate.FAIL, gate.INCONCLUSIVE), gate.INCONCLUSIVE)
        self.assertEqual(gate.confirmed(gate.PASS, gate.FAIL), gate.PASS)

    def rates(self, change, n=gate.ROUNDS, trials=200):
        rng, kinds = random.Random(11), []
        for _ in range(trials):
            first = gate.judge_series(rounds(rng, change, n), 0.03)[0]
            second = gate.judge_series(rounds(rng, change, n), 0.03)[0] if first == gate.FAIL else None
            kinds.append(gate.confirmed(first, second))
        return {k: kinds.count(k) / trials for k in (gate.PASS, gate.FAIL, gate.INCONCLUSIVE)}

    def test_false_alarms_and_power_on_synthetic_rounds(self):
        for n, passed in ((10, 0.8), (20, 0.97)):
            rates = self.rates(0.0, n)
            self.assertEqual(rates[gate.FAIL], 0)
            self.assertGreater(rates[gate.PASS], passed)  # what is open after ten rounds is given more
        self.assertGreater(self.rates(0.06)[gate.FAIL], 0.9)
        # A change of the floor's size is not waved through.
        self.assertLess(self.rates(0.03)[gate.PASS], 0.02)

    def test_floors(self):
        self.assertEqual(gate.floor_of("one", "cpu", 100), 0.03)
        self.assertAlmostEqual(gate.floor_of("one", "cpu", 2), 0.05)  # 0.1 ns
        self.assertEqual(gate.floor_of("two", "wall", 100), 0.15)
        self.assertEqual(gate.floor_of("one", "cpu", 100, {("one", "cpu"): 0.04}), 0.04)
        self.assertEqual(gate.floor_of("one", "cpu", 100, {("one", "cpu"): 0.01}), 0.03)  # never lower


class Counts(unittest.TestCase):
    def test_two_instructions_are_found_in_every_row(self):
        for base in (4, 40, 500, 20000):
            self.assertEqual(gate.judge_count("instructions", base, base + 2)[0], gate.FAIL, base)
            self.assertEqual(gate.judge_count("instructions", base, base + 0.2)[0], gate.PASS, base)
            self.assertEqual(gate.judge_count("instructions", base, base - 5)[0], gate.PASS, base)
        self.assertEqual(gate.judge_count("instructions", 60, 60.8)[0], gate.FAIL)  # more than 1 %

    def recounted(self, base, head, first=(102.6, 108.1)):
        """(verdict, how often each side was counted anew); base, head: functions."""
        asked = []

        def again():
            asked.append(1)
            return [x if isinstance(x, str) else {"instructions": x} for x in (base(), head())]
        m = compare.counted("instructions", *first)
        if m["verdict"] == gate.FAIL:
            compare.confirm([m], again)
        return m["verdict"], len(asked)

    def test_a_count_that_depends_on_a_seed_is_not_believed_at_once(self):
        # Counts that agree are believed after three; one that overlaps ends it.
        self.assertEqual(self.recounted(lambda: 102.7, lambda: 108.0), (gate.FAIL, compare.RECOUNTS))
        self.assertEqual(self.recounted(lambda: 107.9, lambda: 108.0), (gate.INCONCLUSIVE, 1))
        # Counts that differ among themselves are asked for more often, and still can fail.
        rng = random.Random(1)
        self.assertEqual(self.recounted(lambda: 102 + rng.random(), lambda: 107 + rng.random()),
                         (gate.FAIL, compare.MOST_RECOUNTS))
        self.assertEqual(self.recounted(lambda: "valgrind is gone", lambda: 108.0), (gate.INCONCLUSIVE, 1))

    def test_no_false_alarm_where_counts_jitter(self):
        # Of an unchanged program whose counts are drawn anew each time: evenly, as a map's with its secret, or one of two.
        for draw, most in ((lambda rng: rng.uniform(108, 114), 1),
                           (lambda rng: rng.choice((100, 110)) + rng.uniform(0, 0.2), 120)):
            rng, failed = random.Random(7), 0
            for _ in range(20000):
                failed += self.recounted(lambda: draw(rng), lambda: draw(rng), (draw(rng), draw(rng)))[0] == gate.FAIL
            self.assertLessEqual(failed, most)

    def test_one_event_is_found(self):
        for metric in ("syscalls", "allocations"):
            self.assertEqual(gate.judge_count(metric, 0, 1)[0], gate.FAIL)
            self.assertEqual(gate.judge_count(metric, 1, 1.03)[0], gate.PASS)


@unittest.skipUnless(RELEASE and shutil.which("valgrind"), "counts are of the release build, by valgrind")
class Counted(unittest.TestCase):
    """T5: one thing more an operation is found by what should show it, each time."""

    @classmethod
    def setUpClass(cls):
        cls.rows = ("nothing", "syscall", "allocation", "instructions")
        cls.counts = {row: cls.count(row) for row in cls.rows}

    @staticmethod
    def count(row):
        return counts.per_operation(ROWS, "more/" + row, dict(os.environ), 5000)

    def test_what_is_more_is_found(self):
        plain = self.counts["nothing"]
        for row in self.rows:
            found = {m for m in plain if gate.judge_count(m, plain[m], self.counts[row][m])[0] == gate.FAIL}
            wanted = {"nothing": set(), "instructions": {"instructions"}}.get(row, {"instructions", row + "s"})
            self.assertEqual(found, wanted, (row, self.counts[row]))

    def test_counts_are_the_same_again(self):
        again = self.count("instructions")
        for metric, n in self.counts["instructions"].items():
            self.assertAlmostEqual(again[metric], n, delta=gate.JITTER / 2)


def row_of(cls="one", name="chan/hop", **changes):
    """A row with ten rounds of given changes; the second series repeats the first."""
    row = compare.Row(name, cls)
    base = {"cpu": 40.0, "wall": 50.0}
    for which in (0, 1):
        for i in range(gate.ROUNDS):
            jitter = (i - 4.5) / 2000
            row.series[which].append({m: (base.get(m, 0.0), base.get(m, 0.0) + c, c + jitter)
                                      for m, c in changes.items()})
    return row


class Rows(unittest.TestCase):
    def test_no_gate_is_dead(self):
        # Each row that is compared, by each of its measures, can fail.
        for cls, names in builds.settings(ROOT)["rows"].items():
            self.assertIn(cls, gate.FLOORS)
            for name in names:
                for bad in ({"cpu": 0.2, "wall": 0.0}, {"cpu": 0.0, "wall": 0.3}, {"cpu": 0.0, "wakes": 1.0}):
                    r = row_of(cls, name, **bad).result(RAISED)
                    self.assertEqual(r["verdict"], gate.FAIL, (name, bad))
                self.assertEqual(row_of(cls, name, cpu=0.0, wall=0.0, wakes=0.0).result(RAISED)["verdict"], gate.PASS)
                counted = row_of(cls, name, cpu=0.0)
                counted.counted = [compare.counted("instructions", 100.0, 103.0)]
                self.assertEqual(counted.result(RAISED)["verdict"], gate.FAIL)

    @unittest.skipUnless(os.path.exists(MAIN), "wend-bench is not built")
    def test_each_row_to_compare_is_there(self):
        there = builds.rows_of(MAIN, dict(os.environ))
        for cls, names in builds.settings(ROOT)["rows"].items():
            for name in names:
                self.assertIn(name, there)
                self.assertEqual(there[name]["threads"], 1)
                self.assertEqual(cls, "one" if there[name]["placement"] in ("same-cpu", "free") else "two")

    def test_five_per_cent_is_found_in_a_row_of_a_few_nanoseconds(self):
        row = row_of(cpu=0.05, wall=0.0)
        for series in row.series:
            for r in series:
                r["cpu"] = (4.0, 4.2, r["cpu"][2])
        self.assertEqual(row.result(RAISED)["verdict"], gate.FAIL)

    def test_wall_clock_alone_does_not_make_a_row_undecided(self):
        row = row_of(cpu=0.0)
        for i, r in enumerate(row.series[0]):
            r["wall"] = (50.0, 50.0, (-1) ** i * 0.5)
        self.assertEqual(row.result(RAISED)["verdict"], gate.PASS)

    def test_not_confirmed(self):
        row = row_of(cpu=0.2)
        row.series[1][:] = [{"cpu": (40.0, 40.0, (i - 4.5) / 2000)} for i in range(gate.ROUNDS)]
        r = row.result(RAISED)
        self.assertEqual(r["verdict"], gate.INCONCLUSIVE)
        self.assertIn("not seen again", r["why"])

    def test_layout_and_faster(self):
        row = row_of(cpu=0.04)
        row.counted = [compare.counted("instructions", 100.0, 100.1)]
        self.assertIn("layout?", row.result(RAISED)["flags"])
        row.counted = [compare.counted("instructions", 100.0, 103.0)]
        self.assertNotIn("layout?", row.result(RAISED)["flags"])
        self.assertIn("faster", row_of(cpu=-0.2).result(RAISED)["flags"])

    def test_what_more_rounds_are_for(self):
        row = compare.Row("x/y", "one")
        self.assertTrue(row.wants_first(RAISED))
        done = row_of(cpu=0.0)
        done.series[1].clear()
        self.assertFalse(done.wants_first(RAISED) or done.wants_second(RAISED))
        bad = row_of(cpu=0.2)
        bad.series[1].clear()
        self.assertTrue(bad.wants_second(RAISED) and not bad.wants_first(RAISED))
        open_ = row_of(cpu=0.03)
        self.assertTrue(open_.wants_first(RAISED) or open_.is_bad(RAISED))


class Runs(unittest.TestCase):
    def result(self, *rows, accepts=(), refused=()):
        judged = [r.result(RAISED) for r in rows]
        for r in judged:
            r["accepted"] = gate.acknowledge(r, accepts) if r["verdict"] == gate.FAIL else None
        return {"verdict": gate.REFUSED if refused else gate.run_verdict(judged), "rows": judged, "refused": list(refused),
                "new_rows": ["a/new"], "removed_rows": ["a/gone"], "skipped": [], "accepts": [], "notes": [],
                "base": {"rev": "b", "subject": "s", "dirty": False}, "head": {"rev": "h", "subject": "t", "dirty": True},
                "machine": {"fingerprint": "00000000", "hard": {"cpu": "c"}}, "build": {}, "seconds": 1.0}

    def test_run_verdicts(self):
        good, bad = row_of(cpu=0.0), row_of(name="yield/2", cpu=0.2)
        self.assertEqual(self.result(good)["verdict"], gate.PASS)
        self.assertEqual(self.result(good, bad)["verdict"], gate.FAIL)
        self.assertEqual(self.result(compare.Row("x/y", "one"))["verdict"], gate.INCONCLUSIVE)
        self.assertEqual(gate.run_verdict([]), gate.INCONCLUSIVE)

    def test_accepted(self):
        def accept(text):
            m = builds.ACCEPT.match(text)
            return {"commit": "c" * 40, "row": m.group(1), "amount": float(m.group(2)),
                    "metric": None if m.group(3) == "%" else m.group(3), "text": text}
        bad = row_of(cpu=0.08)
        self.assertEqual(self.result(bad, accepts=[accept("chan/hop +12% fairer")])["verdict"], gate.PASS)
        self.assertEqual(self.result(bad, accepts=[accept("chan/hop +5% fairer")])["verdict"], gate.FAIL)
        self.assertEqual(self.result(bad, accepts=[accept("chan/pair +12% fairer")])["verdict"], gate.FAIL)
        call = row_of(cpu=0.0)
        call.counted = [compare.counted("syscalls", 0.0, 1.0)]
        self.assertEqual(self.result(call, accepts=[accept("chan/hop +12% no")])["verdict"], gate.FAIL)
        self.assertEqual(self.result(call, accepts=[accept("chan/hop +1 syscalls yes")])["verdict"], gate.PASS)
        text = "\n".join(verdict.text(self.result(bad, accepts=[accept("chan/hop +12% fairer")])))
        self.assertIn("ACCEPTED", text)
        self.assertIn("fairer", text)

    def test_what_people_read(self):
        r = self.result(row_of(cpu=0.0), row_of(name="yield/2", cpu=0.2))
        for text in ("\n".join(verdict.text(r)), verdict.markdown(r)):
            self.assertIn("FAIL: yield/2 became worse", text)
            self.assertIn("a/new", text)
            self.assertIn("a/gone", text)
            self.assertIn("CPU time +22.1 %", text)
        self.assertIn("h with uncommitted changes", verdict.markdown(r))
        refused = self.result(refused=[{"key": "flags", "base": "-O2", "head": "-O0"}])
        self.assertIn("REFUSED: flags differs", "\n".join(verdict.text(refused)))
        self.assertIn("base -O2, head -O0", verdict.markdown(refused))
        json.dumps(r)


class Unlike(unittest.TestCase):
    def test_each_key_refuses(self):
        like = {"hard": {k: "x" for k in fingerprint.HARD}, "soft": {}, "build": {k: "y" for k in fingerprint.BUILD}}
        self.assertEqual(fingerprint.compare(like, like)[0], fingerprint.COMPARABLE)
        for part in ("hard", "build"):
            for key in like[part]:
                other = dict(like, **{part: dict(like[part], **{key: "z"})})
                kind, keys = fingerprint.compare(like, other)
                self.assertEqual((kind, [k for k, _, _ in keys]), (fingerprint.REFUSED, [key]))


class Calibrations(unittest.TestCase):
    def test_blocks_and_their_bound(self):
        blocks = [calibration.block(row_of(cpu=0.0, wall=0.01), RAISED, "now", "abc") for _ in range(40)]
        s = calibration.summary_of_blocks(blocks)[0]
        self.assertEqual((s["blocks"], s["alarms"], s["confirmed"]), (40, 0, 0))
        self.assertAlmostEqual(s["rate_at_most"], 1 - 0.05 ** (1 / 40), places=6)
        blocks.append(calibration.block(row_of(cpu=0.2), RAISED, "now", "abc"))
        s = calibration.summary_of_blocks(blocks)[0]
        self.assertEqual((s["alarms"], s["confirmed"]), (1, 1))
        self.assertIn("1 false alarms in 41", calibration.told("aa", [s])[0])

    def test_trials(self):
        found = calibration.trial(row_of(cpu=0.05), RAISED, "now", "abc", "+5%", "cpu")
        missed = calibration.trial(row_of(cpu=0.0), RAISED, "now", "abc", "+5%", "cpu")
        other = calibration.trial(row_of(cpu=0.0, wakes=1.0), RAISED, "now", "abc", "send +1 wake", "wakes")
        self.assertEqual([t["found"] for t in (found, missed, other)], [True, False, True])
        s = calibration.summary_of_trials([found, missed, other])
        self.assertEqual([(x["trials"], x["found"]) for x in s], [(2, 1), (1, 1)])

    def test_choices(self):
        words = {}
        for name, change in (("worse", 0.08), ("better", -0.08), ("same", 0.0)):
            c = calibration.choice(row_of(cpu=change, wall=0.0, wakes=1.0), RAISED, "now", "abc", "next=0")
            self.assertEqual([m["metric"] for m in c["measures"]], ["cpu", "wall"])
            words[name] = c["measures"][0]["word"]
            self.assertEqual(words[name], name)
        # Astride the floor, or too few rounds: nothing is said.
        self.assertEqual(calibration.word_of({"change": 0.04, "interval": [-0.01, 0.09], "floor": 0.03}), "open")
        self.assertEqual(calibration.word_of({"change": 0.4, "interval": None, "floor": 0.03}), "open")
        s = calibration.summary_of_choices([c, c])
        self.assertEqual((s[0]["knob"], s[0]["rows"], s[0]["cpu"]["same"], s[0]["wall"]["same"]), ("next=0", 2, 2, 2))
        self.assertIn("CPU time: 2 same", calibration.told("choices", s)[0])

    def test_what_was_least_done_is_next(self):
        self.assertEqual(calibration.fewest(["a", "b", "c"], ["a", "a", "b"], 2), ["c", "b"])

    def test_stored_calibrations_hold_together(self):
        folder = os.path.join(ROOT, "results", "machines")
        for name in os.listdir(folder) if os.path.isdir(folder) else []:
            for kind, summary in (("aa", calibration.summary_of_blocks), ("power", calibration.summary_of_trials),
                                  ("choices", calibration.summary_of_choices)):
                data = calibration.load(os.path.join(ROOT, "results"), name, kind)
                again = json.loads(json.dumps(rough(summary(data[calibration.entries(kind)]))))
                self.assertEqual(rough(data["summary"]), again, (name, kind))


class Stored(unittest.TestCase):
    """What results/machines/*/calibration must show: a gate that was seen to fail, and seldom without reason."""

    @classmethod
    def setUpClass(cls):
        results = os.path.join(ROOT, "results")
        of = [store.calibrations(results, name) for name in store.fingerprints(results)]
        cls.blocks = [b for c in of for b in c.get("aa", {"blocks": []})["blocks"]]
        cls.trials = [t for c in of for t in c.get("power", {"trials": []})["trials"]]

    def test_t1_each_class_was_compared_with_itself(self):
        for cls, names in builds.settings(ROOT)["rows"].items():
            mine = [b for b in self.blocks if b["class"] == cls]
            self.assertGreaterEqual(len(mine), 30, cls)
            self.assertEqual(len({(b["when"], b["row"]) for b in mine}), len(mine), "blocks are not disjoint")
            self.assertLessEqual({b["row"] for b in mine}, set(names))
            self.assertLess(gate.at_most(sum(bool(b["confirmed"]) for b in mine), len(mine)), 0.10)

    def test_t2_five_per_cent_are_found(self):
        mine = [t for t in self.trials if t["injected"] == "+5%"]
        by_row = {row: [t for t in mine if t["row"] == row] for row in {t["row"] for t in mine}}
        self.assertGreaterEqual(len(by_row), 3)
        for row, trials in by_row.items():
            self.assertGreaterEqual(len(trials), 20, row)
            self.assertNotIn(gate.PASS, [t["verdict"] for t in trials], row)
        self.assertGreaterEqual(sum(t["found"] for t in mine) / len(mine), 0.95)

    def test_t5_each_fault_was_found(self):
        """Each time by what is counted, at least once by the clock."""
        for fault, (_, _, _, _, rows, metric) in inject.FAULTS.items():
            for row in rows:
                mine = [t for t in self.trials if (t["injected"], t["row"], t["metric"]) == (fault, row, metric)]
                self.assertTrue(any(t["found"] for t in mine), (fault, row))
                self.assertTrue(metric == "cpu" or all(t["found"] for t in mine), (fault, row))


def rough(v):
    """To two figures: what is stored is rounded."""
    if isinstance(v, dict):
        return {k: rough(x) for k, x in v.items()}
    if isinstance(v, list):
        return [rough(x) for x in v]
    return float("%.2g" % v) if isinstance(v, (int, float)) else v


if __name__ == "__main__":
    unittest.main(verbosity=2)
