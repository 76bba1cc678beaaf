#!/bin/sh
# Makes bearer tokens for a production deployment: for a client, an operator, and Prometheus.
#
#   deploy/tokens.sh [DIRECTORY]        default: secrets
#
# It adds a line per token to DIRECTORY/auth_tokens: AUTH_TOKENS_FILE of the services, which contains digests only.
# The tokens are in DIRECTORY/NAME_token. A token whose file exists is kept, so the command can be repeated. It uses
# app-cp from APP_CP, from PATH, from .build/release, or else from the image cap-pair (VERSION, default 0.2.0).
#
# The files are readable by every user, because each container has its own user. Only the owner can enter DIRECTORY.
set -eu

directory=${1:-secrets}
here=$(dirname "$0")
built=$here/../.build/release/app-cp

app_cp() {
    if [ -n "${APP_CP:-}" ]; then
        "$APP_CP" "$@"
    elif command -v app-cp >/dev/null; then
        app-cp "$@"
    elif [ -x "$built" ]; then
        "$built" "$@"
    else
        docker run --rm --network none "cap-pair:${VERSION:-0.2.0}" app-cp "$@"
    fi
}

# make NAME SCOPES. The command prints the token to standard output, and the line with its digest to standard error.
make() {
    if [ -s "$directory/$1_token" ]; then
        echo "kept: $directory/$1_token"
        return
    fi
    if ! app_cp token "$1" --scopes "$2" >"$work/token" 2>"$work/line" ||
        ! grep -q "^$1 $2 sha256:[0-9a-f]*\$" "$work/line"; then
        echo "tokens.sh: app-cp cannot make a token: $(tail -n 1 "$work/line")" >&2
        exit 1
    fi
    # The digest comes first: a token without a digest would be kept, and never accepted.
    cat "$work/line" >>"$directory/auth_tokens"
    chmod 444 "$work/token"
    mv "$work/token" "$directory/$1_token"
    echo "made: $directory/$1_token ($2)"
}

[ -d "$directory" ] || install -d -m 700 "$directory"
work=$(umask 077 && mktemp -d "$directory/.tokens.XXXXXX")
trap 'rm -rf "$work"' EXIT
[ -e "$directory/auth_tokens" ] || (umask 022 && : >"$directory/auth_tokens")
make client read,write
make operator read,write,admin,metrics
make prometheus metrics
