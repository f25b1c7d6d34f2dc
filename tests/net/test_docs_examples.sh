#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# limit: 300
#
# What docs/quickstart.md, docs/control.md, docs/api.md and turnpike-control(1) tell people to paste,
# pasted: on machines with files of their own, called and addressed as there. Two words stand for
# others, a key and a password; systemctl is this file's.
#
#	ann, bea (phones) ──┬── control  203.0.113.10
#	                    ├── relay    203.0.113.99
#	                    └── nat-office ── office, web server   192.168.10.0/24

. "$(dirname "$0")/lib.sh"

WEB=192.168.10.5

# --- machines -------------------------------------------------------------------------------------

# So that each can have an /etc/turnpike and a /var/lib/turnpike, whatever this host has.
cp -a /etc $LAB/etc && mount --bind $LAB/etc /etc || die "no /etc"
mount -t tmpfs lib /var/lib || die "no /var/lib"
mkdir -p /etc/turnpike /var/lib/turnpike /run/turnpike $LAB/bin
for name in control relay gateway; do
	ln -s "$B/turnpike-$name" $LAB/bin/
done
ln -s "$B/turnpike" $LAB/bin/

# A unit is ready when its daemon is.
cat >$LAB/bin/systemctl <<'END'
#!/bin/bash
unit=${!#}
setsid "$unit" >>"/run/lab/log/$(hostname)-$unit.log" 2>&1 </dev/null &
for _ in {1..1200}; do
	[ -S "/run/turnpike/${unit#turnpike-}.sock" ] && exit 0
	sleep 0.05
done
exit 1
END
chmod +x $LAB/bin/systemctl

# on MACHINE SCRIPT [INPUT]: pasted into a root's shell there, what it asks for typed.
on() {
	local m=$LAB/machine/$1 dir
	mkdir -p "$m"/{etc,lib,run,wireguard,home}
	in_ns "$1" unshare --mount --uts bash -c '
		m=$0
		hostname "$1"
		mount --bind $m/etc /etc/turnpike && mount --bind $m/lib /var/lib/turnpike &&
			mount --bind $m/run /run/turnpike && mount --bind $m/wireguard /run/wireguard &&
			mount -t bpf bpf /sys/fs/bpf || exit 1
		cd $m/home
		export HOME=$m/home PATH=/run/lab/bin:$PATH
		exec bash -e -o pipefail -c "$2"' "$m" "$1" "$2" <<<"${3:-}"
}

# block PAGE N: its Nth block of commands
block() {
	awk -v n="$2" '/^```/ { inside = 0 } inside && b == n; /^```sh$/ { inside = 1; b++ }' "$LAB_ROOT/docs/$1.md"
}
blocks() { # PAGE: how many
	grep -c '^```sh$' "$LAB_ROOT/docs/$1.md"
}

pasted() { # TEXT MACHINE SCRIPT [INPUT]
	local text=$1
	shift
	expect "$text" on "$@"
}

lab_up
ip -n relay link set wan0 down
ip -n relay link set wan0 name eth0
ip -n relay link set eth0 up
ip -n relay route add default via 203.0.113.1
lab_host control 7
lab_addr control eth0 203.0.113.10/32
ip -n inet route add 203.0.113.10 via 198.18.7.2
ip -n relay route add 203.0.113.10 via 203.0.113.1
lab_site office 8
lab_addr office eth0 192.168.10.2/24
lab_addr nat-office lan $WEB/24
spawn web nat-office nc -l -k $WEB 443
lab_host ann 2
lab_host bea 3

# --- docs/quickstart.md ---------------------------------------------------------------------------

quick() { # N: with the control plane's key where a key is left out
	block quickstart "$1" | sed "s|public_key = \"…\"|public_key = \"${CONTROL_KEY:-}\"|"
}
equal "the quickstart has blocks" 10 "$(blocks quickstart)"
expect "the first one is about getting it" grep -q "make install" <(quick 1)
cp "$LAB_ROOT/configs/control.conf" /etc/turnpike/control.conf.example
mkdir -p $LAB/machine/control/etc
cp "$LAB_ROOT/configs/control.conf" $LAB/machine/control/etc/control.conf.example
pasted "control" control "$(quick 2)"
CONTROL_KEY=$(on control "turnpike control daemon" | sed -nE 's/^ *key +//p')
expect "its key" test -n "$CONTROL_KEY"
KEY=$(on control "$(quick 3)") || die "no auth key for the relay"
pasted "the relay" relay "$(quick 4)" "$KEY"
joined() {
	on control "turnpike control relay list | grep '^relay '"
}
expect "which joins" wait_for 60 joined
pasted "and serves the network" control "$(quick 5)"
KEY=$(on control "$(quick 6)") || die "no auth key for the gateway"
pasted "the gateway" office "$(quick 7)" "$KEY"
pasted "leads to the office" control "$(quick 8)"
on control "$(quick 9)" >$LAB/phones || die "no phones"
pasted "rules" control "$(quick 10)"

# --- and the phones -------------------------------------------------------------------------------

file_of() { # N: the file that was printed so
	grep -v $'\033' $LAB/phones | awk -v n="$1" '/^# .* in network / { i++ } i == n'
}
phone() { # NAME FILE
	wg_device "$1"
	wg-quick strip "$2" >"$LAB/$1.wg" && wg setconf "$1" "$LAB/$1.wg" &&
		ip -n "$1" route add 192.168.10.0/24 dev "$1"
}
file_of 1 >$LAB/ann.conf
file_of 2 >$LAB/bea.conf
chmod 600 $LAB/ann.conf $LAB/bea.conf
equal "ann's file is the stale one" ann "$(on control 'turnpike control peer stale' | awk 'NR > 1 { print $1 }')"
on control "turnpike control peer export ann" |
	sed "s|^PrivateKey = .*|$(grep '^PrivateKey' $LAB/ann.conf)|" >$LAB/fresh.conf
chmod 600 $LAB/fresh.conf
expect "ann takes her new file" phone ann $LAB/fresh.conf
expect "bea hers" phone bea $LAB/bea.conf
expect "both have addresses behind the office's" grep -q '^Address = 100.64.1.3/24' $LAB/bea.conf
web() { # PHONE
	in_ns "$1" nc -z -w 2 $WEB 443
}
expect "ann reaches the office's web server" wait_for 60 web ann
expect "bea does" wait_for 60 web bea
expect "ann reaches bea" wait_for 60 reaches ann bea
expect "explain pair" on relay "turnpike explain pair ann bea"
expect "explain flow" on office "turnpike explain flow ann 192.168.10.5 tcp 443"

# --- docs/control.md, on a machine of its own ------------------------------------------------------

lab_host second 9
equal "control.md has blocks" 3 "$(blocks control)"
ln -s "$LAB_ROOT/configs" $LAB/machine/configs
mkdir -p $LAB/machine/second/home
ln -s "$LAB_ROOT/configs" $LAB/machine/second/home/configs
pasted "start" second "$(block control 1)"
pasted "a network from nothing" second "$(block control 2)"
on second "turnpike control peer add gw1" >/dev/null || die "no gw1"
pasted "once its gateway is there" second "$(block control 3)"

# --- turnpike-control(1) --------------------------------------------------------------------------

MANUAL=$LAB_ROOT/docs/man/turnpike-control.1
examples=$(sed -n '/^\.Sh EXAMPLES/,/^\.Sh SEE ALSO/p' "$MANUAL" | sed -n '/^\.Bd/,/^\.Ed/p' | grep -v '^\.')
expect "the manual has examples" test -n "$examples"
lab_host third 10
mkdir -p $LAB/machine/third/home
ln -s "$LAB_ROOT/configs" $LAB/machine/third/home/configs
pasted "they work" third "$(block control 1 | head -n 2)
$examples"
HELP=$("$B/turnpike" control --help)
missing() { # of the manual's items those that --help does not have
	sed -nE 's/^\.It Cm ([a-z-]+ ?[a-z-]*).*/\1/p' "$MANUAL" | while read -r command; do
		grep -qE "^  $command( |\$)" <<<"$HELP" || echo "$command"
	done
}
expect "it explains commands ($(grep -c '^\.It Cm' "$MANUAL"))" grep -q '^\.It Cm relay assign' "$MANUAL"
equal "which are all there" "" "$(missing)"

# --- docs/api.md ----------------------------------------------------------------------------------

equal "api.md has blocks" 2 "$(blocks api)"
on second "turnpike control user create olga --role tenant_admin" "a good password" || die "no olga"
api=$(block api 1 | sed -e 's|https://control.example:8443|http://127.0.0.1:8443|' -e 's|"password":"…"|"password":"a good password"|' \
	-e 's|100.64.1.0/24|100.64.9.0/24|')
events=$(block api 2)
# The second one waits for what happens, as its last line says.
answers=$(on second "$api
echo
${events%%$'\n'*}
turnpike control peer add pad -n office >/dev/null
${events#*$'\n'}") || die "api.md's examples failed"
equal "a network is made" '"production-mesh"' "$(jq -s '.[0].network.name' <<<"$answers")"
equal "an event is told" '"peer.add"' "$(jq -s '.[1].events[] | select(.action == "peer.add").action' <<<"$answers")"
