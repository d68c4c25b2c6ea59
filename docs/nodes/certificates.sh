#!/bin/sh
# Issues the certificates of buildkitd nodes. Run it on a trusted machine, in a directory that only you can read.
#
#   sh certificates.sh ca                              ca.pem and ca-key.pem, valid for ten years
#   sh certificates.sh server arm.example.com [10.0.0.5 …]   server-<first name>/{ca,cert,key}.pem, one year
#   sh certificates.sh client ci                       client-ci/{ca,cert,key}.pem, one year
#
# To renew a certificate, run the same command again and replace the files. Never copy ca-key.pem to another machine:
# everyone who has it can issue certificates. Use one CA for releases and another one for pull requests.
set -eu
umask 077

fail() {
  echo "certificates.sh: $1" >&2
  exit 1
}

new_key='-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes'

authority() {
  [ ! -e ca-key.pem ] || fail 'ca-key.pem exists: a new CA would make all certificates invalid. Move it away first'
  # shellcheck disable=SC2086
  openssl req -x509 $new_key -days 3650 -subj '/CN=buildkitd CA' -keyout ca-key.pem -out ca.pem \
    -addext 'basicConstraints=critical,CA:TRUE,pathlen:0' -addext 'keyUsage=critical,keyCertSign,cRLSign' 2>/dev/null
}

# $1 directory, $2 common name, $3 extensions
issue() {
  [ -e ca-key.pem ] || fail 'ca-key.pem is missing: run "certificates.sh ca" first, in this directory'
  mkdir -p "$1"
  printf '%s\n' 'basicConstraints=critical,CA:FALSE' 'keyUsage=critical,digitalSignature' "$3" >"$1/extensions"
  # shellcheck disable=SC2086
  openssl req -new $new_key -subj "/CN=$2" -keyout "$1/key.pem" -out "$1/request" 2>/dev/null
  openssl x509 -req -in "$1/request" -CA ca.pem -CAkey ca-key.pem -CAcreateserial -days 365 \
    -extfile "$1/extensions" -out "$1/cert.pem" 2>/dev/null
  rm "$1/request" "$1/extensions"
  cp ca.pem "$1/ca.pem"
  echo "$1/: $(openssl x509 -in "$1/cert.pem" -noout -enddate)"
}

names() {
  for name in "$@"; do
    case $name in
      *[!a-zA-Z0-9.:-]*) fail "$name is neither a host name nor an address" ;;
      *:*) printf 'IP:%s,' "$name" ;;
      *[!0-9.]*) printf 'DNS:%s,' "$name" ;;
      *) printf 'IP:%s,' "$name" ;;
    esac
  done
}

case ${1:-}:$# in
  ca:1) authority ;;
  server:1 | client:1) fail "$1 needs a name" ;;
  server:*)
    shift
    found=$(names "$@") || exit 1
    issue "server-$1" "$1" "extendedKeyUsage=serverAuth
subjectAltName=${found%,}"
    ;;
  client:2)
    case $2 in *[!a-z0-9-]*) fail "$2 is not a name: lower-case letters, digits and -" ;; esac
    issue "client-$2" "$2" 'extendedKeyUsage=clientAuth'
    ;;
  *) fail 'expected: ca, server NAME [NAME …] or client NAME' ;;
esac
