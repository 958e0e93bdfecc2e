# shellcheck shell=bash
# What the scripts in this folder share.

say() { printf '==> %s\n' "$*" >&2; }
# fail CODE MESSAGE [HINT]: codes as in docs/ARCHITECTURE.md.
fail() {
    printf 'error: %s\n' "$2" >&2
    [[ -z ${3:-} ]] || printf 'hint: %s\n' "$3" >&2
    exit "$1"
}

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

# A cluster is only ever one that was named: a default could be somebody else's.
need_cluster() {
    [[ -n $cluster && -n $region ]] || fail 2 "which cluster?" "make $1 CLUSTER=hello REGION=eu-west-1"
    [[ $cluster =~ ^[a-zA-Z][a-zA-Z0-9-]{0,99}$ ]] \
        || fail 2 "\`$cluster\` is no name for a cluster" "letters, digits and hyphens, a letter first"
    [[ $region =~ ^[a-z]{2}(-[a-z]+)+-[0-9]$ ]] || fail 2 "\`$region\` is no region" "such as eu-west-1"
}

# Those that the kubeconfig has, for a hint.
contexts() { kubectl config get-contexts -o name | paste -sd' '; }

# need_context USAGE: acts on no other context than the one that was named, and no misspelled one.
need_context() {
    [[ -n $context ]] || fail 2 "which cluster?" "$1, or CONTEXT= one of: $(contexts)"
    [[ " $(contexts) " == *" $context "* ]] || fail 2 "the kubeconfig has no context \`$context\`" \
        "make kubeconfig CLUSTER= REGION= adds one; there are: $(contexts)"
}

account() {
    aws sts get-caller-identity --query Account --output text \
        || fail 3 "AWS does not know who you are" "aws configure sso, or export AWS_PROFILE"
}

# The domain of a region's registry: China's is another.
registry_domain() {
    case $1 in cn-*) echo amazonaws.com.cn ;; *) echo amazonaws.com ;; esac
}
