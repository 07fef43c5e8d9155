# SPDX-License-Identifier: MIT
"""The two builds that are compared: of the working tree, and of an older commit with the same compiler and flags."""
import fcntl
import json
import os
import re
import shutil
import subprocess

from . import gate

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
    except Wrong as e:
        if "not a git repository" not in str(e):
            raise  # git is missing, or trusts nobody here
        raise Wrong("%s is not a git repository: there is no older commit to compare with" % root) from None


def resolve(root, rev):
    """The commit that a name stands for."""
    try:
        return git(root, "rev-parse", "--verify", "--quiet", rev + "^{commit}")
    except Wrong:
        raise Wrong("there is no commit '%s' in this repository%s" % (rev, shallow(root))) from None


def shallow(root):
    """What to add where a commit is missing because the clone has only the last ones."""
    if git(root, "rev-parse", "--is-shallow-repository") != "true":
        return ""
    return "; it is a shallow clone, `git fetch --unshallow` brings the rest (actions/checkout: fetch-depth: 0)"


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
        why = shallow(root)
        raise Wrong("the commit before HEAD is not here" + why if why else
                    "HEAD is the first commit: there is nothing to compare with") from None


def is_ancestor(root, sha):
    """Whether HEAD has all that the commit has."""
    return git(root, "rev-list", "--count", "HEAD.." + sha) == "0"


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
    except OSError as e:
        raise Wrong("%s: %s" % (path, e.strerror)) from None
    except ValueError as e:
        raise Wrong("%s: %s" % (path, e)) from None
    fault = fault_of_settings(data)
    if fault:
        raise Wrong("%s: %s (docs/regression-ci.md, \"Gate your own project\")" % (path, fault))
    return {"cache": [], **data}


def fault_of_settings(data):
    """What is wrong with the object in gate.json, or None."""
    def texts(v):
        return isinstance(v, list) and all(isinstance(x, str) for x in v)

    if not isinstance(data, dict):
        return "it is no object"
    for key in ("program", "target"):
        if not isinstance(data.get(key), str) or not data[key]:
            return "'%s' must be a text" % key
    if not texts(data.get("cache", [])):
        return "'cache' must be a list of names"
    rows = data.get("rows")
    if not isinstance(rows, dict) or not rows or not all(texts(v) for v in rows.values()):
        return "'rows' must have a list of names for each class"
    odd = sorted(set(rows) - set(gate.FLOORS))
    if odd:
        return "'rows' has the class '%s'; there are %s" % (odd[0], " and ".join("'%s'" % c for c in gate.FLOORS))
    names = [name for listed in rows.values() for name in listed]
    twice = [name for name in names if names.count(name) > 1]
    return "'rows' has %s twice" % twice[0] if twice else None


def log_tail(path, lines=15):
    with open(path, encoding="utf-8", errors="replace") as f:
        text = f.read().splitlines()
    bad = [n for n, line in enumerate(text) if "error" in line.lower() or "FAILED" in line]
    at = bad[0] if bad else max(0, len(text) - lines)
    return "\n".join("    " + line for line in text[at:at + lines])


def run(command, log, what):
    with open(log, "a", encoding="utf-8") as f:
        try:
            status = subprocess.run(command, stdout=f, stderr=subprocess.STDOUT, check=False).returncode
        except OSError as e:
            raise Wrong("%s: %s: %s" % (what, command[0], e.strerror)) from None
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


def alone(build):
    """Takes the build folder for this comparison, as long as the process lives. Two at once would disturb what
    both measure and write the same files."""
    os.makedirs(os.path.join(build, "bench-check"), exist_ok=True)
    lock = open(os.path.join(build, "bench-check", "lock"), "w", encoding="utf-8")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        lock.close()
        raise Wrong("another comparison is at work in %s" % build) from None
    return lock


def of_commit(root, sha, folder, config, cache, generator, jobs):
    """The benchmark program of a commit: built in a worktree of its own, once."""
    source, out = os.path.join(folder, "source"), os.path.join(folder, "build")
    stamp = os.path.join(folder, "built.json")
    want = {"sha": sha, "cache": cache, "generator": generator, "target": config["target"],
            "compilers": compilers(cache)}
    program = os.path.join(out, config["program"])
    try:
        with open(stamp, encoding="utf-8") as f:
            if json.load(f) == want and os.path.exists(program):
                return program, False
    except (OSError, ValueError):
        pass
    forget(source)  # of a comparison that was killed
    shutil.rmtree(source, ignore_errors=True)
    os.makedirs(folder, exist_ok=True)
    try:
        git(root, "worktree", "add", "--detach", "--force", source, sha)
        program = build(source, out, config, cache, generator, "the base, %s," % sha[:12], jobs)
    finally:
        forget(source)
    with open(stamp, "w", encoding="utf-8") as f:
        json.dump(want, f)
    return program, True


def compilers(cache):
    """What the compilers say of themselves: the base is built anew when one of them was updated."""
    out = []
    for key in ("CMAKE_C_COMPILER", "CMAKE_CXX_COMPILER"):
        try:
            p = subprocess.run([cache[key], "--version"], capture_output=True, text=True, timeout=60, check=False)
            out.append(p.stdout.split("\n")[0])
        except (KeyError, OSError, subprocess.SubprocessError):
            out.append(None)
    return out


def forget(source):
    """A worktree becomes a folder that git knows nothing of. Its files stay, for a program that reads some of them and
    for whoever reads the log of its build."""
    link = os.path.join(source, ".git")
    try:
        with open(link, encoding="utf-8") as f:
            record = f.read().partition("gitdir: ")[2].strip()
        os.unlink(link)
    except OSError:
        return
    # `git worktree prune` would forget the user's own on a disk that is not there now.
    if os.path.basename(os.path.dirname(record)) == "worktrees":
        shutil.rmtree(record, ignore_errors=True)


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
