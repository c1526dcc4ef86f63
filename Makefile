# One command per intention; CI runs the same ones.
PY := .venv/bin/python
.DEFAULT_GOAL := help
.PHONY: help setup run test check proto lock bench clean

help:  ## list the commands
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | column -t -s "$$(printf '\t')"

.venv/.ready: requirements.lock pyproject.toml clients/python/pyproject.toml proto/python/pyproject.toml
	python3 -m venv .venv
	.venv/bin/pip install -q --disable-pip-version-check --require-hashes -r requirements.lock
	.venv/bin/pip install -q --disable-pip-version-check --no-deps -e proto/python -e clients/python -e .
	@touch $@

setup: .venv/.ready  ## make .venv with everything in it

check: setup  ## lint, types, layers, generated files
	.venv/bin/ruff format --check .
	.venv/bin/ruff check .
	.venv/bin/lint-imports
	.venv/bin/mypy
	.venv/bin/python proto/generate.py --check

test: check  ## all checks and tests
	.venv/bin/pytest

proto: setup  ## generate the stubs anew and lint the contracts
	.venv/bin/python proto/generate.py

lock: setup  ## resolve dependencies anew into requirements.lock
	.venv/bin/uv pip compile pyproject.toml clients/python/pyproject.toml --all-extras --python-version 3.11 --universal \
		--no-emit-index-url --generate-hashes --no-emit-package otto-logs-proto --no-emit-package otto-logs -q -o requirements.lock

clean:  ## remove what setup and tests made
	rm -rf .venv .pytest_cache .mypy_cache .ruff_cache .hypothesis dist build
