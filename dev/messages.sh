# shellcheck shell=bash
# The messages of the scripts: stdout carries only data, progress and errors go to stderr.

say() { printf '==> %s\n' "$*" >&2; }

# fail CODE MESSAGE [HINT]: exits; the codes are those of docs/ARCHITECTURE.md.
fail() {
    printf 'error: %s\n' "$2" >&2
    [[ -z ${3:-} ]] || printf 'hint: %s\n' "$3" >&2
    exit "$1"
}
