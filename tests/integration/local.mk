# SPDX-License-Identifier: BSD-2-Clause
#
# An integration test is tests/integration/NAME.py or NAME.sh, prints TAP, starts the programs of $top_builddir
# and keeps its files in a directory of its own. It goes into one list below: the first where it is to run in the build with
# sanitizers, too.

# What tests import.
EXTRA_DIST += \
	tests/integration/beside.py \
	tests/integration/command.py \
	tests/integration/crc.py \
	tests/integration/frames.py \
	tests/integration/lab.py \
	tests/integration/memory.py \
	tests/integration/recovery.py \
	tests/integration/server.py \
	tests/integration/tap.py \
	tests/integration/writer.py

# Somebody breaks the rules, and nothing else is harmed: `make check-rogue` runs these alone.
rogue_tests = \
	tests/integration/rogue.py \
	tests/integration/rogue_hold.py \
	tests/integration/rogue_hosts.py \
	tests/integration/rogue_rings.py

sanitized_integration_tests += \
	tests/integration/bad_input.py \
	tests/integration/broadcast.py \
	tests/integration/chain.py \
	tests/integration/claims.py \
	tests/integration/control.py \
	tests/integration/ctl.py \
	tests/integration/durable.py \
	tests/integration/execute.py \
	tests/integration/faults.py \
	tests/integration/groups.py \
	tests/integration/images.py \
	tests/integration/integrity.py \
	tests/integration/kills.py \
	tests/integration/luns.py \
	tests/integration/medium.py \
	tests/integration/packetized.py \
	tests/integration/protection.py \
	tests/integration/reserve.py \
	tests/integration/resume.py \
	tests/integration/rings.py \
	$(rogue_tests) \
	tests/integration/rules.py \
	tests/integration/slow.py \
	tests/integration/target.py

# Slow with sanitizers, or nothing for them to find.
integration_tests += \
	tests/integration/benchmarks.py \
	tests/integration/conformance.py \
	tests/integration/documented.py \
	tests/integration/examples.py \
	tests/integration/load.py \
	tests/integration/nemesis.py \
	tests/integration/services.py \
	$(sanitized_integration_tests)
EXTRA_DIST += $(integration_tests)

# smirror-target with a store that a test can stop (slow.py).
helper_programs += tests/integration/gated_target
tests_integration_gated_target_SOURCES = tests/integration/gated_target.c src/programs/smirror-target.c
tests_integration_gated_target_LDADD = $(program_libs)
tests_integration_gated_target_LDFLAGS = $(AM_LDFLAGS) \
	-Wl,--wrap=store_open,--wrap=store_read,--wrap=store_write,--wrap=store_flush \
	-Wl,--wrap=store_read_now,--wrap=store_write_now,--wrap=store_in_memory

# smirrord with image files that a test can stop (images.py).
helper_programs += tests/integration/gated_daemon
tests_integration_gated_daemon_SOURCES = tests/integration/gated_daemon.c src/programs/smirrord.c
tests_integration_gated_daemon_LDADD = $(program_libs)
tests_integration_gated_daemon_LDFLAGS = $(AM_LDFLAGS) \
	-Wl,--wrap=pread,--wrap=preadv2,--wrap=pwrite,--wrap=fsync

# Real programs that speak SCSI through SG_IO find a disk of ours by it (conformance.py). It goes into programs that are
# not built with sanitizers, so it is not, either.
helper_programs += tests/integration/sgio.so
tests_integration_sgio_so_SOURCES = tests/integration/sgio.c
tests_integration_sgio_so_CFLAGS = -std=c17 -Wall -Wextra -fPIC
tests_integration_sgio_so_LDFLAGS = -shared
tests_integration_sgio_so_LDADD = $(JANSSON_LIBS) $(NETTLE_LIBS)

# All of the suite on each kind of disk: `make check` runs a selection (conformance.py).
.PHONY: conformance
conformance: $(sbin_PROGRAMS) $(bin_PROGRAMS) tests/integration/sgio.so
	CONFORMANCE=all top_srcdir='$(abs_top_srcdir)' top_builddir='$(abs_top_builddir)' PYTHONDONTWRITEBYTECODE=1 \
		$(PYTHON3) $(srcdir)/tests/integration/conformance.py
