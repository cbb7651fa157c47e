# SPDX-License-Identifier: BSD-2-Clause
#
# A source file or a header: add it to the list below, one a line (src/bus/NAME.c, src/bus/NAME.h).
# Its unit test: tests/unit/test_NAME.c and, here, a line: unit_tests += tests/unit/test_NAME

noinst_LIBRARIES += src/bus/libbus.a
src_bus_libbus_a_SOURCES = \
	src/bus/act.c \
	src/bus/arb.c \
	src/bus/arm.c \
	src/bus/attach.c \
	src/bus/burst.c \
	src/bus/broadcast.c \
	src/bus/bus.c \
	src/bus/bus.h \
	src/bus/chain.c \
	src/bus/connect.c \
	src/bus/check.c \
	src/bus/core.h \
	src/bus/state.h \
	src/bus/limit.c \
	src/bus/mgmt.c \
	src/bus/nexus.c \
	src/bus/owed.c \
	src/bus/packetized.c \
	src/bus/packetized.h \
	src/bus/phase.c \
	src/bus/profiles.def \
	src/bus/program.c \
	src/bus/qas.c \
	src/bus/refuse.c \
	src/bus/run.c \
	src/bus/script.c \
	src/bus/silent.c \
	src/bus/snoop.c \
	src/bus/tenure.c \
	src/bus/timing.c \
	src/bus/timing.h \
	src/bus/units.c

unit_tests += tests/unit/test_owed tests/unit/test_packetized tests/unit/test_timing
