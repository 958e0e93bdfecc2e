#!/usr/bin/env bash
# Adds the cluster to the kubeconfig, as context CLUSTER.REGION, and keeps the current context, which these
# commands do not use.
#
#   dev/eks/kubeconfig.sh CLUSTER REGION
# shellcheck disable=SC1091
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
cluster=$1 region=$2

need_cluster kubeconfig
need aws kubectl
before=$(kubectl config current-context 2>/dev/null || :)
aws eks update-kubeconfig --name "$cluster" --region "$region" --alias "$cluster.$region" >&2
# `aws eks update-kubeconfig` sets the current context.
[[ -z $before ]] || kubectl config use-context "$before" >/dev/null
say "Context $cluster.$region"
