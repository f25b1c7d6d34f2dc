# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# shellcheck shell=bash
#
# From the lines that each part has left in $LAB to one JSON document, and from that to tables.

# The machine's kind, without its name.
report_machine() {
	awk -F': ' '/^model name/ { print $2; exit }' /proc/cpuinfo | sed 's/([A-Za-z]*)//g; s/ \+/ /g'
}

report_name() {
	local cpu
	cpu=$(report_machine | tr 'A-Z' 'a-z' | grep -oE 'xeon|epyc|core|ryzen|neoverse|cortex' | head -n 1)
	echo "$(date +%F)-$(nproc)core-${cpu:-cpu}-$(uname -r | cut -d. -f1-2)${BENCH_QUICK:+-quick}"
}

report_lines() { # FILE: its lines as a JSON list, or null
	[ -s "$1" ] && jq -c -s . "$1" || echo null
}

report_json() {
	jq -n --arg date "$(date +%F)" --arg machine "$(nproc) CPUs, $(report_machine)" \
		--arg kernel "$(uname -r | cut -d- -f1)" --arg command "$BENCH_COMMAND" --arg load "$LOAD" \
		--argjson live "$(report_lines $LAB/live)" --argjson turn "$(report_lines $LAB/turn)" \
		--argjson e2e "$(report_lines $LAB/e2e)" --argjson scale "$(report_lines $LAB/scale)" \
		--argjson testrun "$(report_lines $LAB/testrun)" \
		--argjson gateway "$(report_lines $LAB/gateway_testrun)" \
		--argjson gateway_live "$(report_lines $LAB/gateway_live)" \
		--argjson gateway_tcp "$(report_lines $LAB/gateway_tcp)" \
		--argjson gateway_churn "$(report_lines $LAB/gateway_churn)" \
		--argjson control "$(report_lines $LAB/control-runs)" -f "$BENCH_DIR/report.jq"
}

report_tables() { # RESULTS.json
	jq -r -f "$BENCH_DIR/tables.jq" "$1"
}
