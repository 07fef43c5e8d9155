# SPDX-License-Identifier: MIT
"""Facts about the machine, read from the kernel; what cannot be read is None and says so."""
import glob
import json
import os
import platform
import shutil
import subprocess


def read(path):
    try:
        with open(path, encoding="ascii", errors="replace") as f:
            return f.read().strip()
    except OSError:
        return None


def _chosen(text):
    """The bracketed word of a file like `always [madvise] never`."""
    return text[text.index("[") + 1:text.index("]")] if text and "[" in text else text


def _cpu_model():
    for line in (read("/proc/cpuinfo") or "").splitlines():
        if line.startswith(("model name", "Model", "Hardware")):
            return line.split(":", 1)[1].strip()
    return platform.processor() or platform.machine()


def _first_cpu():
    """/proc/cpuinfo of the first CPU."""
    out = {}
    for line in (read("/proc/cpuinfo") or "").split("\n\n")[0].splitlines():
        key, _, value = line.partition(":")
        out[key.strip()] = value.strip()
    return out


def _cpu_ids():
    """Vendor, family, model and stepping, or what else the architecture tells a CPU by."""
    cpu = _first_cpu()
    for keys in (("vendor_id", "cpu family", "model", "stepping"),
                 ("CPU implementer", "CPU architecture", "CPU part", "CPU revision")):
        if cpu.get(keys[0]):
            return " ".join(cpu[k] for k in keys if cpu.get(k))
    return None


def _flags():
    for line in (read("/proc/cpuinfo") or "").splitlines():
        if line.startswith("flags"):
            return line.split()
    return []


def _cgroup(controller):
    """Folders of this process's cgroup, from its own up to the root, in version 2 and 1."""
    for line in (read("/proc/self/cgroup") or "").splitlines():
        number, names, path = line.split(":", 2)
        if number == "0":
            base = "/sys/fs/cgroup"
        elif controller in names.split(","):
            base = "/sys/fs/cgroup/" + controller
        else:
            continue
        while True:
            yield base + path.rstrip("/")
            if path in ("/", ""):
                break
            path = os.path.dirname(path)


def quota():
    """CPUs that the tightest cgroup quota grants, or None."""
    found = []
    for d in _cgroup("cpu"):
        words = (read(d + "/cpu.max") or "").split()
        if len(words) == 2 and words[0] != "max":
            found.append(int(words[0]) / int(words[1]))
        q, p = read(d + "/cpu.cfs_quota_us"), read(d + "/cpu.cfs_period_us")
        if q and p and int(q) > 0:
            found.append(int(q) / int(p))
    return min(found) if found else None


def throttled():
    """How often the quota stopped this cgroup so far."""
    for d in _cgroup("cpu"):
        for line in (read(d + "/cpu.stat") or "").splitlines():
            if line.startswith("nr_throttled"):
                return int(line.split()[1])
    return None


def steal_ticks():
    words = (read("/proc/stat") or "").split("\n")[0].split()
    return int(words[8]) if len(words) > 8 else None


def virtualisation():
    tool = shutil.which("systemd-detect-virt")
    if tool:
        try:
            name = subprocess.run([tool, "--vm"], capture_output=True, text=True, timeout=5,
                                  check=False).stdout.strip()
            if name and name != "none":
                return name
        except (OSError, subprocess.SubprocessError):
            pass
    maker = read("/sys/class/dmi/id/sys_vendor") or ""
    for word, name in (("QEMU", "kvm"), ("Amazon", "amazon"), ("Google", "google"),
                       ("Microsoft", "hyper-v"), ("VMware", "vmware"), ("Xen", "xen")):
        if word in maker:
            return name
    return "virtual machine" if "hypervisor" in _flags() else "none"


def container():
    """Whether the process runs in a container, as far as one can tell."""
    return (os.path.exists("/.dockerenv") or os.path.exists("/run/.containerenv") or
            bool(os.environ.get("container")))


def _said(tool, *words):
    """What a program that may be missing prints, or None."""
    if not shutil.which(tool):
        return None
    try:
        out = subprocess.run([tool, *words], capture_output=True, text=True, timeout=10, check=False)
    except (OSError, subprocess.SubprocessError):
        return None
    return out.stdout.rstrip() or None


def git_describe(root):
    return _said("git", "-C", root, "describe", "--always", "--dirty", "--tags")


def topology():
    """hwloc's picture of packages, caches and cores, in text."""
    return _said("lstopo-no-graphics", "--of", "console", "--no-io")


def _perf_counters():
    paranoid = read("/proc/sys/kernel/perf_event_paranoid")
    hardware = os.path.exists("/sys/bus/event_source/devices/cpu") or bool(
        glob.glob("/sys/bus/event_source/devices/armv8*"))
    return bool(hardware and paranoid is not None)


def facts(root):
    cpufreq = "/sys/devices/system/cpu/cpu0/cpufreq/"
    no_turbo = read("/sys/devices/system/cpu/intel_pstate/no_turbo")
    boost = read("/sys/devices/system/cpu/cpufreq/boost")
    turbo = {"0": "on", "1": "off"}.get(no_turbo) or {"1": "on", "0": "off"}.get(boost)
    memory = {}
    for line in (read("/proc/meminfo") or "").splitlines():
        k, v = line.split(":", 1)
        memory[k] = int(v.split()[0]) * 1024
    return {
        "cpu": _cpu_model(),
        "cpu_ids": _cpu_ids(),
        "microcode": _first_cpu().get("microcode"),
        "arch": platform.machine(),
        "cpus_online": os.cpu_count(),
        "cpus_allowed": sorted(os.sched_getaffinity(0)),
        "quota": quota(),
        "kernel": platform.release(),
        "virtualisation": virtualisation(),
        "container": container(),
        "governor": read(cpufreq + "scaling_governor"),
        "turbo": turbo,
        "smt": read("/sys/devices/system/cpu/smt/control"),
        "aslr": read("/proc/sys/kernel/randomize_va_space"),
        "thp": _chosen(read("/sys/kernel/mm/transparent_hugepage/enabled")),
        "clocksource": read("/sys/devices/system/clocksource/clocksource0/current_clocksource"),
        "perf_counters": _perf_counters(),
        "memory_total": memory.get("MemTotal"),
        "memory_available": memory.get("MemAvailable"),
        "load": os.getloadavg(),
        "git": git_describe(root),
        "topology": topology(),
        "python": platform.python_version(),
    }


def build_facts(program):
    """What the benchmark program says of itself."""
    try:
        out = subprocess.run([program, "--bench_facts"], capture_output=True, text=True, timeout=30,
                             check=True).stdout
        return json.loads(out.strip().splitlines()[-1])
    except (OSError, subprocess.SubprocessError, ValueError, IndexError):
        return {}


def warnings(m, build):
    """Why the figures may be worse than they need be, most important first."""
    w = []
    cpus = len(m["cpus_allowed"])
    if build.get("build_type") not in (None, "Release"):
        w.append("the build type is %s, not Release: figures mean little" % build["build_type"])
    if m["load"][0] > 0.25 * cpus:
        w.append("the machine is busy: load average %.1f on %d CPU%s; intervals will be wide"
                 % (m["load"][0], cpus, "" if cpus == 1 else "s"))
    if m["quota"] and m["quota"] < cpus:
        w.append("a cgroup quota grants %.2g of %d CPUs: threads may be stopped at any point"
                 % (m["quota"], cpus))
    if cpus == 1:
        w.append("one CPU is allowed: rows that need two are skipped")
    if m["virtualisation"] != "none":
        name = m["virtualisation"]
        w.append("virtual machine%s: waking another CPU costs several times what bare metal takes"
                 % ("" if name == "virtual machine" else " (%s)" % name))
    if not m["perf_counters"]:
        w.append("no hardware performance counters: times only")
    if m["governor"] and m["governor"] != "performance":
        w.append("frequency governor is '%s', not 'performance'" % m["governor"])
    if m["turbo"] == "on":
        w.append("turbo is on: the clock varies with heat and with the number of busy cores")
    if m["aslr"] == "0":
        w.append("address randomisation is off: all rounds share one memory layout")
    if m["thp"] == "always":
        w.append("transparent huge pages are 'always': memory per coroutine or thread may be "
                 "rounded up to 2 MiB")
    return w


def line(m, build):
    """The machine in two lines."""
    cpus = len(m["cpus_allowed"])
    first = ["%s" % m["cpu"], "%d of %d CPUs" % (cpus, m["cpus_online"] or cpus)]
    first.append("quota %.2g" % m["quota"] if m["quota"] else "no quota")
    first.append("Linux " + m["kernel"])
    if m["virtualisation"] != "none":
        first.append(m["virtualisation"] + (" + container" if m["container"] else ""))
    if m["governor"]:
        first.append("governor " + m["governor"])
    first.append("load %.2f" % m["load"][0])
    second = [build.get("compiler", "compiler unknown"),
              "%s %s" % (build.get("build_type", "?"), build.get("flags", "")),
              "google-benchmark " + build.get("gbench_version", "?"),
              "wend atomics %s" % build.get("wend_atomics", "?"),
              "fence %s" % build.get("wend_fence", "?"),
              "guards %s" % build.get("wend_guard", "?")]
    if m["git"]:
        second.append(m["git"])
    return [" · ".join(first), " · ".join(x.strip() for x in second)]
