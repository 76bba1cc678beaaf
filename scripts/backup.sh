#!/usr/bin/env bash
# Makes every replica of a group write a dump, collects the dumps into a set, and keeps the newest sets.
#
#   backup.sh [--on lab|compose] [--keep N] cp|ap|all DIRECTORY
#
# A set is DIRECTORY/cp-20260131T120000Z with one .rdb file per replica and their SHA256SUMS. It appears when it is
# complete. N is the number of sets to keep per group, 360 by default: one day with a set every four minutes. A write
# that was acknowledged before the backup is in the dumps of a majority (CP), or of the replicas that acknowledged it
# (AP). restore.sh restores a set.
#
# With one replica down, the script reports it and the set has the dumps of the other two. They contain every
# acknowledged CP write; after a restore the third replica is filled from them.
#
# 'app-cp backup' makes the CP dumps and raises the rollback counters, so that a replica restored from a dump is
# detected (see runbooks/backup-and-restore.md). Run this script from cron or a systemd timer:
#
#   */4 * * * *  cd /srv/cap && scripts/backup.sh --on compose all /backup/cap
set -euo pipefail
umask 077

usage() {
    sed -n '4p' "$0" | sed 's/^# *//' >&2
    exit 2
}

place=compose
keep=360
while [ $# -gt 0 ]; do
    case $1 in
    --on) place=${2:?}; shift 2 ;;
    --keep) keep=${2:?}; shift 2 ;;
    -*) usage ;;
    *) break ;;
    esac
done
[ $# -eq 2 ] || usage
[[ $keep =~ ^[1-9][0-9]*$ ]] || { echo "backup: --keep must be a number, 1 or more" >&2; exit 2; }
group=$1
case $group in
cp | ap) ;;
all)
    # A failure of one group must not prevent the backup of the other.
    code=0
    for each in cp ap; do "$0" --on "$place" --keep "$keep" "$each" "$2" || code=1; done
    exit $code
    ;;
*) usage ;;
esac
directory=$2
mkdir -p "$directory"
directory=$(cd "$directory" && pwd)
# shellcheck source=runbooks/env.sh
. "$(dirname "$0")/../runbooks/env.sh" "$place"

exec 9>"$directory/.lock"
flock -n 9 || { echo "backup: another backup runs in $directory" >&2; exit 1; }

# Makes one replica write its dump, within 60 s.
save() {
    redis "$1" BGSAVE >/dev/null || { echo "backup: $1 does not answer" >&2; return 1; }
    for _ in $(seq 600); do
        sleep 0.1
        state=$(redis "$1" INFO persistence)
        case $state in
        *rdb_bgsave_in_progress:1*) ;;
        *rdb_last_bgsave_status:ok*) return 0 ;;
        *) break ;;
        esac
    done
    echo "backup: $1 did not write its dump; see its log" >&2
    return 1
}

name=$group-$(date -u +%Y%m%dT%H%M%SZ)
partial=$directory/.partial-$name
rm -rf "$directory/.partial-$group"-*
mkdir "$partial"

present=
absent=
for each in $(replicas_of "$group"); do
    if redis "$each" PING >/dev/null 2>&1; then present="$present $each"; else absent="$absent $each"; fi
done
if [ -n "$absent" ]; then
    [ "$(wc -w <<<"$absent")" -eq 1 ] || { echo "backup: these replicas do not answer:$absent" >&2; exit 1; }
    echo "backup:$absent does not answer; the set has the dumps of the other two" >&2
fi
if [ "$group" = cp ] && [ -z "$absent" ]; then
    app_cp backup
else
    # Both remaining replicas must vote. Their rollback counters rise every second: two seconds later, each dump is
    # older than the counter that the other replica stores, so a replica restored from it is detected.
    if [ "$group" = cp ]; then app_cp members --timeout-sec 3 | tail -n 1 | grep '^2 of 3'; fi
    for each in $present; do save "$each"; done
    if [ "$group" = cp ]; then sleep 2; fi
fi
for each in $present; do
    fetch_dump "$each" "$partial/$each.rdb"
    if command -v redis-check-rdb >/dev/null; then
        redis-check-rdb "$partial/$each.rdb" >/dev/null || { echo "backup: the dump of $each is corrupt" >&2; exit 1; }
    fi
done
(cd "$partial" && sha256sum ./*.rdb >SHA256SUMS && sync ./*)
mv -T "$partial" "$directory/$name"
sync "$directory"
echo "backup: $directory/$name"
# Sorted by the shell, oldest first. Only names of this form are ever removed.
sets=("$directory/$group"-[0-9][0-9][0-9][0-9][0-9][0-9][0-9][0-9]T[0-9][0-9][0-9][0-9][0-9][0-9]Z)
for old in "${sets[@]:0:${#sets[@]}>keep?${#sets[@]}-keep:0}"; do
    rm -rf "$old"
    echo "backup: removed $old"
done
