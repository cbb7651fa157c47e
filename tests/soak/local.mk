# SPDX-License-Identifier: BSD-2-Clause
#
# Real processes under a nemesis, for as long as one likes. `make check` runs a little of it (tests/integration/nemesis.py).
EXTRA_DIST += \
	tests/soak/clients.py \
	tests/soak/effects.py \
	tests/soak/nemesis.py \
	tests/soak/relays.py \
	tests/soak/rig.py \
	tests/soak/stores.py \
	tests/soak/strikes.py

# smirror-target on a file system that fails as it is told to.
helper_programs += tests/soak/failing_target
tests_soak_failing_target_SOURCES = tests/soak/failing_target.c src/programs/smirror-target.c
tests_soak_failing_target_LDADD = $(program_libs)
tests_soak_failing_target_LDFLAGS = $(AM_LDFLAGS) \
	-Wl,--wrap=pread,--wrap=pwrite,--wrap=preadv2,--wrap=pwritev2,--wrap=fallocate,--wrap=fsync,--wrap=fdatasync \
	-Wl,--wrap=store_mapped_read,--wrap=store_mapped_write

.PHONY: soak
soak: $(sbin_PROGRAMS) $(bin_PROGRAMS) tests/soak/failing_target
	top_srcdir='$(abs_top_srcdir)' top_builddir='$(abs_top_builddir)' PYTHONDONTWRITEBYTECODE=1 $(PYTHON3) $(srcdir)/tests/soak/nemesis.py
