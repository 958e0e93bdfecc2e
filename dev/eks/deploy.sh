#!/usr/bin/env bash
# Deploys; the work is `ship deploy`. What is decided here is where images go: ECR in the account
# of the caller's credentials, unless REPO names another registry.
#
#   dev/eks/deploy.sh CONTEXT REGION OVERLAY REPO PLATFORM
# shellcheck disable=SC1091
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
context=$1 region=$2 overlay=$3 repo=$4 platform=$5

need kubectl
need_context "make deploy CLUSTER=hello REGION=eu-west-1"
flags=()
if [[ -z $repo ]]; then
    [[ -n $region ]] || fail 2 "where do images go?" "REGION= for ECR, or REPO=registry.example/prefix"
    need aws
    repo=$(account).dkr.ecr.$region.$(registry_domain "$region")
fi
[[ $repo != *.dkr.ecr.* ]] || flags+=(--create-repository)
# A registry whose certificate is not signed by a public CA.
[[ -z ${CA_FILE:-} ]] || flags+=(--ca-file "$CA_FILE")
say "Deploying overlay $overlay to context $context; images go to $repo"
exec "$BIN"/ship deploy --context "$context" --overlay "k8s/overlays/$overlay" \
    --imagebuilder "$BIN"/imagebuilder --repo "$repo" --platform "$platform" \
    ${TIMEOUT:+--timeout "$TIMEOUT"} ${BALANCER_TIMEOUT:+--balancer-timeout "$BALANCER_TIMEOUT"} \
    "${flags[@]}"
