# SPDX-License-Identifier: MIT
"""Claims: expressions, verdicts, and the claims that are shipped."""
import os
import unittest

import common
from benchlib import bars, claims, ladder, registers, report, run, stats


def row(name, values, **extra):
    r = run.Row(name, None, {"name": name})
    for n, v in enumerate(values):
        r.rounds[n] = dict({"name": name, "ns_per_op": v}, **extra)
    r.status = "ok"
    return r


def rows(**named):
    return {k.replace("__", "/"): row(k.replace("__", "/"), v) for k, v in named.items()}


def claim(metric="[thread/yield] / [yield/2]", **bounds):
    check = dict({"says": "ratio", "metric": metric, "unit": "x"}, **bounds)
    return {"id": "t", "claim": "so they say", "checks": [check],
            "sentences": ["<[yield/2]> against <[thread/yield]>, <[thread/yield] / [yield/2]|x>"]}


GOOD = rows(yield__2=[10, 11, 10, 10, 12], thread__yield=[900, 950, 940, 910, 1000])


class Expressions(unittest.TestCase):
    def value(self, text, r=None, facts=None):
        return claims.evaluate(text, GOOD if r is None else r, facts or {})

    def test_arithmetic_is_done_round_by_round(self):
        self.assertEqual(self.value("[thread/yield] / [yield/2]")[0], 90)
        self.assertEqual(self.value("([thread/yield] - [yield/2]) * 2 + 1")[0], 1781)

    def test_metrics(self):
        r = {"m": row("m", [1, 1, 1], counters={"bytes.each": 4096}, lat={"p99.9": 7})}
        self.assertEqual(self.value("[m].counters.bytes.each", r), [4096] * 3)
        self.assertEqual(self.value("[m].lat.p99.9", r), [7] * 3)

    def test_facts(self):
        self.assertEqual(self.value("{regs}", {}, {"regs": "3"})[0], 3)
        with self.assertRaises(claims.Missing):
            self.value("{regs}", {}, {})

    def test_only_common_rounds(self):
        r = rows(a=[1, 2, 3], b=[1, 1, 1])
        del r["a"].rounds[1]
        self.assertEqual(self.value("[a] / [b]", r), [1, 3])

    def test_nothing_but_arithmetic(self):
        for text in ("__import__('os')", "[a] ** 2", "[a].__class__()", "[a] if 1 else 2", "x"):
            with self.assertRaises((ValueError, SyntaxError)):
                claims.compile_(text)


class Verdicts(unittest.TestCase):
    def judge(self, c, r=None):
        return claims.judge(c, GOOD if r is None else r, {}, report.show)

    def test_confirmed(self):
        j = self.judge(claim(min=5))
        self.assertEqual(j["verdict"], stats.CONFIRMED)
        self.assertEqual(j["sentences"][0], "10.0 ns against 940 ns, 90.0x")

    def test_refuted(self):
        self.assertEqual(self.judge(claim(min=500))["verdict"], stats.REFUTED)
        self.assertEqual(self.judge(claim(max=5))["verdict"], stats.REFUTED)

    def test_astride_is_inconclusive_and_says_so(self):
        j = self.judge(claim(min=88))
        self.assertEqual(j["verdict"], stats.INCONCLUSIVE)
        self.assertIn("astride", j["reason"])

    def test_missing_row(self):
        j = self.judge(claim(min=5), rows(yield__2=[1, 2, 3]))
        self.assertEqual(j["verdict"], stats.INCONCLUSIVE)
        self.assertEqual(j["reason"], "there is no row thread/yield")
        self.assertIn("(not measured)", j["sentences"][0])

    def test_skipped_and_failed_rows(self):
        for status, word in (("skip", "was skipped"), ("fail", "failed")):
            r = rows(yield__2=[1, 2, 3], thread__yield=[5, 6, 7])
            r["thread/yield"].status, r["thread/yield"].reason = status, "because"
            j = self.judge(claim(min=5), r)
            self.assertEqual(j["verdict"], stats.INCONCLUSIVE)
            self.assertIn(word + ": because", j["reason"])

    def test_two_rounds_decide_nothing(self):
        j = self.judge(claim(min=5), rows(yield__2=[10, 10], thread__yield=[900, 900]))
        self.assertEqual(j["verdict"], stats.INCONCLUSIVE)
        self.assertIn("2 rounds", j["reason"])

    def test_a_wrong_number_alone_does_not_refute(self):
        c = claim(min=5)
        for number in (200, 12, 21, 5.2):
            c["checks"].append({"says": "the claim's number", "metric": "[yield/2]", "unit": "ns",
                                "names": number})
        j = self.judge(c)
        self.assertEqual(j["verdict"], stats.CONFIRMED)
        self.assertIn("CONFIRMED     t, but 1 of the 4 numbers it names is off by a factor of more "
                      "than 2", report.claims_text([j]))
        for check, text in zip(j["checks"][1:], ("off by a factor of 20.0, less", "about right,",
                                                 "about right or off", "about right or off")):
            self.assertIn(text, report.check_text(check))


class Time(unittest.TestCase):
    def test_rows_that_decide_come_first_when_time_is_short(self):
        r = {name: run.Row(name, None, {}) for name in ("judged", "other")}
        plan = run.Plan(r, False, budget=10, judged={"judged"})
        r["judged"].seconds = [2.0]  # four more rounds are due
        for took, other in ((1, True), (4, False)):
            self.assertEqual(plan.pays(r["other"], 0, took), other)
            self.assertTrue(plan.pays(r["judged"], 1, took))
        r["judged"].seconds *= 5
        self.assertTrue(plan.pays(r["other"], 0, 4))

    def test_rows_of_an_expression(self):
        self.assertEqual(claims.rows_of("([a/b] + {regs}) / [c].counters.x"), {"a/b", "c"})


class Shipped(unittest.TestCase):
    def setUp(self):
        self.claims = claims.load(os.path.join(common.ROOT, "results", "claims.json"))

    def test_there_are_five(self):
        self.assertEqual(len(self.claims), 5)
        self.assertEqual(len({c["id"] for c in self.claims}), 5)

    def test_each_has_a_check_that_decides(self):
        for c in self.claims:
            self.assertTrue([k for k in c["checks"] if not k.get("names")], c["id"])

    def test_nothing_measured_is_inconclusive_with_a_reason(self):
        for c in self.claims:
            j = claims.judge(c, {}, {}, report.show)
            self.assertEqual(j["verdict"], stats.INCONCLUSIVE, c["id"])
            self.assertTrue(j["reason"], c["id"])

    def test_each_can_be_refuted_and_confirmed(self):
        """Values far on either side of every bound: a check that cannot fail proves nothing."""
        for c in self.claims:
            for check in c["checks"]:
                if check.get("names"):
                    continue
                bad = 0 if check.get("min") is not None else check["max"] * 10 + 1
                good = check["min"] if check.get("min") is not None else check["max"]
                self.assertEqual(stats.verdict((bad, bad), check.get("min"), check.get("max")),
                                 stats.REFUTED, check["says"])
                self.assertEqual(stats.verdict((good, good), check.get("min"), check.get("max")),
                                 stats.CONFIRMED, check["says"])


class Registers(unittest.TestCase):
    CODE = """
   20fa0:\tpush   %rbp
   20fa1:\tpush   %r15
   20fb0:\tmov    %rax,0x30(%r13)
   2110c:\tlea    0x18(%rip),%rdx        # 2112b <wend_yield+0x18b>
   21113:\tmov    %rsp,(%rdi)
   21116:\tmov    %rbp,0x8(%rdi)
   2111a:\tmov    %rdx,0x10(%rdi)
   2111e:\tmov    0x10(%rsi),%rdx
   21126:\tmov    (%rsi),%rsp
   21129:\tjmp    *%rdx
   2112b:\tmov    0x20(%rax),%r13d
   2112f:\tlea    0x10(%rip),%rdx        # 21200 <elsewhere>
   21133:\tmov    %rdx,0x18(%rax)
"""

    def instructions(self, code):
        return [m.groups() for m in map(registers.LINE.match, code.splitlines()) if m]

    def test_stores_before_the_jump_are_counted(self):
        self.assertEqual(registers.count(self.instructions(self.CODE)), (3, 2))
        more = self.CODE.replace("   2111e:", "   2111c:\tmov    %rbx,0x18(%rdi)\n   2111e:")
        self.assertEqual(registers.count(self.instructions(more)), (4, 2))

    def test_a_function_without_a_switch(self):
        self.assertIsNone(registers.count(self.instructions(self.CODE.replace("2112b <", "2112c <"))))

    def test_what_cannot_be_counted_is_named_as_stated(self):
        f = registers.facts("/nowhere", {"switch_registers": "3"})
        self.assertIn("as sched/ctx.h says", f["switch_registers_note"])
        self.assertNotIn("switch_registers", f)
        self.assertEqual(registers.facts("/nowhere", {}), {})


class Bars(unittest.TestCase):
    def setUp(self):
        self.bars = bars.load(os.path.join(common.ROOT, "results", "bars.json"))

    def test_each_shipped_bar_stands_at_a_rung(self):
        rungs = {(rung.coroutine, rung.metric) for _, part in ladder.LADDER for rung in part}
        for bar in self.bars:
            self.assertIn((bar["row"], bar["metric"]), rungs)

    def test_judged_by_interval(self):
        for values, word in (([10, 10, 11], "met"), ([20, 21, 20], "missed"),
                             ([5, 12, 30], "open"), ([1, 1], "open")):
            judged = bars.judge(self.bars, rows(yield__2=values), {})
            self.assertEqual(judged[("yield/2", "ns_per_op")]["word"], word, values)

    def test_units(self):
        r = rows(yield__2=[10, 10, 10], yield_p2__2=[20, 20, 20])
        r[ladder.REF] = row(ladder.REF, [5, 5, 5])
        r["counter/add"] = row("counter/add", [1, 1, 1])
        r["claims/create_many/100"] = row("claims/create_many/100", [2000] * 3, counters={
            "rss_bytes_each": 4100, "pte_bytes_each": 100, "rss_left_bytes": 1,
            "rss_before_bytes": 100})
        judged = bars.judge(self.bars, r, {})
        for key, word, bound in ((("yield_p2/2", "ns_per_op"), "missed", "1.3x P=1"),
                                 (("counter/add", "ns_per_op"), "met", "0.25 ref"),
                                 (("claims/create_many/100", "ns_per_op"), "missed", "1.5 us"),
                                 (("claims/create_many/100", "counters.rss_left_bytes"), "met",
                                  "5 %")):
            self.assertEqual((judged[key]["word"], bars.bound(judged[key])), (word, bound))
        text = "\n".join(report.ladder_text(r, judged=judged))
        for part in ("met 0.25 ref", "missed 1.3x P=1", "2.00x P=1, bar 1.3x P=1"):
            self.assertIn(part, text)


class Report(unittest.TestCase):
    def test_units(self):
        for v, unit, text in ((0.5, "ns", "0.500 ns"), (2.7, "ns", "2.70 ns"),
                              (946, "ns", "946 ns"),
                              (37000, "ns", "37.0 us"), (1.24e9, "ns", "1.24 s"),
                              (999.9, "ns", "1.00 us"), (4096, "bytes", "4.00 KiB"),
                              (1234567, "count", "1,234,567"), (94.4, "x", "94.4x"),
                              (37123, "x", "37.1kx"), (0.02, "x", "0.0200x")):
            self.assertEqual(report.show(v, unit), text)

    def test_every_row_is_somewhere(self):
        r = dict(GOOD, **rows(some__thing=[1, 2, 3]))
        r["lost"] = run.Row("lost", None, {"name": "lost"})
        r["bad"] = run.Row("bad", None, {"name": "bad"})
        r["bad"].status, r["bad"].reason = "fail", "broke"
        text = "\n".join(report.ladder_text(r))
        for word in ("yield, 2", "some/thing", "Not reached", "lost", "FAILED (broke): bad"):
            self.assertIn(word, text)

    def test_a_refused_binding_is_explained(self):
        self.assertNotIn("binding", "\n".join(report.ladder_text(GOOD)))
        r = dict(GOOD, bad=row("bad", [1, 1, 1], pinned="failed: Operation not permitted",
                               placement="same-cpu"))
        self.assertIn("1 CPU!: should be, but the binding was refused",
                      " ".join(report.ladder_text(r)).replace("  ", " "))

    def test_a_quantile_of_few_rounds_is_not_told(self):
        r = row("lat", [1, 1, 1, 1], lat={"p50": 5, "p99": 9})
        r.rounds[0]["lat"] = {"p50": 5, "p99": 9, "p99.9": 7}
        self.assertEqual(report.notes(r), ["waits p50 5.00 ns, p99 9.00 ns (closed)"])

    def test_a_claim_without_rows_is_one_line(self):
        shipped = claims.load(os.path.join(common.ROOT, "results", "claims.json"))
        judged = [claims.judge(c, {}, {"switch_registers": "3"}, report.show) for c in shipped]
        for line in report.claims_text(judged)[3:]:
            self.assertTrue(not line or "no row of it was measured" in line, line)

    def test_lines_fit(self):
        for line in report.ladder_text(GOOD) + report.claims_text(
                [claims.judge(claim(min=5), GOOD, {}, report.show)]):
            self.assertLessEqual(len(line), report.WIDTH)

    def test_titles_fit_their_column(self):
        for _, rungs in ladder.LADDER:
            for rung in rungs:
                self.assertLessEqual(len(rung.title) + 2, report.LADDER_COLUMNS[0][0], rung.title)

    def test_greatest_size_is_taken(self):
        r = rows(create__parked__100=[1], create__parked__1000=[1])
        r["create/parked/2000"] = run.Row("create/parked/2000", None, {})
        self.assertEqual(ladder.resolve("create/parked/*", r), "create/parked/1000")
        self.assertEqual(ladder.resolve("none/*", r), "none/*")

    def test_no_row_stands_twice_in_the_ladder_as_a_coroutine(self):
        seen = [rung.coroutine + rung.metric for _, rungs in ladder.LADDER for rung in rungs]
        self.assertEqual(len(seen), len(set(seen)))


if __name__ == "__main__":
    unittest.main(verbosity=2)
