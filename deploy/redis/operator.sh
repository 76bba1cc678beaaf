#!/bin/sh
# redis-operator ARGUMENTS...: runs redis-cli as the user 'operator'. Exit code 1 if the server answers with an error.
set -eu
# shellcheck source=deploy/redis/secrets.sh
. /etc/cap-redis/secrets.sh

REDISCLI_AUTH=$(secret REDIS_OPERATOR_PASSWORD)
export REDISCLI_AUTH
exec redis-cli -e --no-auth-warning --user operator "$@"
