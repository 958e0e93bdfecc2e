# shellcheck shell=bash
# Free space on disks. Needs messages.sh.

# free_space DIRECTORY: in MiB.
free_space() {
    df --output=avail --block-size=1M -- "$1" | tail -n 1 | tr -d ' '
}

# need_space DIRECTORY GIB WHAT: fails if WHAT would fill the disk.
need_space() {
    local free
    free=$(free_space "$1")
    ((free >= $2 * 1024)) \
        || fail 1 "$3 needs $2 GiB of disk space in $1, and only $free MiB are free" "free some space"
}

# little_space DIRECTORY: a hint for a command that failed, if it may have filled the disk. Compilers and linkers
# remove what they could not finish, so a full disk has space again; rust-lld reports it only as SIGBUS.
little_space() {
    local free
    # Without an answer there is no hint; the command has failed anyway.
    free=$(free_space "$1" 2>/dev/null) && [ -n "$free" ] || return 0
    ((free >= 512)) || printf 'only %s MiB are free in %s: free some space\n' "$free" "$1"
}
