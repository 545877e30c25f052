#!/bin/sh
# Installs releases of RubyGems and Bundler, which Maven fetches from where it is set up to:
#
#     install.sh LIST FOLDER
#
# A line of the list is an artifact that holds them, its SHA-256, and their releases. They go to
# FOLDER/gem-RELEASE, of which lib/ is for Ruby's load path and exe/ has the programs. Without Maven
# nothing is installed; the tests say what they lack.
set -eu
list=$1 folder=$2

if ! command -v mvn >/dev/null; then
    echo "Maven is missing: nothing of $list is installed" >&2
    exit 0
fi
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
rm -rf "$folder"
grep -v '^#' "$list" | while read -r artifact sha256 gem bundler; do
    echo "Installing $gem and $bundler"
    rm -rf "$work"/*
    mvn --quiet --batch-mode org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy \
        -Dartifact="$artifact" -DoutputDirectory="$work" -Dmdep.stripVersion=true
    jar=$(echo "$work"/*.jar)
    echo "$sha256  $jar" | sha256sum --check --quiet
    python3 -m zipfile -e "$jar" "$work/contents"
    home=$work/contents/META-INF/jruby.home
    mkdir -p "$folder/$gem/lib" "$folder/$gem/exe"
    for library in rubygems bundler; do
        cp -R "$home/lib/ruby/stdlib/$library" "$home/lib/ruby/stdlib/$library.rb" "$folder/$gem/lib"
    done
    rm -r "$folder/$gem/lib/rubygems/defaults"  # of JRuby
    cp "$home/bin/jgem" "$folder/$gem/exe/gem"
    cp "$home/lib/ruby/gems/shared/gems/$bundler/exe/bundle" "$folder/$gem/exe/bundle"
done
touch "$folder/installed"
