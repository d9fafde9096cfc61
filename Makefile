# `make help` lists what there is. Everything that is needed is built from Go modules.

SHELL       := bash
.SHELLFLAGS := -euo pipefail -c

GOLANGCI_LINT_VERSION := v2.15.0
VERSION               := $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)

BINARY := bin/connected-registry-scenario
LINT   := bin/golangci-lint-$(GOLANGCI_LINT_VERSION)

.PHONY: help build test lint bench demo update e2e fuzz clean

help: ## what the targets do
	@grep -hE '^[a-z0-9-]+:.*## ' $(MAKEFILE_LIST) | sed 's/:.*## /|/' | column -t -s '|'

build: ## the program, as bin/connected-registry-scenario
	@go build -trimpath -ldflags '-X github.com/connected-registry/scenario/plugin.Version=$(VERSION)' -o $(BINARY) .

test: ## the tests, with real helm and kustomize; under 3 minutes once modules are cached
	go test ./...

e2e: ## every scenario on every chart variant through the real helm and kustomize
	go test ./plugin -run 'TestRealHosts' -count=1 -timeout 40m -args -hosts=all

lint: $(LINT) ## gofmt, go vet and the linters that .golangci.yml names
	@test -z "$$(gofmt -l .)" || { gofmt -d .; exit 1; }
	$(LINT) run ./...

$(LINT):
	@mkdir -p bin
	GOBIN=$(CURDIR)/bin go install github.com/golangci/golangci-lint/v2/cmd/golangci-lint@$(GOLANGCI_LINT_VERSION)
	@mv bin/golangci-lint $(LINT)

bench: ## the Go benchmarks
	go test -run '^$$' -bench . -benchmem ./...

fuzz: ## every fuzz target for half a minute
	@for package in $$(go list ./...); do \
	  for target in $$(go test -list '^Fuzz' $$package | grep '^Fuzz' || true); do \
	    echo "$$package $$target"; \
	    go test -run '^$$' -fuzz "^$$target$$" -fuzztime 30s $$package; \
	  done; \
	done

demo: build ## the stand-in chart, the plan of a scenario, and the result
	@./fixtures/demo.sh $(BINARY)

update: ## writes the golden files anew; look at the diff
	go test ./transformers/... ./plugin/... -update

clean: ## removes what make built
	rm -rf bin
