#!/bin/sh
# A container without an engine: the root folder of an image, read-only; processes, mounts and a host name of its own; no
# capabilities; the entry point as process 1. `tests/packaging/container.py` calls it in new namespaces, as root.
# $1 root folder, $2 host name, $3 user:group, $4 lines of FOLDER:INSIDE[:ro], $5 lines of INSIDE OPTIONS for tmpfs; a command
set -eu
root=$1 name=$2 user=$3 mounts=$4 tmpfs=$5
shift 5
mount --make-rprivate /
mount --bind "$root" "$root"
mount -t proc proc "$root/proc"
mount -t tmpfs -o mode=755 tmpfs "$root/dev"
for device in null zero full random urandom; do
    touch "$root/dev/$device" && mount --bind "/dev/$device" "$root/dev/$device"
done
mkdir "$root/dev/shm" && mount -t tmpfs -o mode=1777,size=64m tmpfs "$root/dev/shm"
mount -t sysfs -o ro sysfs "$root/sys"
ln -s /proc/self/fd "$root/dev/fd"
printf '%s\n' "$tmpfs" | while read -r inside options; do
    [ -z "$inside" ] || mount -t tmpfs -o "$options" tmpfs "$root$inside"
done
printf '%s\n' "$mounts" | while IFS=: read -r folder inside mode; do
    [ -n "$folder" ] || continue
    mount --bind "$folder" "$root$inside"
    [ "$mode" != ro ] || mount -o remount,bind,ro "$root$inside"
done
mount -o remount,bind,ro "$root"
hostname "$name"
exec chroot "$root" setpriv --reuid "${user%:*}" --regid "${user#*:}" --clear-groups --no-new-privs --inh-caps=-all \
    --bounding-set=-all "$@"
