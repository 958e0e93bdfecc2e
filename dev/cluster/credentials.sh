# shellcheck shell=bash disable=SC2154
# Keys and certificates: one CA signs every server and every client of the cluster.
# Kubernetes reads a client's user from the subject's CN and its groups from O.
# https://kubernetes.io/docs/setup/best-practices/certificates/

make_credentials() {
    local pki=$dir/pki
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 30 \
        -subj /CN=rust-k8s-local-ca -keyout "$pki/ca.key" -out "$pki/ca.crt" 2>/dev/null
    # Signs the service accounts' tokens.
    openssl genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048 -out "$pki/service-account.key" 2>/dev/null

    certificate api-server /CN=kube-apiserver \
        "IP:$node_ip,IP:127.0.0.1,IP:${service_cidr%.0/16}.1,DNS:localhost,DNS:kubernetes,DNS:kubernetes.default,DNS:kubernetes.default.svc,DNS:kubernetes.default.svc.cluster.local"
    certificate etcd /CN=etcd "IP:$node_ip"
    certificate kubelet-server "/CN=$node" "IP:$node_ip,DNS:$node"
    certificate registry /CN=registry "IP:$node_ip,DNS:$registry"

    certificate admin /O=system:masters/CN=kubernetes-admin
    certificate api-server-to-kubelet /O=system:masters/CN=kube-apiserver-kubelet-client
    certificate controller-manager /CN=system:kube-controller-manager
    certificate scheduler /CN=system:kube-scheduler
    certificate proxy /CN=system:kube-proxy
    certificate kubelet "/O=system:nodes/CN=system:node:$node"

    kubeconfig admin "$dir/kubeconfig"
    local client
    for client in controller-manager scheduler proxy kubelet; do
        kubeconfig "$client" "$pki/$client.kubeconfig"
    done
    make_registry_password
}

# certificate NAME SUBJECT [SUBJECT_ALT_NAMES]
certificate() {
    local path=$dir/pki/$1 usage=clientAuth
    # etcd's and the API server's certificates are also used as client certificates.
    [[ -z ${3:-} ]] || usage=serverAuth,clientAuth
    openssl req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj "$2" \
        -keyout "$path.key" -out "$path.csr" 2>/dev/null
    openssl x509 -req -in "$path.csr" -CA "$dir/pki/ca.crt" -CAkey "$dir/pki/ca.key" -CAcreateserial \
        -days 30 -out "$path.crt" -extfile <(
            printf 'extendedKeyUsage=%s\nkeyUsage=digitalSignature\n' "$usage"
            [[ -z ${3:-} ]] || printf 'subjectAltName=%s\n' "$3"
        ) 2>/dev/null
    rm "$path.csr"
}

# kubeconfig NAME FILE: for the client NAME, with its key embedded, since users copy this file.
kubeconfig() {
    local pki=$dir/pki
    (
        umask 077
        cat >"$2" <<YAML
apiVersion: v1
kind: Config
current-context: $context
contexts:
  - name: $context
    context: {cluster: $context, user: $1}
clusters:
  - name: $context
    cluster:
      server: https://$node_ip:6443
      certificate-authority-data: $(base64 -w0 "$pki/ca.crt")
users:
  - name: $1
    user:
      client-certificate-data: $(base64 -w0 "$pki/$1.crt")
      client-key-data: $(base64 -w0 "$pki/$1.key")
YAML
    )
}

# The password that moto's ECR returns, so that the registry accepts its tokens. It is not secret: the
# registry listens on the node's address, which only this machine can reach.
make_registry_password() {
    (
        umask 077
        printf '%s' "${registry%%.*}-auth-token" >"$dir/pki/registry.password"
        htpasswd -Bbn -C 5 "$registry_user" "$(<"$dir/pki/registry.password")" >"$dir/pki/htpasswd"
        mkdir -p "$dir/docker"
        # As `docker login` would write it, for the address and for the ECR-like name.
        local auth
        auth=$(printf '%s:%s' "$registry_user" "$(<"$dir/pki/registry.password")" | base64 -w0)
        printf '{"auths":{"%s":{"auth":"%s"},"%s":{"auth":"%s"}}}\n' \
            "$node_ip" "$auth" "$registry" "$auth" >"$dir/docker/config.json"
    )
}
