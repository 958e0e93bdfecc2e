# Included by the Makefile, which sets BIN and has the target `build`.
#
# To Amazon EKS, or any other Kubernetes. Each target says what it needs and will do, acts on the
# context it is told and no other, and can be repeated. docs/eks.md walks through them.

# The cluster's name and region: what `make cluster` makes and `make kubeconfig` knows.
CLUSTER ?=
REGION ?=
# The folder below k8s/overlays.
OVERLAY ?= eks
# The kubeconfig's context; `make kubeconfig` names it CLUSTER.REGION.
named := $(if $(and $(CLUSTER),$(REGION)),$(CLUSTER).$(REGION))
CONTEXT ?= $(named)
# As after `source target/cluster/env`: which of the two is meant is not guessed.
ifeq ($(origin CONTEXT),environment)
ifneq ($(and $(named),$(filter-out $(named),$(CONTEXT))),)
$(error CONTEXT is $(CONTEXT) in the environment, and CLUSTER and REGION mean $(named): unset CONTEXT, or leave them out)
endif
endif
# Where images are pushed: a registry and a prefix. ECR in the account of your credentials, unless
# another is named.
REPO ?=
# What the nodes run on.
PLATFORM ?= linux/amd64,linux/arm64
URL ?=
# By name alone, on the command line or in the environment: CA_FILE, the CA of a registry whose
# certificate is not signed by a public one; TIMEOUT and BALANCER_TIMEOUT of a deploy, such as 20m.
# What nodectl is asked for, and where.
ARGS ?= ps
NODE ?=

ship = $(BIN)/ship
# For the scripts.
export BIN
ship_flags = --context "$(CONTEXT)" --overlay k8s/overlays/$(OVERLAY)

.PHONY: build-ship
build-ship: deps-up
	@cargo build --locked --package imagebuilder --package ship

##@ On Amazon EKS, or any Kubernetes
.PHONY: cluster
cluster: ## Make an EKS cluster: CLUSTER= REGION= [OVERLAY=eks|eks-auto]
	@dev/eks/cluster.sh "$(CLUSTER)" "$(REGION)" "$(OVERLAY)"

.PHONY: kubeconfig
kubeconfig: ## Let kubectl reach it: CLUSTER= REGION=
	@dev/eks/kubeconfig.sh "$(CLUSTER)" "$(REGION)"

.PHONY: deploy
deploy: deps-deploy build-ship ## Build, push, roll out and test: CLUSTER= REGION=, or CONTEXT= REPO= OVERLAY=
	@dev/eks/deploy.sh "$(CONTEXT)" "$(REGION)" "$(OVERLAY)" "$(REPO)" "$(PLATFORM)"

.PHONY: smoke
smoke: build-ship ## Test a running service: URL=, or CONTEXT= OVERLAY=
	@$(ship) smoke $(if $(URL),"$(URL)",$(ship_flags))

.PHONY: rollout-test
rollout-test: build-ship ## Restart, scale and kill pods under load; 0 requests may fail: CONTEXT= OVERLAY=
	@$(ship) rollout-test $(ship_flags)

.PHONY: status
status: build-ship ## Show what runs: CONTEXT= OVERLAY=
	@$(ship) status $(ship_flags)

.PHONY: undeploy
undeploy: build-ship ## Remove the service, its load balancer first: CONTEXT= OVERLAY= [DELETE_DATA=1]
	@$(ship) undeploy $(ship_flags) $(if $(DELETE_DATA),--delete-data)

.PHONY: cluster-delete
cluster-delete: ## Remove the cluster and everything eksctl made for it: CLUSTER= REGION=
	@dev/eks/cluster-delete.sh "$(CLUSTER)" "$(REGION)"

.PHONY: node-ps
node-ps: deps-deploy build ## nodectl -k on a node of the cluster: NODE= CLUSTER= REGION= [ARGS="inspect POD"]
	@dev/eks/node-ps.sh "$(NODE)" "$(CONTEXT)" "$(REGION)" "$(REPO)" "$(PLATFORM)" "$(ARGS)"

.PHONY: cluster-up cluster-down
cluster-up: deps-cluster ## Start a real single-node Kubernetes on this machine, as the tests do
	@dev/cluster/up
cluster-down: ## Take it away again
	@dev/cluster/down
