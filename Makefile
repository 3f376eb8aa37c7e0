# make table6 is all a new user needs: it makes .venv on its first call, trains, evaluates and prints Table 6.
PYTHON ?= python3
CORES ?= 4
# Recorded outputs of the official implementations; the tests carry a compact part of them.
RECORDINGS ?= ../shared/golden
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/installed
SNAKEMAKE := $(BIN)/snakemake --cores $(CORES)

.PHONY: help venv table6 smoke test conformance lint schemas clean
.DEFAULT_GOAL := help

help:
	@echo "make table6   Table 6 of the paper on embedded videos (two CPU cores, minutes)"
	@echo "make smoke    everything of the smoke tier: Table 6, its controls, three methods, clip association"
	@echo "make test     all tests          make lint     style, types, workflow lint"
	@echo "make conformance RECORDINGS=DIR   our models against recorded outputs, released sizes included (minutes)"
	@echo "make venv     only .venv         make clean    remove results (but server/) and caches"
	@echo "PYTHON=python3.12 chooses the Python of .venv, CORES=8 the number of cores"

venv: $(STAMP)

$(STAMP): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
		echo "vita-bench needs Python 3.11 or newer; name one: make PYTHON=python3.12" >&2; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "Installing into $(VENV) (about two minutes)"
	$(BIN)/python -m pip install --quiet -c constraints.txt -e '.[dev]'
	@touch $@

table6: $(STAMP)
	$(SNAKEMAKE) results/table6.csv
	@cat results/table6.md

smoke: $(STAMP)
	$(SNAKEMAKE)
	@cat results/table6.md results/controls.md results/methods.md results/association.md

test: $(STAMP)
	$(BIN)/pytest

conformance: $(STAMP)
	$(BIN)/vita conformance $(RECORDINGS)
	VITA_RECORDINGS=$(RECORDINGS) $(BIN)/pytest -m full_size

lint: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/snakefmt --check Snakefile workflow
	$(BIN)/snakemake --lint
	$(BIN)/mypy

schemas: $(STAMP)
	$(BIN)/python -m vita.experiments.schema workflow/schemas

clean:
	find results -mindepth 1 -maxdepth 1 ! -name README.md ! -name server -exec rm -rf {} +
	rm -rf .snakemake .pytest_cache .mypy_cache .ruff_cache .hypothesis build
