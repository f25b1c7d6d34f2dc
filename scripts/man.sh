#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# Puts the settings of each daemon's configuration, as the table in its code knows them, between the
# marks in the manual page.
set -euo pipefail
cd "$(dirname "$0")/.."

generator=build/tests/interop/conf_manual
make --no-print-directory -s $generator

settings=$(mktemp)
trap 'rm -f "$settings" docs/man/*.tmp' EXIT

for conf in relay.conf gateway.conf control.conf; do
	page=docs/man/$conf.5
	$generator $conf >"$settings"
	awk -v settings="$settings" '
		/^\.\\" settings: end/   { inside = 0 }
		!inside                  { print }
		/^\.\\" settings: begin/ { inside = 1; while ((getline line < settings) > 0) print line }
	' $page >$page.tmp
	chmod --reference=$page $page.tmp
	mv $page.tmp $page
	mandoc -Tlint -W warning $page
done
