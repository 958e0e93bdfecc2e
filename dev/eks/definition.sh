# shellcheck shell=bash disable=SC2154  # cluster and region are the sourcing script's
# The cluster definition for eksctl: with name and region, tags, and access entries.

# tag_lines: the pairs of TAGS=KEY=VALUE,… as lines of YAML. None of the characters that AWS allows in a tag
# needs quoting.
tag_lines() {
    local pair pairs allowed='[[:alnum:] _.:/+@-]'
    IFS=, read -ra pairs <<<"${TAGS:-}"
    for pair in "${pairs[@]}"; do
        [[ $pair =~ ^$allowed{1,128}=($allowed|=){0,256}$ && ! ${pair,,} =~ ^(aws|eks): ]] \
            || fail 2 "invalid tag \`$pair\`" "TAGS=KEY=VALUE,KEY=VALUE of letters, digits, spaces and _ . : / + - @"
        printf '    "%s": "%s"\n' "${pair%%=*}" "${pair#*=}"
    done
}

# principals SETTING...: the ARNs in these settings, one per line. Only roles and users of IAM: an access
# entry is for a role, not for a session of it.
principals() {
    local setting arn arns pattern='^arn:aws[a-z-]*:iam::[0-9]{12}:(role|user)/[[:alnum:]_+=.@/-]+$'
    for setting in "$@"; do
        IFS=, read -ra arns <<<"${!setting:-}"
        for arn in "${arns[@]}"; do
            [[ ! $arn =~ ^arn:aws[a-z-]*:sts::.*:assumed-role/ ]] \
                || fail 2 "\`$arn\` in $setting= is a session, and an access entry needs a role" \
                    "aws iam get-role --role-name $(cut -d/ -f2 <<<"$arn") --query Role.Arn"
            [[ $arn =~ $pattern ]] || fail 2 "invalid principal \`$arn\` in $setting=" \
                "$setting=arn:aws:iam::123456789012:role/NAME,arn:aws:iam::123456789012:user/NAME"
            echo "$arn"
        done
    done
}

# with_access: the principals with access to the cluster, with blanks around each. The creator of a cluster
# gets an entry from EKS.
with_access() {
    local entries='' caller role name arn
    if cluster_exists; then
        entries=$(aws eks list-access-entries --cluster-name "$cluster" --region "$region" \
            --query 'accessEntries[]' --output text) || exit
    else
        caller=$(aws sts get-caller-identity --query Arn --output text) || exit
        if [[ $caller =~ ^(arn:[^:]+):sts::([0-9]+):assumed-role/([^/]+)/ ]]; then
            role=${BASH_REMATCH[1]}:iam::${BASH_REMATCH[2]}:role/ name=${BASH_REMATCH[3]}
            # A session's ARN lacks the path of its role.
            for arn in $(principals ADMINS DEPLOYERS); do
                [[ $arn != "$role"* || ${arn##*/} != "$name" ]] || entries+=" $arn"
            done
        else
            entries=$caller
        fi
    fi
    tr '\t\n' '  ' <<<" $entries"
}

# access_lines: the access entries of ADMINS= and DEPLOYERS= that are missing, as lines of YAML.
access_lines() {
    local setting arn arns known lines='' seen=' '
    [[ -n ${ADMINS:-}${DEPLOYERS:-} ]] || return 0
    principals ADMINS DEPLOYERS >/dev/null
    known=$(with_access) || exit
    for setting in ADMINS DEPLOYERS; do
        arns=$(principals "$setting")
        for arn in $arns; do
            [[ $seen != *" $arn "* ]] || fail 2 "\`$arn\` is given twice" "either in ADMINS= or in DEPLOYERS="
            seen+="$arn "
            if [[ $known == *" $arn "* ]]; then
                say "$arn has an access entry already; its permissions are not changed"
                continue
            fi
            lines+="    - principalARN: \"$arn\"
"
            if [[ $setting == ADMINS ]]; then
                lines+="      accessPolicies:
        - policyARN: ${arn%%:iam:*}:eks::aws:cluster-access-policy/AmazonEKSClusterAdminPolicy
          accessScope: {type: cluster}
"
            else
                # k8s/iam/deployer-role.yaml has the group's permissions.
                lines+="      kubernetesGroups: [deployers]
"
            fi
        done
    done
    [[ -z $lines ]] || printf '  accessEntries:\n%s' "$lines"
}

# write_definition DEFINITION FILE: writes it with the cluster's name and region, each of which occurs once
# under `metadata:`, the tags of TAGS=, and the access entries of ADMINS= and DEPLOYERS=.
write_definition() {
    local tags access
    tags=$(tag_lines) || exit
    access=$(access_lines) || exit
    sed -e "/^metadata:/,/^[^ ]/ s/^  name: .*/  name: $cluster/" \
        -e "/^metadata:/,/^[^ ]/ s/^  region: .*/  region: $region/" "$1" \
        | awk -v tags="$tags" -v access="$access" '{ print }
            /^  tags:$/ && tags != "" { print tags }
            /^  authenticationMode: / && access != "" { print access }' >"$2"
}
