#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# Who may include what. Looks at every source file that git knows or would add, prints each
# violation as file:line: message, and fails when there is one.
#
#	check-deps.sh [DIRECTORY]	a git work tree; default: the one it stands in

set -uo pipefail
cd "${1:-$(dirname "$0")/..}" || exit 1

roles='relay|gateway|control'
failed=0

sources() { # GLOB...
	git ls-files --cached --others --exclude-standard -- "$@" | sort -u |
		while read -r file; do [ -f "$file" ] && echo "$file"; done
}

# "file:line:header" for each #include; quotes or angles are all one.
includes=$(sources '*.c' '*.h' | xargs -r grep -HnE '^[[:space:]]*#[[:space:]]*include' |
	sed -E 's/^([^:]+:[0-9]+):[^<"]*[<"]([^>"]+).*/\1:\2/')

# The tree's own path of an included header, whatever way it was written: from the top, beside the
# file, or (-Iuserspace) in userspace/. Foreign headers stay as they are.
resolve() { # FILE HEADER
	local beside=${1%/*}/$2
	while [[ $beside =~ ^(.*/)?[^/.][^/]*/\.\./(.*)$ ]]; do
		beside=${BASH_REMATCH[1]}${BASH_REMATCH[2]}
	done
	if [ -e "$beside" ]; then
		header=$beside
	elif [ ! -e "$2" ] && [ -e "userspace/$2" ]; then
		header=userspace/$2
	else
		header=$2
	fi
}

complain() { # FILE:LINE MESSAGE
	echo "$1: $2"
	failed=1
}

# Only files that match may include headers that match.
only_in() { # FILES HEADERS WHERE
	[[ $header =~ $2 && ! $file =~ $1 ]] && complain "$at" "$header belongs into $3 only"
}

check_layers() {
	local role
	case $file in
	bpf/lib/*)
		[[ $header =~ ^bpf/(abi|lib)/ || $header =~ ^(linux|asm|bpf)/[a-z_0-9]+\.h$ ||
			$header =~ ^std(bool|int|def)\.h$ ]] ||
			complain "$at" "bpf/lib includes $header, may include bpf/abi, bpf/lib and UAPI"
		;;
	bpf/abi/*)
		[[ $header =~ ^(userspace|bpf/lib)/ ]] && complain "$at" "bpf/abi includes $header"
		;;
	bpf/*)
		[[ $header =~ ^userspace/ ]] && complain "$at" "bpf includes $header"
		;;
	userspace/* | control/*)
		[[ $header =~ ^bpf/(abi|lib)/ ]] && complain "$at" "${file%%/*} includes $header"
		;;
	esac
	[[ $header =~ ^($roles)/ ]] || return
	role=${header%%/*}
	case $file in
	"$role"/* | tests/* | bench/*) ;;
	*) complain "$at" "${file%%/*} includes $header, which is a role's own" ;;
	esac
}

check_libraries() {
	only_in '^(userspace/bpf|(relay|gateway)/datapath|tests/|bench/|bpf/)' '^(bpf/(bpf|libbpf|btf)|xdp/)|\.skel\.h$' \
		'userspace/bpf*, datapath* of a role, tests and bench'
	only_in '^userspace/config(_graft)?\.c$' '^libconfig\.h' 'userspace/config.c and config_graft.c'
	only_in '^userspace/netlink' '^libmnl/' 'userspace/netlink*'
	only_in '^control/db\.c$|^tests/' '^sqlite3\.h' 'control/db.c and tests'
	only_in '^userspace/(crypto|tls)\.c$' '^openssl/' 'userspace/crypto.c and tls.c'
}

while IFS=: read -r file line header; do
	[ -n "$file" ] || continue
	at=$file:$line
	resolve "$file" "$header"
	check_layers
	check_libraries
done <<<"$includes"

while read -r file; do
	head -n 3 "$file" | grep -q 'SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause' ||
		complain "$file:1" "no SPDX line"
done < <(sources '*.c' '*.h' '*.sh' '*.conf' '*.service' Makefile '*/Makefile')

exit $failed
