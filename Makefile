# One word does each thing; `make help` lists them. Everything happens in .venv, which `make setup` makes from
# requirements/lock.txt and the others bring up to date when the lock has changed.

SHELL := /bin/bash
.DEFAULT_GOAL := help

VENV := .venv
BIN := $(VENV)/bin
DOCS := .venv-docs
# Any Python 3.11 will do; when there is none, uv (if it is here) knows where to get one.
PYTHON ?= $(shell command -v python3.11 || uv python find 3.11 2>/dev/null)
RECIPE ?= digits_cnn
ARGS ?=
# Test processes; each takes up to 4 GiB.
JOBS ?= 2
# Generated examples of each kind, and the tests that generate them.
RUNS ?= 20000
FUZZED := tests/pipeline/config/test_json_schema.py tests/components/datasets/tables/test_csv_fuzz.py
EXTRAS := $(if $(GPU),--gpu) $(if $(JAX),--jax) $(if $(ONNX),--onnx) $(if $(MLFLOW),--mlflow) $(if $(SIGNING),--signing) \
	$(if $(HUB),--hub)
COMPILE := uv pip compile --python-version 3.11 --python-platform x86_64-manylinux_2_28 --generate-hashes --no-header \
	$(if $(UPGRADE),--upgrade)

.PHONY: help setup run test docs wheel fuzz lint format measure clean lock

help:  ## List what there is
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | awk -F':.*## ' '{ printf "  make %-7s %s\n", $$1, $$2 }'

setup:  ## Make .venv from the lock (GPU=1, JAX=1, ONNX=1, MLFLOW=1, SIGNING=1, HUB=1 add to it); returns at once when it is up to date
	@if [ -z "$(PYTHON)" ]; then \
		echo "make setup: python3.11 was not found; install it (Debian, Ubuntu: apt install python3.11 python3.11-venv), or" \
			"give another as make PYTHON=/path/to/python3.11 setup." >&2; exit 2; fi
	@"$(PYTHON)" requirements/set_up.py --venv $(VENV) $(EXTRAS)

run: setup  ## Run a recipe from data to a pushed model (RECIPE=digits_cnn, ARGS="--set training.epochs=3")
	@$(BIN)/kerasline run $(RECIPE) $(ARGS)

# Hundreds of commands run in processes of their own, each of which would compile what it loads for a second where the
# environment says PYTHONDONTWRITEBYTECODE, as containers' do.
test: setup  ## Run the tests (ALL=1: those of minutes, too; ARGS="-m 'not slow'" leaves out those of more than 5 s)
	@$(BIN)/python -m compileall -q -j $(JOBS) kerasline components pipeline
	@$(BIN)/python -m pytest -n $(JOBS) --dist loadfile --no-loadscope-reorder $(if $(ALL),,-m "not long") $(ARGS)

docs: $(DOCS)/ready  ## Build the documentation into site/, to be opened without a server; its environment is .venv-docs
	@PYTHONPATH=. NO_MKDOCS_2_WARNING=1 $(DOCS)/bin/mkdocs build --strict --quiet
	@echo "open site/index.html"

$(DOCS)/ready: requirements/docs.txt
	@"$(PYTHON)" -m venv --clear $(DOCS)
	@$(DOCS)/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r requirements/docs.txt
	@touch $@

wheel: setup  ## Build dist/kerasline-*.whl, and dist/constraints.txt, the versions that it runs on
	@rm -rf build dist
	@$(BIN)/python -m pip wheel --quiet --disable-pip-version-check --no-deps --no-build-isolation --use-pep517 -w dist .
	@grep -oE '^[A-Za-z0-9._-]+==[^ ]+' requirements/lock.txt > dist/constraints.txt
	@rm -rf build
	@echo "elsewhere, with Python 3.11: pip install --no-deps kerasline-*.whl -r constraints.txt"

fuzz: setup  ## Try generated recipes, texts and tables, new ones each time (RUNS=20000 of each)
	@KERASLINE_FUZZ=$(RUNS) $(BIN)/python -m pytest -q $(FUZZED) $(ARGS)

lint: setup  ## Check style, formatting and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: setup  ## Rewrite the files as `make lint` wants them
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

measure: setup  ## Measure the source: files, functions, complexity, comments (ARGS="--most 20" lists more functions)
	@$(BIN)/python -m tools.measure $(ARGS)

clean:  ## Remove .venv, .venv-docs, site/ and what tools leave behind; a workspace is yours and stays
	rm -rf $(VENV) $(DOCS) site build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache
	find . -name __pycache__ -type d -not -path './workspace/*' -prune -exec rm -rf {} +

lock:  ## Renew the lists in requirements/ (needs uv); UPGRADE=1 takes newer versions where the bounds allow
	@command -v uv >/dev/null || { echo "make lock: uv is needed; install it with pip install uv." >&2; exit 2; }
	$(COMPILE) requirements/requirements.in --override requirements/overrides.in -o requirements/lock.txt >/dev/null
	$(COMPILE) requirements/gpu.in -c requirements/lock.txt -o requirements/gpu.txt >/dev/null
	$(COMPILE) requirements/jax.in -c requirements/lock.txt -o requirements/jax.txt >/dev/null
	$(COMPILE) requirements/onnx.in -c requirements/lock.txt -o requirements/onnx.txt >/dev/null
	$(COMPILE) requirements/mlflow.in -c requirements/lock.txt --override requirements/mlflow-overrides.in \
		-o requirements/mlflow.txt >/dev/null
	$(COMPILE) requirements/signing.in -c requirements/lock.txt -o requirements/signing.txt >/dev/null
	$(COMPILE) requirements/hub.in -c requirements/lock.txt -o requirements/hub.txt >/dev/null
	$(COMPILE) requirements/docs.in -c requirements/lock.txt -o requirements/docs.txt >/dev/null
