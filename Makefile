# One command per intention; CI runs the same ones.
PY := .venv/bin/python
.DEFAULT_GOAL := help
.PHONY: help setup run test check proto proto-baseline lock bench clean

help:  ## list the commands
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | column -t -s "$$(printf '\t')"

.venv/.ready: requirements.lock pyproject.toml clients/python/pyproject.toml proto/python/pyproject.toml
	python3 -m venv .venv
	.venv/bin/pip install -q --disable-pip-version-check --require-hashes -r requirements.lock
	.venv/bin/pip install -q --disable-pip-version-check --no-deps -e proto/python -e clients/python -e .
	@touch $@

tests/node/node_modules/.ready: tests/node/package.json tests/node/package-lock.json
	npm ci --prefix tests/node --no-audit --no-fund --ignore-scripts --loglevel=error
	@touch $@

setup: .venv/.ready tests/node/node_modules/.ready  ## make .venv, and the Node packages that tests use

run: setup  ## start a gateway and stream real builds into it; prints the page to watch
	@$(PY) examples/demo/run.py

check: setup  ## lint, types, layers, generated files
	.venv/bin/ruff format --check .
	.venv/bin/ruff check .
	.venv/bin/lint-imports
	.venv/bin/mypy
	.venv/bin/buf lint proto
	.venv/bin/buf breaking proto --against proto/baseline.binpb
	.venv/bin/python proto/generate.py --check

test: check  ## all checks and tests
	.venv/bin/pytest

proto: setup  ## lint the contracts and generate the stubs anew
	.venv/bin/buf lint proto
	.venv/bin/python proto/generate.py

proto-baseline: setup  ## take the contracts as they are for what later changes must not break
	.venv/bin/buf build proto --exclude-source-info -o proto/baseline.binpb

lock: setup  ## resolve dependencies anew into requirements.lock
	.venv/bin/uv pip compile pyproject.toml clients/python/pyproject.toml --all-extras --python-version 3.11 --universal \
		--no-emit-index-url --generate-hashes --no-emit-package otto-logs-proto --no-emit-package otto-logs -q -o requirements.lock

clean:  ## remove what setup and tests made
	rm -rf .venv tests/node/node_modules .pytest_cache .mypy_cache .ruff_cache .hypothesis dist build
