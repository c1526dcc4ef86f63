# One command per intention; CI runs the same ones.
PY := .venv/bin/python
# More workers than cores: most tests wait for sockets and processes.
TEST_WORKERS ?= 4
TESTS ?= tests
.DEFAULT_GOAL := help
.PHONY: help setup run test check show bench bench-full fuzz audit model faults readers proto proto-baseline lock clean

help:  ## list the commands
	@echo "make COMMAND, where COMMAND is one of:"
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  %-15s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.venv/.ready: requirements.lock pyproject.toml clients/python/pyproject.toml proto/python/pyproject.toml
	python3 -m venv .venv
	.venv/bin/pip install -q --disable-pip-version-check --require-hashes -r requirements.lock
	.venv/bin/pip install -q --disable-pip-version-check --no-deps -e proto/python -e clients/python -e .
	@touch $@

tests/node/node_modules/.ready: tests/node/package.json tests/node/package-lock.json
	npm ci --prefix tests/node --no-audit --no-fund --ignore-scripts --loglevel=error
	@touch $@

clients/js/node_modules/.ready: clients/js/package.json clients/js/package-lock.json
	npm ci --prefix clients/js --no-audit --no-fund --ignore-scripts --loglevel=error
	@touch $@

# What others import: the viewer, and the tests that run it in Node and in a browser.
clients/js/dist/.ready: clients/js/node_modules/.ready clients/js/tsconfig.json clients/js/tsconfig.build.json $(wildcard clients/js/src/*)
	npm run --silent --prefix clients/js build
	@touch $@

setup: .venv/.ready  ## make .venv with everything in it

run: setup  ## start the gateway, stream real builds into it; prints the page to watch
	@$(PY) examples/demo/run.py

check: setup clients/js/node_modules/.ready  ## format, lint, layers, types, dependencies, contracts, generated files
	.venv/bin/ruff format --check .
	.venv/bin/ruff check .
	.venv/bin/lint-imports
	.venv/bin/mypy
	.venv/bin/deptry filters sessions storage automation gateway
	cd clients/python && ../../.venv/bin/deptry otto_logs
	.venv/bin/buf lint proto
	.venv/bin/buf breaking proto --against proto/baseline.binpb
	$(PY) proto/generate.py --check
	npm run --silent --prefix clients/js check

test: check tests/node/node_modules/.ready clients/js/dist/.ready  ## all checks, then all tests
	npm test --silent --prefix clients/js
	.venv/bin/pytest -n $(TEST_WORKERS) --dist loadgroup $(TESTS)

audit: setup  ## what is known against the dependencies; 75: the services cannot be reached
	PATH="$(CURDIR)/.venv/bin:$$PATH" $(PY) .ci/audit.py
model: setup  ## random interleavings against a list, for many minutes
	HYPOTHESIS_PROFILE=long .venv/bin/pytest -n 2 --timeout 7200 tests/model

show: setup tests/node/node_modules/.ready  ## 200,000 real lines, 20 subscribers, connections cut at random
	.venv/bin/pytest -s -m demonstration --timeout 1800 --log-level ERROR tests/integration

FUZZ := FUZZ_EXAMPLES=500 FUZZ_CALLS=10000 FUZZ_SOCKETS=5000
fuzz: setup  ## the long form of bad input on every interface; FUZZ_SEED=N repeats a run
	$(FUZZ) .venv/bin/pytest -s tests/gateway/description/test_any_request.py tests/gateway/ingest/test_any_bytes.py \
		tests/gateway/transports/test_any_packet.py

readers: setup  ## slow and hostile readers, and what the others notice; 500 streams that are told to come back
	$(PY) -m tests.readers
	.venv/bin/pytest -q -s -n0 -m readers --timeout 600 tests/readers tests/integration/test_stopping.py

bench: setup  ## lines in and out, latency, server CPU, beside the machine's limit
	$(PY) -m benchmarks

bench-full: setup  ## the gateway beside nchan, Node, Redis and NATS, with medians and plots; about 40 minutes
	$(PY) -m benchmarks.full
faults: setup tests/node/node_modules/.ready  ## break everything, 100 times kill -9, and see every promise kept; some 10 minutes
	$(PY) -m tests.faults $(FAULTS)

proto: setup  ## lint the contracts and generate the stubs anew
	.venv/bin/buf lint proto
	$(PY) proto/generate.py

proto-baseline: setup  ## take the contracts as they are for what later changes must not break
	.venv/bin/buf build proto --exclude-source-info -o proto/baseline.binpb

lock: setup  ## resolve dependencies anew into requirements.lock
	.venv/bin/uv pip compile pyproject.toml clients/python/pyproject.toml --all-extras --python-version 3.11 --universal \
		--no-emit-index-url --generate-hashes --no-emit-package otto-logs-proto --no-emit-package otto-logs \
		--custom-compile-command 'make lock' -q -o requirements.lock

clean:  ## remove what the other commands made
	rm -rf .venv tests/node/node_modules clients/js/node_modules clients/js/dist benchmarks/peers/node_modules .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache dist build var benchmarks/build
