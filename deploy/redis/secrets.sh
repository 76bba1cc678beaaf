#!/bin/sh
# To be sourced. 'secret NAME' prints the value of NAME, or the content of the file that NAME_FILE names, without its
# final line end (LF or CRLF). The services read files in the same way, so both see the same password.

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
