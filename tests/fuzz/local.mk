# SPDX-License-Identifier: BSD-2-Clause
#
# A fuzzing harness is tests/fuzz/fuzz_NAME.c with LLVMFuzzerTestOneInput(), and its corpus tests/fuzz/corpus/NAME.
# `make check` runs it over the corpus, with seeded changes (rerun.c); `make fuzz-NAME FUZZ_SECONDS=600` lets libFuzzer
# look for more, with clang; what it finds goes into the corpus.

unit_tests += tests/fuzz/rerun_wire
tests_fuzz_rerun_wire_SOURCES = \
	tests/fuzz/fuzz_wire.c \
	tests/fuzz/rerun.c
tests_fuzz_rerun_wire_CPPFLAGS = $(AM_CPPFLAGS) -DFUZZ_NAME='"wire"'

fuzz_corpus_wire = \
	tests/fuzz/corpus/wire/arm-1 \
	tests/fuzz/corpus/wire/arm-2 \
	tests/fuzz/corpus/wire/attach-1 \
	tests/fuzz/corpus/wire/attach-2 \
	tests/fuzz/corpus/wire/attached-1 \
	tests/fuzz/corpus/wire/burst-1 \
	tests/fuzz/corpus/wire/cancel-1 \
	tests/fuzz/corpus/wire/error-1 \
	tests/fuzz/corpus/wire/members-1 \
	tests/fuzz/corpus/wire/members-2 \
	tests/fuzz/corpus/wire/mgmt-1 \
	tests/fuzz/corpus/wire/mgmt-2 \
	tests/fuzz/corpus/wire/ping-1 \
	tests/fuzz/corpus/wire/pong-1 \
	tests/fuzz/corpus/wire/port-1 \
	tests/fuzz/corpus/wire/program-1 \
	tests/fuzz/corpus/wire/program-2 \
	tests/fuzz/corpus/wire/refused-1 \
	tests/fuzz/corpus/wire/reset-1 \
	tests/fuzz/corpus/wire/reset-2 \
	tests/fuzz/corpus/wire/script-1 \
	tests/fuzz/corpus/wire/script-2 \
	tests/fuzz/corpus/wire/script-ring \
	tests/fuzz/corpus/wire/show \
	tests/fuzz/corpus/wire/stats \
	tests/fuzz/corpus/wire/stream \
	tests/fuzz/corpus/wire/tenure-1 \
	tests/fuzz/corpus/wire/tenure-2 \
	tests/fuzz/corpus/wire/trace-1 \
	tests/fuzz/corpus/wire/trace-2
EXTRA_DIST += $(fuzz_corpus_wire)

FUZZ_CC = clang
FUZZ_SECONDS = 60
fuzz_wire_sources = \
	$(tests_fuzz_rerun_wire_SOURCES:tests/fuzz/rerun.c=) \
	src/shell/inbuf.c src/shell/inbuf.h \
	src/shell/pool.c src/shell/pool.h \
	$(src_wire_libwire_a_SOURCES) \
	$(src_base_libbase_a_SOURCES)

.PHONY: fuzz-wire
fuzz-wire:
	$(MKDIR_P) fuzz/wire
	$(FUZZ_CC) $(DEFS) $(AM_CPPFLAGS) $(CPPFLAGS) -g -O1 -std=c17 -fsanitize=fuzzer,address,undefined \
		-fno-sanitize-recover=all -o fuzz/fuzz_wire \
		$(addprefix $(top_srcdir)/,$(filter %.c,$(fuzz_wire_sources))) $(ISAL_LIBS)
	fuzz/fuzz_wire -max_total_time=$(FUZZ_SECONDS) -max_len=65536 fuzz/wire $(top_srcdir)/tests/fuzz/corpus/wire

unit_tests += tests/fuzz/rerun_request
tests_fuzz_rerun_request_SOURCES = \
	tests/fuzz/fuzz_request.c \
	tests/fuzz/rerun.c
tests_fuzz_rerun_request_CPPFLAGS = $(AM_CPPFLAGS) -DFUZZ_NAME='"request"'

fuzz_corpus_request = \
	tests/fuzz/corpus/request/deep \
	tests/fuzz/corpus/request/events.subscribe \
	tests/fuzz/corpus/request/group.create \
	tests/fuzz/corpus/request/group.import \
	tests/fuzz/corpus/request/job.create \
	tests/fuzz/corpus/request/job.create-load \
	tests/fuzz/corpus/request/jobs \
	tests/fuzz/corpus/request/jobs-load \
	tests/fuzz/corpus/request/scsi.execute \
	tests/fuzz/corpus/request/state \
	tests/fuzz/corpus/request/stream \
	tests/fuzz/corpus/request/strings \
	tests/fuzz/corpus/request/target.fault \
	tests/fuzz/corpus/request/too-long
EXTRA_DIST += $(fuzz_corpus_request)

fuzz_request_sources = \
	tests/fuzz/fuzz_request.c \
	$(src_control_libcontrol_a_SOURCES) \
	$(src_initiator_libinitiator_a_SOURCES) \
	$(src_mirror_libmirror_a_SOURCES) \
	$(src_wire_libwire_a_SOURCES) \
	$(src_scsi_libscsi_a_SOURCES) \
	$(src_base_libbase_a_SOURCES)

.PHONY: fuzz-request
fuzz-request: $(nodist_src_control_libcontrol_a_SOURCES)
	$(MKDIR_P) fuzz/request
	$(FUZZ_CC) $(DEFS) $(AM_CPPFLAGS) $(CPPFLAGS) -g -O1 -std=c17 -fsanitize=fuzzer,address,undefined \
		-fno-sanitize-recover=all -o fuzz/fuzz_request \
		$(addprefix $(top_srcdir)/,$(filter %.c,$(fuzz_request_sources))) $(nodist_src_control_libcontrol_a_SOURCES) \
		$(JANSSON_LIBS) $(core_deps)
	fuzz/fuzz_request -max_total_time=$(FUZZ_SECONDS) -max_len=65536 fuzz/request $(top_srcdir)/tests/fuzz/corpus/request

# These are compiled with all that the programs are made of. The bus core's buffers are so large that AddressSanitizer spends
# its time on them: fuzz-attach goes without, and `./bootstrap check` reruns its corpus with it.
fuzz_all_sources = \
	tests/sim/medium.c \
	$(src_shell_libshell_a_SOURCES) \
	$(src_control_libcontrol_a_SOURCES) \
	$(src_initiator_libinitiator_a_SOURCES) \
	$(src_target_libtarget_a_SOURCES) \
	$(src_mirror_libmirror_a_SOURCES) \
	$(src_bus_libbus_a_SOURCES) \
	$(src_wire_libwire_a_SOURCES) \
	$(src_scsi_libscsi_a_SOURCES) \
	$(src_base_libbase_a_SOURCES)
fuzz_all_libs = \
	$(nodist_src_control_libcontrol_a_SOURCES) \
	$(EVENT_LIBS) $(JANSSON_LIBS) $(CONFUSE_LIBS) $(NETTLE_LIBS) $(SYSTEMD_LIBS) $(core_deps) -pthread
fuzz_compile = $(FUZZ_CC) $(DEFS) $(AM_CPPFLAGS) $(CPPFLAGS) -g -O2 -std=c17 -fno-sanitize-recover=all
fuzz_run = -max_total_time=$(FUZZ_SECONDS) -max_len=2048

unit_tests += tests/fuzz/rerun_attach
tests_fuzz_rerun_attach_SOURCES = \
	tests/fuzz/fuzz_attach.c \
	tests/fuzz/rerun.c
tests_fuzz_rerun_attach_CPPFLAGS = $(AM_CPPFLAGS) -DFUZZ_NAME='"attach"' -DFUZZ_CHANGES=60
fuzz_corpus_attach = \
	tests/fuzz/corpus/attach/program \
	tests/fuzz/corpus/attach/raw \
	tests/fuzz/corpus/attach/reset \
	tests/fuzz/corpus/attach/same-id \
	tests/fuzz/corpus/attach/script \
	tests/fuzz/corpus/attach/silent \
	tests/fuzz/corpus/attach/stream \
	tests/fuzz/corpus/attach/tap \
	tests/fuzz/corpus/attach/three-ports \
	tests/fuzz/corpus/attach/two-initiators
EXTRA_DIST += $(fuzz_corpus_attach)

.PHONY: fuzz-attach
fuzz-attach: $(nodist_src_control_libcontrol_a_SOURCES)
	$(MKDIR_P) fuzz/attach
	$(fuzz_compile) -fsanitize=fuzzer,undefined -o fuzz/fuzz_attach \
		$(addprefix $(top_srcdir)/,tests/fuzz/fuzz_attach.c $(filter %.c,$(fuzz_all_sources))) $(fuzz_all_libs)
	fuzz/fuzz_attach $(fuzz_run) fuzz/attach $(top_srcdir)/tests/fuzz/corpus/attach

unit_tests += tests/fuzz/rerun_device
tests_fuzz_rerun_device_SOURCES = \
	tests/fuzz/fuzz_device.c \
	tests/fuzz/rerun.c
tests_fuzz_rerun_device_CPPFLAGS = $(AM_CPPFLAGS) -DFUZZ_NAME='"device"'
fuzz_corpus_device = \
	tests/fuzz/corpus/device/host-scan \
	tests/fuzz/corpus/device/host-stream \
	tests/fuzz/corpus/device/host-tenure \
	tests/fuzz/corpus/device/target-attach \
	tests/fuzz/corpus/device/target-burst \
	tests/fuzz/corpus/device/target-mgmt \
	tests/fuzz/corpus/device/target-read
EXTRA_DIST += $(fuzz_corpus_device)

.PHONY: fuzz-device
fuzz-device: $(nodist_src_control_libcontrol_a_SOURCES)
	$(MKDIR_P) fuzz/device
	$(fuzz_compile) -fsanitize=fuzzer,address,undefined -o fuzz/fuzz_device \
		$(addprefix $(top_srcdir)/,tests/fuzz/fuzz_device.c $(filter %.c,$(fuzz_all_sources))) $(fuzz_all_libs)
	fuzz/fuzz_device $(fuzz_run) fuzz/device $(top_srcdir)/tests/fuzz/corpus/device

unit_tests += tests/fuzz/rerun_message
tests_fuzz_rerun_message_SOURCES = \
	tests/fuzz/fuzz_message.c \
	tests/fuzz/rerun.c
tests_fuzz_rerun_message_CPPFLAGS = $(AM_CPPFLAGS) -DFUZZ_NAME='"message"'
fuzz_corpus_message = \
	tests/fuzz/corpus/message/errors \
	tests/fuzz/corpus/message/identify \
	tests/fuzz/corpus/message/mirror-burst-1 \
	tests/fuzz/corpus/message/mirror-program-1 \
	tests/fuzz/corpus/message/mirror-program-2 \
	tests/fuzz/corpus/message/mirror-script-1 \
	tests/fuzz/corpus/message/mirror-tenure-1 \
	tests/fuzz/corpus/message/mirror-tenure-2 \
	tests/fuzz/corpus/message/negotiate \
	tests/fuzz/corpus/message/resets \
	tests/fuzz/corpus/message/tasks
EXTRA_DIST += $(fuzz_corpus_message)

.PHONY: fuzz-message
fuzz-message: $(nodist_src_control_libcontrol_a_SOURCES)
	$(MKDIR_P) fuzz/message
	$(fuzz_compile) -fsanitize=fuzzer,address,undefined -o fuzz/fuzz_message \
		$(addprefix $(top_srcdir)/,tests/fuzz/fuzz_message.c $(filter %.c,$(fuzz_all_sources))) $(fuzz_all_libs)
	fuzz/fuzz_message $(fuzz_run) fuzz/message $(top_srcdir)/tests/fuzz/corpus/message

unit_tests += tests/fuzz/rerun_config
tests_fuzz_rerun_config_SOURCES = \
	tests/fuzz/fuzz_config.c \
	tests/fuzz/rerun.c
tests_fuzz_rerun_config_CPPFLAGS = $(AM_CPPFLAGS) -DFUZZ_NAME='"config"'
tests_fuzz_rerun_config_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=getaddrinfo
fuzz_corpus_config = \
	tests/fuzz/corpus/config/broken \
	tests/fuzz/corpus/config/bus \
	tests/fuzz/corpus/config/bus.conf \
	tests/fuzz/corpus/config/daemon \
	tests/fuzz/corpus/config/smirrord.conf \
	tests/fuzz/corpus/config/target \
	tests/fuzz/corpus/config/target.conf
EXTRA_DIST += $(fuzz_corpus_config)

.PHONY: fuzz-config
fuzz-config: $(nodist_src_control_libcontrol_a_SOURCES)
	$(MKDIR_P) fuzz/config
	$(fuzz_compile) -fsanitize=fuzzer,address,undefined -o fuzz/fuzz_config \
		$(addprefix $(top_srcdir)/,tests/fuzz/fuzz_config.c $(filter %.c,$(fuzz_all_sources))) -Wl,--wrap=getaddrinfo $(fuzz_all_libs)
	fuzz/fuzz_config $(fuzz_run) fuzz/config $(top_srcdir)/tests/fuzz/corpus/config

unit_tests += tests/fuzz/rerun_state
tests_fuzz_rerun_state_SOURCES = \
	tests/fuzz/fuzz_state.c \
	tests/crash/calls.c \
	tests/crash/files.c \
	tests/crash/files.h \
	tests/crash/inside.h \
	tests/fuzz/rerun.c
tests_fuzz_rerun_state_CPPFLAGS = $(AM_CPPFLAGS) -DFUZZ_NAME='"state"'
tests_fuzz_rerun_state_LDFLAGS = $(crash_ldflags)
fuzz_corpus_state = \
	tests/fuzz/corpus/state/jobs \
	tests/fuzz/corpus/state/jobs-load \
	tests/fuzz/corpus/state/log \
	tests/fuzz/corpus/state/log-torn \
	tests/fuzz/corpus/state/meta-1 \
	tests/fuzz/corpus/state/meta-3 \
	tests/fuzz/corpus/state/meta-4 \
	tests/fuzz/corpus/state/meta-9 \
	tests/fuzz/corpus/state/meta-cut \
	tests/fuzz/corpus/state/meta-new \
	tests/fuzz/corpus/state/record \
	tests/fuzz/corpus/state/record-torn \
	tests/fuzz/corpus/state/state \
	tests/fuzz/corpus/state/state-raw
EXTRA_DIST += $(fuzz_corpus_state)

.PHONY: fuzz-state
fuzz-state: $(nodist_src_control_libcontrol_a_SOURCES)
	$(MKDIR_P) fuzz/state
	$(fuzz_compile) -fsanitize=fuzzer,address,undefined -o fuzz/fuzz_state \
		$(addprefix $(top_srcdir)/,tests/fuzz/fuzz_state.c tests/crash/calls.c tests/crash/files.c $(filter %.c,$(fuzz_all_sources))) $(crash_ldflags) $(fuzz_all_libs)
	fuzz/fuzz_state $(fuzz_run) fuzz/state $(top_srcdir)/tests/fuzz/corpus/state

unit_tests += tests/fuzz/rerun_cdb
fuzz_cdb_harness = \
	tests/fuzz/cdb_bus.c \
	tests/fuzz/cdb_choose.c \
	tests/fuzz/cdb_model.c \
	tests/fuzz/cdb_oracle.c \
	tests/fuzz/cdb_store.c \
	tests/fuzz/cdb_world.h \
	tests/fuzz/fuzz_cdb.c
tests_fuzz_rerun_cdb_SOURCES = $(fuzz_cdb_harness) tests/fuzz/rerun.c
tests_fuzz_rerun_cdb_CPPFLAGS = $(AM_CPPFLAGS) -DFUZZ_NAME='"cdb"' -DFUZZ_CHANGES=50

fuzz_corpus_cdb = \
	tests/fuzz/corpus/cdb/seq-01 \
	tests/fuzz/corpus/cdb/seq-02 \
	tests/fuzz/corpus/cdb/seq-03 \
	tests/fuzz/corpus/cdb/seq-04 \
	tests/fuzz/corpus/cdb/seq-05 \
	tests/fuzz/corpus/cdb/seq-06 \
	tests/fuzz/corpus/cdb/seq-07 \
	tests/fuzz/corpus/cdb/seq-08 \
	tests/fuzz/corpus/cdb/seq-09 \
	tests/fuzz/corpus/cdb/seq-10 \
	tests/fuzz/corpus/cdb/seq-11 \
	tests/fuzz/corpus/cdb/seq-12 \
	tests/fuzz/corpus/cdb/seq-13 \
	tests/fuzz/corpus/cdb/seq-14 \
	tests/fuzz/corpus/cdb/seq-15 \
	tests/fuzz/corpus/cdb/seq-16 \
	tests/fuzz/corpus/cdb/seq-17 \
	tests/fuzz/corpus/cdb/seq-18 \
	tests/fuzz/corpus/cdb/seq-19 \
	tests/fuzz/corpus/cdb/seq-20 \
	tests/fuzz/corpus/cdb/seq-21 \
	tests/fuzz/corpus/cdb/seq-22 \
	tests/fuzz/corpus/cdb/seq-23 \
	tests/fuzz/corpus/cdb/seq-24 \
	tests/fuzz/corpus/cdb/seq-25 \
	tests/fuzz/corpus/cdb/seq-26 \
	tests/fuzz/corpus/cdb/seq-27 \
	tests/fuzz/corpus/cdb/seq-28 \
	tests/fuzz/corpus/cdb/seq-29 \
	tests/fuzz/corpus/cdb/seq-30 \
	tests/fuzz/corpus/cdb/seq-31 \
	tests/fuzz/corpus/cdb/seq-32 \
	tests/fuzz/corpus/cdb/seq-33 \
	tests/fuzz/corpus/cdb/seq-34 \
	tests/fuzz/corpus/cdb/seq-35 \
	tests/fuzz/corpus/cdb/seq-36 \
	tests/fuzz/corpus/cdb/seq-37 \
	tests/fuzz/corpus/cdb/seq-38 \
	tests/fuzz/corpus/cdb/seq-39 \
	tests/fuzz/corpus/cdb/seq-40 \
	tests/fuzz/corpus/cdb/seq-41 \
	tests/fuzz/corpus/cdb/seq-42 \
	tests/fuzz/corpus/cdb/seq-43 \
	tests/fuzz/corpus/cdb/seq-44 \
	tests/fuzz/corpus/cdb/seq-45 \
	tests/fuzz/corpus/cdb/seq-46 \
	tests/fuzz/corpus/cdb/seq-47 \
	tests/fuzz/corpus/cdb/seq-48 \
	tests/fuzz/corpus/cdb/seq-gone
EXTRA_DIST += $(fuzz_corpus_cdb)

fuzz_cdb_sources = \
	$(fuzz_cdb_harness) \
	$(tests_sim_libsim_a_SOURCES) \
	$(src_target_libtarget_a_SOURCES) \
	$(src_wire_libwire_a_SOURCES) \
	$(src_scsi_libscsi_a_SOURCES) \
	$(src_base_libbase_a_SOURCES)

.PHONY: fuzz-cdb
fuzz-cdb:
	$(MKDIR_P) fuzz/cdb
	$(FUZZ_CC) $(DEFS) $(AM_CPPFLAGS) $(CPPFLAGS) -g -O1 -std=c17 -fsanitize=fuzzer,address,undefined \
		-fno-sanitize-recover=all -o fuzz/fuzz_cdb \
		$(addprefix $(top_srcdir)/,$(filter %.c,$(fuzz_cdb_sources))) $(core_deps)
	fuzz/fuzz_cdb -max_total_time=$(FUZZ_SECONDS) -max_len=4096 fuzz/cdb $(top_srcdir)/tests/fuzz/corpus/cdb
