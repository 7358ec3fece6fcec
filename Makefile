# Everything runs from .venv, which is built from constraints.txt at first use. With BIN=DIR on the command line it runs
# by the Python in DIR, as it is: nothing is built or installed, and tests of what it lacks are skipped.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PY = $(firstword $(wildcard $(BIN)/python $(BIN)/python3) $(BIN)/python)
ifeq ($(origin BIN),command line)
$(if $(wildcard $(BIN)/python $(BIN)/python3),,$(error BIN=$(BIN): no python there; give the folder that holds it))
export PYTHONPATH := $(CURDIR)/src$(if $(PYTHONPATH),:$(PYTHONPATH))
HAS = $(shell $(PY) -c "from importlib.util import find_spec as f; print(*filter(f, ('xdist',)))")
else
READY := $(VENV)/ready
HAS := xdist
endif
PYTEST = $(PY) -m pytest $(if $(findstring xdist,$(HAS)),-n auto --maxprocesses=8 --dist worksteal)
.DEFAULT_GOAL := help
.PHONY: help demo test quick gpu lint types format build weights web clean

help: ## List the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F':.*## ' '{printf "  make %-8s %s\n", $$1, $$2}'

demo: $(READY) ## Train a small ALD-RDN in three minutes on two CPU cores and compare it with bicubic
	$(PY) -m aldsr.train model=ald_rdn descriptor=det

test: $(READY) ## Run the test suite (offline, CPU); with line coverage: ARGS="--cov --cov-report=term"
	$(PYTEST) $(ARGS)

quick: $(READY) ## Run the tests that start no process and no browser, in a minute and a half
	$(PYTEST) -m "not slow and not chaos" $(ARGS)

gpu: $(READY) ## On an NVIDIA GPU, in at most eight minutes: its tests, benchmarks, trainings; only some: ARGS="tests fast"
	$(PY) experiments/speed/gpu.py $(ARGS)

lint: $(READY) ## Check style and formatting with ruff
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(READY) ## Check types with mypy
	$(BIN)/mypy

format: $(READY) ## Rewrite the code in the house format
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

build: $(READY) ## Build the wheel into dist/
	$(PY) -m build --wheel

weights: $(READY) ## Train, measure and package the weights again (see experiments/weights; two hours of one core)
	$(PY) experiments/weights/release.py

web: $(READY) ## Build the page that upscales pictures in a browser into dist/web (needs npm)
	mkdir -p build/web
	cp src/aldsr/webapp/package.json src/aldsr/webapp/package-lock.json build/web
	npm ci --prefix build/web --ignore-scripts --no-audit --no-fund
	$(PY) -m aldsr.web -o dist/web $(ARGS)

clean: ## Remove the environment and everything built (never runs/ or datasets/)
	rm -rf $(VENV) dist build .pytest_cache .mypy_cache .ruff_cache .coverage*

$(VENV)/ready: pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "aldsr needs Python 3.11 or newer, found $$($(PYTHON) --version); set PYTHON=/path/to/python3.11" >&2; exit 2; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	@touch $@
