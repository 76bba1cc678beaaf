#!/bin/sh
# Repairs what compose-partition.sh cut: compose-heal.sh [all|west|cp|ap|NAME]. Safe to run twice.
set -eu
here=$(dirname "$0")
# shellcheck source=scripts/compose-links.sh
. "$here/compose-links.sh"

containers=
if [ $# -le 1 ]; then containers=$(containers_of "${1:-all}"); fi
if [ -z "$containers" ]; then
    sed -n '2s/^# //p' "$0" >&2
    exit 2
fi

open_firewall() { # open_firewall CONTAINER SUBNET
    for rule in "OUTPUT --destination $2" "INPUT --source $2"; do
        # Split the rule into words on purpose.
        # shellcheck disable=SC2086
        while firewall "$1" --check $rule --jump DROP 2>/dev/null; do
            firewall "$1" --delete $rule --jump DROP
            echo "healed: $1 sends and receives again ($2)"
        done
    done
}

for container in $containers; do
    # A missing container has no cut. A stopped container keeps its networks.
    docker inspect "$container" >/dev/null 2>&1 || continue
    for network in $(site_of "$container") wan; do
        name=$(network_name "$container" "$network")
        if ! is_connected "$container" "$name"; then
            connect "$container" "$name" "$network"
            echo "healed: $container is on $name"
        fi
        if can_firewall && is_here "$container"; then open_firewall "$container" "$(subnet_of "$name")"; fi
    done
done
