# shellcheck shell=bash
# Cgroups for processes with namespaces of their own, in the hierarchies of version 1 and of version 2, and the
# removal of what such processes leave behind.

# The mount points of the cgroup hierarchies, each with its type and its controllers.
hierarchies() {
    awk '{
        point = $5; sub(/.* - /, "")
        if ($1 != "cgroup" && $1 != "cgroup2") next
        n = split($3, options, ","); controllers = ""
        for (i = 1; i <= n; i++) if (options[i] != "rw" && options[i] != "ro") controllers = controllers "," options[i]
        print point, $1, substr(controllers, 2)
    }' /proc/self/mountinfo
}

# delegate CGROUP: makes the controllers of a cgroup v2 available in the cgroups below it.
delegate() {
    local controllers
    read -r -a controllers <"$1/cgroup.controllers" || return 0
    echo "${controllers[@]/#/+}" >"$1/cgroup.subtree_control"
}

# enter_cgroup CGROUP OWN: moves this process into a new cgroup of each hierarchy.
#
# A cgroup v2 delegates controllers only while no process is in it: this process gets CGROUP/outside there, and
# those inside of the namespaces get OWN, below CGROUP, by `enter_own_cgroup`.
enter_cgroup() {
    # Not $$, which is the same in a subshell.
    local cgroup=$1 own=$2 self=$BASHPID point type of_this of
    hierarchies | while read -r point type _; do
        of_this=$cgroup
        if [ "$type" = cgroup2 ]; then
            of_this=$cgroup/outside
            mkdir -p "$point/$own"
            delegate "$point/$cgroup"
        fi
        mkdir -p "$point/$of_this"
        # A new cpuset has neither CPUs nor memory nodes, and accepts no process.
        for of in cpus mems; do
            [ ! -e "$point/cpuset.$of" ] || cat "$point/cpuset.$of" >"$point/$of_this/cpuset.$of"
        done
        echo "$self" >"$point/$of_this/cgroup.procs"
    done
}

# enter_own_cgroup OWN: before this process creates its cgroup namespace, whose root is the cgroup that it is in.
enter_own_cgroup() {
    local point type
    hierarchies | while read -r point type _; do
        [ "$type" != cgroup2 ] || echo $$ >"$point/$1/cgroup.procs"
    done
}

# mount_cgroups [ROOT]: mounts the hierarchies as this process's cgroup namespace shows them.
mount_cgroups() {
    local root=${1:-} hierarchies hierarchy point type controllers
    mapfile -t hierarchies < <(hierarchies)
    [[ " ${hierarchies[*]}" == *" /sys/fs/cgroup cgroup2"* ]] \
        || mount -t tmpfs -o mode=755 cgroups "$root/sys/fs/cgroup"
    for hierarchy in "${hierarchies[@]}"; do
        read -r point type controllers <<<"$hierarchy"
        mkdir -p "$root$point"
        if [ "$type" = cgroup ]; then
            mount -t cgroup -o "$controllers" cgroup "$root$point"
        else
            mount -t cgroup2 cgroup2 "$root$point"
            mkdir "$root$point/init"
            echo $$ >"$root$point/init/cgroup.procs"
            delegate "$root$point"
        fi
    done
}

# clean_up DIRECTORY CGROUP: removes both, retrying while killed processes exit.
clean_up() {
    for _ in $(seq 100); do
        rm -rf --one-file-system "$1" 2>/dev/null || :
        ! remove_cgroup "$2" || [ -e "$1" ] || return 0
        sleep 0.1
    done
    return 1
}

# remove_cgroup CGROUP: removes it from each hierarchy; fails while there is a process in it.
remove_cgroup() {
    local point paths=()
    while read -r point _; do
        paths+=("$point/$1")
    done < <(hierarchies)
    [ ${#paths[@]} -gt 0 ] || return 0
    find "${paths[@]}" -depth -type d -exec rmdir {} + 2>/dev/null || :
    [ -z "$(find "${paths[@]}" -maxdepth 0 2>/dev/null)" ]
}
