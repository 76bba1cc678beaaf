#!/bin/bash
# check-health [/path]: exit code 0 if this container's service answers 200 at the path. Written in bash, which the base
# image contains, so that the image needs no curl.
set -euo pipefail

path=${1:-/health/ready}
# The default ports of the services.
case $(</proc/1/comm) in
app-ap) port=${HTTP_PORT:-5002} ;;
caplab) port=5000 ;;
*) port=${HTTP_PORT:-5001} ;;
esac
exec 3<>"/dev/tcp/127.0.0.1/$port"
printf 'GET %s HTTP/1.1\r\nHost: localhost:%s\r\nConnection: close\r\n\r\n' "$path" "$port" >&3
IFS= read -r -t 2 status <&3
echo "${status%$'\r'}"
[[ $status == 'HTTP/1.1 200 '* ]]
