#!/bin/sh
# redis-operator ARGUMENTS...: redis-cli as the operator, 1 where the server answers with an error.
set -eu
# shellcheck source=deploy/redis/secrets.sh
. /etc/cap-redis/secrets.sh

REDISCLI_AUTH=$(secret REDIS_OPERATOR_PASSWORD)
export REDISCLI_AUTH
exec redis-cli -e --no-auth-warning --user operator "$@"
