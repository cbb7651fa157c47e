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
