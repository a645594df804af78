# Guestlist. "make help" lists what there is; continuous integration runs .ci/run, which runs make.
# Each target installs what it needs and repeats no work. What make writes lies in dist/ and .cache/.

SHELL := /bin/sh
.DEFAULT_GOAL := help

CACHE := .cache
STAGE := dist/azure
AWS   := dist/aws
NPM   := infra/local

# Clients that others wrote, a folder of infra/local/conformance each: only tests use them.
CLIENTS := graph m365 servicebus browser

# The S3 server of tests and demo-s3, a Go module of its own.
S3    := infra/local/s3

# The platform that package builds for. A Function App on the Flex Consumption plan is linux/amd64.
GOOS   ?= linux
GOARCH ?= amd64

# The file that demo drops, the directory that it finds and the source's policy. For a file of your own, devstack makes
# the groups and applications that it asks for, and adds the policy that it needs.
SAMPLE  := docs/samples/partners
CSV     ?= $(SAMPLE).csv
SEED    ?= $(if $(filter $(SAMPLE).csv,$(CSV)),docs/samples/directory.json)
POLICY  ?= $(if $(filter $(SAMPLE).csv,$(CSV)),$(SAMPLE).policy.json)
RESULTS ?= dist/results

# The Go code outside ./...: folders with a leading dot are left out of that pattern.
CI_PKGS := ./.ci/bootstrapzip ./.ci/gotest ./.ci/internal/testevent ./.ci/mutations ./.ci/reachable ./.ci/testsdk
PKGS    ?= ./...
# More arguments for go test, for example ARGS='-run Lease'.
ARGS    ?=

matrix: tools ## kill a handler before and after every act, all cells (ten minutes and more)
	@go test -v -timeout 60m -run TestCrashMatrix ./functions/cmd/devstack/crashmatrix -args -cells . $(ARGS)

.PHONY: matrix help demo demo-s3 run bench-graph soak test check mutations test-sdk package package-azure package-aws tools conformance chromium s3server needs-go needs-node format vet lint tidy template race vulnerabilities devstack

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z][a-z0-9-]*:.*## / { printf "  make %-13s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

# Paths reach the shell as variables, so that a name with blanks or quotes stays one word.
demo demo-s3 run: export DROPPED = $(CSV)
demo demo-s3: export SEED_FILE = $(SEED)
demo demo-s3: export POLICY_FILE = $(POLICY)
demo demo-s3: export RESULTS_DIR = $(RESULTS)

demo: tools devstack ## drop a CSV (CSV=path) on this machine's stack, wait for every row, print the outcome
	@mkdir -p "$$RESULTS_DIR"
	@exec $(CACHE)/bin/devstack -csv "$$DROPPED" $${SEED_FILE:+-seed "$$SEED_FILE"} $${POLICY_FILE:+-policy "$$POLICY_FILE"} \
		-results "$$RESULTS_DIR" -exit $(ARGS)

demo-s3: tools devstack s3server ## the same by way of S3: a file put into a bucket, AWS Lambda, the relay
	@mkdir -p "$$RESULTS_DIR" $(CACHE)/lambda
	@$(BUILD_RELAY) -o $(CACHE)/lambda/bootstrap ./functions/cmd/s3relay
	@exec $(CACHE)/bin/devstack -s3 $(CACHE)/lambda/bootstrap -csv "$$DROPPED" $${SEED_FILE:+-seed "$$SEED_FILE"} \
		$${POLICY_FILE:+-policy "$$POLICY_FILE"} -results "$$RESULTS_DIR" -exit $(ARGS)

run: tools devstack ## keep the stack up with the sample directory, or for a file (CSV=path); Ctrl-C ends it
	@exec $(CACHE)/bin/devstack $(if $(filter file,$(origin CSV)),-seed docs/samples/directory.json,-csv "$$DROPPED") $(ARGS)

bench-graph: tools devstack ## measure writes per guest and pace against the limits, beside scripts (docs/performance.md)
	@exec $(CACHE)/bin/devstack bench $(ARGS)

soak: tools ## import random files under random kills and faults, judge what is left (ARGS='-rows 50000 -kills 1000', docs/reliability.md)
	@mkdir -p $(CACHE)/bin
	@go build -o $(CACHE)/bin/ ./functions/cmd/devstack
	@exec $(CACHE)/bin/devstack soak $(ARGS)

test: conformance s3server ## run every test, then print the slowest ten
	@mkdir -p $(CACHE)/bin
	@go build -o $(CACHE)/bin/gotest ./.ci/gotest
	@$(CACHE)/bin/gotest -count=1 -timeout=30m -shuffle=on $(ARGS) $(PKGS) $(CI_PKGS)

check: format vet lint tidy template race vulnerabilities ## format, vet, lint, tidy, infra/aws, race tests, known vulnerabilities

mutations: tools ## break each promise on purpose and see that a test notices (ARGS='-run NAME', -list, -markdown)
	@mkdir -p $(CACHE)/bin
	@go build -o $(CACHE)/bin/mutations ./.ci/mutations
	@$(CACHE)/bin/mutations $(ARGS)

test-sdk: needs-go ## run the Service Bus SDK's own live tests against the emulator (root, Linux: ports 443 and 5671)
	@mkdir -p $(CACHE)/bin
	@go build -o $(CACHE)/bin/testsdk ./.ci/testsdk
	@$(CACHE)/bin/testsdk $(ARGS)

package: package-azure package-aws ## stage what is deployed: dist/azure (GOOS, GOARCH; linux/amd64 by default) and dist/aws

package-azure: needs-go
	@mkdir -p $(STAGE)
	@CGO_ENABLED=0 GOOS=$(GOOS) GOARCH=$(GOARCH) go build -trimpath -buildvcs=false -ldflags "-s -w" \
		-o $(STAGE)/handler ./functions/cmd/handler
	@set -eu; \
	put() { cmp -s "$$1" "$$2" || { mkdir -p "$$(dirname "$$2")"; cp "$$1" "$$2"; }; }; \
	put host.json $(STAGE)/host.json; \
	for f in functions/*/function.json; do \
		put "$$f" "$(STAGE)/$${f#functions/}"; \
	done; \
	for f in $(STAGE)/*/function.json; do \
		name=$$(basename "$$(dirname "$$f")"); \
		test -f "functions/$$name/function.json" || rm -r "$(STAGE)/$$name"; \
	done
	@echo "$(STAGE): $(GOOS)/$(GOARCH), $$(wc -c < $(STAGE)/handler | awk '{ printf "%.1f MB", $$1 / 1e6 }')"

# lambda.norpc leaves out the protocol of a runtime that is gone.
BUILD_RELAY := CGO_ENABLED=0 go build -trimpath -buildvcs=false -ldflags "-s -w" -tags lambda.norpc

package-aws: needs-go
	@set -eu; for arch in arm64 amd64; do \
		mkdir -p $(AWS)/$$arch; \
		GOOS=linux GOARCH=$$arch $(BUILD_RELAY) -o $(AWS)/$$arch/bootstrap ./functions/cmd/s3relay; \
		go run ./.ci/bootstrapzip $(AWS)/$$arch/bootstrap $(AWS)/$$arch/bootstrap.zip; \
	done

# The handler is staged for the machine at hand: devstack runs it.
devstack: needs-go
	@$(MAKE) --no-print-directory package-azure GOOS="$$(go env GOHOSTOS)" GOARCH="$$(go env GOHOSTARCH)"
	@mkdir -p $(CACHE)/bin
	@go build -o $(CACHE)/bin/ ./functions/cmd/devstack ./functions/cmd/guestlist

tools: needs-go needs-node $(CACHE)/npm ## install Azurite as the lock file pins it (only when that changed)

conformance: tools chromium $(CLIENTS:%=$(CACHE)/npm-%) ## install what only tests need: clients that others wrote, and a browser

s3server: needs-go $(CACHE)/bin/versitygw

$(CACHE)/bin/versitygw: $(S3)/go.mod $(S3)/go.sum
	@mkdir -p $(CACHE)/bin
	@echo "$(S3): building the S3 server, once; it takes a minute"
	@go -C $(S3) build -trimpath -ldflags "-s -w" -o "$(CURDIR)/$(CACHE)/bin/" github.com/versity/versitygw/cmd/versitygw
	@touch $@

$(CACHE)/npm: $(NPM)/package.json $(NPM)/package-lock.json $(if $(wildcard $(NPM)/node_modules/azurite),,missing)
	$(call npm-ci,$(NPM))

define client
$(CACHE)/npm-$(1): $(NPM)/conformance/$(1)/package.json $(NPM)/conformance/$(1)/package-lock.json \
		$(if $(wildcard $(NPM)/conformance/$(1)/node_modules),,missing)
	$$(call npm-ci,$(NPM)/conformance/$(1))
endef
$(foreach name,$(CLIENTS),$(eval $(call client,$(name))))

define npm-ci
	@mkdir -p $(CACHE)
	@echo "$(1): npm ci"
	@cd $(1) && npm ci --no-audit --no-fund --loglevel=error
	@touch $@
endef

# Never made: it renews a stamp when somebody removed node_modules.
.PHONY: missing

# Debian's browser, which a test drives through a guest's mail. Set CHROMIUM to the path of another one.
chromium:
	@test -x "$${CHROMIUM:-/usr/bin/chromium}" || { \
		echo "chromium: apt-get install"; sudo=$$(test "$$(id -u)" = 0 || echo sudo); \
		{ $$sudo apt-get update -q && $$sudo env DEBIAN_FRONTEND=noninteractive apt-get install -qy --no-install-recommends chromium; } >/dev/null || { \
			echo "make: chromium is missing and apt-get cannot install it. Install it, or set CHROMIUM to the path of a Chromium." >&2; exit 1; }; }

needs-go:
	@command -v go >/dev/null || { echo "make: go is missing. Install Go 1.26 or newer: https://go.dev/dl/" >&2; exit 1; }
	@go version >/dev/null || { echo "make: $$(GOTOOLCHAIN=local go version 2>&1 | head -n 1) cannot build this module. \
	Install Go 1.26 or newer: https://go.dev/dl/" >&2; exit 1; }

needs-node:
	@command -v node >/dev/null && command -v npm >/dev/null || { \
		echo "make: node or npm is missing. Install Node 18 or newer, with npm: https://nodejs.org/" >&2; exit 1; }
	@node -e 'process.exit(parseInt(process.versions.node) >= 18 ? 0 : 1)' || { \
		echo "make: Node $$(node -v) is too old. Install Node 18 or newer: https://nodejs.org/" >&2; exit 1; }

# The parts of check, in the order of their cost.

format: needs-go
	@out=$$(gofmt -l functions pkg .ci); test -z "$$out" || { echo "not formatted, run gofmt -w on:" >&2; echo "$$out" >&2; exit 1; }

# The test build of the handler has files of its own.
vet: needs-go
	go vet $(PKGS) $(CI_PKGS)
	go vet -tags faultbuild ./functions/cmd/handler

lint: needs-go
	go tool staticcheck $(PKGS) $(CI_PKGS)
	go tool staticcheck -tags faultbuild ./functions/cmd/handler

tidy: needs-go
	go mod tidy -diff

# A module of its own: what it needs is no part of Guestlist.
template: needs-go
	@cd .ci/cloudformation && go vet . && go mod tidy -diff && go test . && go run . ../../infra/aws/template.yaml

# Import rules, package comments, paths in the docs and machine paths are a test: pkg/layout.
race: conformance s3server
	@mkdir -p $(CACHE)/bin
	@go build -o $(CACHE)/bin/gotest ./.ci/gotest
	@$(CACHE)/bin/gotest -race -timeout=30m -parallel=4 -shuffle=on $(ARGS) $(PKGS) $(CI_PKGS)

VULN_DB := https://vuln.go.dev

vulnerabilities: needs-go
	@mkdir -p $(CACHE)/bin
	@go build -o $(CACHE)/bin/reachable ./.ci/reachable
	@if why=$$($(CACHE)/bin/reachable $(VULN_DB)/index/db.json); then \
		echo "go tool govulncheck $(PKGS)"; go tool govulncheck -db $(VULN_DB) $(PKGS); \
	else \
		echo "govulncheck was not run: $$why"; \
	fi
