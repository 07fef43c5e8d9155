# SPDX-License-Identifier: MIT
"""Which machines, and which builds on them, may be compared.

Hard facts are what a figure depends on and an administrator does not change in passing; their hash
names the machine's folder under results/machines. Soft facts are told where they differ. The build
is kept apart from the machine, so that one machine stays one series when its compiler is updated, but
figures of unlike builds are refused like those of unlike machines."""
import hashlib
import json
import re

HARD = ("arch", "cpu", "cpu_ids", "cpus", "quota", "smt", "topology", "virtualisation")
SOFT = ("kernel", "microcode", "governor", "turbo", "thp", "aslr", "clocksource", "memory_gib",
        "container")
BUILD = ("compiler", "flags", "build_type", "gbench_version", "time_semantics", "wend_atomics",
         "wend_fence", "wend_guard")
COMPARABLE, ANNOTATED, REFUSED = "comparable", "annotated", "refused"


def collapsed(tree):
    """A(B,B) becomes A(2*B): the topology of 256 CPUs in one line."""
    def parse(i):
        name = re.compile(r"[^(),]+").match(tree, i)
        if not name:
            raise ValueError("a topology without a name at %d: %s" % (i, tree))
        i, children = name.end(), []
        if i < len(tree) and tree[i] == "(":
            while tree[i] != ")":
                child, i = parse(i + 1)
                children.append(child)
            i += 1
        groups = []
        for c in children:
            if groups and groups[-1][1] == c:
                groups[-1][0] += 1
            else:
                groups.append([1, c])
        inner = ",".join(c if n == 1 else "%d*%s" % (n, c) for n, c in groups)
        return name.group(0) + ("(%s)" % inner if inner else ""), i
    return parse(0)[0]


def hard(facts, build):
    """The hard facts, from machine.facts and machine.build_facts."""
    tree = build.get("topology")
    return {"arch": facts["arch"], "cpu": facts["cpu"],
            "cpu_ids": facts["cpu_ids"],
            "cpus": len(facts["cpus_allowed"]), "quota": facts["quota"], "smt": facts["smt"],
            "topology": collapsed(tree) if tree else None,
            "virtualisation": facts["virtualisation"]}


def soft(facts):
    total = facts["memory_total"]
    return {"kernel": facts["kernel"], "microcode": facts["microcode"],
            "governor": facts["governor"], "turbo": facts["turbo"], "thp": facts["thp"],
            "aslr": facts["aslr"], "clocksource": facts["clocksource"],
            "memory_gib": round(total / 2 ** 30, 1) if total else None,
            "container": facts["container"]}


def build_of(build):
    return {k: build.get(k) for k in BUILD}


def name(hard_facts):
    """Eight hex digits for a set of hard facts."""
    text = json.dumps(hard_facts, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(text.encode()).hexdigest()[:8]


def differences(a, b):
    """The keys in which two dictionaries differ, in order."""
    return [k for k in sorted(set(a) | set(b)) if a.get(k) != b.get(k)]


def compare(a, b):
    """(verdict, [(key, value in a, value in b)]) for two objects with hard, soft and build: figures of
    unlike machines or builds are refused, soft differences only told."""
    unlike = [(k, a[part].get(k), b[part].get(k)) for part in ("hard", "build")
              for k in differences(a[part], b[part])]
    if unlike:
        return REFUSED, unlike
    told = [(k, a["soft"].get(k), b["soft"].get(k)) for k in differences(a["soft"], b["soft"])]
    return (ANNOTATED if told else COMPARABLE), told


def title(hard_facts):
    """One line for people."""
    virtual = hard_facts["virtualisation"]
    return "%s, %d CPU%s%s%s" % (
        hard_facts["cpu"], hard_facts["cpus"], "" if hard_facts["cpus"] == 1 else "s",
        ", quota %.3g" % hard_facts["quota"] if hard_facts["quota"] else "",
        ", virtual machine (%s)" % virtual if virtual not in (None, "none", "virtual machine") else
        ", virtual machine" if virtual == "virtual machine" else "")
