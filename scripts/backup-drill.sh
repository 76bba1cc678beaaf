#!/usr/bin/env bash
# Destroys a group on purpose, restores it from its newest backup, and reports the loss and the duration.
#
#   backup-drill.sh [--on lab|compose] [--interval SECONDS] [--keys N] cp|ap
#
# A client writes the time ten times per second while a backup is made every SECONDS (300 by default). The group is
# destroyed when the next backup is due. The worst case is a loss just before that backup ends, so the report includes
# the duration of a backup. DESTROYS the data of all three replicas.
set -euo pipefail

place=lab
interval=300
keys=1000
while [ $# -gt 0 ]; do
    case $1 in
    --on) place=${2:?}; shift 2 ;;
    --interval) interval=${2:?}; shift 2 ;;
    --keys) keys=${2:?}; shift 2 ;;
    *) break ;;
    esac
done
case ${1:-} in
cp | ap) group=$1 ;;
*)
    sed -n '4p' "$0" | sed 's/^# *//' >&2
    exit 2
    ;;
esac
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=runbooks/env.sh
. "$here/../runbooks/env.sh" "$place"
if [ "$group" = cp ]; then url=$CP_EAST; else url=$AP_EAST; fi

scratch=$(mktemp -d)
writer=
# shellcheck disable=SC2329
tidy() {
    [ -z "$writer" ] || kill "$writer" 2>/dev/null || true
    rm -rf "$scratch"
}
trap tidy EXIT

now_ms() { date +%s%3N; }
seconds() { awk -v ms="$1" 'BEGIN { printf "%.1f", ms / 1000 }'; }
sleep_until() { sleep "$(awk -v ms="$(($1 - $(now_ms)))" 'BEGIN { print (ms > 0 ? ms / 1000 : 0) }')"; }

curl -sSf -o /dev/null -X POST "$url/write/drill-[1-$keys]/some-value"
while :; do
    time_ms=$(now_ms)
    # Only acknowledged writes count.
    if curl -sf -o /dev/null --max-time 2 -X POST "$url/write/drill/$time_ms"; then echo "$time_ms" >"$scratch/acknowledged"; fi
    sleep 0.1
done &
writer=$!

for _ in 1 2; do
    due_ms=$(($(now_ms) + interval * 1000))
    began_ms=$(now_ms)
    "$here/backup.sh" --on "$place" --keep 2 "$group" "$scratch/sets" >/dev/null
    took_ms=$(($(now_ms) - began_ms))
    sleep_until "$due_ms"
done

for each in $(replicas_of "$group"); do node kill "$each" >/dev/null; done
lost_ms=$(now_ms)
kill "$writer" && writer=
for each in $(replicas_of "$group"); do node wipe "$each" >/dev/null; done
newest=$(find "$scratch/sets" -maxdepth 1 -name "$group-*" | sort | tail -n 1)
"$here/restore.sh" --on "$place" --yes "$group" "$newest" >/dev/null
until answer=$(curl -sf --max-time 2 "$url/read/drill"); do sleep 0.1; done
back_ms=$(now_ms)
restored_ms=$(grep -o '"value":"[0-9]*' <<<"$answer" | tr -dc 0-9)
count=$(curl -sS -o /dev/null -w '%{http_code}\n' "$url/read/drill-[1-$keys]" | grep -c 200 || true)

echo "group $group: a backup every $interval s, each takes $(seconds "$took_ms") s"
echo "lost: the last $(seconds $(($(cat "$scratch/acknowledged") - restored_ms))) s of acknowledged writes (RPO)"
echo "back: after $(seconds $((back_ms - lost_ms))) s (RTO), with $count of $keys keys"
