# SPDX-License-Identifier: MIT
"""scripts/bench-check as a user runs it, on a small repository of its own. A cmake that only copies stands for the
real one, so what a commit's build has to say is what the commit holds: a script around the rows of rows.c."""
import glob
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import unittest

from common import RELEASE, ROOT, ROWS
from benchlib import debian, pairs, store  # noqa: E402

debian.need("jsonschema")
FAULTS = store.validator(os.path.join(ROOT, "results"))

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


@unittest.skipUnless(RELEASE, "the scripts are the same in every build")
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
        """check.json, as its schema wants it."""
        with open(os.path.join(self.repo, "results", "raw", "check.json"), encoding="utf-8") as f:
            d = json.load(f)
        self.assertEqual(FAULTS(d), [])
        return d

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

    def test_tools_that_are_missing(self):
        self.two()
        paths = self.without("valgrind").split(":")
        for tool, said in (("git", "git is not installed"), ("cmake", "cmake: No such file or directory")):
            where = next(p for p in (os.path.join(folder, tool) for folder in paths) if os.path.lexists(p))
            os.rename(where, where + ".away")
            status, out, err = self.check("--budget", "1", PATH=":".join(paths))
            self.assertEqual(status, 2, out + err)
            self.assertIn(said, err)
            os.rename(where + ".away", where)

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
        for words in (("--budget", "soon"), ("--filter", "("), ("--budget", "0"), ("--pairs", "0"), ("--jobs", "x")):
            self.assertEqual(self.check(*words)[0], 2, words)
        self.refuses("no row to compare", "--filter", "no_such_row")
        self.assertIn("Exit status", self.check("--help")[1])

    def test_wrong_settings(self):
        self.two()
        for text, said in (("{", "gate.json"), ("[]", "it is no object"), (json.dumps(dict(GATE, program=7)), "'program'"),
                           (json.dumps(dict(GATE, rows={"three": ["time/empty"]})), "there are 'one' and 'two'"),
                           (json.dumps(dict(GATE, rows={"one": "time/empty"})), "a list of names"),
                           (json.dumps(dict(GATE, rows={"one": ["a/b"], "two": ["a/b"]})), "a/b twice")):
            self.put("bench/gate.json", text)
            self.refuses(said)
        os.unlink(os.path.join(self.repo, "bench", "gate.json"))
        self.refuses("gate.json: No such file")

    def test_a_shallow_clone_says_how_to_get_the_rest(self):
        self.two()
        whole, self.repo = self.repo, os.path.join(self.tmp, "shallow")
        subprocess.run(["git", "clone", "-q", "--depth", "1", "file://" + whole, self.repo], env=self.env, check=True)
        self.refuses("fetch --unshallow", "--base", "HEAD~1")
        self.refuses("the commit before HEAD is not here; it is a shallow clone")

    def test_git_knows_no_worktree_afterwards(self):
        self.program(word="broken")
        self.commit("one")
        self.program()
        self.commit("two")
        for status, words in ((2, ()), (0, ("--base", "HEAD"))):
            self.assertEqual(self.check("--list", *words)[0], status)
            self.assertEqual(len(self.git("worktree", "list").splitlines()), 1)
        # One that was killed in the middle has left everything there is to leave.
        folder = os.path.join(self.repo, "build", "bench-check", self.git("rev-parse", "HEAD").strip()[:12])
        shutil.rmtree(os.path.join(folder, "source"))
        os.unlink(os.path.join(folder, "built.json"))
        self.git("worktree", "add", "-q", "--detach", os.path.join(folder, "source"), "HEAD~1")
        copy = os.path.join(folder, "build", "bin", pairs.COPY + "left")
        shutil.copy(ROWS, copy)
        self.assertEqual(self.check("--list", "--base", "HEAD")[0], 0)
        self.assertEqual(len(self.git("worktree", "list").splitlines()), 1)
        self.assertFalse(os.path.exists(copy))

    def test_results_that_cannot_be_written(self):
        self.two()
        self.put("results", "a file where a folder should be")
        self.refuses("results/raw cannot be written to")
        # Where it turns out at the end only, what was found is told all the same.
        os.unlink(os.path.join(self.repo, "results"))
        folder = os.path.join(self.repo, "results")
        self.program(more='$(case "$*" in *serve*) %s -rf %s; echo >%s ;; esac)' % (shutil.which("rm"), folder, folder))
        status, out, err = self.check("--budget", "1", "--filter", "empty", PATH=self.without("valgrind"))
        self.assertEqual(status, 2, out + err)
        self.assertRegex(out, "(PASS: 1|INCONCLUSIVE: 0) of 1 rows passed")  # in a second either may be
        self.assertIn("check.json could not be written: Not a directory", err)

    def test_a_row_that_crashes(self):
        self.program()
        self.commit("one")
        self.program(more='$(case "$*" in *serve*empty*) kill -SEGV $$ ;; esac)')
        status, out, err = self.check("--budget", "2", "--filter", "empty|keeps", PATH=self.without("valgrind"))
        self.assertEqual(status, 2, out + err)
        self.assertIn("not compared: time/empty: the head's process died of SIGSEGV", out)
        self.assertIn("did not run to their end: time/empty", err)
        self.assertEqual([r["name"] for r in self.data()["rows"]], ["time/keeps"])

    def test_it_takes_no_longer_than_it_may(self):
        """T3: all that is measured fits into the budget; a round that would not is not begun."""
        self.two()
        began = time.monotonic()
        self.check("--budget", "4", "--pairs", "30", PATH=self.without("valgrind"))
        took = time.monotonic() - began
        self.assertLess(self.data()["seconds"], 4 + 2)
        self.assertLess(took, 4 + 20)
        self.assertEqual(len(self.data()["rows"]), 3)

    def started(self):
        """A comparison that is measuring."""
        self.two()
        p = subprocess.Popen([sys.executable, "-B", CHECK, "--project", self.repo, "--filter", "empty"], stdout=subprocess.PIPE,
                             stderr=subprocess.STDOUT, text=True, env=dict(self.env, PATH=self.without("valgrind")))
        end = time.monotonic() + 50
        while not self.copies() and time.monotonic() < end:
            time.sleep(0.01)
        self.assertTrue(self.copies())
        return p

    def copies(self):
        return glob.glob(os.path.join(self.repo, "build", "**", pairs.COPY + "*"), recursive=True)

    def test_who_ends_it_leaves_nothing_behind(self):
        for number, status in ((signal.SIGINT, 130), (signal.SIGTERM, 143)):
            p = self.started()
            p.send_signal(number)
            out = p.communicate(timeout=50)[0]
            self.assertEqual(p.returncode, status, out)
            self.assertIn("interrupted; nothing is decided", out)
            self.assertEqual(self.copies(), [])
            self.assertEqual(len(self.git("worktree", "list").splitlines()), 1)
            self.assertFalse(os.path.exists(os.path.join(self.repo, "results", "raw", "check.json")))

    def test_two_at_once(self):
        p = self.started()
        try:
            self.refuses("another comparison is at work")
        finally:
            p.terminate()
            p.communicate(timeout=50)


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
        for row, text, skipped in (("end/skip/threads:1", "no luck here", True), ("end/crash", "died of SIGABRT", False)):
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
