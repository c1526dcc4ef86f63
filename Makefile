# One command per intention; CI runs the same ones.
PYTHON ?= python3
PY := .venv/bin/python
# Installs what is missing and rebuilds what has changed. It writes no bytecode, because it runs before anything else.
SETUP := @$(PYTHON) -B -m scripts.setup
# Setup puts Node.js there if the machine has none that is new enough.
export PATH := $(CURDIR)/.venv/bin:$(PATH)
.DEFAULT_GOAL := help
.PHONY: help setup setup-tests viewer screenshots run check test test-fast test-load fresh show bench bench-growth bench-retention bench-backup bench-full viewer-figures fuzz audit failing-builds model prometheus faults cluster-faults automation-faults alert-faults mutants attack readers soak proto proto-baseline sync-producer lock docs reference release image follow proxies clean

help:  ## list the commands
	@echo "make COMMAND, where COMMAND is one of:"
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  %-15s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup:  ## what `make run` needs: .venv with everything in it, Node.js where there is none, the viewer's pages
	$(SETUP) run

setup-tests:  ## also what the tests need: browser, servers and tools, by apt where it may
	$(SETUP) test

viewer: setup  ## build the viewer's pages where something has changed

run: setup  ## start the gateway, stream real builds into it; prints the page to watch
	@$(PY) examples/demo/run.py

check:  ## format, lint, layers, types, dependencies, contracts, generated files; all of them, then what failed
	$(SETUP) check
	@$(PY) -m scripts.suite check

test: setup-tests  ## all checks, then all tests, then what failed; ALLOW_SKIPS=1 goes on without what is missing
	@$(PY) -m scripts.suite test

test-load: setup-tests  ## all tests three times beside four busy loops, in three orders; LOAD='--runs 1 --seed N'
	$(PY) -m tests.load_proof $(LOAD)

test-fast:  ## the tests of the inner loop: no browser, no other programs, no gateway processes
	$(SETUP) fast
	@$(PY) -m scripts.suite fast

fresh:  ## `make run` and `make test` in an empty Debian, as root and as somebody else; needs root and debootstrap
	@$(PYTHON) -B -m scripts.fresh $(FRESH)

image: setup  ## the steps of deploy/Containerfile in an empty Debian, and what they make run; needs root and debootstrap
	@$(PYTHON) -B -m scripts.fresh.image

follow: setup-tests  ## the commands of docs/deployment.md in an empty Debian, with the files of `make release` in dist/
	@$(PYTHON) -B -m scripts.fresh.follow $(FOLLOW)

screenshots: setup-tests  ## take the pictures of the viewer for the documentation anew
	$(PY) -m tests.screenshots

audit: setup  ## what is known against the dependencies; 75: the services cannot be reached
	$(PY) .ci/audit.py

model: setup  ## random interleavings against a list, for many minutes
	HYPOTHESIS_PROFILE=long .venv/bin/pytest -n 2 --timeout 7200 tests/model

show: setup-tests  ## 200,000 real lines, 20 subscribers, connections cut at random
	.venv/bin/pytest -s -m demonstration --timeout 1800 --log-level ERROR tests/integration

FUZZ = FUZZ_SEED=$${FUZZ_SEED:-$$(date +%s)} FUZZ_EXAMPLES=500 FUZZ_CALLS=10000 FUZZ_SOCKETS=5000
fuzz: setup  ## the long form of bad input on every interface; FUZZ_SEED=N repeats a run
	$(FUZZ) .venv/bin/pytest -s tests/gateway/interface_docs/test_any_request.py tests/gateway/ingest/test_any_bytes.py \
		tests/gateway/transports/socket_io/test_any_packet.py tests/security/test_masking.py \
		tests/filters/test_stream_mask.py
	FUZZ_SEED=$${FUZZ_SEED:-$$(date +%s)} FUZZ_CALLS=300 $(PY) -m tests.attacks.slowest

prometheus: setup-tests  ## a minute of scrapes by a real Prometheus, its linter, and the reference parser of OpenMetrics
	PROMETHEUS_SCRAPES=60 .venv/bin/pytest -q -n0 tests/integration/test_prometheus.py

soak: setup-tests  ## half an hour of workers, killed every second, and viewers that come and go; SOAK='--minutes 5'
	$(PY) -m tests.soak $(SOAK)

readers: setup-tests  ## slow and hostile readers, and what the others notice; 500 streams that are told to come back
	$(PY) -m tests.readers
	.venv/bin/pytest -q -s -n0 -m readers --timeout 600 tests/readers tests/integration/test_stopping.py

bench: setup  ## lines in and out, latency, server CPU, beside the machine's limit
	$(PY) -m benchmarks

bench-growth: setup  ## start, lists, searches, backups and checks up to a million tasks and 30 million lines, as curves; GROWTH='--tasks 1000 --lines 1'
	$(PY) -m benchmarks.growth $(GROWTH)

RETENTION = --rate 20000 --seconds 600 --readers 5 --old-lines 20000000 --rounds 1
bench-retention: setup  ## ten minutes of 20,000 lines a second beside retention of 20 million; RETENTION='--rate N --seconds T …'
	$(PY) -m benchmarks.beside_retention $(RETENTION)

bench-backup: setup  ## backups of 450 MB beside 2,000 lines a second
	$(PY) -m benchmarks.beside_backup

bench-full: setup  ## the gateway beside nchan, Node, Redis, NATS and Go, with medians and plots; about 50 minutes
	$(PY) -m benchmarks.full
viewer-figures: setup-tests  ## the log page in Chromium: a million lines, 5,000 a second, eight tabs
	$(PY) -m benchmarks.viewer

mutants: setup  ## plant small bugs in the pure modules and list those that no test notices; MUTANTS_SECONDS=600
	$(PY) -m tests.mutants

failing-builds: setup-tests  ## ten real builds that fail, and whether their summaries say why
	$(PY) -m tests.failing_builds

faults: setup-tests  ## break everything, 100 times kill -9, and see every promise kept; some 10 minutes
	$(PY) -m tests.faults $(FAULTS)

attack: setup-tests  ## every known attack on real gateways: expected, seen, memory, stalls; ATTACK='--only NAME' for one
	$(PY) -m tests.attacks $(ATTACK)

cluster-faults: setup-tests  ## three gateways, a primary and its standby, all of them killed; CLUSTER_FAULTS='--seed N' repeats a run
	$(PY) -m tests.cluster_faults $(CLUSTER_FAULTS)

automation-faults: setup-tests  ## 200 tasks through all stages, their two schedulers killed 50 times; AUTOMATION_SEED=N repeats a run
	.venv/bin/pytest -q -s -n0 -m automation_faults tests/components/automation

alert-faults: setup-tests  ## gateways killed 30 times while rules fire, on SQLite and on PostgreSQL; ALERT_SEED=N repeats a run
	ALERT_KILLS=30 .venv/bin/pytest -q -s -n0 tests/components/alerts/test_killed_gateways.py

proxies: setup-tests  ## each proxy of deploy/proxies with streams that are silent for longer than its default time limits
	PROXY_SILENCE_SECONDS=75 .venv/bin/pytest -q -n 5 --dist load tests/deploy/test_proxies.py

proto: setup  ## lint the contracts and generate the stubs anew
	.venv/bin/buf lint proto
	$(PY) proto/generate.py

sync-producer: setup  ## generate the client's synchronous producer from the asynchronous one anew
	$(PY) clients/python/generate.py

proto-baseline: setup  ## take the contracts as they are for what later changes must not break
	.venv/bin/buf build proto --exclude-source-info -o proto/baseline.binpb

lock: setup  ## resolve dependencies anew into requirements.lock
	.venv/bin/uv pip compile pyproject.toml clients/python/pyproject.toml --all-extras --python-version 3.11 --universal \
		--no-emit-index-url --generate-hashes --no-emit-package otto-logs-proto --no-emit-package otto-logs \
		--custom-compile-command 'make lock' -q -o requirements.lock
	.venv/bin/uv pip compile --group node --python-version 3.11 --universal \
		--no-emit-index-url --generate-hashes --custom-compile-command 'make lock' -q -o requirements-node.lock
	.venv/bin/uv pip compile --group docs --python-version 3.11 --universal \
		--no-emit-index-url --generate-hashes --custom-compile-command 'make lock' -q -o requirements-docs.lock
	.venv/bin/uv pip compile --group tools -c requirements.lock --python-version 3.11 --universal \
		--no-emit-index-url --generate-hashes --custom-compile-command 'make lock' -q -o requirements-tools.lock

docs: setup  ## the documentation site in var/docs/site, strict and with every inner link checked
	$(PY) -m scripts.docs site

reference: setup  ## write the generated pages of docs/reference anew
	$(PY) -m scripts.docs reference

release: setup-tests  ## the files of a release into dist/: packages, bill of materials, hashes; built twice and compared
	$(PY) -m scripts.release

clean:  ## remove what the other commands made, what `make run` stored too; says what else git ignores here
	@$(PYTHON) -B -m scripts.clean
