#!/bin/sh
# Builds the DocC pages of the library products and type-checks their snippets. Warnings are errors.
#
#   scripts/docs.sh [SCRATCH]     SCRATCH has a debug build (default: .build); the pages go to SCRATCH/docs/MODULE
set -eu
cd "$(dirname "$0")/.."

scratch=${1:-.build}
triple=$(swift -print-target-info | sed -n 's/^ *"triple": "\(.*\)",$/\1/p' | head -n 1)
includes="-I $scratch/debug/Modules -I Sources/CLinux -I Sources/CHiredis"

for module in Available Consistent Linearizability; do
    catalog=Sources/$module/$module.docc
    work=$scratch/docs/work/$module
    rm -rf "$scratch/docs/$module" "$work"
    mkdir -p "$work"

    # shellcheck disable=SC2086 # two words for each include
    swift-symbolgraph-extract -module-name "$module" $includes -target "$triple" -output-dir "$work" \
        -minimum-access-level public -skip-synthesized-members
    docc convert "$catalog" --fallback-display-name "$module" --fallback-bundle-identifier "cap-pair.$module" \
        --additional-symbol-graph-dir "$work" --output-path "$scratch/docs/$module" --warnings-as-errors

    awk '/^```swift$/ { on = 1; next } /^```$/ { on = 0 } on' "$catalog/$module.md" >"$work/snippet.swift"
    # shellcheck disable=SC2086
    swiftc -typecheck -warnings-as-errors -swift-version 6 -parse-as-library $includes "$work/snippet.swift"
    echo "docs: $scratch/docs/$module"
done
