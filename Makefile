# The project's commands; 'make help' lists them.

SHELL := /bin/sh
.DEFAULT_GOAL := help
.SUFFIXES:
MAKEFLAGS += --no-print-directory

# The build directory, and where its programs are.
SCRATCH ?= .build
RELEASE := $(SCRATCH)/release
# Without --no-color-diagnostics SwiftPM compiles with another flag on a terminal than elsewhere, and rebuilds everything.
SWIFT_BUILD := swift build --scratch-path $(SCRATCH) --no-color-diagnostics --explicit-target-dependency-import-check error
PROGRAMS := app-cp app-ap caplab
# The files that show that 'make build' succeeded. It builds everything but the tests in one go, which keeps all cores
# busy; one product after the other takes a fifth longer.
BUILT := $(PROGRAMS) libClockStep.so
# Linked statically, a program runs without Swift, in 3 MB less, and uses slightly less CPU per request.
RELEASE_FLAGS := -c release --static-swift-stdlib -Xswiftc -use-ld=lld
# Written when a build begins, kept when it succeeds: flags and compiler of the programs in RELEASE.
STAMP := $(SCRATCH)/build.stamp
# 1 where hiredis has TLS, since 1.0: then REPLICAS may have rediss:// URLs. Package.swift reads it.
ifndef HIREDIS_SSL
HIREDIS_SSL := $(shell pkg-config --exists 'hiredis_ssl >= 1.0' openssl 2>/dev/null && echo 1 || echo 0)
endif
export HIREDIS_SSL
BUILD_INPUTS := Package.swift Package.resolved Sources
SHELL_SCRIPTS := scripts/*.sh deploy/redis/*.sh deploy/stunnel/*.sh deploy/*.sh Tests/Compose/*.sh Tests/OpenAPI/*.sh
SHELL_SCRIPTS += .ci/run runbooks/env.sh Tests/Runbooks/front.sh Tests/Sanitizers/*.sh

# Set on the command line: SITE=west, ARGS='--mode stall'.
SITE ?= west
SEEDS ?= 200
TRIPLES ?= 100000
ENGINES ?= cp ap
SECONDS ?= 60
DRILL ?= west-cut
ARGS ?=
SERVER ?= redis-6.2
SBOM_LIBRARY ?= 'cyclonedx-python-lib[json-validation]==11.12.0'
SUITES ?= ConsistentTests AvailableTests RedisTests FaultTests
ON ?= lab
PAGES ?=
TARGETS ?= $(sort $(notdir $(patsubst %/,%,$(wildcard Tests/Fuzz/corpus/*/))))
INPUT ?=
SANITIZER ?= address

.PHONY: help setup build run demo demo-page test test-server lint simulate laws mutants check report partition heal \
    status compose-partition compose-heal test-compose test-runbooks prometheus test-prometheus test-page test-openapi \
    test-downtime test-stunnel fuzz test-sanitizers bench-quick bench-limits bench-overload bench-downtime bench-tls \
    soak docs sbom clean

help: ## Lists these commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-17s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

setup: ## Installs what is missing on this machine, or prints the command that does
	@scripts/setup.sh build

build: setup ## Builds the two services and caplab, optimised; at once if nothing changed since the last build
	@key="$(RELEASE_FLAGS) HIREDIS_SSL=$(HIREDIS_SSL) $$(swift --version 2>&1)"; \
	if [ "$$key" = "$$(cat $(STAMP) 2>/dev/null)" ] && [ -z "$$(find $(BUILD_INPUTS) -cnewer $(STAMP) | head -n 1)" ] \
	  && ls $(addprefix $(RELEASE)/,$(BUILT)) >/dev/null 2>&1; then exit 0; fi; \
	mkdir -p $(SCRATCH) && echo "$$key" >$(STAMP).new && \
	$(SWIFT_BUILD) $(RELEASE_FLAGS) && \
	mv $(STAMP).new $(STAMP)

run: ## Runs the pair on this machine until Ctrl-C: six redis-servers, four services (ARGS= for caplab up)
	@scripts/check-arguments.sh up $(ARGS)
	@$(MAKE) build
	@exec $(RELEASE)/caplab up $(ARGS)

demo: ## Demonstrates the trade-off in about a minute: cut, conflict, heal (ARGS= for caplab demo)
	@scripts/check-arguments.sh demo $(ARGS)
	@$(MAKE) build
	@exec $(RELEASE)/caplab demo $(ARGS)

test: setup ## Runs every check: format, shell scripts, all tests (ARGS='--filter Breaker' for some)
	@$(MAKE) lint
	@$(SWIFT_BUILD) --build-tests
	@swift test --scratch-path $(SCRATCH) --skip-build --disable-xctest $(ARGS)

test-server: setup ## Runs the tests of both engines on another server (SERVER=redis-6.2, redis-8, valkey-8)
	@$(SWIFT_BUILD) --build-tests
	@server=$$(scripts/redis-server.sh $(SERVER) $(SCRATCH)/servers) && export TEST_REDIS_SERVER="$$server" && \
	$$server --version && swift test --scratch-path $(SCRATCH) --skip-build --disable-xctest $(SUITES:%=--filter %)

lint: ## Checks format, comments, shell scripts and configuration files; skips tools that are not installed
	@swift format lint --strict --parallel --recursive Sources Tests Package.swift
	@if command -v python3 >/dev/null 2>&1; then scripts/prose.py; \
	else echo "lint: python3 is not installed, comments and pages are not checked"; fi
	@if command -v shellcheck >/dev/null 2>&1; then shellcheck -x $(SHELL_SCRIPTS); \
	else echo "lint: shellcheck is not installed, shell scripts are not checked"; fi
	@if command -v luacheck >/dev/null 2>&1; then luacheck --no-color --quiet Sources; \
	else echo "lint: luacheck is not installed, Redis scripts are not checked"; fi
	@if command -v yamllint >/dev/null 2>&1; then yamllint --strict .; \
	else echo "lint: yamllint is not installed, YAML files are not checked"; fi
	@if docker compose version >/dev/null 2>&1; then docker compose --profile '*' config -q \
	  && docker compose -f docker-compose.yml -f deploy/compose.prod.yml --profile '*' config -q \
	  && docker compose -f docker-compose.yml -f deploy/compose.redis-tls.yml --profile '*' config -q; \
	else echo "lint: docker compose is not installed, compose files are not checked"; fi
	@if command -v haproxy >/dev/null 2>&1; then haproxy -c -q -f deploy/pool/haproxy.cfg; \
	else echo "lint: haproxy is not installed, its configuration is not checked"; fi
	@if command -v python3 >/dev/null 2>&1 && command -v promtool >/dev/null 2>&1; then Tests/Prometheus/files.py --quiet; \
	else echo "lint: python3 or promtool is not installed, prometheus/ is not checked"; fi

simulate: setup ## Runs the engines in virtual time under faults and checks every history (SEEDS=200 ENGINES=ap ARGS='--ops 500')
	@$(SWIFT_BUILD) $(RELEASE_FLAGS) --product Simulate
	@for engine in $(ENGINES); do \
	  $(RELEASE)/Simulate $$engine --seeds $(SEEDS) --directory $(SCRATCH) $(ARGS) || exit 1; done

laws: setup ## Merges random records on a real Redis and checks that the order does not matter (TRIPLES=100000)
	@$(SWIFT_BUILD) --build-tests
	@MERGE_TRIPLES=$(TRIPLES) swift test --scratch-path $(SCRATCH) --skip-build --disable-xctest --filter MergeLawTests

mutants: setup ## Builds deliberate protocol bugs one by one and checks that the simulation catches each (ARGS='--only promise')
	@scripts/setup.sh bench
	@Tests/Mutants/mutants.py --scratch $(SCRATCH)/mutants $(ARGS) $(ENGINES)

fuzz: setup ## Feeds hostile input to parsers and scripts, by libFuzzer (SECONDS=60 TARGETS='jwt env'; INPUT=FILE: that one)
	@FUZZ=1 swift build --scratch-path $(SCRATCH)/fuzz --no-color-diagnostics -c release --product Fuzz
	@if [ -n "$(INPUT)" ]; then scripts/fuzz.sh again $(SCRATCH)/fuzz/release/Fuzz $(TARGETS) $(INPUT); \
	else scripts/fuzz.sh run $(SCRATCH)/fuzz/release/Fuzz $(SECONDS) $(TARGETS); fi

test-sanitizers: setup ## Runs all tests under a sanitizer: memory errors and leaks, or data races (SANITIZER=address, thread)
	@swift build --scratch-path $(SCRATCH)/$(SANITIZER) --no-color-diagnostics --sanitize $(SANITIZER) --build-tests
	@Tests/Sanitizers/run.sh $(SCRATCH)/$(SANITIZER) $(SANITIZER) $(ARGS)

check: ## Runs both services at both sites under real faults and checks the histories (SECONDS=60 ENGINES=cp ARGS='--seed 7')
	@scripts/check-arguments.sh check $(ARGS)
	@$(MAKE) build
	@for engine in $(ENGINES); do $(RELEASE)/caplab check $$engine --seconds $(SECONDS) --output $(SCRATCH) $(ARGS) || exit 1; done

report: ## Plays a drill on real processes and writes one HTML file (DRILL=west-cut, my.yml or all; ARGS='--out DIR')
	@scripts/check-arguments.sh report $(ARGS)
	@$(MAKE) build
	@exec $(RELEASE)/caplab report $(DRILL) $(ARGS)

demo-page: ## Records west-cut again: docs/demo/index.html, and the animated picture of README
	@$(MAKE) report DRILL=west-cut ARGS='--out $(SCRATCH)/demo'
	@scripts/demo-page.py $(SCRATCH)/demo/west-cut.html docs/demo/index.html
	@scripts/cut-svg.py $(SCRATCH)/demo/west-cut.json docs/images/cut.svg

test-runbooks: build ## Runs every command of the runbooks and the tour (PAGES='high-latency tour/2-heal', ON=compose destroys its data)
	@cd Tests/Runbooks && python3 -B -m unittest -q
	@Tests/Runbooks/run.py --bin $(RELEASE) --on $(ON) $(ARGS) $(PAGES)

partition: ## Cuts off a site or node of the running pair (SITE=west, ARGS="--mode stall"; see caplab partition --help)
	@$(RELEASE)/caplab partition $(SITE) $(ARGS)

heal: ## Heals all cuts, or those of one site or node (ARGS=west)
	@$(RELEASE)/caplab heal $(ARGS)

status: ## Shows the processes and links of the running pair
	@$(RELEASE)/caplab status $(ARGS)

compose-partition: ## Cuts off west in Docker Compose (ARGS=cp, ARGS=cp_db_g2, ARGS='west --one-way out')
	@scripts/compose-partition.sh $(ARGS)

compose-heal: ## Heals all cuts in Docker Compose, or those of one container (ARGS=cp_db_g2)
	@scripts/compose-heal.sh $(ARGS)

test-compose: ## Starts the compose project from a clean clone, cuts it, heals it, and removes everything
	@Tests/Compose/run.sh

prometheus: ## Runs Prometheus (port 9090) and Alertmanager (9093) beside 'make run' (ARGS='--speed 10': ten times faster)
	@scripts/setup.sh prometheus
	@exec prometheus/lab.py --caplab $(RELEASE)/caplab $(ARGS)

test-prometheus: build ## Tests rules and dashboard, and makes every alert fire and resolve on a real pair (two minutes)
	@scripts/setup.sh prometheus
	@Tests/Prometheus/files.py --quiet
	@exec Tests/Prometheus/live.py --bin $(RELEASE) $(ARGS)

test-page: build ## Opens the lab page in headless Chromium, cuts, heals, and goes through the tour
	@scripts/setup.sh all
	@Tests/Page/run.sh $(RELEASE) $(ARGS)

test-openapi: build ## Tests both services against their OpenAPI documents with schemathesis (ARGS='--seed 7 ap-tokens')
	@scripts/setup.sh all
	@Tests/OpenAPI/run.sh $(RELEASE) $(ARGS)

bench-quick: build ## Measures both services and webdis in two minutes (ARGS='--baseline DIR' compares two builds, --full)
	@scripts/setup.sh bench
	@exec Benchmarks/quick.py --bin $(RELEASE) $(ARGS)

bench-limits: build ## Measures authentication and limits per client: their cost, and their exactness behind HAProxy
	@scripts/setup.sh bench
	@exec Benchmarks/limits.py --bin $(RELEASE) $(ARGS)

bench-overload: build ## Overloads both services with large values; small requests must not suffer (ARGS='--seconds 60')
	@exec Benchmarks/overload.py --bin $(RELEASE) $(ARGS)

bench-downtime: build ## Isolates one of three nodes: who is served? Beside etcd and ZooKeeper (ARGS='--runs 3 --write-docs')
	@exec Benchmarks/downtime.py --bin $(RELEASE) $(ARGS)

test-downtime: build ## Tests the parts of bench-downtime, and runs it for 40 seconds with both services only
	@Tests/Downtime/isolation_test.py
	@exec Benchmarks/downtime.py --bin $(RELEASE) --smoke

bench-tls: build ## Replaces the certificate every second under 1,000 requests/s, and compares with plain HTTP
	@scripts/setup.sh bench
	@exec Benchmarks/tls.py --bin $(RELEASE) $(ARGS)

test-stunnel: build ## Tests TLS to Redis through stunnel, with app-cp and three redis-servers
	@scripts/setup.sh all
	@exec Tests/Stunnel/stunnel_test.py --bin $(RELEASE)

soak: SECONDS = 1800
soak: build ## Runs both services for 30 minutes under random faults and clients that stall (SECONDS=60 ARGS='--seed 7')
	@exec Tests/Soak/soak.py --bin $(RELEASE) --seconds $(SECONDS) $(ARGS)

docs: setup ## Builds the DocC pages of the library products in .build/docs; a warning is an error
	@$(SWIFT_BUILD) --build-tests
	@scripts/docs.sh $(SCRATCH)

sbom: build ## Lists everything that is in the programs: .build/cap-pair.cdx.json (CycloneDX), by a library from PyPI
	@[ -x $(SCRATCH)/sbom-venv/bin/python3 ] || python3 -m venv $(SCRATCH)/sbom-venv
	@$(SCRATCH)/sbom-venv/bin/pip install --quiet --disable-pip-version-check $(SBOM_LIBRARY)
	@$(SCRATCH)/sbom-venv/bin/python3 scripts/sbom.py $(SCRATCH) $(SCRATCH)/cap-pair.cdx.json

clean: ## Removes the build directory
	@rm -rf $(SCRATCH)
