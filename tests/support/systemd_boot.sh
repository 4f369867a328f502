#!/bin/bash
# Process 1 of a small machine: the real systemd, in namespaces of its own, with nothing but our units.
# $1 a folder of ours, $2 Python's prefix, $3 its version, $4 its packages, $5 the repository
set -euo pipefail
mount --make-rprivate /

# the service's user, the way of systemd/README.md
for file in passwd group; do cp "/etc/$file" "$1/$file"; done
echo 'ich-node:x:977:977::/var/lib/ich-node:/usr/sbin/nologin' >>"$1/passwd"
echo 'ich-node:x:977:' >>"$1/group"
for file in passwd group; do mount --bind "$1/$file" "/etc/$file"; done

# the program where the units look for it; ProtectHome hides where it may lie now. /srv is on every Debian
mount -t tmpfs -o mode=755 tmpfs /srv
mkdir /srv/python /srv/packages /srv/source /srv/opt /srv/etc
mount --bind "$2" /srv/python
mount --bind "$4" /srv/packages
mount --bind "$5" /srv/source
mkdir -p /srv/opt/ich-node/bin
cat >/srv/opt/ich-node/bin/ich-node <<PROGRAM
#!/bin/sh
export LD_LIBRARY_PATH=/srv/python/lib PYTHONPATH=/srv/source:/srv/packages PYTHONDONTWRITEBYTECODE=1
exec /srv/python/bin/python$3 -m ich_node "\$@"
PROGRAM
chmod 755 /srv/opt/ich-node/bin/ich-node
mount --bind /srv/opt /opt
cp -a /etc/. /srv/etc/ && mkdir -p /srv/etc/ich-node && install -m 644 "$1/config.toml" /srv/etc/ich-node/
install -m 644 "$1/passwd" "$1/group" /srv/etc/
mount --bind /srv/etc /etc

mount -t tmpfs -o mode=755 tmpfs /var/lib
mount -t tmpfs -o mode=755 tmpfs /run
umount -l /sys/fs/cgroup
mount -t cgroup2 cgroup2 /sys/fs/cgroup
mount -t tmpfs tmpfs /usr/lib/systemd/system
mount -t tmpfs tmpfs /etc/systemd/system
cd /etc/systemd/system
for target in sysinit basic shutdown network-online multi-user umount; do
    printf '[Unit]\nDescription=%s\nDefaultDependencies=no\n' "$target" >"$target.target"
done
cp "$5"/systemd/*.service "$5"/systemd/*.target .
for unit in ich-node-*.service; do # there is no journal here
    mkdir "$unit.d" && printf '[Service]\nStandardError=append:/var/lib/%s.log\n' "$unit" >"$unit.d/log.conf"
done
ip link set lo up
container=unshare exec /usr/lib/systemd/systemd --system --unit=ich-node.target --log-target=null --show-status=0
