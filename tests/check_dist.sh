#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
#
# Whatever git tracks is in the distribution: a file that no list of a local.mk names would be missing from it.

set -u
export LC_ALL=C
unset MAKEFLAGS MFLAGS MAKELEVEL
: "${top_srcdir:=$(cd "$(dirname "$0")/.." && pwd)}" "${top_builddir:=$top_srcdir/build}" "${MAKE:=make}"
. "${BASH_SOURCE[0]%/*}/tap.sh"

# missing HAVE WANTED: the lines of the sorted file WANTED that HAVE does not have.
missing() {
	comm -13 "$1" "$2"
}

if ! tracked=$(git -C "$top_srcdir" ls-files 2>/dev/null) || [ ! -e "$top_srcdir/.git" ]; then
	echo "1..0 # SKIP not a git checkout"
	exit 0
fi

printf 'a\nb\n' >"$work/have"
printf 'a\nb\nc\n' >"$work/wanted"
[ "$(missing "$work/have" "$work/wanted")" = c ]
result $? "a missing file is seen"

"$MAKE" -C "$top_builddir" distdir distdir="$work/dist" >"$work/log" 2>&1
result $? "the distribution can be made" "$(tail -20 "$work/log")"
# What is deleted and not committed yet is not looked for.
(cd "$top_srcdir" && while IFS= read -r file; do [ ! -e "$file" ] || echo "$file"; done <<<"$tracked") | sort >"$work/wanted"
(cd "$work/dist" && find . -type f | sed 's|^\./||' | sort) >"$work/have"
lost=$(missing "$work/have" "$work/wanted")
[ -z "$lost" ]
result $? "all tracked files are in it" "${lost:+not distributed:
$lost}"
finish
