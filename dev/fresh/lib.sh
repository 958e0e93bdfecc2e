# shellcheck shell=bash disable=SC1091,SC2034  # the names are for the scripts that source this
# Shared by the scripts of a new machine: its paths, what it uses of this machine, and its removal.

PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin
top=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
fresh=$top/target/fresh
release=bookworm
cache=${XDG_CACHE_HOME:-$HOME/.cache}/rust-k8s-app
debs=$cache/debs-$release
# The cgroup, in every hierarchy. One run at a time uses it.
cgroup=rust-k8s-app-fresh-$(cksum <<<"$top" | cut -d' ' -f1)

source "$top/dev/messages.sh"
source "$top/dev/space.sh"
source "$top/dev/cgroups.sh"

# This machine's package sources for the release; if none, mmdebstrap uses its defaults.
sources() {
    command -v apt-get >/dev/null || return 0
    # shellcheck disable=SC2016  # expanded by apt-get
    apt-get indextargets --format '$(CODENAME) deb $(REPO_URI) $(RELEASE) $(COMPONENT)' \
        'Identifier: Packages' 'Origin: Debian' | sed -n "s/^${release}[a-z-]* //p" | sort -u
}

# This machine's settings for the package registries: proxies, mirrors, certificates. No secrets.
registry_environment() {
    env | grep -iE '^((https?|no|all)_proxy|SSL_CERT_(FILE|DIR)|RUSTUP_(DIST_SERVER|UPDATE_ROOT)|CARGO_(HTTP|NET|REGISTR|SOURCE)[A-Z_]*|PIP_[A-Z_]*)=' \
        | grep -vE '^(PIP_FIND_LINKS|[A-Z_]*(TOKEN|PASSWORD|CREDENTIAL)[A-Z_]*)=' || :
}

# configure ROOT: the setup of a machine by its owner, before the checkout is cloned there.
configure() {
    local root=$1 file
    for file in /etc/pip.conf "$HOME/.config/pip/pip.conf" "$HOME/.pip/pip.conf" \
        "${CARGO_HOME:-$HOME/.cargo}/config.toml"; do
        [ ! -f "$file" ] || install -D -m 644 "$file" "$root$file"
    done
    cp -a /usr/local/share/ca-certificates/. "$root/usr/local/share/ca-certificates/" 2>/dev/null || :
    chroot "$root" update-ca-certificates >/dev/null 2>&1
    # The address at which slirp4netns answers for this machine's resolver.
    echo nameserver 10.0.2.3 >"$root/etc/resolv.conf"
    printf '127.0.0.1 localhost fresh\n' >"$root/etc/hosts"
    cp "$(command -v rustup)" "$root/tmp/rustup-init"
}

# share_crates ROOT: the crates' downloads, which cargo checks against Cargo.lock.
share_crates() {
    local registry=${CARGO_HOME:-$HOME/.cargo}/registry
    mkdir -p "$1/root/.cargo/registry"
    ! [ -d "$registry/cache" ] || cp -a "$registry/cache" "$registry/index" "$1/root/.cargo/registry/"
}

# keep_build ROOT: moves cargo's build there to this checkout.
keep_build() {
    local built
    [ ! -e "$top/target/debug" ] || return 0
    for built in "$1$top/target/debug" "$1$top"/target/*-linux-*; do
        [ ! -d "$built" ] || mv "$built" "$top/target/"
    done
}

# Removes the files and the cgroups.
clean() {
    clean_up "$fresh" "$cgroup"
}
