#!/bin/sh
# Starts a lab and tests its page in headless Chromium, and then a report. 'make test-page' calls it.
#
#   Tests/Page/run.sh BIN [ARGUMENTS of page_test.py]     BIN: the directory of caplab
#
# With arguments, only page_test.py runs. PAGE_REPORT=FILE.html tests that report of the drill west-cut instead of
# making one. Selenium comes from PyPI, into a virtual environment beside the build. Each lab has free ports and a
# directory of its own, and is stopped at the end.
set -eu
cd "$(dirname "$0")/../.."

bin=$1
shift
python=python3
if ! python3 -c 'import selenium' 2>/dev/null; then
    venv=.build/page-venv
    [ -x "$venv/bin/python3" ] || python3 -m venv "$venv"
    "$venv/bin/python3" -c 'import selenium' 2>/dev/null || "$venv/bin/pip" install --quiet selenium
    python=$venv/bin/python3
fi

directory=$(mktemp -d)
lab=
stop_lab() {
    [ -n "$lab" ] || return 0
    kill -TERM "$lab" 2>/dev/null || true
    wait "$lab" || true
    lab=
}
stop() {
    stop_lab
    rm -rf "$directory"
}
trap stop EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# start_lab [OPTION ...]: starts a lab, and sets url.
start_lab() {
    "$bin/caplab" up --free-ports --run-dir "$directory/run" "$@" >"$directory/log" 2>&1 &
    lab=$!
    url=
    tries=0
    while [ -z "$url" ]; do
        url=$(sed -n 's/.*Page: *\(http[^ ]*\).*/\1/p' "$directory/log" | head -n 1)
        tries=$((tries + 1))
        if [ "$tries" -gt 300 ] || ! kill -0 "$lab" 2>/dev/null; then
            echo "test-page: the lab has not started:" >&2
            cat "$directory/log" >&2
            exit 1
        fi
        [ -n "$url" ] || sleep 0.2
    done
}

start_lab
"$python" -B Tests/Page/page_test.py "$url" "$@"
[ $# -eq 0 ] || exit 0
"$python" -B Tests/Page/module_test.py "$url"
"$python" -B Tests/Page/controls_test.py "$url"
"$python" -B Tests/Page/readonly_test.py "$bin" "$directory/run"
"$python" -B Tests/Page/hostile_test.py "$bin" "$directory/run" "$url"
stop_lab
start_lab --break stale-read
"$python" -B Tests/Page/violation_test.py "$url"
stop_lab

"$python" -B Tests/Page/restart_test.py "$bin"

report=${PAGE_REPORT:-$directory/west-cut.html}
if [ -z "${PAGE_REPORT:-}" ]; then
    "$bin/caplab" report west-cut --out "$directory"
fi
"$python" -B Tests/Page/replay_test.py "$report"
# Test a page with a compressed recording, too, and the page of docs/demo, which an older build may have made.
scripts/demo-page.py "$report" "$directory/demo.html"
for page in "$directory/demo.html" docs/demo/index.html; do
    # Pause the page, as in the complete suite. On a busy machine, a page that plays would be past the time to which the
    # test has moved.
    "$python" -B Tests/Page/replay_test.py "$page" ReplayTest.test_01_opens_from_disk_and_plays \
        ReplayTest.test_02_pauses ReplayTest.test_03_scrubs_to_the_cut_and_back \
        ReplayTest.test_12_no_error_and_no_request
done
