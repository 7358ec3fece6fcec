# Everything runs from .venv, which is built from constraints.txt at first use.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
.DEFAULT_GOAL := help
.PHONY: help demo test quick lint types format build weights web clean

help: ## List the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F':.*## ' '{printf "  make %-8s %s\n", $$1, $$2}'

demo: $(VENV)/ready ## Train a small ALD-RDN in three minutes on two CPU cores and compare it with bicubic
	$(BIN)/python -m aldsr.train model=ald_rdn descriptor=det

test: $(VENV)/ready ## Run the test suite (offline, CPU) with line coverage
	$(BIN)/python -m pytest -n auto --maxprocesses=8 --dist worksteal --cov --cov-report=term $(ARGS)

quick: $(VENV)/ready ## Run the tests that start no process and no browser, in less than a minute
	$(BIN)/python -m pytest -n auto --maxprocesses=8 --dist worksteal -m "not slow and not chaos" $(ARGS)

lint: $(VENV)/ready ## Check style and formatting with ruff
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(VENV)/ready ## Check types with mypy
	$(BIN)/mypy

format: $(VENV)/ready ## Rewrite the code in the house format
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

build: $(VENV)/ready ## Build the wheel into dist/
	$(BIN)/python -m build --wheel

weights: $(VENV)/ready ## Train, measure and package the weights again (see experiments/weights; half an hour)
	$(BIN)/python experiments/weights/release.py

web: $(VENV)/ready ## Build the page that upscales pictures in a browser into dist/web (needs npm)
	mkdir -p build/web
	cp src/aldsr/webapp/package.json src/aldsr/webapp/package-lock.json build/web
	npm ci --prefix build/web --ignore-scripts --no-audit --no-fund
	$(BIN)/python -m aldsr.web -o dist/web $(ARGS)

clean: ## Remove the environment and everything built (never runs/ or datasets/)
	rm -rf $(VENV) dist build .pytest_cache .mypy_cache .ruff_cache .coverage*

$(VENV)/ready: pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "aldsr needs Python 3.11 or newer, found $$($(PYTHON) --version); set PYTHON=/path/to/python3.11" >&2; exit 2; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	@touch $@
