# Cube: `make demo` and `make test` set up everything they need in .venv, once.

PYTHON ?= python3
# Extra flags for pip, for example a CPU build of torch:
#   make install PIP_FLAGS="--extra-index-url https://download.pytorch.org/whl/cpu"
PIP_FLAGS ?=
DATA ?= $(wildcard ../shared/data)
# Where `make peers` puts other trainers, compared in the benchmarks.
PEERS ?= $(HOME)/.cache/cube-peers
BIN := .venv/bin
READY := .venv/.installed

.DEFAULT_GOAL := help
.PHONY: help install demo test test-all check format lock peers clean bench-data bench-drift bench-evaluation bench-memory bench-optim bench-orchestration bench-quality bench-ablation bench-resume bench-speed drills

help:  ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "%-23s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

install: $(READY)  ## Create .venv from requirements.lock (nothing to do the second time)

$(READY): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' \
		|| { echo "Cube needs Python 3.11 to 3.13; name one: make install PYTHON=python3.12" >&2; exit 1; }
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --disable-pip-version-check $(PIP_FLAGS) -r requirements.lock
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $(READY)

demo: $(READY)  ## The whole nightly flow on the shipped data: table at the end, HTML report
	$(BIN)/python -m flows.train_cube deployments/configs/demo.yaml

test: $(READY)  ## The tests, in a few minutes
	$(BIN)/pytest -m "not slow" -n logical --maxprocesses 4 --dist loadfile

test-all: $(READY)  ## All tests, with real servers and kills
	$(BIN)/pytest

check: $(READY)  ## Lint, format, types and import contracts
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/pyright
	$(BIN)/lint-imports

format: $(READY)  ## Format the code
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench-data: $(READY)  ## Ingest, encoding, cache and memory: table and JSON
	$(BIN)/python -m benchmarks.data $(ARGS)

bench-evaluation: $(READY)  ## Time and memory of judging 10,000 questions among 100,000 answers
	$(BIN)/python -m benchmarks.evaluation $(ARGS)

bench-quality: $(READY)  ## The cube against every baseline on DATA, five seeds
	$(BIN)/python -m benchmarks.quality $(if $(DATA),--data $(DATA)) --peer-python $(PEERS)/bin/python $(ARGS)

bench-ablation: $(READY)  ## What each rule, layout, objective and guard is worth on DATA's validation part
	$(BIN)/python -m benchmarks.ablation $(if $(DATA),--data $(DATA)) $(ARGS)

bench-speed: $(READY)  ## Samples a second of training and inference, beside a plain loop and the roofline
	$(BIN)/python -m benchmarks.speed --peer-python $(PEERS)/bin/python $(ARGS)

peers: $(PEERS)/.installed  ## Other trainers for bench-quality and bench-speed, in an environment of their own

$(PEERS)/.installed: benchmarks/peers.txt $(READY)
	$(BIN)/python -m venv $(PEERS)
	$(BIN)/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))' \
		> $$($(PEERS)/bin/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')/cube.pth
	$(PEERS)/bin/pip install --quiet --disable-pip-version-check -r benchmarks/peers.txt -c requirements.lock
	@touch $@

bench-resume: $(READY)  ## One training killed 25 times against one left alone: the same bytes?
	$(BIN)/python -m benchmarks.resume $(ARGS)

bench-memory: $(READY)  ## Peak memory and step time at 10 thousand, 1 and 5 million pairs
	$(BIN)/python -m benchmarks.memory $(ARGS)

bench-optim: $(READY)  ## The trainer against a plain loop: samples a second, memory, MRR
	$(BIN)/python -m benchmarks.optim $(ARGS)

bench-orchestration: $(READY)  ## Nights in a row on a real server and worker: what they cost besides work
	$(BIN)/python -m benchmarks.orchestration $(ARGS)

bench-drift: $(READY)  ## False and missed alarms of drift: ARGS="--same A.jsonl --other B.jsonl"
	$(BIN)/python -m benchmarks.drift $(ARGS)

drills: $(READY)  ## Failure drills: kill, restart, fill the disk, cancel; nothing may be lost
	$(BIN)/pytest tests/flows/test_drills.py

lock: $(READY)  ## Pin what .venv holds now
	$(BIN)/python -m pip freeze --exclude-editable | sed 's/+cpu$$//' | LC_ALL=C sort -f > requirements.lock

clean:  ## Remove .venv and all that runs made
	rm -rf .venv var .pytest_cache .ruff_cache .import_linter_cache
