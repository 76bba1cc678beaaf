#!/usr/bin/env bash
# Replaces the data of a group with the dumps of a backup set. Every later write is lost.
#
#   restore.sh [--on lab|compose] --yes cp|ap SET                all replicas of the group; its services stop meanwhile
#   restore.sh [--on lab|compose] --yes --replica NODE ap SET    one AP replica; the others then send it newer writes
#
# SET is a directory made by backup.sh. A single CP replica cannot be restored: an acceptor that forgets its promises
# breaks Paxos. Wipe it ('node wipe') and the services rebuild it from the other two. If SET lacks one replica of the
# group, which was down during the backup, that replica starts blank and is filled.
#
# All instances of the group must be stopped. The script stops and starts the instances that runbooks/env.sh lists. If
# another instance is still connected to a replica, the script changes nothing.
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
[ -n "$is_meant" ] || die "this replaces the data of the group '$group'; confirm with --yes"
# shellcheck source=runbooks/env.sh
. "$(dirname "$0")/../runbooks/env.sh" "$place"

replicas=$(replicas_of "$group")
if [ -n "$replica" ]; then
    [[ " $replicas " == *" $replica "* && $replica != *' '* ]] || die "'$replica' is not a replica of this group: $replicas"
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
(cd "$set" && sha256sum --check --quiet --strict SHA256SUMS) || die "a dump in $set differs from its checksum"

# From here on, a failure leaves the group stopped or partly restored. Running the script again is always safe.
unfinished() { echo "restore: NOT finished, the group may be stopped: run the same command again" >&2; }
trap unfinished EXIT

# Prints the number of clients of a replica: 0 if the replica is down.
clients_of() { redis "$1" CLIENT LIST TYPE normal 2>/dev/null | grep -c 'id=' || true; }
# One client is this query itself. A health check is connected only for a moment, so try again.
has_no_clients() {
    for _ in 1 2 3 4 5; do
        [ "$(clients_of "$1")" -gt 1 ] || return 0
        sleep 0.3
    done
    return 1
}

if [ -z "$replica" ]; then
    for each in $(services_of "$group"); do node stop "$each" >/dev/null || true; done
    for each in $replicas; do
        has_no_clients "$each" ||
            die "$each still has clients: stop all instances first (see 'redis $each CLIENT LIST')"
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
    # The copies of the rollback counters in the dumps have different ages, so replicas would look rolled back to each
    # other. All replicas go back to one backup, so no replica lacks a promise that another one relies on.
    for each in $replicas; do redis "$each" DEL cap:rollback_counters >/dev/null; done
fi
if [ "$group" = ap ] && [ -z "$replica" ]; then
    # app-ap refuses a replica with an old dump, because it could bring deleted values back. Here, all replicas go back
    # together, so this cannot happen.
    for each in $restored; do app_ap admit "${each#ap_db_}" >/dev/null; done
fi
if [ -z "$replica" ]; then
    for each in $(services_of "$group"); do node start "$each" >/dev/null; done
fi
trap - EXIT
echo "restore: as in $(basename "$set"):$restored${blank:+, blank:$blank}"
