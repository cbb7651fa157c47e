# SPDX-License-Identifier: BSD-2-Clause
#
# A fuzzing harness is tests/fuzz/fuzz_NAME.c with LLVMFuzzerTestOneInput(), and its corpus tests/fuzz/corpus/NAME.
# `make check` runs it over the corpus, with seeded changes (rerun.c). With clang,
#
#	make fuzz-NAME FUZZ_SECONDS=600
#	make fuzz-NAME FUZZ_SECONDS=0 FUZZ_RUNS=20000000
#	make fuzz-NAME FUZZ_SANITIZE=address,undefined
#
# lets libFuzzer look for more; what it finds goes into the corpus.

EXTRA_DIST += tests/fuzz/corpus tests/fuzz/fuzz.mk

# ---- reruns ----

unit_tests += \
	tests/fuzz/rerun_attach \
	tests/fuzz/rerun_cdb \
	tests/fuzz/rerun_config \
	tests/fuzz/rerun_device \
	tests/fuzz/rerun_message \
	tests/fuzz/rerun_request \
	tests/fuzz/rerun_state \
	tests/fuzz/rerun_wire

fuzz_cdb_harness = \
	tests/fuzz/cdb_bus.c \
	tests/fuzz/cdb_choose.c \
	tests/fuzz/cdb_model.c \
	tests/fuzz/cdb_oracle.c \
	tests/fuzz/cdb_store.c \
	tests/fuzz/cdb_world.h
fuzz_crash_harness = \
	tests/crash/calls.c \
	tests/crash/files.c \
	tests/crash/files.h \
	tests/crash/inside.h
fuzz_state_harness = \
	tests/fuzz/state_beside.c \
	tests/fuzz/state_beside.h \
	$(fuzz_crash_harness)
fuzz_disk_harness = \
	tests/fuzz/disk.c \
	tests/fuzz/disk.h

tests_fuzz_rerun_attach_SOURCES = tests/fuzz/rerun.c tests/fuzz/fuzz_attach.c
tests_fuzz_rerun_attach_CPPFLAGS = $(AM_CPPFLAGS) -DFUZZ_NAME='"attach"' -DFUZZ_CHANGES=60
tests_fuzz_rerun_cdb_SOURCES = tests/fuzz/rerun.c tests/fuzz/fuzz_cdb.c $(fuzz_cdb_harness)
tests_fuzz_rerun_cdb_CPPFLAGS = $(AM_CPPFLAGS) -DFUZZ_NAME='"cdb"' -DFUZZ_CHANGES=50
tests_fuzz_rerun_config_SOURCES = tests/fuzz/rerun.c tests/fuzz/fuzz_config.c
tests_fuzz_rerun_config_CPPFLAGS = $(AM_CPPFLAGS) -DFUZZ_NAME='"config"'
tests_fuzz_rerun_config_LDFLAGS = $(AM_LDFLAGS) $(fuzz_ldflags_config)
tests_fuzz_rerun_device_SOURCES = tests/fuzz/rerun.c tests/fuzz/fuzz_device.c $(fuzz_disk_harness)
tests_fuzz_rerun_device_CPPFLAGS = $(AM_CPPFLAGS) -DFUZZ_NAME='"device"'
tests_fuzz_rerun_message_SOURCES = tests/fuzz/rerun.c tests/fuzz/fuzz_message.c $(fuzz_disk_harness)
tests_fuzz_rerun_message_CPPFLAGS = $(AM_CPPFLAGS) -DFUZZ_NAME='"message"'
tests_fuzz_rerun_request_SOURCES = tests/fuzz/rerun.c tests/fuzz/fuzz_request.c
tests_fuzz_rerun_request_CPPFLAGS = $(AM_CPPFLAGS) -DFUZZ_NAME='"request"'
tests_fuzz_rerun_state_SOURCES = tests/fuzz/rerun.c tests/fuzz/fuzz_state.c $(fuzz_state_harness)
tests_fuzz_rerun_state_CPPFLAGS = $(AM_CPPFLAGS) -DFUZZ_NAME='"state"'
tests_fuzz_rerun_state_LDFLAGS = $(AM_LDFLAGS) $(fuzz_ldflags_state)
tests_fuzz_rerun_wire_SOURCES = tests/fuzz/rerun.c tests/fuzz/fuzz_wire.c
tests_fuzz_rerun_wire_CPPFLAGS = $(AM_CPPFLAGS) -DFUZZ_NAME='"wire"'

fuzz_ldflags_config = -Wl,--wrap=getaddrinfo
fuzz_ldflags_state = $(crash_wraps)

# ---- libFuzzer ----

fuzz_sources = \
	$(fuzz_cdb_harness) \
	$(fuzz_state_harness) \
	$(fuzz_disk_harness) \
	tests/sim/medium.c \
	$(src_shell_libshell_a_SOURCES) \
	$(src_control_libcontrol_a_SOURCES) \
	$(nodist_src_control_libcontrol_a_SOURCES) \
	$(src_initiator_libinitiator_a_SOURCES) \
	$(src_target_libtarget_a_SOURCES) \
	$(src_mirror_libmirror_a_SOURCES) \
	$(src_bus_libbus_a_SOURCES) \
	$(src_wire_libwire_a_SOURCES) \
	$(src_scsi_libscsi_a_SOURCES) \
	$(src_base_libbase_a_SOURCES)
-include $(top_srcdir)/tests/fuzz/fuzz.mk
