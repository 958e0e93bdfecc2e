#!/usr/bin/env bash
# Removes a cluster that `make cluster` made, with its nodes and network.
#
#   dev/eks/cluster-delete.sh CLUSTER REGION
# shellcheck disable=SC1091
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
cluster=$1 region=$2

need_cluster cluster-delete
need aws eksctl kubectl
# A load balancer outlives the controller that could have removed it, and its VPC then cannot go.
left=$(kubectl --context "$cluster.$region" get services,ingresses -A \
    -o jsonpath='{range .items[?(@.status.loadBalancer.ingress)]}{.kind}/{.metadata.name} in {.metadata.namespace}{"\n"}{end}')
[[ -z $left ]] || fail 1 "load balancers are left: ${left//$'\n'/, }" \
    "make undeploy CLUSTER=$cluster REGION=$region, and whatever else made them"
say "Removing cluster $cluster in $region, account $(account)"
eksctl delete cluster --name "$cluster" --region "$region" --disable-nodegroup-eviction=false --wait
