# SPDX-License-Identifier: MIT
# Thin front for CMake. Each target does its own set-up: scripts/setup installs what is missing.

PREFIX ?= /usr/local
DESTDIR ?=
JOBS ?= $(shell nproc 2>/dev/null || echo 2)

# Read by scripts/bench.
export FILTER BENCH PROCS
# Read by scripts/bench-check and scripts/bench-calibrate.
export BASE BUDGET SECONDS_TO_MEASURE
# Read by scripts/test.
export JOBS PRESETS WEND_STRESS_SECONDS WEND_SEED
# Read by the model tests.
export MODEL_SECONDS

.DEFAULT_GOAL := all
.PHONY: all lib test quick model mutants bench bench-check bench-aa bench-power bench-choices bench-save report install clean help
.PHONY: setup-build setup-test setup-bench setup-check setup-report

all: setup-build ## library, examples and tests, release build, into build/
	@$(MAKE) --no-print-directory lib

setup-build setup-test setup-bench setup-check setup-report:
	@scripts/setup $(@:setup-%=%)

lib:
	@cmake -S . -B build -G Ninja -DCMAKE_BUILD_TYPE=Release --log-level=WARNING
	@cmake --build build -j $(JOBS)

test: setup-test ## build and test everything: gcc, clang and the sanitizers; PRESETS="release tsan" for some
	@scripts/test

quick: setup-test ## the release build and its tests only
	@PRESETS=release scripts/test

model: MODEL_SECONDS ?= 20
model: setup-build ## model tests, each for MODEL_SECONDS (20)
	@cmake --preset model --log-level=WARNING
	@cmake --build --preset model -j $(JOBS)
	@ctest --preset model -j 2

mutants: setup-test ## break the sources place by place and see whether the model tests notice; MUTANTS=--resume goes on
	@cmake --preset model --log-level=WARNING
	@scripts/mutants --build=build-model --jobs=$(JOBS) $(MUTANTS)

bench: setup-bench ## measure, with a verdict on each claim; FILTER=regex BENCH=full PROCS=n
	@$(MAKE) --no-print-directory lib
	@scripts/bench

bench-check: setup-check ## did an operation become slower since an older commit? BASE=rev BUDGET=5m FILTER=regex
	@scripts/bench-check --jobs $(JOBS)

bench-aa: setup-check ## how often bench-check cries wolf on this machine; SECONDS_TO_MEASURE=170, goes on where it stopped
	@scripts/bench-calibrate aa --jobs $(JOBS)

bench-power: setup-check ## which planted faults bench-check finds on this machine; SECONDS_TO_MEASURE=170
	@scripts/bench-calibrate power --jobs $(JOBS)

bench-choices: setup-check ## what other values of the scheduler's knobs do on this machine; SECONDS_TO_MEASURE=170
	@scripts/bench-calibrate choices --jobs $(JOBS)

report: setup-report ## one HTML page and a Markdown summary of the last run, into results/report
	@scripts/report

bench-save: setup-report ## keep the last whole run under results/machines
	@scripts/results save

install: all ## install the release build; PREFIX=/usr/local DESTDIR=
	@DESTDIR="$(DESTDIR)" cmake --install build --prefix "$(PREFIX)"
	@[ -n "$(DESTDIR)" ] || [ "$$(id -u)" != 0 ] || ldconfig

clean: ## remove every build folder
	rm -rf build build-*/

help: ## this list
	@sed -n 's/^\([a-z-]*\):[^#]*## \(.*\)/  make \1|\2/p' Makefile | awk -F'|' '{ printf "%-19s %s\n", $$1, $$2 }'
