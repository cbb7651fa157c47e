# SPDX-License-Identifier: BSD-2-Clause
#
# The simulator: all cores together in one process, with a virtual clock and faults. Scenario and unit tests link
# with libsim.a; add its files to the list below (tests/sim/NAME.c, tests/sim/NAME.h), included as "sim/NAME.h".

noinst_LIBRARIES += tests/sim/libsim.a
tests_sim_libsim_a_SOURCES = \
	tests/sim/medium.c \
	tests/sim/medium.h

# The simulator, tests/sim/sim; tests/README.md says how it is used. `make sim SEEDS=n JOBS=n` runs seeds 1 to n.
noinst_LIBRARIES += tests/sim/libsimulator.a
tests_sim_libsimulator_a_SOURCES = \
	tests/sim/end.c \
	tests/sim/faults.c \
	tests/sim/marks.def \
	tests/sim/model.c \
	tests/sim/model.h \
	tests/sim/mutant.h \
	tests/sim/mutants.def \
	tests/sim/net.c \
	tests/sim/net.h \
	tests/sim/node_bus.c \
	tests/sim/node_disk.c \
	tests/sim/node_host.c \
	tests/sim/sim.c \
	tests/sim/sim.h \
	tests/sim/store.c \
	tests/sim/store.h \
	tests/sim/tables.c \
	tests/sim/work.c
simulator_libs = tests/sim/libsimulator.a tests/sim/libsim.a $(program_libs)

helper_programs += tests/sim/sim
tests_sim_sim_SOURCES = tests/sim/main.c
tests_sim_sim_LDADD = $(simulator_libs)

scenario_tests += tests/scenario/test_sim
tests_scenario_test_sim_SOURCES = tests/scenario/test_sim.c
tests_scenario_test_sim_LDADD = tests/unit/libtap.a $(simulator_libs) $(CHECK_LIBS)

SEEDS = 10000
JOBS = 1
.PHONY: sim
sim: tests/sim/sim$(EXEEXT)
	tests/sim/sim$(EXEEXT) --seeds 1..$(SEEDS) --jobs $(JOBS)
