#!/usr/bin/env bash
# Deletes a cluster that `make cluster` created, with its nodes, network, log group and context, and
# reports resources that outlive it.
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

# tagged TAG TYPE...: the AWS resources of these types with the tag. The API server does not know all of
# them, because a load balancer can outlive its Service.
tagged() {
    local tag=$1
    shift
    aws resourcegroupstaggingapi get-resources --region "$region" --tag-filters "$tag" \
        --resource-type-filters "$@" --query 'ResourceTagMappingList[].ResourceARN' --output text
}
balancers() {
    # A leaked security group prevents the VPC's deletion.
    local types=(elasticloadbalancing:loadbalancer elasticloadbalancing:targetgroup ec2:security-group)
    # The tags of the AWS Load Balancer Controller and of EKS Auto Mode.
    tagged "Key=elbv2.k8s.aws/cluster,Values=$cluster" "${types[@]}" \
        && tagged "Key=eks:eks-cluster-name,Values=$cluster" "${types[@]}"
}
# The tags of the EBS driver and of EKS Auto Mode's.
volumes() {
    tagged "Key=kubernetes.io/cluster/$cluster" ec2:volume \
        && tagged "Key=eks:eks-cluster-name,Values=$cluster" ec2:volume
}
words() { tr '\t' '\n' | sort -u | sed '/^None$/d; /^$/d' | paste -sd' '; }

# Services and Ingresses first, because deleting them makes the controller delete the load balancers.
if [[ " $(kubectl config get-contexts -o name | paste -sd' ') " == *" $context "* ]] && cluster_exists; then
    left=$(kubectl --context "$context" get services,ingresses -A \
        -o jsonpath='{range .items[?(@.status.loadBalancer.ingress)]}{.kind}/{.metadata.name} in {.metadata.namespace}{"\n"}{end}') \
        || fail 4 "the cluster does not answer, so its load balancers are not known" \
            "make kubeconfig CLUSTER=$cluster REGION=$region"
    [[ -z $left ]] || fail 1 "the cluster still has load balancers: ${left//$'\n'/, }" \
        "make undeploy CLUSTER=$cluster REGION=$region, and delete the other Services and Ingresses"
fi
left=$(balancers | words)
[[ -z $left ]] || fail 1 "load balancers, target groups or security groups of the cluster outlived their Service: $left" \
    "aws elbv2 delete-load-balancer --load-balancer-arn, then delete-target-group --target-group-arn, then aws ec2 delete-security-group --group-id"

if cluster_exists; then
    say "Deleting cluster $cluster in $region, account $account"
    eksctl delete cluster --name "$cluster" --region "$region" --disable-nodegroup-eviction=false --wait
else
    say "There is no cluster $cluster in $region, account $account; looking for resources that outlived it"
fi

# EKS creates the control plane's log group, and eksctl does not delete it. EKS may recreate it while the
# last logs arrive.
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
[[ -z $left ]] || fail 1 "the log group $logs was recreated" "repeat make cluster-delete in a few minutes"
say "Deleted; the images in ECR are kept"
