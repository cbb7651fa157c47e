# SPDX-License-Identifier: BSD-2-Clause

sbin_PROGRAMS += smirror-bus
smirror_bus_SOURCES = src/programs/smirror-bus.c
smirror_bus_LDADD = $(program_libs)
smirror_bus_LDFLAGS = $(SM_PROGRAM_LDFLAGS)
