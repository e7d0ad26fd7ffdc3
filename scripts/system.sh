#!/bin/sh
# Installs the programs that the lab (and with "test", the tests) need; says so in one line where it cannot.
set -eu
need() { command -v "$1" >/dev/null 2>&1 || [ -x "/usr/sbin/$1" ] || packages="$packages $2"; }
packages=""
need ovs-vswitchd openvswitch-switch
need sshd openssh-server
need ip iproute2
need ethtool ethtool
need ping iputils-ping
need snmpd snmpd
need qemu-system-x86_64 qemu-system-x86
need mmdebstrap mmdebstrap
need lz4 lz4
need depmod kmod
need setpriv util-linux
need mke2fs e2fsprogs
need debugfs e2fsprogs
need mosquitto mosquitto
need nft nftables
if [ "${1:-lab}" = test ]; then
    need snmpwalk snmp
    need ssh openssh-client
    need systemd-analyze systemd
    need umockdev-run umockdev
    need dbus-daemon dbus-daemon
fi
[ -z "$packages" ] && exit 0
if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
    echo "missing:$packages. Next: as root, apt-get install$packages" >&2
    exit 2
fi
echo "installing:$packages" >&2
# The services that these packages bring must not start: the lab and the tests run their own.
policy=/usr/sbin/policy-rc.d
[ -e $policy ] || { printf '#!/bin/sh\nexit 101\n' > $policy; chmod 755 $policy; trap 'rm -f $policy' EXIT; }
apt-get update -qq
# shellcheck disable=SC2086  # a list of packages
DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $packages >/dev/null
