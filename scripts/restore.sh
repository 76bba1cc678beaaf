#!/usr/bin/env bash
# Gives a group the dumps of a backup set in place of its data. What was written after that backup is gone.
#
#   restore.sh [--on lab|compose] --yes cp|ap SET                  all replicas of the group; its services stop meanwhile
#   restore.sh [--on lab|compose] --yes --replica NODE ap SET      one AP replica; the others then bring it up to date
#
# SET is one directory that backup.sh made. One replica of a CP group cannot be restored: an acceptor that forgets what it
# promised breaks Paxos. Wipe it ('node wipe'), and the services fill it from the other two. Where SET lacks one replica of
# the group, which was down at the backup, that one starts blank and is filled.
#
# All instances of the group's services must be stopped. Those that runbooks/env.sh knows are stopped and started here;
# where another one is still connected to a replica, nothing is done.
set -euo pipefail

usage() {
    sed -n '4,5p' "$0" | sed 's/^# *//' >&2
    exit 2
}
die() {
    echo "restore: $1" >&2
    exit 1
}

place=compose
replica=
is_meant=
while [ $# -gt 0 ]; do
    case $1 in
    --on) place=${2:?}; shift 2 ;;
    --replica) replica=${2:?}; shift 2 ;;
    --yes) is_meant=1; shift ;;
    -*) usage ;;
    *) break ;;
    esac
done
[ $# -eq 2 ] || usage
group=$1
set=$2
case $group in cp | ap) ;; *) usage ;; esac
if [ "$group" = cp ] && [ -n "$replica" ]; then
    die "one CP replica is never restored: wipe it, and the services rebuild it from the other two"
fi
[ -n "$is_meant" ] || die "this replaces the data of the group '$group'; say --yes if that is meant"
# shellcheck source=runbooks/env.sh
. "$(dirname "$0")/../runbooks/env.sh" "$place"

replicas=$(replicas_of "$group")
if [ -n "$replica" ]; then
    [[ " $replicas " == *" $replica "* && $replica != *' '* ]] || die "'$replica' is none of $replicas"
    replicas=$replica
fi
restored=
blank=
for each in $replicas; do
    if [ ! -f "$set/$each.rdb" ]; then
        blank="$blank $each"
        continue
    fi
    grep -qE "^[0-9a-f]{64}  \./$each\.rdb\$" "$set/SHA256SUMS" || die "$set has no checksum of $each"
    restored="$restored $each"
done
if [ -z "$restored" ] || [ "$(wc -w <<<"$blank")" -gt 1 ]; then die "$set has no dump of:$blank"; fi
(cd "$set" && sha256sum --check --quiet --strict SHA256SUMS) || die "a dump in $set is not what the backup wrote"

# From here on, what ends early leaves something stopped or half restored. Doing all of it again is always right.
unfinished() { echo "restore: NOT finished, the group may be stopped: give the same command again" >&2; }
trap unfinished EXIT

# A replica that is down has no clients.
clients_of() { redis "$1" CLIENT LIST TYPE normal 2>/dev/null | grep -c 'id=' || true; }
# One is this very question; a health check is there for a moment only.
is_left_alone() {
    for _ in 1 2 3 4 5; do
        [ "$(clients_of "$1")" -gt 1 ] || return 0
        sleep 0.3
    done
    return 1
}

if [ -z "$replica" ]; then
    for each in $(services_of "$group"); do node stop "$each" >/dev/null || true; done
    for each in $replicas; do
        is_left_alone "$each" ||
            die "somebody is still connected to $each: stop all instances first ('redis $each CLIENT LIST')"
    done
fi
for each in $replicas; do node stop "$each" >/dev/null || true; done
for each in $restored; do
    give_dump "$each" "$set/$each.rdb"
    node start "$each" >/dev/null
done
for each in $blank; do
    node wipe "$each" >/dev/null
    node start "$each" >/dev/null
done
if [ "$group" = cp ]; then
    # The replicas' notes of each other's beats are of different moments, and would make some of them look forgetful. All
    # of them go back to one backup, so there is nothing that one of them knows and another has forgotten.
    for each in $replicas; do redis "$each" DEL cap:rollback_counters >/dev/null; done
fi
if [ "$group" = ap ] && [ -z "$replica" ]; then
    # A dump of days ago would be refused, lest it bring back what was deleted since: here all go back together.
    for each in $restored; do app_ap admit "${each#ap_db_}" >/dev/null; done
fi
if [ -z "$replica" ]; then
    for each in $(services_of "$group"); do node start "$each" >/dev/null; done
fi
trap - EXIT
echo "restore: as in $(basename "$set"):$restored${blank:+, blank:$blank}"
