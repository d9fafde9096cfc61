# `make help` lists what there is. Everything that is needed is built from Go modules.

SHELL       := bash
.SHELLFLAGS := -euo pipefail -c

# Without cgo: the program needs nothing of the image that it is put into, and starts
# sooner; and all is compiled once, whether or not there is a C compiler.
export CGO_ENABLED := 0

GOLANGCI_LINT_VERSION := v2.15.0
VERSION               := $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)

BINARY := bin/connected-registry-scenario
# where kustomize looks below KUSTOMIZE_PLUGIN_HOME=plugin
LEGACY := plugin/connectedregistry.dev/v1alpha1/connectedregistryscenario/ConnectedRegistryScenario
LINT   := bin/golangci-lint-$(GOLANGCI_LINT_VERSION)

# Helm takes nothing but a semantic version, and cuts an archive's name off at the
# last hyphen that a number and a dot follow.
DIST           := dist
PLUGIN         := $(DIST)/connected-registry-scenario
PLUGIN_VERSION := $(shell grep -xE 'v?[0-9]+\.[0-9]+\.[0-9]+(-[0-9A-Za-z-]*[A-Za-z-][0-9A-Za-z.-]*)?' <<<'$(VERSION)' | sed 's/^v//')
PLUGIN_VERSION := $(or $(PLUGIN_VERSION),0.0.0-dev.g$(VERSION))

# What `make demo` shows: a folder of fixtures/scenarios.
SCENARIO := own-trust-distribution

# What the tests run. kubectl is the machine's if there is one.
TOOLS     := go run ./fixtures/tools/build
KUBECTL   := $(if $(shell command -v kubectl),,kubectl)
# What the pages' commands call and a machine may lack; README.md names them.
OPTIONAL  := openssl jq curl zsh fish

.PHONY: help build plugin tools test lint bench bench-guard demo dist dist-check update e2e-tools e2e e2e-premises fuzz clean

help: ## what the targets do
	@while IFS= read -r line; do \
	  [[ $$line =~ ^([a-z0-9-]+):.*\#\#\ (.*) ]] || continue; \
	  printf '%-12s %s\n' "$${BASH_REMATCH[1]}" "$${BASH_REMATCH[2]}"; \
	done <Makefile

build: ## the program, as bin/connected-registry-scenario, and below plugin/ for kustomize
	@[[ -e $(BINARY) ]] || echo "building the program; the first time this takes a minute or two"
	@go build -ldflags '-X github.com/connected-registry/scenario/plugin.Version=$(VERSION)' -o $(BINARY) .
	@mkdir -p $(dir $(LEGACY))
	@ln -sf $(abspath $(BINARY)) $(LEGACY)

plugin: ## the plugin for Helm 4, as a folder and as an archive in dist/
	@mkdir -p $(PLUGIN)
	@go build -ldflags '-X github.com/connected-registry/scenario/plugin.Version=$(VERSION)' -o $(PLUGIN)/connected-registry-scenario$(shell go env GOEXE) .
	@sed 's/^version: .*/version: $(PLUGIN_VERSION)/' plugin/helm/plugin.yaml >$(PLUGIN)/plugin.yaml
	@tar -C $(DIST) -czf $(PLUGIN)-$(PLUGIN_VERSION).tgz connected-registry-scenario

tools: ## what the tests run, such as helm; minutes the first time
	@./fixtures/tools/run $(TOOLS) chartdir helm kustomize helm4 $(KUBECTL) >/dev/null

test: tools ## the tests, with real helm and kustomize; under 3 minutes once these are built
	@./fixtures/tools/run go test ./... -timeout 30m $(TESTFLAGS)
	@for program in $(OPTIONAL); do command -v $$program >/dev/null || \
	  echo "not run, because there is no $$program: the tests of what calls it"; done

e2e-tools:
	@./fixtures/tools/run $(TOOLS) >/dev/null

e2e: e2e-tools ## every scenario through every real host and into a real cluster; a release
	@./fixtures/tools/run go test ./plugin -run 'RealHosts|Export|Argo|GitOps|Kustomize|Helm|Examples' -count=1 -timeout 60m -args -hosts=all
	@cd release && ../fixtures/tools/run go test ./... -count=1 -timeout 60m
	@cd test/e2e && ../../fixtures/tools/run go test ./... -count=1 -timeout 60m

e2e-premises: e2e-tools ## cleanup on a real cluster with each of its premises broken; long
	@cd test/e2e && ../../fixtures/tools/run go test ./cleanup -tags premises -run TestCleanupOfDataAndNodes -count=1 -timeout 60m

lint: $(LINT) ## gofmt, go vet and the linters that .golangci.yml names
	@test -z "$$(gofmt -l .)" || { gofmt -d .; exit 1; }
	$(LINT) run ./...
	cd test/e2e && $(abspath $(LINT)) run ./...
	cd release && $(abspath $(LINT)) run ./...

$(LINT):
	@mkdir -p bin
	GOBIN=$(CURDIR)/bin go install github.com/golangci/golangci-lint/v2/cmd/golangci-lint@$(GOLANGCI_LINT_VERSION)
	@mv bin/golangci-lint $(LINT)

bench: ## the Go benchmarks, and the comparison that docs/performance.md shows
	go test -run '^$$' -bench . -benchmem ./transformers/... ./test/bench
	go run ./test/bench

bench-guard: ## fails where a ratio is worse than the stored one by half or more
	go run ./test/bench -guard

fuzz: ## every fuzz target for half a minute
	@for package in $$(go list ./...); do \
	  for target in $$(go test -list '^Fuzz' $$package | grep '^Fuzz' || true); do \
	    echo "$$package $$target"; \
	    go test -run '^$$' -fuzz "^$$target$$" -fuzztime 30s -fuzzminimizetime 10x $$package; \
	  done; \
	done

demo: build ## the plan of a scenario, and what helm makes with it; SCENARIO=byoc for another
	@./fixtures/tools/run ./fixtures/demo.sh $(BINARY) $(SCENARIO)

dist: ## a release in dist/VERSION: make dist VERSION=v0.1.0 [KEY=FILE]
	@cd release && go run . -version '$(VERSION)' -out '$(abspath $(DIST))/$(VERSION)' $(if $(KEY),-key '$(abspath $(KEY))')

dist-check: ## builds dist/VERSION again in another folder, and compares
	@clone=$$(mktemp -d); trap 'rm -rf "$$clone"' EXIT; export GOCACHE=$$clone/cache; \
	git clone --quiet . "$$clone/project"; \
	$(MAKE) --no-print-directory -C "$$clone/project" dist VERSION='$(VERSION)'; \
	diff -r --exclude='*.asc' --exclude='*.prov' --exclude='*.gpg' '$(DIST)/$(VERSION)' "$$clone/project/dist/$(VERSION)"; \
	echo "$(VERSION) is the same when it is built elsewhere"

update: ## writes the golden files anew; look at the diff
	go test ./scenario -run TestFieldDocs -update # first: the others print what it writes
	go test ./scenario ./transformers ./plugin -update

clean: ## removes what make built
	rm -rf bin dist demo plugin/connectedregistry.dev
