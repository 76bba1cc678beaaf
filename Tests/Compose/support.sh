#!/bin/bash
# To be sourced by run.sh: requests, waits, assertions. A failed assertion prints the reason and ends the test.

step() { printf '\n== %s\n' "$*"; }

fail() {
    echo "  FAILED: $*" >&2
    return 1
}

# finish FOLDER, on exit: prints logs after a failure, then removes the project and FOLDER.
finish() {
    local code=$?
    if [ "$code" -ne 0 ]; then
        docker compose --profile '*' ps -a || true
        docker compose --profile '*' logs --tail 6 --no-color 2>/dev/null || true
    fi
    docker compose --profile '*' down -v >/dev/null 2>&1 || true
    rm -rf "$1"
    exit "$code"
}

leftovers() {
    local mine=(--filter label=com.docker.compose.project=cap-pair -q)
    docker ps -a "${mine[@]}"
    docker volume ls "${mine[@]}"
    docker network ls "${mine[@]}"
}

timed() { # timed WHAT COMMAND...
    local what=$1 log start=$EPOCHREALTIME
    shift
    log=$(mktemp)
    "$@" >"$log" 2>&1 || { cat "$log"; rm -f "$log"; fail "$what"; }
    rm -f "$log"
    awk -v what="$what" -v from="$start" -v to="$EPOCHREALTIME" 'BEGIN { printf "  %s: %.1f s\n", what, to - from }'
}

figures() {
    local image base
    image=$(docker image inspect -f '{{.Size}}' cap-pair:0.2.0)
    base=$(docker image inspect -f '{{.Size}}' debian:bookworm-slim 2>/dev/null || echo "$image")
    echo "  image: $((image / 1000000)) MB, $(((image - base) / 1000000)) MB beyond its base"
    is "image under 120 MB beyond its base" "$((image - base < 120000000))" 1
    docker stats --no-stream --format '{{.Name}} {{.MemUsage}}' | sort | awk '{ printf "  memory: %s %s\n", $1, $2 }'
}

# request METHOD PORT/PATH: prints the body, then a line with the status. Sends the token in $token_file, if it is set.
request() {
    { [ -z "${token_file:-}" ] || printf 'header = "Authorization: Bearer %s"\n' "$(cat "$token_file")"; } |
        curl -K - -s -m 5 -X "$1" -w '\n%{http_code}' "http://127.0.0.1:${PORT_PREFIX:-}$2" || true
}

# matches STATUS METHOD PORT/PATH [PATTERN]: sends one request and stores the answer in $answer.
matches() {
    answer=$(request "$2" "$3")
    [ "${answer##*$'\n'}" = "$1" ] && grep -q -e "${4:-}" <<<"$answer"
}

# at_once METHOD [CURL-ARGUMENTS...] PORT/PATH: sends 200 requests at a time; each path ends with a different number.
at_once() {
    local method=$1 url="http://127.0.0.1:${PORT_PREFIX:-}${*: -1}"
    seq 200 | xargs -P 200 -I NUMBER curl -s -o /dev/null -m 20 -X "$method" "${@:2:$#-2}" "$url-NUMBER" || true
}

answers() { matches "$@" || fail "wanted $*, got $answer"; }

# Like 'answers', but retries for 30 seconds, or $within_s.
eventually() {
    local until=$((SECONDS + ${within_s:=30}))
    until matches "$@"; do
        [ "$SECONDS" -lt "$until" ] || fail "wanted $* within $within_s s, got $answer"
        sleep 0.2
    done
}

# lab_shows PATTERN: waits up to 30 seconds until the events of the lab page match PATTERN.
lab_shows() {
    local url="http://127.0.0.1:${PORT_PREFIX:-}5000/events"
    grep -q -m 1 -e "$1" < <(curl -sN -m 30 "$url" || true) || fail "the lab page does not show $1 within 30 s"
}

# Waits up to 30 seconds until every container is healthy.
all_healthy() {
    local until=$((SECONDS + 30))
    while docker compose ps --format '{{.Name}} {{.Health}}' | grep -v ' healthy$' | grep -q .; do
        [ "$SECONDS" -lt "$until" ] || fail "not healthy after 30 s: $(docker compose ps --format '{{.Name}} {{.Health}}')"
        sleep 0.5
    done
}

is() { [ "$2" = "$3" ] || fail "$1: wanted '$3', got '$2'"; }

refuse() { if grep -E -e "$2" <<<"$1"; then fail "'$2' must not be in the lines above"; fi; }

# says CONTAINER TEXT COMMAND...: asserts that the output of COMMAND in CONTAINER matches TEXT.
says() {
    local container=$1 text=$2 output
    shift 2
    output=$(docker exec "$container" "$@" 2>&1 || true)
    grep -q -e "$text" <<<"$output" || fail "$container: $*: wanted $text, got $output"
}

address_of() { docker inspect -f "{{(index .NetworkSettings.Networks \"cap-pair_$2\").IPAddress}}" "$1"; }

# The image of the services has no shell, so another one in the same network asks.
connects() {
    docker run --rm --network "container:$1" --entrypoint timeout redis:7.2-bookworm 2 \
        bash -c "exec 3<>/dev/tcp/$2/6379" 2>/dev/null
}
reaches() { connects "$1" "$2" || fail "$1 does not reach $2"; }
cannot_reach() { if connects "$1" "$2"; then fail "$1 reaches $2"; fi; }
