#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# Installs what is missing, by Debian package name: deps.sh {build|test|interop|bench|vm}...
set -euo pipefail

build=(gcc make clang llvm bpftool pkg-config libc6-dev linux-libc-dev libbpf-dev libxdp-dev libsodium-dev
	libssl-dev libmnl-dev libconfig-dev libevent-dev libjansson-dev libsqlite3-dev libcap-ng-dev libseccomp-dev
	uthash-dev libqrencode-dev)
test=(libcmocka-dev iproute2 nftables wireguard-go wireguard-tools iputils-ping iputils-tracepath
	traceroute iperf3 tcpdump ethtool coturn prometheus jq procps curl netcat-openbsd socat util-linux git
	mandoc clang-format openssl libclang-rt-14-dev libasan8 libubsan1)
# Other people's implementations, to talk to: Go's and Node's are large, and no demo needs them.
interop=(protobuf-compiler libprotobuf-dev zbar-tools golang-go golang-github-flynn-noise-dev)
# Debian's, unless there is another: a foreign nodejs package has npm in it and conflicts with npm.
command -v npm >/dev/null || interop+=(nodejs npm)
bench=(coturn iperf3 nftables)
vm=(qemu-system-x86 busybox-static kmod xdp-tools)

want=()
for set in "$@"; do
	declare -n packages=$set
	want+=("${packages[@]}")
done

missing=()
for package in "${want[@]}"; do
	[ "$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null)" = installed ] ||
		missing+=("$package")
done
[ ${#missing[@]} -eq 0 ] && exit 0

if [ "$(id -u)" -ne 0 ]; then
	echo "missing packages, install them as root: ${missing[*]}" >&2
	exit 1
fi
echo "installing: ${missing[*]}"
export DEBIAN_FRONTEND=noninteractive
# Servers among them (coturn, prometheus) are used by hand: no service is to start.
policy=/usr/sbin/policy-rc.d
if [ ! -e $policy ]; then
	printf '#!/bin/sh\nexit 101\n' >$policy
	chmod 755 $policy
	trap 'rm -f $policy' EXIT
fi
apt-get update -qq
apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
