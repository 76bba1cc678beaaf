#!/bin/sh
# start.sh PORT=HOST:PORT[=NAME]...: runs stunnel beside a service. Each PORT on loopback is plain TCP and leads by TLS
# to HOST:PORT, whose certificate must have the name NAME (HOST by default) and be of the authority in REDIS_CA_FILE.
# With REDIS_CLIENT_PEM_FILE, stunnel presents the certificate and key in that file.
set -eu

settings() {
    echo "foreground = yes"
    echo "syslog = no"
    echo "debug = ${STUNNEL_DEBUG:-warning}"
    # Without a file of its process id: the file system may be read-only.
    echo "pid ="
    echo "client = yes"
    echo "CAfile = ${REDIS_CA_FILE:-/etc/stunnel/redis/ca.pem}"
    [ -z "${REDIS_CLIENT_PEM_FILE:-}" ] || echo "cert = $REDIS_CLIENT_PEM_FILE"
    echo "verifyChain = yes"
    echo "sslVersionMin = TLSv1.2"
    # A name is resolved for each connection: a container may have another address after a restart.
    echo "delay = yes"
    # The service itself detects that a replica is dead, and connects again.
    echo "TIMEOUTconnect = 2"
    echo "TIMEOUTclose = 0"
    echo "socket = l:TCP_NODELAY=1"
    echo "socket = r:TCP_NODELAY=1"
    for item in "$@"; do
        accept=${item%%=*} target=${item#*=}
        connect=${target%%=*} name=${target#*=}
        [ "$name" != "$target" ] || name=${connect%:*}
        echo "[$accept]"
        echo "accept = 127.0.0.1:$accept"
        echo "connect = $connect"
        echo "checkHost = $name"
    done
}

[ $# -gt 0 ] || { echo "usage: start.sh PORT=HOST:PORT[=NAME]..." >&2; exit 2; }
text=$(settings "$@")
exec stunnel -fd 3 3<<EOF
$text
EOF
