#!/bin/sh
# Checks the arguments of a caplab command without caplab, so that a typing error in ARGS fails before a long build:
#
#   scripts/check-arguments.sh COMMAND [ARGUMENT ...]    COMMAND is up, demo, check or report
#   scripts/check-arguments.sh --list COMMAND            prints the options as NAME:KIND
#
# ArgumentCheckTests compares this list with the options that caplab declares. Exit code 2 and one line for a wrong
# argument.
set -eu

options_of() {
    case $1 in
    up)
        echo run-dir:text port-base:number page-port:number free-ports:flag port:text log-level:text data-dir:text bin-dir:text
        echo service-env:text redis-cp-arg:text redis-ap-arg:text direct:flag break:text read-only:flag tls:flag
        echo token-file:text
        ;;
    demo) echo port-base:number bin-dir:text tls:flag pause-ms:number patience-ms:number service-env:text token-file:text ;;
    check)
        echo seconds:number seed:number clients:number output:text data-dir:text bin-dir:text tls:flag service-env:text
        echo token-file:text
        ;;
    report) echo out:text max-kib:number bin-dir:text tls:flag service-env:text token-file:text ;;
    *)
        echo "check-arguments: '$1' is none of up, demo, check, report" >&2
        exit 2
        ;;
    esac
}

if [ "$1" = --list ]; then
    options_of "$2" | tr ' ' '\n'
    exit
fi

command=$1
shift
options=$(options_of "$command")

refuse() {
    echo "caplab $command: $1" >&2
    exit 2
}

while [ $# -gt 0 ]; do
    argument=$1
    shift
    case $argument in
    -h | --help) continue ;;
    --?*) ;;
    *) refuse "unexpected argument '$argument'" ;;
    esac
    name=${argument#--}
    name=${name%%=*}
    kind=
    for option in $options; do
        [ "${option%:*}" != "$name" ] || kind=${option#*:}
    done
    case $kind in
    '') refuse "unknown option '--$name'; valid:$(for option in $options; do printf ' --%s' "${option%:*}"; done)" ;;
    flag)
        [ "$argument" = "--$name" ] || refuse "--$name takes no value"
        continue
        ;;
    esac
    case $argument in
    *=*) value=${argument#*=} ;;
    *)
        [ $# -gt 0 ] || refuse "--$name needs a value"
        value=$1
        shift
        ;;
    esac
    case $kind:$value in
    number: | number:*[!0-9]*) refuse "--$name needs a number, not '$value'" ;;
    esac
done
