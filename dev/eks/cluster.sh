#!/usr/bin/env bash
# Creates an EKS cluster from k8s/cluster.yaml, or from cluster-auto.yaml for the overlay eks-auto,
# and installs the load balancer controller. Repeated, it creates missing parts: after a creation that
# failed half-way, or after additions to the definition.
#
#   [TAGS=KEY=VALUE,… ADMINS=ARN,… DEPLOYERS=ARN,…] dev/eks/cluster.sh CLUSTER REGION OVERLAY
# shellcheck disable=SC1091
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
source "$(dirname "${BASH_SOURCE[0]}")/definition.sh"
source "$(dirname "${BASH_SOURCE[0]}")/quotas.sh"
cluster=$1 region=$2 overlay=$3

need_cluster cluster
definition=$(definition_for "$overlay")
need aws eksctl kubectl
[[ $overlay == eks-auto ]] || need helm
account=$(account)

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
write_definition "$definition" "$work/cluster.yaml"

# create_missing: eksctl skips parts that exist as defined.
create_missing() {
    local associations support
    if [[ $overlay == eks ]]; then
        eksctl create nodegroup -f "$work/cluster.yaml"
    fi
    eksctl create addon -f "$work/cluster.yaml"
    ! grep -q '^  accessEntries:' "$work/cluster.yaml" || eksctl create accessentry -f "$work/cluster.yaml"
    eksctl utils update-cluster-logging -f "$work/cluster.yaml" --approve
    eksctl utils update-zonal-shift-config -f "$work/cluster.yaml"
    # eksctl has no command for this setting.
    support=$(aws eks describe-cluster --name "$cluster" --region "$region" \
        --query cluster.upgradePolicy.supportType --output text)
    if [[ $support != STANDARD ]]; then
        aws eks update-cluster-config --name "$cluster" --region "$region" \
            --upgrade-policy supportType=STANDARD >/dev/null
        aws eks wait cluster-active --name "$cluster" --region "$region"
    fi
    if [[ $overlay == eks ]]; then
        associations=$(aws eks list-pod-identity-associations --cluster-name "$cluster" --region "$region" \
            --namespace kube-system --service-account aws-load-balancer-controller \
            --query 'associations[].associationId' --output text)
        [[ -n $associations ]] || eksctl create podidentityassociation -f "$work/cluster.yaml"
    fi
}

if cluster_exists; then
    say "Cluster $cluster exists in $region, account $account; creating missing parts"
    create_missing
else
    check_quotas
    say "Creating cluster $cluster in $region, account $account, from $definition"
    say "This takes about 20 minutes; the cluster costs money until it is deleted: docs/eks.md"
    # The kubeconfig is written below, without making the cluster the current context.
    eksctl create cluster -f "$work/cluster.yaml" --write-kubeconfig=false
fi
dev/eks/kubeconfig.sh "$cluster" "$region"
kubectl --context "$cluster.$region" apply --server-side --force-conflicts -f k8s/iam/deployer-role.yaml >&2
[[ $overlay != eks ]] || install_controller
say "Ready: make deploy CLUSTER=$cluster REGION=$region OVERLAY=$overlay"
