#? ccdirsync: make targets. Everything is built from this folder with Go.

GO            ?= go
GOLANGCI_LINT  = v2.15.0
GOVULNCHECK    = v1.9.0
FUZZTIME      ?= 60s
PATIENCE      ?= 30m
BENCH_ENTRIES ?= 100000
BENCH_PAIRS   ?= 5
BIN            = bin
TOOLS          = $(CURDIR)/.tools

.DEFAULT_GOAL := help

.PHONY: help
help: #? show this list
	@sed -n 's/^\([a-z-]*\):.*#? \(.*\)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 20

.PHONY: build
build: #? build the programs into bin/
	@$(GO) build -o $(BIN)/ ./cmd/...

.PHONY: demo
demo: build #? show whole cycles on an embedded directory and post office
	@bash contrib/demo/demo.sh

.PHONY: deps
deps: #? install slapd and ldap-utils for the tests, when that is allowed
	@bash contrib/deps.sh

.PHONY: test
test: deps #? run the tests
	@$(GO) test -timeout $(PATIENCE) ./...

.PHONY: race
race: deps #? run the tests with the race detector
	@$(GO) test -race -timeout $(PATIENCE) ./...

.PHONY: test-container
test-container: #? run the tests that need a container engine; make its images first
	@bash contrib/deps.sh container
	@CCDIRSYNC_CONTAINERS=1 TESTCONTAINERS_RYUK_DISABLED=true $(GO) test -count=1 -timeout 20m ./testenv

.PHONY: torture
torture: deps #? run the tests that kill programs and fill disks at full length
	@CCDIRSYNC_TORTURE=1 $(GO) test -count=1 -timeout 6h ./...

.PHONY: bench
bench: build deps #? measure beside OpenLDAP's tools, BENCH_ENTRIES (100000) entries
	@$(GO) run ./testenv/bench -bin $(BIN) -entries $(BENCH_ENTRIES) -pairs $(BENCH_PAIRS)

.PHONY: lint
lint: $(TOOLS)/golangci-lint-$(GOLANGCI_LINT) #? run go vet and the linters
	@$(GO) vet ./...
	@$(TOOLS)/golangci-lint-$(GOLANGCI_LINT) run

$(TOOLS)/golangci-lint-$(GOLANGCI_LINT):
	@mkdir -p $(TOOLS)
	GOBIN=$(TOOLS) GOFLAGS= $(GO) install github.com/golangci/golangci-lint/v2/cmd/golangci-lint@$(GOLANGCI_LINT)
	@mv $(TOOLS)/golangci-lint $@

.PHONY: vuln
vuln: #? look for known vulnerabilities, when their database can be reached
	@GO="$(GO)" bash contrib/vuln.sh $(GOVULNCHECK) $(TOOLS)

.PHONY: golden
golden: #? rewrite the expected sections of the test corpus
	@$(GO) test ./reconcile ./cmd/ccdirsync -update

.PHONY: fuzz
fuzz: #? run every fuzz target for FUZZTIME (60s)
	@for package in $$($(GO) list ./...); do \
	  for target in $$($(GO) test -list '^Fuzz' $$package | grep '^Fuzz'); do \
	    $(GO) test -run '^$$' -fuzz "^$$target$$" -fuzztime $(FUZZTIME) $$package || exit 1; \
	  done; \
	done

.PHONY: clean
clean: #? remove what make made
	@rm -rf $(BIN) $(TOOLS) demo-work
