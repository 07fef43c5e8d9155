# SPDX-License-Identifier: MIT
"""scripts/report: one page that opens anywhere, the same from the same data, and readable in every size
and colour scheme. The browser's part is skipped where there is no Chromium; WEND_SHOTS=FOLDER keeps
its pictures."""
import copy
import html.parser
import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import unittest
import xml.etree.ElementTree as tree

from common import ROOT
import browser
import sample
from benchlib import debian, fingerprint, ladder, record, stats, store

debian.need("matplotlib")
from reportlib import curves, digest, gate_view, machine_box, page, plots, rungs, strip, theme, verdicts, view  # noqa: E402

SCRIPT = os.path.join(ROOT, "scripts", "report")
MAIN = os.environ.get("WEND_BENCH_MAIN", os.path.join(ROOT, "build", "bench", "wend-bench"))
REC = record.of(sample.raw())
EARLIER = [record.of(sample.raw(1.0 + 0.1 * n, "2026-01-01T0%d:04:05+00:00" % n, "%07d" % n,
                                   **({"compiler": "GNU 11"} if n == 0 else {})))
           for n in range(3)]


def measure(metric, base, head, change, interval=None, verdict="PASS", floor=0.03, unit="ns"):
    return {"metric": metric, "unit": unit, "base": base, "head": head, "change": change, "interval": interval,
            "floor": floor, "rounds": 10, "verdict": verdict, "confirmation": None}


def row(name, verdict, measures, flags=(), accepted=None):
    failed = [m["metric"] for m in measures if m["verdict"] == "FAIL"] or ["cpu"]
    return {"name": name, "class": "one", "verdict": verdict, "why": "; ".join(m + " 0 -> 1" for m in failed), "flags": list(flags),
            "accepted": accepted, "measures": measures}


# As scripts/bench-check writes it (docs/regression-ci.md).
CHECK = {
    "schema": "wend-check-1", "verdict": "FAIL", "exit": 1,
    "seconds": 100.0, "budget": 300.0, "filter": "",
    "base": {"rev": "main", "sha": "0123456789abcdef" + 24 * "0", "subject": "Before", "dirty": False},
    "head": {"rev": "HEAD", "sha": "fedcba9876543210" + 24 * "0", "subject": "After", "dirty": True},
    "machine": {"fingerprint": REC["fingerprint"], "hard": REC["hard"], "soft": REC["soft"]}, "build": {},
    "refused": [], "notes": ["a note <of> it"],
    "new_rows": ["new/row"], "removed_rows": ["old/row"], "skipped": [], "accepts": [],
    "rows": [row("yield/2", "FAIL", [measure("cpu", 10, 10.6, 0.06, [0.05, 0.07], "FAIL"),
                                     measure("wakes", 0, 1, 1, None, "FAIL", 0.25, "per operation")]),
             row("chan/hop", "INCONCLUSIVE", [measure("cpu", 40, 41, 0.025, [-0.01, 0.05], "INCONCLUSIVE")]),
             row("mutex/alone", "PASS", [measure("cpu", 5, 4.5, -0.1, [-0.12, -0.08])], ["faster"]),
             row("spawn/join_one", "PASS", [measure("cpu", 50, 50.1, 0.002, [-0.01, 0.01])]),
             row("map/hit/1000", "FAIL", [measure("cpu", 7, 7.7, 0.1, [0.09, 0.11], "FAIL")], (),
                 [{"commit": "c" * 40, "row": "map/hit/1000", "amount": 12.0, "metric": None, "reason": "longer keys",
                       "text": "map/hit/1000 +12% longer keys", "used": True}]),
             row("counts/only", "PASS", [measure("instructions", 40, 40, 0, None, "PASS", 0.4, "per operation")])]}
FACTS = {key: REC[key] for key in ("hard", "soft", "build")}
AA = {"schema": "wend-calibration-1", "kind": "aa", "fingerprint": REC["fingerprint"], "machine": FACTS, "blocks": [],
      "summary": [{"class": "one", "blocks": 40, "rows": 20, "alarms": 1, "confirmed": 0, "undecided": 3,
                   "rate_at_most": 0.072, "spread": {"cpu": 0.025, "wall": 0.13}}]}
POWER = {"schema": "wend-calibration-1", "kind": "power", "fingerprint": REC["fingerprint"], "machine": FACTS,
         "trials": [], "summary": [{"row": "yield/2", "injected": "+5%", "metric": "cpu", "trials": 20, "found": 20,
                                    "passed": 0, "change": 0.049, "rate_at_least": 0.86}]}


CHOICES = {"schema": "wend-calibration-1", "kind": "choices", "fingerprint": REC["fingerprint"], "machine": FACTS,
           "summary": [{"knob": "next=0", "rows": 2, "cpu": {"better": 0, "worse": 1, "same": 0, "open": 1},
                        "wall": {"better": 1, "worse": 0, "same": 1, "open": 0}}],
           "choices": [{"when": "2026-01-02T03:04:05+00:00", "commit": "abc", "class": "one", "row": name, "knob": "next=0",
                        "rounds": 10, "measures": [
                            {"metric": "cpu", "change": cpu, "interval": ci, "floor": 0.03, "word": word},
                            {"metric": "wall", "change": -0.2, "interval": [-0.3, -0.1], "floor": 0.1, "word": other}]}
                       for name, cpu, ci, word, other in (("yield/1000", 0.08, [0.05, 0.1], "worse", "better"),
                                                          ("chan/hop", 0.01, None, "open", "same"))]}


def whole():
    """A view with everything there can be."""
    return view.View(REC, EARLIER, {"aa": AA, "power": POWER, "choices": CHOICES}, CHECK)


PAGE = page.build(whole())


class Parsed(html.parser.HTMLParser):
    """Every element closed, ids once, and what points outside the file."""
    VOID = {"meta", "link", "br", "hr", "img", "input"}

    def __init__(self, text):
        super().__init__()
        self.open, self.ids, self.outside, self.wrong, self.links = [], [], [], [], []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.note(attrs)
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.note(attrs)

    def handle_endtag(self, tag):
        if not self.open or self.open.pop() != tag:
            self.wrong.append("</%s> at %s" % (tag, self.getpos()))

    def note(self, attrs):
        for key, value in attrs:
            if key == "id":
                self.ids.append(value)
            elif key in ("href", "src", "xlink:href"):
                if value.startswith("#"):
                    self.links.append(value[1:])
                elif not value.startswith("data:"):
                    self.outside.append(value)


class Page(unittest.TestCase):
    def test_it_is_one_small_file_without_network_or_script(self):
        self.assertLess(len(PAGE.encode()), 1_000_000)
        p = Parsed(PAGE)
        self.assertEqual(p.outside, [])
        self.assertEqual(re.findall(r"url\((?!#)|@import|https?://", PAGE), [])
        self.assertEqual(re.findall(r"<script(?! type=\"application/json\")", PAGE), [])

    def test_it_is_well_formed(self):
        p = Parsed(PAGE)
        self.assertEqual((p.wrong, p.open), ([], []))
        self.assertEqual(len(p.ids), len(set(p.ids)))
        self.assertEqual([x for x in p.links if x not in p.ids], [])
        for svg in re.findall(r"<svg.*?</svg>", PAGE, re.S):
            tree.fromstring(svg)

    def test_every_section_is_there(self):
        for anchor, _ in page.NAV:
            self.assertEqual(PAGE.count('<section id="%s">' % anchor), 1, anchor)
            self.assertEqual(PAGE.count('<a href="#%s">' % anchor), 1, anchor)

    def test_sections_without_data_are_left_out(self):
        text = page.build(view.View(REC))
        for anchor in ("check", "trend", "gate", "choices"):
            self.assertEqual(text.count('id="%s"' % anchor), 0, anchor)
            self.assertEqual(text.count('href="#%s"' % anchor), 0, anchor)
        # What is left out is named, with what would fill it.
        for part in ("make bench-check", "make bench-save", "make bench-aa", "make bench-power", "make bench-choices"):
            self.assertIn(part, text[text.index("Not on this page"):text.index("Reproduce it")])
        self.assertNotIn("Not on this page", PAGE)

    def test_a_run_of_a_single_row_makes_a_page(self):
        rec = copy.deepcopy(REC)
        rec["rows"] = [r for r in rec["rows"] if r["name"] == "yield/2"]
        rec["claims"], rec["bars"] = [], []
        rec["settings"]["filter"] = "yield/2"
        text = page.build(view.View(rec))
        p = Parsed(text)
        self.assertEqual((p.wrong, p.open), ([], []))
        self.assertEqual(text.count("Rows that match yield/2 only."), 1)

    def test_the_run_is_in_it(self):
        text = re.search(r'<script type="application/json" id="run">(.*?)</script>', PAGE, re.S).group(1)
        self.assertEqual(json.loads(text), REC)

    def test_text_of_others_is_no_markup(self):
        raw = sample.raw(cpu="<script>alert(1)</script> & Co")
        text = page.build(view.View(record.of(raw)))
        self.assertEqual(text.count("<script>alert"), 0)
        self.assertEqual(Parsed(text).wrong, [])
        self.assertGreater(PAGE.count("a note &lt;of&gt; it"), 0)

    def test_the_same_data_give_the_same_bytes(self):
        self.assertTrue(page.build(whole()) == PAGE)

    def test_figures_of_the_run_are_told(self):
        rows = record.rows_of(REC)
        value = stats.median(list(rows["yield/2"].values().values()))
        for text in ("<b>%s</b>" % view.show(value), "Go", "libck", "TBB", "nsync", "liburcu", "threads",
                     "needs two CPUs, one is allowed here"):
            self.assertGreater(PAGE.count(text), 0, text)

    def test_verdicts_on_base_and_head_are_told(self):
        text = gate_view.check(whole())
        self.assertLess(text.index("yield/2"), text.index("chan/hop"))
        for part in ("+6.0 % [+5.0, +7.0]", "faster", "wakes 0 \u2192 1",
                     "accepted: map/hit/1000 +12% longer keys", "new/row", "old/row",
                     "2 rows without a change"):
            self.assertIn(part, text)
        self.assertEqual(text.count("wakes"), 1)  # in the reason, and not once more
        self.assertNotIn("another than", text)
        self.assertIn("00000000, another than that of the run",
                      gate_view.check(view.View(REC, check=dict(CHECK, machine={"fingerprint": "00000000"}))))
        refused = dict(CHECK, verdict="REFUSED", rows=[],
                       refused=[{"key": "compiler", "base": "GNU 11", "head": "GNU 12"}])
        text = gate_view.check(view.View(REC, check=refused))
        self.assertRegex(text, "<td>compiler</td><td[^>]*>GNU 11</td><td[^>]*>GNU 12</td>")

    def test_the_gates_rates_are_told(self):
        text = gate_view.calibration(whole())
        for part in ("40", "7.2 %", "20 of 20", "86 %", "yield/2, +5%", "+4.9 %"):
            self.assertIn(part, text)

    def test_scheduler_choices_are_told(self):
        text = PAGE[PAGE.index('<section id="choices">'):]
        text = text[:text.index("</section>")]
        for part in ("<code>next=0</code>", "CPU time: 1 dearer, 1 open; wall clock: 1 cheaper, 1 same", "yield/1000",
                     "+8.0 % [+5.0, +10.0]", "-20.0 % [-30.0, -10.0]", ">Dearer<", ">Cheaper<"):
            self.assertIn(part, text)


class Samples(unittest.TestCase):
    @unittest.skipUnless(importlib.util.find_spec("jsonschema"), "python3-jsonschema is not installed")
    def test_what_these_tests_draw_is_what_the_scripts_write(self):
        faults = store.validator(os.path.join(ROOT, "results"))
        for obj in (REC, CHECK, AA, POWER, CHOICES):
            self.assertEqual(faults(obj), [], obj["schema"])


class Parts(unittest.TestCase):
    def test_systems(self):
        for name, system in (("go/yield/2", "go"), ("thread/yield", "thread"), ("pthread/once_done", "thread"),
                             ("tbb_map/hit/1000", "tbb"), ("urcu/section", "urcu"), ("yield/2", "wend")):
            self.assertEqual(theme.system(name), system)
        self.assertEqual(theme.system("switch/swapcontext", beside=True), "other")
        # A colour or a shape that two of a legend share would tell nobody apart.
        looks = [(s[1], s[2], s[3]) for s in theme.SYSTEMS.values()]
        self.assertEqual(len({x[0] for x in looks}), len(looks))
        self.assertEqual(len({x[1] for x in looks}), len(looks))

    def test_an_axis_places_and_labels(self):
        axis = strip.Axis(1.5, 80000, strip.ns)
        self.assertEqual((axis.low, axis.high), (1, 100000))
        self.assertAlmostEqual(axis.at(1), strip.EDGE)
        self.assertAlmostEqual(axis.at(100000), 100 - strip.EDGE)
        self.assertAlmostEqual(axis.at(10 ** 2.5), 50)
        self.assertEqual([t for _, t in axis.ticks()],
                         ["1 ns", "10 ns", "100 ns", "1 \u00b5s", "10 \u00b5s", "100 \u00b5s"])
        self.assertEqual([t for _, t in strip.Axis(3, 8, strip.ns).ticks()], ["2 ns", "5 ns", "10 ns"])
        self.assertEqual(axis.at(1e12), 100 - strip.EDGE)

    def test_topologies(self):
        node, _ = machine_box.parse(REC["hard"]["topology"])
        self.assertEqual(node[2][0][:2], (2, "Package"))
        text = machine_box.picture(REC["hard"]["topology"])
        self.assertEqual(text.count("CPU</span>"), 16)
        self.assertIn("L3 32 MiB", text)
        text = machine_box.picture("Machine(2*Package(64*Core(2*PU)))")
        self.assertEqual(text.count("CPU</span>"), 1)
        for part in ("2 \u00d7 Package", "64 \u00d7 Core", "2 \u00d7 CPU"):
            self.assertIn(part, text)

    def test_peers_of_a_rung_are_compared_round_by_round(self):
        shown = whole()
        ratio = next(r for r, _, title in rungs.against(shown)["go"] if title == "yield, 2")
        self.assertAlmostEqual(ratio, ladder.ratio(shown.rows["go/yield/2"], shown.rows["yield/2"])[0])

    def test_a_peer_that_is_ahead_is_named(self):
        rec = copy.deepcopy(REC)
        for r in rec["rows"]:
            if r["name"] == "go/mutex":
                r["ns"] = [0.5] * 5
        text = rungs.peers(view.View(rec))
        ahead = text[text.index("Where a peer is ahead"):]
        self.assertRegex(ahead, r"<td>mutex alone</td><td>(?:(?!<tr>).)*Go</b>")

    def test_rows_on_more_ps(self):
        for name, expected in (("yield/1000", "yield_p2/1000"), ("go/yield/1000", "go/yield_p2/1000"),
                               ("skynet/*", "skynet_p2/*"), ("tbb/fib", "tbb/fib_p2"),
                               ("chan/mpmc/128/4/4", "chan/mpmc_p2/128/4/4")):
            self.assertEqual(curves.on(name, "_p2"), expected)
        known = ladder.all_rows({})
        for _, ours, _ in curves.SCALING:
            self.assertIn(curves.on(ours, "_p2"), known)

    def test_a_curve_of_waits(self):
        points = plots.beyond([[10, 5], [20, 3], [40, 2]])
        self.assertEqual(points, [(10, 1.0), (20, 0.5), (40, 0.2)])

    def test_what_the_picture_of_the_ladder_names_exists(self):
        known = {r for r, _ in ladder.titles({})}
        for name in rungs.PICTURE + curves.TREND:
            self.assertIn(name, known)

    @unittest.skipUnless(os.path.exists(MAIN), "wend-bench is not built")
    def test_rows_that_plots_and_tiles_name_are_measured(self):
        """Our own; peers may be missing, and ladder and bars name those."""
        out = subprocess.run([MAIN, "--bench_list"], capture_output=True, text=True, timeout=60, check=True,
                             env=dict(os.environ, BENCH="full", BENCH_PROCS="4")).stdout
        there = {json.loads(line)["name"] for line in out.splitlines()}
        wanted = list(rungs.PICTURE) + list(curves.TREND) + [row for _, row, _ in store.FLOOR]
        wanted += [x for _, ours, _ in curves.SCALING for x in (ours, curves.on(ours, "_p2"))]
        wanted += [row for _, lines in curves.LATENCY for _, row, _, _ in lines]
        wanted += [x for _, ours, other, _ in verdicts.TILES for x in (ours, other)]
        families = {re.sub(r"\d+$", "*", name) for name in there}
        lost = [w for w in wanted if w not in there and w not in families and not w.startswith("go/")]
        self.assertEqual(lost, [])

    def test_a_trend_breaks_where_the_build_changed(self):
        shown = whole()
        self.assertEqual(len(shown.history), 4)
        self.assertTrue(fingerprint.differences(shown.history[0]["build"], shown.history[1]["build"]))
        svg = plots.trend(plots.start(), "t-", [("a", 1, None), ("b", 2, (1.9, 2.1)), ("c", 3, None)], [1])
        self.assertIn("stroke-dasharray", svg)
        self.assertNotIn("stroke-dasharray",
                         plots.trend(plots.start(), "t-", [("a", 1, None), ("b", 2, (1.9, 2.1))], []))

    def test_plots_carry_the_pages_colours_only(self):
        for svg in re.findall(r'<svg class="plot".*?</svg>', PAGE, re.S):
            self.assertEqual(re.findall(r"#(?:[0-9a-f]{6})\b", svg), [])

    def test_the_summary_is_short(self):
        text = digest.text(whole())
        self.assertLessEqual(len(text.splitlines()), 30)
        self.assertIn("base against head: **FAIL** (yield/2)", text)
        self.assertIn("| yield |", text)


class Command(unittest.TestCase):
    def setUp(self):
        self.results = tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, self.results)

    def run_report(self, *words):
        return subprocess.run([sys.executable, "-B", SCRIPT, "--results", self.results, *words],
                              capture_output=True, text=True, timeout=100, check=False)

    def put(self, name, obj):
        path = os.path.join(self.results, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w", encoding="utf-8") as f:
            json.dump(obj, f)
        return path

    def test_without_a_run_the_command_is_named(self):
        p = self.run_report()
        self.assertEqual(p.returncode, 2)
        self.assertRegex(p.stderr, r"latest.json is not there; `make bench` measures")

    def test_what_is_no_run_is_refused(self):
        old = sample.raw()
        del old["machine"]["cpu_ids"]
        for obj, text in (({"schema": "other"}, "its schema is 'other'"), (None, "its schema"), ("{", ""),
                          (old, "another version measured it")):
            path = self.put("raw/latest.json", obj or {})
            if obj == "{":
                with open(path, "w", encoding="utf-8") as f:
                    f.write("{")
                text = "Expecting"
            p = self.run_report()
            self.assertEqual(p.returncode, 2)
            self.assertIn(text, p.stderr)

    def test_without_matplotlib_the_package_is_named(self):
        self.put("raw/latest.json", sample.raw())
        # Without site packages, and forbidden to look for another Python that has some.
        p = subprocess.run([sys.executable, "-S", "-B", SCRIPT, "--results", self.results], capture_output=True,
                           text=True, timeout=100, check=False, env=dict(os.environ, WEND_PYTHON=debian.SYSTEM))
        self.assertEqual(p.returncode, 2)
        self.assertIn("python3-matplotlib is not installed: scripts/setup report", p.stderr)

    def test_the_last_run_and_a_kept_one_make_the_same_page(self):
        self.put("raw/latest.json", sample.raw())
        p = self.run_report("--summary")
        self.assertEqual(p.returncode, 0, p.stderr)
        self.assertIn("| yield |", p.stdout)
        with open(os.path.join(self.results, "report", "index.html"), encoding="utf-8") as f:
            first = f.read()
        kept = store.save(self.results, REC)
        p = self.run_report("--run", kept, "--out", os.path.join(self.results, "other"))
        self.assertEqual(p.returncode, 0, p.stderr)
        with open(os.path.join(self.results, "other", "index.html"), encoding="utf-8") as f:
            self.assertTrue(f.read() == first)
        self.assertTrue(os.path.exists(os.path.join(self.results, "report", "summary.md")))


# What a reader would see as cut off: a page wider than the window, text wider than its box, text of a
# picture outside of it or on top of other text.
LOOK = """(() => {
  const wrong = [], root = document.documentElement;
  if (root.scrollWidth > root.clientWidth) wrong.push('page ' + root.scrollWidth + ' > ' + root.clientWidth);
  document.querySelectorAll('details').forEach(d => d.open = true);
  if (root.scrollWidth > root.clientWidth) wrong.push('opened page ' + root.scrollWidth + ' > ' + root.clientWidth);
  for (const e of document.querySelectorAll('body *:not(svg):not(svg *)')) {
    if (e.clientWidth && e.scrollWidth > e.clientWidth + 1)
      wrong.push(e.tagName + '.' + e.className + ' ' + e.scrollWidth + ' > ' + e.clientWidth + ': ' + e.textContent.slice(0, 60));
  }
  for (const svg of document.querySelectorAll('svg.plot, svg.axis')) {
    const frame = svg.getBoundingClientRect(), texts = [...svg.querySelectorAll('text')];
    const boxes = texts.map(t => t.getBoundingClientRect());
    boxes.forEach((b, i) => {
      const window_ = svg.classList.contains('axis') ? {left: 0, right: root.clientWidth} : frame;
      if (b.left < window_.left - 1 || b.right > window_.right + 1 ||
          (window_ === frame && (b.top < frame.top - 1 || b.bottom > frame.bottom + 1)))
        wrong.push('outside: ' + texts[i].textContent);
      for (let j = 0; j < i; j++) {
        const c = boxes[j], x = Math.min(b.right, c.right) - Math.max(b.left, c.left),
              y = Math.min(b.bottom, c.bottom) - Math.max(b.top, c.top);
        if (x > 1 && y > 4) wrong.push('on top of each other: ' + texts[i].textContent + ' / ' + texts[j].textContent);
      }
    });
  }
  return wrong;
})()"""


@unittest.skipUnless(browser.program(), "Chromium is not installed (scripts/setup optional)")
class InABrowser(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.mkdtemp()
        cls.path = os.path.join(cls.folder, "index.html")
        cls.setUpPage()
        cls.browser = browser.Browser()

    @classmethod
    def setUpPage(cls):
        with open(cls.path, "w", encoding="utf-8") as f:
            f.write(PAGE)

    @classmethod
    def tearDownClass(cls):
        cls.browser.close()
        shutil.rmtree(cls.folder)

    def look(self, width, dark):
        self.browser.open(self.path, width, 900, dark)
        found = self.browser.ask(LOOK)
        self.assertEqual(self.browser.complaints(), [])
        self.assertFalse(found, "\n".join(found))
        shots = os.environ.get("WEND_SHOTS")
        if shots:
            self.browser.picture(os.path.join(shots, "report-%d-%s.png" % (width, "dark" if dark else "light")))
        return self.browser.ask("getComputedStyle(document.body).backgroundColor")

    def test_wide(self):
        self.assertNotEqual(self.look(1280, False), self.look(1280, True))

    def test_narrow(self):
        self.assertNotEqual(self.look(360, False), self.look(360, True))

    def test_between(self):
        self.look(820, False)

    def test_a_large_machine(self):
        core = "L2:1048576(L1d:32768(L1i:32768(Core(PU,PU))))"
        cache = "L3:33554432(%s)" % ",".join([core] * 8)
        tree = "Machine(%s)" % ",".join(["Package(NUMANode,%s)" % ",".join([cache] * 8)] * 2)
        raw = sample.raw(topology=tree,
                         cpu="Example(R) Extraordinarily Scalable 9999 128-Core Processor at 2.10GHz, Special Edition")
        with open(self.path, "w", encoding="utf-8") as f:
            f.write(page.build(view.View(record.of(raw))))
        self.addCleanup(self.setUpPage)
        self.look(360, False)
        self.look(1280, True)

    def test_it_would_notice(self):
        """What it looks for is found where it is planted."""
        for planted in ('<div style="width:3000px">wide</div>',
                        '<div style="width:20px;white-space:nowrap">a long line of text</div>',
                        '<svg class="plot" viewBox="0 0 50 20" width="50"><text x="45" y="10">outside</text></svg>',
                        '<svg class="plot" viewBox="0 0 99 20" width="99"><text x="1" y="10">ab</text>'
                        '<text x="3" y="10">cd</text></svg>'):
            path = os.path.join(self.folder, "planted.html")
            with open(path, "w", encoding="utf-8") as f:
                f.write("<!DOCTYPE html><meta charset=utf-8><link rel=icon href='data:,'><body>" + planted)
            self.browser.open(path, 400, 900)
            self.assertNotEqual(self.browser.ask(LOOK), [], planted)
        with open(path, "w", encoding="utf-8") as f:
            f.write("<!DOCTYPE html><body><script>console.error('x'); nothing.there</script>"
                    "<img src='http://127.0.0.1:9/x.png'>")
        self.browser.open(path, 400, 900)
        self.assertGreaterEqual(len(self.browser.complaints()), 3)


if __name__ == "__main__":
    unittest.main(verbosity=2)
