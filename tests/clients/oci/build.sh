#!/bin/sh
# Builds the programs of a list with Go, through the module proxy that Go is set up for:
#
#     build.sh LIST FOLDER
#
# Each line of the list is the package of a main program with its release. Without Go nothing
# is built; the tests say what they lack.
set -eu
list=$1 folder=$2

if ! command -v go >/dev/null; then
    echo "Go is missing: nothing of $list is built" >&2
    exit 0
fi
mkdir -p "$folder/bin"
bin=$(cd "$folder/bin" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work" "$work.log"' EXIT
export CGO_ENABLED=0
grep -v '^#' "$list" | while read -r release; do
    echo "Building $release"
    # In a module of its own: `go install` refuses modules that exclude something (BuildKit).
    (
        rm -f "$work"/* &&
            cd "$work" &&
            go mod init packhouse.test/clients &&
            go get "$release" &&
            go build -trimpath -ldflags='-s -w' -o "$bin/" "${release%@*}"
    ) 2>"$work.log" || {
        cat "$work.log" >&2
        exit 1
    }
done
touch "$folder/installed"
