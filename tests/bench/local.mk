# SPDX-License-Identifier: BSD-2-Clause

# `make bench` measures; it is no test. See tests/bench/bench.py for its options.
EXTRA_PROGRAMS += tests/bench/bench_writes
tests_bench_bench_writes_SOURCES = tests/bench/bench_writes.c
tests_bench_bench_writes_LDADD = src/base/libbase.a $(NETTLE_LIBS) $(core_deps)
CLEANFILES += tests/bench/bench_writes$(EXEEXT) bench.json
EXTRA_DIST += tests/bench/bench.py

.PHONY: bench
bench: $(sbin_PROGRAMS) $(bin_PROGRAMS) tests/bench/bench_writes$(EXEEXT)
	top_srcdir='$(abs_top_srcdir)' top_builddir='$(abs_top_builddir)' PYTHONDONTWRITEBYTECODE=1 \
		$(PYTHON3) $(srcdir)/tests/bench/bench.py
