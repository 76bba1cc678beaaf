#!/bin/sh
# Runs the tests, built with a sanitizer, and fails if a test fails or any program has a report.
#
#   run.sh BUILD_DIRECTORY address|thread [argument of 'swift test']...
set -u
cd "$(dirname "$0")/../.." || exit 2
scratch=$1 sanitizer=$2
shift 2

# Each program writes its reports to a file of its own. Otherwise the reports of a service would be lost with its log.
reports=$(realpath "$scratch")/reports
rm -rf "$reports"
mkdir -p "$reports" || exit 2
ASAN_OPTIONS=detect_leaks=1:detect_stack_use_after_return=1:log_path=$reports/report
LSAN_OPTIONS=suppressions=$PWD/Tests/Sanitizers/leaks.txt:print_suppressions=0
TSAN_OPTIONS=suppressions=$PWD/Tests/Sanitizers/races.txt:halt_on_error=0:second_deadlock_stack=1:log_path=$reports/report
export ASAN_OPTIONS LSAN_OPTIONS TSAN_OPTIONS

result=0
swift test --scratch-path "$scratch" --sanitize "$sanitizer" --skip-build --disable-xctest "$@" || result=1
count=0
for report in "$reports"/*; do
    [ -s "$report" ] || continue
    count=$((count + 1))
    echo "== $report"
    head -n 200 "$report"
done
echo "$count programs with a report"
[ "$count" -eq 0 ] || result=1
exit "$result"
