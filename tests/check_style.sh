#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
#
# Every source file starts with its licence and is formatted as .clang-format says.

set -u
export LC_ALL=C
: "${top_srcdir:=$(cd "$(dirname "$0")/.." && pwd)}"
: "${CLANG_FORMAT=$(command -v clang-format)}"
. "${BASH_SOURCE[0]%/*}/tap.sh"

licence='/* SPDX-License-Identifier: BSD-2-Clause */'

# unlicensed FILE...: prints those whose first line is not the licence.
unlicensed() {
	local file line bad=0
	for file in "$@"; do
		IFS= read -r line <"$file"
		[ "$line" = "$licence" ] || { echo "$file: the first line is not $licence"; bad=1; }
	done
	return $bad
}

# unformatted FILE...: prints what clang-format would change.
unformatted() {
	"$CLANG_FORMAT" --style="file:$top_srcdir/.clang-format" --dry-run -Werror "$@" 2>&1
}

mapfile -t files < <(cd "$top_srcdir" && find src include tests -name '*.[ch]' | sort)
mapfile -t defs < <(cd "$top_srcdir" && find src include tests -name '*.def' | sort)

printf '%s\nint a;\n' "$licence" >"$work/good.c"
printf 'int a;\n' >"$work/bad.c"
unlicensed "$work/good.c" >/dev/null
result $? "a file with the licence passes"
! unlicensed "$work/good.c" "$work/bad.c" >/dev/null
result $? "a file without the licence is refused"
out=$(cd "$top_srcdir" && unlicensed "${files[@]}" "${defs[@]}")
result $? "all $((${#files[@]} + ${#defs[@]})) files have the licence" "$out"

if [ -z "$CLANG_FORMAT" ]; then
	skip "all files are formatted" "clang-format is not installed"
else
	printf '%s\nint f(void)\n{\n\treturn 0;\n}\n' "$licence" >"$work/good.c"
	printf '%s\nint f(void) {\n  return 0;\n}\n' "$licence" >"$work/bad.c"
	out=$(unformatted "$work/good.c")
	result $? "a formatted file passes" "$out"
	! unformatted "$work/bad.c" >/dev/null
	result $? "an unformatted file is refused"
	out=$(cd "$top_srcdir" && unformatted "${files[@]}")
	result $? "all ${#files[@]} files are formatted" "$(grep -v '^[[:space:]^]*$' <<<"$out" | head -60)"
fi

finish
