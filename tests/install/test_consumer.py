# SPDX-License-Identifier: MIT
"""test_consumer.py build=FOLDER - installs into a fresh prefix, moves it, and builds programs against it
as a user would: by find_package and by pkg-config, static and shared, in C and C++."""

import os
import shlex
import shutil
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
sys.path.insert(0, os.path.join(ROOT, "scripts", "checks"))
from tap import Tap  # noqa: E402

BUILD = sys.argv[1].split("=", 1)[1]
tap = Tap()
work = tempfile.TemporaryDirectory()
prefix = os.path.join(work.name, "moved")

PROGRAM = """
#include <stdio.h>
#include <wend/wend.h>
static wend_waitgroup wg;
static void add(int a, int b) { printf("%d\\n", a + b); wend_waitgroup_done(&wg); }
static void add_if_recovered(int *to, int n) { if (wend_recover()) *to += n; }
static int panics(void)
{
	int r = 4;

	WEND_DEFERS_RETURN(r);
#ifdef __cplusplus
	WEND_DEFER([&r](int n) { add_if_recovered(&r, n); }, 3);
#else
	WEND_DEFER(add_if_recovered, &r, 3);
#endif
	wend_panic("recovered");
}
WEND_MAIN(argc, argv)
{
	wend_waitgroup_add(&wg, 1);
	if (WEND_GO(add, 40, 2) != 0)
		return 1;
	wend_waitgroup_wait(&wg);
	return panics();
}
"""

CMAKE = """
cmake_minimum_required(VERSION 3.25)
project(consumer C CXX)
find_package(wend 0.1 REQUIRED)
foreach(lang c cc)
	foreach(kind wend wend_shared)
		add_executable(${kind}_${lang} main.${lang})
		target_link_libraries(${kind}_${lang} PRIVATE wend::${kind})
	endforeach()
endforeach()
"""


def run(*words, cwd=None, env=None, status=0):
	r = subprocess.run(words, cwd=cwd, capture_output=True, text=True, timeout=120,
			env={**os.environ, **(env or {})})
	assert r.returncode == status, "%s: exit status %d\n%s%s" % (" ".join(words), r.returncode, r.stdout,
			r.stderr)
	return r.stdout


def check_program(path):
	assert run(path, env={"LD_LIBRARY_PATH": library_dir()}, status=7) == "42\n"


def library_dir():
	for folder, _, files in os.walk(prefix):
		if "libwend.a" in files:
			return folder
	raise AssertionError("libwend.a was not installed")


def pkg_config(*words):
	return shlex.split(run("pkg-config", *words, "wend",
			env={"PKG_CONFIG_PATH": os.path.join(library_dir(), "pkgconfig")}))


def source(name):
	path = os.path.join(work.name, name)
	with open(path, "w", encoding="utf-8") as f:
		f.write(PROGRAM)
	return path


@tap.case
def installs_into_a_prefix_that_can_be_moved():
	first = os.path.join(work.name, "first")
	run("cmake", "--install", BUILD, "--prefix", first)
	shutil.move(first, prefix)
	for header in os.listdir(os.path.join(ROOT, "include", "wend")):
		assert os.path.exists(os.path.join(prefix, "include", "wend", header)), header
	library_dir()


@tap.case
def no_build_path_is_left_in_the_package_files():
	for folder, _, files in os.walk(library_dir()):
		for f in files:
			if f.endswith((".cmake", ".pc")):
				text = open(os.path.join(folder, f), encoding="utf-8").read()
				assert BUILD not in text and ROOT not in text and "/first" not in text, f


@tap.case
def find_package_in_c_and_cxx_static_and_shared():
	project = os.path.join(work.name, "project")
	os.mkdir(project)
	with open(os.path.join(project, "CMakeLists.txt"), "w", encoding="utf-8") as f:
		f.write(CMAKE)
	for name in ("main.c", "main.cc"):
		shutil.copy(source(name), project)
	run("cmake", "-S", project, "-B", project + "/b", "-G", "Ninja", "-DCMAKE_PREFIX_PATH=" + prefix)
	run("cmake", "--build", project + "/b", "-j", "2")
	for name in ("wend_c", "wend_cc", "wend_shared_c", "wend_shared_cc"):
		check_program(os.path.join(project, "b", name))


@tap.case
def pkg_config_shared():
	for compiler, name in (("gcc", "main.c"), ("g++", "main.cc")):
		out = os.path.join(work.name, "shared_" + compiler)
		run(compiler, "-Wall", "-Wextra", "-Werror", "-O2", *pkg_config("--cflags"), source(name), "-o", out,
				*pkg_config("--libs"))
		assert "libwend.so" in run("ldd", out, env={"LD_LIBRARY_PATH": library_dir()})
		check_program(out)


@tap.case
def pkg_config_shared_from_a_prefix_of_ones_own():
	out = os.path.join(work.name, "rpath")
	run("gcc", *pkg_config("--cflags"), source("main.c"), "-o", out, *pkg_config("--libs"),
			"-Wl,-rpath," + pkg_config("--variable=libdir")[0])
	assert run(out, status=7) == "42\n"


@tap.case
def pkg_config_static():
	out = os.path.join(work.name, "static")
	libs = [os.path.join(library_dir(), "libwend.a") if w == "-lwend" else w
			for w in pkg_config("--static", "--libs")]
	run("gcc", "-O2", *pkg_config("--cflags"), source("main.c"), "-o", out, *libs)
	check_program(out)


@tap.case
def the_flags_that_users_need_are_there():
	flags = pkg_config("--cflags")
	for flag in ("-fno-omit-frame-pointer", "-fstack-clash-protection", "-fno-delete-null-pointer-checks"):
		assert flag in flags, flags
	assert pkg_config("--variable=c_cflags") == ["-Werror=incompatible-pointer-types"]


@tap.case
def a_newer_version_is_not_found():
	project = os.path.join(work.name, "newer")
	os.mkdir(project)
	with open(os.path.join(project, "CMakeLists.txt"), "w", encoding="utf-8") as f:
		f.write(CMAKE.replace("wend 0.1", "wend 99.0"))
	run("cmake", "-S", project, "-B", project + "/b", "-G", "Ninja", "-DCMAKE_PREFIX_PATH=" + prefix, status=1)


tap.run()
