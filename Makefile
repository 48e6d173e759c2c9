# falcogate: run `make help`.

GO            ?= go
BIN           := bin
CACHE         := .cache
TOOLS         := $(CURDIR)/$(CACHE)/tools
GOLANGCI_LINT := $(TOOLS)/golangci-lint-v2.15.0
NATS_CLI      := $(TOOLS)/nats-v0.5.1
HELM          := $(TOOLS)/helm-v4.3.1
KO            := $(TOOLS)/ko-v0.18.1
CRANE         := $(TOOLS)/crane-v0.22.1
KUBE_SCORE    := $(TOOLS)/kube-score-v1.20.0
COMPOSE       := $(TOOLS)/docker-compose-v5.6.0
NATS_SERVER   := $(TOOLS)/nats-server-v2.15.2
DEBIAN        := $(TOOLS)/debian-bookworm.tar
FUZZTIME      ?= 20s
VERSION       ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo unknown)
COMMIT        ?= $(shell git rev-parse HEAD 2>/dev/null || echo unknown)
COMMIT_DATE   ?= $(shell TZ=UTC0 git log -1 --date=format-local:%Y-%m-%dT%H:%M:%SZ --format=%cd 2>/dev/null || echo unknown)
# What builds the image and the release takes these from here too; the Dockerfile, which has
# no make, says the same.
LDFLAGS       := -s -w -X main.version=$(VERSION) -X main.commit=$(COMMIT) -X main.commitDate=$(COMMIT_DATE)

# What make test-kubernetes runs. The version that is in test/kubernetes/tools/go.mod
# counts; KWOK has a module graph of its own.
required            = $(shell awk '$$1 == "$(1)" && NF > 1 {print $$2}' test/kubernetes/tools/go.mod)
KUBERNETES_VERSION := $(call required,k8s.io/kubernetes)
ETCD_VERSION       := $(call required,go.etcd.io/etcd/server/v3)
KWOK_VERSION       := v0.8.0
KUBERNETES_BIN     := $(TOOLS)/kubernetes-$(KUBERNETES_VERSION)-etcd-$(ETCD_VERSION)-kwok-$(KWOK_VERSION)
KUBERNETES         := $(addprefix $(KUBERNETES_BIN)/,kube-apiserver kube-controller-manager kube-scheduler)
KUBERNETES_LDFLAGS := -s -w $(foreach package,k8s.io/component-base/version k8s.io/client-go/pkg/version, \
	-X $(package).gitVersion=$(KUBERNETES_VERSION))

# Each delivery system whose code we run has a module graph of its own.
CLIENT_MODULES := $(patsubst %/go.mod,%,$(wildcard test/clients/go.mod test/clients/*/go.mod))

HISTORIES     ?= 1000000
CHAOS_GATES   ?= 400
CHAOS_SEED    ?=

# What make mutate makes mutants of, the packages whose tests judge them, and which
# mutants: by default every condition, true and false.
MUTATE_TARGETS ?= $(addprefix correlate/,account.go closing.go base.go heartbeat.go kernel.go interval.go inspection.go \
	ledger.go coverage.go timeline.go flaws.go gap.go sensorproof.go rules.go \
	watcher.go watchers.go pods.go pod.go podword.go podscope.go podset.go placed.go attribution.go awaiting.go) \
	$(addprefix verifier/,judge.go placing.go)
MUTATE_TESTS   ?= ./correlate,./verifier
MUTATE_RUN     ?= → (true|false)$$

.DEFAULT_GOAL := help
.PHONY: help build image man test test-chaos test-clients test-install test-kubernetes lint fmt fuzz soak chaos mutate bench demo clean

help: ## Show what can be made
	@awk 'BEGIN {FS = ":.*## "} /^[a-z-]+:.*## / {printf "  \033[1m%-15s\033[0m %s\n", $$1, $$2}' $(MAKEFILE_LIST)

build: ## Build bin/falcogate
	CGO_ENABLED=0 $(GO) build -trimpath -ldflags '$(LDFLAGS)' -o $(BIN)/falcogate ./cmd/falcogate

image: $(KO) $(CRANE) ## Build the container image as an OCI layout in bin/image, without Docker
	@mkdir -p $(BIN)
	KO=$(KO) CRANE=$(CRANE) VERSION=$(VERSION) COMMIT=$(COMMIT) LDFLAGS='$(LDFLAGS)' SOURCE_DATE_EPOCH=$(or $(SOURCE_DATE_EPOCH),$(shell git log -1 --format=%ct)) \
		./.ci/image.sh $(CURDIR)/$(BIN)/image

man: build ## Write the manual to bin/man, with the date of the last commit
	rm -rf $(BIN)/man
	SOURCE_DATE_EPOCH=$(or $(SOURCE_DATE_EPOCH),$(shell git log -1 --format=%ct)) $(BIN)/falcogate man $(BIN)/man

# Many of them wait for real clocks: more run at a time than there are cores.
test: ## Run all tests with the race detector
	$(GO) test -race -parallel 4 -timeout 15m ./...
	cd test/mutate && $(GO) test ./...

test-kubernetes: $(KUBERNETES_BIN)/etcd $(KUBERNETES) $(KUBERNETES_BIN)/kwok ## Run the tests that need a real Kubernetes; builds it first
	cd test/kubernetes && FALCOGATE_KUBERNETES_BIN=$(KUBERNETES_BIN) $(GO) test -race -timeout 15m ./...

test-chaos: ## Kill, stop and cut off NATS servers and replicas while 40 gates are open
	cd test/chaos && $(GO) test -count=1 -timeout 15m -v .

# They wait for a Falco that plays more than they compute.
test-clients: ## Run the code of delivery systems against a running falcogate
	@$(MAKE) --no-print-directory --output-sync -j4 $(CLIENT_MODULES:=.test)

$(CLIENT_MODULES:=.test): %.test:
	cd $* && $(GO) test -count=1 -timeout 15m ./...

test-install: image $(HELM) $(KUBE_SCORE) $(COMPOSE) $(NATS_SERVER) $(DEBIAN) $(KUBERNETES_BIN)/etcd $(KUBERNETES) $(KUBERNETES_BIN)/kwok ## Install the chart into a real control plane; run image and compose file by podman, as root
	cd test/install && FALCOGATE_HELM=$(HELM) FALCOGATE_KUBE_SCORE=$(KUBE_SCORE) FALCOGATE_KUBERNETES_BIN=$(KUBERNETES_BIN) \
		FALCOGATE_IMAGE=$(CURDIR)/$(BIN)/image FALCOGATE_COMPOSE=$(COMPOSE) FALCOGATE_NATS_SERVER=$(NATS_SERVER) FALCOGATE_DEBIAN=$(DEBIAN) \
		$(GO) test -count=1 -timeout 15m ./...

lint: $(GOLANGCI_LINT) ## Check format, style and the direction of imports
	$(GOLANGCI_LINT) run ./...
	cd test/bench && $(GO) vet ./...
	cd test/chaos && $(GO) vet ./...
	cd test/install && $(GO) vet ./...
	@for module in $(CLIENT_MODULES); do echo "$$module"; (cd $$module && $(GO) vet ./...) || exit 1; done
	cd test/kubernetes && $(GO) vet ./...
	cd test/mutate && $(GO) vet ./...

fmt: $(GOLANGCI_LINT) ## Format all Go files
	$(GOLANGCI_LINT) fmt ./...

fuzz: ## Fuzz every decoder for FUZZTIME each (default 20s)
	FUZZTIME=$(FUZZTIME) GO=$(GO) ./test/fuzz.sh

soak: ## HISTORIES random histories (default a million) against a model that sees all
	FALCOGATE_HISTORIES=$(HISTORIES) $(GO) test -run '^TestSoak$$' -timeout 6h -count=1 -v ./verifier

chaos: ## The same with CHAOS_GATES gates (default 400); CHAOS_SEED plays the same faults again
	cd test/chaos && CHAOS_GATES=$(CHAOS_GATES) CHAOS_SEED=$(CHAOS_SEED) $(GO) test -count=1 -timeout 2h -v .

mutate: ## Disable each condition of the core in turn; every mutant must be killed
	cd test/mutate && $(GO) run . -test $(MUTATE_TESTS) -run '$(MUTATE_RUN)' $(MUTATE_TARGETS)

bench: ## Measure speed and size; prints the table of docs/benchmarks.md
	cd test/bench && $(GO) run .

demo: build $(NATS_CLI) ## From a recorded Falco to verdicts on NATS
	FALCOGATE=$(CURDIR)/$(BIN)/falcogate NATS=$(NATS_CLI) ./test/demo/demo.sh

clean: ## Remove what was built
	rm -rf $(BIN) $(CACHE)

# Tools are built from the module proxy, once per version, apart from go.mod.
$(GOLANGCI_LINT):
	@mkdir -p $(TOOLS)/new && GOBIN=$(TOOLS)/new $(GO) install github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.15.0
	@mv $(TOOLS)/new/golangci-lint $@

$(NATS_CLI):
	@mkdir -p $(TOOLS)/new && GOBIN=$(TOOLS)/new $(GO) install github.com/nats-io/natscli/nats@v0.5.1
	@mv $(TOOLS)/new/nats $@

$(HELM):
	@mkdir -p $(TOOLS)/new && GOBIN=$(TOOLS)/new $(GO) install helm.sh/helm/v4/cmd/helm@v4.3.1
	@mv $(TOOLS)/new/helm $@

$(KO):
	@mkdir -p $(TOOLS)/new && GOBIN=$(TOOLS)/new $(GO) install github.com/google/ko@v0.18.1
	@mv $(TOOLS)/new/ko $@

$(CRANE):
	@mkdir -p $(TOOLS)/new && GOBIN=$(TOOLS)/new $(GO) install github.com/google/go-containerregistry/cmd/crane@v0.22.1
	@mv $(TOOLS)/new/crane $@

$(KUBE_SCORE):
	@mkdir -p $(TOOLS)/new && GOBIN=$(TOOLS)/new $(GO) install github.com/zegl/kube-score/cmd/kube-score@v1.20.0
	@mv $(TOOLS)/new/kube-score $@

# Its module has replace lines, which go install does not take.
$(COMPOSE):
	@mkdir -p $(TOOLS)/new
	cd "$$($(GO) mod download -json github.com/docker/compose/v5@v5.6.0 | sed -n 's/.*"Dir": "\(.*\)".*/\1/p')" && \
		$(GO) build -mod=mod -trimpath -ldflags '-s -w' -o $(TOOLS)/new/docker-compose ./cmd
	@mv $(TOOLS)/new/docker-compose $@

$(NATS_SERVER):
	@mkdir -p $(TOOLS)/new && CGO_ENABLED=0 GOBIN=$(TOOLS)/new $(GO) install -ldflags '-s -w' github.com/nats-io/nats-server/v2@v2.15.2
	@mv $(TOOLS)/new/nats-server $@

# What the Dockerfile's base is made of where no registry can be reached.
$(DEBIAN):
	@rm -rf $(TOOLS)/new/debian && mkdir -p $(TOOLS)/new/debian
	debootstrap --variant=minbase --include=ca-certificates,git bookworm $(TOOLS)/new/debian
	@cp -L /etc/ssl/certs/ca-certificates.crt $(TOOLS)/new/debian/etc/ssl/certs/ca-certificates.crt
	@tar -C $(TOOLS)/new/debian --exclude=./var/cache/apt --exclude=./var/lib/apt/lists -cf $(TOOLS)/new/debian.tar .
	@rm -rf $(TOOLS)/new/debian && mv $(TOOLS)/new/debian.tar $@

$(KUBERNETES_BIN)/etcd: KUBERNETES_PACKAGE = go.etcd.io/etcd/server/v3
$(KUBERNETES): KUBERNETES_PACKAGE = k8s.io/kubernetes/cmd/$(@F)
$(KUBERNETES_BIN)/etcd $(KUBERNETES):
	@mkdir -p $(@D)/new
	cd test/kubernetes/tools && CGO_ENABLED=0 $(GO) build -trimpath -ldflags '$(KUBERNETES_LDFLAGS)' -o $(@D)/new/$(@F) $(KUBERNETES_PACKAGE)
	@mv $(@D)/new/$(@F) $@

$(KUBERNETES_BIN)/kwok:
	@mkdir -p $(@D)/new
	CGO_ENABLED=0 GOBIN=$(@D)/new $(GO) install -trimpath -ldflags '-s -w' sigs.k8s.io/kwok/cmd/kwok@$(KWOK_VERSION)
	@mv $(@D)/new/kwok $@
