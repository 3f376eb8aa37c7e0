# make table6 is all a new user needs: it makes .venv on its first call, trains, evaluates and prints Table 6.
PYTHON ?= python3
# All that there are; a training takes one.
CORES ?= $(shell getconf _NPROCESSORS_ONLN)
# Another tier than smoke: a name in workflow/config, or the path of a tier's YAML file.
TIER ?=
# Recorded outputs of the official implementations; the tests carry a compact part of them.
RECORDINGS ?= ../shared/golden
# Of make gpu-check: cuda or cpu, and some of its parts (conformance predictions steps frames resume probe).
DEVICE ?= cuda
PART ?=
# Of make kills: how many, and what their kinds and moments are drawn from.
KILLS ?= 100
SEED ?= 0
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/installed
SNAKEMAKE := $(BIN)/snakemake --cores $(CORES)
OF_TIER := $(if $(TIER),tier=$(TIER))

# $(call results,TARGETS): one failed run stops no other. Then tables and pages are made in which it stands as failed, and
# the target fails all the same.
define results
	@$(SNAKEMAKE) --keep-going $(1) $(if $(OF_TIER),--config $(OF_TIER)) || { \
		[ $$? -eq 1 ] && $(SNAKEMAKE) $(1) --config failed=show $(OF_TIER) && \
		echo "Runs failed (named above); results/ shows them as failed. To try them again: make $@" >&2; \
		exit 1; }
endef

# An environment that was made without pip, as by uv, gets the one that comes with Python.
INSTALLER_THERE = $(BIN)/python -m pip --version >/dev/null 2>&1 || $(BIN)/python -m ensurepip --default-pip

.PHONY: help venv table6 smoke report provenance plan test docs conformance gpu-check cluster kills lint schemas clean
.DEFAULT_GOAL := help

help:
	@echo "make table6   Table 6 of the paper on embedded videos (two CPU cores, minutes)"
	@echo "make smoke    everything of the smoke tier: all tables and figures but Table 4, and the claims"
	@echo "make report   what is there, on one page to read: report.html"
	@echo "make provenance   Snakemake's own report of the same: what came from what, and how long it took: provenance.html"
	@echo "make plan     runs, hours and disk, before anything runs"
	@echo "make test     all tests          make lint     style, types, workflow lint"
	@echo "make docs     the documentation as a site with search, in site/"
	@echo "make conformance RECORDINGS=DIR   our models against recorded outputs, released sizes included (minutes)"
	@echo "make cluster  tests on a SLURM of this machine alone, where slurm-wlm is installed (half an hour)"
	@echo "make kills KILLS=100 SEED=0   kills the workflow at random moments: the same bytes come out (an hour)"
	@echo "make gpu-check DEVICE=cuda PART=steps   whether a card computes what a CPU does, and how fast (docs/machines.md)"
	@echo "make venv     only .venv         make clean    remove results (but server/, external/) and caches"
	@echo "PYTHON=python3.12 chooses the Python of .venv, CORES=8 the number of cores, TIER=mini another tier than smoke"

venv: $(STAMP)

$(STAMP): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
		echo "vita-bench needs Python 3.11 or newer; name one: make PYTHON=python3.12" >&2; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "Installing into $(VENV) (about two minutes)"
	@$(INSTALLER_THERE)
	$(BIN)/python -m pip install --quiet -c constraints.txt -e '.[dev]'
	@touch $@

table6: $(STAMP)
	$(call results,results/table6.csv)
	@cat results/table6.md

smoke: $(STAMP)
	$(call results)
	@cat results/logs/claims.log
	@echo
	@echo "tables    results/table{1,2,3,5,6,7}, controls, layers, shift, fed_layers (.md, .csv, .tex, .html)"
	@echo "figures   results/figure5.png, results/figure6/figure6.png (and .pdf, .csv)"
	@echo "claims    results/claims.md (and .csv, .html)"
	@echo "runs      results/all_runs.csv; all of it on one page: make report"

# It reads results and starts nothing, whatever has changed since they were made.
report: $(STAMP)
	$(BIN)/vita report

provenance: $(STAMP)
	$(SNAKEMAKE) reported $(if $(OF_TIER),--config $(OF_TIER)) --report provenance.html

plan: $(STAMP)
	@$(BIN)/vita plan $(if $(TIER),--tier $(TIER))

# A worker a core; the one that is done takes over what another has left, so that a file's tests mostly stay together.
test: $(STAMP)
	$(BIN)/pytest --numprocesses $(CORES) --dist worksteal

# The packages are those of constraints.txt; the notice about a successor of mkdocs is no warning about these pages.
docs: $(STAMP)
	$(BIN)/python -m pip install --quiet -c constraints.txt -e '.[docs]'
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict

conformance: $(STAMP)
	$(BIN)/vita conformance $(RECORDINGS)
	VITA_RECORDINGS=$(RECORDINGS) $(BIN)/pytest -m full_size

cluster: $(STAMP)
	$(BIN)/python -m pip install --quiet -c constraints.txt -e '.[slurm]'
	$(BIN)/pytest -m slurm -rs tests/workflow/test_slurm.py

kills: $(STAMP)
	KILLS=$(KILLS) SEED=$(SEED) $(BIN)/pytest -m kills -s tests/workflow/test_kills.py

gpu-check: $(STAMP)
	$(BIN)/python benchmarks/gpu.py --device $(DEVICE) $(foreach part,$(PART),--part $(part))

lint: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/snakefmt --check Snakefile workflow
	$(BIN)/snakemake --lint
	$(BIN)/mypy

schemas: $(STAMP)
	$(BIN)/python -m vita.experiments.schema workflow/schemas

clean:
	find results -mindepth 1 -maxdepth 1 ! -name README.md ! -name server ! -name external -exec rm -rf {} +
	rm -rf report.html provenance.html .snakemake .pytest_cache .mypy_cache .ruff_cache .hypothesis build site
