#!/bin/sh
# To be sourced by compose-partition.sh and compose-heal.sh: who is on which network of docker-compose.yml.

replicas='cp_db_g1 cp_db_g2 cp_db_g3 ap_db_g1 ap_db_g2 ap_db_g3'
services='app_cp app_cp_west app_ap app_ap_west'

# The containers that WHAT stands for; nothing where it is no such word.
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

# What a cut takes WHAT off: a site or group loses the cable to the other site, a single container all links to others.
# The front, where its port is published, stays.
networks_cut() {
    case $1 in
    west | cp | ap) echo wan ;;
    *) echo "$(site_of "$1") wan" ;;
    esac
}

is_running() { [ "$(docker inspect -f '{{.State.Running}}' "$1" 2>/dev/null)" = true ]; }

# Docker's name of a network of the project that a container belongs to.
network_name() {
    echo "$(docker inspect -f '{{index .Config.Labels "com.docker.compose.project"}}' "$1")_$2"
}

is_connected() {
    docker inspect -f '{{range $name, $link := .NetworkSettings.Networks}}{{println $name}}{{end}}' "$1" | grep -qx "$2"
}

# The name under which others find it must be given again, or it stays unknown to them.
connect() {
    docker network connect --alias "$1" --alias "$1.$3" "$2" "$1"
}

# The firewall inside a container's own network namespace; the host's iptables, so root on a Linux host is needed.
can_firewall() { [ "$(id -u)" -eq 0 ] && command -v nsenter >/dev/null && command -v iptables >/dev/null; }

# Whether the process that Docker names is one of this machine. Where the engine is another machine or in a virtual one,
# its number is that of some other process here, whose firewall is none of ours.
is_here() {
    grep -qs "$(docker inspect -f '{{.Id}}' "$1")" "/proc/$(docker inspect -f '{{.State.Pid}}' "$1")/cgroup"
}

firewall() { # firewall CONTAINER IPTABLES-ARGUMENTS...
    pid=$(docker inspect -f '{{.State.Pid}}' "$1")
    shift
    nsenter --target "$pid" --net iptables --wait "$@"
}

subnet_of() { docker network inspect -f '{{(index .IPAM.Config 0).Subnet}}' "$1"; }
