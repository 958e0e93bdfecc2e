#!/usr/bin/env bash
# Deletes a cluster that `make cluster` created, with its nodes, its network, its log group and its
# context, and reports what outlives it.
#
#   dev/eks/cluster-delete.sh CLUSTER REGION
# shellcheck disable=SC1091
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
cluster=$1 region=$2
context=$cluster.$region

need_cluster cluster-delete
need aws eksctl kubectl
account=$(account)

# tagged TAG TYPE...: what AWS has of these types with the tag. The API server is not the one to
# ask: a load balancer can outlive its Service, and then nothing in the cluster knows of it.
tagged() {
    local tag=$1
    shift
    aws resourcegroupstaggingapi get-resources --region "$region" --tag-filters "$tag" \
        --resource-type-filters "$@" --query 'ResourceTagMappingList[].ResourceARN' --output text
}
balancers() {
    # A security group that is left keeps the VPC from being deleted.
    local types=(elasticloadbalancing:loadbalancer elasticloadbalancing:targetgroup ec2:security-group)
    # Of the AWS Load Balancer Controller, and of EKS Auto Mode.
    tagged "Key=elbv2.k8s.aws/cluster,Values=$cluster" "${types[@]}" \
        && tagged "Key=eks:eks-cluster-name,Values=$cluster" "${types[@]}"
}
# The tags of the EBS driver, and of EKS Auto Mode's.
volumes() {
    tagged "Key=kubernetes.io/cluster/$cluster" ec2:volume \
        && tagged "Key=eks:eks-cluster-name,Values=$cluster" ec2:volume
}
words() { tr '\t' '\n' | sort -u | sed '/^None$/d; /^$/d' | paste -sd' '; }

# Services and Ingresses first, since deleting those is what deletes load balancers properly.
if [[ " $(kubectl config get-contexts -o name | paste -sd' ') " == *" $context "* ]] && cluster_exists; then
    left=$(kubectl --context "$context" get services,ingresses -A \
        -o jsonpath='{range .items[?(@.status.loadBalancer.ingress)]}{.kind}/{.metadata.name} in {.metadata.namespace}{"\n"}{end}') \
        || fail 4 "the cluster does not answer, so its load balancers are not known" \
            "make kubeconfig CLUSTER=$cluster REGION=$region"
    [[ -z $left ]] || fail 1 "the cluster still has load balancers: ${left//$'\n'/, }" \
        "make undeploy CLUSTER=$cluster REGION=$region, and delete what else created them"
fi
left=$(balancers | words)
[[ -z $left ]] || fail 1 "load balancers, target groups or security groups of the cluster outlived their Service: $left" \
    "aws elbv2 delete-load-balancer --load-balancer-arn, then delete-target-group --target-group-arn, then aws ec2 delete-security-group --group-id"

if cluster_exists; then
    say "Deleting cluster $cluster in $region, account $account"
    eksctl delete cluster --name "$cluster" --region "$region" --disable-nodegroup-eviction=false --wait
else
    say "There is no cluster $cluster in $region, account $account; looking for what it left"
fi

# EKS creates the log group of the control plane, and eksctl does not delete it. It may create the
# group again while its last logs arrive.
logs=/aws/eks/$cluster/cluster
groups() {
    aws logs describe-log-groups --log-group-name-prefix "$logs" --region "$region" \
        --query "logGroups[?logGroupName=='$logs'].logGroupName" --output text | words
}
left=$(groups)
[[ -z $left ]] || aws logs delete-log-group --log-group-name "$logs" --region "$region"
kubectl config delete-context "$context" >/dev/null 2>&1 || :
left=$(volumes | words)
[[ -z $left ]] || fail 1 "volumes outlived the cluster, with their data: $left" \
    "aws ec2 delete-volume --volume-id, for those that are not needed"
left=$(groups)
[[ -z $left ]] || fail 1 "the log group $logs is there again" "make cluster-delete once more, in some minutes"
say "Deleted; the images in ECR stay"
