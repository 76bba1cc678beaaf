#!/bin/sh
# start.sh cp|ap [ARGUMENTS of redis-server...]: writes users.acl with the hashes of the two passwords, then becomes
# redis-server.
#
#   app        what the services are: their commands on their keys, nothing else
#   operator   what people are (redis-operator in the container): all but what destroys a replica or makes it a copy
#   default    nobody: it is off and has no password. Its permissions must stay, for the append-only file is replayed in its
#              name: without them, what one script wrote by several commands is silently left out at the next start
#              (redis issue 14541, valkey issue 3983)
set -eu
# shellcheck source=deploy/redis/secrets.sh
. /etc/cap-redis/secrets.sh

hash_of() { printf '%s' "$1" | sha256sum | cut -d ' ' -f 1; }

group=$1
shift
app=$(secret REDIS_PASSWORD)
operator=$(secret REDIS_OPERATOR_PASSWORD)
umask 077
sed -e "s/@APP@/$(hash_of "$app")/" -e "s/@OPERATOR@/$(hash_of "$operator")/" \
    "/etc/cap-redis/users-$group.acl" >/run/redis/users.acl
unset REDIS_PASSWORD REDIS_OPERATOR_PASSWORD
exec redis-server "/etc/cap-redis/$group.conf" "$@"
