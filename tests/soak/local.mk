# SPDX-License-Identifier: BSD-2-Clause

# Long runs of real processes under faults. `make check` runs a few rounds of it (tests/integration/nemesis.py).
EXTRA_DIST += tests/soak/nemesis.py

.PHONY: soak
soak: $(sbin_PROGRAMS) $(bin_PROGRAMS)
	top_srcdir='$(abs_top_srcdir)' top_builddir='$(abs_top_builddir)' PYTHONDONTWRITEBYTECODE=1 $(PYTHON3) $(srcdir)/tests/soak/nemesis.py
