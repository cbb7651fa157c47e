#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
#
# Whatever git tracks is in the distribution: a file that no list of a local.mk names would be missing from it.

set -u
export LC_ALL=C
unset MAKEFLAGS MFLAGS MAKELEVEL
: "${top_srcdir:=$(cd "$(dirname "$0")/.." && pwd)}" "${top_builddir:=$top_srcdir/build}" "${MAKE:=make}"

# missing HAVE WANTED: the lines of the sorted file WANTED that HAVE does not have.
missing() {
	comm -13 "$1" "$2"
}

if ! tracked=$(git -C "$top_srcdir" ls-files 2>/dev/null) || [ ! -e "$top_srcdir/.git" ]; then
	echo "1..0 # SKIP not a git checkout"
	exit 0
fi

work=$(mktemp -d) || exit 99
trap 'chmod -R u+w "$work"; rm -rf "$work"' EXIT
echo "1..3"

printf 'a\nb\n' >"$work/have"
printf 'a\nb\nc\n' >"$work/wanted"
if [ "$(missing "$work/have" "$work/wanted")" = c ]; then
	echo "ok 1 - a missing file is seen"
else
	echo "not ok 1 - a missing file is seen"
fi

if "$MAKE" -C "$top_builddir" distdir distdir="$work/dist" >"$work/log" 2>&1; then
	echo "ok 2 - the distribution can be made"
else
	echo "not ok 2 - the distribution can be made"
	tail -20 "$work/log" | sed 's/^/# /'
fi
# What is deleted and not committed yet is not looked for.
(cd "$top_srcdir" && while IFS= read -r file; do [ ! -e "$file" ] || echo "$file"; done <<<"$tracked") | sort >"$work/wanted"
(cd "$work/dist" && find . -type f | sed 's|^\./||' | sort) >"$work/have"
lost=$(missing "$work/have" "$work/wanted")
if [ -z "$lost" ]; then
	echo "ok 3 - all tracked files are in it"
else
	echo "not ok 3 - all tracked files are in it"
	sed 's/^/# not distributed: /' <<<"$lost"
fi
