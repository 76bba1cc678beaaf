#!/bin/sh
# Cuts a part of the running compose project off. Safe to run twice; compose-heal.sh mends it.
#
#   compose-partition.sh [west]       west from east, both groups
#   compose-partition.sh cp|ap        west from east, for one group
#   compose-partition.sh NAME         one replica or service, from all others
#   ... --one-way out|in              not the cable but one direction: what it sends (out), or what is sent to it (in), is
#                                     lost. 'out' is the nasty one: it does what it is told, and nobody hears that it did.
#                                     Needs root on a Linux host.
set -eu
here=$(dirname "$0")
# shellcheck source=scripts/compose-links.sh
. "$here/compose-links.sh"

usage() {
    sed -n '4,10s/^# \{0,1\}//p' "$0" >&2
    exit 2
}

what=
direction=
while [ $# -gt 0 ]; do
    case $1 in
    --one-way)
        direction=${2:-}
        case $direction in out | in) ;; *) usage ;; esac
        shift 2
        ;;
    -*) usage ;;
    *)
        # A second name would be cut in place of the first, not beside it.
        if [ -n "$what" ] || [ -z "$1" ]; then usage; fi
        what=$1
        shift
        ;;
    esac
done
what=${what:-west}
containers=$(containers_of "$what")
if [ -z "$containers" ] || [ "$what" = all ]; then usage; fi
if [ -n "$direction" ] && ! can_firewall; then
    echo "compose-partition: a one-way cut needs root, nsenter and iptables on the Docker host" >&2
    exit 1
fi

unplug() {
    if is_connected "$1" "$2"; then
        docker network disconnect "$2" "$1"
        echo "cut: $1 is off $2"
    fi
}

drop() {
    case $direction in
    out) rule="OUTPUT --destination $(subnet_of "$2")" ;;
    in) rule="INPUT --source $(subnet_of "$2")" ;;
    esac
    # The rule is split into words on purpose.
    # shellcheck disable=SC2086
    if ! firewall "$1" --check $rule --jump DROP 2>/dev/null; then
        firewall "$1" --append $rule --jump DROP
        echo "cut: $1 loses what goes $direction on $2"
    fi
}

for container in $containers; do
    if ! is_running "$container"; then
        echo "compose-partition: $container is not running; 'docker compose up -d --wait' starts it" >&2
        exit 1
    fi
    if [ -n "$direction" ] && ! is_here "$container"; then
        echo "compose-partition: a one-way cut must be made on the Docker host, and $container runs elsewhere" >&2
        exit 1
    fi
done
for container in $containers; do
    for network in $(networks_cut "$what"); do
        name=$(network_name "$container" "$network")
        if [ -z "$direction" ]; then unplug "$container" "$name"; else drop "$container" "$name"; fi
    done
done
