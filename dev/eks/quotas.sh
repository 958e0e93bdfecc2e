# shellcheck shell=bash disable=SC2154  # cluster and region are the sourcing script's
# Checks the account's quotas in the region before a cluster is created: CloudFormation would fail only
# after minutes, and roll back.

# A cluster needs one each of clusters, VPCs and Elastic IP addresses; its initial nodes, in either
# definition, or the nodes for the service's three pods, have this many vCPUs.
node_vcpus=6

# The quotas by service, code and unit. `aws service-quotas list-service-quotas --service-code SERVICE`
# lists the codes.
quotas=(
    "eks L-1194D53C clusters"
    "vpc L-F678F1CE VPCs"
    "ec2 L-0263D0A3 Elastic_IP_addresses"
    "ec2 L-1216C47A vCPUs"
)

# in_use UNIT: the account's usage in the region.
in_use() {
    case $1 in
        clusters) aws eks list-clusters --region "$region" --query 'length(clusters)' --output json ;;
        VPCs) aws ec2 describe-vpcs --region "$region" --query 'length(Vpcs)' --output json ;;
        Elastic_IP_addresses) aws ec2 describe-addresses --region "$region" --query 'length(Addresses)' --output json ;;
        # On-demand instances of the families A, C, D, H, I, M, R, T and Z, which share this quota.
        vCPUs)
            aws ec2 describe-instances --region "$region" \
                --filters Name=instance-state-name,Values=pending,running --output text \
                --query "Reservations[].Instances[?InstanceLifecycle!='spot'][].[InstanceType,CpuOptions.CoreCount,CpuOptions.ThreadsPerCore]" \
                | awk '$1 ~ /^([acdhimrtz]|im|is)[0-9]/ { vcpus += $2 * $3 } END { print vcpus + 0 }'
            ;;
    esac
}

# quota SERVICE CODE: the account's applied quota, or else AWS's default.
quota() {
    local value command
    for command in get-service-quota get-aws-default-service-quota; do
        value=$(aws service-quotas "$command" --region "$region" --service-code "$1" --quota-code "$2" \
            --query Quota.Value --output text 2>/dev/null) || continue
        [[ ! $value =~ ^[0-9]+(\.0+)?$ ]] || { echo "${value%.*}" && return; }
    done
    return 1
}

# check_quotas: fails, listing every quota that the cluster would exceed. Quotas that the credentials may not
# read are reported as not checked.
check_quotas() {
    local entry service code what used limit takes problems=() increases=()
    for entry in "${quotas[@]}"; do
        read -r service code what <<<"$entry"
        takes=1
        [[ $what != vCPUs ]] || takes=$node_vcpus
        if ! limit=$(quota "$service" "$code") || ! used=$(in_use "$what" 2>/dev/null) || [[ ! $used =~ ^[0-9]+$ ]]; then
            say "Not checked: AWS does not report the quota of ${what//_/ } ($code) to these credentials"
            continue
        fi
        ((used + takes > limit)) || continue
        problems+=("$used of $limit ${what//_/ } are in use, and the cluster takes $takes")
        increases+=("aws service-quotas request-service-quota-increase --region $region --service-code $service --quota-code $code --desired-value $((used + takes))")
    done
    ((${#problems[@]})) || return 0
    fail 1 "$region has no room for cluster $cluster: $(joined '; ' "${problems[@]}")" \
        "delete what is not needed, use another region, or: $(joined '; ' "${increases[@]}")"
}

# joined SEPARATOR WORD...
joined() {
    local separator=$1 first=$2
    shift 2
    printf '%s' "$first" "${@/#/$separator}"
}
