#!/bin/sh
# To be sourced: 'secret NAME' prints what NAME is set to, or the content of the file that NAME_FILE names, without the
# line's end, be it of Unix or of Windows: the services read it so, and it must be one password.

secret() {
    file=$(printenv "$1_FILE" || true)
    if [ -n "$file" ]; then
        value=$(cat "$file")
        value=${value%"$(printf '\r')"}
    else
        value=$(printenv "$1" || true)
    fi
    if [ -z "$value" ]; then
        echo "neither $1 nor $1_FILE is set" >&2
        return 1
    fi
    printf '%s' "$value"
}
