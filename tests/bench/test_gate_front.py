# SPDX-License-Identifier: MIT
"""scripts/bench-check as a user runs it, on a small repository of its own. A cmake that only copies stands for the
real one, so what a commit's build has to say is what the commit holds: a script around the rows of rows.c."""
import json
import os
import shutil
import subprocess
import sys
import tempfile
import unittest

from common import ROOT, ROWS
from benchlib import pairs  # noqa: E402

CHECK = os.path.join(ROOT, "scripts", "bench-check")
CMAKE = """#!/bin/sh
# cmake -S source -B out ... | cmake --build out ...
case $1 in
--build)
	read -r source <"$2/source"
	[ -f "$source/program" ] || { echo "ninja: error: unknown target"; exit 1; }
	grep -q broken "$source/program" && { echo "x.c:1: error: broken"; exit 1; }
	mkdir -p "$2/bin" && cp "$source/program" "$2/bin/rows" ;;
*)
	mkdir -p "$4" && echo "$2" >"$4/source" && echo "CMAKE_BUILD_TYPE:STRING=Release" >"$4/CMakeCache.txt" ;;
esac
"""
PROGRAM = """#!/bin/sh
# @WORD@
case " $* " in
*" --bench_facts "*) @ROWS@ --bench_facts | sed 's/"compiler": "/"compiler": "@COMPILER@/'; exit ;;
*" --bench_help "*) @HELP@ ;;
*" --bench_list "*) @ROWS@ --bench_list | grep '"time/@ONLY@'; exit ;;
esac
exec @ROWS@ "$@" @MORE@
"""
GATE = {"program": "bin/rows", "target": "rows", "rows": {"one": ["time/empty", "time/keeps"], "two": ["time/manual"]}}


class Front(unittest.TestCase):
    def setUp(self):
        self.tmp = tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, self.tmp)
        self.repo, tools = os.path.join(self.tmp, "repo"), os.path.join(self.tmp, "bin")
        os.makedirs(os.path.join(self.repo, "bench"))
        os.makedirs(tools)
        self.env = {k: v for k, v in os.environ.items() if k not in ("FILTER", "BASE", "BUDGET")}
        self.env.update(PATH=tools + ":" + self.env["PATH"], GIT_CONFIG_GLOBAL="/dev/null", GIT_AUTHOR_NAME="a",
                        GIT_AUTHOR_EMAIL="a@b", GIT_COMMITTER_NAME="a", GIT_COMMITTER_EMAIL="a@b")
        self.put("../bin/cmake", CMAKE, 0o755)
        self.put("bench/gate.json", json.dumps(GATE))
        self.put(".gitignore", "/build/\n/results/\n")

    def put(self, name, text, mode=0o644):
        path = os.path.join(self.repo, name)
        with open(path, "w", encoding="utf-8") as f:
            f.write(text)
        os.chmod(path, mode)

    def program(self, word="plain", compiler="", more="", only="", help_='exec "@ROWS@" --bench_help'):
        text = PROGRAM.replace("@HELP@", help_)
        for key, value in (("WORD", word), ("COMPILER", compiler), ("MORE", more), ("ONLY", only), ("ROWS", ROWS)):
            text = text.replace("@%s@" % key, value)
        self.put("program", text, 0o755)

    def git(self, *words):
        return subprocess.run(["git", "-C", self.repo, *words], env=self.env, capture_output=True, text=True,
                              check=True).stdout

    def commit(self, message):
        if not os.path.isdir(os.path.join(self.repo, ".git")):
            self.git("init", "-q", "-b", "main")
        self.git("add", "-A")
        self.git("commit", "-q", "--allow-empty", "-m", message)

    def check(self, *words, **env):
        p = subprocess.run([sys.executable, "-B", CHECK, "--project", self.repo, "--pairs", "6", *words],
                           env=dict(self.env, **env), capture_output=True, text=True, timeout=100, check=False)
        return p.returncode, p.stdout, p.stderr

    def data(self):
        with open(os.path.join(self.repo, "results", "raw", "check.json"), encoding="utf-8") as f:
            return json.load(f)

    def two(self, **head):
        """A base that is plain, and a head."""
        self.program()
        self.commit("one")
        self.program(**head)
        self.commit("two")

    def test_a_slower_head_fails_and_is_named(self):
        self.two(more='$(case "$*" in *serve*) echo --bench_slower=2 ;; esac)')
        status, out, err = self.check("--budget", "20", "--filter", "empty", PATH=self.without("valgrind"))
        self.assertEqual(status, 1, out + err)
        self.assertIn("FAIL: time/empty became worse", out)
        self.assertIn("valgrind is not installed", out)
        d = self.data()
        self.assertEqual((d["schema"], d["verdict"], d["exit"]), ("wend-check-1", "FAIL", 1))
        cpu = [m for m in d["rows"][0]["measures"] if m["metric"] == "cpu"][0]
        self.assertTrue(0.6 < cpu["change"] < 1.5, cpu)
        self.assertIn("FAIL", [m["confirmation"]["verdict"] for m in d["rows"][0]["measures"] if m["confirmation"]])
        self.assertEqual((d["base"]["subject"], d["head"]["subject"]), ("one", "two"))
        # The same, said to be expected.
        self.git("commit", "-q", "--allow-empty", "-m", "three\n\nBench-Accept: time/empty +900% it does more now")
        status, out, err = self.check("--budget", "20", "--filter", "empty", "--base", "HEAD~2",
                                      PATH=self.without("valgrind"))
        self.assertEqual(status, 0, out + err)
        self.assertIn("ACCEPTED", out)
        self.assertIn("it does more now", out)

    def test_no_change(self):
        self.two()
        status, out, err = self.check("--budget", "15", "--filter", "empty", PATH=self.without("valgrind"))
        self.assertEqual(status, 0, out + err)
        self.assertNotIn("FAIL", out)
        self.assertTrue(os.path.exists(os.path.join(self.repo, "results", "raw", "check.md")))

    def without(self, tool):
        """A PATH on which the tool is not."""
        folder = os.path.join(self.tmp, "few")
        os.makedirs(folder, exist_ok=True)
        for name in ("sh", "git", "sed", "grep", "cp", "mkdir", "python3", "cat", "env"):
            where = shutil.which(name)
            if where and not os.path.exists(os.path.join(folder, name)):
                os.symlink(where, os.path.join(folder, name))
        self.assertIsNone(shutil.which(tool, path=folder))
        return os.path.join(self.tmp, "bin") + ":" + folder

    @unittest.skipUnless(shutil.which("valgrind"), "valgrind is not installed")
    def test_a_base_that_cannot_take_turns_is_compared_by_counts(self):
        self.program(help_="echo old; exit")
        self.commit("one")
        self.program()
        self.commit("two")
        # The programs of these tests are scripts, and what they start is what counts.
        self.put("../bin/valgrind", "#!/bin/sh\nexec %s --trace-children=yes \"$@\"\n" % shutil.which("valgrind"), 0o755)
        status, out, err = self.check("--budget", "10", "--filter", "empty|manual")
        self.assertEqual(status, 0, out + err)
        self.assertIn("compared by counts alone", out)
        self.assertEqual([s["name"] for s in self.data()["skipped"]], ["time/manual"])  # of class two: not counted
        self.assertEqual({m["metric"] for m in self.data()["rows"][0]["measures"]},
                         {"instructions", "syscalls", "allocations"})

    def test_unlike_builds_are_refused(self):
        self.two(compiler="Other ")
        status, out, err = self.check("--budget", "10")
        self.assertEqual(status, 3, out + err)
        self.assertIn("REFUSED: compiler differs", out)
        d = self.data()
        self.assertEqual([r["key"] for r in d["refused"]], ["compiler"])
        self.assertEqual(d["rows"], [])
        status, out, _ = self.check("--budget", "10", "--filter", "empty", "--force", PATH=self.without("valgrind"))
        self.assertEqual(status, 3)
        self.assertTrue(self.data()["rows"])

    def test_new_and_removed_rows_are_listed(self):
        self.two(only="[a-l]")
        self.check("--list")
        self.check("--budget", "3", "--filter", "empty", PATH=self.without("valgrind"))
        self.assertIn("time/manual", self.data()["removed_rows"])
        self.assertEqual(self.data()["new_rows"], [])

    def refuses(self, text, *words):
        status, out, err = self.check(*words)
        self.assertEqual(status, 2, out + err)
        self.assertIn(text, err)
        self.assertNotIn("Traceback", err)

    def test_no_repository(self):
        self.program()
        self.refuses("is not a git repository")

    def test_unknown_commit_and_first_commit(self):
        self.program()
        self.commit("one")
        self.refuses("there is no commit 'v9'", "--base", "v9")
        self.refuses("HEAD is the first commit")

    def test_uncommitted_changes(self):
        self.two()
        self.program(word="changed")
        self.refuses("uncommitted changes", "--clean")
        _, out, _ = self.check("--list")
        self.assertIn("+ uncommitted changes", out)
        self.assertIn("HEAD, beside uncommitted changes", out)

    def test_a_base_that_does_not_build(self):
        self.program(word="broken")
        self.commit("one")
        self.program()
        self.commit("two")
        self.refuses("building the base")
        self.refuses("error: broken")

    def test_a_base_without_benchmarks(self):
        self.commit("one")
        self.program()
        self.commit("two")
        self.refuses("unknown target")

    def test_wrong_arguments(self):
        self.two()
        for words in (("--budget", "soon"), ("--filter", "("), ("--budget", "0")):
            self.assertEqual(self.check(*words)[0], 2, words)
        self.refuses("no row to compare", "--filter", "no_such_row")
        self.put("bench/gate.json", "{")
        self.refuses("gate.json")
        self.assertIn("Exit status", self.check("--help")[1])


class Turns(unittest.TestCase):
    """The protocol of bench/serve.h."""

    def served(self, row, slower=1.0):
        side = pairs.Served(ROWS, row, dict(os.environ), 100, slower)
        self.addCleanup(side.close)
        return side

    def test_a_row_does_what_it_is_told(self):
        side = self.served("time/manual")
        side.wait_ready()
        for ops in (1, 10, 1000):
            said = side.ask(ops)
            self.assertEqual((said["ops"], said["wall_ns"]), (ops, 1234 * ops))

    def test_time_between_bursts_is_not_counted(self):
        side = self.served("time/sleep_cpu")
        side.wait_ready()
        side.ask(1)
        said = min((side.ask(2) for _ in range(3)), key=lambda s: s["wall_ns"])
        self.assertGreaterEqual(said["wall_ns"], 20e6)
        self.assertLess(said["wall_ns"], 30e6)
        self.assertLess(said["cpu_ns"], 5e6)

    def test_a_planted_slowdown_is_really_done(self):
        side = self.served("time/manual", 1.05)
        side.wait_ready()
        said = [side.ask(10) for _ in range(20)]
        self.assertEqual({s["ops"] for s in said}, {10})
        self.assertEqual(sum(s["wall_ns"] for s in said), 1234 * 210)

    def test_skips_failures_and_deaths_are_told(self):
        for row, text, skipped in (("end/skip/threads:1", "no luck here", True), ("end/crash", "ended with", False)):
            with self.assertRaises(pairs.Gone) as caught:
                self.served(row).wait_ready()
            self.assertIn(text, str(caught.exception))
            self.assertEqual(caught.exception.skipped, skipped)
        side = self.served("end/fail/threads:1")
        side.wait_ready()
        with self.assertRaises(pairs.Gone) as caught:
            side.ask(1)
            side.ask(1)
        self.assertIn("broke at 7", str(caught.exception))

    def test_one_row_with_one_thread(self):
        for flags in (["--bench_row=time/sleep/threads:2"], [], ["--bench_row=time/manual", "--bench_slower=0"]):
            p = subprocess.run([ROWS, "--bench_serve", *flags], capture_output=True, text=True, timeout=20, check=False,
                               stdin=subprocess.DEVNULL)
            self.assertEqual(p.returncode, 2, flags)


if __name__ == "__main__":
    unittest.main(verbosity=2)
