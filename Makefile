# `make` without a target lists the targets. ARGS reaches the program or the tests:
#   make run ARGS='--addr localhost:9090'    make test ARGS='-run TestSend'

SHELL := bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help

ARGS ?=

# golangci-lint has a module of its own, so that go.mod names only what the code needs. It takes memory to save time.
LINT := GOGC=200 go tool -modfile=.ci/tools.mod golangci-lint
WIRE := go run github.com/google/wire/cmd/wire@v0.7.0

# The folder of the .proto files and what buf generates from them, and the files of the last release, for `make proto`.
BUF := .ci/buf
PROTO := transport/grpcapi
RELEASED := $(PROTO)/released.binpb

# The programs in .ci; `./...` does not see a folder whose name begins with a dot.
TOOLS := ./.ci/coverage ./.ci/fuzz ./.ci/layers ./.ci/maps ./.ci/tests

# One of them needs modules that go.mod does not name.
API := ./.ci/api
API_FLAGS := -modfile=.ci/tools.mod

# Says which tests failed and, unlike go test, which were skipped and why.
REPORT := go run ./.ci/tests

# Where there is memory to spare, the tests and the benchmark of the server keep their databases there: a disk makes them
# several times as long, and no test looks at what a power failure would leave.
MEMORY := $(shell \
	if [ -z "$${TMPDIR:-}" ] && probe=$$(mktemp -p /dev/shm 2>/dev/null); then \
		if cp "$$(type -P true)" "$$probe" && chmod +x "$$probe" && "$$probe" && \
			[ "$$(df --output=avail /dev/shm | tail -n 1)" -gt 6000000 ]; then echo /dev/shm; fi; \
		rm -f "$$probe"; \
	fi 2>/dev/null)
test race cover fuzz soak bench-http: export TMPDIR := $(or $(MEMORY),$(TMPDIR),/tmp)

# With the profile of the server, the compiler would compile all that the server imports once more, and no test needs its speed.
test race cover fuzz soak: export GOFLAGS := $(GOFLAGS) -pgo=off

FUZZTIME ?= 10s

PROFILE := .build/core.out
LEAST_COVERAGE := 90

PACKAGES ?= ./...

# A package has a race to find only if its code or its tests do something concurrently.
CONCURRENTLY := ^\s*go |\.Go\(|\.Parallel\(\)|[cC]oncurrently\(|httptest\.NewServer\(|synctest\.

# Under the race detector, the tests of these packages take several times as long. Most run one command after another, or
# other processes; the others (mongofake, porttest, jsonfile, sqlitetest) are concurrent, but the kit runs under it on the
# fake, on memory and on SQLite. natstest compiles a whole NATS server, and adapters/nats starts no goroutine. CI runs these
# tests without it, and `make race` under it.
SEQUENTIAL := adapters/images adapters/internal/bench adapters/internal/grpcclients adapters/internal/histories adapters/internal/mongofake \
	adapters/internal/natstest adapters/internal/reach adapters/internal/servers adapters/internal/sqlitetest adapters/internal/surface core/text \
	examples/embed examples/extend examples/ownadapter/jsonfile examples/server examples/server/internal/demo ports/copier \
	ports/porttest
SEQUENTIAL_TESTS := Test(ExportOfManyImages|AccessOfEveryRoute|ClassOfEveryRoute|ResponsesMatchOpenAPI|AccessOverGRPC|$\
	ReplayOverTheOtherTransport|ClientOverBothProtocols)\b

# Of the tests of the other stores than memory, CI runs the most concurrent suites of the kit under the race detector.
STORES := adapters/sqlite adapters/internal/postgrestest adapters/internal/mongodbtest
CONCURRENT := (races|units|isolation|guards|tokens|idempotency|cancellation|closing)

##@ Use

.PHONY: run
run: ## Start the example server on localhost:8080
	@go build -o .build/server ./examples/server
	@set -m; .build/server $(ARGS) || exit # with a process group of its own, Ctrl-C ends the server and not make

.PHONY: journey
journey: ## Play the whole story against the running server
	@go run ./examples/journey $(ARGS)

##@ Test

.PHONY: test
test: ## Run all tests
	@go test -json -timeout=60m $(ARGS) $(PACKAGES) | $(REPORT)

.PHONY: race
race: ## Run all tests under the race detector (an hour)
	@$(MAKE) --no-print-directory test ARGS='-race $(ARGS)'

.PHONY: cover
cover: ## Run all tests, and fail if they cover less than 90 % of core
	@mkdir -p $(dir $(PROFILE))
	@$(MAKE) --no-print-directory test ARGS='-coverpkg=./core/... -coverprofile=$(PROFILE) $(ARGS)'
	@go run ./.ci/coverage $(LEAST_COVERAGE) $(PROFILE)

.PHONY: concurrent
concurrent: ## Run the tests of concurrent code under the race detector
	@$(MAKE) --no-print-directory race ARGS='-skip "$(SEQUENTIAL_TESTS)" $(ARGS)' PACKAGES="$$(grep -lrE '$(CONCURRENTLY)' \
		--include='*.go' --exclude-dir=testdata */ | xargs dirname | sort -u | \
		grep -vx $(SEQUENTIAL:%=-e '%') $(STORES:%=-e '%') | sed 's|^|./|' | tr '\n' ' ')"
	@$(MAKE) --no-print-directory race ARGS='-run "TestStorage\b/$(CONCURRENT)|TestStorage\b/fake/$(CONCURRENT)" $(ARGS)' \
		PACKAGES='$(STORES:%=./%)'

.PHONY: fuzz
fuzz: ## Run every fuzz target for FUZZTIME (ARGS=-keep: go on from the inputs that were found before)
	@go run ./.ci/fuzz -time=$(FUZZTIME) $(ARGS)

.PHONY: soak
soak: ## Run the long tests in full size and, without ARGS, each fuzz target for an hour (hours)
	@CICERONE_SOAK=1 go test -json -count=1 -timeout=12h $(ARGS) ./... | $(REPORT)
	$(if $(ARGS),,@$(MAKE) --no-print-directory fuzz FUZZTIME=1h ARGS=-keep)

.PHONY: bench
bench: ## Run the benchmarks
	@go test -run='^$$' -bench=. -benchmem $(ARGS) ./...

STORE ?= postgres

.PHONY: bench-http
bench-http: ## Measure the server on STORE over HTTP, beside a minimal one and pgbench (adapters/internal/bench/README.md)
	@go test -run='^TestBenchmark$$' -count=1 -timeout=0 -v ./adapters/internal/bench \
		-args -store '$(STORE)' -out '$(CURDIR)/.build/bench' $(ARGS)

.PHONY: pgo
pgo: ## Profile the server anew, for its compiler: examples/server/default.pgo (adapters/internal/bench/README.md)
	@$(MAKE) --no-print-directory bench-http STORE=postgres ARGS='-profile -size 3000,200,10000 -clients 8 -loads 0 \
		-scenarios send,send-key,read,list,conversations,wallet,match-interests,reserve -rounds 3 -time 2s $(ARGS)'
	@cp .build/bench/bench-postgres-http.pprof examples/server/default.pgo

.PHONY: bench-postgres
bench-postgres: ## Compare the service on PostgreSQL with pgbench on the same server
	@go test -run='^$$' -bench='Send|List' -benchtime=8000x $(ARGS) ./adapters/internal/postgrestest

.PHONY: bench-transports
bench-transports: ## Compare HTTP and gRPC, with the Go client of both
	@go test -run='^$$' -bench='Send|List' -benchtime=8000x $(ARGS) ./transport/httpapi

.PHONY: bench-mongodb
bench-mongodb: ## Compare the service on MongoDB (CICERONE_MONGODB_URI) with a program that has the driver alone
	@go test -run='^$$' -bench='Send|List' -benchtime=4000x $(ARGS) ./adapters/internal/mongodbtest

##@ Check

.PHONY: verify
verify: format tidy generated proto layers maps api lint ## Run every check except the tests

.PHONY: format
format: ## Check that the code is formatted
	@unformatted=$$(gofmt -l .); \
	if [ -n "$$unformatted" ]; then printf 'gofmt -w is needed for:\n%s\n' "$$unformatted"; exit 1; fi

.PHONY: vet
vet: ## Run go vet, whose checks make lint and make api run, too
	@go vet ./... $(TOOLS)
	@go vet $(API_FLAGS) $(API)

.PHONY: tidy
tidy: ## Check that go.mod and go.sum are tidy
	@go mod tidy -diff

.PHONY: generated
generated: ## Check that what wire and buf generate is up to date
	@ls wiring/wire_gen.go wiring/*/wire_gen.go wiring/internal/*/wire_gen.go
	@$(WIRE) diff ./wiring/...
	@fresh=$$(mktemp -d); trap 'rm -rf "$$fresh"' EXIT; \
	$(BUF) generate $(PROTO) --template $(PROTO)/buf.gen.yaml -o "$$fresh"; \
	diff -r --exclude='*.proto' "$$fresh/cicerone" $(PROTO)/cicerone

.PHONY: proto
proto: ## Check the .proto files: their style, their format, and that clients of the last release still work
	@$(BUF) lint $(PROTO)
	@$(BUF) format --diff --exit-code $(PROTO)
	@$(BUF) breaking $(PROTO) --against $(RELEASED)

.PHONY: layers
layers: ## Check the imports between packages, and the programs in .ci
	@go test $(TOOLS)
	@go run ./.ci/layers

.PHONY: maps
maps: ## Check that each requirement in .github/ASVS.md has a row, and the tests that it names exist
	@go run ./.ci/maps

.PHONY: api
api: ## Compare the exported API with .github/api and the changelog (BASE=REVISION: and with that revision)
	@go test -vet=all $(API_FLAGS) $(API)
	@go run $(API_FLAGS) $(API) $(if $(BASE),-base $(BASE))

.PHONY: lint
lint: ## Run the linters (.golangci.yml says which, and why)
	@$(LINT) run ./... $(TOOLS)

##@ Change

.PHONY: api-update
api-update: ## Write .github/api, if the changelog names every change
	@go run $(API_FLAGS) $(API) -update

.PHONY: generate
generate: ## Generate the wiring and the code of the .proto files anew
	@$(WIRE) gen ./wiring/...
	@$(BUF) generate $(PROTO) --template $(PROTO)/buf.gen.yaml -o $(PROTO)

.PHONY: proto-release
proto-release: ## Keep the .proto files as those of the last release, with which `make proto` compares
	@$(BUF) build $(PROTO) --exclude-source-info -o $(RELEASED)

.PHONY: help
help: ## List the targets
	@awk 'BEGIN { FS = ":.*## " } \
		/^##@ / { printf "\n%s\n", substr($$0, 5) } \
		/^[a-z-]+:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)
