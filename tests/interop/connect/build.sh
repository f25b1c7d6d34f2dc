#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# Connect's own client for Node with stubs generated from the .proto, into build/connect/. Says why
# when it cannot be had, and fails.
set -uo pipefail
here=$(cd "$(dirname "$0")" && pwd)
root=$here/../../..
out=$root/build/connect
proto=$root/control/proto

missing() {
	echo "$*"
	exit 1
}

for tool in node npm protoc; do
	command -v $tool >/dev/null || missing "node, npm and protoc are needed"
done
mkdir -p "$out/gen" || exit 1
exec 9>"$out/.lock"
flock 9
cp "$here/package.json" "$here/package-lock.json" "$here/client.mjs" "$out" || exit 1
if ! cmp -s "$here/package-lock.json" "$out/installed"; then
	(cd "$out" && timeout 150 npm ci --no-audit --no-fund --ignore-scripts \
		--fetch-retries=1 --fetch-timeout=20000 >install.log 2>&1) ||
		missing "npm cannot install the client: $(grep -m 1 'npm error' "$out/install.log")"
	cp "$here/package-lock.json" "$out/installed"
fi
protoc -I "$proto" --plugin="protoc-gen-es=$out/node_modules/.bin/protoc-gen-es" \
	--es_out="$out/gen" --es_opt=target=js turnpike/v1/admin.proto || missing "protoc failed"
