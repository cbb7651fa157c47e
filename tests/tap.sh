# SPDX-License-Identifier: BSD-2-Clause
#
# Scripts that print TAP, and one directory for what they make: sourced by tests/check_*.sh.

number=0 failed=0
result() { # STATUS NAME [DIAGNOSTICS]
	number=$((number + 1))
	if [ "$1" = 0 ]; then
		echo "ok $number - $2"
	else
		echo "not ok $number - $2"
		failed=1
		[ -z "${3-}" ] || sed 's/^/# /' <<<"$3"
	fi
}
skip() { # NAME WHY
	number=$((number + 1))
	echo "ok $number - $1 # SKIP $2"
}
finish() { # the plan, and the exit status
	echo "1..$number"
	exit $failed
}

work=$(mktemp -d) || exit 99
trap 'chmod -R u+w "$work"; rm -rf "$work"' EXIT
