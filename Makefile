# One command per intention; CI runs the same ones.
PY := .venv/bin/python
# More workers than cores: most tests wait for sockets and processes.
TEST_WORKERS ?= 4
TESTS ?= tests
.DEFAULT_GOAL := help
.PHONY: help setup viewer check-javascript test-javascript screenshots run test test-load check show bench bench-full viewer-figures fuzz audit model faults automation-faults readers proto proto-baseline lock clean

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

clients/viewer/node_modules/.ready: clients/viewer/package.json clients/viewer/package-lock.json
	npm ci --prefix clients/viewer --no-audit --no-fund --ignore-scripts --loglevel=error
	@touch $@

VIEWER := $(shell find clients/viewer clients/js -name node_modules -prune -o -name tests -prune -o -type f -print 2>/dev/null)
gateway/page/built/index.html: clients/viewer/node_modules/.ready $(VIEWER)
	npm run build --silent --prefix clients/viewer -- --logLevel=warn

# The gateway runs without its pages, so a machine without Node only loses them, and is told.
NODE_VERSION := $(shell node --version 2>/dev/null)
NODE_IS_ENOUGH := $(shell command -v npm >/dev/null && node -e 'const [a, b] = process.versions.node.split(".").map(Number); \
	console.log(a > 22 || (a === 22 && b >= 12) || (a === 20 && b >= 19) ? "yes" : "")' 2>/dev/null)
ifeq ($(NODE_IS_ENOUGH),yes)
viewer: gateway/page/built/index.html

check-javascript: clients/js/node_modules/.ready clients/viewer/node_modules/.ready
	npm run --silent --prefix clients/js check
	npm run --silent --prefix clients/viewer check

test-javascript: tests/node/node_modules/.ready clients/js/dist/.ready clients/viewer/node_modules/.ready
	npm test --silent --prefix clients/js
	npm test --silent --prefix clients/viewer
else
NEEDED := npm and Node 20.19 or newer; here is $(or $(NODE_VERSION),no node)
viewer:
	@echo "The viewer's pages are not built: they want $(NEEDED)." >&2

# A machine that decides for others must not pass what it has not looked at.
check-javascript test-javascript:
	@echo "The JavaScript of clients/ is left out of '$@': it wants $(NEEDED)." >&2; test -z "$$CI"
endif

setup: .venv/.ready viewer  ## make .venv with everything in it, and build the viewer's pages

run: setup  ## start the gateway, stream real builds into it; prints the page to watch
	@$(PY) examples/demo/run.py

check: setup check-javascript  ## format, lint, layers, types, dependencies, contracts, generated files
	.venv/bin/ruff format --check .
	.venv/bin/ruff check .
	.venv/bin/lint-imports
	.venv/bin/mypy
	.venv/bin/deptry filters sessions storage automation gateway
	cd clients/python && ../../.venv/bin/deptry otto_logs
	.venv/bin/buf lint proto
	.venv/bin/buf breaking proto --against proto/baseline.binpb
	$(PY) proto/generate.py --check

test: check test-javascript  ## all checks, then all tests
	.venv/bin/pytest -n $(TEST_WORKERS) --dist loadgroup $(TESTS)

test-load: setup tests/node/node_modules/.ready clients/js/dist/.ready clients/viewer/node_modules/.ready  ## all tests three times beside four busy loops, in three orders; LOAD='--runs 1 --seed N'
	$(PY) -m tests.load_proof $(LOAD)

screenshots: setup  ## take the pictures of the viewer for the documentation anew
	$(PY) -m tests.screenshots

audit: setup  ## what is known against the dependencies; 75: the services cannot be reached
	PATH="$(CURDIR)/.venv/bin:$$PATH" $(PY) .ci/audit.py
model: setup  ## random interleavings against a list, for many minutes
	HYPOTHESIS_PROFILE=long .venv/bin/pytest -n 2 --timeout 7200 tests/model

show: setup tests/node/node_modules/.ready  ## 200,000 real lines, 20 subscribers, connections cut at random
	.venv/bin/pytest -s -m demonstration --timeout 1800 --log-level ERROR tests/integration

FUZZ = FUZZ_SEED=$${FUZZ_SEED:-$$(date +%s)} FUZZ_EXAMPLES=500 FUZZ_CALLS=10000 FUZZ_SOCKETS=5000
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
viewer-figures: setup  ## the log page in Chromium: a million lines, 5,000 a second, eight tabs
	$(PY) -m benchmarks.viewer

faults: setup tests/node/node_modules/.ready  ## break everything, 100 times kill -9, and see every promise kept; some 10 minutes
	$(PY) -m tests.faults $(FAULTS)

automation-faults: setup  ## 200 tasks through all stages, their two schedulers killed 50 times; AUTOMATION_SEED=N repeats a run
	.venv/bin/pytest -q -s -n0 -m automation_faults tests/automation

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
	rm -rf .venv tests/node/node_modules clients/js/node_modules clients/js/dist benchmarks/peers/node_modules .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache dist build var benchmarks/build gateway/page/built clients/viewer/node_modules
