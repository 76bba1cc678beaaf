#!/bin/sh
# Partitions the running compose project. Safe to run twice. compose-heal.sh repairs the cut.
#
#   compose-partition.sh [west]       cuts west off from east, both groups
#   compose-partition.sh cp|ap        cuts west off from east, for one group
#   compose-partition.sh NAME         cuts one replica or service off from all others
#   ... --one-way out|in              cuts one direction only: what the containers send (out) or receive (in) is lost.
#                                     With 'out', they execute commands whose replies are lost, the harder case.
#                                     Needs root on a Linux host.
set -eu
here=$(dirname "$0")
# shellcheck source=scripts/compose-links.sh
. "$here/compose-links.sh"

usage() {
    sed -n '4,9s/^# \{0,1\}//p' "$0" >&2
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
        # A second name would replace the first one.
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
    # Split the rule into words on purpose.
    # shellcheck disable=SC2086
    if ! firewall "$1" --check $rule --jump DROP 2>/dev/null; then
        firewall "$1" --append $rule --jump DROP
        echo "cut: $1 loses its traffic ($direction) on $2"
    fi
}

for container in $containers; do
    if ! is_running "$container"; then
        echo "compose-partition: $container is not running; start it with 'docker compose up -d --wait'" >&2
        exit 1
    fi
    if [ -n "$direction" ] && ! is_here "$container"; then
        echo "compose-partition: a one-way cut needs the Docker host, but $container runs elsewhere" >&2
        exit 1
    fi
done
for container in $containers; do
    for network in $(networks_cut "$what"); do
        name=$(network_name "$container" "$network")
        if [ -z "$direction" ]; then unplug "$container" "$name"; else drop "$container" "$name"; fi
    done
done
