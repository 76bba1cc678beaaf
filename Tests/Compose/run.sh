#!/bin/bash
# Tests the compose project from a clean clone of this repository's HEAD: up, requests, partition, heal, down, and the
# production file with tokens.
#
# 'make test-compose'. Needs a Docker engine and the ports of docker-compose.yml. If some ports are taken, use
# 'PORT_PREFIX=1 make test-compose'. Without an engine it prints one line and exits with 0.
set -euo pipefail
cd "$(dirname "$0")/../.."
# shellcheck source=Tests/Compose/support.sh
source Tests/Compose/support.sh

docker info >/dev/null 2>&1 || { echo "test-compose: skipped, no Docker engine"; exit 0; }
docker compose version >/dev/null 2>&1 || { echo "test-compose: skipped, no Docker Compose"; exit 0; }
if [ -n "$(leftovers)" ]; then
    echo "test-compose: the project exists already; run 'docker compose --profile \* down -v' first" >&2
    exit 1
fi

clone=$(mktemp -d)
trap 'finish "$clone"' EXIT
git clone -q . "$clone"
cd "$clone"

step "up from a clean clone"
cp .env.example .env
timed "build the image" docker compose build --quiet
timed "start, until all are healthy" docker compose up -d --wait --quiet-pull
figures

step "every service serves and is scraped, and the sites replicate"
# The number of services that Prometheus scrapes.
scraped='9090/api/v1/query?query=sum(up%7Bjob%3D~%22app-.%2A%22%7D)'
for port in 5001 5011 5002 5012; do answers 200 POST "$port/write/color/green-$port"; done
for port in 5001 5011; do answers 200 GET "$port/read/color" '"value":"green-5011"'; done
for port in 5002 5012; do eventually 200 GET "$port/read/color" '"value":"green-5012"'; done
for port in 5001 5011 5002 5012; do eventually 200 GET "$port/health" '"status":"ok"'; done
answers 200 GET 9093/-/ready
answers 200 GET 5000/ '<title>CAP lab</title>'
# All faults have ended.
lab_shows '"faults":\[\({[^}]*"toMs":[0-9.]*},*\)*\]'
lab_shows '"service":"app_cp_west","op":"read","key":"seat-12A","sent":null,"status":404'
eventually 200 GET "$scraped" '"4"\]'

step "containers and Redis users have minimal rights"
published=$(docker ps --filter label=com.docker.compose.project=cap-pair --format '{{.Ports}}')
refuse "$published" '0\.0\.0\.0:|:::'
for container in $(docker compose ps -q); do
    is "read-only root" "$(docker inspect -f '{{.HostConfig.ReadonlyRootfs}}' "$container")" true
    is "capabilities dropped" "$(docker inspect -f '{{.HostConfig.CapDrop}}' "$container")" '[ALL]'
    is "processes of root" "$(docker top "$container" -eo pid,uid | awk 'NR > 1 && $2 == 0' | wc -l)" 0
done
for container in app_cp app_ap lab; do
    for program in sh bash busybox perl python3 apt; do
        if docker exec "$container" "$program" 2>/dev/null; then fail "$container has $program"; fi
    done
done
says cp_db_g1 NOAUTH redis-cli get x
for replica in cp_db_g1 ap_db_g1; do
    is "denied commands of the services" "$(docker exec "$replica" redis-operator acl log)" ''
    for command in flushall "config set appendonly no" "keys x" shutdown "acl list" "replicaof no one" "module list"; do
        # Split the command into words on purpose.
        # shellcheck disable=SC2086
        says "$replica" NOPERM env REDISCLI_AUTH=local-services-only redis-cli --no-auth-warning --user app $command
    done
    says "$replica" NOPERM redis-operator flushall
    says "$replica" NOPERM env REDISCLI_AUTH=local-lab-only redis-cli --no-auth-warning --user lab hset "${replica%%_*}:x" a b
    for user in default app operator lab; do says "$replica" WRONGPASS redis-cli auth "$user" ''; done
    docker exec "$replica" redis-operator acl log reset >/dev/null
done

step "west is cut off: CP west rejects requests, AP west answers and reports stale data"
timed "partition" make compose-partition
is "a second partition changes nothing" "$(make compose-partition)" ''
eventually 503 GET 5011/read/color '"code":"no_quorum"'
answers 200 POST 5001/write/color/blue
answers 200 GET 5001/read/color '"value":"blue"'
eventually 200 GET 5012/read/color '"stale":true'
answers 200 POST 5002/write/color/blue
answers 200 POST 5012/write/color/red
for port in 5001 5011 5002 5012; do answers 200 GET "$port/health/live"; done
answers 200 GET "$scraped" '"4"\]'
lab_shows '"label":"west cut","kind":"cut","target":"west","fromMs":[0-9.]*,"toMs":null'
lab_shows '"service":"app_cp_west".*"code":"no_quorum"'
reaches app_cp_west cp_db_g3.west
reaches app_cp cp_db_g1.east
for name in cp_db_g1 cp_db_g2 ap_db_g1 ap_db_g2; do cannot_reach app_cp_west "$(address_of "$name" wan)"; done
for name in cp_db_g3 ap_db_g3; do cannot_reach app_cp "$(address_of "$name" west)"; done

step "Prometheus fires the alert of the only site without a majority"
firing='9090/api/v1/query?query=ALERTS%7Balertname%3D%22CPWithoutMajority%22%2Calertstate%3D%22firing%22%7D'
# The alert fires after 30 s.
within_s=120 eventually 200 GET "$firing" '"site":"west"'
refuse "$answer" '"site":"east"'

step "after the heal, CP west has the missed write and AP has both values at both sites"
timed "heal" make compose-heal
is "a second heal changes nothing" "$(make compose-heal)" ''
eventually 200 GET 5011/read/color '"value":"blue"'
for port in 5002 5012; do
    eventually 200 GET "$port/read/color" '"conflicts":\["[a-z]*","[a-z]*"\]'
    eventually 200 GET "$port/read/color" '"stale":false'
done
for port in 5001 5011 5002 5012; do eventually 200 GET "$port/health" '"status":"ok"'; done
lab_shows '"label":"west cut","kind":"cut","target":"west","fromMs":[0-9.]*,"toMs":[0-9]'

within_s=60 eventually 200 GET "$firing" '"result":\[\]'

step "one group, one replica, one direction"
make compose-partition ARGS=cp
eventually 503 GET 5011/read/color
eventually 200 GET 5012/health '"status":"ok"'
make compose-heal ARGS=cp
eventually 200 GET 5011/health '"status":"ok"'
make compose-partition ARGS=cp_db_g2
eventually 200 GET 5001/health '"status":"degraded"'
lab_shows '"label":"cp_db_g2 does not answer".*"toMs":null'
answers 200 POST 5001/write/color/violet
answers 200 GET 5011/read/color '"value":"violet"'
make compose-heal
eventually 200 GET 5001/health '"status":"ok"'
if [ "$(id -u)" -eq 0 ] && command -v nsenter >/dev/null && command -v iptables >/dev/null; then
    make compose-partition ARGS='west --one-way out'
    is "a second partition changes nothing" "$(make compose-partition ARGS='west --one-way out')" ''
    eventually 503 GET 5011/read/color
    answers 200 GET 5001/read/color '"value":"violet"'
    make compose-heal
    eventually 200 GET 5011/read/color '"value":"violet"'
    for port in 5001 5011 5002 5012; do eventually 200 GET "$port/health" '"status":"ok"'; done
else
    echo "  skipped: a one-way cut needs root, nsenter and iptables"
fi

step "a second up changes nothing; the services rebuild a wiped replica, cp_init does not"
# 'up --wait' fails at once if a container is still unhealthy, and Docker checks the health only every 5 s.
all_healthy
docker compose up -d --wait 2>/dev/null
answers 200 GET 5001/read/color '"value":"violet"'
docker compose rm --stop --force cp_db_g3 >/dev/null 2>&1
docker volume rm cap-pair_cp_db_g3 >/dev/null
docker compose up -d --wait 2>/dev/null
docker logs cp_init 2>&1 | tail -n 1 | grep -q "was created before"
answers 200 GET 5011/read/color '"value":"violet"'
eventually 200 GET 5011/health '"status":"ok"'
says cp_db_g3 violet redis-operator hget cp:color value

step "after a restart of all containers, every acknowledged write is readable"
answers 200 POST 5001/write/kept/here
answers 200 POST 5002/write/kept/here
timed "restart" docker compose restart
for port in 5001 5011 5002 5012; do
    eventually 200 GET "$port/health" '"status":"ok"'
    answers 200 GET "$port/read/kept" '"value":"here"'
done
answers 200 GET 5011/read/color '"value":"violet"'
for replica in cp_db_g1 cp_db_g2 cp_db_g3 ap_db_g1 ap_db_g2 ap_db_g3; do
    refuse "$(docker logs "$replica" 2>&1)" CRITICAL
done

step "more instances behind the load balancer"
docker compose --profile scale up -d --wait 2>/dev/null
answers 200 POST 5021/write/shape/round
answers 200 GET 5021/read/shape '"value":"round"'
answers 200 GET 5001/read/shape '"value":"round"'
answers 200 POST 5022/write/shape/round
eventually 200 GET 5022/read/shape '"value":"round"'
docker compose --profile scale up -d --wait --scale app_cp_pool=3 2>/dev/null
eventually 200 GET 8404/metrics 'haproxy_backend_active_servers{proxy="cp_instances"} 3'
docker kill cap-pair-app_cp_pool-1 >/dev/null
for _ in 1 2 3 4 5; do eventually 200 GET 5021/read/shape '"value":"round"'; done

step "200 large values at a time: excess requests are rejected, and no container runs out of memory"
began=$(docker inspect -f '{{.State.StartedAt}}' app_cp app_ap)
# JSON encodes a zero byte with six characters.
head -c 1048576 /dev/zero >large
for port in 5001 5002; do
    at_once POST --data-binary @large "$port/write/large"
    at_once GET "$port/read/large"
done
is "start times" "$(docker inspect -f '{{.State.StartedAt}}' app_cp app_ap)" "$began"
for port in 5001 5002; do eventually 200 GET "$port/read/kept" '"value":"here"'; done

step "no command of a service was denied during the test"
for replica in cp_db_g1 cp_db_g2 cp_db_g3 ap_db_g1 ap_db_g2 ap_db_g3; do
    is "$replica" "$(docker exec "$replica" redis-operator acl log)" ''
done

step "down removes everything"
timed "stop and remove" docker compose --profile '*' down -v
is "leftovers" "$(leftovers)" ''

step "production: requests need a token, and Prometheus has one"
mkdir -m 700 secrets
for name in redis_password redis_operator_password secret_key grafana_password; do
    openssl rand -hex 32 >"secrets/$name"
    chmod 444 "secrets/$name"
done
deploy/tokens.sh secrets
export COMPOSE_FILE=docker-compose.yml:deploy/compose.prod.yml:Tests/Compose/production.yml
timed "start, until all are healthy" docker compose --profile scale up -d --wait
for port in 5001 5011 5002 5012 5021 5022; do
    answers 401 POST "$port/write/color/green"
    token_file=secrets/client_token answers 200 POST "$port/write/color/green"
    token_file=secrets/client_token eventually 200 GET "$port/read/color" '"value":"green"'
done
for port in 5001 5011 5002 5012; do
    answers 200 GET "$port/health/ready"
    answers 401 GET "$port/metrics"
    token_file=secrets/client_token answers 403 GET "$port/metrics"
    token_file=secrets/operator_token answers 200 GET "$port/replicas"
done
# Two more instances of each service behind HAProxy, which Prometheus finds by DNS every 30 s.
within_s=60 eventually 200 GET "$scraped" '"8"\]'
timed "stop and remove" docker compose --profile '*' down -v
is "leftovers" "$(leftovers)" ''
echo "test-compose: passed in $SECONDS s"
