# On a fresh machine: `make run` and `make test`. Every target creates the environment first.
PYTHON ?= python3
BIN := .venv/bin
# Installing without compiling takes half the time; modules are compiled when first imported.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help run test lint docs ui clean

help:  ## list the targets
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 8

.venv/installed: pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "yourvectors needs Python 3.11 or newer: make PYTHON=python3.12 ...")'
	$(PYTHON) -m venv .venv
	@echo "Installing into .venv takes a minute or two."
	$(BIN)/python -m pip install --disable-pip-version-check --no-compile -q -c constraints.txt -e '.[dev]'
	@touch $@

run: .venv/installed  ## compare your vectors with pretrained ones, on the sample
	$(BIN)/yourvectors -m vectors=skipgram,glove seed=1,2,3

test: .venv/installed  ## run the tests
	$(BIN)/python -m pytest -n auto --maxprocesses 4 --dist worksteal

lint: .venv/installed  ## check format, style and types
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

docs: .venv/installed  ## build the documentation site in outputs/site
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build -q

ui: .venv/installed  ## open the MLflow UI
	$(BIN)/yourvectors ui

clean:  ## remove the environment, keep outputs/
	rm -rf .venv
