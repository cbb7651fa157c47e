#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
#
# The cores do no I/O, read no clock and draw no random numbers: what the libraries of floors 0 to 4 need from
# outside is on the list below or in a library of a lower floor.

set -u
export LC_ALL=C
: "${top_builddir:=$(cd "$(dirname "$0")/.." && pwd)}" "${CC:=cc}" "${NM:=nm}" "${AR:=ar}"
. "${BASH_SOURCE[0]%/*}/tap.sh"

# floor:library
pure_libs="0:base 1:scsi 2:wire 3:bus 3:mirror 4:target 4:initiator"

# Regular expressions, each for a whole symbol.
allowed='
mem(cpy|set|move|cmp|chr|rchr|mem) mempcpy bcmp
str(len|nlen|cpy|ncpy|cmp|ncmp|casecmp|ncasecmp|chr|rchr|chrnul|str|spn|cspn|pbrk|cat|ncat|errordesc_np|to[u]?ll?) stpcpy
__isoc[0-9]*_strto[u]?ll? __ctype_(b|tolower|toupper)_loc
v?snprintf
__(mem(cpy|set|move)|str(cpy|ncpy|cat|ncat)|stpcpy|v?snprintf)_chk
qsort bsearch
__(popcount|clz|ctz|parity)[sdt]i2
malloc calloc aligned_alloc free
abort __assert_fail __assert __stack_chk_fail
crc(16|32|64)_[a-z0-9_]+
sg_get_[a-z_]*(name|str|type_str)
uuid_(clear|compare|copy|is_null|parse|unparse|unparse_lower|unparse_upper)
__(asan|ubsan|lsan|sanitizer|sancov)_[a-z0-9_]+ __start___sancov_[a-z_]+ __stop___sancov_[a-z_]+
__gcov_[a-z0-9_]+ __llvm_[a-z0-9_]+
_GLOBAL_OFFSET_TABLE_
'

# One failed assertion is told before the program ends.
exceptions='
libbase.a(assert.o):fprintf
libbase.a(assert.o):__fprintf_chk
libbase.a(assert.o):stderr
'

# impure FLOOR:LIBRARY...: prints "library(object): symbol" for each symbol that has no place there; status 1 if
# there is one, 2 if a library cannot be read.
impure() {
	local entry floor lib symbols
	symbols=$(
		for entry in "$@"; do
			floor=${entry%%:*} lib=${entry#*:}
			[ -r "$lib" ] || { echo "- - - $lib"; continue; }
			# "library:object: value type symbol", the value is absent where undefined
			"$NM" -A -g "$lib" | awk -v floor="$floor" -v lib="${lib##*/}" '{
				object = $1
				sub(/:$/, "", object)
				sub(/^.*:/, "", object)
				sub(/\.o:.*$/, ".o", object)
				print floor, lib, object, $(NF - 1), $NF
			}' || exit
		done
	)
	awk -v allowed="$allowed" -v exceptions="$exceptions" '
		BEGIN {
			split(exceptions, list)
			for (i in list)
				except[list[i]] = 1
			gsub(/^[ \n]+|[ \n]+$/, "", allowed)
			gsub(/[ \n]+/, "|", allowed)
			allowed = "^(" allowed ")$"
		}
		$1 == "-" {
			print $4 ": no such library"
			missing = 1
			next
		}
		$4 ~ /^[Uwv]$/ {
			n++
			floor[n] = $1; lib[n] = $2; object[n] = $3; symbol[n] = $5
			next
		}
		{
			if (!(($5) in lowest) || $1 < lowest[$5])
				lowest[$5] = $1
			own[$2, $5] = 1
		}
		END {
			for (i = 1; i <= n; i++) {
				s = symbol[i]
				if (s ~ allowed || (lib[i], s) in own || (s in lowest && lowest[s] < floor[i]))
					continue
				if ((lib[i] "(" object[i] "):" s) in except)
					continue
				print lib[i] "(" object[i] "): " s
				bad = 1
			}
			exit missing ? 2 : bad
		}' <<<"$symbols"
}

# build LIBRARY OBJECT CODE: a library of one object, made with the plain compiler.
build() {
	printf '%s\n' "$3" >"$work/$2.c"
	$CC -O0 -c -o "$work/$2.o" "$work/$2.c" && "$AR" cr "$work/$1" "$work/$2.o"
}

build liblow.a clean '#include <string.h>
#include <stdlib.h>
int low(const char *s); int low(const char *s) { if (!s) abort(); return memcmp(s, "abc", 3); }'
build libhigh.a caller 'int low(const char *s); int high(void); int high(void) { return low("x"); }'
build libclock.a reads_clock '#include <time.h>
long now(void); long now(void) { return (long)time(NULL); }'
build libsocket.a opens '#include <sys/socket.h>
int sock(void); int sock(void) { return socket(1, 1, 0); }'
build libprints.a prints '#include <stdio.h>
void say(int n); void say(int n) { printf("%d", n); }'
build libthread.a starts '#include <pthread.h>
extern int peer(void); int self(void); int self(void) { return pthread_self() != 0 && peer(); }'
build libpeer.a peer 'int peer(void); int peer(void) { return 1; }'

out=$(impure "0:$work/liblow.a" "1:$work/libhigh.a")
result $? "clean libraries pass" "$out"
expect() { # NAME WANTED LIBRARIES...
	local name=$1 wanted=$2 out
	shift 2
	out=$(impure "$@") && { result 1 "$name"; return; }
	[ "$out" = "$wanted" ]
	result $? "$name" "$out"
}
expect "a clock is refused and named" "libclock.a(reads_clock.o): time" "0:$work/libclock.a"
expect "a socket is refused and named" "libsocket.a(opens.o): socket" "0:$work/liblow.a" "1:$work/libsocket.a"
expect "printing is refused and named" "libprints.a(prints.o): printf" "0:$work/libprints.a"
expect "threads and a library of the same floor are refused and named" \
	"libthread.a(starts.o): peer
libthread.a(starts.o): pthread_self" "3:$work/libthread.a" "3:$work/libpeer.a"
expect "a call up is refused and named" "libhigh.a(caller.o): low" "0:$work/libhigh.a" "1:$work/liblow.a"
expect "a library that is missing is an error" "$work/libnone.a: no such library" "0:$work/libnone.a"

libs=()
for entry in $pure_libs; do
	libs+=("${entry%%:*}:$top_builddir/src/${entry#*:}/lib${entry#*:}.a")
done
out=$(impure "${libs[@]}")
result $? "the cores need nothing but memory and strings" "$out"

finish
