#!/usr/bin/env bash
# Makes an EKS cluster from k8s/cluster.yaml, or cluster-auto.yaml for the overlay eks-auto, and
# installs the load balancer controller. Repeated, it brings what is missing.
#
#   dev/eks/cluster.sh CLUSTER REGION OVERLAY
# shellcheck disable=SC1091
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
cluster=$1 region=$2 overlay=$3
# The chart of the AWS Load Balancer Controller; it carries the CRDs of its version.
chart_version=1.14.0

need_cluster cluster
case $overlay in
    eks) definition=k8s/cluster.yaml ;;
    eks-auto) definition=k8s/cluster-auto.yaml ;;
    *) fail 2 "there is no cluster for the overlay \`$overlay\`" "OVERLAY=eks or OVERLAY=eks-auto" ;;
esac
need aws eksctl kubectl
[[ $overlay == eks-auto ]] || need helm
account=$(account)

# Only the name and the region are set from outside; both stand once, under `metadata:`.
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
sed -e "/^metadata:/,/^[^ ]/ s/^  name: .*/  name: $cluster/" \
    -e "/^metadata:/,/^[^ ]/ s/^  region: .*/  region: $region/" \
    -e "s/roleName: rust-k8s-/roleName: $cluster-/" "$definition" >"$work/cluster.yaml"

if eksctl get cluster --name "$cluster" --region "$region" >/dev/null 2>&1; then
    say "Cluster $cluster is there in $region, account $account; leaving it as it is"
else
    say "Making cluster $cluster in $region, account $account, from $definition"
    say "This takes about 20 minutes, and costs money from then on: docs/eks.md"
    eksctl create cluster -f "$work/cluster.yaml"
fi
dev/eks/kubeconfig.sh "$cluster" "$region"

if [[ $overlay == eks ]]; then
    say "Installing the AWS Load Balancer Controller"
    vpc=$(aws eks describe-cluster --name "$cluster" --region "$region" \
        --query cluster.resourcesVpcConfig.vpcId --output text)
    # The VPC and the region are stated, since pods cannot ask the instance metadata service.
    helm upgrade --install aws-load-balancer-controller aws-load-balancer-controller \
        --repo https://aws.github.io/eks-charts --version "$chart_version" \
        --kube-context "$cluster.$region" --namespace kube-system --wait --timeout 10m \
        --set "clusterName=$cluster" --set "region=$region" --set "vpcId=$vpc" \
        --set serviceAccount.name=aws-load-balancer-controller >&2
fi
say "Ready: make deploy CLUSTER=$cluster REGION=$region OVERLAY=$overlay"
