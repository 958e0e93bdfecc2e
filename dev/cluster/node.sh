# shellcheck shell=bash disable=SC2154
# The components of the node: network, containerd with the sandbox image, kubelet and kube-proxy; and the
# registry.

find_cni() {
    local place
    for place in "${CNI_BIN_DIR:-/nonexistent}" /opt/cni/bin /usr/lib/cni; do
        [[ -x $place/bridge && -x $place/host-local && -x $place/loopback ]] && printf '%s\n' "$place" && return
    done
    return 1
}

save_kernel_settings() {
    local key value
    for key in "${sysctls[@]}"; do
        value=$(sysctl -n "$key" 2>/dev/null) || continue
        printf '%s = %s\n' "$key" "$value"
    done >"$dir/sysctls"
    sysctl -q -w net.ipv4.ip_forward=1
    # Without it, a pod never gets a reply from another pod on the same bridge through a Service: the
    # reply would bypass the address translation.
    sysctl -q -w net.bridge.bridge-nf-call-iptables=1 2>/dev/null || :
}

make_network() {
    ip link add "$node_link" type bridge
    ip addr add "$node_ip/24" dev "$node_link"
    ip link set "$node_link" up
    # Any route works: kube-proxy's rules replace the destination before a packet leaves.
    ip route add "$balancer_cidr" dev "$node_link"
    cat >"$dir/cni/10-bridge.conflist" <<JSON
{
  "cniVersion": "0.4.0",
  "name": "$pod_network",
  "plugins": [
    {
      "type": "bridge",
      "bridge": "$pod_link",
      "isGateway": true,
      "hairpinMode": true,
      "ipam": {
        "type": "host-local",
        "dataDir": "$dir/cni/addresses",
        "ranges": [[{"subnet": "$pod_cidr"}]],
        "routes": [{"dst": "0.0.0.0/0"}]
      }
    }
  ]
}
JSON
}

start_registry() {
    cat >"$dir/registry.yml" <<YAML
version: 0.1
log: {level: warn}
storage:
  filesystem: {rootdirectory: $dir/registry}
  delete: {enabled: true}
http:
  addr: $node_ip:443
  tls: {certificate: $dir/pki/registry.crt, key: $dir/pki/registry.key}
auth:
  htpasswd: {realm: registry, path: $dir/pki/htpasswd}
YAML
    start registry docker-registry serve "$dir/registry.yml"
    wait_for_process registry 15 registry_answers
}
registry_answers() { (exec 3<>"/dev/tcp/$node_ip/443"); }

start_containerd() {
    local host
    # The same name as on an EKS node; here it leads to this registry.
    for host in "$registry" "$node_ip"; do
        mkdir -p "$dir/certs.d/$host"
        cat >"$dir/certs.d/$host/hosts.toml" <<TOML
server = "https://$node_ip"
ca = "$dir/pki/ca.crt"
# containerd 1.6 requires a host in the file. It falls back to the server for what the host lacks.
[host."https://$node_ip"]
  capabilities = ["pull", "resolve"]
  ca = "$dir/pki/ca.crt"
TOML
    done
    cat >"$dir/containerd.toml" <<TOML
version = 2
root = "$node_root/var/lib/containerd"
state = "$dir/containerd/state"

[grpc]
address = "$socket"

[plugins."io.containerd.internal.v1.opt"]
path = "$dir/containerd/opt"

# By default, containerd 2 replaces the machine's socket.
[plugins."io.containerd.nri.v1.nri"]
socket_path = "$dir/containerd/nri.sock"

[plugins."io.containerd.grpc.v1.cri"]
sandbox_image = "registry.k8s.io/pause:3.6"
# A nested container may not be permitted to lower its OOM score, and runc then fails with
# "can't get final child's PID from pipe".
restrict_oom_score_adj = true
enable_unprivileged_ports = true
# For exec streams and port-forwards.
stream_server_address = "127.0.0.1"
[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
runtime_type = "io.containerd.runc.v2"
[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
SystemdCgroup = false
[plugins."io.containerd.grpc.v1.cri".cni]
bin_dir = "$cni_bin"
conf_dir = "$dir/cni"
max_conf_num = 1
[plugins."io.containerd.grpc.v1.cri".registry]
config_path = "$dir/certs.d"
TOML
    start containerd containerd --config "$dir/containerd.toml"
    wait_for_process containerd 30 ctr --address "$socket" version
    # A socket's path may have 107 bytes; the node's path could be longer.
    mkdir -p "$node_root/run/containerd"
    ln -s "$socket" "$node_root/run/containerd/containerd.sock"
    import_pause_image
}

import_pause_image() {
    local image=$dir/pause.tar
    "$root/dev/pause-image" "$image"
    ctr --address "$socket" -n k8s.io images import "$image" >/dev/null
    # The kubelet's garbage collection must never remove it: it cannot be pulled.
    ctr --address "$socket" -n k8s.io images label registry.k8s.io/pause:3.6 \
        io.cri-containerd.pinned=pinned >/dev/null
    rm "$image"
}

start_kubelet() {
    write_credential_provider
    cat >"$dir/kubelet.yaml" <<YAML
apiVersion: kubelet.config.k8s.io/v1beta1
kind: KubeletConfiguration
address: $node_ip
authentication:
  anonymous: {enabled: false}
  x509: {clientCAFile: $dir/pki/ca.crt}
  webhook: {enabled: true}
authorization: {mode: Webhook}
tlsCertFile: $dir/pki/kubelet-server.crt
tlsPrivateKeyFile: $dir/pki/kubelet-server.key
containerRuntimeEndpoint: unix://$socket
# Works with either cgroup version, without systemd.
cgroupDriver: cgroupfs
failCgroupV1: false
failSwapOn: false
enforceNodeAllocatable: []
# Lowering it requires a capability that a container may not have.
oomScoreAdj: 0
clusterDNS: [${service_cidr%.0/16}.10]
clusterDomain: cluster.local
resolvConf: ""
serializeImagePulls: false
# Small, so that tests see logs rotate.
containerLogMaxSize: 1Mi
containerLogMaxFiles: 3
# The machine's disk is shared with everything else on it: its usage is not this node's.
evictionHard: {memory.available: 100Mi, nodefs.available: 0%, imagefs.available: 0%, nodefs.inodesFree: 0%, imagefs.inodesFree: 0%}
imageGCHighThresholdPercent: 100
imageGCLowThresholdPercent: 99
registerWithTaints: []
volumePluginDir: $dir/kubelet/volume-plugins
podLogsDir: $node_root/var/log/pods
YAML
    start kubelet kubelet --config "$dir/kubelet.yaml" --kubeconfig "$dir/pki/kubelet.kubeconfig" \
        --root-dir "$dir/kubelet" --cert-dir "$dir/kubelet/pki" \
        --hostname-override "$node" --node-ip "$node_ip" \
        --node-labels "topology.kubernetes.io/zone=$zone,topology.kubernetes.io/region=${zone%?}" \
        --image-credential-provider-config "$dir/credential-provider.yaml" \
        --image-credential-provider-bin-dir "$dir/credential-provider" --v 1
    wait_for_process kubelet 60 kube get node "$node"
}

# EKS nodes log in to ECR the same way: the kubelet runs a program that returns the image's credentials.
# https://kubernetes.io/docs/tasks/administer-cluster/kubelet-credential-provider/
write_credential_provider() {
    mkdir -p "$dir/credential-provider"
    cat >"$dir/credential-provider.yaml" <<YAML
apiVersion: kubelet.config.k8s.io/v1
kind: CredentialProviderConfig
providers:
  - name: ecr-credential-provider
    apiVersion: credentialprovider.kubelet.k8s.io/v1
    matchImages: ["*.dkr.ecr.*.amazonaws.com", "$node_ip"]
    defaultCacheDuration: 12h
YAML
    cat >"$dir/credential-provider/ecr-credential-provider" <<SH
#!/bin/sh
cat >/dev/null
password=\$(cat '$dir/pki/registry.password')
printf '{"apiVersion":"credentialprovider.kubelet.k8s.io/v1","kind":"CredentialProviderResponse","cacheKeyType":"Registry","auth":{"%s":{"username":"$registry_user","password":"%s"},"$node_ip":{"username":"$registry_user","password":"%s"}}}' \\
    '*.dkr.ecr.*.amazonaws.com' "\$password" "\$password"
SH
    chmod +x "$dir/credential-provider/ecr-credential-provider"
}

start_proxy() {
    cat >"$dir/proxy.yaml" <<YAML
apiVersion: kubeproxy.config.k8s.io/v1alpha1
kind: KubeProxyConfiguration
mode: iptables
bindAddress: $node_ip
clusterCIDR: $pod_cidr
hostnameOverride: $node
clientConnection: {kubeconfig: $dir/pki/proxy.kubeconfig}
oomScoreAdj: 0
nodePortAddresses: [primary]
iptables: {localhostNodePorts: false, minSyncPeriod: 100ms}
# Zero keeps the kernel's settings.
conntrack: {maxPerCore: 0, min: 0, tcpEstablishedTimeout: 0s, tcpCloseWaitTimeout: 0s}
YAML
    start proxy kube-proxy --config "$dir/proxy.yaml" --v 1
    wait_for_process proxy 30 iptables -t nat -L KUBE-SERVICES -n
}

node_is_ready() {
    [[ $(kube get node "$node" -o 'jsonpath={.status.conditions[?(@.type=="Ready")].status}') == True ]]
}
