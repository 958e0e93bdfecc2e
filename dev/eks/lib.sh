# shellcheck shell=bash disable=SC1091,SC2154  # cluster, region and context are the sourcing script's
# Shared by the scripts in this folder. They call aws, eksctl and helm; everything about the service itself
# is in `ship`.
source "$(dirname "${BASH_SOURCE[0]}")/../messages.sh"

# The chart of the AWS Load Balancer Controller, of the same version as the controller. eksctl's policy
# awsLoadBalancerController covers the calls of this version.
controller_version=3.5.0

need() {
    local command
    for command in "$@"; do
        command -v "$command" >/dev/null || case $command in
            aws) fail 2 "aws is missing" "https://docs.aws.amazon.com/cli/latest/userguide/getting-started-install.html" ;;
            eksctl) fail 2 "eksctl is missing" "https://docs.aws.amazon.com/eks/latest/eksctl/installation.html" ;;
            helm) fail 2 "helm is missing" "https://helm.sh/docs/intro/install" ;;
            kubectl) fail 2 "kubectl is missing" "https://kubernetes.io/docs/tasks/tools" ;;
            *) fail 2 "$command is missing" ;;
        esac
    done
}

# need_cluster TARGET: there is no default, to avoid using the wrong cluster.
need_cluster() {
    [[ -n $cluster && -n $region ]] || fail 2 "CLUSTER= and REGION= are required" "make $1 CLUSTER=hello REGION=eu-west-1"
    [[ $cluster =~ ^[a-zA-Z][a-zA-Z0-9-]{0,99}$ ]] \
        || fail 2 "invalid cluster name \`$cluster\`: expected letters, digits and hyphens, a letter first" \
            "make $1 CLUSTER=hello REGION=$region"
    [[ $region =~ ^[a-z]{2,4}(-[a-z]+)+-[0-9]+$ ]] \
        || fail 2 "invalid region \`$region\`" "one such as eu-west-1"
}

account() {
    aws sts get-caller-identity --query Account --output text \
        || fail 3 "AWS credentials are missing or were refused" "aws sso login, or export AWS_PROFILE"
}

# The definition of the cluster for an overlay.
definition_for() {
    case $1 in
        eks) echo k8s/cluster.yaml ;;
        eks-auto) echo k8s/cluster-auto.yaml ;;
        *) fail 2 "there is no cluster for the overlay \`$1\`" "OVERLAY=eks or OVERLAY=eks-auto" ;;
    esac
}

cluster_exists() { eksctl get cluster --name "$cluster" --region "$region" >/dev/null 2>&1; }

# Installs or upgrades the controller. Its CRDs are applied separately, since helm never upgrades a chart's
# CRDs.
install_controller() {
    local vpc chart=(aws-load-balancer-controller --repo https://aws.github.io/eks-charts --version "$controller_version")
    say "Installing the AWS Load Balancer Controller $controller_version"
    vpc=$(aws eks describe-cluster --name "$cluster" --region "$region" \
        --query cluster.resourcesVpcConfig.vpcId --output text)
    helm show crds "${chart[@]}" \
        | kubectl --context "$cluster.$region" apply --server-side --force-conflicts -f - >&2
    # The VPC and the region are explicit, since pods cannot use the instance metadata service.
    # failurePolicy=Fail: pods are refused, and retried by their ReplicaSet, while the controller does not
    # answer. It applies only to namespaces with the label for gates.
    helm upgrade --install aws-load-balancer-controller "${chart[@]}" \
        --kube-context "$cluster.$region" --namespace kube-system --wait --timeout 10m \
        --set "clusterName=$cluster" --set "region=$region" --set "vpcId=$vpc" \
        --set serviceAccount.name=aws-load-balancer-controller \
        --set podMutatorWebhookConfig.failurePolicy=Fail >&2
}
