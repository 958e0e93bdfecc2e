# Included by the Makefile, which sets BIN and has the target `build`.
#
# Amazon EKS, or any other Kubernetes. Each target reports missing requirements and its progress, uses only
# the given context, and is idempotent. docs/eks.md explains them.

# The cluster's name and region: `make cluster` creates it and `make kubeconfig` adds it.
CLUSTER ?=
REGION ?=
# The folder below k8s/overlays.
OVERLAY ?= eks
# The context of the kubeconfig; `make kubeconfig` names it CLUSTER.REGION.
named := $(if $(and $(CLUSTER),$(REGION)),$(CLUSTER).$(REGION))
CONTEXT ?= $(named)
# As after `source target/cluster/env`: ambiguous, so refused.
ifeq ($(origin CONTEXT),environment)
ifneq ($(and $(named),$(filter-out $(named),$(CONTEXT))),)
$(error CONTEXT is $(CONTEXT) in the environment, and CLUSTER and REGION mean $(named): unset CONTEXT, or leave them out)
endif
endif
# The registry and prefix to push images to. By default ECR in REGION, in the account of the AWS
# credentials in use.
REPO ?=
# A known image, NAME@sha256:…, to deploy instead of building one.
IMAGE ?=
# The properties of one deployment, so that several of an overlay can share a cluster. Only from the command
# line: shells and WSL export variables with these names.
#   NAME, NAMESPACE   instead of the overlay's
#   HOST, CERTIFICATE its host name, and the ARN of the certificate for it
#   COMPONENTS        of those that the overlay lists, such as monitoring,internal
#   TAGS              KEY=VALUE,… of its AWS resources
own := NAME NAMESPACE HOST CERTIFICATE COMPONENTS TAGS
given = $(if $(filter environment undefined default,$(origin $1)),,$($1))
# Also only from the command line, for `make cluster`: the ARNs of the IAM roles and users that administer
# the cluster (ADMINS), or may run `make deploy` and the related targets (DEPLOYERS).
# The platforms of the nodes.
PLATFORM ?= linux/amd64,linux/arm64
URL ?=
# Without a default, on the command line or in the environment: CA_FILE, the CA of the registry's
# certificate if it is not public; SERVICE_CA, the CA of the service's certificate; TEST_FROM, here or
# cluster; TIMEOUT (without progress) and BALANCER_TIMEOUT of a deploy, such as 20m.
# The arguments of `nodectl -k`, and the node.
ARGS ?= ps
NODE ?=

ship = $(BIN)/ship
# A value as one word of the shell, whatever it contains.
quoted = '$(subst ','\'',$1)'
# --OPTION=VALUE, if there is a value; it may begin with a hyphen.
option = $(if $2,--$1=$(call quoted,$2))
ship_own = $(foreach one,$(own),$(call option,$(option.$(one)),$(call given,$(one))))
option.NAME := name
option.NAMESPACE := namespace
option.HOST := host
option.CERTIFICATE := certificate
option.COMPONENTS := component
option.TAGS := tags
ship_overlay = --overlay=$(call quoted,k8s/overlays/$(OVERLAY)) $(ship_own) $(call option,cluster,$(CLUSTER))
ship_context = --context=$(call quoted,$(CONTEXT))
ship_flags = $(ship_context) $(ship_overlay)
# Where the image is, or is pushed to.
ship_image = $(or $(call option,image,$(IMAGE)),$(call option,repo,$(REPO))) $(call option,region,$(REGION))
# The options of commands that need an image.
ship_source = $(ship_image) --platform=$(call quoted,$(PLATFORM)) --imagebuilder $(BIN)/imagebuilder $(call option,ca-file,$(CA_FILE))
# The options of commands that test the service.
ship_test = $(call option,service-ca,$(SERVICE_CA)) $(call option,test-from,$(TEST_FROM))

eks_cluster = $(call quoted,$(CLUSTER)) $(call quoted,$(REGION))

.PHONY: build-ship
build-ship: deps-ship
	@cargo build --locked --package imagebuilder --package ship || dev/build-failed

##@ On Amazon EKS, or any Kubernetes
.PHONY: cluster
cluster: ## Create an EKS cluster, or its missing parts: CLUSTER= REGION= [OVERLAY=eks|eks-auto ADMINS= DEPLOYERS=]
	@TAGS=$(call quoted,$(call given,TAGS)) ADMINS=$(call quoted,$(call given,ADMINS)) \
		DEPLOYERS=$(call quoted,$(call given,DEPLOYERS)) dev/eks/cluster.sh $(eks_cluster) $(call quoted,$(OVERLAY))

.PHONY: cluster-upgrade
cluster-upgrade: ## Upgrade it to the Kubernetes version of its definition: CLUSTER= REGION= [OVERLAY=]
	@dev/eks/cluster-upgrade.sh $(eks_cluster) $(call quoted,$(OVERLAY))

.PHONY: kubeconfig
kubeconfig: ## Add it to the kubeconfig: CLUSTER= REGION=
	@dev/eks/kubeconfig.sh $(eks_cluster)

.PHONY: preflight
preflight: build-ship ## Check in seconds whether a deploy can succeed: CLUSTER= REGION=, or CONTEXT= OVERLAY=
	@$(ship) preflight $(ship_flags) $(ship_image)

.PHONY: deploy
deploy: deps-deploy build-ship ## Build, push, roll out and test: CLUSTER= REGION=, or CONTEXT= REPO= OVERLAY= [IMAGE= NAME= HOST= …]
	@$(ship) deploy $(ship_flags) $(ship_source) $(ship_test) \
		$(call option,timeout,$(TIMEOUT)) $(call option,balancer-timeout,$(BALANCER_TIMEOUT))

.PHONY: render
render: deps-deploy build-ship ## Print the manifests, by digest, for Argo CD or Flux: OVERLAY= REPO= or IMAGE= [OUT=FILE]
	@$(ship) render $(ship_overlay) $(ship_source) $(call option,output,$(call given,OUT))

.PHONY: diff
diff: deps-deploy build-ship ## Show what a deploy would change: as for deploy
	@$(ship) diff $(ship_flags) $(ship_source)

.PHONY: smoke
smoke: build-ship ## Test a running service: URL=, or CONTEXT= OVERLAY=
	@$(ship) smoke $(ship_test) $(if $(URL),-- $(call quoted,$(URL)),$(ship_flags))

.PHONY: rollout-test
rollout-test: build-ship ## Restart, scale and delete pods under load; 0 requests may fail: CONTEXT= OVERLAY=
	@$(ship) rollout-test $(ship_flags)

.PHONY: status
status: build-ship ## Show what runs: CONTEXT= OVERLAY=
	@$(ship) status $(ship_flags)

.PHONY: undeploy
undeploy: build-ship ## Delete the service, its load balancer first: CONTEXT= OVERLAY= [DELETE_DATA=1]
	@$(ship) undeploy $(ship_flags) $(if $(DELETE_DATA),--delete-data)

.PHONY: cluster-delete
cluster-delete: ## Delete the cluster and everything eksctl created for it: CLUSTER= REGION=
	@dev/eks/cluster-delete.sh $(eks_cluster)

.PHONY: node-ps
node-ps: deps-inspector build-ship ## Run nodectl -k on a node of the cluster: NODE= CLUSTER= REGION= [ARGS="inspect POD"]
	@read -ra args <<<$(call quoted,$(ARGS)); $(ship) node $(ship_context) $(ship_source) -- $(call quoted,$(NODE)) "$${args[@]}"

.PHONY: cluster-up cluster-down
cluster-up: deps-cluster ## Start a real single-node Kubernetes on this machine, as the tests do
	@dev/cluster/up
cluster-down: ## Stop it and remove everything that it created
	@dev/cluster/down
