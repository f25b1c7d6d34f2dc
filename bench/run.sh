#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# All benchmarks, side by side in one run; BENCH_QUICK=1 for a short one. Variants take turns, and
# what is reported is the median. Results go to bench/results/ as JSON and as tables.
#
#	bench/run.sh [testrun] [gateway_testrun] [gateway_live] [gateway_tcp] [gateway_churn] [live] [turn] [e2e] [scale] [control]	only these parts, and no files
# but with BENCH_NAME, which names them

BENCH_DIR=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
BENCH_COMMAND="${BENCH_QUICK:+BENCH_QUICK=1 }${*:+bench/run.sh }${*:-make bench}"
. "$BENCH_DIR/../tests/net/lib.sh"
. "$BENCH_DIR/lib.sh"
. "$BENCH_DIR/live.sh"
. "$BENCH_DIR/turn.sh"
. "$BENCH_DIR/end_to_end.sh"
. "$BENCH_DIR/gateway_live.sh"
. "$BENCH_DIR/gateway_tcp.sh"
. "$BENCH_DIR/gateway_churn.sh"
. "$BENCH_DIR/scale.sh"
. "$BENCH_DIR/control.sh"
. "$BENCH_DIR/report.sh"

lab_summary() {
	:
}

LOAD=$(cut -d' ' -f1 /proc/loadavg)
SOURCE_CPU=0
RELAY_CPU=$(($(nproc) > 1))

bench_testrun() {
	[ -x "$B/bench/testrun" ] || return 0
	taskset -c "$SOURCE_CPU" "$B/bench/testrun" ${BENCH_QUICK:+-r 3 -f 10000} -j $LAB/testrun >&2 ||
		note "testrun failed"
}

bench_gateway_testrun() {
	[ -x "$B/bench/gateway_testrun" ] || return 0
	taskset -c "$SOURCE_CPU" "$B/bench/gateway_testrun" -j ${BENCH_QUICK:+-r 3 -f 10000} \
		>$LAB/gateway_testrun || note "gateway_testrun failed"
}

part() { # NAME COMMAND...
	local name=$1
	shift
	[[ " $PARTS " == *" $name "* ]] || return 0
	note "$name, load $(cut -d' ' -f1-3 /proc/loadavg)" >&2
	"$@"
}

PARTS=${*:-testrun gateway_testrun gateway_live gateway_tcp gateway_churn live turn e2e scale control}
bench_begin
bench_keys
part testrun bench_testrun
part gateway_testrun bench_gateway_testrun
if [ -n "${BENCH_QUICK:-}" ]; then
	part gateway_live bench_gateway_live 2 0.5
	part gateway_tcp bench_gateway_tcp 3 1
	part gateway_churn bench_gateway_churn 3 1
	part live bench_live 1 2 0.5
	part turn bench_turn 1 2000
	part e2e bench_end_to_end 2 3
else
	part gateway_live bench_gateway_live 5 1
	part gateway_tcp bench_gateway_tcp 5 2
	part gateway_churn bench_gateway_churn 5 2
	part live bench_live 2 4 1
	part turn bench_turn 3 10000
	part e2e bench_end_to_end 5 5
fi
part scale bench_scale
part control bench_control

report_json >$LAB/results.json || die "no results"
report_tables $LAB/results.json | tee $LAB/results.md
if [ $# -eq 0 ] || [ -n "${BENCH_NAME:-}" ]; then
	mkdir -p "$BENCH_DIR/results"
	name=$BENCH_DIR/results/${BENCH_NAME:-$(report_name)}
	jq . $LAB/results.json >"$name.json"
	cp $LAB/results.md "$name.md"
	note "written: $name.json and .md"
fi
