# make demo      analyse a computed film: no data, no network weights to fetch
# make test      the tests, in an environment without torch
# make test-all  the same, and the tests of the training code (installs torch)
# make check     lint, types, import contracts
# make frontend  the page of `hilum serve`, by npm, into the package
# Environments are made under build/ and made again when pyproject.toml changes. Another Python: make PYTHON=python3.12 ...

PYTHON ?= python3
PYTEST_FLAGS ?=
DEMO := build/demo-env
TEST := build/test-env
TRAIN := build/train-env
PIP_FLAGS := --disable-pip-version-check --quiet
PAGE := src/hilum/web/static/index.html
PAGE_PARTS := frontend/node_modules/.package-lock.json
IF_NPM = $(if $(shell command -v npm),$(1))
export READER_PAGE ?= skip

.DELETE_ON_ERROR:
.PHONY: demo test test-all test-training check lint types types-training types-frontend frontend docs clean python

demo: $(DEMO)/.done
	@$(DEMO)/bin/hilum demo --output hilum-demo

test: $(TEST)/.done $(call IF_NPM,$(PAGE))
	$(TEST)/bin/python -m pytest $(PYTEST_FLAGS)

test-all: test test-training

test-training: $(TRAIN)/.done
	$(TRAIN)/bin/python -m pytest -m train $(PYTEST_FLAGS)

check: lint types types-frontend

lint: $(TEST)/.done
	$(TEST)/bin/ruff check .
	$(TEST)/bin/ruff format --check .
	$(TEST)/bin/lint-imports

types: $(TEST)/.done
	$(TEST)/bin/pyright --pythonpath $(TEST)/bin/python

types-training: $(TRAIN)/.done $(TEST)/.done
	$(TEST)/bin/pyright --project .ci/training-types.toml --pythonpath $(TRAIN)/bin/python

types-frontend: $(call IF_NPM,$(PAGE_PARTS))
	$(if $(call IF_NPM,yes),npm --prefix frontend run --silent check,@echo "npm is not installed: the page was not checked.")

frontend: $(PAGE)

docs: $(TEST)/.done
	$(TEST)/bin/python docs/generate.py

clean:
	rm -rf build dist hilum-demo .hypothesis .import_linter_cache .pytest_cache .ruff_cache .coverage

$(DEMO)/.done: pyproject.toml $(shell find src -type f -not -path '*/__pycache__/*') | python
	@echo "Installing Hilum into $(@D) ..."
	@rm -rf $(@D)
	@$(PYTHON) -m venv $(@D)
	@$(@D)/bin/python -m pip install $(PIP_FLAGS) .
	@touch $@

$(TEST)/.done: pyproject.toml | python
	@echo "Installing Hilum and its test tools into $(@D) ..."
	@rm -rf $(@D)
	@$(PYTHON) -m venv $(@D)
	@$(@D)/bin/python -m pip install $(PIP_FLAGS) --editable '.[dev]'
	@touch $@

$(TRAIN)/.done: pyproject.toml | python
	@echo "Installing Hilum, its test tools and torch into $(@D): several GB ..."
	@rm -rf $(@D)
	@$(PYTHON) -m venv $(@D)
	@$(@D)/bin/python -m pip install $(PIP_FLAGS) --editable '.[dev,train,cluster]'
	@touch $@

$(PAGE): $(PAGE_PARTS) $(shell find frontend -name node_modules -prune -o -type f -print)
	npm --prefix frontend run --silent build

$(PAGE_PARTS): frontend/package-lock.json
	npm --prefix frontend ci --ignore-scripts
	@touch $@

python:
	@command -v $(PYTHON) >/dev/null || { \
		echo "Missing: Python 3.11 or newer ('$(PYTHON)' is not found). Install it, or name it: make PYTHON=/path/to/python3" >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
		echo "Missing: Python 3.11 or newer ($(PYTHON) is $$($(PYTHON) -V 2>&1)). Name another: make PYTHON=/path/to/python3.11" >&2; exit 1; }
	@$(PYTHON) -c 'import venv, ensurepip' 2>/dev/null || { \
		echo "Missing: the modules venv and ensurepip of $(PYTHON). On Debian and Ubuntu: apt-get install python3-venv" >&2; exit 1; }
