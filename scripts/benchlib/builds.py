# SPDX-License-Identifier: MIT
"""The two builds that are compared: of the working tree, and of an older commit with the same compiler and flags."""
import json
import os
import re
import subprocess

# What CMake's cache holds of a build that decides about the code that comes out.
CACHE = ("CMAKE_BUILD_TYPE", "CMAKE_C_COMPILER", "CMAKE_CXX_COMPILER", "CMAKE_C_FLAGS", "CMAKE_CXX_FLAGS",
         "CMAKE_EXE_LINKER_FLAGS", "CMAKE_PREFIX_PATH")
LINE = re.compile(r"^([A-Za-z_]\w*):(\w+)=(.*)$")


class Wrong(Exception):
    """Something that the user must know and mend; the text says what."""


def git(root, *words):
    try:
        p = subprocess.run(["git", "-C", root, *words], capture_output=True, text=True, check=False)
    except OSError:
        raise Wrong("git is not installed; the base cannot be taken from history") from None
    if p.returncode:
        raise Wrong("git %s: %s" % (words[0], p.stderr.strip() or "status %d" % p.returncode))
    return p.stdout.strip()


def is_dirty(root):
    return bool(git(root, "status", "--porcelain", "--untracked-files=no"))


def require_repository(root):
    try:
        git(root, "rev-parse", "--git-dir")
    except Wrong:
        raise Wrong("%s is not a git repository: there is no older commit to compare with" % root) from None


def resolve(root, rev):
    """The commit that a name stands for."""
    try:
        return git(root, "rev-parse", "--verify", "--quiet", rev + "^{commit}")
    except Wrong:
        raise Wrong("there is no commit '%s' in this repository" % rev) from None


def default_base(root):
    """(commit, why): the merge base with main; where that is HEAD, HEAD under uncommitted changes, else the commit
    before."""
    head = resolve(root, "HEAD")
    for main in ("origin/main", "main", "origin/master", "master"):
        try:
            base = git(root, "merge-base", "HEAD", main)
        except Wrong:
            continue
        if base != head:
            return base, "where HEAD left " + main
        break
    if is_dirty(root):
        return head, "HEAD, beside uncommitted changes"
    try:
        return resolve(root, "HEAD~1"), "the commit before HEAD"
    except Wrong:
        raise Wrong("HEAD is the first commit: there is nothing to compare with") from None


def about(root, sha):
    return {"rev": git(root, "describe", "--always", "--tags", sha), "sha": sha,
            "subject": git(root, "log", "-1", "--format=%s", sha), "dirty": False}


def cache_of(build, extra=()):
    """The values of a configured build that another one must share, and its generator."""
    path = os.path.join(build, "CMakeCache.txt")
    try:
        with open(path, encoding="utf-8", errors="replace") as f:
            found = [LINE.match(line.rstrip("\n")) for line in f]
    except OSError:
        raise Wrong("%s is not there: configure the build first (`make bench-check` does)" % path) from None
    values = {m.group(1): m.group(3) for m in found if m}
    kept = {key: values[key] for key in (*CACHE, *extra) if values.get(key)}
    return kept, values.get("CMAKE_GENERATOR", "Ninja")


def settings(root):
    """bench/gate.json: the program, what builds it, its rows by class."""
    path = os.path.join(root, "bench", "gate.json")
    try:
        with open(path, encoding="utf-8") as f:
            data = json.load(f)
        return {"program": data["program"], "target": data["target"], "cache": data.get("cache", []),
                "rows": data["rows"]}
    except (OSError, ValueError, KeyError) as e:
        raise Wrong("%s: %s" % (path, e)) from None


def log_tail(path, lines=15):
    with open(path, encoding="utf-8", errors="replace") as f:
        text = f.read().splitlines()
    bad = [n for n, line in enumerate(text) if "error" in line.lower() or "FAILED" in line]
    at = bad[0] if bad else max(0, len(text) - lines)
    return "\n".join("    " + line for line in text[at:at + lines])


def run(command, log, what):
    with open(log, "a", encoding="utf-8") as f:
        status = subprocess.run(command, stdout=f, stderr=subprocess.STDOUT, check=False).returncode
    if status:
        raise Wrong("%s failed. Its log, %s, has:\n%s" % (what, log, log_tail(log)))


def build(source, out, config, cache, generator, what, jobs):
    """Builds the benchmark program of `source` in `out`; returns its path."""
    os.makedirs(out, exist_ok=True)
    log = os.path.join(out, "build.log")
    if os.path.exists(log):
        os.unlink(log)
    run(["cmake", "-S", source, "-B", out, "-G", generator, "--log-level=WARNING",
         *("-D%s=%s" % item for item in sorted(cache.items()))], log, "configuring " + what)
    run(["cmake", "--build", out, "--target", config["target"], "-j", str(jobs)], log, "building " + what)
    program = os.path.join(out, config["program"])
    if not os.path.exists(program):
        raise Wrong("%s has no benchmark program: %s did not come out of its build" % (what, config["program"]))
    return program


def of_commit(root, sha, folder, config, cache, generator, jobs):
    """The benchmark program of a commit: built in a worktree of its own, once."""
    source, out = os.path.join(folder, "source"), os.path.join(folder, "build")
    stamp = os.path.join(folder, "built.json")
    want = {"sha": sha, "cache": cache, "generator": generator, "target": config["target"]}
    program = os.path.join(out, config["program"])
    try:
        with open(stamp, encoding="utf-8") as f:
            if json.load(f) == want and os.path.exists(program):
                return program, False
    except (OSError, ValueError):
        pass
    if not os.path.isdir(os.path.join(source, ".git")) and not os.path.isfile(os.path.join(source, ".git")):
        os.makedirs(folder, exist_ok=True)
        git(root, "worktree", "prune")
        git(root, "worktree", "add", "--detach", "--force", source, sha)
    what = "the base, %s," % sha[:12]
    program = build(source, out, config, cache, generator, what, jobs)
    with open(stamp, "w", encoding="utf-8") as f:
        json.dump(want, f)
    return program, True


def rows_of(program, env):
    """{name: definition} of a program's rows."""
    try:
        out = subprocess.run([program, "--bench_list"], env=env, capture_output=True, text=True, timeout=60,
                             check=True).stdout
        return {d["name"]: d for d in map(json.loads, out.splitlines())}
    except (OSError, subprocess.SubprocessError, ValueError) as e:
        raise Wrong("%s --bench_list: %s" % (program, e)) from None


def can_serve(program):
    """Whether the program knows how to take turns."""
    out = subprocess.run([program, "--bench_help"], capture_output=True, text=True, timeout=60, check=False)
    return "--bench_serve" in out.stdout


ACCEPT = re.compile(r"^(\S+)\s+\+([\d.]+)\s*(%|[a-z]+)\s*(.*)$")


def accepts(root, base):
    """The Bench-Accept trailers of the commits since base: (understood, lines that were not)."""
    text = git(root, "log", "--format=%H%x09%(trailers:key=Bench-Accept,valueonly,separator=%x09)",
               base + "..HEAD")
    good, bad = [], []
    for line in text.splitlines():
        sha, *values = line.split("\t")
        for value in filter(None, (v.strip() for v in values)):
            m = ACCEPT.match(value)
            if m:
                good.append({"commit": sha, "row": m.group(1), "amount": float(m.group(2)),
                             "metric": None if m.group(3) == "%" else m.group(3), "reason": m.group(4),
                             "text": value, "used": False})
            else:
                bad.append("%s: '%s' (Bench-Accept: ROW +N%% REASON, or ROW +N METRIC REASON)" % (sha[:12], value))
    return good, bad
