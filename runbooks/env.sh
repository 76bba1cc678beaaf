#!/usr/bin/env bash
# To be sourced by bash before following a runbook:  . runbooks/env.sh lab|compose
#
# Defines the same variables and commands for the lab and for compose:
#
#   $CP_EAST $CP_WEST $AP_EAST $AP_WEST   URLs of the four services
#   show URL                              prints an answer, one replica per line
#   redis NODE COMMAND...                 redis-cli on a replica, as the operator
#   app_cp init|members|backup, app_ap admit
#                                         commands of the operator, on the whole group
#   node stop|start|restart|kill|pause|resume|log|address NODE
#   node wipe NODE                        destroys the data of a stopped replica
#   partition west|cp|ap|NODE, heal       cuts and repairs the network
#   fetch_dump NODE FILE                  copies the last dump of a replica
#   give_dump NODE FILE                   replaces the data of a stopped replica with a dump
#   data_of NODE                          lab: the data directory of a replica
#   instance start|stop|restart|url NAME  lab: one more instance, with settings in $INSTANCES/NAME.env
#
# If the services need a token, CAPLAB_TOKEN_FILE names its file (scopes read, write, admin, metrics). If they serve
# HTTPS, CAPLAB_CA_FILE names the authority of their certificates.
#
# README.md lists the equivalents in plain docker and on Kubernetes.

repository=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
export PATH="$PATH:$repository/.build/release"
target=${1:-lab}

replicas_of() { echo "$1_db_g1 $1_db_g2 $1_db_g3"; }
services_of() { echo "app_$1 app_$1_west"; }

# With appendonly on, Redis reads only the append-only file at a start. So a dump becomes the base of a multi-part
# append-only file (Redis 7) with one part.
aof_manifest="file appendonly.aof.1.base.rdb seq 1 type b"

# A function, because other users can read command lines.
if [ -n "${CAPLAB_TOKEN_FILE:-}" ]; then
    [ -r "$CAPLAB_TOKEN_FILE" ] || { echo "env.sh: cannot read CAPLAB_TOKEN_FILE, '$CAPLAB_TOKEN_FILE'" >&2; return 1; }
    curl() {
        command curl --config <(printf 'header = "Authorization: Bearer %s"\n' "$(cat "$CAPLAB_TOKEN_FILE")") "$@"
    }
fi
scheme=http
if [ -n "${CAPLAB_CA_FILE:-}" ]; then
    scheme=https
    export CURL_CA_BUNDLE=$CAPLAB_CA_FILE
fi

show() { curl -sS --max-time 5 "$1" | sed 's/{"node"/\n&/g'; }

case $target in
lab)
    # Without it, every command would fail with a message that does not name the cause.
    command -v caplab >/dev/null || { echo "env.sh: caplab is not built; run 'make build'" >&2; return 1; }
    caplab status >/dev/null 2>&1 || { echo "env.sh: no lab is running; start one with 'make run'" >&2; return 1; }
    # A node's line in 'caplab status' ends with its pid and port.
    port_of() { caplab status | awk -v node="$1" '$1 == node { print $NF; exit }'; }
    pid_of() { caplab status | awk -v node="$1" '$1 == node { print $(NF - 1); exit }'; }
    url_of() { echo "$scheme://127.0.0.1:$(port_of "$1")"; }
    # All six replicas have the same password; ask the first one that answers.
    password() {
        for each in cp_db_g1 cp_db_g2 cp_db_g3 ap_db_g1 ap_db_g2 ap_db_g3; do
            timeout 2 caplab redis "$each" CONFIG GET requirepass 2>/dev/null | sed -n 2p | grep . && return
        done
    }
    data_of() { caplab status --json | sed "s|.*\"data_directory\":\"\([^\"]*\)\".*|\1/$1|"; }
    settings_of() {
        echo "g1=redis://127.0.0.1:$(port_of "$1_db_g1"),g2=redis://127.0.0.1:$(port_of "$1_db_g2"),$(
        )g3=redis://127.0.0.1:$(port_of "$1_db_g3")"
    }
    fetch_dump() { cp "$(data_of "$1")/dump.rdb" "$2"; }
    give_dump() {
        node wipe "$1" && mkdir "$(data_of "$1")/appendonlydir" &&
            cp "$2" "$(data_of "$1")/appendonlydir/appendonly.aof.1.base.rdb" &&
            echo "$aof_manifest" >"$(data_of "$1")/appendonlydir/appendonly.aof.manifest"
    }
    # These instances read settings files, like those of a deployment. NAME begins with cp or ap. PROGRAMS is the
    # directory of the version to start; if empty, PATH decides.
    INSTANCES=${INSTANCES:-$(data_of instances)}
    mkdir -p "$INSTANCES"
    # A port below the kernel's ephemeral range, so that it is still free at a restart.
    free_port() {
        while port=$((RANDOM % 12000 + 18000)) && (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; do :; done
        echo "$port"
    }
    lab_secret=$(tr '\0' '\n' <"/proc/$(pid_of app_ap)/environ" 2>/dev/null | sed -n 's/^SECRET_KEY=//p')
    instance() {
        file=$INSTANCES/$2
        group=${2:0:2}
        case $1 in
        start)
            [ -f "$file.env" ] || printf '%s\n' "NODE_ID=$2" "HTTP_PORT=$(free_port)" "REPLICAS=$(settings_of "$group")" \
                "REDIS_PASSWORD=$(password)" "SECRET_KEY=$lab_secret" >"$file.env"
            "${PROGRAMS:+$PROGRAMS/}app-$group" --env-file "$file.env" </dev/null >>"$file.log" 2>&1 &
            echo $! >"$file.pid"
            for _ in $(seq 100); do
                curl -sf -o /dev/null --max-time 1 "$(instance url "$2")/health/ready" && return
                kill -0 "$(cat "$file.pid")" 2>/dev/null || break
                sleep 0.1
            done
            tail -n 3 "$file.log"
            return 1
            ;;
        stop)
            kill "$(cat "$file.pid")" && while kill -0 "$(cat "$file.pid")" 2>/dev/null; do sleep 0.05; done
            ;;
        restart) instance stop "$2" && instance start "$2" ;;
        url) echo "http://127.0.0.1:$(sed -n 's/^HTTP_PORT=//p' "$file.env")" ;;
        *) return 2 ;;
        esac
    }
    redis() { timeout 10 caplab redis "$@"; }
    app_cp() { REPLICAS=$(settings_of cp) REDIS_PASSWORD=$(password) app-cp "$@"; }
    app_ap() { REPLICAS=$(settings_of ap) REDIS_PASSWORD=$(password) SECRET_KEY=${lab_secret:-not-needed-here-0} app-ap "$@"; }
    partition() {
        case $1 in
        cp | ap) caplab partition west --group "$1" ;;
        *) caplab partition "$1" ;;
        esac
    }
    heal() { caplab heal; }
    node() {
        case $1 in
        stop)
            pid=$(pid_of "$2")
            [ "$pid" != - ] || return 0
            # A paused process does not receive SIGTERM.
            kill -CONT "$pid" && kill "$pid" || return 1
            while kill -0 "$pid" 2>/dev/null; do sleep 0.05; done
            ;;
        restart) node stop "$2" && caplab start "$2" ;;
        start | kill | pause | resume) caplab "$1" "$2" ;;
        log) cat "$(data_of "logs/$2.log")" ;;
        address) echo "127.0.0.1:$(port_of "$2")" ;;
        wipe)
            directory=$(data_of "$2")
            [ "$(pid_of "$2")" = - ] && rm -rf "${directory:?}"/*
            ;;
        *) return 2 ;;
        esac
    }
    ;;
compose)
    docker compose version >/dev/null 2>&1 || { echo "env.sh: Docker Compose is not installed" >&2; return 1; }
    docker version >/dev/null 2>&1 || { echo "env.sh: the Docker daemon does not answer" >&2; return 1; }
    # Use the compose files that the containers were created from. With other files, such as without compose.prod.yml,
    # 'up' would recreate them with the passwords of docker-compose.yml. COMPOSE_FILE in the environment or in .env
    # wins.
    if [ -z "${COMPOSE_FILE:-}" ] && ! grep -qs '^COMPOSE_FILE=' "$repository/.env"; then
        made_of=$(docker inspect -f '{{index .Config.Labels "com.docker.compose.project.config_files"}}' app_cp 2>/dev/null ||
            true)
        case $made_of in *,*) export COMPOSE_FILE=$made_of COMPOSE_PATH_SEPARATOR=, ;; esac
    fi
    # Works for a stopped container, too.
    url_of() {
        echo "$scheme://127.0.0.1:$(docker inspect -f "{{(index (index .HostConfig.PortBindings \"$2/tcp\") 0).HostPort}}" "$1")"
    }
    fetch_dump() { docker cp -q "$1:/data/dump.rdb" "$2"; }
    give_dump() {
        (cd "$repository" && docker compose run --rm --no-deps -T --entrypoint sh "$1" -euc "
            cd /data
            rm -rf ./*
            mkdir appendonlydir
            cat >appendonlydir/appendonly.aof.1.base.rdb
            echo '$aof_manifest' >appendonlydir/appendonly.aof.manifest") <"$2"
    }
    redis() { timeout 10 docker exec "$1" redis-operator "${@:2}"; }
    # In a new container, because the running ones may be the problem.
    app_cp() { (cd "$repository" && docker compose --progress quiet run --rm --no-deps -T app_cp app-cp "$@"); }
    app_ap() { (cd "$repository" && docker compose --progress quiet run --rm --no-deps -T app_ap app-ap "$@"); }
    partition() { "$repository/scripts/compose-partition.sh" "$@"; }
    heal() { "$repository/scripts/compose-heal.sh"; }
    node() {
        case $1 in
        stop | restart)
            docker kill -s CONT "$2" >/dev/null 2>&1
            docker "$1" "$2"
            ;;
        start) docker start "$2" && (cd "$repository" && docker compose --progress quiet up -d --wait --no-deps "$2") ;;
        kill) docker kill "$2" ;;
        # Not 'docker pause', which would block 'docker exec'.
        pause) docker kill -s STOP "$2" ;;
        resume) docker kill -s CONT "$2" ;;
        log) docker logs "$2" 2>&1 ;;
        address) echo "$2.wan:6379" ;;
        wipe)
            # A stopped container still uses its volume.
            docker rm "$2" && docker volume rm "cap-pair_$2"
            (cd "$repository" && docker compose --progress quiet up --no-start --no-deps "$2")
            ;;
        *) return 2 ;;
        esac
    }
    ;;
*)
    echo "env.sh: '$target' must be lab or compose" >&2
    return 2
    ;;
esac

if [ "$target" = lab ]; then
    CP_EAST=$(url_of app_cp) CP_WEST=$(url_of app_cp_west) AP_EAST=$(url_of app_ap) AP_WEST=$(url_of app_ap_west)
else
    CP_EAST=$(url_of app_cp 5001) CP_WEST=$(url_of app_cp_west 5011)
    AP_EAST=$(url_of app_ap 5002) AP_WEST=$(url_of app_ap_west 5012)
fi
case $CP_EAST$CP_WEST$AP_EAST$AP_WEST in
*:[0-9]*) ;;
*)
    echo "env.sh: no service exists in $target; README.md says how to start them" >&2
    return 1
    ;;
esac
export CP_EAST CP_WEST AP_EAST AP_WEST
