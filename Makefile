# Two commands on a fresh machine: `make run` and `make test`. Both make the environment first.
PYTHON ?= python3
BIN := .venv/bin

.PHONY: help run test lint docs ui clean

help:  ## show what can be made
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 8

.venv/installed: pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "yourvectors needs Python 3.11 or newer: make PYTHON=python3.12 ...")'
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --disable-pip-version-check -q -c constraints.txt -e '.[dev]'
	@touch $@

run: .venv/installed  ## your vectors beside pretrained ones, on the sample
	$(BIN)/python -m pipeline -m vectors=skipgram,glove

test: .venv/installed  ## the tests
	$(BIN)/python -m pytest -n auto --maxprocesses 4 --dist worksteal

lint: .venv/installed  ## format and types
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

docs: .venv/installed  ## the documentation site, in outputs/site
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build -q

ui: .venv/installed  ## the MLflow UI on what was run
	$(BIN)/mlflow ui --backend-store-uri sqlite:///outputs/mlflow.db

clean:  ## remove the environment; outputs/ stays
	rm -rf .venv
