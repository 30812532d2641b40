# Two commands do all the set-up: `make demo` and `make test`. Everything else is for developers.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
DEV_STAMP := $(VENV)/.installed-dev
# torch first and by its exact version: an unconstrained dependency would pull gigabytes of GPU libraries.
INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt
DEMO := runs/demo

.PHONY: demo test lint types docs clean

$(VENV)/bin/python:
	$(PYTHON) -m venv $(VENV)

$(STAMP): pyproject.toml constraints.txt | $(VENV)/bin/python
	@echo "installing Palindra and what it needs (once) ..."
	@$(INSTALL) torch==2.13.0
	@$(INSTALL) -e .
	@touch $@

$(DEV_STAMP): pyproject.toml constraints.txt | $(VENV)/bin/python
	@echo "installing Palindra, what it needs and the tools for tests (once) ..."
	@$(INSTALL) torch==2.13.0
	@$(INSTALL) -e '.[dev]'
	@touch $(STAMP) $@

# The main job on the shipped data: which treatment of the two strands wins with 500 training sequences?
demo: $(STAMP)
	$(BIN)/palindra compare examples/irf1/IRF1_400bp.tsv.gz --output $(DEMO) --train-size 500 \
	  --strategies none,augment,post-hoc,regular --seeds 0-4 --shift 20 --epochs 20 --batch-size 32 \
	  --learning-rate 3e-3 --set 'model.dilations=[1]' --no-progress
	@echo "open $(DEMO)/report.html in a browser"

# What numba compiles for Tomtom and UMAP takes longer than its use here, so it is compiled without optimisation, apart.
test: $(DEV_STAMP)
	OMP_NUM_THREADS=1 NUMBA_OPT=0 NUMBA_CACHE_DIR=$(CURDIR)/.pytest_cache/numba $(BIN)/python -m pytest -n 2

lint: $(DEV_STAMP)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/lint-imports

types: $(DEV_STAMP)
	$(BIN)/mypy

clean:
	rm -rf $(VENV) runs
