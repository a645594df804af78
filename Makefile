# Guestlist. "make help" lists what there is; continuous integration runs .ci/run, which runs make.
# Each target installs what it needs and repeats no work. What make writes lies in dist/ and .cache/.

SHELL := /bin/sh
.DEFAULT_GOAL := help

CACHE := .cache
STAGE := dist/azure
NPM   := infra/local

# Clients that others wrote, a folder of infra/local/conformance each: only tests of the emulators use them.
CLIENTS := graph m365

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
CI_PKGS := ./.ci/gotest ./.ci/reachable
PKGS    ?= ./...
# More arguments for go test, for example ARGS='-run Lease'.
ARGS    ?=

.PHONY: help demo run bench-graph test check package tools conformance needs-go needs-node format vet lint tidy race vulnerabilities devstack

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-11s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

# Paths reach the shell as variables, so that a name with blanks or quotes stays one word.
demo run: export DROPPED = $(CSV)
demo: export SEED_FILE = $(SEED)
demo: export POLICY_FILE = $(POLICY)
demo: export RESULTS_DIR = $(RESULTS)

demo: tools devstack ## drop a CSV (CSV=path) on this machine's stack, wait for every row, print the outcome
	@mkdir -p "$$RESULTS_DIR"
	@exec $(CACHE)/bin/devstack -csv "$$DROPPED" $${SEED_FILE:+-seed "$$SEED_FILE"} $${POLICY_FILE:+-policy "$$POLICY_FILE"} \
		-results "$$RESULTS_DIR" -exit $(ARGS)

run: tools devstack ## keep the stack up with the sample directory, or for a file (CSV=path); Ctrl-C ends it
	@exec $(CACHE)/bin/devstack $(if $(filter file,$(origin CSV)),-seed docs/samples/directory.json,-csv "$$DROPPED") $(ARGS)

bench-graph: tools devstack ## measure directory writes and throughput beside scripts, for two hours and a half
	@exec $(CACHE)/bin/devstack bench $(ARGS)

test: conformance ## run every test, then print the slowest ten
	@mkdir -p $(CACHE)/bin
	@go build -o $(CACHE)/bin/gotest ./.ci/gotest
	@$(CACHE)/bin/gotest -count=1 -shuffle=on $(ARGS) $(PKGS) $(CI_PKGS)

check: format vet lint tidy race vulnerabilities ## format, vet, lint, tidy, race tests, known vulnerabilities

package: needs-go ## stage what is deployed in dist/azure (GOOS, GOARCH; linux/amd64 by default)
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

# The handler is staged for the machine at hand: devstack runs it.
devstack: needs-go
	@$(MAKE) --no-print-directory package GOOS="$$(go env GOHOSTOS)" GOARCH="$$(go env GOHOSTARCH)"
	@mkdir -p $(CACHE)/bin
	@go build -o $(CACHE)/bin/ ./functions/cmd/devstack ./functions/cmd/guestlist

tools: needs-go needs-node $(CACHE)/npm ## install Azurite as the lock file pins it (only when that changed)

conformance: tools $(CLIENTS:%=$(CACHE)/npm-%) ## install what only tests need: clients of Microsoft Graph that others wrote

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

vet: needs-go
	go vet $(PKGS) $(CI_PKGS)

lint: needs-go
	go tool staticcheck $(PKGS) $(CI_PKGS)

tidy: needs-go
	go mod tidy -diff

# Import rules, package comments, paths in the docs and machine paths are a test: pkg/layout.
race: conformance
	@mkdir -p $(CACHE)/bin
	@go build -o $(CACHE)/bin/gotest ./.ci/gotest
	@$(CACHE)/bin/gotest -race -shuffle=on $(ARGS) $(PKGS) $(CI_PKGS)

VULN_DB := https://vuln.go.dev

vulnerabilities: needs-go
	@mkdir -p $(CACHE)/bin
	@go build -o $(CACHE)/bin/reachable ./.ci/reachable
	@if why=$$($(CACHE)/bin/reachable $(VULN_DB)/index/db.json); then \
		echo "go tool govulncheck $(PKGS)"; go tool govulncheck -db $(VULN_DB) $(PKGS); \
	else \
		echo "govulncheck was not run: $$why"; \
	fi
