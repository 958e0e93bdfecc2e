# shellcheck shell=bash
# Builds programs from their Go modules. The sourcing script has to source messages.sh.

# build_go PATH MODULE VERSION PACKAGE [FLAG...]: builds a program unless it exists. Writes nothing to stdout.
#
# It is built in the module's own directory, since `go install` refuses modules whose go.mod excludes or
# replaces others.
build_go() {
    local path=$1 module=$2 version=$3 package=$4 dir started=$SECONDS
    local program=${path##*/} folder=${path%/*}
    shift 4
    [[ ! -x $path ]] || return 0
    need_go "$program $version"
    say "Building $program $version into $folder"
    mkdir -p "$folder"
    dir=$(cd / && go mod download -json "$module@$version" | sed -n 's/^\t"Dir": "\(.*\)",\?$/\1/p')
    [[ -d $dir ]] || fail 1 "cannot download $module@$version"
    # Built under another name and renamed, so that an interrupted build leaves no broken program.
    (cd "$dir" && GOFLAGS='' GOWORK=off GOTOOLCHAIN=local nice -n 15 \
        go build -mod=readonly -trimpath -buildvcs=false "$@" -o "$folder/.$program.new" "$package") >&2
    mv "$folder/.$program.new" "$path"
    say "Built $program after $((SECONDS - started))s"
}

# need_go WHAT [ALTERNATIVE]: fails if there is no Go to build it with.
need_go() {
    command -v go >/dev/null \
        || fail 1 "no Go toolchain on PATH, so $1 cannot be built" "install Go 1.26 or newer${2:-}"
}
