# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# Medians and ratios of what the parts of a benchmark run measured.

def median: sort | if length == 0 then null
	elif length % 2 == 1 then .[length / 2 | floor]
	else (.[length / 2 - 1] + .[length / 2]) / 2 end;
def fixed(n): if . == null then null else . * pow(10; n) | round / pow(10; n) end;
def ratio(a; b): if a and b then a / b | fixed(3) else null end;

# Of each variant: windows, the median rate and what lies between the lowest and highest.
def live_medians:
	group_by(.variant) | map({(.[0].variant): {
		windows: length, pps: (map(.pps) | median | round),
		low: (map(.pps) | min), high: (map(.pps) | max),
		ns: (1e9 / (map(.pps) | median) | fixed(1)),
		busy: (map(.busy) | median | fixed(3)),
		lost: (map(.sent - .got) | add),
		checked: (map(.checked) | add), wrong: (map(.wrong) | add)
	}}) | add;

def live_report:
	if . == null then null else live_medians as $m | {
		variants: $m,
		flows: ([$m | keys[] | select(startswith("relay-")) | ltrimstr("relay-")]
			| sort_by(split("x") | [(.[1] // "" | length), (.[0] | tonumber)])),
		nft_best: ([$m["nft-xdp"].pps, $m["nft-tc"].pps] | max)
	} | . + {
		relay_to_tx: (.flows | map({(.): {
			median: ratio($m["relay-\(.)"].pps; $m["tx-\(.)"].pps),
			best: ratio($m["relay-\(.)"].high; $m["tx-\(.)"].high)}}) | add),
		relay_to_nft: ratio($m["relay-1000"].pps; .nft_best),
		relay_to_nft_best: ratio($m["relay-1000"].high; [$m["nft-xdp"].high, $m["nft-tc"].high] | max),
		relay_to_off: ratio($m["relay-1000"].pps; $m["off"].pps),
		# One more hop than direct: that hop's receiving, program and sending.
		tx_marginal_ns: (1e9 / $m["tx-1000"].pps - 1e9 / $m["direct"].pps | fixed(1)),
		relay_marginal_ns: (1e9 / $m["relay-1000"].pps - 1e9 / $m["direct"].pps | fixed(1)),
		nft_marginal_ns: (1e9 / .nft_best - 1e9 / $m["direct"].pps | fixed(1))
	} end;

# Of each direction and number of flows: the median rates, and how the gateway's compares.
def gateway_live_report:
	if . == null then null else group_by([.direction, .flows]) | map({
		direction: .[0].direction, flows: .[0].flows,
		rate: (group_by(.variant) | map({(.[0].variant): (map(.pps) | median | round)}) | add),
		windows: (map(select(.variant == "gateway")) | length)
	} | . + {to_nft: ratio(.rate.gateway; .rate.nft), tc_to_nft: ratio(.rate.tc; .rate.nft), to_plain: ratio(.rate.gateway; .rate.plain)}) end;

# Of each way of attaching, and both directions: the median rates, and how they compare to nft's.
def gateway_tcp_report:
	if . == null then null else group_by(.direction) | map({
		direction: .[0].direction,
		mbit: (group_by(.variant) | map({(.[0].variant): (map(.mbit) | median | round)}) | add)
	} | . + {to_nft: (.mbit as $m | $m | map_values(ratio(.; $m.nft)))}) end;

# The median of connections a second, and what one costs beyond the stacks of its ends.
def gateway_churn_report:
	if . == null then null else
		(group_by(.variant) | map({(.[0].variant | ltrimstr("churn-")): (map(.opened / .seconds) | median | round)}) | add) as $m
		| {rate: $m, failed: (map(.failed) | add), to_nft: ratio($m.gateway; $m.nft),
			gateway_us: (1e6 / $m.gateway - 1e6 / $m.direct | fixed(1)), nft_us: (1e6 / $m.nft - 1e6 / $m.direct | fixed(1))} end;

def turn_report:
	if . == null then null
	else {runs: length, relayed: (map(.relayed) | add), ns: (map(.us_each) | median * 1000 | round)} end;

def e2e_report:
	if . == null then null else {
		transfers: length,
		relayed_mbit: (map(select(.way == "relayed").mbit) | median),
		direct_mbit: (map(select(.way == "direct").mbit) | median)
	} | . + {ratio: ratio(.relayed_mbit; .direct_mbit)} end;

# Each run with what a member, or a push, costs.
def control_report:
	if . == null then null else map(. as $run | (.phases | map({(.phase): .}) | add) as $p | {
		run, nodes,
		joins_per_second: ($p.join | .done * 1000 / .ms | fixed(1)),
		join: {seconds: ($p.join.ms / 1000 | fixed(2)), cpu_ms_each: ($p.join | .cpu_ms / .done | fixed(2)),
			bytes_each: ($p.join | .bytes / .done | round)},
		change: ($p.change | {touched: .done, first_ms, last_ms, cpu_ms, bytes, bytes_each: (.bytes / .done | round)}),
		report: ($p.report | {cpu_us_each: (.cpu_ms * 1000 / 1000 | fixed(1)), deltas}),
		resync: ($p.resync | {seconds: ((.last_ms - .first_ms) / 1000 | fixed(2)), cpu_ms_each: (.cpu_ms / .done | fixed(2)),
			bytes_each: (.bytes / .done | round)}),
		kib_each: ($p.join.kib / $run.nodes | fixed(1))
	}) end;

($live | live_report) as $l | ($turn | turn_report) as $t | {
	date: $date, machine: $machine, kernel: $kernel, command: $command,
	load_before: ($load | tonumber),
	testrun: ($testrun | if . then .[0] else null end),
	gateway_testrun: $gateway,
	gateway_live: ($gateway_live | gateway_live_report),
	gateway_tcp: ($gateway_tcp | gateway_tcp_report),
	gateway_churn: ($gateway_churn | gateway_churn_report),
	live: $l,
	coturn: ($t | if . and $l then . + {ratio: (.ns / $l.relay_marginal_ns | fixed(1)),
		ratio_to_whole_path: (.ns / $l.variants["relay-1000"].ns | fixed(1))} else . end),
	end_to_end: ($e2e | e2e_report),
	scale: $scale,
	control: ($control | control_report),
	samples: {live: $live, gateway_live: $gateway_live, gateway_tcp: $gateway_tcp, gateway_churn: $gateway_churn, coturn: $turn, end_to_end: $e2e}
}
