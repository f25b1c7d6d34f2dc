#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# Boots Debian's own kernel in QEMU and runs tests inside it, with WireGuard peers of the kernel:
# what the machine at hand may lack. Prints TAP lines.
#
#	tests/vm/run.sh bpf-relay				the tests of a group, see README.md
#	tests/vm/run.sh net/test_roaming unit/test_flow_table	these
#	VM_KERNEL=linux-image-6.12-amd64 tests/vm/run.sh	with another kernel, by its meta package
#	VM_CPUS=2 tests/vm/run.sh net/test_roaming		with two CPUs; the group `race` always
#	VM_SYSTEMD=1 tests/vm/run.sh vm/test_unit		installed, under the host's systemd; the
#								group `unit` is always
#
# The kernel package is fetched once into build/vm/ and unpacked there, not installed. The guest is
# an initramfs with a copy of the tree's tests and binaries; programs and libraries are the host's,
# through a read-only share of /usr. Nothing else is shared, and there is no network card. It has one
# CPU, since the host may have no more to spare, unless the test is what two CPUs do to each other.

set -u
shopt -s nullglob
cd "$(dirname "$0")/../.." || exit 1
PATH=$PATH:/usr/sbin:/sbin
export LC_ALL=C

B=${BUILD:-$PWD/build}
CACHE=$PWD/build/vm
PACKAGE=${VM_KERNEL:-linux-image-amd64}
KERNEL=$CACHE/$PACKAGE
RUN=$CACHE/run-$$
RACES='_race$|_shortcut_entry$' # tests that skip themselves on one CPU
LIMIT=${VM_LIMIT:-7200} # of all; guest.sh has one for each test
QEMU_PID=

skip_all() { # REASON
	echo "ok 1 - vm # SKIP $1"
	echo "1..1"
	exit 0
}

die() { # TEXT
	echo "not ok - vm: $1"
	exit 1
}

bpf_tests() {
	local source
	for source in tests/bpf/test_*.c; do
		echo "bpf/$(basename "$source" .c)"
	done
}

# Those of tests/net are what differs on an older kernel: attaching without tcx, what a reload attaches
# and takes off, maps carried over, and the kernel's WireGuard in the place of wireguard-go.
group() { # NAME: its tests
	case $1 in
	bpf-relay) bpf_tests | grep -Ev "gateway_|$RACES" ;;
	bpf-gateway) bpf_tests | grep gateway_ | grep -Ev "$RACES" ;;
	race) bpf_tests | grep -E "$RACES" ;;
	relay) echo vm/test_kernel_wireguard vm/test_coexist net/test_restart ;;
	gateway) echo vm/test_kernel_gateway vm/test_kernel_peers net/test_gateway_nat ;;
	reload) echo net/test_gateway_{attach,reload,uplinks,overlays,abi} ;;
	control) echo net/test_control_choice ;;
	unit) echo vm/test_unit vm/test_quickstart ;;
	*) echo "$1" ;;
	esac
}

# --- the kernel -------------------------------------------------------------------------------

download() { # PACKAGE: into $RUN
	(cd "$RUN" && apt-get download "$1") >"$RUN/apt.log" 2>&1
}

# Fetches the image that the meta package stands for and unpacks it to $KERNEL, whole or not at all.
fetch_kernel() {
	local image
	image=$(apt-cache depends "$PACKAGE" | sed -n 's/.*Depends: \(linux-image-.*\)/\1/p')
	[ -n "$image" ] || return 1
	download "$image" || { apt-get update -qq; download "$image"; } >"$RUN/apt.log" 2>&1 || return 1
	mkdir "$RUN/kernel"
	dpkg-deb -x "$RUN/$image"_*.deb "$RUN/kernel" || return 1
	depmod -b "$RUN/kernel" "$(basename "$RUN"/kernel/lib/modules/*)" || return 1
	rm "$RUN/$image"_*.deb
	mv -T "$RUN/kernel" "$KERNEL"
}

# Another run may want the same kernel at the same time.
have_kernel() {
	(
		flock 9
		[ -d "$KERNEL" ] || fetch_kernel
	) 9>"$CACHE/.lock"
}

# --- the initramfs ----------------------------------------------------------------------------

copy_tree() { # ROOT: what the tests need of the tree, at /turnpike
	local tree=$1/turnpike
	mkdir -p "$tree"/build/tests/{bpf,interop,unit} "$tree/tests"
	cp -r tests/net tests/vm "$tree/tests/"
	cp "$B"/turnpike{,-relay,-gateway,-control} "$tree/build/"
	if [ -d build-next ]; then
		mkdir "$tree/build-next"
		cp build-next/turnpike-{relay,gateway} "$tree/build-next/"
	fi
	cp "$B"/tests/bpf/*.bpf.o "$tree/build/tests/bpf/"
	find "$B/tests/bpf" "$B/tests/interop" -type f -executable -printf '%P %H\n' |
		while read -r name from; do
			cp "$from/$name" "$tree/build/tests/$(basename "$from")/"
		done
}

# Of the many unit tests only those that are asked for: all of them would take twice as long to unpack.
copy_unit_tests() { # ROOT TEST...
	local tree=$1/turnpike name
	for name in "${@:2}"; do
		[[ $name != unit/* ]] || cp "$B/tests/$name" "$tree/build/tests/unit/" || return 1
	done
}

copy_etc() { # ROOT
	local name
	mkdir -p "$1/etc"
	for name in passwd group nsswitch.conf hosts protocols services ld.so.cache alternatives iproute2; do
		[ -e "/etc/$name" ] && cp -a "/etc/$name" "$1/etc/"
	done
}

# Modules that it takes to mount the shares, in the order to insert them.
copy_boot_modules() { # ROOT
	local version insmod file name
	version=$(basename "$KERNEL"/lib/modules/*)
	for name in virtio_pci 9p 9pnet_virtio; do
		modprobe -d "$KERNEL" -S "$version" --show-depends "$name"
	done | while read -r insmod file; do
		[ "$insmod" = insmod ] || continue
		[ -e "$1/vm/$(basename "$file")" ] && continue
		cp "$file" "$1/vm/"
		echo "/vm/$(basename "$file")" >>"$1/vm/boot-modules"
	done
	[ -s "$1/vm/boot-modules" ]
}

# What `make install` puts into /usr and /etc, and a unit that runs the tests. Of systemd's own units those
# that would look for hardware are masked, and ours may take their time: an emulated CPU verifies the
# gateway's programs for longer than the 90 s that systemd would wait.
copy_install() { # ROOT
	local unit units=$1/etc/systemd/system
	make --no-print-directory install BUILD_SUFFIX="${B#"$PWD/build"}" DESTDIR="$1/vm/install" \
		>"$RUN/install.log" 2>&1 || return 1
	mkdir -p "$units" "$1/var/lib" "$1/var/log"
	cp -r "$1/vm/install/etc/." "$1/etc/"
	: >"$1/etc/machine-id"
	mkdir "$units/turnpike-.service.d"
	printf '[Service]\nTimeoutStartSec=1h\nTimeoutStopSec=10min\n' >"$units/turnpike-.service.d/emulated.conf"
	for unit in systemd-udevd.service systemd-udev-trigger.service systemd-hwdb-update.service \
		systemd-networkd.service systemd-resolved.service systemd-logind.service; do
		ln -s /dev/null "$units/$unit"
	done
	cat >"$units/vm-tests.service" <<-'UNIT'
		[Unit]
		DefaultDependencies=no
		Requires=sysinit.target
		After=sysinit.target
		SuccessAction=poweroff-force
		FailureAction=poweroff-force
		[Service]
		Type=oneshot
		ExecStart=/usr/bin/bash /turnpike/tests/vm/guest.sh
		StandardOutput=file:/dev/ttyS1
		StandardError=inherit
	UNIT
}

make_initramfs() { # TEST...
	local root=$RUN/root dir
	mkdir -p "$root"/{bin,dev,proc,sys,tmp,run,usr,root,vm/lib/modules}
	rmdir "$root/bin"
	for dir in bin sbin lib lib32 lib64 libx32; do
		[ ! -L /$dir ] || ln -s "usr/$dir" "$root/$dir"
	done
	copy_etc "$root"
	copy_tree "$root"
	copy_unit_tests "$root" "$@" || return 1
	[ -z "${VM_SYSTEMD:-}" ] || copy_install "$root" || return 1
	copy_boot_modules "$root" || return 1
	cp "$(command -v busybox)" "$root/vm/busybox"
	printf '#!/usr/bin/bash\nexec /usr/sbin/modprobe -d /vm "$@"\n' >"$root/vm/modprobe"
	printf '%s\n' "$@" >"$root/vm/tests"
	cp tests/vm/init "$root/init"
	chmod 755 "$root/init" "$root/vm/modprobe"
	(cd "$root" && find . | busybox cpio -o -H newc) >"$RUN/initramfs" 2>"$RUN/cpio.log"
	rm -rf "$root"
}

# --- the machine ------------------------------------------------------------------------------

# Addresses that stay the same from process to process spare QEMU much translation, and so do plain
# indirect jumps. TP_PACKETS is for test_relay_model and test_gateway_model.
boot() {
	local share="security_model=none,readonly=on,multidevs=remap"
	: >"$RUN/results"
	setpriv --pdeathsig TERM timeout -k 5 "$LIMIT" qemu-system-x86_64 \
		-accel tcg -cpu max -smp "${VM_CPUS:-1}" -m 1536 -no-reboot \
		-nodefaults -nic none -display none -monitor none \
		-serial "file:$RUN/console.log" -serial stdio \
		-device virtio-rng-pci \
		-virtfs "local,path=/usr,mount_tag=usr,$share" \
		-virtfs "local,path=$KERNEL/lib/modules,mount_tag=modules,$share" \
		-kernel "$KERNEL"/boot/vmlinuz-* -initrd "$RUN/initramfs" \
		-append "console=ttyS0 quiet panic=-1 norandmaps mitigations=off TP_PACKETS=5000" \
		>"$RUN/results" 2>"$RUN/qemu.log" </dev/null &
	QEMU_PID=$!
}

end() {
	local status=$?
	trap - EXIT
	[ -z "$QEMU_PID" ] || { kill "$QEMU_PID" && wait "$QEMU_PID"; } 2>/dev/null
	[ -z "${LAB_KEEP:-}" ] || cp -rT "$RUN" "$LAB_KEEP"
	rm -rf "$RUN"
	exit $status
}

# In the background, so that a signal to this script is not put off until the machine has ended.
relay_results() {
	tail -n +1 -s 0.2 -f --pid="$QEMU_PID" "$RUN/results" &
	wait $!
	wait "$QEMU_PID"
	status=$?
	QEMU_PID=
}

[ "$(uname -m)" = x86_64 ] || skip_all "emulates x86_64 on x86_64 only"
for tool in qemu-system-x86_64 busybox depmod dpkg-deb apt-get setpriv; do
	command -v $tool >/dev/null || skip_all "no $tool here"
done
[ $# -gt 0 ] || die "which tests?"
[ -x "$B/turnpike-relay" ] || die "nothing is built"
mkdir -p "$RUN"
trap end EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

[ "$*" != unit ] || VM_SYSTEMD=1
[ "$*" != race ] || VM_CPUS=2
if [ -n "${VM_SYSTEMD:-}" ] && ! [ -x /usr/lib/systemd/systemd ]; then
	skip_all "no systemd here"
fi
have_kernel || skip_all "cannot get $PACKAGE: $(tail -n 1 "$RUN/apt.log" 2>/dev/null)"
# shellcheck disable=SC2046
make_initramfs $(for name; do group "$name"; done) || die "cannot make an initramfs: $(cat "$RUN"/{install,cpio}.log 2>/dev/null)"
boot
relay_results
if ! grep -q '^1\.\.[0-9]' "$RUN/results"; then
	echo "not ok - vm: it ended before its tests did (status $status)"
	tail -n 30 "$RUN/console.log" "$RUN/qemu.log" | sed 's/^/# /'
	exit 1
fi
! grep -q '^not ok' "$RUN/results"
