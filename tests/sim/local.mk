# SPDX-License-Identifier: BSD-2-Clause
#
# The simulator: all cores together in one process, with a virtual clock and faults. Scenario and unit tests link
# with libsim.a; add its files to the list below (tests/sim/NAME.c, tests/sim/NAME.h), included as "sim/NAME.h".

noinst_LIBRARIES += tests/sim/libsim.a
tests_sim_libsim_a_SOURCES = \
	tests/sim/medium.c \
	tests/sim/medium.h
