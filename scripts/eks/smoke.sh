#!/usr/bin/env bash
# Tests the service at URL, or where the overlay's load balancer is in the named context.
#
#   scripts/eks/smoke.sh URL CONTEXT OVERLAY
# shellcheck disable=SC1091
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
url=$1 context=$2 overlay=$3

if [[ -z $url ]]; then
    [[ -n $context ]] || fail 2 "which service?" "make smoke URL=http://127.0.0.1:8080/, or CONTEXT="
    url=$("$BIN"/ship url --context "$context" --overlay "k8s/overlays/$overlay")
fi
exec "$BIN"/ship smoke "$url"
