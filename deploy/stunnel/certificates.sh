#!/bin/sh
# certificates.sh DIRECTORY [NAME...]: makes an authority and, for each NAME, a key and a certificate that is valid for
# a year. Without names, those of the six replicas in docker-compose.yml. An existing authority is used again.
set -eu

directory=${1:?usage: certificates.sh DIRECTORY [NAME...]}
shift
[ $# -gt 0 ] || set -- cp_db_g1 cp_db_g2 cp_db_g3 ap_db_g1 ap_db_g2 ap_db_g3
# Containers read the keys as other users; only the owner may enter the directory.
mkdir -p "$directory"
chmod 700 "$directory"
cd "$directory"
key='-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes'
# shellcheck disable=SC2086 # several words
[ -e ca.key ] || openssl req -x509 $key -days 3650 -subj /CN=cap-redis -keyout ca.key -out ca.pem 2>/dev/null
chmod 600 ca.key
for name in "$@"; do
    # shellcheck disable=SC2086
    openssl req $key -subj "/CN=$name" -keyout "$name.key" -out "$name.csr" 2>/dev/null
    printf 'subjectAltName=DNS:%s\nextendedKeyUsage=serverAuth\n' "$name" >"$name.ext"
    openssl x509 -req -in "$name.csr" -CA ca.pem -CAkey ca.key -CAcreateserial -days 365 -extfile "$name.ext" \
        -out "$name.crt" 2>/dev/null
    chmod 644 "$name.key" "$name.crt"
    rm "$name.csr" "$name.ext"
done
