#!/bin/sh
# The first process of a machine, in its own namespaces: creates the machine's file system, enters it and stays.
# $1 mount point of the root, $2 Debian, the read-only lower layer, $3 disk, $4 directory shared with the host,
# $5 seed for /etc and /home, $6 directory of tools, $7 host name
set -eu
root=$1 debian=$2 disk=$3 share=$4 seed=$5 tools=$6 name=$7

mount -t tmpfs -o mode=755 tmpfs "$root"
mkdir "$root/upper" "$root/work" "$root/root"
mount -t overlay -o "lowerdir=$debian,upperdir=$root/upper,workdir=$root/work" overlay "$root/root"
cd "$root/root"
cp -a "$seed/." .
mount -t proc proc proc
mount -t sysfs sysfs sys
mount -t tmpfs -o mode=755 tmpfs dev
mknod -m 666 dev/null c 1 3; mknod -m 666 dev/zero c 1 5; mknod -m 666 dev/full c 1 7
mknod -m 666 dev/random c 1 8; mknod -m 666 dev/urandom c 1 9; mknod -m 666 dev/tty c 5 0
mkdir dev/pts dev/shm dev/mqueue
mount -t devpts -o newinstance,ptmxmode=0666,mode=0620,gid=5 devpts dev/pts
ln -s pts/ptmx dev/ptmx
ln -s /proc/self/fd dev/fd
mount -t tmpfs -o mode=1777 tmpfs dev/shm
mount -t mqueue mqueue dev/mqueue
mount -t tmpfs -o mode=755 tmpfs run
mount -t tmpfs -o mode=1777 tmpfs tmp
mkdir -p run/sshd "$disk/docker" "$disk/buildkit"
mount --bind "$disk/docker" var/lib/docker
mount --bind "$disk/buildkit" var/lib/buildkit
mount --bind "$share" share
mount --bind "$tools" opt/farm

# Seen from the machine's cgroup namespace the top of every hierarchy is the machine's own, so nothing lands outside of it.
if [ -e /sys/fs/cgroup/cgroup.controllers ]; then
	mount -t cgroup2 cgroup2 sys/fs/cgroup
	while read -r controller; do
		for one in $controller; do echo "+$one" > sys/fs/cgroup/cgroup.subtree_control 2>/dev/null || true; done
	done < sys/fs/cgroup/cgroup.controllers
else
	mount -t tmpfs -o mode=755 tmpfs sys/fs/cgroup
	while IFS=: read -r _ controllers _; do
		case $controllers in '' | name=*) continue ;; esac
		mkdir "sys/fs/cgroup/$controllers"
		mount -t cgroup -o "$controllers" cgroup "sys/fs/cgroup/$controllers"
	done < /proc/self/cgroup
fi

hostname "$name"
ip link set lo up 2>/dev/null || true
mkdir .host
pivot_root . .host
cd /
exec /usr/bin/env -i PATH=/opt/farm:/usr/sbin:/usr/bin HOME=/root /bin/sh -c 'umount -l /.host && rmdir /.host && : > /run/booted && exec /usr/bin/tini-static -- /usr/bin/sleep infinity'
