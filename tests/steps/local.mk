# SPDX-License-Identifier: BSD-2-Clause
#
# A fault at each step of a fixed scenario. `make check` tries some steps, `make fault-steps` all, and prints how many.

scenario_tests += tests/steps/test_fault_steps
tests_steps_test_fault_steps_SOURCES = \
	tests/steps/disk.c \
	tests/steps/faults.def \
	tests/steps/host.c \
	tests/steps/host_jobs.c \
	tests/steps/inside.h \
	tests/steps/memory.c \
	tests/steps/promises.c \
	tests/steps/scenario.c \
	tests/steps/scenario.h \
	tests/steps/test_fault_steps.c \
	tests/steps/wires.c \
	tests/steps/world.c \
	tests/steps/world.h
tests_steps_test_fault_steps_LDFLAGS = $(memory_ldflags)

scenario_tests += tests/steps/test_no_memory
tests_steps_test_no_memory_SOURCES = \
	tests/steps/faults.def \
	tests/steps/memory.c \
	tests/steps/test_no_memory.c \
	tests/steps/world.h
tests_steps_test_no_memory_LDFLAGS = $(memory_ldflags)

memory_ldflags = $(AM_LDFLAGS) \
	-Wl,--wrap=malloc -Wl,--wrap=calloc -Wl,--wrap=realloc -Wl,--wrap=aligned_alloc \
	-Wl,--wrap=free

.PHONY: fault-steps
fault-steps: tests/steps/test_fault_steps$(EXEEXT)
	FAULT_STEPS=all JOBS=$(JOBS) tests/steps/test_fault_steps$(EXEEXT)
