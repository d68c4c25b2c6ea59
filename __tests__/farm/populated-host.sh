#!/bin/sh
# populated-host.sh DIR QEMU_ARM64 COMMAND...   called by populated-host.ts in a mount namespace of its own.
# Mounts the settings in DIR/home and the socket DIR/docker.sock at their usual paths, registers QEMU as
# qemu-user-static does, and runs the command. Removes afterwards what it created outside the mount namespace.
set -u
dir=$1 qemu=$2
shift 2
binfmt=/proc/sys/fs/binfmt_misc
created=

bind() {
  if [ ! -e "$2" ]; then
    if [ -d "$1" ]; then mkdir -p "$2"; else mkdir -p "$(dirname "$2")" && : > "$2"; fi
    created="$2 $created"
  fi
  mount --bind "$1" "$2" || exit 1
}
for name in .docker .ssh .gitconfig; do bind "$dir/home/$name" "$HOME/$name"; done
bind "$dir/docker.sock" /var/run/docker.sock

[ -e $binfmt/register ] || mount -t binfmt_misc binfmt_misc $binfmt || exit 1
registered=
if [ ! -e $binfmt/qemu-aarch64 ]; then
  header='\x7fELF\x02\x01\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x02\x00\xb7\x00'
  mask='\xff\xff\xff\xff\xff\xff\xff\x00\xff\xff\xff\xff\xff\xff\xff\xff\xfe\xff\xff\xff'
  printf '%s' ":qemu-aarch64:M::$header:$mask:$qemu:POCF" > $binfmt/register || exit 1
  registered=1
fi

umask 077
"$@" &
pid=$!
trap 'kill "$pid" 2> /dev/null' TERM HUP
# The command receives Ctrl-C as well; this waits until it has ended.
trap : INT
while :; do
  wait "$pid"
  code=$?
  kill -0 "$pid" 2> /dev/null || break
done

[ -z "$registered" ] || echo -1 > $binfmt/qemu-aarch64
for path in $created; do
  umount -l "$path"
  if [ -d "$path" ]; then rmdir "$path"; else rm -f "$path"; fi
done
exit $code
