#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
#
# mandoc's lint has nothing to say about the man pages: text lines of at most 80 bytes, no blanks at their ends, each
# sentence on a line of its own, macros as mdoc(7) has them, and each page that is referred to exists.

set -u
export LC_ALL=C
: "${top_srcdir:=$(cd "$(dirname "$0")/.." && pwd)}"
: "${MANDOC=$(command -v mandoc)}"
. "${BASH_SOURCE[0]%/*}/tap.sh"

# place PAGE...: puts them where mandoc looks for pages that others refer to.
place() {
	local page
	for page in "$@"; do
		mkdir -p "$work/man/man${page##*.}" && cp "$page" "$work/man/man${page##*.}" || exit 99
	done
}

# lint NAME: prints what mandoc says of that page, but that there is no index of them; status 1 if it says anything.
lint() {
	local said
	said=$(cd "$work/man" && MANPATH="$work/man" "$MANDOC" -T lint -W style "man${1##*.}/$1" 2>&1 | grep -v 'outdated mandoc\.db')
	[ -z "$said" ] || { echo "$said"; return 1; }
}

pages=("$top_srcdir"/man/*.[1-8])
place "${pages[@]}"

# wrong NAME WANTED LINES: the first page with those lines at its end; what mandoc says has WANTED in it.
wrong() {
	local name=$1 wanted=$2 page="$work/wrong.${pages[0]##*.}" out
	shift 2
	{ cat "${pages[0]}"; printf '%s\n' "$@"; } >"$page"
	place "$page"
	out=$(lint "${page##*/}") && { result 1 "$name" "mandoc says nothing"; return; }
	[[ $out == *"$wanted"* ]]
	result $? "$name" "$out"
}

if [ -z "$MANDOC" ]; then
	skip "man pages" "mandoc is not installed"
	finish
fi
wrong "a line that is too long is refused" "longer than 80 bytes" "$(printf 'word %.0s' {1..16})end"
wrong "a blank at the end of a line is refused" "whitespace at end" "word "
wrong "a sentence that begins in mid line is refused" "new sentence" "A sentence. Another one."
wrong "a macro that is none is refused" "unknown macro" ".Zz"
wrong "a page that is not there is refused" "referenced manual not found" ".Xr smirror-nothing 8"
for page in "${pages[@]}"; do
	out=$(lint "${page##*/}")
	result $? "nothing to say about ${page##*/}" "$out"
done
finish
