#!/bin/bash
# Process 1 of a small machine: the real systemd, in namespaces of its own, with no unit of ours yet.
# $1 a folder of ours, $2 Python's prefix, $3 its version, $4 its packages, $5 the repository
set -euo pipefail
mount --make-rprivate /

# the program in a venv, as an administrator has it; ProtectHome hides where Python and the source lie now.
# /srv is on every Debian
mount -t tmpfs -o mode=755 tmpfs /srv
mkdir /srv/python /srv/packages /srv/source /srv/opt /srv/etc /srv/local
mount --bind "$2" /srv/python
mount --bind "$4" /srv/packages
mount --bind "$5" /srv/source
mount --bind /srv/opt /opt
mount --bind /srv/local /usr/local/bin
prefix=/opt/ich-node
site=$prefix/lib/python$3/site-packages
mkdir -p "$prefix/bin" "$site"
printf 'home = /srv/python/bin\nversion = %s\n' "$3" >"$prefix/pyvenv.cfg"
ln -s "/srv/python/bin/python$3" "$prefix/bin/python3"
printf '/srv/source\n/srv/packages\n' >"$site/source.pth"
mkdir "$site/ich_node-$6.dist-info"
printf 'Metadata-Version: 2.1\nName: ich-node\nVersion: %s\n' "$6" >"$site/ich_node-$6.dist-info/METADATA"
printf '#!%s/bin/python3\nfrom ich_node.cli import main\nmain()\n' "$prefix" >"$prefix/bin/ich-node"
chmod 755 "$prefix/bin/ich-node"

cp -a /etc/. /srv/etc/
rm -rf /srv/etc/systemd/system
mkdir -p /srv/etc/systemd/system
echo /srv/python/lib >/srv/etc/ld.so.conf.d/python.conf # Python may be built with a shared library
mount --bind /srv/etc /etc
ldconfig -X

mount -t tmpfs -o mode=755 tmpfs /var/lib
mkdir -p /var/backups
mount -t tmpfs -o mode=755 tmpfs /var/backups
mount -t tmpfs -o mode=755 tmpfs /run
umount -l /sys/fs/cgroup
mount -t cgroup2 cgroup2 /sys/fs/cgroup
mount -t tmpfs tmpfs /usr/lib/systemd/system
cd /usr/lib/systemd/system
for target in sysinit basic shutdown network-online multi-user umount; do
    printf '[Unit]\nDescription=%s\nDefaultDependencies=no\n' "$target" >"$target.target"
done
for name in receive analyse send web; do # there is no journal here; drop-ins stay what they are
    mkdir "/etc/systemd/system/ich-node-$name.service.d"
    printf '[Service]\nStandardError=append:/var/lib/ich-node-%s.log\n' "$name" \
        >"/etc/systemd/system/ich-node-$name.service.d/log.conf"
done
install -m 600 "$1/config.toml" /run/site.toml
ip link set lo up
container=unshare exec /usr/lib/systemd/systemd --system --unit=multi-user.target --log-target=null --show-status=0
