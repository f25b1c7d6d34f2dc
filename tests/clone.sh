#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# What a newcomer does: clones the repository and runs `make demo`, with nothing built before. What
# is committed is tested, not what lies around.

set -eu
cd "$(dirname "$0")/.."
[ "$(id -u)" -eq 0 ] || { echo "ok 1 - clone # SKIP needs root"; exit 0; }
unset BUILD BUILD_SUFFIX SAN CC MAKEFLAGS

clone=$(mktemp -d)
trap 'rm -rf "$clone"' EXIT
git -c safe.directory='*' clone -q . "$clone/turnpike"
make -C "$clone/turnpike" --no-print-directory -j"$(nproc)" demo
echo "ok 1 - make demo runs in a fresh clone"
