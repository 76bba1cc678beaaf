#!/bin/sh
# Installs the missing dependencies of the project. Prints nothing if nothing is missing.
#
#   scripts/setup.sh build         (default) compiler dependencies and redis-server
#   scripts/setup.sh bench         also wrk, webdis and HAProxy, for benchmarks
#   scripts/setup.sh prometheus    also Prometheus and Alertmanager
#   scripts/setup.sh downtime      also etcd and ZooKeeper, for bench-downtime
#   scripts/setup.sh all           build, bench, prometheus, and the tools of 'make lint' and the tests
#
# As root, or if sudo needs no password, the script installs Debian packages. Otherwise it prints the command to run and
# exits with code 1. The script starts and enables no service: the project runs its own redis-servers.
set -eu

purpose=${1:-build}
swift_major=6
swift_minor=2

has_program() { command -v "$1" >/dev/null 2>&1; }
# Whether a C library and its header exist: asks pkg-config, or else searches the compiler's default directories.
has_library() {
    if has_program pkg-config; then
        pkg-config --exists "$1"
    else
        [ -e "/usr/include/$2" ] || [ -e "/usr/local/include/$2" ]
    fi
}

packages=
need_program() { has_program "$1" || packages="$packages $2"; }
need_library() { has_library "$1" "$2" || packages="$packages $3"; }

case $purpose in
build | bench | prometheus | downtime | all) ;;
*)
    echo "setup: '$purpose' must be build, bench, prometheus, downtime or all" >&2
    exit 2
    ;;
esac

need_program git git
need_program curl curl
need_program c++ g++
need_program pkg-config pkg-config
need_program redis-server redis-server
need_program redis-cli redis-tools
need_library hiredis hiredis/hiredis.h libhiredis-dev
need_library libmicrohttpd microhttpd.h libmicrohttpd-dev
need_library lua5.1 lua5.1/lua.h liblua5.1-0-dev
if [ "$purpose" != build ]; then
    need_program python3 python3
    # CI installs a package from PyPI into a virtual environment.
    [ "$purpose" != all ] || python3 -c 'import ensurepip' 2>/dev/null || packages="$packages python3-venv"
fi
if [ "$purpose" = bench ] || [ "$purpose" = all ]; then
    need_program wrk wrk
    need_program webdis webdis
    need_program haproxy haproxy
fi
if [ "$purpose" = prometheus ] || [ "$purpose" = all ]; then
    need_program prometheus prometheus
    # The program has another name in Debian's package.
    has_program alertmanager || need_program prometheus-alertmanager prometheus-alertmanager
fi
if [ "$purpose" = downtime ]; then
    need_program etcd etcd-server
    # ZooKeeper installs no program in PATH, so look for its library.
    [ -e /usr/share/java/zookeeper.jar ] || packages="$packages zookeeper"
    need_program java default-jre-headless
fi
if [ "$purpose" = all ]; then
    need_program shellcheck shellcheck
    need_program yamllint yamllint
    need_program luacheck lua-check
    # For the runbooks and the tests of the balancer examples.
    need_program nginx nginx-light
    need_program socat socat
    need_program openssl openssl
    # For the test of TLS to Redis.
    need_program stunnel stunnel4
    # For the test of the lab page.
    need_program chromium chromium
    need_program chromedriver chromium-driver
    # For the tests of the Kubernetes manifests.
    need_program kubectl kubernetes-client
fi

# apt-get asks the script $policy whether it may start a service. Exit code 101 means no (policy-rc.d(8)).
policy=/usr/sbin/policy-rc.d
allow_services() { $as_root rm -f "$policy"; }
forbid_services() {
    [ ! -e "$policy" ] || return 0
    trap allow_services EXIT
    trap 'exit 130' INT
    trap 'exit 143' TERM
    printf '#!/bin/sh\nexit 101\n' | $as_root tee "$policy" >/dev/null
    $as_root chmod 755 "$policy"
}

# Without this, the installed services would start at the next boot.
disable_services() {
    [ -d /run/systemd/system ] || return 0
    for package in $packages; do
        case $package in
        redis-server | webdis | prometheus | prometheus-alertmanager | haproxy | nginx-light)
            $as_root systemctl disable --quiet "${package%-light}" || true
            ;;
        etcd-server)
            $as_root systemctl disable --quiet etcd || true
            ;;
        esac
    done
}

install_packages() {
    echo "setup: installing$packages"
    forbid_services
    $as_root apt-get update -qq
    # Split the list into words on purpose.
    # shellcheck disable=SC2086
    $as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $packages
    disable_services
}

if [ -n "$packages" ]; then
    if ! has_program apt-get; then
        echo "setup: this is not a Debian system; install the equivalents of these Debian packages:$packages" >&2
        exit 1
    fi
    if [ "$(id -u)" -eq 0 ]; then
        as_root=
        install_packages
    elif has_program sudo && sudo -n true 2>/dev/null; then
        as_root=sudo
        install_packages
    else
        command="apt-get install -y --no-install-recommends$packages"
        if has_program sudo; then command="sudo $command"; else command="su -c '$command'"; fi
        echo "setup: packages are missing. Run this command, then try again:" >&2
        echo "    $command" >&2
        exit 1
    fi
fi

if ! has_program swift; then
    echo "setup: swift is not in PATH; install Swift $swift_major.$swift_minor or newer from https://www.swift.org/install" >&2
    exit 1
fi
version=$(swift --version 2>/dev/null | sed -n 's/.*Swift version \([0-9][0-9]*\)\.\([0-9][0-9]*\).*/\1 \2/p' | head -n 1)
major=${version% *}
minor=${version#* }
if [ -z "$version" ]; then
    echo "setup: 'swift --version' prints no version; install Swift from https://www.swift.org/install" >&2
    exit 1
fi
if [ "$major" -lt "$swift_major" ] || { [ "$major" -eq "$swift_major" ] && [ "$minor" -lt "$swift_minor" ]; }; then
    echo "setup: Swift $major.$minor is too old; install $swift_major.$swift_minor or newer from https://www.swift.org/install" >&2
    exit 1
fi
