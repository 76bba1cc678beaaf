#!/usr/bin/env bash
# Sourced by the setup of a runbook after env.sh lab: starts HAProxy with deploy/edge/haproxy.cfg and a new certificate.
#
# The servers of HAProxy are $CP_SERVER_1 and so on, if set, otherwise the lab's services. Sets $FRONT (CP) and
# $FRONT_AP, both https URLs, and $ADMIN_SOCKET, $CERTIFICATES, $HAPROXY_PID, $FRONT_DIRECTORY.

FRONT_DIRECTORY=$(mktemp -d "${INSTANCES:?}/front.XXXXXX")

# new_certificate FILE: writes certificate and key into one file for HAProxy, valid for 30 days.
new_certificate() {
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 30 -subj /CN=localhost \
        -addext subjectAltName=DNS:localhost -keyout "$FRONT_DIRECTORY/key" -out "$FRONT_DIRECTORY/crt" 2>/dev/null &&
        cat "$FRONT_DIRECTORY/crt" "$FRONT_DIRECTORY/key" >"$1"
}

mkdir "$FRONT_DIRECTORY/certificates"
new_certificate "$FRONT_DIRECTORY/certificates/pair.pem"
export CERTIFICATES=$FRONT_DIRECTORY/certificates ADMIN_SOCKET=$FRONT_DIRECTORY/admin.sock
CP_LISTEN=127.0.0.1:$(free_port)
AP_LISTEN=127.0.0.1:$(free_port)
export CP_LISTEN AP_LISTEN
export CP_SERVER_1=${CP_SERVER_1:-${CP_EAST#*://}} CP_SERVER_2=${CP_SERVER_2:-${CP_WEST#*://}}
export AP_SERVER_1=${AP_SERVER_1:-${AP_EAST#*://}} AP_SERVER_2=${AP_SERVER_2:-${AP_WEST#*://}}
haproxy -W -f deploy/edge/haproxy.cfg >"$FRONT_DIRECTORY/log" 2>&1 &
export HAPROXY_PID=$!
for _ in $(seq 100); do
    [ ! -S "$ADMIN_SOCKET" ] || break
    sleep 0.1
done
[ -S "$ADMIN_SOCKET" ] || cat "$FRONT_DIRECTORY/log"
export FRONT=https://localhost:${CP_LISTEN##*:} FRONT_AP=https://localhost:${AP_LISTEN##*:}
export CURL_CA_BUNDLE=$FRONT_DIRECTORY/crt
