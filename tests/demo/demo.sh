#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
#
# The main job, from nothing to verified copies: a bus server, four targets (two over UNIX sockets, two over TCP), the
# daemon, and a 256 MiB image mirrored to all of them. One target fails some blocks, and a resend pass mends it.
# Needs $top_builddir; keeps its files in a temporary directory and removes it, unless DEMO_KEEP is set.

set -eu
build=${top_builddir:?}
size_mib=${DEMO_MIB:-256}

directory=$(mktemp -d "${TMPDIR:-/tmp}/smirror-demo.XXXXXX")
pids=()
finish() {
	local status=$?
	for ((i = ${#pids[@]} - 1; i >= 0; i--)); do
		kill "${pids[i]}" 2>/dev/null || true
		wait "${pids[i]}" 2>/dev/null || true
	done
	if [ -n "${DEMO_KEEP-}" ]; then
		echo "Kept: $directory"
	else
		rm -rf "$directory"
	fi
	exit $status
}
trap finish EXIT
trap 'exit 130' INT TERM

say() { printf '\n\033[1m== %s\033[0m\n' "$*"; }
# show WORD...: the command as a user would type it, then its output
show() {
	printf '$ %s\n' "${*//"$directory/"/}"
	"$@"
}
smirrorctl() { "$build/smirrorctl" --control "$directory/control.sock" "$@"; }

# start NAME PROGRAM ARGUMENT...: in the background; returns when it says that it is ready. Its words are in $ready.
start() {
	local name=$1
	shift
	local typed="${*//"$build/"/}"
	printf '$ %s\n' "${typed//"$directory/"/}"
	mkfifo "$directory/$name.ready"
	"$@" >"$directory/$name.ready" 2>"$directory/$name.log" &
	pids+=($!)
	if ! read -r -t 30 ready <"$directory/$name.ready" || [ "${ready%% *}" != ready ]; then
		echo "$name did not start:" >&2
		cat "$directory/$name.log" >&2
		exit 1
	fi
	echo "$ready"
}

say "A SCSI bus: one server process, open to UNIX sockets and to TCP on the loopback"
start bus "$build/smirror-bus" --listen "unix:$directory/bus.sock" --listen tcp:127.0.0.1:0 --trace "$directory/trace"
tcp=$(grep -o 'tcp:[^ ]*' <<<"$ready")

echo "(Files are in $directory, left out here.)"

say "Four disks, each a process with a backing file; disk2 will fail three blocks when they are written"
start disk0 "$build/smirror-target" --bus "unix:$directory/bus.sock" --id 0 --store "$directory/disk0.img" --size "${size_mib}M" --name disk0
start disk1 "$build/smirror-target" --bus "unix:$directory/bus.sock" --id 1 --store "$directory/disk1.img" --size "${size_mib}M" --name disk1
start disk2 "$build/smirror-target" --bus "$tcp" --id 2 --store "$directory/disk2.img" --size "${size_mib}M" --name disk2 \
	--fault medium-error:lba=5000,blocks=3,times=1
start disk3 "$build/smirror-target" --bus "$tcp" --id 3 --store "$directory/disk3.img" --size "${size_mib}M" --name disk3

say "The initiator daemon, SCSI ID 7"
mkdir "$directory/state"
start daemon "$build/smirrord" --bus "unix:$directory/bus.sock" --state-dir "$directory/state" --control "$directory/control.sock"
show smirrorctl target list

say "A mirror group of the four"
show smirrorctl group create g0 --members disk0,disk1,disk2,disk3

say "An image of $size_mib MiB, mirrored by silent mirroring: each block goes out in one tenure of the bus"
head -c "${size_mib}M" /dev/urandom >"$directory/image.raw"
show smirrorctl mirror g0 "$directory/image.raw"

say "Are the copies equal? Told by cmp, outside of smirror's own code"
for disk in disk0 disk1 disk2 disk3; do
	show cmp "$directory/image.raw" "$directory/$disk.img"
	echo "$disk.img equals image.raw"
done

say "The resend pass, in the trace: one target selected, and nobody else"
python3 - "$directory/trace" <<'END'
import json
import sys

tenures = {}
with open(sys.argv[1], encoding="utf-8") as trace:
    for line in trace:
        event = json.loads(line)
        tenures.setdefault(event["tenure"], []).append(event)
for events in tenures.values():
    names = [m["name"] for e in events for m in e["msg"] or []]
    takers = [e["driver"] for e in events if e["phase"] == "DATA OUT"]
    if "TARGET LEADER IDENTIFICATION" in names and takers == [2]:
        for e in events:
            what = ", ".join(m["name"] for m in e["msg"] or []) or e.get("name", "") or (f'{e["bytes"]} bytes' if e["bytes"] else "")
            driver = "-" if e["driver"] is None else e["driver"]
            print(f'{e["t_ns"]:>15} ns  {e["phase"]:<12} BSY {str(e["bsy"]):<4} phase lines {driver:<2} {what}')
        break
else:
    sys.exit("no resend pass in the trace")
END

say "The same image by conventional mirroring, for comparison: a command of its own for each target"
show smirrorctl mirror g0 "$directory/image.raw" --mode conventional

say "And by broadcast passes: each block crosses the bus once, and all targets latch it"
show smirrorctl mirror g0 "$directory/image.raw" --mode broadcast
for disk in disk0 disk1 disk2 disk3; do
	show cmp "$directory/image.raw" "$directory/$disk.img"
done

say "All three ways with 4-KiB blocks, on the first 32 MiB: the smaller the blocks, the more the protocol counts"
head -c 32M "$directory/image.raw" >"$directory/small.raw"
show smirrorctl mirror g0 "$directory/small.raw" --block 4K
show smirrorctl mirror g0 "$directory/small.raw" --block 4K --mode conventional
show smirrorctl mirror g0 "$directory/small.raw" --block 4K --mode broadcast

say "Bus time: what it would have cost on a real bus"
for job in 1 2 3 4 5 6; do
	smirrorctl --json job show "$job"
done | python3 -c '
import json
import sys

jobs = [json.loads(line) for line in sys.stdin]
print("block size    image  conventional      silent            broadcast")
for silent, conventional, broadcast in (jobs[0:3], jobs[3:6]):
    assert (silent["mode"], conventional["mode"], broadcast["mode"]) == ("silent", "conventional", "broadcast")
    s, c, b = silent["bus_time_ns"], conventional["bus_time_ns"], broadcast["bus_time_ns"]
    block, image = silent["transfer_bytes"] >> 10, silent["total_bytes"] >> 20
    print(f"{block:>6} KiB {image:>4} MiB {c / 1e9:>11.3f} s {s / 1e9:>8.3f} s {100 * s / c:>6.2f} % {b / 1e9:>8.3f} s {100 * b / c:>6.2f} %")
'
show smirrorctl bus stats

say "Done: four copies of the image, all equal to it"
