#!/usr/bin/env bash
# Upgrades a cluster to the Kubernetes version of its definition, one minor version at a time as EKS
# requires: control plane, add-ons, nodes; then the load balancer controller. EKS Auto Mode replaces its
# nodes itself.
#
#   dev/eks/cluster-upgrade.sh CLUSTER REGION OVERLAY
# shellcheck disable=SC1091
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
source "$(dirname "${BASH_SOURCE[0]}")/definition.sh"
cluster=$1 region=$2 overlay=$3
# Only for `make cluster`; ignored here even if set in the environment.
# shellcheck disable=SC2034  # for definition.sh
TAGS='' ADMINS='' DEPLOYERS=''

need_cluster cluster-upgrade
definition=$(definition_for "$overlay")
need aws eksctl kubectl
[[ $overlay == eks-auto ]] || need helm
account=$(account)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
write_definition "$definition" "$work/cluster.yaml"

target=$(sed -n 's/^  version: "\([0-9.]*\)"$/\1/p' "$definition")
current() {
    aws eks describe-cluster --name "$cluster" --region "$region" --query cluster.version --output text
}
version=$(current)
say "Cluster $cluster in $region, account $account, has Kubernetes $version; the definition has $target"
((${version#*.} <= ${target#*.})) \
    || fail 2 "the cluster is newer than the definition" "EKS does not downgrade; update version: in $definition"

# EKS's upgrade insights: removed APIs in use, node versions that are too old.
errors=$(aws eks list-insights --cluster-name "$cluster" --region "$region" \
    --filter categories=UPGRADE_READINESS,statuses=ERROR --query 'insights[].name' --output text)
[[ -z $errors ]] || fail 1 "EKS reports that the cluster is not ready for an upgrade: $errors" \
    "aws eks list-insights and describe-insight have the details"

while ((${version#*.} < ${target#*.})); do
    next=${version%%.*}.$((${version#*.} + 1))
    say "Upgrading the control plane from $version to $next"
    sed "s/^  version: .*/  version: \"$next\"/" "$work/cluster.yaml" >"$work/next.yaml"
    eksctl upgrade cluster -f "$work/next.yaml" --approve
    version=$(current)
    [[ $version == "$next" ]] || fail 1 "the control plane still has $version" "aws eks list-updates"
    say "Upgrading the add-ons"
    eksctl update addon -f "$work/next.yaml"
    if [[ $overlay == eks ]]; then
        for group in $(aws eks list-nodegroups --cluster-name "$cluster" --region "$region" \
            --query 'nodegroups[]' --output text); do
            say "Replacing the nodes of $group"
            eksctl upgrade nodegroup --cluster "$cluster" --region "$region" --name "$group" \
                --kubernetes-version "$next"
        done
    fi
done
[[ $overlay != eks ]] || install_controller
say "Cluster $cluster has Kubernetes $version"
