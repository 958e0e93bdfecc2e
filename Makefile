# The commands of this repository. `make` without arguments lists them; CI calls nothing else.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory
# A registry may be unreachable for a minute: cargo tries three times by default, pip five times.
export CARGO_NET_RETRY ?= 10
export PIP_RETRIES ?= 10

# HOST:SERVICE port of the local load balancer.
PUBLISH ?= 8080:80
# What `make up` runs: a manifest or a folder of manifests.
MANIFESTS ?= k8s/base
# The containerd of `make test-containerd`: 2.MINOR or 2.MINOR.PATCH. `make test-vm` uses Debian's package unless
# it is set.
VERSION ?= 2.4
# The OCI layout where `make up` keeps the service's image.
image_layout := target/image

BIN := target/debug
with_containerd := dev/with-containerd
# The git revision that `/info` shows. It is part of the image's digest; without git there is none.
revision := $(shell git describe --always --dirty --abbrev=12 --exclude='*' 2>/dev/null)
revision_flag = $(if $(revision),--revision $(revision))
build_image = $(BIN)/imagebuilder build app --output oci:$(image_layout) $(revision_flag)
# Rendering the manifests needs kubectl, or Go to build it.
renderer := $(shell command -v kubectl || command -v go)
comma := ,
# Always for the whole workspace, with the same features, so that cargo compiles every crate once for all kinds
# of tests.
whole = --locked --workspace --features app/otlp$(if $(renderer),$(comma)e2e/rendered)
cargo_test = cargo test $(whole)
# The tests that render manifests; on a machine without kubectl and Go, `make test` leaves them out.
rendered_tests = gitops manifests monitoring names refusals
# The tests of nodectl that work with any containerd.
containerd_tests = crictl node node_sandboxes up
# The tests on a Kubernetes, in two groups that take about as long: CI runs them side by side. On a cluster that CONTEXT=
# names, only the tests that need no access to its nodes.
e2e_service = cluster cluster_apply cluster_make cluster_validation \
	$(if $(filter-out rust-k8s-local,$(CONTEXT)),,cluster_down cluster_inspector cluster_node)
e2e_balancers = $(if $(filter-out rust-k8s-local,$(CONTEXT)),,cluster_components cluster_ecr cluster_manifests \
	cluster_nlb cluster_together)
GROUP = service balancers
e2e_tests = $(strip $(foreach group,$(GROUP),$(e2e_$(group))))

.PHONY: help
help: ## List these commands
	@awk 'BEGIN {FS = ":.*## "} /^##@/ {printf "\n%s\n", substr($$0, 5)} \
		/^[a-z0-9-]+:.*## / {printf "  make %-15s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

##@ On this machine
.PHONY: up
up: build ## Build the service's image and run it on this machine: three pods, one load balancer
	@$(BIN)/imagebuilder resolve -f $(MANIFESTS) --output oci:$(image_layout) $(revision_flag) >target/up.yaml
	@$(with_containerd) $(BIN)/nodectl up -f target/up.yaml --images oci:$(image_layout) --publish $(PUBLISH) \
		--ignore-network-policies

.PHONY: down
down: build ## Remove the pods that a killed `make up` left behind
	@$(with_containerd) $(BIN)/nodectl down

.PHONY: ps
ps: build ## Show the pods and containers of `make up`
	@$(with_containerd) $(BIN)/nodectl ps

##@ Development
.PHONY: build
build: deps-up ## Compile the programs that `make up` runs
	@cargo build --locked --package imagebuilder --package nodectl || dev/build-failed

.PHONY: build-all
build-all: deps-up ## Compile all programs and tests
	@cargo build $(whole) --bins --tests || dev/build-failed

.PHONY: image
image: build ## Build the service's image into target/image
	@$(build_image)

.PHONY: test
test: deps-test build-all ## Run all tests against the real containerd, runc, registry and browser
	@[ -n "$(renderer)" ] || echo "==> no kubectl, and no Go to build one: the manifests are not tested as rendered" >&2
	@[ -n "$(renderer)" ] || [ -z "$${CI:-}" ]
	@$(build_image)
	@dev/test-crates hexyl b3sum
	@$(cargo_test)

.PHONY: test-containerd
test-containerd: deps-containerds build-all ## Run the tests of nodectl against another containerd, by default 2.4: [VERSION=]
	@path=$$(dev/containerd-build $(VERSION)) && PATH="$$path:$$PATH" \
		$(cargo_test) --no-fail-fast $(containerd_tests:%=--test %) -- --include-ignored

.PHONY: test-containerds
test-containerds: ## Run the tests of nodectl against containerd 2.2 and 2.4, built from source
	@$(MAKE) test-containerd VERSION=2.2
	@$(MAKE) test-containerd VERSION=2.4

.PHONY: test-registry
test-registry: deps-test ## Run the tests of pushing against the registry's next major version, built from source
	@registry=$$(dev/go-program docker-registry) && crane=$$(dev/go-program crane) \
		&& PATH="$$(dirname "$$registry"):$$(dirname "$$crane"):$$PATH" \
		$(cargo_test) --no-fail-fast --test registries -- --include-ignored

.PHONY: test-cosign
test-cosign: deps-test build ## Run the tests of signing against both major versions of cosign, built from source
	@for name in cosign cosign-2; do \
		program=$$(dev/go-program "$$name"); \
		PATH="$$(dirname "$$program"):$$PATH" cargo test --locked -p imagebuilder --features cosign --test cosign; \
	done

.PHONY: test-vm
test-vm: deps-vm ## Run the tests of nodectl in a virtual machine with systemd and cgroup v2: [VERSION= of containerd]
	@dev/vm/run $(if $(filter command line environment,$(origin VERSION)),--containerd $(VERSION))

.PHONY: test-eksctl
test-eksctl: deps-test ## Test the definitions of the EKS clusters with eksctl itself (building it once takes minutes)
	@eksctl=$$(dev/go-program eksctl) && EKSCTL=$$eksctl cargo test --locked -p e2e --features eksctl --test eksctl

.PHONY: test-crates
test-crates: deps-crates build ## Build published crates into images for both platforms, start and scan them (an hour)
	@dev/test-crates

.PHONY: test-audit
test-audit: deps-crates build ## Run the tests that let cargo-audit scan the binaries of images
	@PATH="$$PATH:$${XDG_CACHE_HOME:-$$HOME/.cache}/rust-k8s-app/cargo-audit/bin" \
		cargo test --locked -p imagebuilder --features audit --test audit

.PHONY: e2e
e2e: deps-e2e build-all ## Deploy to a real Kubernetes on this machine, and roll out under load: [CONTEXT= REPO= GROUP=]
	@[ -n "$(e2e_tests)" ] || { echo "error: no tests on $(or $(CONTEXT),this machine) are in GROUP=$(GROUP)" >&2; exit 2; }
	@dev/cluster/run $(cargo_test) --no-fail-fast $(e2e_tests:%=--test %) -- --ignored --test-threads=1 --show-output

.PHONY: lint
lint: deps-lint ## Check format, lints, docs, dependencies and shell scripts
	@cargo fmt --all --check
	@cargo clippy --locked --workspace --all-targets --all-features -- -D warnings
	@RUSTDOCFLAGS="-D warnings" cargo doc --locked --workspace --no-deps --document-private-items --quiet
	@dev/deny
	@shellcheck $$(git ls-files | xargs -d '\n' grep -lE '^#!(/usr/bin/env bash|/bin/(ba)?sh)')

.PHONY: fresh
fresh: deps-fresh ## Run the README's commands on a new Debian 12, and the lints on another
	@dev/fresh/run

.PHONY: bench
bench: ## Measure the programs beside their peers and write docs/benchmarks.md (takes minutes; use a quiet machine)
	@bench/app/run
	@bench/image/run
	@bench/registry/run
	@bench/node/run
	@bench/balancer/run

.PHONY: test-rendered
test-rendered: deps-test build-all ## Run the tests that need kubectl, or Go to build it: of the manifests as rendered
	@$(cargo_test) --no-fail-fast $(rendered_tests:%=--test %)

.PHONY: release
release: deps-release ## Build static programs, the image and their checksums into target/dist
	@dev/release

.PHONY: ci
ci: ## Run what CI runs: the README and the lints on new machines, Kubernetes, newer containerds and registry
	@dev/ci

.PHONY: deps-cluster deps-containerds deps-crates deps-deploy deps-e2e deps-fresh deps-inspector deps-lint deps-release deps-ship deps-test deps-up deps-vm
deps-cluster deps-containerds deps-crates deps-deploy deps-e2e deps-fresh deps-inspector deps-lint deps-release deps-ship deps-test deps-up deps-vm:
	@dev/install $(@:deps-%=%)

include dev/eks.mk
