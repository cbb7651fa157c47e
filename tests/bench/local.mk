# SPDX-License-Identifier: BSD-2-Clause

# `make bench`, `make bench-commands`, `make bench-holder` and `make bench-scaling` measure; they are no tests. See README.md there for their options.
helper_programs += tests/bench/bench_execute tests/bench/bench_writes
tests_bench_bench_execute_SOURCES = tests/bench/bench_execute.c tests/bench/client.c tests/bench/client.h
tests_bench_bench_execute_LDADD = src/base/libbase.a $(NETTLE_LIBS) $(core_deps)
tests_bench_bench_writes_SOURCES = tests/bench/bench_writes.c tests/bench/client.c tests/bench/client.h
tests_bench_bench_writes_LDADD = src/base/libbase.a $(NETTLE_LIBS) $(core_deps)
CLEANFILES += bench.json bench-commands.json bench-scaling.json
EXTRA_DIST += \
	tests/bench/README.md \
	tests/bench/bench.py \
	tests/bench/benchlab.py \
	tests/bench/commands.py \
	tests/bench/holder.py \
	tests/bench/peers.py \
	tests/bench/report.py \
	tests/bench/scaling.py \
	tests/bench/writes.py

bench_python = top_srcdir='$(abs_top_srcdir)' top_builddir='$(abs_top_builddir)' PYTHONDONTWRITEBYTECODE=1 $(PYTHON3)
.PHONY: bench bench-commands bench-holder bench-scaling
bench: $(sbin_PROGRAMS) $(bin_PROGRAMS) tests/bench/bench_writes$(EXEEXT)
	$(bench_python) $(srcdir)/tests/bench/bench.py
bench-commands: $(sbin_PROGRAMS) $(bin_PROGRAMS) tests/bench/bench_execute$(EXEEXT)
	$(bench_python) $(srcdir)/tests/bench/commands.py
bench-holder: $(sbin_PROGRAMS)
	$(bench_python) $(srcdir)/tests/bench/holder.py
bench-scaling: $(sbin_PROGRAMS) $(bin_PROGRAMS)
	$(bench_python) $(srcdir)/tests/bench/scaling.py

# `make bench-bus-time` computes bus time, which no machine's speed is in, and writes the tables and the picture into the
# source tree. tests/scenario/test_bus_time holds that they are what it would write.
bus_time_sources = \
	tests/bench/bus_time.h \
	tests/bench/bus_time_run.c \
	tests/bench/bus_time_svg.c \
	tests/bench/bus_time_text.c \
	tests/scenario/couple.c \
	tests/scenario/couple.h \
	tests/sim/medium.c \
	tests/sim/medium.h
EXTRA_PROGRAMS += tests/bench/bus_time
tests_bench_bus_time_SOURCES = tests/bench/bus_time.c $(bus_time_sources)
tests_bench_bus_time_LDADD = $(core_libs) $(core_deps)
CLEANFILES += tests/bench/bus_time$(EXEEXT)
EXTRA_DIST += tests/bench/BUS-TIME.md tests/bench/bus-time.svg tests/bench/bus-time.txt

.PHONY: bench-bus-time
bench-bus-time: tests/bench/bus_time$(EXEEXT)
	tests/bench/bus_time$(EXEEXT) text >tests/bench/bus-time.txt.new
	tests/bench/bus_time$(EXEEXT) svg >tests/bench/bus-time.svg.new
	mv tests/bench/bus-time.txt.new $(srcdir)/tests/bench/bus-time.txt
	mv tests/bench/bus-time.svg.new $(srcdir)/tests/bench/bus-time.svg

scenario_tests += tests/scenario/test_bus_time
tests_scenario_test_bus_time_SOURCES = \
	tests/scenario/bus_time_prose.c \
	tests/scenario/bus_time_prose.h \
	tests/scenario/test_bus_time.c \
	$(bus_time_sources)
