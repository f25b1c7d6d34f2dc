# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# The results as text.

def cell: if . == null then "-" else tostring end;
def row: "| " + (map(cell) | join(" | ")) + " |";
def rule: "|" + (map("---") | join("|")) + "|";
def table($head; $rows): ($head | row), ($head | rule), ($rows[] | row);
def mpps: if . then . / 10000 | round / 100 else null end;
def mib: if . then . / 1024 | round else null end;
def verdict($value; $goal): if $value == null then "-" elif $value >= $goal then "met" else "not met" end;

def live:
	.live | select(.) | . as $l |
	"", "## Packets a second through a veth pair, all on one CPU", "",
	table(["forwarder", "Mpps", "low", "high", "ns a packet, source and sink included", "lost", "checked", "wrong"];
		[.variants | to_entries[] | .value as $v | [.key, ($v.pps | mpps), ($v.low | mpps), ($v.high | mpps),
			$v.ns, $v.lost, $v.checked, $v.wrong]]),
	"",
	table(["the relay's rate to that of", "medians", "fastest windows", "goal", ""];
		[($l.relay_to_tx | to_entries[] |
			["bare XDP_TX, \(.key) flows", .value.median, .value.best, "0.9", verdict(.value.median; 0.9)]),
		 ["nftables, 1000 flows", $l.relay_to_nft, $l.relay_to_nft_best, "2.5", verdict($l.relay_to_nft; 2.5)],
		 ["`off` mode (which has a CPU of its own), 1000 flows", $l.relay_to_off, "", "", ""]]),
	"",
	table(["ns that the forwarder adds to source and sink", ""];
		[["bare XDP_TX", $l.tx_marginal_ns], ["relay", $l.relay_marginal_ns], ["nftables", $l.nft_marginal_ns]]);

def gateway:
	.gateway_testrun | select(.) |
	"", "## The gateway, by test run", "",
	table(["direction", "flows", "rules", "first packet, ns", "empty, ns", "established, ns", "ratio", "ratio, fastest rounds", "goal", ""];
		[.[] | [.direction, .flows, .rules, .first, .empty, .median, .ratio, .ratio_best,
			(if .flows == 10000 then "4", (if .ratio <= 4 then "met" else "not met" end) else "", "" end)]]);

def gateway_live:
	.gateway_live | select(.) |
	"", "## The gateway, live, beside nftables", "",
	table(["", "flows", "no forwarder", "XDP to XDP", "tc to tc", "nft, a set", "nft, rule by rule", "XDP to set", "tc to set", "XDP to rules", "goal", ""];
		[.[] | [.direction, .flows, .rate.direct, .rate.gateway, .rate.tc, .rate.nft, .rate.plain, .to_nft, .tc_to_nft, .to_plain,
			(if .direction == "out" or .direction == "in" then "2", verdict(.to_nft; 2) else "", "" end)]]);

def gateway_tcp:
	.gateway_tcp | select(.) |
	"", "## TCP through the gateway, Mbit/s", "",
	(["native", "generic", "off", "nft", "nft-xdp"]) as $variants |
	table(["", "gateway, XDP native", "generic", "off", "nft", "nft and XDP that passes all", "ratios to nft"];
		[.[] | [(if .direction == "up" then "node to LAN" else "LAN to node" end),
			.mbit[$variants[]], (.to_nft as $r | $variants | map($r[.] | tostring) | join(", "))]]);

def gateway_churn:
	.gateway_churn | select(.) |
	"", "## TCP connections opened and closed a second", "",
	table(["no forwarder", "gateway", "nft, a set", "gateway to nft", "gateway, \u00b5s each", "nft, \u00b5s each", "failed"];
		[[.rate.direct, .rate.gateway, .rate.nft, .to_nft, .gateway_us, .nft_us, .failed]]);

def coturn:
	.coturn | select(.) |
	"", "## CPU a relayed packet", "",
	table(["", "ns", "to the relay", "goal", ""];
		[["coturn, its process's time only", .ns, .ratio, "20", verdict(.ratio; 20)]]);

def end_to_end:
	.end_to_end | select(.) |
	"", "## TCP between two wireguard-go peers", "",
	table(["wired directly, Mbit/s", "through the relay, Mbit/s", "ratio", "goal", ""];
		[[.direct_mbit, .relayed_mbit, .ratio, "0.9", verdict(.ratio; 0.9)]]);

def phase_row($run): [$run, .phase, .done, .seconds, .per_second, .retries, .cookies,
	.latency_ms.p50, .latency_ms.p99, .relay.cpu_us_each];

def scale:
	.scale | select(.) |
	"", "## Thousands of nodes", "",
	table(["run", "phase", "done", "s", "a second", "retries", "cookies", "p50 ms", "p99 ms", "relay's CPU, us each"];
		[.[] | .run as $r | .phases[] | select(.phase != "roam") | phase_row($r)]),
	"",
	table(["run", "nodes", "flows", "relay's own memory, MiB", "before nodes came", "its BPF maps, MiB", "dropped"];
		[.[] | [.run, .nodes.online, .flows, (.phases | map(.relay.memory_kib // 0) | max | mib),
			(.relay_idle_kib | mib), (.map_bytes / 1024 | mib),
			(.drops | to_entries | map(select(.value > 0) | "\(.key) \(.value)") | join(", "))]]),
	([.[] | .run as $r | .phases[] | select(.phase == "roam") |
		"", "Roaming (\($r)): all \(.flows) flows of one node work \(.all_ms) ms after it moved, the first after \(.first_ms) ms; a round of one packet each takes \(.unmoved_round_ms) ms when nothing moves."] | .[]);

def control:
	.control | select(.) |
	"", "## The control plane", "",
	table(["run", "joins a second", "CPU a join, ms", "bytes pushed a join", "an API call reaches the first, ms", "the last, ms", "nodes touched", "bytes each", "CPU, ms"];
		[.[] | [.run, .joins_per_second, .join.cpu_ms_each, .join.bytes_each, .change.first_ms, .change.last_ms,
			.change.touched, .change.bytes_each, .change.cpu_ms]]),
	"",
	table(["run", "all back after a restart, s", "CPU each, ms", "bytes each", "memory each, KiB", "CPU a handshake report, us", "deltas for 1,000 of them"];
		[.[] | [.run, .resync.seconds, .resync.cpu_ms_each, .resync.bytes_each, .kib_each, .report.cpu_us_each, .report.deltas]]);

"# Benchmark results", "",
"\(.date), \(.machine), Linux \(.kernel), by `\(.command)`; load average before the run: \(.load_before).",
gateway, gateway_live, gateway_tcp, gateway_churn, live, coturn, end_to_end, scale, control
