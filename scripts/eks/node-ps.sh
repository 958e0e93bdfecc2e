#!/usr/bin/env bash
# Shows a node's pods and containers as containerd has them: runs `nodectl -k ps` in a debug pod on
# that node, and removes the pod again.
#
#   scripts/eks/node-ps.sh NODE CONTEXT REGION REPO PLATFORM
# shellcheck disable=SC1091
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
node=$1 context=$2 region=$3 repo=$4 platform=$5

need kubectl
[[ -n $context ]] || fail 2 "which cluster?" "make node-ps NODE=... CONTEXT=..."
kube() { kubectl --context "$context" "$@"; }
[[ -n $node ]] || fail 2 "which node?" "NODE= one of: $(kube get nodes -o name | sed 's/^node.//' | paste -sd' ')"
kube get node "$node" >/dev/null || fail 2 "context $context has no node $node"

if [[ -z $repo ]]; then
    [[ -n $region ]] || fail 2 "where does nodectl's image go?" "REGION= for ECR, or REPO=registry.example/prefix"
    need aws
    repo=$(account).dkr.ecr.$region.$(registry_domain "$region")
fi
flags=()
[[ $repo != *.dkr.ecr.* ]] || flags+=(--create-repository)
[[ -z ${CA_FILE:-} ]] || flags+=(--ca-file "$CA_FILE")
image=$("$BIN"/imagebuilder build nodectl --repo "$repo" --platform "$platform" "${flags[@]}")

# The debug pod sees the node's file system at /host; containerd's socket is there, and root may
# use it. It is made by hand instead of by `kubectl debug`, whose pods stay behind.
pod=nodectl-$(printf '%s' "$node" | sha256sum | cut -c1-8)-$$
trap 'kube delete pod "$pod" -n kube-system --ignore-not-found --now >/dev/null 2>&1' EXIT
kube apply -n kube-system -f - >/dev/null <<YAML
$(sed -e "s|POD_NAME|$pod|" -e "s|NODE_NAME|$node|" -e "s|IMAGE|$image|" k8s/node-inspector/pod.yaml)
YAML
kube wait -n kube-system --for=jsonpath='{.status.phase}'=Succeeded "pod/$pod" --timeout=120s >/dev/null || {
    kube describe -n kube-system "pod/$pod" >&2
    fail 1 "nodectl did not end on $node"
}
kube logs -n kube-system "$pod"
