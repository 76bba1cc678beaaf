#!/bin/sh
# To be sourced by compose-partition.sh and compose-heal.sh: the networks of each container of docker-compose.yml.

replicas='cp_db_g1 cp_db_g2 cp_db_g3 ap_db_g1 ap_db_g2 ap_db_g3'
services='app_cp app_cp_west app_ap app_ap_west'

# containers_of WHAT: prints the containers of WHAT, or nothing if WHAT is unknown.
containers_of() {
    case $1 in
    west) echo app_cp_west app_ap_west cp_db_g3 ap_db_g3 ;;
    cp) echo app_cp_west cp_db_g3 ;;
    ap) echo app_ap_west ap_db_g3 ;;
    all) echo "$services $replicas" ;;
    *) for name in $services $replicas; do if [ "$name" = "$1" ]; then echo "$1"; fi; done ;;
    esac
}

site_of() {
    case $1 in
    *_west | *_g3) echo west ;;
    *) echo east ;;
    esac
}

# networks_cut WHAT: prints the networks that a cut removes. A site or group loses the wan, the link to the other site.
# A single container loses all links to other containers, but keeps the front, where its port is published.
networks_cut() {
    case $1 in
    west | cp | ap) echo wan ;;
    *) echo "$(site_of "$1") wan" ;;
    esac
}

is_running() { [ "$(docker inspect -f '{{.State.Running}}' "$1" 2>/dev/null)" = true ]; }

# network_name CONTAINER NETWORK: prints Docker's name of the network in the container's project.
network_name() {
    echo "$(docker inspect -f '{{index .Config.Labels "com.docker.compose.project"}}' "$1")_$2"
}

is_connected() {
    docker inspect -f '{{range $name, $link := .NetworkSettings.Networks}}{{println $name}}{{end}}' "$1" | grep -qx "$2"
}

# Set the aliases again, or the other containers cannot resolve the container's names.
connect() {
    docker network connect --alias "$1" --alias "$1.$3" "$2" "$1"
}

# Whether this script can set firewall rules in a container's network namespace, with the host's iptables. This needs
# root on a Linux host.
can_firewall() { [ "$(id -u)" -eq 0 ] && command -v nsenter >/dev/null && command -v iptables >/dev/null; }

# Whether the container's process runs on this machine. If the Docker engine runs on another machine or in a virtual
# machine, the PID belongs to an unrelated process here, whose firewall must not be changed.
is_here() {
    grep -qs "$(docker inspect -f '{{.Id}}' "$1")" "/proc/$(docker inspect -f '{{.State.Pid}}' "$1")/cgroup"
}

firewall() { # firewall CONTAINER IPTABLES-ARGUMENTS...
    pid=$(docker inspect -f '{{.State.Pid}}' "$1")
    shift
    nsenter --target "$pid" --net iptables --wait "$@"
}

subnet_of() { docker network inspect -f '{{(index .IPAM.Config 0).Subnet}}' "$1"; }
