#!/usr/bin/env bash
# Runs fuzz targets with libFuzzer, two at a time, and prints one line for each. Exit code 1 if one has a finding.
#
# FUZZ_SEED=N repeats the same random choices; the default differs from run to run.
#
#   fuzz.sh run FUZZ SECONDS TARGET...    all targets
#   fuzz.sh one FUZZ SECONDS TARGET       one of them
#   fuzz.sh again FUZZ TARGET FILE        one input, with the whole report
#   fuzz.sh minimise FUZZ TARGET...       keeps the fewest inputs that reach the same code in Tests/Fuzz/corpus
set -euo pipefail
cd "$(dirname "$0")/.."

command=$1 fuzz=$2
shift 2
# Findings and new inputs; a later run begins with them.
scratch=.build/fuzz
corpora=Tests/Fuzz/corpus
limits=(-timeout=20 -rss_limit_mb=3072 -malloc_limit_mb=1024)
# Objects of the simulation refer to each other until a world ends, which is no leak. The symbolizer is slow, and
# matters only for a finding that is run again.
export ASAN_OPTIONS=detect_leaks=0:symbolize=0

run_one() {
    local seconds=$1 target=$2
    local log=$scratch/logs/$target.log
    mkdir -p "$scratch/logs" "$scratch/findings/$target" "$scratch/inputs/$target"
    local options=(-print_final_stats=1 -artifact_prefix="$scratch/findings/$target/"
        -seed="${FUZZ_SEED:-0}")
    if [ -f "$corpora/$target.dict" ]; then options+=(-dict="$corpora/$target.dict"); fi
    local result count executions=0 coverage finding left=$seconds end=$((SECONDS + seconds))
    while :; do
        result=0
        FUZZ_TARGET=$target "$fuzz" "${limits[@]}" "${options[@]}" -max_total_time="$left" \
            "$scratch/inputs/$target" "$corpora/$target" >"$log" 2>&1 || result=1
        count=$(sed -n 's/^stat::number_of_executed_units: *//p' "$log" | tail -n 1)
        executions=$((executions + ${count:-0}))
        coverage=$(grep -oE 'cov: [0-9]+' "$log" | tail -n 1 | tr -dc 0-9 || true)
        finding=$(sed -n 's/.*Test unit written to //p' "$log" | tail -n 1)
        # The time limit of an input counts while other processes have the CPU. A slow input is slow again.
        case $finding in
        */timeout-*)
            FUZZ_TARGET=$target "$fuzz" "${limits[@]}" "$finding" >/dev/null 2>&1 || break
            rm -f "$finding"
            result=0
            left=$((end - SECONDS))
            [ "$left" -gt 0 ] || break
            ;;
        *) break ;;
        esac
    done
    if [ "$result" -eq 0 ]; then
        printf '%-12s %9d executions, coverage %5d, no finding\n' "$target" "${executions:-0}" "${coverage:-0}"
        return 0
    fi
    printf '%-12s %9d executions, coverage %5d, FINDING: %s\n' "$target" "${executions:-0}" "${coverage:-0}" \
        "${finding:-see $log}"
    grep -aE 'finding: |Fatal error|ERROR: ' "$log" | head -n 1 | cut -c 1-600 | sed 's/^/    /'
    [ -z "$finding" ] || echo "    again: make fuzz TARGETS=$target INPUT=$finding"
    return 1
}

case $command in
run)
    seconds=$1
    shift
    printf '%s\n' "$@" | xargs -P 2 -I{} "$0" one "$fuzz" "$seconds" {} || exit 1
    ;;
one) run_one "$1" "$2" ;;
again) FUZZ_TARGET=$1 ASAN_OPTIONS=detect_leaks=0 exec "$fuzz" "${limits[@]}" "$2" ;;
minimise)
    for target in "$@"; do
        mkdir -p "$scratch/minimal"
        rm -rf "$scratch/minimal/$target"
        mkdir -p "$scratch/minimal/$target" "$scratch/inputs/$target" "$corpora/$target"
        FUZZ_TARGET=$target "$fuzz" "${limits[@]}" -merge=1 "$scratch/minimal/$target" "$corpora/$target" \
            "$scratch/inputs/$target" >"$scratch/minimal/$target.log" 2>&1
        rm -rf "${corpora:?}/$target"
        cp -r "$scratch/minimal/$target" "$corpora/$target"
        echo "$target: $(find "$corpora/$target" -type f | wc -l) inputs, $(du -sb "$corpora/$target" | cut -f 1) bytes"
    done
    ;;
*)
    sed -n 's/^# \{0,1\}//p' "$0" | head -n 10 >&2
    exit 2
    ;;
esac
