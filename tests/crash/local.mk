# SPDX-License-Identifier: BSD-2-Clause
#
# Crash points: what the programs keep in files, from each state in which the end of the machine can leave these.
# `make check` looks at some of them, `make crash-points` at all, and prints how many.

# These of the programs' system calls are tests/crash/calls.c's.
crash_wraps = \
	-Wl,--wrap=open -Wl,--wrap=openat -Wl,--wrap=close -Wl,--wrap=read \
	-Wl,--wrap=pread -Wl,--wrap=write -Wl,--wrap=pwrite -Wl,--wrap=fsync \
	-Wl,--wrap=fdatasync -Wl,--wrap=ftruncate -Wl,--wrap=fallocate -Wl,--wrap=rename \
	-Wl,--wrap=renameat -Wl,--wrap=unlink -Wl,--wrap=unlinkat -Wl,--wrap=mkdir \
	-Wl,--wrap=faccessat -Wl,--wrap=flock -Wl,--wrap=lseek -Wl,--wrap=fstat \
	-Wl,--wrap=fstatfs -Wl,--wrap=mmap -Wl,--wrap=munmap
crash_ldflags = $(AM_LDFLAGS) $(crash_wraps)
crash_sources = \
	tests/crash/calls.c \
	tests/crash/files.c \
	tests/crash/files.h \
	tests/crash/inside.h \
	tests/crash/points.c \
	tests/crash/points.h

scenario_tests += tests/crash/test_crash_target
tests_crash_test_crash_target_SOURCES = $(crash_sources) \
	tests/crash/test_crash_target.c \
	tests/unit/disk.c \
	tests/unit/disk.h
tests_crash_test_crash_target_LDFLAGS = $(crash_ldflags)

scenario_tests += tests/crash/test_crash_ended
tests_crash_test_crash_ended_SOURCES = $(crash_sources) \
	tests/crash/test_crash_ended.c
tests_crash_test_crash_ended_LDFLAGS = $(crash_ldflags)

scenario_tests += tests/crash/test_crash_daemon
tests_crash_test_crash_daemon_SOURCES = $(crash_sources) \
	tests/crash/test_crash_daemon.c \
	tests/scenario/fake_hba.c \
	tests/scenario/fake_hba.h
tests_crash_test_crash_daemon_LDFLAGS = $(crash_ldflags)

crash_tests = tests/crash/test_crash_daemon$(EXEEXT) tests/crash/test_crash_ended$(EXEEXT) tests/crash/test_crash_target$(EXEEXT)

.PHONY: crash-points
crash-points: $(crash_tests)
	for t in $(crash_tests); do CRASH_POINTS=all $$t || exit 1; done
