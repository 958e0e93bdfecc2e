# shellcheck shell=bash disable=SC2034,SC2100  # the names are for the scripts that source this
# Shared by `up`, `down`, `run` and `eks-api`: paths and names, and functions that start and stop processes.
#
# The PID and start time of every process are recorded in a file, so that no other process is ever
# signalled: the kernel may reuse a PID.

PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
here=$root/dev/cluster

dir=${CLUSTER_DIR:-$root/target/cluster}
socket=$dir/containerd.sock
# Below this directory, files have their paths on an ordinary node.
node_root=$dir/node
context=rust-k8s-local
# The context and port of the API server that `eks-api` starts.
eks_context=rust-k8s-eks
eks_port=6444
node=node-1
zone=local-1a

# A bridge without ports substitutes for the node's network card, so that the cluster does not use the
# machine's addresses.
node_link=kube-node0
node_ip=10.123.0.1
pod_link=kube-pods0
# The network's name in CNI's files in /var/lib/cni/results.
pod_network=rust-k8s-pods
pod_cidr=10.244.0.0/16
service_cidr=10.96.0.0/16
# A load balancer's address is its Service's cluster address mapped into this range: unique without a
# list.
balancer_cidr=10.97.0.0/16

# A host name of ECR's form; the registry listens on the node's address, with a certificate of the
# cluster's CA.
registry=123456789012.dkr.ecr.eu-west-1.amazonaws.com
registry_user=AWS

# Kernel settings that the kubelet, kube-proxy and `up` change, and `down` restores.
sysctls=(
    net.ipv4.ip_forward net.bridge.bridge-nf-call-iptables
    vm.overcommit_memory kernel.panic kernel.panic_on_oops
    net.ipv4.conf.all.route_localnet net.netfilter.nf_conntrack_tcp_be_liberal
)

source "$here/../messages.sh"

# The start time of a process, in clock ticks after boot (proc(5), field 22 of stat). The name in
# parentheses may contain spaces, so the fields are counted after it.
started_at() {
    local stat
    stat=$(cat "/proc/$1/stat" 2>/dev/null) || return 1
    # shellcheck disable=SC2086  # split on purpose
    set -- ${stat##*) }
    [[ $1 != Z ]] && printf '%s\n' "${20}"
}

# start NAME COMMAND...: starts it in its own session, with its output in logs/NAME.log.
start() {
    local name=$1 pid
    shift
    # It must not inherit open files such as locks, which would then outlive this script.
    setsid "$@" </dev/null >"$dir/logs/$name.log" 2>&1 9>&- &
    pid=$!
    printf '%s %s\n' "$pid" "$(started_at "$pid")" >"$dir/run/$name"
}

running() {
    local pid began
    read -r pid began 2>/dev/null <"$dir/run/$1" || return 1
    [[ $(started_at "$pid") == "$began" ]]
}

# stop NAME [SECONDS]: SIGTERM, and SIGKILL after the timeout.
stop() {
    local name=$1 seconds=${2:-10} pid began
    if running "$name"; then
        read -r pid began <"$dir/run/$name"
        kill -TERM "$pid" 2>/dev/null || :
        wait_for "$seconds" gone "$name" || {
            say "$name did not exit within ${seconds}s; killing it"
            kill -KILL "$pid" 2>/dev/null || :
            wait_for 5 gone "$name" || :
        }
    fi
    rm -f "$dir/run/$name"
}
gone() { ! running "$1"; }

# wait_for SECONDS COMMAND...: waits until it succeeds; fails after the timeout.
wait_for() {
    local deadline=$((SECONDS + $1))
    shift
    until "$@" >/dev/null 2>&1; do
        ((SECONDS < deadline)) || return 1
        sleep 0.2
    done
}

# wait_for_process NAME SECONDS COMMAND...: as wait_for, but fails immediately when NAME has exited, and
# prints the end of its log.
wait_for_process() {
    local name=$1 deadline=$((SECONDS + $2))
    shift 2
    until "$@" >/dev/null 2>&1; do
        if ! running "$name" || ((SECONDS >= deadline)); then
            tail -n 20 "$dir/logs/$name.log" >&2
            fail 1 "$name did not become ready" "its complete log: $dir/logs/$name.log"
        fi
        sleep 0.2
    done
}
