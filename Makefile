# candlecast's commands. Bare `make` lists them.
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
SHELL := /bin/bash

ENV ?= local
MARKET ?= auto
PYTEST ?=
PY := .venv/bin/python
READY := .venv/.ready

# Settings of the caller's own pip that would send packages elsewhere than .venv.
unexport PIP_TARGET PIP_PREFIX PIP_USER PIP_REQUIRE_VIRTUALENV PYTHONPATH PYTHONHOME VIRTUAL_ENV

.PHONY: help setup demo up down status layers plan deploy destroy test check bench format mlflow locks clean

help: ## This list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-9s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: $(READY) ## Make .venv: Python 3.12 (or 3.11, 3.13) with everything pinned
	@echo ".venv is ready"

$(READY): tests/requirements.txt pyproject.toml .ci/venv
	@bash .ci/venv
	@touch $@

demo: $(READY) ## The whole loop on this machine; MARKET=auto|live|simulated|<folder of recorded candles>
	@$(PY) -m localstack.demo --market "$(MARKET)"

up: $(READY) ## Start the embedded AWS and the market
	@$(PY) -m localstack.stack up

down: $(READY) ## Stop them; their data stays
	@$(PY) -m localstack.stack down

status: $(READY) ## What of it is running, and where
	@$(PY) -m localstack.stack status

layers: $(READY) ## Build and prove the Lambda packages of ENV's architecture
	@CANDLECAST_ENV="$(ENV)" $(PY) -m layers.build

plan: $(READY) ## Show what deploy would change; ENV=local|localstack|dev|prod
	@$(PY) -m infra.deploy plan --env "$(ENV)"

deploy: $(READY) ## Deploy with Terraform
	@$(PY) -m infra.deploy apply --env "$(ENV)"

destroy: $(READY) ## Take it down again
	@$(PY) -m infra.deploy destroy --env "$(ENV)"

test: $(READY) ## Every test; PYTEST="-k name" for some
	@$(PY) -m pytest $(PYTEST)

bench: $(READY) ## Figures beside what they are compared with; ROW=<name>, without it the list
	@$(PY) -m tests.bench $(ROW)

check: $(READY) ## Lint, format, types, import rules, Terraform
	@.venv/bin/ruff check
	@.venv/bin/ruff format --check
	@.venv/bin/mypy
	@.venv/bin/lint-imports
	@$(PY) -m infra.deploy check

format: $(READY) ## Format the code
	@.venv/bin/ruff check --fix
	@.venv/bin/ruff format

mlflow: $(READY) ## MLflow's web page over the runs of local training
	@$(PY) -m training.mlflow_ui

# tests/requirements.txt holds .venv as a whole; the layers and the container take the same versions from it.
LOCK := .venv/bin/uv pip compile -q --universal --generate-hashes --no-emit-index-url --no-annotate \
	--custom-compile-command "make locks"
LAYER_LOCK := $(LOCK) pyproject.toml --python-version 3.11 -c tests/requirements.txt

locks: $(READY) ## Write the requirements.txt files anew from pyproject.toml; UPGRADE=--upgrade for newer versions
	$(LOCK) pyproject.toml --all-extras --group dev --python-version 3.11 --fork-strategy fewest $(UPGRADE) \
		-o tests/requirements.txt
	$(LAYER_LOCK) -o layers/core/requirements.txt
	for layer in data model exchange web; do $(LAYER_LOCK) --extra $$layer -o layers/$$layer/requirements.txt; done
	$(LOCK) pyproject.toml --extra data --extra model --extra training --python-version 3.12 \
		-c tests/requirements.txt -o training/requirements.txt
	$(LOCK) localstack/requirements.in --python-version 3.11 $(UPGRADE) -o localstack/requirements.txt
	$(LOCK) pyproject.toml tests/bench/requirements.in --extra data --extra model --extra cli --python-version 3.11 \
		-c tests/requirements.txt $(UPGRADE) -o tests/bench/requirements.txt

clean: ## Remove what was built (not .venv, not the embedded AWS's data)
	@rm -rf build .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
	@find . -name __pycache__ -not -path './.venv/*' -prune -exec rm -rf {} +
