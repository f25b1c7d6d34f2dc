#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# The metrics page: valid for promtool, and its figures are those of `turnpike relay status`.

. "$(dirname "$0")/lib.sh"

lab_office
page() { # PATH
	in_ns relay curl -sf "http://127.0.0.1:9586$1"
}
metric() { # NAME{LABELS}, literally
	page /metrics | awk -v m="$1" '{ v = $NF; sub(/ [^ ]*$/, "") } $0 == m { print v }'
}

expect "ping" reaches alice bob -c 20 -i 0.02
valid() {
	page /metrics | promtool check metrics
}
expect "promtool finds the page valid" valid
expect "/healthz" page /healthz
expect "/readyz" page /readyz
refuse "and nothing else" page /etc/passwd
agrees() { # METRIC COMMAND...: at one time of two; a keepalive may come between
	[ "$(metric "$1")" = "$("${@:2}")" ]
}
expect "packets forwarded in XDP" wait_for 10 \
	agrees 'turnpike_relay_forwarded_packets_total{path="xdp"}' relay_forwarded xdp
expect "bytes forwarded by the daemon" wait_for 10 \
	agrees 'turnpike_relay_forwarded_bytes_total{path="user"}' relay_forwarded user bytes
expect "flows" wait_for 10 agrees turnpike_relay_flows relay_get .flows
equal "nodes online" 2 "$(metric 'turnpike_relay_nodes{state="online"}')"

before=$(metric 'turnpike_relay_dropped_packets_total{reason="no_flow"}')
raw carol -s 198.18.3.2:99 -d $R4 -w 4 -n 7 >/dev/null
counted() {
	[ "$(metric 'turnpike_relay_dropped_packets_total{reason="no_flow"}')" -eq $((before + 7)) ]
}
expect "seven packets without a flow are seven drops with that reason" wait_for 30 counted
