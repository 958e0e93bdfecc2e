#!/usr/bin/env bash
# Shows what runs on a node as its containerd has it: runs `nodectl -k ARGS` in a pod on that node,
# and removes the pod again.
#
# The pod is made here instead of by `kubectl debug node/…`, whose pods stay behind, share the node's
# network, and have its whole file system mounted writable.
#
#   dev/eks/node-ps.sh NODE CONTEXT REGION REPO PLATFORM ARGS
# shellcheck disable=SC1091
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
node=$1 context=$2 region=$3 repo=$4 platform=$5
read -ra args <<<"${6:-ps}"
# Where the node's files are, where it is not at the root.
node_root=${NODE_ROOT:-}
# How long the node may take to pull the image and start it, in seconds.
patience=120

need kubectl
need_context "make node-ps NODE=... CLUSTER=hello REGION=eu-west-1"
kube() { kubectl --context "$context" "$@"; }
nodes=$(kube get nodes -o name | sed 's/^node.//' | paste -sd' ') || exit 4
[[ -n $node ]] || fail 2 "which node?" "NODE= one of: $nodes"
[[ " $nodes " == *" $node "* ]] || fail 2 "context $context has no node $node" "NODE= one of: $nodes"
for arg in "${args[@]}"; do
    # They are put into YAML.
    [[ $arg =~ ^[[:alnum:]_./:=@-]+$ ]] || fail 2 "\`$arg\` is no argument of nodectl -k" "such as ARGS=\"inspect POD\""
done

if [[ -z $repo ]]; then
    [[ -n $region ]] || fail 2 "where does nodectl's image go?" "REGION= for ECR, or REPO=registry.example/prefix"
    need aws
    repo=$(account).dkr.ecr.$region.$(registry_domain "$region")
fi
flags=()
[[ $repo != *.dkr.ecr.* ]] || flags+=(--create-repository)
[[ -z ${CA_FILE:-} ]] || flags+=(--ca-file "$CA_FILE")
image=$("$BIN"/imagebuilder build nodectl --repo "$repo" --platform "$platform" "${flags[@]}")

pod=nodectl-$(printf '%s' "$node" | sha256sum | cut -c1-8)-$$
# get JSONPATH: of the pod.
get() { kube get pod "$pod" -n kube-system -o "jsonpath=$1"; }
trap 'kube delete pod "$pod" -n kube-system --ignore-not-found --now >/dev/null 2>&1' EXIT
say "Running nodectl -k ${args[*]} on $node, in pod $pod of kube-system"
sed -e "s|POD_NAME|$pod|" -e "s|NODE_NAME|$node|" -e "s|IMAGE|$image|" -e "s|NODE_ROOT|$node_root|" \
    -e "s|ARGS|[-k$(printf ', "%s"' "${args[@]}")]|" k8s/node-inspector/pod.yaml \
    | kube apply -n kube-system -f - >/dev/null

began=$SECONDS
state='{.status.containerStatuses[0].state'
while :; do
    read -r phase reason message <<<"$(get "{.status.phase} $state.waiting.reason} $state.waiting.message}")"
    [[ $phase == Pending ]] || break
    case $reason in
        *BackOff | CreateContainer*Error | Invalid*) fail 1 "nodectl cannot start on $node: $reason: $message" ;;
    esac
    ((SECONDS - began < patience)) || {
        kube describe pod "$pod" -n kube-system >&2
        fail 1 "nodectl did not start on $node within ${patience}s" "its pod is described above"
    }
    sleep 0.5
done
kube logs --follow "$pod" -n kube-system
# Its log ends a moment before the kubelet has told how it ended.
for _ in {1..50}; do
    code=$(get "$state.terminated.exitCode}")
    [[ -z $code ]] || exit "$code"
    sleep 0.2
done
fail 1 "the kubelet of $node does not say how nodectl ended"
