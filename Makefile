# Everything a fresh machine needs is Python 3.10 to 3.13 with pip, and make.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
# Two workers on two cores: one thread of arithmetic each. A file goes to one of them as a whole, so that
# its fixtures are made once. (Marks xdist_group do nothing: xdist 3.8.0 writes what pytest 9.2 reads no more.)
# Bytecode is kept, or the workers and each program that a test starts compile all modules again.
PYTEST := PYTHONDONTWRITEBYTECODE= OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 --dist loadfile

FAST := -m "not slow and not gpu and not browser and not extern and not study" --ignore tests/source

.DEFAULT_GOAL := help
.PHONY: help setup demo check format test coverage test-slow test-extern test-gpu gpu-figures fuzz golden schemas pages docs clean

help:  ## list the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

setup: $(READY)  ## make .venv with everything (torch first, so that its build is the pinned one)
$(READY): pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt torch
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[all,dev]'
	touch $(READY)

demo: $(READY)  ## check a healthy and an over-trained fine-tune of a small model
	$(BIN)/cliffguard demo

check: $(READY)  ## format, lint, types, layers and names, generated files, frozen items, studies
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/python -m scripts.make.suites --check
	$(BIN)/python -m scripts.make.schemas --check
	$(BIN)/python -m scripts.make.digests --check
	$(BIN)/python -m scripts.make.metric_directions --check
	$(BIN)/python -m scripts.make.ladder_pages --check
	$(BIN)/python -m scripts.make.skill_pages --check
	$(BIN)/python -m scripts.make.pages --check
	$(PYTEST) -q scripts tests/source

format: $(READY)  ## format and fix what can be fixed
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

test: $(READY)  ## fast tests, offline, about three minutes on two cores
	$(PYTEST) $(FAST)

coverage: $(READY)  ## the fast tests once more, with the branches that they take; fails below the floor
	$(PYTEST) $(FAST) --cov --cov-report=term:skip-covered

test-slow: $(READY)  ## the real model, the wheel, the browser
	$(PYTEST) -m "(slow or browser) and not gpu and not extern and not study"

test-extern: $(READY)  ## foreign packages at pinned versions, each in an environment of its own in build/extern
	$(BIN)/python -m pytest -m extern tests/extern

test-gpu: $(READY)  ## needs a CUDA device
	$(BIN)/python -m pytest -m gpu

gpu-figures: $(READY)  ## needs a CUDA device: its figures into reports/engine, in ten minutes at most
	timeout 600 $(BIN)/python -m tests.gpu.figures $(if $(MODEL),--model $(MODEL))

EXAMPLES ?= 10000
fuzz: $(READY)  ## parsers against EXAMPLES spoilt files each, the same ones every time
	CLIFFGUARD_FUZZ_EXAMPLES=$(EXAMPLES) $(BIN)/python -m pytest -q tests/fuzz

golden: $(READY)  ## rewrite the golden reports and error lines; read the diff before you commit it
	$(BIN)/python -m pytest -q tests/report tests/bad_input/test_corpus.py --update-golden

schemas: $(READY)  ## rewrite the JSON Schemas
	$(BIN)/python -m scripts.make.schemas
	$(BIN)/python -m scripts.make.digests

pages: $(READY)  ## rewrite the Python API, error ids, tables of keys and the index of decisions
	$(BIN)/python -m scripts.make.pages

SITE ?= build/site
docs: $(READY)  ## build a site of the pages into build/site, without a connection
	rm -rf build/pages && mkdir -p build/pages
	ln -s $(addprefix $(CURDIR)/,*.md LICENSE docs reports configs) build/pages
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet --site-dir $(abspath $(SITE))

clean:  ## remove the environment and caches
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .hypothesis dist build .coverage
