#!/bin/sh
# start.sh cp|ap [ARGUMENTS of redis-server...]: writes users.acl with the hashes of the passwords, then runs
# redis-server in place of this shell.
#
#   user       purpose
#   app        the services: only their commands, only on their keys
#   lab        the lab page: reads records; disabled without REDIS_LAB_PASSWORD or REDIS_LAB_PASSWORD_FILE
#   operator   people (redis-operator in the container): every command except those that destroy or replace a replica
#   default    disabled, without a password. It must keep its permissions: Redis replays the append-only file as this
#              user. Without them, a start silently drops what a script wrote with several commands (redis issue 14541,
#              valkey issue 3983).
set -eu
# shellcheck source=deploy/redis/secrets.sh
. /etc/cap-redis/secrets.sh

hash_of() { printf '%s' "$1" | sha256sum | cut -d ' ' -f 1; }

group=$1
shift
app=$(secret REDIS_PASSWORD)
operator=$(secret REDIS_OPERATOR_PASSWORD)
lab=off
if [ -n "$(printenv REDIS_LAB_PASSWORD REDIS_LAB_PASSWORD_FILE || true)" ]; then
    lab="on #$(hash_of "$(secret REDIS_LAB_PASSWORD)")"
fi
umask 077
sed -e "s/@APP@/$(hash_of "$app")/" -e "s/@OPERATOR@/$(hash_of "$operator")/" -e "s/@LAB@/$lab/" \
    "/etc/cap-redis/users-$group.acl" >/run/redis/users.acl
unset REDIS_PASSWORD REDIS_OPERATOR_PASSWORD REDIS_LAB_PASSWORD
exec redis-server "/etc/cap-redis/$group.conf" "$@"
