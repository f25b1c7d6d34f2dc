#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# Puts the settings of relay.conf, as relay/config.c knows them, between the marks in its manual page.
set -euo pipefail
cd "$(dirname "$0")/.."

page=docs/man/relay.conf.5
generator=build/tests/interop/relay_conf_manual
make --no-print-directory -s $generator

settings=$(mktemp)
trap 'rm -f "$settings" "$page.tmp"' EXIT
$generator >"$settings"
awk -v settings="$settings" '
	/^\.\\" settings: end/   { inside = 0 }
	!inside                  { print }
	/^\.\\" settings: begin/ { inside = 1; while ((getline line < settings) > 0) print line }
' $page >$page.tmp
chmod --reference=$page $page.tmp
mv $page.tmp $page
mandoc -Tlint -W warning $page
