# shellcheck shell=bash disable=SC2154
# The control plane: etcd, API server, controllers, and a substitute for the cloud's load balancers.

kube() { kubectl --kubeconfig "$dir/kubeconfig" "$@"; }

start_etcd() {
    local pki=$dir/pki
    start etcd etcd --name "$node" --data-dir "$dir/etcd" \
        --listen-client-urls "https://$node_ip:2379" --advertise-client-urls "https://$node_ip:2379" \
        --listen-peer-urls "http://127.0.0.1:0" \
        --client-cert-auth --trusted-ca-file "$pki/ca.crt" \
        --cert-file "$pki/etcd.crt" --key-file "$pki/etcd.key" \
        --unsafe-no-fsync --log-level warn
    wait_for_process etcd 30 etcd_answers
}
etcd_answers() { (exec 3<>"/dev/tcp/$node_ip/2379"); }

# start_api_server [NAME PORT OPTION...]
start_api_server() {
    local pki=$dir/pki name=${1:-api-server} port=${2:-6443}
    start "$name" kube-apiserver "${@:3}" \
        --advertise-address "$node_ip" --bind-address "$node_ip" --secure-port "$port" --allow-privileged \
        --tls-cert-file "$pki/api-server.crt" --tls-private-key-file "$pki/api-server.key" \
        --client-ca-file "$pki/ca.crt" --cert-dir "$pki" \
        --etcd-servers "https://$node_ip:2379" --etcd-cafile "$pki/ca.crt" \
        --etcd-certfile "$pki/api-server.crt" --etcd-keyfile "$pki/api-server.key" \
        --authorization-mode Node,RBAC --enable-admission-plugins NodeRestriction \
        --service-cluster-ip-range "$service_cidr" \
        --service-account-issuer https://kubernetes.default.svc.cluster.local \
        --service-account-key-file "$pki/service-account.key" \
        --service-account-signing-key-file "$pki/service-account.key" \
        --kubelet-certificate-authority "$pki/ca.crt" \
        --kubelet-client-certificate "$pki/api-server-to-kubelet.crt" \
        --kubelet-client-key "$pki/api-server-to-kubelet.key" \
        --kubelet-preferred-address-types InternalIP --profiling=false --v 1
    wait_for_process "$name" 120 kube --server "https://$node_ip:$port" get --raw /readyz
}

start_controllers() {
    local pki=$dir/pki
    start controller-manager kube-controller-manager --kubeconfig "$pki/controller-manager.kubeconfig" \
        --bind-address 127.0.0.1 --leader-elect=false --use-service-account-credentials \
        --service-account-private-key-file "$pki/service-account.key" --root-ca-file "$pki/ca.crt" \
        --allocate-node-cidrs=false --cluster-cidr "$pod_cidr" --profiling=false --v 1
    start scheduler kube-scheduler --kubeconfig "$pki/scheduler.kubeconfig" \
        --bind-address 127.0.0.1 --leader-elect=false --profiling=false --v 1
}

# Assigns each LoadBalancer Service an address, as the cloud's controller does. kube-proxy serves it on
# the node once it is in the status. A Service with a class belongs to another controller and gets no
# address, as on a cluster without that controller.
start_balancer() {
    start balancer "$here/balancer" "$dir/kubeconfig" "${service_cidr%.0.0/16}" "${balancer_cidr%.0.0/16}"
}
