#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# limit: 240
#
# The `turnpike` command against canned answers (tests/interop/fake_control.c): what it shows, what
# it asks, its exit status, and what it does when the daemon misbehaves or is absent.

. "$(dirname "$0")/lib.sh"

SOCK=$LAB/fake.sock
SEEN=$LAB/log/requests.log
ESC=$(printf '\033')

cat >$LAB/answers.json <<'END'
{
  "status#": [
    {"version":"0.1.0","instance":"relay","public_key":"cmVsYXktcHVibGljLWtleS1yZWxheS1wdWJsaWMtMTI=",
     "attach":"native","interfaces":[{"name":"eth0","attached":true},{"name":"eth1","attached":false}],
     "listen_port":443,"stun_port":3478,"service_address":null,"uptime_s":7384,
     "nodes":{"known":3,"online":2},"flows":4,"flows_limit":1000000,
     "forwarded":{"xdp":{"packets":1000000,"bytes":1048576},"user":{"packets":7,"bytes":1024}},
     "dropped":12,"answered":3,"passed":5,"pending":1,
     "handshakes":{"initiations":21,"responses":20,"cookies":1,"challenges":2,"registrations":9,"probes":4}},
    {"instance":"relay","attach":"native","uptime_s":7385,"nodes":{"known":3,"online":2},"flows":4,
     "forwarded":{"xdp":{"packets":9000000000,"bytes":9000000000000},"user":{"packets":0,"bytes":1024}},
     "dropped":13}
  ],
  "nodes#": [
    [{"name":"alice","network":"office","public_key":"YWxpY2UtcHVibGljLWtleS1hbGljZS1wdWJsaWMtMTI=",
      "state":"online","endpoint":"198.51.100.7:40001","local":"203.0.113.99","last_seen_s":1.25,
      "rx_packets":1500,"rx_bytes":2097152,"tx_packets":999,"tx_bytes":999,"flows":2,"path_mtu":1420},
     {"name":"bob","network":"office","public_key":"Ym9iLXB1YmxpYy1rZXktYm9iLXB1YmxpYy1rZXktMTI=",
      "state":"offline","endpoint":null,"local":null,"last_seen_s":null,
      "rx_packets":0,"rx_bytes":0,"tx_packets":0,"tx_bytes":0,"flows":0,"path_mtu":null},
     {"name":"c\u001b[31m","network":"lab","public_key":"Y2Fyb2wtcHVibGljLWtleS1jYXJvbC1wdWJsaWMtMTI=",
      "state":"online","endpoint":"[2001:db8:ffff:ffff:ffff:ffff:ffff:1]:51820","local":"2001:db8::1",
      "last_seen_s":90,"rx_packets":1,"rx_bytes":1,"tx_packets":1,"tx_bytes":1,"flows":0,"path_mtu":null}],
    [{"name":"alice","network":"office","public_key":"YWxpY2UtcHVibGljLWtleS1hbGljZS1wdWJsaWMtMTI=",
      "state":"online","rx_packets":1500,"rx_bytes":2097152,"tx_packets":999,"tx_bytes":999,"flows":2},
     {"name":"bob","network":"office","public_key":"Ym9iLXB1YmxpYy1rZXktYm9iLXB1YmxpYy1rZXktMTI=",
      "state":"online","rx_packets":900000,"rx_bytes":900000000,"tx_packets":0,"tx_bytes":0,"flows":1},
     {"name":"dave","network":"office","public_key":"ZGF2ZS1wdWJsaWMta2V5LWRhdmUtcHVibGljLWtleTE=",
      "state":"online","rx_packets":5,"rx_bytes":5,"tx_packets":5,"tx_bytes":5,"flows":0}]
  ],
  "flows": [
    {"from":"alice","to":"bob","network":"office","source":"198.51.100.7:40001","local":"203.0.113.99",
     "destination":"198.51.100.8:40002","index":"0x1234abcd","expires_in_s":170.1,"packets":1234567,
     "bytes":3221225472,"user_packets":2,"next_hop":"eth0 via 203.0.113.1 02:00:00:00:00:01","mtu":null}
  ],
  "drops#": [
    [{"kind":"drop","reason":"no_flow","text":"data packet without a flow","xdp":10,"user":2},
     {"kind":"drop","reason":"ttl","text":"TTL or hop limit exhausted","xdp":0,"user":0},
     {"kind":"answer","reason":"stun","text":"STUN Binding request answered","xdp":3,"user":0}],
    [{"kind":"drop","reason":"no_flow","text":"data packet without a flow","xdp":20000,"user":2},
     {"kind":"drop","reason":"ttl","text":"TTL or hop limit exhausted","xdp":0,"user":0},
     {"kind":"answer","reason":"stun","text":"STUN Binding request answered","xdp":3,"user":0}]
  ],
  "peer-config": {"text":"[Interface]\nPrivateKey = <private key of alice>\n"},
  "explain": {"a":"alice","b":"bob","ok":false,"verdict":"bob is not registered","steps":[
     {"step":"alice is registered","ok":true,"detail":"198.51.100.7:40001, 1.2 s ago"},
     {"step":"bob is registered","ok":false,"detail":"never seen"},
     {"step":"flow alice to bob","ok":null,"detail":""}]},
  "detach": {"ok":true}
}
END

fake_start() { # ANSWERS-FILE
	rm -f $SOCK
	"$B/tests/interop/fake_control" $SOCK "$1" >>$SEEN 2>$LAB/log/fake.log &
	LAB_PID[fake]=$!
	wait_for 10 test -S $SOCK || die "the fake daemon listens"
}

cli() {
	"$B/turnpike" -s $SOCK "$@"
}

# exits STATUS COMMAND...
exits() {
	local want=$1 status
	shift
	"$@"
	status=$?
	[ $status = "$want" ] || { echo "exit status $status, not $want"; return 1; }
}

# shows PATTERN COMMAND...: a line of its stdout matches the extended expression, blanks squeezed.
shows() {
	local pattern=$1 out
	shift
	out=$("$@" 2>$LAB/stderr | tr -s ' ')
	grep -qE -- "$pattern" <<<"$out" || { echo "$out"; cat $LAB/stderr; return 1; }
}

# complains PATTERN COMMAND...: exit status 1, and stderr says so.
complains() {
	local pattern=$1 status
	shift
	"$@" >$LAB/stdout 2>$LAB/stderr
	status=$?
	[ $status = 1 ] && grep -qE -- "$pattern" $LAB/stderr && return 0
	echo "status $status"
	cat $LAB/stdout $LAB/stderr
	return 1
}

# on_tty COLUMNS COMMAND-LINE: its output on a terminal of that size.
on_tty() {
	TERM=xterm script -qec "stty cols $1 rows 30; $2" /dev/null </dev/null | tr -d '\r'
}

# --- keys -------------------------------------------------------------------------------------

secret=$(cli genkey)
public=$("$B/turnpike" pubkey <<<"$secret")
expect "genkey prints 44 characters of base64" test ${#secret} = 44
refuse "and another key each time" test "$secret" = "$(cli genkey)"
# RFC 7748, 6.1
equal "pubkey computes Alice's key of RFC 7748" hSDwCYkwp1R0i33ctD73Wg2/Og0mOBr066SpjqqbTmo= \
	"$(printf 'dwdtCnMYpX08FsFyUbJmRd9ML4frwJkqsXf7pR25LCo=\n' | "$B/turnpike" pubkey)"
equal "genkey FILE prints the public key" "$(cli genkey $LAB/key)" "$("$B/turnpike" pubkey <$LAB/key)"
equal "and the file is the owner's alone" 600 "$(stat -c %a $LAB/key)"
before=$(cat $LAB/key)
expect "an existing file is refused" complains "File exists" cli genkey $LAB/key
equal "and left alone" "$before" "$(cat $LAB/key)"
expect "a directory that is missing, too" complains "No such file" cli genkey $LAB/none/key
for bad in "" "short" "$secret$secret" "${secret:0:43}" "$secret x" "${secret:0:42}!="; do
	expect "pubkey refuses '${bad:0:50}'" complains "no WireGuard key" "$B/turnpike" pubkey <<<"$bad"
done
equal "genkey --json has both keys" "$(cli genkey --json | tee $LAB/pair | jq -r .public_key)" \
	"$(jq -r .private_key $LAB/pair | "$B/turnpike" pubkey)"
equal "pubkey --json" "$public" "$("$B/turnpike" pubkey --json <<<"$secret" | jq -r .public_key)"
equal "genkey FILE --json keeps the private key out" file,public_key \
	"$(cli genkey $LAB/key2 --json | jq -r 'keys | join(",")')"
(umask 022 && cli genkey >$LAB/open 2>$LAB/stderr)
expect "a file that others can read gets a warning" grep -q warning $LAB/stderr
expect "a full disk is a failure" complains "can't write" bash -c "'$B/turnpike' genkey >/dev/full"

# --- usage ------------------------------------------------------------------------------------

expect "--help" shows "relay status" cli --help
expect "--help of a group" shows "relay flows" cli relay --help
refuse "shows that group alone" shows genkey cli relay --help
expect "--help of a command" shows "relay top \[-n COUNT\]" cli relay top --help
expect "--version" shows "^turnpike [0-9]" cli --version
for words in "" "bogus" "relay" "relay bogus" "relay status more" "relay peer-config" "explain alice" \
	"--bogus" "relay nodes -a" "relay status -n 1" "relay top -n 0" "relay top -n -1" \
	"relay top -d 0" "relay top -d x" "relay top -d nan" "genkey a b" "-s"; do
	# shellcheck disable=SC2086
	expect "'turnpike $words' is a usage error" exits 2 "$B/turnpike" $words
done

# --- no daemon --------------------------------------------------------------------------------

expect "no socket" complains "no relay is running" cli relay status
expect "no socket, as JSON" shows '"error": "no relay' cli relay status --json
fake_start $LAB/answers.json
stop fake
expect "a dead daemon's socket" complains "no relay is running: nobody listens" cli relay nodes

# --- answers ----------------------------------------------------------------------------------

echo '{"status":"close","nodes":"rubbish","flows":{"error":"not now"},"drops":17}' >$LAB/odd.json
fake_start $LAB/odd.json
expect "a daemon that hangs up" complains "hung up" cli relay status
expect "rubbish" complains "not what a relay says" cli relay nodes
expect "an error answer" complains "turnpike: not now" cli relay flows
expect "an error answer as JSON" shows '"error": "not now"' cli relay flows --json
expect "and fails there too" exits 1 cli relay flows --json
expect "an answer of another shape is no crash" exits 0 cli relay drops
chmod 660 $SOCK
expect "others are told that they may not" complains "not allowed" \
	setpriv --reuid 65534 --regid 65534 --clear-groups "$B/turnpike" -s $SOCK relay status
stop fake

fake_start $LAB/answers.json
expect "nodes: figures" shows "^alice office online 198.51.100.7:40001 203.0.113.99 1.2s 1.50k 2.00 MiB 999 999 B 2 1420 " \
	cli relay nodes
stop fake
fake_start $LAB/answers.json
cli relay nodes >$LAB/nodes
stop fake
expect "nodes: what is not known is a dash" grep -qE '^bob +office +offline +- +- +- ' $LAB/nodes
refuse "nodes: no escape sequence gets through" grep -q "$ESC" $LAB/nodes
equal "nodes: columns are aligned" 1 \
	"$(grep -v '^c' $LAB/nodes | sed 's/^\(.*\) [A-Za-z0-9+\/=]*\( KEY\)\?$/\1/' |
		awk '{ print match($0, /STATE|online|offline/) }' | sort -u | wc -l)"

fake_start $LAB/answers.json
cli relay status >$LAB/status
expect "status: attachment" grep -qE '^interfaces +eth0, attached' $LAB/status
expect "status: missing attachment" grep -qE '^ +eth1, not attached' $LAB/status
expect "status: uptime" grep -q 'up 2h03m' $LAB/status
expect "status: traffic" grep -qE '^by XDP +1.00M packets, 1.00 MiB' $LAB/status
expect "status: absent service address" grep -qE '^service addr +-$' $LAB/status
expect "flows" shows "^alice bob office .* 0x1234abcd 2m50s 1.23M 3.00 GiB 2 - eth0 via " cli relay flows
expect "drops" shows "^drop no_flow 10 2 data packet" cli relay drops
stop fake
fake_start $LAB/answers.json
refuse "drops: reasons never met are left out" shows "ttl" cli relay drops
expect "drops -a: are not" shows "ttl 0 0" cli relay drops -a
expect "peer-config" shows '^PrivateKey = <private key of alice>$' cli relay peer-config alice
expect "peer-config asked for that node" grep -qF '{"command":"peer-config","name":"alice"}' $SEEN
expect "a name that is no text is refused" complains "not UTF-8" cli relay peer-config $'\xff'
cli explain pair alice bob | tr -s ' ' >$LAB/explained
expect "explain: ok" grep -q '^ok alice is registered 198' $LAB/explained
expect "explain: failed" grep -q '^FAIL bob is registered never seen' $LAB/explained
expect "explain: not looked at" grep -q '^-- flow alice to bob' $LAB/explained
expect "explain: verdict" grep -q '^bob is not registered$' $LAB/explained
expect "explain asked for both" grep -qF '{"command":"explain","a":"alice","b":"bob"}' $SEEN
expect "explain without \"pair\"" shows '^FAIL bob' cli explain alice bob
expect "detach" shows "detached" cli relay detach
expect "detach asked for it" grep -qF '{"command":"detach"}' $SEEN
for words in "relay flows" "relay peer-config x" "relay detach" "explain pair a b"; do
	key=${words#relay } && key=${key%% *}
	# shellcheck disable=SC2086
	equal "$words --json is the answer" "$(jq -S ".[\"$key\"]" $LAB/answers.json)" \
		"$(cli $words --json | jq -S .)"
done
stop fake

# --- terminals --------------------------------------------------------------------------------

fake_start $LAB/answers.json
refuse "no colour into a pipe" shows "$ESC" cli relay flows
expect "colour on a terminal" shows "$ESC" on_tty 200 "$B/turnpike -s $SOCK relay flows"
refuse "no colour with NO_COLOR" shows "$ESC" on_tty 200 "NO_COLOR=1 $B/turnpike -s $SOCK relay flows"
widest() {
	awk '{ if (length($0) > w) w = length($0) } END { print w }'
}
width=$(on_tty 60 "NO_COLOR=1 $B/turnpike -s $SOCK relay flows" | widest)
expect "a narrow terminal gets fewer columns ($width)" test "$width" -le 60 -a "$width" -gt 20
expect "but the important ones" shows "^alice bob .* 1.23M 3.00 GiB" \
	on_tty 40 "NO_COLOR=1 $B/turnpike -s $SOCK relay flows"
stop fake

# --- top --------------------------------------------------------------------------------------

fake_start $LAB/answers.json
cli relay top -n 1 -d 0.1 >$LAB/top
stop fake
expect "top: rate of XDP" grep -qE '^by XDP +[0-9.]+[GMk]? +[0-9.]+ [TG]bit' $LAB/top
expect "top: a counter that fell has no rate" grep -qE '^by daemon +- ' $LAB/top
expect "top: drop reasons" grep -qE '^drop +no_flow +[0-9.]+k +20.0k' $LAB/top
equal "top: the busiest first, the new last" "bob alice dave" \
	"$(sed -n '/^NODE/,$p' $LAB/top | awk 'NR > 1 && NF { print $1 }' | xargs)"
expect "top: a new node has no rate yet" grep -qE '^dave +office +online +- ' $LAB/top

fake_start $LAB/answers.json
cli relay top --json -n 2 -d 0.1 >$LAB/top.json
stop fake
equal "top --json: one object a line" 2 "$(jq -c . $LAB/top.json | wc -l)"
expect "top --json: rates" jq -es '.[0].xdp.packets_s > 1000 and .[0].user.packets_s == null and
	.[1].xdp.bits_s == 0 and .[0].nodes[0].name == "bob" and .[0].drops[0].reason == "no_flow"' $LAB/top.json

# top_on_tty: in the background; its terminal's output in $LAB/screen, its pid in $LAB/top.pid, what
# is written to descriptor 7 is typed.
top_on_tty() {
	rm -f $LAB/top.pid $LAB/keys $LAB/screen
	mkfifo $LAB/keys
	TERM=xterm script -qefc "stty cols 80 rows 12; echo \$\$ >$LAB/top.pid
		exec $B/turnpike -s $SOCK relay top -d 0.1" $LAB/screen <$LAB/keys >/dev/null &
	LAB_PID[script]=$!
	exec 7>$LAB/keys
	wait_for 20 frames 3 && return
	note "script is $(running script && echo running || echo gone); the screen, the daemon's log:"
	tail -c 400 $LAB/screen | cat -v | sed 's/^/# /'
	tail -n 5 $LAB/log/fake.log $SEEN | sed 's/^/# /'
	die "top draws frames"
}
frames() { # COUNT
	[ "$(grep -c 'FORWARDED' $LAB/screen)" -ge "$1" ]
}
script_ended() {
	! running script
}
restored() {
	grep -q "$ESC\[?1049h" $LAB/screen || return 1
	tail -c 200 $LAB/screen | grep -q "$ESC\[?1049l"
}
script_status() {
	wait "${LAB_PID[script]}"
	echo $?
	unset "LAB_PID[script]"
}

fake_start $LAB/answers.json
top_on_tty
printf q >&7
expect "top: q quits" wait_for 30 script_ended
exec 7>&-
expect "top: and gives the terminal back" restored
equal "top: with status 0" 0 "$(script_status)"
unset "LAB_PID[script]"

top_on_tty
tty=$(readlink /proc/"$(cat $LAB/top.pid)"/fd/1)
stty -F "$tty" cols 30 rows 5
kill -WINCH "$(cat $LAB/top.pid)"
n=$(grep -c FORWARDED $LAB/screen)
# The first may have been begun before; four are more than what is looked at.
expect "top: goes on after a resize" wait_for 30 frames $((n + 5))
refuse "top: no room, no list of nodes" bash -c "tail -c 300 $LAB/screen | grep -q NODE"

# A terminal that does not read holds up what is written to it, and with it the asking.
held_up() {
	local n
	n=$(wc -l <$SEEN)
	sleep 1
	[ "$(wc -l <$SEEN)" -eq "$n" ]
}
kill -STOP "${LAB_PID[script]}"
expect "top: waits for a terminal that does not read" wait_for 60 held_up
for _ in 1 2 3 4 5; do
	kill -WINCH "$(cat $LAB/top.pid)"
	sleep 0.1
done
n=$(wc -l <$SEEN)
asked_over() { # N
	[ "$(wc -l <$SEEN)" -gt "$1" ]
}
kill -CONT "${LAB_PID[script]}"
expect "top: and goes on, whatever sizes it had meanwhile" wait_for 30 asked_over $((n + 10))
kill -INT "$(cat $LAB/top.pid)"
expect "top: SIGINT quits" wait_for 30 script_ended
exec 7>&-
expect "top: and gives the terminal back" restored
unset "LAB_PID[script]"

top_on_tty
stop fake
expect "top: ends with the daemon" wait_for 20 script_ended
exec 7>&-
expect "top: having given the terminal back" grep -q "$ESC\[?1049l" $LAB/screen
equal "top: with status 1" 1 "$(script_status)"
unset "LAB_PID[script]"

echo '{"status":"hang"}' >$LAB/hang.json
fake_start $LAB/hang.json
: >$SEEN
"$B/turnpike" -s $SOCK relay top >/dev/null 2>&1 &
LAB_PID[top]=$!
asked() {
	grep -q '"status"' <(tail -n 1 $SEEN)
}
expect "top asks a daemon that hangs" wait_for 30 asked
start=$(now_ms)
stop top INT
equal "and can be interrupted" 0 $?
expect "at once" test $(($(now_ms) - start)) -lt 9000
expect "a command gives up in the end" complains "does not answer" cli relay status
