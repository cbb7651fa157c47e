# SPDX-License-Identifier: BSD-2-Clause
#
# The harnesses with libFuzzer: for GNU make, and no business of automake's.

FUZZ_CC = clang
FUZZ_SECONDS = 60
FUZZ_RUNS = -1
# AddressSanitizer makes an execution cost several times as much: the reruns of ./bootstrap check have it.
FUZZ_SANITIZE = undefined

# Bytes of an input: as many as its subject needs. What is longer takes more time than it finds.
fuzz_len_attach = 512
fuzz_len_cdb = 256
fuzz_len_config = 1024
fuzz_len_device = 512
fuzz_len_message = 256
fuzz_len_request = 1024
fuzz_len_state = 2048
fuzz_len_wire = 2048

# Compares are not traced, and features not weighed by how rare they are: that takes longer than what is to be tested.
# The cores' own checks are no subject, and free of both sanitizers and counters. Memory is kept from one execution to
# the next; tags are fewer than the product's.
fuzz_compile = $(FUZZ_CC) $(DEFS) $(AM_CPPFLAGS) $(CPPFLAGS) -DHBA_TAGS=64 -g -O2 -std=c17 -pthread -MMD -MP \
	-fsanitize=fuzzer-no-link,$(FUZZ_SANITIZE) -fno-sanitize-recover=all -fno-sanitize-coverage=trace-cmp
fuzz_plain = -fno-sanitize=undefined -fno-sanitize-coverage=inline-8bit-counters,pc-table,indirect-calls
fuzz_run = \
	MALLOC_MMAP_THRESHOLD_=1000000000 MALLOC_TRIM_THRESHOLD_=1000000000 MALLOC_TOP_PAD_=67108864 \
	$(fuzz_dir)/fuzz_$* -max_total_time=$(FUZZ_SECONDS) -runs=$(FUZZ_RUNS) -max_len=$(fuzz_len_$*) \
		-entropic=0 -print_funcs=0

fuzz_comma = ,
fuzz_dir = fuzz/$(subst $(fuzz_comma),-,$(FUZZ_SANITIZE))
fuzz_objects = $(patsubst %.c,$(fuzz_dir)/%.o,$(filter %.c,$(fuzz_sources)))

$(fuzz_dir)/src/bus/check.o $(fuzz_dir)/src/initiator/hba_check.o: FUZZ_FLAGS = $(fuzz_plain)

$(fuzz_dir)/%.o: %.c
	@$(MKDIR_P) $(@D)
	$(AM_V_CC)$(fuzz_compile) $(FUZZ_FLAGS) -c -o $@ $<

$(fuzz_dir)/libfuzzed.a: $(fuzz_objects)
	$(AM_V_at)rm -f $@
	$(AM_V_AR)$(AR) crs $@ $^

.PRECIOUS: $(fuzz_dir)/%.o $(fuzz_dir)/fuzz_%
$(fuzz_dir)/fuzz_%: $(fuzz_dir)/tests/fuzz/fuzz_%.o $(fuzz_dir)/libfuzzed.a
	$(AM_V_CCLD)$(FUZZ_CC) -g -pthread -fsanitize=fuzzer,$(FUZZ_SANITIZE) -o $@ $^ $(fuzz_ldflags_$*) \
		$(EVENT_LIBS) $(JANSSON_LIBS) $(CONFUSE_LIBS) $(NETTLE_LIBS) $(SYSTEMD_LIBS) $(core_deps)

fuzz-%: $(fuzz_dir)/fuzz_%
	$(MKDIR_P) fuzz/corpus/$*
	$(fuzz_run) fuzz/corpus/$* $(top_srcdir)/tests/fuzz/corpus/$*

-include $(fuzz_objects:.o=.d)
