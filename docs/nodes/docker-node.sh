#!/bin/sh
# Prepares this machine as a build node: a Docker Engine, and a user who reaches it over SSH with one key.
# Run it again to add another key. Debian and Ubuntu; elsewhere, install Docker Engine and OpenSSH first.
#
#   sudo sh docker-node.sh --key 'ssh-ed25519 AAAA… ci' [--user ci] [--host arm.example.com] [--port 2222]
#
# --key   public key of the CI, one line
# --user  user of the CI on this machine (default: ci)
# --host  name or address under which the CI reaches this machine (default: the machine's name); behind a jump host,
#         the address that the jump host connects to
# --port  SSH port under which the CI reaches this machine, if NAT or a proxy changes it (default: that of its sshd)
set -eu

fail() {
  echo "docker-node.sh: $1" >&2
  exit 1
}

key='' user=ci host=$(uname -n) port=''
while [ $# -gt 0 ]; do
  [ $# -gt 1 ] || fail "$1 needs a value"
  case $1 in
    --key) key=$2 ;;
    --user) user=$2 ;;
    --host) host=$2 ;;
    --port) port=$2 ;;
    *) fail "unknown option $1; expected --key, --user, --host or --port" ;;
  esac
  shift 2
done

[ "$(id -u)" = 0 ] || fail 'run it as root, for example with sudo'
case $key in
  '') fail '--key is missing: the content of buildkit_key.pub' ;;
  *'PRIVATE KEY'*) fail '--key is a private key; pass the public half, the content of buildkit_key.pub' ;;
  *'
'*) fail '--key has several lines; pass one public key, and run the script again for the next' ;;
esac
case $user in
  root | *[!a-z0-9_-]* | [!a-z]* | '')
    fail "--user $user is not a user name: lower-case letters, digits, - and _, and not root"
    ;;
esac
case $port in *[!0-9]*) fail "--port $port is not a port, such as 2222" ;; esac

if ! command -v docker >/dev/null || ! command -v sshd >/dev/null; then
  command -v apt-get >/dev/null || fail 'Docker Engine or OpenSSH is missing, and there is no apt-get to install them'
  apt-get update
  DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends docker.io openssh-server
fi
printf '%s\n' "$key" | ssh-keygen -lf - >/dev/null 2>&1 ||
  fail '--key is not a public key such as "ssh-ed25519 AAAA… ci"'

# The password "*" matches nothing. Unlike a locked account, it also admits keys where sshd does not use PAM.
getent group docker >/dev/null || groupadd --system docker
getent passwd "$user" >/dev/null || useradd --create-home --shell /bin/sh --password '*' "$user"
usermod --append --groups docker "$user"

# "restrict" forbids terminals, agents and X11. Forwarding stays: the engine's socket is forwarded to the runner.
home=$(getent passwd "$user" | cut -d: -f6)
id_of_key=$(printf '%s\n' "$key" | cut -d' ' -f2)
# shellcheck disable=SC2016
setpriv --reuid "$user" --regid "$(id -g "$user")" --clear-groups sh -euc '
  umask 077
  mkdir -p "$1/.ssh"
  touch "$1/.ssh/authorized_keys"
  grep -qF "$2" "$1/.ssh/authorized_keys" || printf "restrict,port-forwarding %s\n" "$3" >>"$1/.ssh/authorized_keys"
' sh "$home" "$id_of_key" "$key"

docker version --format 'Docker Engine {{.Server.Version}} on {{.Server.Os}}/{{.Server.Arch}}' ||
  fail 'Docker Engine does not answer; start it, for example with "systemctl enable --now docker", and run this again'

# $1 port of a connection: "Match" blocks may depend on it. sshd prints nothing without its run-time directory.
settings_at() {
  install -d -m 755 /run/sshd
  sshd -T -C "user=$user,host=$host,addr=127.0.0.1,laddr=127.0.0.1,lport=$1" 2>/dev/null || true
}
ports=$(settings_at 22 | sed -n 's/^[Ll]isten[Aa]ddress .*:\([0-9][0-9]*\).*/\1/p')
# If sshd listens at several ports, 22 is the one for the CI.
if [ -z "$ports" ] || printf '%s\n' "$ports" | grep -qx 22; then
  listens=22
else
  listens=$(printf '%s\n' "$ports" | head -n 1)
fi
settings=$(settings_at "$listens")
if printf '%s\n' "$settings" | grep -qiE '^(disableforwarding yes|allowstreamlocalforwarding (no|remote))$'; then
  echo "sshd forbids the forwarding of sockets for $user. Builds work, but with one process per connection."
  echo 'To avoid that, set "AllowStreamLocalForwarding yes" in /etc/ssh/sshd_config.'
fi

platform=linux/$(docker version --format '{{.Server.Arch}}')
port=${port:-$listens}
case $host in *:*) address="[$host]" ;; *) address=$host ;; esac
name=$host
if [ "$port" != 22 ]; then
  address="$address:$port"
  name="[$host]:$port"
fi
echo
echo 'The node is ready. Line of the input "nodes":'
echo "  $platform = ssh://$user@$address"
echo 'Lines of the input "ssh-known-hosts":'
printf '%s\n' "$settings" | sed -n 's/^[Hh]ost[Kk]ey //p' | while read -r file; do
  [ ! -f "$file.pub" ] || echo "  $name $(cut -d' ' -f1,2 "$file.pub")"
done
