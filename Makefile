# Everything a person types. `make` alone lists it.
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
SHELL := /bin/bash
PYTHON3 ?= python3
UV := .uv/bin/uv
PY := .venv/bin/python
READY := .venv/.ready
ARGS ?=

help:  ## list the commands
	@grep -hE '^[a-z-]+%?:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 16

setup: $(READY)  ## make the environment (.venv), as locked

# pip travels with the project, because a bare Debian has none; it knows its index by itself.
$(UV): .ci/bootstrap/uv.txt
	@$(PYTHON3) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Huadan needs Python 3.11 or newer; set PYTHON3=/path/to/python3.11")'
	@echo "setting up: uv"
	@rm -rf .uv && $(PYTHON3) .ci/bootstrap/pip-26.3-py3-none-any.whl/pip install --quiet --no-deps --only-binary :all: \
	  --root-user-action ignore --require-hashes --target .uv -r .ci/bootstrap/uv.txt && touch $(UV)

$(READY): $(UV) requirements-dev.lock
	@echo "setting up: .venv"
	@[ -x $(PY) ] || $(UV) venv --quiet --allow-existing --no-config --python "$(PYTHON3)" .venv
	@$(UV) pip sync --quiet --no-config --python $(PY) --require-hashes requirements-dev.lock
	@touch $(READY)

demo: setup  ## a vendor, three months of calls, invoices; ARGS=--exit does not stay up
	@$(PY) -u manage.py demo $(ARGS)

test: setup  ## all tests, on a throw-away PostgreSQL and Valkey
	@$(PY) -m pytest $(ARGS)

check: setup  ## lint, types, import rules, migrations, OpenAPI drift
	$(PY) -m ruff format --check .
	$(PY) -m ruff check .
	$(PY) -m djlint --quiet --check --lint .
	$(PY) -m bandit -q -c pyproject.toml -r billing tenants usage invoices
	$(PY) -m mypy
	$(PY) -c 'from importlinter.cli import lint_imports_command as lint; lint()'
	$(PY) manage.py makemigrations --check --dry-run
	$(PY) manage.py spectacular --validate --fail-on-warn --file .local/openapi.yaml && diff -u docs/openapi.yaml .local/openapi.yaml
	HUADAN_DEBUG=false HUADAN_SECRET_KEY=$$($(PY) -c 'import secrets; print(secrets.token_urlsafe(50))') HUADAN_HTTPS=true HUADAN_TOTP=true HUADAN_BASE_URL=https://billing.example.com $(PY) manage.py check --deploy --fail-level WARNING

bench: setup  ## all benchmarks, each against its baseline in the same run
	@$(PY) -m tests.benchmarks $(ARGS)

bench-%: setup  ## one benchmark, e.g. make bench-count ARGS=--json
	@$(PY) -m tests.benchmarks $* $(ARGS)

up: setup  ## start the embedded PostgreSQL and Valkey
	@$(PY) manage.py up

down: setup  ## stop them
	@$(PY) manage.py down

doctor: setup  ## what runs where, what is missing, what to do
	@$(PY) manage.py doctor

format: setup  ## put code and templates into shape
	$(PY) -m ruff format .
	$(PY) -m ruff check --fix .
	$(PY) -m djlint --quiet --reformat .

openapi: setup  ## write docs/openapi.yaml from the code
	$(PY) manage.py spectacular --validate --fail-on-warn --file docs/openapi.yaml

lock: $(UV)  ## resolve requirements.lock (use) and requirements-dev.lock (development)
	$(UV) pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header pyproject.toml -o requirements.lock
	$(UV) pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header --group dev pyproject.toml -o requirements-dev.lock

.PHONY: help setup demo test check bench up down doctor format openapi lock
