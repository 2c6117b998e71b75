# `make demo` shows the twin at work, `make test` proves it. Both set up .venv by themselves.
PYTHON ?= python3
JOBS ?= 2
BIN := .venv/bin
READY := .venv/.ready

.PHONY: demo test test-extras system lint gate bench bench-real reports clean help
help:
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 10

$(READY): pyproject.toml constraints.txt
	@echo "setting up .venv (once; about a minute)"
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed: make PYTHON=python3.11")'
	@$(PYTHON) -m venv .venv
	@$(BIN)/pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[test]'
	@touch $@

demo: $(READY) ## run two farms and write their reports
	@$(BIN)/python -m twin.demo

test: $(READY) ## run every test
	$(BIN)/python -m pytest --numprocesses $(JOBS) --dist loadfile

SYSTEM := chromium libegl1 libgl1-mesa-dri
system: ## Debian's packages for the tests in a browser and for pictures (needs root; without them those tests are skipped)
	@dpkg -s $(SYSTEM) >/dev/null 2>&1 || { apt-get update -qq && DEBIAN_FRONTEND=noninteractive \
		apt-get install -qq --yes --no-install-recommends $(SYSTEM) >/dev/null; }

EXTRAS := .venv-extras
ROBOTS := robosuite==1.5.2 example-robot-data==6.0.0
TORCH ?= torch
test-extras: ## the tests that other people's large packages take part in: robots, stable-baselines3's check (8 GB; with TORCH=WHEEL, a torch for CPUs alone, 2)
	@$(PYTHON) -m venv $(EXTRAS)
	@$(EXTRAS)/bin/pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[test]' '$(TORCH)' stable-baselines3
	@$(EXTRAS)/bin/pip download --quiet --disable-pip-version-check --no-deps --dest $(EXTRAS)/wheels $(ROBOTS)
	@for wheel in $(EXTRAS)/wheels/*.whl; do $(EXTRAS)/bin/python -m zipfile -e $$wheel $(EXTRAS)/robots; done
	TWIN_ROBOT_PACKAGES=$(EXTRAS)/robots $(EXTRAS)/bin/python -m pytest tests/scenario/test_own_robots.py tests/envs/test_envs.py \
		-k "package or stable_baselines3 or torch"

lint: $(READY) ## style, types, and who may import whom
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo

FAULTS := $(filter-out %/void-masked.yaml %/fleet.yaml,$(wildcard scenarios/faults/*.yaml))
PHYSICS := $(wildcard scenarios/faults/safety-brake_slip.yaml)
JUDGED := $(foreach f,sensor-stuck actuator-weak gripper-slips camera-drop link-latency link-loss joint-breaks \
	compute-crash safety-protective_stop,scenarios/faults/$(f).yaml)
gate: $(READY) ## this project's own gate: the farm copes with every fault it knows, with a known error rate for the commonest
	$(BIN)/twin suite $(filter-out $(PHYSICS),$(FAULTS)) --engine kinematic --out runs/faults
	$(BIN)/twin suite $(PHYSICS) --out runs/faults
	$(BIN)/twin gate $(JUDGED) --engine kinematic --pass-rate 0.7 --alpha 0.05 --budget 40 --release ci --work runs/gate

bench: $(READY) ## what the speed claims rest on
	$(BIN)/python -m benchmarks.farm

bench-real: $(READY) ## what calibration makes of real measurements (TWIN_REAL_DATA), beside published figures
	@$(BIN)/python -m benchmarks.real

reports: $(READY) ## make the sample reports and their picture anew
	@$(BIN)/python docs/make_reports.py

clean: ## remove what can be made again (runs and reports stay)
	rm -rf .venv $(EXTRAS) build dist .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
